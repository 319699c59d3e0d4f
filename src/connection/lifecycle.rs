//! From accept to the end of a transport: deadlines, keep-alive, closing.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::epoll::{self, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{Shutdown, SocketFlags, accept_with, shutdown};
use slab::Slab;

use super::rest::RestExchange;
use super::rules::Rules;
use super::timers::{Tick, Wheel};
use super::transport::{Http, Phase, Transport, TransportHandle};
use crate::auth::ReconnectionTokens;
use crate::auth::oidc::KeyRequests;
use crate::metrics::ShardMetrics;
use crate::protocol::ws::close;
use crate::shard::clock::Millis;
use crate::shard::close::CloseReason;
use crate::shard::joined::Joined;
use crate::shard::state::State;

/// Accepts of one listener in one turn.
const ACCEPTS_PER_TURN: usize = 64;
/// How long a peer may take to answer a close frame (`client-connect.md` section 12.1), or to read
/// its last HTTP answer.
const CLOSE_DEADLINE: Millis = 5_000;
/// How long an HTTP connection may be idle between requests, and how long the body of a request
/// may take.
const HTTP_IDLE: Millis = 60_000;
/// How long a request may be held for its issuer's keys: two fetches, one of them under way.
const KEYS_PATIENCE: Millis = 25_000;
/// A client is given up after three keep-alive intervals, but not sooner than this (section 10).
const SILENCE_MIN: Duration = Duration::from_secs(15);
/// Size of the shared read buffer: what one read takes at most.
pub(super) const READ_BYTES: usize = 64 * 1024;

/// What the sockets of one shard need to know.
#[derive(Debug)]
pub struct Context {
    pub rules: Rules,
    /// The same on every shard.
    pub reconnection: ReconnectionTokens,
    /// Where fresh keys of issuers are asked for; `None` without issuers.
    pub key_requests: Option<Arc<KeyRequests>>,
    pub metrics: ShardMetrics,
}

/// All sockets of one shard, and what they share.
pub struct Sockets {
    pub(super) epoll: Rc<OwnedFd>,
    pub(super) transports: Slab<Transport>,
    pub(super) wheel: Wheel,
    pub(super) context: Context,
    /// One read at a time, so one buffer for all; only the tail of a read is ever copied out.
    pub(super) read_buffer: Vec<u8>,
    /// Where small frames are joined into one write.
    pub(super) joined: Joined,
    /// Hold a REST request whose token is signed with a key that is being fetched.
    pub(super) awaiting_keys: Vec<TransportHandle>,
    /// Have more to say than one turn delivers, and wait in line.
    pub(super) yielding: VecDeque<TransportHandle>,
    /// Paused because a peer shard is not keeping up.
    pub(super) paused: Vec<TransportHandle>,
    /// Ask for connections, and leave for the shards of those at the end of the turn.
    pub(super) leaving: Vec<TransportHandle>,
    /// To be dropped as soon as nothing is in the middle of using them.
    pub(super) doomed: Vec<TransportHandle>,
    /// New clients are refused, and health says so.
    pub is_quiescing: bool,
    next_serial: u32,
    due: Vec<(TransportHandle, Tick)>,
}

/// What came of asking a listener for new connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    All,
    /// No descriptor or memory for the next one; it stays in the kernel's queue.
    Exhausted,
}

impl Sockets {
    pub fn new(epoll: Rc<OwnedFd>, context: Context, now: Millis) -> Self {
        Self {
            epoll,
            transports: Slab::new(),
            wheel: Wheel::new(now),
            context,
            read_buffer: vec![0; READ_BYTES],
            joined: Joined::default(),
            awaiting_keys: Vec::new(),
            yielding: VecDeque::new(),
            paused: Vec::new(),
            leaving: Vec::new(),
            doomed: Vec::new(),
            is_quiescing: false,
            next_serial: 0,
            due: Vec::new(),
        }
    }

    /// Makes room for so many transports, so that the table need not be moved as they come.
    pub fn reserve(&mut self, transports: usize) {
        self.transports.reserve(transports);
    }

    /// Follows other rules from now on; what is under way goes on.
    pub fn reconfigure(&mut self, rules: &Rules) {
        let rest_verifier = rules.rest_verifier.with_provider_of(&self.context.rules.rest_verifier);
        self.context.rules = Rules { rest_verifier, ..rules.clone() };
    }

    pub fn len(&self) -> usize {
        self.transports.len()
    }

    pub fn is_empty(&self) -> bool {
        self.transports.is_empty()
    }

    pub(super) fn get(&mut self, handle: TransportHandle) -> Option<&mut Transport> {
        let transport = self.transports.get_mut(handle.slot as usize)?;
        (transport.serial == handle.serial).then_some(transport)
    }

