//! Those that send in turn, at a rate: publishers apart, members that publish, HTTP connections.

use std::ops::Range;

use crate::histogram::Latencies;
use crate::pace::{Schedule, TURN_NS_MAX};

/// Senders of one kind; a sender is counted as the ledger counts publishers.
pub(crate) struct Senders {
    pub(crate) name: &'static str,
    pub(crate) senders: Range<usize>,
    next: usize,
    schedule: Option<Schedule>,
    pub(crate) sent: u64,
    /// What was due when the time of a phase was over.
    pub(crate) unsent: usize,
    /// How late the generator sent what was due.
    pub(crate) lags: Latencies,
}

impl Senders {
    pub(crate) fn new(name: &'static str, senders: Range<usize>) -> Self {
        Self {
            name,
            next: senders.start,
            senders,
            schedule: None,
            sent: 0,
            unsent: 0,
            lags: Latencies::new(),
        }
    }

    /// Sends `rate` times a second from now on, for `seconds`; not at all at 0.
    pub(crate) fn start(&mut self, rate: f64, seconds: u64) {
        self.schedule = (rate > 0.0).then(|| Schedule::start(rate, seconds));
        (self.sent, self.lags) = (0, Latencies::new());
    }

    pub(crate) fn stop(&mut self) {
        let schedule = self.schedule.take();
        self.unsent += schedule.map_or(0, |schedule| schedule.behind(schedule.end_ns()));
    }

    /// When the next message was due, if it was.
    pub(crate) fn take_due(&mut self, now_ns: u64) -> Option<u64> {
        let due_ns = self.schedule.as_mut()?.take_due(now_ns)?;
        self.lags.record(now_ns - due_ns);
        Some(due_ns)
    }

    pub(crate) fn sleep_ns(&self) -> u64 {
        self.schedule.as_ref().map_or(TURN_NS_MAX, Schedule::sleep_ns)
    }

    /// Whose turn it is.
    pub(crate) fn next_sender(&mut self) -> usize {
        let sender = self.next;
        self.next = if sender + 1 < self.senders.end { sender + 1 } else { self.senders.start };
        sender
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn senders_take_turns() {
        let mut senders = Senders::new("members", 4..6);
        assert_eq!([0; 3].map(|_| senders.next_sender()), [4, 5, 4]);
    }

    #[test]
    fn nothing_is_due_without_a_rate_and_what_is_left_is_counted() {
        let mut senders = Senders::new("rest", 0..1);
        assert_eq!((senders.take_due(u64::MAX), senders.sleep_ns()), (None, TURN_NS_MAX));
        senders.start(0.0, 1);
        assert_eq!(senders.take_due(u64::MAX), None);
        senders.start(10.0, 1);
        assert!(senders.take_due(clock::now_ns()).is_some());
        senders.stop();
        assert_eq!(senders.unsent, 9);
    }
}
