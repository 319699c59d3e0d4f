//! Publishers and members that come and go, on one epoll.
//!
//! Publishers stay, each with groups of its own. Members are in the slots behind them. A newcomer
//! starts when it is due, or when fewer than allowed are on their way; each that is in sends the
//! longest member away, which first gets what was published until then. A publish is due at its
//! time whatever else happens.

use std::mem::{replace, take};

use anyhow::Result;

use crate::churn::crowd::{Crowd, Goodbyes};
use crate::churn::ledger::{Faults, Ledger};
use crate::churn::recovery::Recovery;
use crate::churn::seen::{Seen, Silence, Timing};
use crate::clock::{self, NS_PER_S};
use crate::fanout::receipts::{Numbered, Receipts};
use crate::fleet::{Dial, Fleet};
use crate::meter::Meter;
use crate::open::{Arrival, Gate};
use crate::pace::{Patience, Schedule, Settling, TURN_NS_MAX};
use crate::procfs::Process;
use crate::progress::Progress;
use crate::reader::{Misread, Reader};
use crate::wire::publish::Publishes;
use crate::wire::stamp::{Stamp, narrow};

/// Clients started and messages published between two reads, so that schedules that lag do not
/// stop reading.
const STARTS_PER_TURN_MAX: usize = 256;
const PUBLISHES_PER_TURN_MAX: usize = 1024;
/// A client that was due this long before the end and has not started has found no slot: the
/// server is too slow for the rate.
const LATE_NS_MAX: u64 = NS_PER_S;
/// How long a member that is to leave waits for what it is owed.
const LEAVE_PATIENCE_NS: u64 = 5 * NS_PER_S;

/// Clients 0 to `publishers` publish; client `publishers + slot` is the one in a slot.
pub(crate) struct Load {
    pub(crate) fleet: Fleet,
    pub(crate) ledger: Ledger,
    pub(crate) crowd: Crowd,
    pub(crate) goodbyes: Goodbyes,
    pub(crate) reader: Reader,
    receipts: Option<Receipts>,
    /// Where members come back rather than anew.
    recovery: Option<Recovery>,
    publishes: Publishes,
    publishers: usize,
    /// By group: how to open one of its members.
    dials: Vec<Dial>,
    groups: usize,
    next_group: usize,
    /// `None` while nothing is to be published.
    publishing: Option<Schedule>,
    /// Members told to leave, with the time of that.
    leaving: Vec<(usize, u64)>,
    server: Option<Process>,
    pub(crate) timing: Timing,
    pub(crate) connects: u64,
    /// Connections taken up again, and messages that then came again.
    pub(crate) recovered: u64,
    pub(crate) repeated: u64,
    /// Members that have not heard anything since all were cut off.
    pub(crate) silence: Option<Silence>,
}

/// What a load consists of.
pub(crate) struct Setup {
    pub(crate) fleet: Fleet,
    pub(crate) crowd: Crowd,
    pub(crate) goodbyes: Goodbyes,
    pub(crate) reader: Reader,
    pub(crate) receipts: Option<Receipts>,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) publishes: Publishes,
    pub(crate) publishers: usize,
    pub(crate) dials: Vec<Dial>,
    pub(crate) slots: usize,
    pub(crate) server: Option<Process>,
}

impl Load {
    pub(crate) fn new(setup: Setup) -> Self {
        let Setup { fleet, crowd, goodbyes, reader, receipts, publishes, .. } = setup;
        let groups = setup.dials.len();
        Self {
            fleet,
            ledger: Ledger::new(setup.slots, groups),
            crowd,
            goodbyes,
            reader,
            receipts,
            recovery: setup.recovery,
            publishes,
            publishers: setup.publishers,
            dials: setup.dials,
            groups,
            next_group: 0,
            publishing: None,
            leaving: Vec::new(),
            server: setup.server,
            timing: Timing::new(),
            connects: 0,
            recovered: 0,
            repeated: 0,
            silence: None,
        }
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.fleet.lost.is_empty()
    }

