//! What event listeners made of the events, by the server's own counters (operations.md 2.5).
//!
//! The server acknowledges an event for listeners when it has taken it (events-listener.md 3.3);
//! that a broker has it comes later, and no client hears of it. So a phase ends twice: with the
//! last ack, and when nothing waits for a listener any more. What the server worked in between
//! belongs to the events of the phase, which therefore also has to begin with nothing waiting.
//!
//! Only the metrics page tells. Without its address a phase ends with its last ack, and the report
//! says so.

use anyhow::Result;
use serde::Serialize;

use crate::clock::{self, NS_PER_MS, NS_PER_S};
use crate::events::load::Load;
use crate::meter::{Meter, Usage};
use crate::metrics::ListenerCounters;
use crate::target::Target;

/// How long the listeners get for what they are behind.
const DRAIN_NS_MAX: u64 = 30 * NS_PER_S;
/// A scrape costs the server time, which is counted: no more of them than that.
const POLL_NS: u64 = 50 * NS_PER_MS;

/// The event listeners of the server under test, all together.
pub(super) struct Listeners<'a> {
    target: &'a Target,
    /// Before the first event of the run, and when last looked at.
    counters: Option<Span>,
}

/// Two readings; what is between them is told by `delivered` and `dropped`.
#[derive(Clone, Copy)]
struct Span {
    first: ListenerCounters,
    last: ListenerCounters,
}

/// Readings at the start of a phase.
pub(super) struct Mark {
    meter: Meter,
    sent: u64,
    counters: Option<ListenerCounters>,
}

/// A phase together with what came of its events after it.
#[derive(Serialize)]
pub(crate) struct Listened {
    /// In the phase, and what of it was late.
    pub(crate) sent: u64,
    /// Until nothing waited for a listener; until the last ack where that is not known.
    pub(crate) usage: Usage,
    pub(crate) deliveries: Option<Deliveries>,
}

/// Sums over all listeners. Rates are of the whole time in `Listened::usage`.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Deliveries {
    pub(crate) delivered: u64,
    pub(crate) delivered_per_s: f64,
    pub(crate) dropped: u64,
    pub(crate) dropped_per_s: f64,
    /// Still waiting when patience ended.
    pub(crate) queued: u64,
}

impl<'a> Listeners<'a> {
    pub(super) fn find(target: &'a Target) -> Result<Self> {
        let counters = target.listener_counters()?.map(|first| Span { first, last: first });
        Ok(Self { target, counters })
    }

    /// Whether any listener has delivered an event of this run; true when that is not known.
    pub(super) fn have_delivered(&self) -> bool {
        self.counters.is_none_or(|Span { first, last }| last.delivered > first.delivered)
    }

    /// Events dropped since the start of the run, as of the last look.
    pub(super) fn dropped(&self) -> u64 {
        self.counters.map_or(0, |Span { first, last }| last.dropped.saturating_sub(first.dropped))
    }

    /// Events that waited at the last look.
    pub(super) fn queued(&self) -> u64 {
        self.counters.map_or(0, |span| span.last.queued)
    }

    /// Waits until no event waits for a listener, at most 30 s; whether that is so, as far as is
    /// known. Clients get their pongs meanwhile.
    pub(super) fn drain(&mut self, load: &mut Load) -> Result<bool> {
        let end_ns = clock::now_ns() + DRAIN_NS_MAX;
        while self.look()? > 0 {
            if clock::now_ns() > end_ns {
                return Ok(false);
            }
            load.turn(POLL_NS)?;
        }
        // A page is not of one moment: what left a queue while it was made may be missing from the
        // counts that stand above. It is in the next one.
        Ok(self.look()? == 0)
    }

    /// Reads the counters; how many events wait.
    fn look(&mut self) -> Result<u64> {
        if let Some(span) = &mut self.counters
            && let Some(now) = self.target.listener_counters()?
        {
            span.last = now;
        }
        Ok(self.queued())
    }

