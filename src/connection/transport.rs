//! One accepted socket: its descriptor, what it speaks, and the bytes not yet understood.

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io;

use super::rest::RestExchange;
use super::timers::Tick;
use crate::listener::upgrade::{Candidate, RecoveryRequest};
use crate::protocol::ws::assembly::Assembly;
use crate::shard::calls::Ticket;
use crate::shard::clock::Millis;

/// A transport that is surely still the one meant: slots are reused, serials are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportHandle {
    pub slot: u32,
    pub serial: u32,
}

impl TransportHandle {
    /// The handle as the epoll's user data.
    pub fn event_data(self) -> EventData {
        EventData::new_u64((u64::from(self.serial) << 32) | u64::from(self.slot))
    }

    /// The handle in an event's user data.
    #[allow(clippy::cast_possible_truncation, reason = "the two halves of the user data")]
    pub fn from_event(data: u64) -> Self {
        Self { slot: data as u32, serial: (data >> 32) as u32 }
    }
}

/// A transport that waits for an answer of the shards, as they pass it around.
impl From<TransportHandle> for Ticket {
    fn from(handle: TransportHandle) -> Self {
        Self((u64::from(handle.serial) << 32) | u64::from(handle.slot))
    }
}

impl From<Ticket> for TransportHandle {
    fn from(ticket: Ticket) -> Self {
        Self::from_event(ticket.0)
    }
}

/// What a transport speaks at the moment.
#[derive(Debug)]
pub enum Phase {
    /// Request heads come in, answers go out.
    Http(Box<Http>),
    /// Frames of the connection in this slot of the shard's state.
    WebSocket { connection: u32, assembly: Assembly },
    /// Answered for the last time. What still comes is discarded until the peer is gone, because
    /// closing with unread input would reset the connection under the answer.
    Lingering,
}

/// An HTTP connection, one exchange at a time.
#[derive(Debug, Default)]
pub struct Http {
    /// How much of the inbound bytes has been searched for the end of the head.
    pub seen_bytes: usize,
    /// When the first byte of the request in progress came; `None` between requests.
    pub begun_at: Option<Millis>,
    /// A request has been answered: the connection may be idle for longer.
    pub has_answered: bool,
    /// The REST request in progress, beyond its head.
    pub rest: RestExchange,
    /// A client that the application has been asked about.
    pub candidate: Option<Box<Candidate>>,
    /// A connection that is to have this transport.
    pub recovery: Option<Box<RecoveryRequest>>,
    /// Part of an answer that the socket has not taken yet.
    pub unsent: Vec<u8>,
    /// The connection ends with this answer.
    pub is_last: bool,
    /// The peer has sent all it will send, and still waits for an answer.
    pub is_half_closed: bool,
}

/// One accepted socket.
#[derive(Debug)]
pub struct Transport {
    pub fd: OwnedFd,
    pub serial: u32,
    pub phase: Phase,
    /// Bytes received but not consumed: a frame or head that is not complete, or everything after
    /// the message at which reading was paused. Empty, and without memory, most of the time.
    pub inbound: Vec<u8>,
    /// When bytes came last.
    pub heard_at: Millis,
    /// The one entry in the timer wheel that counts.
    pub armed: Tick,
    /// Input is not wanted now; the kernel keeps it, and the peer's window fills.
    pub is_paused: bool,
    /// What it has left over waits for its place in the line of a later turn.
    pub is_yielding: bool,
    /// The socket refused bytes and is to say when it takes more.
    pub awaits_writable: bool,
    /// The peer has sent its close frame; once ours is written, nothing is left to wait for.
    pub is_peer_closed: bool,
}

impl Transport {
    /// Tells the epoll what this transport waits for, after one of the two flags has changed.
    pub fn update_interest(&self, epoll: &OwnedFd, slot: u32) -> io::Result<()> {
        let mut flags = EventFlags::empty();
        if !self.is_paused {
            flags |= EventFlags::IN;
        }
        if self.awaits_writable {
            flags |= EventFlags::OUT;
        }
        let handle = TransportHandle { slot, serial: self.serial };
        epoll::modify(epoll, &self.fd, handle.event_data(), flags)
    }

    /// The connection this transport carries.
    pub fn connection(&self) -> Option<u32> {
        match self.phase {
            Phase::WebSocket { connection, .. } => Some(connection),
            Phase::Http(_) | Phase::Lingering => None,
        }
    }
}
