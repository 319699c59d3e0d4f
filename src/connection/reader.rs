//! Bytes in: one read per readable event, then as many whole heads or frames as it holds.
//!
//! Bytes are parsed where the kernel put them, in one buffer that all sockets of the shard share.
//! Only what is left over — part of a frame, or everything after the message at which the client
//! had to be paused — is copied into the transport's own buffer, and completed there.

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::lifecycle::Sockets;
use super::transport::{Phase, TransportHandle};
use crate::shard::state::State;

/// How far a buffer was used, and what next.
pub(super) struct Progress {
    pub consumed: usize,
    pub next: Next,
}

/// What a transport does after a buffer has been worked through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// More bytes are needed.
    Read,
    /// Leave the rest until the other sockets have had their turn: this one has delivered enough.
    Yield,
    /// Leave the rest, and the socket, until no peer shard is behind.
    Pause,
    /// Leave both until the shard releases the connection.
    Hold,
    /// The client gives up this transport, with this code, and not the connection.
    Part(u16),
    /// Nothing of what comes is of interest.
    Discard,
}

impl Sockets {
    /// The epoll says that a transport has input, or has come to its end. Returns bytes read.
    pub fn on_readable(&mut self, state: &mut State, handle: TransportHandle) -> usize {
        let Some(transport) = self.get(handle) else { return 0 };
        if transport.is_paused {
            // Only a reset is reported for a paused transport.
            self.doom(handle.slot);
            return 0;
        }
        // What came before is in its place in the line already.
        if transport.is_yielding {
            return 0;
        }
        let mut buffer = std::mem::take(&mut self.read_buffer);
        let transport = &mut self.transports[handle.slot as usize];
        let received = match recv(&transport.fd, &mut buffer[..], RecvFlags::empty()) {
            Ok((0, _)) => {
                self.on_end_of_input(handle.slot);
                0
            }
            Ok((bytes, _)) => bytes,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(_) => {
                self.doom(handle.slot);
                0
            }
        };
        if received > 0 {
            self.on_bytes(state, handle.slot, &mut buffer[..received]);
        }
        self.read_buffer = buffer;
        received
    }

    /// The peer sends no more. A caller whose request is being carried out still gets its answer,
    /// or it would repeat what has been done; everybody else is gone.
    fn on_end_of_input(&mut self, slot: u32) {
        let transport = &mut self.transports[slot as usize];
        match &mut transport.phase {
            Phase::Http(http) if http.rest.is_in_progress() || !http.unsent.is_empty() => {
                http.is_half_closed = true;
                // The end would be reported again and again.
                transport.is_paused = true;
                if transport.update_interest(&self.epoll, slot).is_err() {
                    self.doom(slot);
                }
            }
            _ => self.doom(slot),
        }
    }

    fn on_bytes(&mut self, state: &mut State, slot: u32, bytes: &mut [u8]) {
        let transport = &mut self.transports[slot as usize];
        transport.heard_at = state.now();
        let mut inbound = std::mem::take(&mut transport.inbound);
        if inbound.is_empty() {
            let progress = self.consume(state, slot, bytes);
            inbound.extend_from_slice(&bytes[progress.consumed..]);
            self.settle(slot, inbound, progress.next);
        } else {
            inbound.extend_from_slice(bytes);
            let progress = self.consume(state, slot, &mut inbound);
            inbound.drain(..progress.consumed);
            self.settle(slot, inbound, progress.next);
        }
    }

    /// Takes up a paused transport again, with what it had left over.
    pub(super) fn resume(&mut self, state: &mut State, slot: u32) {
        let transport = &mut self.transports[slot as usize];
        if !std::mem::take(&mut transport.is_paused) {
            return;
        }
        // What it sent meanwhile waits in the kernel: it was not silent, we were deaf.
        transport.heard_at = state.now();
        let mut inbound = std::mem::take(&mut transport.inbound);
        let progress = self.consume(state, slot, &mut inbound);
        inbound.drain(..progress.consumed);
        self.settle(slot, inbound, progress.next);
        let transport = &self.transports[slot as usize];
        if !transport.is_paused && transport.update_interest(&self.epoll, slot).is_err() {
            self.doom(slot);
        }
    }

    /// Resumes what was paused for a peer that has caught up.
    pub fn resume_paused(&mut self, state: &mut State) {
        if self.paused.is_empty() || !state.outbox.blocked().is_empty() {
            return;
        }
        for handle in std::mem::take(&mut self.paused) {
            if self.get(handle).is_some() {
                self.resume(state, handle.slot);
            }
        }
    }

    /// Goes on with what was received while a request was in progress.
    pub(super) fn proceed(&mut self, state: &mut State, slot: u32) {
        let transport = &mut self.transports[slot as usize];
        if transport.is_paused {
            return self.resume(state, slot);
        }
        let mut inbound = std::mem::take(&mut transport.inbound);
        if !inbound.is_empty() {
            let progress = self.consume(state, slot, &mut inbound);
            inbound.drain(..progress.consumed);
            self.settle(slot, inbound, progress.next);
        }
    }

    /// Whether a paused client could be read again at once.
    pub fn has_resumable(&self, state: &State) -> bool {
        !self.paused.is_empty() && state.outbox.blocked().is_empty()
    }

    /// Resumes connections whose handshake was held back until their groups were announced.
    pub fn resume_released(&mut self, state: &mut State) {
        while let Some(connection) = state.ready.released.pop() {
            if state.contains(connection)
                && let Some(slot) = state.connection(connection).transport
            {
                self.resume(state, slot);
            }
        }
    }

    /// Goes on with the one that yielded first, if any of them is left in this round.
    pub fn proceed_yielding(&mut self, state: &mut State) {
        let Some(handle) = self.yielding.pop_front() else { return };
        let Some(transport) = self.get(handle) else { return };
        transport.is_yielding = false;
        self.proceed(state, handle.slot);
    }

    /// Transports that wait in line.
    pub fn yielding(&self) -> usize {
        self.yielding.len()
    }

    /// Keeps what was not consumed, and stops reading if need be.
    fn settle(&mut self, slot: u32, rest: Vec<u8>, next: Next) {
        let handle = self.handle(slot);
        let transport = &mut self.transports[slot as usize];
        transport.inbound = if rest.is_empty() { Vec::new() } else { rest };
        if next == Next::Yield && !transport.is_yielding {
            transport.is_yielding = true;
            self.yielding.push_back(handle);
        }
        if matches!(next, Next::Pause | Next::Hold) && !transport.is_paused {
            transport.is_paused = true;
            if transport.update_interest(&self.epoll, slot).is_err() {
                self.doom(slot);
            }
        }
    }

    /// Works through a buffer in whatever the transport speaks; an upgrade in the middle changes
    /// that, and what follows it in the same read is the client's first frames.
    fn consume(&mut self, state: &mut State, slot: u32, buffer: &mut [u8]) -> Progress {
        let mut consumed = 0;
        loop {
            let rest = &mut buffer[consumed..];
            let phase = &self.transports[slot as usize].phase;
            let is_http = matches!(phase, Phase::Http(_));
            let progress = match *phase {
                Phase::Http(_) => self.consume_http(state, slot, rest),
                Phase::WebSocket { connection, .. } => {
                    self.consume_frames(state, slot, connection, rest)
                }
                Phase::Lingering => Progress { consumed: rest.len(), next: Next::Discard },
            };
            consumed += progress.consumed;
            let has_switched =
                is_http && !matches!(self.transports[slot as usize].phase, Phase::Http(_));
            if !has_switched || progress.next != Next::Read {
                return Progress { consumed, next: progress.next };
            }
        }
    }
}