    pub(super) fn handle(&self, slot: u32) -> TransportHandle {
        TransportHandle { slot, serial: self.transports[slot as usize].serial }
    }

    /// Takes what waits at a listener, a bounded number at a time.
    pub fn accept(&mut self, state: &mut State, listener: impl AsFd) -> Accepted {
        for _ in 0..ACCEPTS_PER_TURN {
            match accept_with(&listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(fd) => {
                    let phase = Phase::Http(Box::default());
                    match self.add(state.now(), fd, phase) {
                        Ok(slot) => {
                            let timeout = self.context.rules.settings.header_timeout;
                            self.arm(slot, state.now() + millis(timeout));
                        }
                        Err(_) => state.counters.accepts_failed += 1,
                    }
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    state.counters.accepts_failed += 1;
                    return Accepted::Exhausted;
                }
                // The peer was gone before we came, or an interruption: on to the next.
                Err(_) => {}
            }
        }
        Accepted::All
    }

    /// Takes a socket into the epoll and the table; returns its slot.
    pub(super) fn add(&mut self, now: Millis, fd: OwnedFd, phase: Phase) -> Result<u32, Errno> {
        // Serial 0 is for the events of descriptors that are no transports.
        self.next_serial = self.next_serial.wrapping_add(1).max(1);
        let entry = self.transports.vacant_entry();
        let slot = u32::try_from(entry.key()).map_err(|_| Errno::OVERFLOW)?;
        let handle = TransportHandle { slot, serial: self.next_serial };
        epoll::add(&*self.epoll, &fd, handle.event_data(), EventFlags::IN)?;
        entry.insert(Transport {
            fd,
            serial: handle.serial,
            phase,
            inbound: Vec::new(),
            heard_at: now,
            armed: Tick::NEVER,
            is_paused: false,
            is_yielding: false,
            awaits_writable: false,
            is_peer_closed: false,
        });
        Ok(slot)
    }

    /// Makes `at` the deadline of this transport, instead of the one it had.
    pub(super) fn arm(&mut self, slot: u32, at: Millis) {
        let tick = self.wheel.arm(self.handle(slot), at);
        self.transports[slot as usize].armed = tick;
    }

    /// The first keep-alive of a connection that has just been opened.
    pub(super) fn arm_keep_alive(&mut self, state: &State, slot: u32, connection: u32) {
        let interval = state.connection(connection).hub.settings().keep_alive_interval;
        self.arm(slot, state.now() + millis(interval));
    }

    /// When the next deadline is, for a shard that is about to sleep.
    pub fn next_deadline(&self) -> Option<Millis> {
        self.wheel.next()
    }

