//! The two ways to send events, over open clients: as fast as answers return, or on a schedule.
//!
//! Closed loop finds what the server can do at saturation: every place of every client is filled
//! again as soon as its event has ended. Open loop finds what clients see at a given rate: events
//! are due at fixed times whatever the server does, and latency counts from then, also for an
//! event that first had to wait for a free client.

use std::collections::VecDeque;
use std::mem::take;

use anyhow::{Result, ensure};

use crate::clock;
use crate::events::handler::Handler;
use crate::events::ledger::{Ended, Faults, Ledger};
use crate::fleet::Fleet;
use crate::histogram::Latencies;
use crate::meter::{Meter, Usage};
use crate::pace::{BEHIND_MAX, Schedule, Settling, TURN_NS_MAX};
use crate::procfs::Process;
use crate::progress::Progress;
use crate::wire::envelope::{Delivery, Layout, Odd};
use crate::wire::event::{self, Ack, EventKind};
use crate::wire::stamp::{Stamp, narrow};

/// What is wrong with an echo where only listeners should hear.
const UNASKED_ECHO: &str = "an echo: an event handler of the hub gets the events too";
/// Failures after which a run breaks off: something is wrong, and more of it tells nothing.
const FAILED_MAX: u64 = 1000;

pub(crate) struct Load {
    pub(crate) fleet: Fleet,
    pub(crate) ledger: Ledger,
    /// Only where events are to come back.
    pub(crate) handler: Option<Handler>,
    layout: Layout,
    kind: EventKind,
    pub(crate) server: Option<Process>,
    /// Longest free first, so that all clients, and with them all shards, are used alike.
    free: VecDeque<Place>,
    /// Times of the last open loop; those left over are still sent while it settles.
    schedule: Option<Schedule>,
    /// Clients with events to write.
    touched: Vec<usize>,
    pub(crate) timing: Timing,
    /// Echoes whose layout was not the expected one, and the first of what was wrong.
    pub(crate) parsed_slowly: u64,
    pub(crate) first_unreadable: Option<String>,
    pub(crate) first_failure: Option<String>,
}

/// Room for one event of a client.
struct Place {
    client: usize,
    /// Before that it could not have been used, however late its event then was.
    free_since_ns: u64,
}

pub(crate) struct Timing {
    /// From when an event was due to the last of what it is owed.
    pub(crate) answers: Latencies,
    /// From when an event could have been sent, due and with a free client, to when it was.
    pub(crate) lags: Latencies,
}

impl Timing {
    fn new() -> Self {
        Self { answers: Latencies::new(), lags: Latencies::new() }
    }
}

/// What happened between the two readings of a phase.
pub(crate) struct Measured {
    pub(crate) answered: u64,
    /// Events the handler got, repetitions included.
    pub(crate) handled: Option<u64>,
    pub(crate) usage: Usage,
    pub(crate) handler_cpu_ns: Option<u64>,
}

/// Readings at the start of a phase.
struct Mark {
    meter: Meter,
    answered: u64,
    handled: Option<u64>,
    handler_cpu_ns: Option<u64>,
}

impl Load {
    /// Every client of `fleet` may have `window` events under way.
    pub(crate) fn new(
        fleet: Fleet,
        handler: Option<Handler>,
        layout: Layout,
        kind: EventKind,
        window: usize,
        server: Option<Process>,
    ) -> Self {
        let clients = fleet.clients.len();
        let round = (0..clients).map(|client| Place { client, free_since_ns: 0 });
        Self {
            ledger: Ledger::new(clients, kind),
            fleet,
            handler,
            layout,
            kind,
            server,
            free: (0..window).flat_map(|_| round.clone()).collect(),
            schedule: None,
            touched: Vec::new(),
            timing: Timing::new(),
            parsed_slowly: 0,
            first_unreadable: None,
            first_failure: None,
        }
    }

    /// Whether everything so far went well enough to go on.
    pub(crate) fn is_sound(&self) -> bool {
        self.fleet.lost.is_empty()
            && self.ledger.faults.failed < FAILED_MAX
            && self.handler.as_ref().is_none_or(Handler::is_running)
    }