    /// Takes up publishing at `rate`; what was due in a pause is not.
    pub(crate) fn publish_from_now(&mut self, rate: f64) {
        self.publishing = Some(Schedule::endless(rate));
    }

    /// What happens in `phase`.
    pub(crate) fn observe(&mut self, phase: impl FnOnce(&mut Self) -> Result<()>) -> Result<Seen> {
        self.timing = Timing::new();
        let meter = Meter::start(self.server);
        let before = [self.connects, self.ledger.published, self.ledger.delivered];
        phase(self)?;
        let usage = meter.read();
        let [connects, published, delivered] = before;
        Ok(Seen {
            usage,
            connects: self.connects - connects,
            published: self.ledger.published - published,
            delivered: self.ledger.delivered - delivered,
            timing: replace(&mut self.timing, Timing::new()),
        })
    }

    /// Publishes for `seconds`.
    pub(crate) fn stay(&mut self, seconds: u64) -> Result<()> {
        let mut progress = Progress::new("steady");
        let end_ns = clock::now_ns() + clock::from_s(seconds);
        while clock::now_ns() < end_ns && self.is_sound() {
            self.step(TURN_NS_MAX)?;
            self.tell(&mut progress);
        }
        Ok(())
    }

    /// Publishes and lets clients come and go for `seconds`.
    pub(crate) fn churn(&mut self, arrival: Arrival, seconds: u64) -> Result<()> {
        let mut progress = Progress::new("churn");
        let mut gate = Gate::open(arrival);
        let end_ns = clock::now_ns() + clock::from_s(seconds);
        while clock::now_ns() < end_ns && self.is_sound() {
            for _ in 0..STARTS_PER_TURN_MAX {
                if !self.crowd.has_room() || !self.start_due(&mut gate)? {
                    break;
                }
            }
            self.step(self.sleep_ns(&gate))?;
            self.tell(&mut progress);
        }
        if let Gate::Scheduled(schedule) = &gate {
            let behind = schedule.behind(clock::now_ns().saturating_sub(LATE_NS_MAX));
            self.ledger.faults.not_in += behind as u64;
        }
        Ok(())
    }

    /// Lets clients come until all are in, `at_a_time` of them at most being on their way.
    pub(crate) fn fill(&mut self, arrival: Arrival, at_a_time: usize) -> Result<()> {
        let mut progress = Progress::new("connect");
        let mut gate = Gate::open(arrival);
        let mut patience = Patience::start();
        while self.crowd.lacking() + self.crowd.opening() > 0 && self.is_sound() {
            for _ in 0..STARTS_PER_TURN_MAX {
                let may_start = self.crowd.lacking() > 0 && self.crowd.has_room();
                if !may_start || self.crowd.opening() >= at_a_time || !self.start_due(&mut gate)? {
                    break;
                }
            }
            self.step(self.sleep_ns(&gate))?;
            patience.check(self.connects, "no client opened")?;
            self.tell(&mut progress);
        }
        Ok(())
    }

    /// Publishes what is due, lets go who may, and deals with what comes.
    pub(crate) fn step(&mut self, timeout_ns: u64) -> Result<()> {
        self.publish_due()?;
        self.let_go()?;
        let publishing_ns = self.publishing.as_ref().map_or(TURN_NS_MAX, Schedule::sleep_ns);
        self.turn(timeout_ns.min(publishing_ns))
    }

    /// Waits until everyone who was on the way is in or gone and has what it is owed, or nothing
    /// more seems to happen. Nothing is published meanwhile.
    pub(crate) fn settle(&mut self) -> Result<()> {
        self.publishing = None;
        let mut settling = Settling::start();
        while self.is_sound() && !settling.is_over(self.ledger.delivered + self.connects) {
            let is_owed = |&slot: &usize| self.ledger.missing(slot) > 0;
            let is_moving = self.crowd.opening() + self.leaving.len() + self.fleet.closing() > 0;
            if !is_moving && !self.crowd.members().iter().any(is_owed) {
                break;
            }
            self.step(TURN_NS_MAX)?;
        }
        Ok(())
    }

