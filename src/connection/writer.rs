//! Bytes out: each dirty connection's queue, joined into as few writes as possible.
//!
//! A write costs some nine microseconds however many frames it carries (`tuning.md`), so frames
//! are collected over a turn and leave together. Small frames are joined in one buffer and sent
//! at once, which costs less than handing the kernel a list, and serves every connection that
//! waits for the same; large ones are sent from where they are.

use std::io::IoSlice;

use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};

use super::lifecycle::Sockets;
use super::transport::TransportHandle;
use crate::shard::allowance::CONNECTIONS_PER_FLUSH;
use crate::shard::close::CloseReason;
use crate::shard::joined::Joined;
use crate::shard::outbound::{OutboundQueue, Overflow};
use crate::shard::state::State;

/// Most bytes of one write, and of a connection before the next has its turn.
const WRITE_BYTES_MAX: usize = 256 * 1024;
/// Frames of one list. Frames of which more would fit into one write are copied together.
const SLICES_MAX: usize = 64;

/// What became of one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flushed {
    /// Nothing waits any more.
    Empty,
    /// There is more, and the socket still takes it.
    More,
    /// The socket takes no more for now.
    Refused,
    /// The peer is gone.
    Lost,
}

impl Sockets {
    /// Writes for some of the dirty connections. Returns whether any are left.
    pub fn flush(&mut self, state: &mut State) -> bool {
        for _ in 0..CONNECTIONS_PER_FLUSH {
            let Some(connection) = state.ready.dirty.pop_front() else { break };
            // The list may name a slot whose connection is gone; a new one there whose handshake is
            // held back is listed again when it is released.
            if state.contains(connection)
                && state.connection(connection).held_joins == 0
                && state.connection(connection).transport.is_some()
            {
                self.flush_one(state, connection);
            }
        }
        if state.ready.dirty.is_empty() {
            self.joined.clear();
        }
        !state.ready.dirty.is_empty()
    }

    /// Offers overfull queues to their sockets; a client is slow only if the kernel refuses
    /// (`client-connect.md` section 12.3).
    pub(super) fn relieve(&mut self, state: &mut State) {
        while let Some(connection) = state.ready.overfull.pop() {
            if !state.contains(connection) || state.connection(connection).closing.is_some() {
                continue;
            }
            // What a client has not acknowledged does not get less by writing more.
            let overflow = |state: &State| state.connection(connection).outbound.overflow();
            if overflow(state) == Some(Overflow::Unacknowledged) {
                state.close(connection, CloseReason::ReplayOverflow);
                continue;
            }
            let is_held = state.connection(connection).held_joins > 0;
            if let Some(slot) = state.connection(connection).transport
                && !is_held
                && !self.transports[slot as usize].awaits_writable
            {
                let mut flushed = Flushed::More;
                while flushed == Flushed::More && overflow(state).is_some() {
                    flushed = self.write(state, connection, slot);
                }
            }
            if overflow(state).is_some() {
                state.close(connection, CloseReason::SlowClient);
            }
        }
    }

    /// Relieves what a turn's mesh messages have overfilled.
    pub fn relieve_overfull(&mut self, state: &mut State) {
        if !state.ready.overfull.is_empty() {
            self.relieve(state);
        }
    }

    /// The epoll says that a socket takes bytes again.
    pub fn on_writable(&mut self, state: &mut State, handle: TransportHandle) {
        let Some(transport) = self.get(handle) else { return };
        if !transport.awaits_writable {
            return;
        }
        let Some(connection) = transport.connection() else {
            return self.on_http_writable(state, handle);
        };
        transport.awaits_writable = false;
        let transport = &self.transports[handle.slot as usize];
        if transport.update_interest(&self.epoll, handle.slot).is_err() {
            return self.doom(handle.slot);
        }
        self.flush_one(state, connection);
    }

    fn flush_one(&mut self, state: &mut State, connection: u32) {
        let Some(slot) = state.connection(connection).transport else { return };
        match self.write(state, connection, slot) {
            Flushed::Empty => {
                let connection = state.connection_mut(connection);
                connection.outbound.is_scheduled = false;
                if let Some(reason) = connection.closing {
                    self.finish_close(slot, reason);
                }
            }
            Flushed::More => state.ready.dirty.push_back(connection),
            Flushed::Refused => {
                let transport = &mut self.transports[slot as usize];
                transport.awaits_writable = true;
                if transport.update_interest(&self.epoll, slot).is_err() {
                    self.doom(slot);
                }
            }
            Flushed::Lost => self.doom(slot),
        }
    }

    /// One write of what waits for a connection.
    fn write(&mut self, state: &mut State, connection: u32, slot: u32) -> Flushed {
        let now = state.now();
        let fd = &self.transports[slot as usize].fd;
        let queue = &mut state.connection_mut(connection).outbound;
        let dropped = queue.drop_expired(now);
        if queue.is_empty() {
            state.counters.dropped_expired += dropped as u64;
            return Flushed::Empty;
        }
        let (offer, result) = write_once(queue, fd, &mut self.joined);
        let frames = match (result, offer.frames) {
            (Ok(sent), Some(frames)) if sent == offer.bytes => {
                queue.finish(frames);
                frames
            }
            (Ok(sent), _) => queue.advance(sent),
            (Err(_), _) => 0,
        };
        let flushed = match result {
            Ok(sent) if sent < offer.bytes => Flushed::Refused,
            Ok(_) if queue.is_empty() => Flushed::Empty,
            Ok(_) | Err(Errno::INTR) => Flushed::More,
            Err(Errno::AGAIN) => Flushed::Refused,
            Err(_) => Flushed::Lost,
        };
        state.counters.writes += 1;
        state.counters.frames_written += frames as u64;
        state.counters.dropped_expired += dropped as u64;
        flushed
    }
}

/// What a socket was offered.
struct Offer {
    bytes: usize,
    /// The frames that end with it; unknown where it ends within one.
    frames: Option<usize>,
}

/// One write of as much as is sensible. Returns what was offered, and what the socket said.
fn write_once(
    queue: &OutboundQueue,
    fd: &rustix::fd::OwnedFd,
    joined: &mut Joined,
) -> (Offer, Result<usize, Errno>) {
    if queue.is_numbered() || (queue.len() > 1 && has_small_frames(queue)) {
        queue.join(joined, WRITE_BYTES_MAX);
        let offer = Offer { bytes: joined.bytes().len(), frames: joined.whole_frames() };
        return (offer, send(fd, joined.bytes(), SendFlags::NOSIGNAL));
    }
    if queue.len() == 1 {
        let only = queue.slices().next().unwrap_or_default();
        let offer = Offer { bytes: only.len(), frames: Some(1) };
        return (offer, send(fd, only, SendFlags::NOSIGNAL));
    }
    let mut list = [IoSlice::new(&[]); SLICES_MAX];
    let (mut used, mut bytes) = (0, 0);
    for slice in queue.slices().take(SLICES_MAX) {
        list[used] = IoSlice::new(slice);
        used += 1;
        bytes += slice.len();
        if bytes >= WRITE_BYTES_MAX {
            break;
        }
    }
    let mut nothing = SendAncillaryBuffer::default();
    let result = sendmsg(fd, &list[..used], &mut nothing, SendFlags::NOSIGNAL);
    (Offer { bytes, frames: Some(used) }, result)
}

/// Whether copying the frames costs less than a list of them.
fn has_small_frames(queue: &OutboundQueue) -> bool {
    queue.waiting_bytes() / queue.len() * SLICES_MAX <= WRITE_BYTES_MAX
}