    /// Sends one event and waits until it has ended, at most `patience_ns`; whether it was
    /// answered.
    pub(crate) fn try_one(&mut self, patience_ns: u64) -> Result<bool> {
        let now_ns = clock::now_ns();
        self.queue(now_ns, now_ns);
        self.write_touched()?;
        while self.ledger.outstanding() > 0
            && self.is_sound()
            && clock::now_ns() < now_ns + patience_ns
        {
            self.turn(TURN_NS_MAX)?;
        }
        Ok(self.ledger.answered == 1 && self.ledger.faults.is_clean())
    }

    /// Keeps every place of every client in use for a warm-up and then for the measured seconds.
    pub(crate) fn saturate(&mut self, warmup_s: u64, seconds: u64) -> Result<Measured> {
        let mut progress = Progress::new("closed loop");
        self.saturate_until(clock::now_ns() + clock::from_s(warmup_s), &mut progress)?;
        let before = self.mark();
        self.saturate_until(clock::now_ns() + clock::from_s(seconds), &mut progress)?;
        Ok(self.since(&before))
    }

    fn saturate_until(&mut self, end_ns: u64, progress: &mut Progress) -> Result<()> {
        while clock::now_ns() < end_ns && self.is_sound() {
            let now_ns = clock::now_ns();
            while !self.free.is_empty() {
                self.queue(now_ns, now_ns);
            }
            self.write_touched()?;
            self.turn(TURN_NS_MAX)?;
            self.tell(progress);
        }
        Ok(())
    }

    /// Sends `rate` events per second, each at its time, for `seconds`.
    pub(crate) fn pace(&mut self, rate: f64, seconds: u64) -> Result<Measured> {
        let mut progress = Progress::new("fixed rate");
        let before = self.mark();
        let end_ns = self.schedule.insert(Schedule::start(rate, seconds)).end_ns();
        while clock::now_ns() < end_ns && self.is_sound() {
            self.send_due()?;
            self.turn(self.sleep_ns())?;
            ensure!(
                self.ledger.outstanding() + self.behind() < BEHIND_MAX,
                "the server is {BEHIND_MAX} events behind: {rate:.0} events/s is above what it \
                 can do"
            );
            self.tell(&mut progress);
        }
        Ok(self.since(&before))
    }

    /// Waits until everything due is sent and has ended, or nothing more seems to come.
    pub(crate) fn settle(&mut self) -> Result<()> {
        if !self.is_sound() {
            // Broken off: what is under way may still arrive, nothing is added to it.
            self.schedule = None;
        }
        let mut settling = Settling::start();
        while self.ledger.outstanding() + self.behind() > 0
            && self.fleet.lost.is_empty()
            && !settling.is_over(self.ledger.answered + self.ledger.faults.failed)
        {
            self.send_due()?;
            self.turn(TURN_NS_MAX)?;
        }
        self.ledger.faults.unsent += self.behind() as u64;
        self.schedule = None;
        Ok(())
    }

    /// Sends what is due as far as clients are free.
    fn send_due(&mut self) -> Result<()> {
        let now_ns = clock::now_ns();
        while !self.free.is_empty() {
            let due = self.schedule.as_mut().and_then(|schedule| schedule.take_due(now_ns));
            let Some(due_ns) = due else { break };
            self.queue(due_ns, now_ns);
        }
        self.write_touched()
    }

    /// Events that are due and wait for a client.
    fn behind(&self) -> usize {
        self.schedule.as_ref().map_or(0, |schedule| schedule.behind(clock::now_ns()))
    }

    /// Until the next event is due. When one is already, it waits for an answer, as we do.
    fn sleep_ns(&self) -> u64 {
        match &self.schedule {
            Some(schedule) if !self.free.is_empty() => schedule.sleep_ns(),
            _ => TURN_NS_MAX,
        }
    }