    /// A turn may sleep until the next client is due, unless it would find no slot.
    fn sleep_ns(&self, gate: &Gate) -> u64 {
        if self.crowd.has_room() { gate.sleep_ns().min(TURN_NS_MAX) } else { TURN_NS_MAX }
    }

    /// Starts the next client if one is due and there is a slot; whether there was.
    fn start_due(&mut self, gate: &mut Gate) -> Result<bool> {
        let Some(due_ns) = gate.take(self.crowd.opening()) else { return Ok(false) };
        let Some(slot) = self.crowd.take_slot() else { return Ok(false) };
        self.timing.connect_lags.record(clock::now_ns().saturating_sub(due_ns));
        let client = self.publishers + slot;
        let dial = match self.recovery.as_ref().and_then(|recovery| recovery.dial(slot)) {
            Some(dial) => {
                self.recovered += 1;
                dial
            }
            None => {
                self.ledger.on_start(slot);
                self.dials[slot % self.groups].clone()
            }
        };
        // Slots are filled in their order the first time.
        if client < self.fleet.clients.len() {
            self.fleet.restart_due(client, dial, due_ns)?;
        } else {
            self.fleet.start_due(dial, due_ns)?;
        }
        Ok(true)
    }

    fn publish_due(&mut self) -> Result<()> {
        let now_ns = clock::now_ns();
        for _ in 0..PUBLISHES_PER_TURN_MAX {
            let due = self.publishing.as_mut().and_then(|schedule| schedule.take_due(now_ns));
            let Some(due_ns) = due else { break };
            let group = self.next_group;
            self.next_group = (group + 1) % self.groups;
            let publisher = group % self.publishers;
            let sequence = self.ledger.on_publish(group);
            let stamp = Stamp {
                publisher: narrow(publisher),
                target: narrow(group),
                sequence,
                intended_ns: due_ns,
            };
            self.publishes.put(&mut self.fleet.clients[publisher].socket.outgoing, stamp);
            self.fleet.write(publisher)?;
            self.timing.publish_lags.record(now_ns - due_ns);
        }
        Ok(())
    }

    /// Sends away those that are too many and have what they are owed.
    fn let_go(&mut self) -> Result<()> {
        let now_ns = clock::now_ns();
        while let Some(slot) = self.crowd.next_to_leave() {
            self.ledger.on_told_to_leave(slot);
            self.leaving.push((slot, now_ns));
        }
        let mut leaving = take(&mut self.leaving);
        for &(slot, since_ns) in &leaving {
            if self.may_leave(slot, since_ns, now_ns) {
                self.ledger.on_left(slot);
                self.dismiss(slot)?;
            }
        }
        leaving.retain(|&(slot, _)| self.fleet.is_open(self.publishers + slot));
        self.leaving = leaving;
        Ok(())
    }

    fn may_leave(&self, slot: usize, since_ns: u64, now_ns: u64) -> bool {
        let is_open = self.fleet.is_open(self.publishers + slot);
        let is_patient = now_ns.saturating_sub(since_ns) < LEAVE_PATIENCE_NS;
        is_open && (self.ledger.missing(slot) == 0 || !is_patient)
    }

    /// Disconnects a client in one of the ways in which clients leave.
    fn dismiss(&mut self, slot: usize) -> Result<()> {
        let client = self.publishers + slot;
        match &mut self.receipts {
            Some(receipts) if self.recovery.is_some() => receipts.on_recovery(client),
            Some(receipts) => receipts.forget(client),
            None => {}
        }
        self.fleet.leave(client, self.goodbyes.next())
    }

