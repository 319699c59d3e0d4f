//! The two ways to publish, over open clients: as fast as deliveries return, or on a schedule.
//!
//! Closed loop finds what the server can do at saturation: each publisher tops up its window
//! once per turn. Open loop finds what a subscriber sees at a given rate: messages are due at
//! fixed times whatever the server does, and latency counts from then.

use std::mem::take;

use anyhow::{Result, ensure};

use crate::clock::{self, NS_PER_MS, NS_PER_S};
use crate::fanout::ledger::{Faults, Ledger, Shape};
use crate::fleet::Fleet;
use crate::histogram::Latencies;
use crate::meter::{Meter, Usage};
use crate::procfs::Process;
use crate::progress::Progress;
use crate::wire::envelope::{Layout, Odd};
use crate::wire::stamp::Stamp;

/// Longest sleep of a turn, so that ends of phases are noticed.
const TURN_NS_MAX: u64 = 20 * NS_PER_MS;
/// Messages published between two reads, so that a schedule that lags does not stop reading.
const PUBLISHES_PER_TURN_MAX: usize = 1024;
/// A server this far behind a schedule does not keep it; memory for the ledger ends somewhere.
const OUTSTANDING_MAX: usize = 1_000_000;
/// A settling phase ends when nothing arrives for this long, and at the latest after that long.
const SETTLE_IDLE_NS: u64 = 5 * NS_PER_S;
const SETTLE_NS_MAX: u64 = 60 * NS_PER_S;

/// Clients 0 to `subscribers` receive; the `publishers` behind them publish.
pub(crate) struct Load {
    pub(crate) fleet: Fleet,
    pub(crate) ledger: Ledger,
    layout: Layout,
    shape: Shape,
    server: Option<Process>,
    /// By publisher: the group its next message goes to.
    next_groups: Vec<usize>,
    /// Deliveries whose layout was not the expected one, and the first message that was none.
    pub(crate) parsed_slowly: u64,
    pub(crate) first_unreadable: Option<String>,
}

/// What happened between the two readings of a phase.
pub(crate) struct Measured {
    pub(crate) published: u64,
    pub(crate) delivered: u64,
    pub(crate) usage: Usage,
}

