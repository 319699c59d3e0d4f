//! The two ways to publish, over open clients: as fast as deliveries return, or on a schedule.
//!
//! Closed loop finds what the server can do at saturation: each publisher tops up its window
//! once per turn. Open loop finds what a subscriber sees at a given rate: messages are due at
//! fixed times whatever the server does, and latency counts from then.

use std::mem::take;

use anyhow::{Result, ensure};

use crate::clock;
use crate::fanout::ledger::{Faults, Ledger};
use crate::fanout::receipts::{Numbered, Receipts};
use crate::fanout::shape::Shape;
use crate::fleet::Fleet;
use crate::histogram::Latencies;
use crate::meter::{Meter, Usage};
use crate::pace::{BEHIND_MAX, Schedule, Settling, TURN_NS_MAX};
use crate::procfs::Process;
use crate::progress::Progress;
use crate::reader::{Misread, Reader};
use crate::wire::envelope::Delivery;
use crate::wire::publish::Publishes;
use crate::wire::stamp::{Stamp, narrow};
use crate::wire::subprotocol::Subprotocol;

/// Messages published between two reads, so that a schedule that lags does not stop reading.
const PUBLISHES_PER_TURN_MAX: usize = 1024;
/// Messages in flight to each reliable subscriber at a fixed rate; what is due beyond waits, and
/// its latency counts. Without it a pause of this machine would end in a burst that makes the
/// server close its clients: 299 messages received and not acknowledged, as many as this with
/// their ack on its way, and as many again that the server reads before that ack stay below the
/// 1,000 of client-json.md 6.4.
pub(crate) const RELIABLE_IN_FLIGHT_MAX: usize = 350;

/// Clients 0 to `subscribers` receive; who publishes is in the shape.
pub(crate) struct Load {
    pub(crate) fleet: Fleet,
    pub(crate) ledger: Ledger,
    receipts: Option<Receipts>,
    pub(crate) reader: Reader,
    publishes: Publishes,
    shape: Shape,
    server: Option<Process>,
    /// By publisher: the group its next message goes to.
    next_groups: Vec<usize>,
    /// Messages that were due at a fixed rate when its time was over.
    pub(crate) unsent: usize,
}

/// What happened between the two readings of a phase.
pub(crate) struct Measured {
    pub(crate) published: u64,
    pub(crate) delivered: u64,
    pub(crate) sequence_acks: u64,
    pub(crate) usage: Usage,
}

/// A reading at the start of a phase.
struct Mark {
    meter: Meter,
    published: u64,
    delivered: u64,
    sequence_acks: u64,
}

impl Load {
    pub(crate) fn new(
        fleet: Fleet,
        reader: Reader,
        publishes: Publishes,
        subscribers: Subprotocol,
        shape: Shape,
        server: Option<Process>,
    ) -> Self {
        Self {
            fleet,
            ledger: Ledger::new(shape),
            receipts: Receipts::new(subscribers, 0..shape.subscribers),
            reader,
            publishes,
            shape,
            server,
            next_groups: (0..shape.publishers).map(|p| shape.first_group(p)).collect(),
            unsent: 0,
        }
    }

    /// Keeps `window` messages of each publisher outstanding for a warm-up and then for the
    /// measured seconds.
    pub(crate) fn saturate(
        &mut self,
        window: usize,
        warmup_s: u64,
        seconds: u64,
    ) -> Result<Measured> {
        let mut progress = Progress::new("closed loop");
        let started_ns = clock::now_ns();
        self.saturate_until(started_ns + clock::from_s(warmup_s), window, &mut progress)?;
        let before = self.mark();
        let end_ns = clock::now_ns() + clock::from_s(seconds);
        self.saturate_until(end_ns, window, &mut progress)?;
        Ok(self.since(&before))
    }

    fn saturate_until(
        &mut self,
        end_ns: u64,
        window: usize,
        progress: &mut Progress,
    ) -> Result<()> {
        self.top_up(0..self.shape.publishers, window)?;
        while clock::now_ns() < end_ns && self.fleet.lost.is_empty() {
            self.turn(TURN_NS_MAX, None)?;
            // With thousands of publishers a turn concerns few of them.
            let mut freed = take(&mut self.ledger.freed);
            self.top_up(freed.drain(..), window)?;
            self.ledger.freed = freed;
            self.tell(progress);
        }
        Ok(())
    }

    /// Publishes as much as the windows of `publishers` have room for.
    fn top_up(&mut self, publishers: impl Iterator<Item = usize>, window: usize) -> Result<()> {
        let now_ns = clock::now_ns();
        for publisher in publishers {
            let room = window.saturating_sub(self.ledger.under_way_of(publisher));
            for _ in 0..room {
                self.queue(publisher, now_ns);
            }
            if room > 0 {
                self.fleet.write(self.shape.client_of(publisher))?;
            }
        }
        Ok(())
    }

