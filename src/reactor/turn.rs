//! The loop of a shard: wait, then one turn of everything, then flush, then wait again.
//!
//! A turn does a bounded amount for each source, so that nothing starves: not another socket under
//! a huge group, not the mesh under a flood of clients. Reading comes before writing: what arrives
//! while connections are being written for joins the next writes, so batches grow with load and
//! no timer is needed for it.

use std::rc::Rc;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::{self, Errno};
use rustix::time::Timespec;
use tracing::{error, info};

use super::mesh::{ControlMessage, Mesh};
use crate::connection::lifecycle::{Accepted, Context, Sockets};
use crate::connection::transport::TransportHandle;
use crate::metrics::ShardMetrics;
use crate::shard::clock::{self, Millis};
use crate::shard::close::CloseReason;
use crate::shard::state::State;

/// Events taken from the epoll at once.
const EVENTS_PER_TURN: usize = 256;
/// Bytes read from clients in one turn, after which output has its turn.
const READ_BYTES_PER_TURN: usize = 256 * 1024;
/// Messages taken from other shards in one turn.
const MESH_PER_TURN: usize = 1024;
/// Answers of event handlers taken in one turn.
const EVENT_ANSWERS_PER_TURN: usize = 256;
/// Connections that a shard has room for from the start. Address space only: memory is taken as
/// connections come. A table that grows is copied as a whole, within one turn, and what it leaves
/// behind costs some 300 bytes per connection until the allocator gives it back.
const CONNECTIONS_RESERVED: usize = 65_536;
/// Longest sleep of a shard that nothing wakes: one look a second costs nothing measurable, and
/// should a wake-up between threads ever be lost, that is a delay and not a standstill.
const SLEEP_MAX: Millis = 1000;
/// Pause of accepting after the process has run out of descriptors.
const ACCEPT_PAUSE: Millis = 100;

/// User data of the descriptors that are not transports: serial 0, which no transport has.
const WAKE_EVENT: u64 = 1;
const LISTENER_EVENTS: u64 = 16;

/// Everything one shard runs on.
pub struct Reactor {
    state: State,
    sockets: Sockets,
    mesh: Mesh,
    epoll: Rc<OwnedFd>,
    listeners: Vec<OwnedFd>,
    /// Accepting goes on at this moment, after a lack of descriptors.
    accept_again_at: Option<Millis>,
    metrics: ShardMetrics,
    /// Events reported but not acted on for want of budget.
    events: Vec<Event>,
    /// Of the transports that yield: how many have their turn before the next events are asked for.
    yielding: usize,
    drain: Option<Drain>,
}

/// The end of a shard: its connections are closed in portions until `until`.
#[derive(Clone, Copy, Debug)]
struct Drain {
    until: Millis,
    next_at: Millis,
    per_step: usize,
}

/// Time between two portions of closes.
const DRAIN_STEP: Millis = 100;
/// Portions are never smaller: a few connections need no spreading.
const DRAIN_PORTION_MIN: usize = 256;

impl Reactor {
    /// Builds a shard around its listening sockets.
    ///
    /// # Errors
    /// Whatever the system says about epoll descriptors.
    pub fn new(
        mut state: State,
        context: Context,
        mesh: Mesh,
        listeners: Vec<OwnedFd>,
        metrics: ShardMetrics,
    ) -> io::Result<Self> {
        let now = clock::now();
        state.begin_turn(now);
        let epoll = Rc::new(epoll::create(CreateFlags::CLOEXEC)?);
        let add = |fd: &OwnedFd, data| epoll::add(&*epoll, fd, data, EventFlags::IN);
        add(mesh.event(), EventData::new_u64(WAKE_EVENT))?;
        for (index, listener) in (LISTENER_EVENTS..).zip(&listeners) {
            add(listener, EventData::new_u64(index))?;
        }
        let mut sockets = Sockets::new(epoll.clone(), context, now);
        sockets.reserve(CONNECTIONS_RESERVED);
        state.reserve(CONNECTIONS_RESERVED);
        Ok(Self {
            state,
            sockets,
            mesh,
            epoll,
            listeners,
            accept_again_at: None,
            metrics,
            events: Vec::with_capacity(EVENTS_PER_TURN),
            yielding: 0,
            drain: None,
        })
    }

    /// Runs until the shard is drained.
    ///
    /// # Errors
    /// A failing epoll: the shard cannot go on.
    pub fn run(mut self) -> io::Result<()> {
        while !self.is_drained() {
            if !self.turn()? {
                self.sleep()?;
            }
        }
        self.publish_metrics();
        Ok(())
    }

