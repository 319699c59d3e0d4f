//! The two ways to send, over open clients and HTTP connections: as fast as answers return, or
//! on a schedule.
//!
//! Closed loop finds what the server can do at saturation: every place of every connection is
//! filled again as soon as its answer is there. Open loop finds what callers and receivers see
//! at a given rate: requests are due at fixed times whatever the server does, and latency counts
//! from then, also for a request that first had to wait for a connection.

use std::mem::take;

use anyhow::{Result, ensure};

use crate::clock;
use crate::fleet::Fleet;
use crate::histogram::Latencies;
use crate::meter::{Meter, Usage};
use crate::pace::{BEHIND_MAX, Schedule, Settling, TURN_NS_MAX};
use crate::procfs::Process;
use crate::progress::Progress;
use crate::reader::{Misread, Reader};
use crate::rest::ledger::{Faults, Ledger, Shape};
use crate::rest::pool::{Pool, Request};
use crate::wire::envelope::Delivery;
use crate::wire::http;
use crate::wire::stamp::{Stamp, narrow};

/// Messages per place that may be unanswered or undelivered in the closed loop, so that a server
/// that answers before it delivers does not run into its own bound for slow clients.
const OUTSTANDING_PER_PLACE: usize = 2;
/// Refusals after which a run breaks off: something is wrong, and more of it tells nothing.
const REFUSED_MAX: u64 = 1000;

/// Clients 0 to `shape.clients` receive; those behind them are the HTTP connections.
pub(crate) struct Load {
    pub(crate) fleet: Fleet,
    pub(crate) ledger: Ledger,
    pool: Pool,
    outstanding_max: usize,
    pub(crate) reader: Reader,
    /// By target: the request up to its body.
    heads: Vec<Vec<u8>>,
    shape: Shape,
    server: Option<Process>,
    next_target: usize,
    /// Times of the last open loop; those left over are still sent while it settles.
    schedule: Option<Schedule>,
    /// HTTP connections with requests to write.
    touched: Vec<usize>,
    pub(crate) timing: Timing,
    pub(crate) first_refusal: Option<String>,
}

/// Distributions of the open loop.
pub(crate) struct Timing {
    /// From when a request was due to its 202.
    pub(crate) requests: Latencies,
    /// From when a request was due to the delivery of its message.
    pub(crate) deliveries: Latencies,
    /// From when a request could have been sent, due and with a free connection, to when it was.
    pub(crate) lags: Latencies,
}

impl Timing {
    pub(crate) fn new() -> Self {
        Self { requests: Latencies::new(), deliveries: Latencies::new(), lags: Latencies::new() }
    }
}

/// What happened between the two readings of a phase.
pub(crate) struct Measured {
    pub(crate) accepted: u64,
    pub(crate) delivered: u64,
    pub(crate) usage: Usage,
}

impl Load {
    /// `pool` is about the last clients of `fleet`; `heads` has one request for each target.
    pub(crate) fn new(
        fleet: Fleet,
        reader: Reader,
        heads: Vec<Vec<u8>>,
        shape: Shape,
        places_each: usize,
        server: Option<Process>,
    ) -> Self {
        let connections = fleet.clients.len() - shape.clients;
        Self {
            fleet,
            ledger: Ledger::new(shape),
            pool: Pool::new(connections, places_each),
            outstanding_max: OUTSTANDING_PER_PLACE * connections * places_each,
            reader,
            heads,
            shape,
            server,
            next_target: 0,
            schedule: None,
            touched: Vec::new(),
            timing: Timing::new(),
            first_refusal: None,
        }
    }

    /// Whether everything so far went well enough to go on.
    pub(crate) fn is_sound(&self) -> bool {
        self.fleet.lost.is_empty() && self.ledger.faults.refused < REFUSED_MAX
    }

