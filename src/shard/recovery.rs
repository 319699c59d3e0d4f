//! A reliable connection without a transport, and how it gets another (`client-connect.md`
//! section 11).
//!
//! The connection stays where it is, with its groups, its permissions and every message it has not
//! acknowledged; the new socket comes to it, from whatever shard has accepted it. Connections that
//! wait are bounded in number and in bytes: beyond that, the one that has waited longest is given
//! up.

use std::collections::VecDeque;

use super::clock::Millis;
use super::close::CloseReason;
use super::connection::ConnectionHandle;
use super::state::State;
use crate::frame::{Frame, Queued};
use crate::hub::id::ConnectionId;
use crate::hub::name::HubName;
use crate::protocol::subprotocol::Answer;
use crate::sys::HandedSocket;

/// How long a connection waits for a new transport (section 11.1): not less than 30 s, and the
/// clock counts whole milliseconds.
pub const RECOVERY_WINDOW: Millis = 30_001;
/// Connections of one shard that may wait at the same time.
const DETACHED_MAX: usize = 65_536;
/// Bytes that they may keep together, counted for each although messages are shared.
const DETACHED_BYTES_MAX: usize = 512 * 1024 * 1024;

/// A socket that wants to carry a connection again.
#[derive(Debug)]
pub struct Newcomer {
    pub hub: HubName,
    /// The connection it names; none if no server could have issued such an id.
    pub connection: Option<ConnectionId>,
    /// Its token is good for that connection.
    pub is_authentic: bool,
    /// The client's `Sec-WebSocket-Key`.
    pub key: Box<str>,
    /// The first subprotocol of ours that it has offered, in its spelling.
    pub offered: Option<String>,
    pub socket: HandedSocket,
}

/// Connections that wait for a transport, in the order in which they lost theirs.
#[derive(Debug, Default)]
pub struct Detached {
    /// Entries of connections that have one again stay until they would be due.
    queue: VecDeque<(Millis, ConnectionHandle)>,
    count: usize,
    bytes: usize,
}

impl Detached {
    fn is_too_much(&self) -> bool {
        self.count > DETACHED_MAX || self.bytes > DETACHED_BYTES_MAX
    }
}

impl State {
    /// The transport of a connection is gone: a reliable one waits for another.
    pub fn lose_transport(&mut self, slot: u32) {
        let connection = self.connection(slot);
        // A handshake that is still held back has given its client nothing to recover with.
        let is_established = connection.held_joins == 0;
        if connection.closing.is_some() || !connection.kind.is_reliable() || !is_established {
            return self.remove(slot);
        }
        let (now, handle) = (self.now, self.handle(slot));
        let connection = self.connection_mut(slot);
        connection.transport = None;
        connection.extras_mut().detached_at = Some(now);
        // No write is arranged, and none is to be until there is a socket again.
        connection.outbound.is_scheduled = true;
        let dropped = connection.outbound.len();
        connection.outbound.detach();
        if let Some(extras) = &mut connection.extras {
            extras.invocations.clear();
        }
        let bytes = connection.outbound.unacknowledged_bytes();
        self.counters.dropped_closed += dropped as u64;
        self.detached.count += 1;
        self.detached.bytes += bytes;
        self.detached.queue.push_back((now, handle));
    }

    /// Ends the connections that have waited too long.
    pub fn expire_detached(&mut self) {
        self.detached.bytes += std::mem::take(&mut self.ready.detached_bytes);
        while let Some((at, handle)) = self.detached.queue.front().copied()
            && (self.now >= at + RECOVERY_WINDOW || self.detached.is_too_much())
        {
            self.detached.queue.pop_front();
            self.give_up(at, handle);
        }
    }

    fn give_up(&mut self, at: Millis, handle: ConnectionHandle) {
        if let Some(slot) = self.resolve(handle)
            && self.connection(slot).detached_at() == Some(at)
        {
            self.close(slot, CloseReason::NotRecovered);
        }
    }

    /// When the first connection may have waited too long.
    pub fn next_detached_deadline(&self) -> Option<Millis> {
        self.detached.queue.front().map(|(at, _)| at + RECOVERY_WINDOW)
    }

    /// Connections that wait for a transport.
    pub fn detached_count(&self) -> usize {
        self.detached.count
    }

    /// Takes the connection out of the account of those that wait.
    pub(super) fn leave_detached(&mut self, slot: u32) {
        let connection = self.connection_mut(slot);
        if connection.extras.as_mut().and_then(|extras| extras.detached_at.take()).is_some() {
            let bytes = connection.outbound.unacknowledged_bytes();
            self.detached.bytes += std::mem::take(&mut self.ready.detached_bytes);
            self.detached.count -= 1;
            self.detached.bytes = self.detached.bytes.saturating_sub(bytes);
        }
        // Entries of connections that were recovered at once need not wait for their time.
        if self.detached.count == 0 {
            self.detached.queue = VecDeque::new();
        }
    }

    /// The connection that the newcomer may carry (section 11.2).
    pub fn recoverable(&self, newcomer: &Newcomer) -> Option<u32> {
        let id = newcomer.connection.filter(|_| newcomer.is_authentic)?;
        let slot = self.find(&newcomer.hub, &id)?;
        self.connection(slot).kind.is_reliable().then_some(slot)
    }

    /// Gives the connection a transport, which hears `accept`, who it is, and all it has missed.
    /// Returns the transport it had until now, if any.
    pub fn attach(&mut self, slot: u32, transport: u32, accept: Frame) -> Option<u32> {
        self.leave_detached(slot);
        let connection = self.connection_mut(slot);
        let before = connection.transport.replace(transport);
        if before.is_some() {
            connection.outbound.detach();
        }
        connection.outbound.attach();
        connection.outbound.is_scheduled = true;
        connection.outbound.push(Queued::new(accept));
        self.greet(slot);
        self.acknowledge_streams(slot);
        self.connection_mut(slot).outbound.replay();
        self.ready.dirty.push_back(slot);
        before
    }

    /// Queues the `connected` message.
    pub(super) fn greet(&mut self, slot: u32) {
        let connection_id = self.connection_id(slot).to_string();
        let connection = self.connection(slot);
        let user = connection.user.clone();
        let now_unix_s = (self.unix_offset_ms + self.now) / 1000;
        let issue = || self.reconnection.issue(&connection_id, now_unix_s);
        let token = connection.kind.is_reliable().then(issue);
        let connected = Answer::Connected {
            user: user.as_deref(),
            connection_id: &connection_id,
            reconnection_token: token.as_deref(),
        };
        self.tell(slot, &connected);
    }
}