    /// One turn. Returns whether there is more to do at once.
    fn turn(&mut self) -> io::Result<bool> {
        self.state.counters.turns += 1;
        self.state.begin_turn(clock::now());
        // Both take from the turn's allowance: clients and peers come first in turn.
        let mut has_more = false;
        if self.state.counters.turns.is_multiple_of(2) {
            has_more |= self.take_mesh();
        }
        has_more |= self.take_input()?;
        if !self.state.counters.turns.is_multiple_of(2) {
            has_more |= self.take_mesh();
        }
        self.state.counters.turns_spent += u64::from(self.state.is_turn_spent());
        has_more |= self.take_event_answers();
        self.sockets.on_time(&mut self.state);
        self.state.expire_detached();
        self.state.expire_streams();
        self.step_drain();
        has_more |= self.state.step_sweeps();
        self.sockets.answer_calls(&mut self.state);
        self.sockets.hand_over(&mut self.state);
        self.sockets.take_newcomers(&mut self.state);
        self.state.proceed_stalled();
        self.sockets.resume_paused(&mut self.state);
        self.sockets.resume_released(&mut self.state);
        self.sockets.relieve_overfull(&mut self.state);
        self.sockets.begin_closes(&mut self.state);
        has_more |= self.sockets.flush(&mut self.state);
        self.sockets.bury(&mut self.state);
        self.mesh.send(&mut self.state.outbox, &mut self.state.counters);
        self.mesh.application().send(&mut self.state.calls_to_application);
        self.publish_metrics();
        Ok(has_more || self.has_loose_ends())
    }

    /// Whether this turn's end has produced work for the next.
    fn has_loose_ends(&self) -> bool {
        let ready = &self.state.ready;
        !(ready.dirty.is_empty()
            && ready.released.is_empty()
            && ready.closing.is_empty()
            && ready.overfull.is_empty()
            && ready.answers.is_empty()
            && ready.newcomers.is_empty())
            || self.sockets.yielding() > 0
            || self.sockets.has_resumable(&self.state)
    }

