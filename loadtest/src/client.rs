//! One client: its socket, how it is opened, and where it stands.
//!
//! Nothing here waits; `fleet` moves a client from stage to stage.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};

use crate::socket::Socket;
use crate::wire::subprotocol::Subprotocol;

/// Connections from one source address before the next one is taken. The kernel offers about
/// 28,000 ports but searches half of them first: beyond 14,000 each `connect` costs the
/// generator ten times as much (measured with `connect --connections 19000`).
pub(crate) const CONNECTIONS_PER_SOURCE: usize = 10_000;
/// Source addresses tried when the ports of one are used up, e.g. by runs just before.
const SOURCES_MAX: usize = 16;

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Waiting for TCP.
    Connecting,
    /// Waiting for the answer to the upgrade.
    Upgrading,
    /// Waiting for the `connected` message.
    Greeting,
    /// Waiting for the ack of its join.
    Joining,
    Open,
    /// An HTTP connection that stays one: waiting for answers, or for something to ask.
    Asking,
    /// Has sent a close frame and waits for the server's and for the end of the stream.
    Closing,
    Closed,
}

/// What it takes to open one client; shared between clients that are alike.
#[derive(Clone)]
pub(crate) struct Dial {
    /// The request for the upgrade; empty for a connection that stays HTTP.
    pub(crate) request: Rc<[u8]>,
    pub(crate) subprotocol: Subprotocol,
    /// A frame to send once greeted, which has to be acknowledged.
    pub(crate) join: Option<Rc<[u8]>>,
}

impl Dial {
    /// Of a connection that stays HTTP.
    pub(crate) fn http() -> Self {
        Self { request: Rc::from([]), subprotocol: Subprotocol::None, join: None }
    }
}

pub(crate) struct Client {
    pub(crate) socket: Socket,
    pub(crate) stage: Stage,
    pub(crate) dial: Dial,
    /// When it was to start.
    pub(crate) due_ns: u64,
    /// Whether the epoll watches for room to write.
    pub(crate) is_waiting_to_write: bool,
}

impl Client {
    /// Starts to connect; the socket becomes writable when that is done.
    pub(crate) fn start(
        address: SocketAddr,
        first_source: usize,
        dial: Dial,
        due_ns: u64,
    ) -> rustix::io::Result<Self> {
        let mut socket = Socket::new(connect(address, first_source)?);
        socket.outgoing.extend_from_slice(&dial.request);
        let stage = Stage::Connecting;
        Ok(Self { socket, stage, dial, due_ns, is_waiting_to_write: true })
    }
}

/// A non-blocking socket on its way to `address`. From the second source on it is bound to
/// 127.0.0.2 and so on, because ports are counted per pair of addresses.
pub(crate) fn connect(address: SocketAddr, first_source: usize) -> rustix::io::Result<OwnedFd> {
    let mut result = Err(Errno::ADDRNOTAVAIL);
    for source in first_source..first_source + SOURCES_MAX {
        result = connect_from(address, source);
        if !matches!(result, Err(Errno::ADDRNOTAVAIL | Errno::ADDRINUSE)) {
            break;
        }
    }
    result
}

fn connect_from(address: SocketAddr, source: usize) -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    if let (IpAddr::V4(_), Ok(source @ 1..)) = (address.ip(), u8::try_from(source)) {
        net::bind(&socket, &SocketAddr::from((Ipv4Addr::new(127, 0, 0, 1 + source % 250), 0)))?;
    }
    match net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error),
    }
}