    /// Disconnects all members at once. Those that will recover are still owed everything.
    pub(crate) fn cut_all(&mut self) -> Result<()> {
        for slot in self.crowd.leave_all() {
            if self.fleet.is_open(self.publishers + slot) {
                if self.recovery.is_none() {
                    self.ledger.on_cut(slot);
                }
                self.dismiss(slot)?;
            }
        }
        Ok(())
    }

    fn turn(&mut self, timeout_ns: u64) -> Result<()> {
        let Self { fleet, ledger, receipts, reader, timing, silence, repeated, .. } = self;
        let (publishers, groups) = (self.publishers, self.groups);
        fleet.turn(timeout_ns, |client, message, now_ns| {
            let Some(slot) = client.checked_sub(publishers) else {
                return ledger.faults.wrong_group += 1;
            };
            let delivery = match reader.read(slot % groups, message) {
                Ok(delivery) => delivery,
                Err(Misread::OtherTarget) => return ledger.faults.wrong_group += 1,
                Err(Misread::Unreadable) => return ledger.faults.unreadable += 1,
            };
            let receipts = receipts.as_mut();
            match receipts.map(|receipts| receipts.on_delivery(client, delivery.sequence_id)) {
                Some(Numbered::Again) => return *repeated += 1,
                Some(Numbered::Wrong) => ledger.faults.misnumbered += 1,
                Some(Numbered::Next) | None => {}
            }
            ledger.on_delivery(slot, delivery.stamp);
            timing.deliveries.record(now_ns.saturating_sub(delivery.stamp.intended_ns));
            let silence = silence.as_mut();
            if let Some(silent_ns) = silence.and_then(|silence| silence.on_delivery(slot, now_ns)) {
                timing.silent.record(silent_ns);
            }
        })?;
        self.note_changes()?;
        self.receipts.as_mut().map_or(Ok(()), |receipts| receipts.write(&mut self.fleet))
    }

    fn note_changes(&mut self) -> Result<()> {
        let now_ns = clock::now_ns();
        for opened in self.fleet.opened.drain(..) {
            let slot = opened.client - self.publishers;
            self.ledger.on_joined(slot);
            self.crowd.on_opened(slot);
            self.timing.connects.record(opened.latency_ns);
            if let Some(silence) = &self.silence {
                self.timing.away.record(now_ns.saturating_sub(silence.since_ns()));
            }
            self.connects += 1;
        }
        for client in self.fleet.gone.drain(..) {
            if let Some(slot) = client.checked_sub(self.publishers) {
                self.crowd.on_gone(slot);
            }
        }
        if let Some((recovery, greetings)) =
            self.recovery.as_mut().zip(self.fleet.greetings.as_mut())
        {
            for (client, greeting) in greetings.drain(..) {
                recovery.on_greeting(client - self.publishers, &greeting)?;
            }
        }
        Ok(())
    }

    pub(crate) fn tell(&self, progress: &mut Progress) {
        progress.tick(clock::now_ns(), || {
            let Ledger { delivered, published, faults, .. } = &self.ledger;
            let faults = faults.count_so_far();
            let members = self.crowd.members().len();
            format!("{members} in, {published} published, {delivered} delivered, {faults} faults")
        });
    }

    /// Closes all clients and says what was wrong with the run.
    pub(crate) fn finish(&mut self) -> Result<Faults> {
        self.ledger.settle_losses();
        let mut faults = take(&mut self.ledger.faults);
        faults.clients_closed = self.fleet.lost.values().sum();
        faults.not_in += self.crowd.opening() as u64;
        let answered = self.fleet.closed_orderly() as u64;
        faults.unanswered_closes = self.goodbyes.orderly().saturating_sub(answered);
        let open = (0..self.fleet.clients.len()).filter(|&client| self.fleet.is_open(client));
        let open = open.count() as u64;
        let closed = self.fleet.close_all()? as u64 - answered;
        faults.unanswered_closes += open.saturating_sub(closed);
        Ok(faults)
    }
}