    /// Keeps every place of every connection in use for a warm-up and then for the measured
    /// seconds.
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
            while self.pool.has_place() && self.ledger.outstanding() < self.outstanding_max {
                self.queue(now_ns, now_ns);
            }
            self.write_touched()?;
            self.turn(TURN_NS_MAX)?;
            self.tell(progress);
        }
        Ok(())
    }

    /// Sends `rate` requests per second, each at its time, for `seconds`.
    pub(crate) fn pace(&mut self, rate: f64, seconds: u64) -> Result<Measured> {
        let mut progress = Progress::new("fixed rate");
        let before = self.mark();
        let end_ns = self.schedule.insert(Schedule::start(rate, seconds)).end_ns();
        while clock::now_ns() < end_ns && self.is_sound() {
            self.send_due()?;
            self.turn(self.sleep_ns())?;
            ensure!(
                self.ledger.outstanding() + self.behind() < BEHIND_MAX,
                "the server is {BEHIND_MAX} messages behind: {rate:.0} requests/s is above what \
                 it can do"
            );
            self.tell(&mut progress);
        }
        Ok(self.since(&before))
    }

    /// Waits until everything due is sent, answered and delivered, or nothing more seems to come.
    pub(crate) fn settle(&mut self) -> Result<()> {
        if !self.is_sound() {
            // Broken off: what is under way may still arrive, nothing is added to it.
            self.schedule = None;
        }
        let mut settling = Settling::start();
        while self.ledger.outstanding() + self.behind() > 0
            && self.fleet.lost.is_empty()
            && !settling.is_over(self.ledger.accepted + self.ledger.delivered)
        {
            self.send_due()?;
            self.turn(TURN_NS_MAX)?;
        }
        self.ledger.faults.unsent += self.behind() as u64;
        self.schedule = None;
        Ok(())
    }

    /// Sends what is due as far as connections are free.
    fn send_due(&mut self) -> Result<()> {
        let now_ns = clock::now_ns();
        while self.pool.has_place() {
            let due = self.schedule.as_mut().and_then(|schedule| schedule.take_due(now_ns));
            let Some(due_ns) = due else { break };
            self.queue(due_ns, now_ns);
        }
        self.write_touched()
    }

    /// Requests that are due and wait for a connection.
    fn behind(&self) -> usize {
        self.schedule.as_ref().map_or(0, |schedule| schedule.behind(clock::now_ns()))
    }

    /// Until the next request is due. When one is already, it waits for an answer, as we do.
    fn sleep_ns(&self) -> u64 {
        match &self.schedule {
            Some(schedule) if self.pool.has_place() => schedule.sleep_ns(),
            _ => TURN_NS_MAX,
        }
    }

    /// Appends the next request to what a free connection has to write.
    fn queue(&mut self, intended_ns: u64, now_ns: u64) {
        let Some(place) = self.pool.take() else { return };
        let target = self.next_target;
        self.next_target = (target + 1) % self.shape.targets;
        let sequence = self.ledger.on_start(target);
        self.pool.on_sent(place, Request { target, sequence, intended_ns });
        let stamp = Stamp { publisher: 0, target: narrow(target), sequence, intended_ns };
        let index = self.shape.clients + place.connection;
        let outgoing = &mut self.fleet.clients[index].socket.outgoing;
        outgoing.extend_from_slice(&self.heads[target]);
        self.reader.layout().put_payload(outgoing, stamp);
        self.touched.push(index);
        self.timing.lags.record(now_ns.saturating_sub(intended_ns.max(place.free_since_ns)));
    }

    fn write_touched(&mut self) -> Result<()> {
        // With several places one connection can stand here twice; its second write is empty.
        let mut touched = take(&mut self.touched);
        for index in touched.drain(..) {
            self.fleet.write(index)?;
        }
        self.touched = touched;
        Ok(())
    }

    fn turn(&mut self, timeout_ns: u64) -> Result<()> {
        let Self { fleet, ledger, pool, reader, shape, timing, first_refusal, .. } = self;
        fleet.turn(timeout_ns, |client, message, now_ns| {
            if let Some(connection) = client.checked_sub(shape.clients) {
                let Some(request) = pool.on_answer(connection, now_ns) else {
                    return ledger.faults.unasked += 1;
                };
                let is_accepted = http::status(message) == http::ACCEPTED;
                ledger.on_answer(request.target, request.sequence, is_accepted);
                if is_accepted {
                    timing.requests.record(now_ns.saturating_sub(request.intended_ns));
                } else {
                    first_refusal.get_or_insert_with(|| http::excerpt(message));
                }
                return;
            }
            let target = shape.target_of(client);
            let stamp = match reader.read(target, message) {
                Ok(Delivery { stamp, .. }) => stamp,
                Err(Misread::OtherTarget) => return ledger.faults.wrong_receiver += 1,
                Err(Misread::Unreadable) => return ledger.faults.unreadable += 1,
            };
            if ledger.on_delivery(client, stamp) {
                timing.deliveries.record(now_ns.saturating_sub(stamp.intended_ns));
            }
        })
    }

    fn mark(&self) -> (Meter, u64, u64) {
        (Meter::start(self.server), self.ledger.accepted, self.ledger.delivered)
    }

    fn since(&self, (meter, accepted, delivered): &(Meter, u64, u64)) -> Measured {
        Measured {
            usage: meter.read(),
            accepted: self.ledger.accepted - accepted,
            delivered: self.ledger.delivered - delivered,
        }
    }

    fn tell(&self, progress: &mut Progress) {
        progress.tick(clock::now_ns(), || {
            let Ledger { accepted, delivered, faults, .. } = &self.ledger;
            format!("{accepted} accepted, {delivered} delivered, {} faults", faults.count_so_far())
        });
    }

    /// Closes all clients and says what was wrong with the run.
    pub(crate) fn finish(&mut self) -> Result<Faults> {
        self.ledger.settle_losses();
        self.ledger.faults.connections_closed = self.fleet.lost.values().sum();
        self.fleet.close_all()?;
        Ok(take(&mut self.ledger.faults))
    }
}