    fn take_input(&mut self) -> io::Result<bool> {
        if self.events.is_empty() && self.yielding == 0 {
            self.yielding = self.sockets.yielding();
            self.poll(Timespec::default())?;
        }
        let is_full = self.events.len() == EVENTS_PER_TURN;
        let mut read_bytes = 0;
        while self.yielding > 0 && !self.state.is_turn_spent() {
            self.yielding -= 1;
            self.sockets.proceed_yielding(&mut self.state);
            self.sockets.bury(&mut self.state);
        }
        while !self.state.is_turn_spent() {
            let Some(event) = self.events.pop() else { break };
            let flags = event.flags;
            match event.data.u64() {
                WAKE_EVENT => self.mesh.clear_event(),
                data if data >> 32 == 0 => self.accept(data),
                data => {
                    let handle = TransportHandle::from_event(data);
                    if flags.contains(EventFlags::OUT) {
                        self.sockets.on_writable(&mut self.state, handle);
                    }
                    if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                        read_bytes += self.sockets.on_readable(&mut self.state, handle);
                    }
                    self.sockets.bury(&mut self.state);
                }
            }
            if read_bytes >= READ_BYTES_PER_TURN {
                return Ok(true);
            }
        }
        Ok(is_full || read_bytes > 0 || self.state.is_turn_spent())
    }

    fn accept(&mut self, data: u64) {
        let index = usize::try_from(data - LISTENER_EVENTS).unwrap_or(usize::MAX);
        let Some(listener) = self.listeners.get(index) else { return };
        if self.sockets.accept(&mut self.state, listener) == Accepted::Exhausted
            && self.accept_again_at.is_none()
        {
            error!("out of descriptors or memory: new connections wait");
            self.set_listening(false);
            self.accept_again_at = Some(self.state.now() + ACCEPT_PAUSE);
        }
    }

    fn set_listening(&self, is_listening: bool) {
        let flags = if is_listening { EventFlags::IN } else { EventFlags::empty() };
        for (index, listener) in (LISTENER_EVENTS..).zip(&self.listeners) {
            // The listener is registered for as long as it exists.
            let _ = epoll::modify(&*self.epoll, listener, EventData::new_u64(index), flags);
        }
    }

    fn take_mesh(&mut self) -> bool {
        let Self { state, sockets, mesh, .. } = self;
        let has_more = mesh.receive(MESH_PER_TURN, |from, message| {
            state.on_mesh(from, message);
            sockets.relieve_overfull(state);
            !state.is_turn_spent()
        });
        while let Some(message) = self.mesh.receive_control() {
            match message {
                ControlMessage::Quiesce => self.sockets.is_quiescing = true,
                ControlMessage::Drain { until } => self.begin_drain(until),
                ControlMessage::Provider(provider) => {
                    self.sockets.on_provider(&mut self.state, provider);
                }
                ControlMessage::Reconfigure { rules, pending } => {
                    self.state.reconfigure(&rules.hubs);
                    self.sockets.reconfigure(&rules);
                    drop(pending);
                }
            }
        }
        if self.accept_again_at.is_some_and(|at| self.state.now() >= at) {
            self.accept_again_at = None;
            self.set_listening(true);
        }
        has_more
    }

    fn take_event_answers(&mut self) -> bool {
        for _ in 0..EVENT_ANSWERS_PER_TURN {
            let Some(answer) = self.mesh.application().receive() else { return false };
            self.state.on_event_answer(answer);
            self.sockets.take_admissions(&mut self.state);
            self.sockets.relieve_overfull(&mut self.state);
        }
        true
    }

    fn begin_drain(&mut self, until: Millis) {
        self.listeners.clear();
        self.sockets.is_quiescing = true;
        self.sockets.doom_unconnected();
        // Half of the time is for sending the closes, the other half for answering them.
        let now = self.state.now();
        let steps = usize::try_from(until.saturating_sub(now) / 2 / DRAIN_STEP).unwrap_or(0).max(1);
        let per_step = self.state.connection_count().div_ceil(steps).max(DRAIN_PORTION_MIN);
        self.drain = Some(Drain { until, next_at: now, per_step });
        info!(connections = self.state.connection_count(), "draining");
    }

    fn step_drain(&mut self) {
        let now = self.state.now();
        let Some(drain) = &mut self.drain else { return };
        if now < drain.next_at {
            return;
        }
        drain.next_at = now + DRAIN_STEP;
        let per_step = drain.per_step;
        let open = self.state.slots().into_iter();
        let open = open.filter(|slot| self.state.connection(*slot).closing.is_none());
        for slot in open.take(per_step).collect::<Vec<_>>() {
            self.state.close(slot, CloseReason::ServiceReload);
        }
    }

    fn is_drained(&self) -> bool {
        self.drain.is_some_and(|drain| {
            self.state.now() >= drain.until
                || (self.state.connection_count() == 0
                    && self.state.reservation_count() == 0
                    && self.sockets.is_empty())
        })
    }

    /// Asks the epoll for events, and waits for them for that long.
    fn poll(&mut self, timeout: Timespec) -> io::Result<()> {
        let spare = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&*self.epoll, spare, Some(&timeout)) {
            // Taken from the end; the kernel's order is oldest first.
            Ok(_) => self.events.reverse(),
            Err(Errno::INTR) => {}
            Err(error) => {
                error!("waiting for events failed: {error}");
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sleeps until an event, a message or a deadline. This blocks the executor's thread, which has
    /// nothing else to run: to wait for the same epoll through the executor's ring costs some 30 µs
    /// of CPU time more each time.
    fn sleep(&mut self) -> io::Result<()> {
        if self.mesh.fall_asleep(self.state.outbox.blocked()) {
            let polled = self.poll(self.time_to_deadline());
            self.mesh.wake_up();
            polled?;
            let is_late = self.events.is_empty() && self.mesh.has_messages();
            self.state.counters.late_wakes += u64::from(is_late);
        }
        Ok(())
    }

    /// Time until the next deadline of anything in this shard; [`SLEEP_MAX`] if that is later.
    fn time_to_deadline(&self) -> Timespec {
        let drain_at = self.drain.map(|drain| drain.next_at.min(drain.until));
        let deadlines = [
            self.sockets.next_deadline(),
            self.state.next_detached_deadline(),
            self.state.next_stream_deadline(),
            self.accept_again_at,
            drain_at,
        ];
        let next = deadlines.into_iter().flatten().min().unwrap_or(Millis::MAX);
        let sleep = next.saturating_sub(clock::now()).min(SLEEP_MAX);
        Timespec {
            tv_sec: i64::try_from(sleep / 1000).unwrap_or(1),
            tv_nsec: i64::try_from(sleep % 1000 * 1_000_000).unwrap_or(0),
        }
    }

    fn publish_metrics(&self) {
        self.metrics.publish(&self.state);
    }
}