    /// Acts on every deadline that has passed.
    pub fn on_time(&mut self, state: &mut State) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.expire(state.now(), &mut due);
        for (handle, fired) in due.drain(..) {
            if let Some(transport) = self.get(handle)
                && transport.armed <= fired
            {
                transport.armed = Tick::NEVER;
                self.on_deadline(state, handle.slot);
            }
        }
        self.due = due;
    }

    fn on_deadline(&mut self, state: &mut State, slot: u32) {
        match &self.transports[slot as usize].phase {
            Phase::Http(_) => self.on_http_deadline(state, slot),
            Phase::Lingering => self.doom(slot),
            Phase::WebSocket { connection, .. } => {
                let connection = *connection;
                if state.connection(connection).closing.is_some() {
                    self.doom(slot);
                } else {
                    self.keep_alive(state, slot, connection);
                }
            }
        }
    }

    /// An HTTP connection has one entry in the wheel, which is looked at when it fires rather than
    /// moved with every request.
    fn on_http_deadline(&mut self, state: &mut State, slot: u32) {
        let heard_at = self.transports[slot as usize].heard_at;
        let header_timeout = millis(self.context.rules.settings.header_timeout);
        let Some(http) = self.http(slot) else { return };
        let ends_at = match (&http.rest, http.begun_at) {
            _ if http.is_last || !http.unsent.is_empty() => return self.doom(slot),
            // The webhook shard has deadlines of its own.
            _ if http.candidate.is_some() || http.recovery.is_some() => state.now() + HTTP_IDLE,
            // The shards answer in their own time, and a failing shard ends the process.
            (RestExchange::Waiting(_), _) => state.now() + HTTP_IDLE,
            (RestExchange::Reading(_), Some(begun_at)) => begun_at + HTTP_IDLE,
            (RestExchange::AwaitingKeys, Some(begun_at)) => begun_at + KEYS_PATIENCE,
            (_, Some(begun_at)) => begun_at + header_timeout,
            (_, None) if http.has_answered => heard_at + HTTP_IDLE,
            (_, None) => return self.doom(slot),
        };
        if state.now() < ends_at {
            return self.arm(slot, ends_at);
        }
        if matches!(http.rest, RestExchange::AwaitingKeys) {
            let text = "The keys of the token's issuer could not be fetched in time.";
            self.answer_and_end(state, slot, (503, text));
        } else if http.begun_at.is_some() {
            self.answer_and_end(state, slot, (408, "The request did not arrive in time."));
        } else {
            self.doom(slot);
        }
    }

    /// Section 10: a ping at each interval, and the end of a client that says nothing at all.
    fn keep_alive(&mut self, state: &mut State, slot: u32, connection: u32) {
        let interval = state.connection(connection).hub.settings().keep_alive_interval;
        let silence_max = millis((interval * 3).max(SILENCE_MIN));
        let transport = &self.transports[slot as usize];
        // A transport that we do not read from cannot be heard.
        let silence = if transport.is_paused { 0 } else { state.now() - transport.heard_at };
        if silence >= silence_max && state.connection(connection).kind.is_reliable() {
            let reason = CloseReason::PingTimeout;
            return self.part(state, slot, close::GOING_AWAY, &reason.text());
        }
        if silence >= silence_max {
            state.close(connection, CloseReason::PingTimeout);
            return;
        }
        state.connection_mut(connection).outbound.shrink();
        state.ping(connection);
        let at = state.now() + millis(interval);
        // The end of patience may come before the next ping.
        let patience_ends = state.now() - silence + silence_max;
        self.arm(slot, at.min(patience_ends));
    }

    /// Gives connections that have begun to close the time for it.
    pub fn begin_closes(&mut self, state: &mut State) {
        while let Some(connection) = state.ready.closing.pop() {
            if state.contains(connection) {
                let Some(slot) = state.connection(connection).transport else {
                    state.remove(connection);
                    continue;
                };
                self.arm(slot, state.now() + CLOSE_DEADLINE);
                self.resume(state, slot);
            }
        }
    }

    /// Everything queued for a closing connection is written: what happens to its transport.
    pub(super) fn finish_close(&mut self, slot: u32, reason: CloseReason) {
        if self.transports[slot as usize].is_peer_closed {
            return self.doom(slot);
        }
        match reason {
            //= client-connect.md section 12.1: after receiving a close frame answer it and drop TCP.
            CloseReason::ClientClosed(_) | CloseReason::TransportLost => self.doom(slot),
            // The client's close frame is awaited, or no frame of it can be understood any more.
            reason if reason.is_stream_intact() => {}
            _ => self.shut_down_writing(slot),
        }
    }

    /// Ends an HTTP exchange after its answer is written.
    pub(super) fn linger(&mut self, now: Millis, slot: u32) {
        let transport = &mut self.transports[slot as usize];
        transport.phase = Phase::Lingering;
        transport.inbound = Vec::new();
        self.shut_down_writing(slot);
        self.arm(slot, now + CLOSE_DEADLINE);
    }

    fn shut_down_writing(&mut self, slot: u32) {
        // A peer that is gone already needs no telling; its end of file will say so.
        let _ = shutdown(&self.transports[slot as usize].fd, Shutdown::Write);
    }

    /// Marks a transport for removal; [`Self::bury`] does it.
    pub(super) fn doom(&mut self, slot: u32) {
        self.doomed.push(self.handle(slot));
    }

    /// Removes the doomed transports with their connections.
    pub fn bury(&mut self, state: &mut State) {
        while let Some(handle) = self.doomed.pop() {
            if self.get(handle).is_some() {
                let transport = self.transports.remove(handle.slot as usize);
                if let Some(connection) = transport.connection() {
                    state.lose_transport(connection);
                }
            }
        }
    }

    /// Drops every transport that carries no connection: at shutdown nobody waits for them.
    pub fn doom_unconnected(&mut self) {
        let idle = |transport: &Transport| transport.connection().is_none();
        let idle: Vec<_> =
            self.transports.iter().filter(|(_, t)| idle(t)).map(|(slot, _)| slot).collect();
        idle.into_iter().filter_map(|slot| u32::try_from(slot).ok()).for_each(|s| self.doom(s));
    }

    pub(super) fn http(&mut self, slot: u32) -> Option<&mut Http> {
        match &mut self.transports[slot as usize].phase {
            Phase::Http(http) => Some(http),
            Phase::WebSocket { .. } | Phase::Lingering => None,
        }
    }
}

pub(super) fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX / 2)
}