    /// Publishes `rate` messages per second in total, each at its time, for `seconds`. The
    /// second histogram takes how late the generator itself was.
    pub(crate) fn pace(
        &mut self,
        rate: f64,
        seconds: u64,
        latencies: &mut Latencies,
        lags: &mut Latencies,
    ) -> Result<Measured> {
        let mut progress = Progress::new("fixed rate");
        let before = self.mark();
        let mut schedule = Schedule::start(rate, seconds);
        while clock::now_ns() < schedule.end_ns() && self.fleet.lost.is_empty() {
            self.publish_due(&mut schedule, lags)?;
            self.turn(schedule.sleep_ns(), Some(latencies))?;
            ensure!(
                self.ledger.outstanding() < BEHIND_MAX,
                "the server is {BEHIND_MAX} messages behind: {rate:.0} publishes/s is above \
                 what it can do"
            );
            self.tell(&mut progress);
        }
        self.unsent = schedule.behind(schedule.end_ns());
        Ok(self.since(&before))
    }

    fn publish_due(&mut self, schedule: &mut Schedule, lags: &mut Latencies) -> Result<()> {
        let now_ns = clock::now_ns();
        let first = schedule.taken();
        let room = match self.receipts {
            Some(_) => {
                let in_flight_max = RELIABLE_IN_FLIGHT_MAX * self.shape.groups;
                in_flight_max.saturating_sub(self.ledger.outstanding()).min(PUBLISHES_PER_TURN_MAX)
            }
            None => PUBLISHES_PER_TURN_MAX,
        };
        while schedule.taken() - first < room {
            let publisher = schedule.taken() % self.shape.publishers;
            let Some(due_ns) = schedule.take_due(now_ns) else { break };
            self.queue(publisher, due_ns);
            lags.record(now_ns - due_ns);
        }
        let count = schedule.taken() - first;
        for publisher in 0..count.min(self.shape.publishers) {
            let last = schedule.taken() + self.shape.publishers - 1 - publisher;
            self.fleet.write(self.shape.client_of(last % self.shape.publishers))?;
        }
        Ok(())
    }

    /// Waits until everything published has arrived, or nothing more seems to come.
    pub(crate) fn settle(&mut self, mut latencies: Option<&mut Latencies>) -> Result<()> {
        let mut settling = Settling::start();
        while self.ledger.outstanding() > 0
            && self.fleet.lost.is_empty()
            && !settling.is_over(self.ledger.delivered)
        {
            self.turn(TURN_NS_MAX, latencies.as_deref_mut())?;
        }
        Ok(())
    }

    /// Appends a publisher's next message to what its client has to write.
    fn queue(&mut self, publisher: usize, intended_ns: u64) {
        let group = self.next_groups[publisher];
        self.next_groups[publisher] = self.shape.next_group(group);
        let sequence = self.ledger.on_publish(publisher, group);
        let stamp =
            Stamp { publisher: narrow(publisher), target: narrow(group), sequence, intended_ns };
        let client = &mut self.fleet.clients[self.shape.client_of(publisher)];
        self.publishes.put(&mut client.socket.outgoing, stamp);
    }

    fn turn(&mut self, timeout_ns: u64, mut latencies: Option<&mut Latencies>) -> Result<()> {
        let Self { fleet, ledger, receipts, reader, shape, .. } = self;
        // Only the closed loop looks at it, after each turn.
        ledger.freed.clear();
        fleet.turn(timeout_ns, |client, message, now_ns| {
            let group = shape.group_of(client);
            let is_subscriber = client < shape.subscribers;
            let Delivery { stamp, sequence_id } = match reader.read(group, message) {
                Ok(delivery) if is_subscriber => delivery,
                Ok(_) | Err(Misread::OtherTarget) => return ledger.faults.wrong_group += 1,
                Err(Misread::Unreadable) => return ledger.faults.unreadable += 1,
            };
            ledger.on_delivery(client, stamp);
            if let Some(receipts) = receipts.as_mut()
                && receipts.on_delivery(client, sequence_id) != Numbered::Next
            {
                ledger.faults.misnumbered += 1;
            }
            if let Some(latencies) = latencies.as_deref_mut() {
                latencies.record(now_ns.saturating_sub(stamp.intended_ns));
            }
        })?;
        // Before anything is published because of what has arrived: a server that reads both at
        // once must not find a client with 1,000 unacknowledged messages.
        receipts.as_mut().map_or(Ok(()), |receipts| receipts.write(fleet))
    }

    fn mark(&self) -> Mark {
        Mark {
            meter: Meter::start(self.server),
            published: self.ledger.published,
            delivered: self.ledger.delivered,
            sequence_acks: self.sequence_acks(),
        }
    }

    fn since(&self, before: &Mark) -> Measured {
        Measured {
            usage: before.meter.read(),
            published: self.ledger.published - before.published,
            delivered: self.ledger.delivered - before.delivered,
            sequence_acks: self.sequence_acks() - before.sequence_acks,
        }
    }

    fn sequence_acks(&self) -> u64 {
        self.receipts.as_ref().map_or(0, |receipts| receipts.acks)
    }

    fn tell(&self, progress: &mut Progress) {
        progress.tick(clock::now_ns(), || {
            let Ledger { delivered, published, .. } = self.ledger;
            let faults = self.ledger.faults.count_so_far();
            format!("{published} published, {delivered} delivered, {faults} faults")
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