    /// What to say about the run as a whole; there is no phase when a warm-up left events behind.
    pub(super) fn notes(&self, phase: Option<&Listened>) -> Vec<String> {
        let Some(listened) = phase else {
            let queued = self.queued();
            let text = format!("{queued} events still waited for listeners after the warm-up");
            return Vec::from_iter((queued > 0).then_some(text));
        };
        let in_phase = listened.deliveries.map_or(0, |found| found.dropped);
        let dropped = self.dropped().saturating_sub(in_phase);
        let text = format!("listeners dropped {dropped} events before the measured phase");
        (dropped > 0).then_some(text).into_iter().chain(listened.note()).collect()
    }

    /// Starts a phase, the queues being empty.
    pub(super) fn mark(&self, load: &Load) -> Mark {
        Mark {
            meter: Meter::start(load.server),
            sent: load.ledger.sent,
            counters: self.counters.map(|span| span.last),
        }
    }

    /// Ends a phase that has settled, once nothing waits for a listener any more.
    pub(super) fn end(&mut self, before: &Mark, load: &mut Load) -> Result<Listened> {
        self.drain(load)?;
        let usage = before.meter.read();
        let readings = before.counters.zip(self.counters);
        Ok(Listened {
            sent: load.ledger.sent - before.sent,
            deliveries: readings
                .map(|(first, Span { last, .. })| Deliveries::between(first, last, usage.seconds)),
            usage,
        })
    }
}

impl Deliveries {
    fn between(first: ListenerCounters, last: ListenerCounters, seconds: f64) -> Self {
        let delivered = last.delivered.saturating_sub(first.delivered);
        let dropped = last.dropped.saturating_sub(first.dropped);
        Self {
            delivered,
            delivered_per_s: delivered as f64 / seconds,
            dropped,
            dropped_per_s: dropped as f64 / seconds,
            queued: last.queued,
        }
    }
}

impl Listened {
    /// What to say when not each event has been delivered, and once.
    fn note(&self) -> Option<String> {
        let sent = self.sent;
        let Some(Deliveries { delivered, dropped, queued, .. }) = self.deliveries else {
            return Some(
                "what listeners delivered is unknown, and server CPU per event ends with the last \
                 ack: --metrics was not given"
                    .into(),
            );
        };
        if delivered == sent {
            return None;
        }
        let rest = match delivered + dropped + queued {
            known if known > sent => {
                "; each listener counts for itself, and system events too (systemEvents)"
            }
            known if known < sent => "; the others have left no trace",
            _ => "",
        };
        Some(format!(
            "{sent} events were sent, and listeners delivered {delivered}, dropped {dropped} and \
             had {queued} waiting at the end{rest}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listened(sent: u64, deliveries: Option<Deliveries>) -> Listened {
        Listened { sent, usage: Meter::start(None).read(), deliveries }
    }

    #[test]
    fn deliveries_are_what_came_between_two_readings() {
        let first = ListenerCounters { delivered: 5, dropped: 1, queued: 0 };
        let last = ListenerCounters { delivered: 25, dropped: 11, queued: 3 };
        let found = Deliveries::between(first, last, 4.0);
        assert_eq!((found.delivered, found.dropped, found.queued), (20, 10, 3));
        assert_eq!((found.delivered_per_s, found.dropped_per_s), (5.0, 2.5));
    }

    #[test]
    fn only_a_difference_to_what_was_sent_is_told() {
        let counters = |delivered, dropped, queued| {
            let last = ListenerCounters { delivered, dropped, queued };
            Some(Deliveries::between(ListenerCounters::default(), last, 1.0))
        };
        let note = |deliveries| listened(10, deliveries).note();
        assert_eq!(note(counters(10, 0, 0)), None);
        let told = |deliveries, what| note(deliveries).is_some_and(|text| text.contains(what));
        assert!(told(counters(7, 2, 1), "delivered 7, dropped 2 and had 1 waiting at the end"));
        assert!(!told(counters(7, 2, 1), ";"));
        assert!(told(counters(20, 0, 0), "each listener counts for itself"));
        assert!(told(counters(9, 0, 0), "no trace"));
        assert!(told(None, "--metrics was not given"));
    }
}
