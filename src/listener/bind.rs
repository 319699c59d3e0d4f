//! Opening the listening sockets: one per shard and address, joined by `SO_REUSEPORT`.

use std::io;
use std::net::SocketAddr;

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketAddrAny, SocketFlags, SocketType, bind, listen, sockopt};

/// Connections the kernel keeps for a shard that is busy; the system's `somaxconn` caps it.
const BACKLOG: i32 = 4096;

/// Opens `shard_count` sockets that share `address`. With port 0 the first socket's port is taken
/// for all. Returns the address as bound.
///
/// # Errors
/// Whatever the system says; the address being in use above all. `SO_REUSEPORT` alone would let a
/// second server of the same user share the port in silence, so the address is first tried
/// without it.
pub fn open(address: SocketAddr, shard_count: usize) -> io::Result<(SocketAddr, Vec<OwnedFd>)> {
    let probe = socket(address)?;
    bind(&probe, &address)?;
    listen(&probe, 1)?;
    drop(probe);
    let mut bound = address;
    let mut sockets = Vec::with_capacity(shard_count);
    for _ in 0..shard_count {
        let socket = socket(address)?;
        sockopt::set_socket_reuseport(&socket, true)?;
        // Accepted sockets inherit it: a frame never waits for the ack of the one before.
        sockopt::set_tcp_nodelay(&socket, true)?;
        bind(&socket, &bound)?;
        listen(&socket, BACKLOG)?;
        bound = local_address(&socket)?;
        sockets.push(socket);
    }
    Ok((bound, sockets))
}

fn socket(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    // A restart must not wait for the last run's connections to leave TIME_WAIT.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok(socket)
}

fn local_address(socket: &OwnedFd) -> io::Result<SocketAddr> {
    let address: SocketAddrAny = rustix::net::getsockname(socket)?;
    SocketAddr::try_from(address).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shards_share_one_port_and_nobody_else_gets_it() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (address, sockets) = open(any, 3).expect("loopback has free ports");
        assert_eq!(sockets.len(), 3);
        assert_ne!(address.port(), 0);
        let again = open(address, 1).expect_err("taken");
        assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
    }
}