impl Load {
    pub(crate) fn new(fleet: Fleet, layout: Layout, shape: Shape, server: Option<Process>) -> Self {
        Self {
            fleet,
            ledger: Ledger::new(shape),
            layout,
            shape,
            server,
            // Publishers start apart, so that they do not all meet in one group.
            next_groups: (0..shape.publishers)
                .map(|p| p * shape.groups / shape.publishers)
                .collect(),
            parsed_slowly: 0,
            first_unreadable: None,
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
        while clock::now_ns() < end_ns && self.fleet.lost.is_empty() {
            let now_ns = clock::now_ns();
            for publisher in 0..self.shape.publishers {
                let room = window.saturating_sub(self.ledger.outstanding_of(publisher));
                for _ in 0..room {
                    self.queue(publisher, now_ns);
                }
                if room > 0 {
                    self.fleet.write(self.shape.subscribers + publisher)?;
                }
            }
            self.turn(TURN_NS_MAX, None)?;
            self.tell(progress);
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
        let start_ns = clock::now_ns();
        let end_ns = start_ns + clock::from_s(seconds);
        let mut schedule = Schedule { start_ns, interval_ns: NS_PER_S as f64 / rate, next: 0 };
        while clock::now_ns() < end_ns && self.fleet.lost.is_empty() {
            self.publish_due(&mut schedule, end_ns, lags)?;
            let sleep_ns = schedule.due_ns().saturating_sub(clock::now_ns()).min(TURN_NS_MAX);
            self.turn(sleep_ns, Some(latencies))?;
            ensure!(
                self.ledger.outstanding() < OUTSTANDING_MAX,
                "the server is {OUTSTANDING_MAX} messages behind: {rate:.0} publishes/s is above \
                 what it can do"
            );
            self.tell(&mut progress);
        }
        Ok(self.since(&before))
    }

    fn publish_due(
        &mut self,
        schedule: &mut Schedule,
        end_ns: u64,
        lags: &mut Latencies,
    ) -> Result<()> {
        let now_ns = clock::now_ns();
        let mut count = 0;
        while schedule.due_ns() <= now_ns.min(end_ns - 1) && count < PUBLISHES_PER_TURN_MAX {
            let publisher = schedule.index() % self.shape.publishers;
            self.queue(publisher, schedule.due_ns());
            lags.record(now_ns - schedule.due_ns());
            schedule.next += 1;
            count += 1;
        }
        for publisher in 0..count.min(self.shape.publishers) {
            let last = schedule.index() + self.shape.publishers - 1 - publisher;
            self.fleet.write(self.shape.subscribers + last % self.shape.publishers)?;
        }
        Ok(())
    }

    /// Waits until everything published has arrived, or nothing more seems to come.
    pub(crate) fn settle(&mut self, mut latencies: Option<&mut Latencies>) -> Result<()> {
        let started_ns = clock::now_ns();
        let mut last = (self.ledger.delivered, started_ns);
        while self.ledger.outstanding() > 0 && self.fleet.lost.is_empty() {
            self.turn(TURN_NS_MAX, latencies.as_deref_mut())?;
            let now_ns = clock::now_ns();
            if self.ledger.delivered != last.0 {
                last = (self.ledger.delivered, now_ns);
            }
            if now_ns - last.1 > SETTLE_IDLE_NS || now_ns - started_ns > SETTLE_NS_MAX {
                break;
            }
        }
        Ok(())
    }

    /// Appends a publisher's next message to what its client has to write.
    fn queue(&mut self, publisher: usize, intended_ns: u64) {
        let group = self.next_groups[publisher];
        self.next_groups[publisher] = (group + 1) % self.shape.groups;
        let sequence = self.ledger.on_publish(publisher, group);
        let stamp =
            Stamp { publisher: narrow(publisher), group: narrow(group), sequence, intended_ns };
        let client = &mut self.fleet.clients[self.shape.subscribers + publisher];
        self.layout.put_publish(&mut client.outgoing, stamp);
    }

    fn turn(&mut self, timeout_ns: u64, mut latencies: Option<&mut Latencies>) -> Result<()> {
        let Self { fleet, ledger, layout, shape, parsed_slowly, first_unreadable, .. } = self;
        fleet.turn(timeout_ns, |client, message, now_ns| {
            let group = shape.group_of(client);
            let is_subscriber = client < shape.subscribers;
            let stamp = match layout.read_delivery(group, message) {
                Some(stamp) if is_subscriber => stamp,
                _ => match layout.read_odd(message) {
                    Odd::Delivery(of, stamp) if is_subscriber && of as usize == group => {
                        *parsed_slowly += 1;
                        stamp
                    }
                    Odd::Delivery(..) => return ledger.faults.wrong_group += 1,
                    Odd::Other(text) => {
                        first_unreadable.get_or_insert(text);
                        return ledger.faults.unreadable += 1;
                    }
                },
            };
            ledger.on_delivery(client, stamp);
            if let Some(latencies) = latencies.as_deref_mut() {
                latencies.record(now_ns.saturating_sub(stamp.intended_ns));
            }
        })
    }

    fn mark(&self) -> (Meter, u64, u64) {
        (Meter::start(self.server), self.ledger.published, self.ledger.delivered)
    }

    fn since(&self, (meter, published, delivered): &(Meter, u64, u64)) -> Measured {
        Measured {
            usage: meter.read(),
            published: self.ledger.published - published,
            delivered: self.ledger.delivered - delivered,
        }
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

/// Evenly spaced times.
struct Schedule {
    start_ns: u64,
    interval_ns: f64,
    next: u64,
}

impl Schedule {
    #[expect(clippy::cast_possible_truncation, reason = "nanoseconds of a run fit 53 bits")]
    fn due_ns(&self) -> u64 {
        self.start_ns + (self.next as f64 * self.interval_ns) as u64
    }

    fn index(&self) -> usize {
        usize::try_from(self.next).unwrap_or(usize::MAX)
    }
}

/// Counts of publishers and groups are bounded by the width of their field in a stamp.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