    /// Appends the next event to what a free client has to write.
    fn queue(&mut self, intended_ns: u64, now_ns: u64) {
        let Some(Place { client, free_since_ns }) = self.free.pop_front() else { return };
        let sequence = self.ledger.on_send(client, intended_ns);
        let stamp = Stamp { publisher: 0, target: narrow(client), sequence, intended_ns };
        let outgoing = &mut self.fleet.clients[client].socket.outgoing;
        event::put(outgoing, self.kind, &self.layout, stamp);
        self.touched.push(client);
        self.timing.lags.record(now_ns.saturating_sub(intended_ns.max(free_since_ns)));
    }

    fn write_touched(&mut self) -> Result<()> {
        // With a window one client can stand here several times; only its first write has bytes.
        let mut touched = take(&mut self.touched);
        for client in touched.drain(..) {
            self.fleet.write(client)?;
        }
        self.touched = touched;
        Ok(())
    }

    /// Deals with what comes, if anything does in that time.
    pub(crate) fn turn(&mut self, timeout_ns: u64) -> Result<()> {
        let Self { fleet, ledger, layout, kind, free, timing, .. } = self;
        let Self { parsed_slowly, first_unreadable, first_failure, .. } = self;
        fleet.turn(timeout_ns, |client, message, now_ns| {
            let echo = kind.has_echoes().then(|| layout.read_delivery(client, message)).flatten();
            let ended = if let Some(delivery) = echo {
                ledger.on_echo(client, delivery.stamp.sequence)
            } else if let Some(ack) = kind.has_acks().then(|| event::read_ack(message)).flatten() {
                match ack {
                    Ack::Success(id) => ledger.on_success(client, id),
                    Ack::Failure(id, error) => {
                        first_failure.get_or_insert(error);
                        ledger.on_failure(client, id)
                    }
                }
            } else {
                match layout.read_odd(message) {
                    Odd::Delivery(Delivery { stamp, .. }) if stamp.target as usize == client => {
                        match kind.has_echoes() {
                            true => *parsed_slowly += 1,
                            false => {
                                _ = first_unreadable.get_or_insert_with(|| UNASKED_ECHO.into())
                            }
                        }
                        ledger.on_echo(client, stamp.sequence)
                    }
                    Odd::Delivery(_) => {
                        ledger.faults.wrong_client += 1;
                        None
                    }
                    Odd::Other(text) => {
                        first_unreadable.get_or_insert(text);
                        ledger.faults.unreadable += 1;
                        None
                    }
                }
            };
            let Some(ended) = ended else { return };
            free.push_back(Place { client, free_since_ns: now_ns });
            if let Ended::Answered { intended_ns } = ended {
                timing.answers.record(now_ns.saturating_sub(intended_ns));
            }
        })
    }

    /// Starts a measurement: the distributions are of what ends from here on.
    fn mark(&mut self) -> Mark {
        self.timing = Timing::new();
        Mark {
            meter: Meter::start(self.server),
            answered: self.ledger.answered,
            handled: self.handled(),
            handler_cpu_ns: self.handler_cpu_ns(),
        }
    }

    fn since(&self, before: &Mark) -> Measured {
        Measured {
            usage: before.meter.read(),
            answered: self.ledger.answered - before.answered,
            handled: self.handled().zip(before.handled).map(|(now, then)| now - then),
            handler_cpu_ns: self
                .handler_cpu_ns()
                .zip(before.handler_cpu_ns)
                .map(|(now, then)| now.saturating_sub(then)),
        }
    }

    fn handled(&self) -> Option<u64> {
        self.handler.as_ref().map(Handler::events)
    }

    fn handler_cpu_ns(&self) -> Option<u64> {
        self.handler.as_ref().and_then(Handler::cpu_ns)
    }

    fn tell(&self, progress: &mut Progress) {
        progress.tick(clock::now_ns(), || {
            let Ledger { sent, answered, faults, .. } = &self.ledger;
            format!("{sent} sent, {answered} answered, {} faults", faults.count_so_far())
        });
    }

    /// Closes all clients and says what was wrong with the run.
    pub(crate) fn finish(&mut self) -> Result<Faults> {
        self.ledger.settle_losses();
        self.ledger.faults.clients_closed = self.fleet.lost.values().sum();
        self.fleet.close_all()?;
        Ok(take(&mut self.ledger.faults))
    }
}
