//! One stream socket and the bytes between it and whole messages, of a client or of the handler.
//!
//! Reading goes through a scratch that all sockets of a thread share: what a read left unfinished
//! is put in front of the next one, so an idle socket owns no buffer. Nothing here waits.

use std::net::SocketAddr;

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

const BACKLOG: i32 = 4096;

pub(crate) struct Socket {
    pub(crate) descriptor: OwnedFd,
    /// Bytes queued by the owner; see [`Socket::write_queued`].
    pub(crate) outgoing: Vec<u8>,
    outgoing_written: usize,
    partial: Vec<u8>,
}

/// What one read brought.
pub(crate) enum Received {
    /// This many bytes at the start of the scratch, what was left over before included.
    Bytes(usize),
    Nothing,
    End,
}

impl Socket {
    pub(crate) fn new(descriptor: OwnedFd) -> Self {
        Self { descriptor, outgoing: Vec::new(), outgoing_written: 0, partial: Vec::new() }
    }

    /// One read into `scratch`, behind what the last one left over.
    #[inline]
    pub(crate) fn receive(&mut self, scratch: &mut [u8]) -> rustix::io::Result<Received> {
        let kept = self.partial.len();
        scratch[..kept].copy_from_slice(&self.partial);
        self.partial.clear();
        match net::recv(&self.descriptor, &mut scratch[kept..], RecvFlags::empty()) {
            Ok((0, _)) => Ok(Received::End),
            Ok((count, _)) => Ok(Received::Bytes(kept + count)),
            Err(Errno::AGAIN | Errno::INTR) => {
                self.partial.extend_from_slice(&scratch[..kept]);
                Ok(Received::Nothing)
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps the start of a message for the next read.
    #[inline]
    pub(crate) fn keep(&mut self, unfinished: &[u8]) {
        self.partial.extend_from_slice(unfinished);
    }

    /// Writes what is queued; `false` when the kernel did not take all of it.
    pub(crate) fn write_queued(&mut self) -> rustix::io::Result<bool> {
        while self.outgoing_written < self.outgoing.len() {
            let rest = &self.outgoing[self.outgoing_written..];
            match net::send(&self.descriptor, rest, SendFlags::NOSIGNAL) {
                Ok(count) => self.outgoing_written += count,
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        self.outgoing.clear();
        self.outgoing_written = 0;
        Ok(true)
    }
}

/// A non-blocking listener. An address that an earlier run has just left can be taken again.
pub(crate) fn listen(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let listener = net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&listener, true)?;
    net::bind(&listener, &address)?;
    net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

/// The next connection that waits at `listener`, non-blocking and without delay; `None` when
/// there is none.
pub(crate) fn accept(listener: &OwnedFd) -> rustix::io::Result<Option<OwnedFd>> {
    loop {
        match net::accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok(socket) => {
                sockopt::set_tcp_nodelay(&socket, true)?;
                return Ok(Some(socket));
            }
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::CONNABORTED | Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}
