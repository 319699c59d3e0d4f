//! Time in a run: when messages are due, and how long to wait for the last of them.

use anyhow::{Result, ensure};

use crate::clock::{self, NS_PER_MS, NS_PER_S};

/// Longest sleep of a turn, so that ends of phases are noticed.
pub(crate) const TURN_NS_MAX: u64 = 20 * NS_PER_MS;
/// A server this many messages behind a schedule does not keep it; memory ends somewhere.
pub(crate) const BEHIND_MAX: usize = 1_000_000;
/// A settling phase ends when nothing arrives for this long, and at the latest after that long.
const SETTLE_IDLE_NS: u64 = 5 * NS_PER_S;
const SETTLE_NS_MAX: u64 = 60 * NS_PER_S;

/// Evenly spaced times, for an open loop: they do not move when the server is late.
pub(crate) struct Schedule {
    start_ns: u64,
    end_ns: u64,
    interval_ns: f64,
    next: u64,
}

impl Schedule {
    /// `rate` times a second for `seconds`, from now on.
    pub(crate) fn start(rate: f64, seconds: u64) -> Self {
        let start_ns = clock::now_ns();
        let end_ns = start_ns + clock::from_s(seconds);
        Self { start_ns, end_ns, interval_ns: NS_PER_S as f64 / rate, next: 0 }
    }

    /// `rate` times a second from now on.
    pub(crate) fn endless(rate: f64) -> Self {
        Self { end_ns: u64::MAX, ..Self::start(rate, 0) }
    }

    pub(crate) fn end_ns(&self) -> u64 {
        self.end_ns
    }

    /// How many times have been taken.
    pub(crate) fn taken(&self) -> usize {
        usize::try_from(self.next).unwrap_or(usize::MAX)
    }

    /// When the next message is due, which may be behind the end.
    #[expect(clippy::cast_possible_truncation, reason = "nanoseconds of a run fit 53 bits")]
    pub(crate) fn due_ns(&self) -> u64 {
        self.start_ns + (self.next as f64 * self.interval_ns) as u64
    }

    /// The next time that has come, once.
    pub(crate) fn take_due(&mut self, now_ns: u64) -> Option<u64> {
        let due_ns = self.due_ns();
        let is_due = due_ns <= now_ns && due_ns < self.end_ns;
        self.next += u64::from(is_due);
        is_due.then_some(due_ns)
    }

    /// Times that have come and were not taken.
    pub(crate) fn behind(&self, now_ns: u64) -> usize {
        let span_ns = now_ns.min(self.end_ns).saturating_sub(self.due_ns());
        // A run is bounded far below what a count can hold.
        #[expect(clippy::cast_possible_truncation, reason = "see above; casts saturate")]
        let intervals = (span_ns as f64 / self.interval_ns).ceil() as usize;
        intervals
    }

    /// How long a turn may sleep without missing the next time.
    pub(crate) fn sleep_ns(&self) -> u64 {
        self.due_ns().saturating_sub(clock::now_ns()).min(TURN_NS_MAX)
    }
}

/// Patience with what is still on its way after a phase.
pub(crate) struct Settling {
    started_ns: u64,
    arrived: u64,
    arrived_ns: u64,
}

impl Settling {
    pub(crate) fn start() -> Self {
        let started_ns = clock::now_ns();
        Self { started_ns, arrived: 0, arrived_ns: started_ns }
    }

    /// Whether to give up, `arrived` being how much has arrived so far.
    pub(crate) fn is_over(&mut self, arrived: u64) -> bool {
        let now_ns = clock::now_ns();
        if arrived != self.arrived {
            (self.arrived, self.arrived_ns) = (arrived, now_ns);
        }
        now_ns - self.arrived_ns > SETTLE_IDLE_NS || now_ns - self.started_ns > SETTLE_NS_MAX
    }
}

/// When nothing happens for this long, the server is stuck and the run ends.
const STALL_NS: u64 = 15 * NS_PER_S;

/// Patience with a server that has to do something for every client.
pub(crate) struct Patience {
    done: u64,
    done_ns: u64,
}

impl Patience {
    pub(crate) fn start() -> Self {
        Self { done: 0, done_ns: clock::now_ns() }
    }

    /// Ends the run, `complaint` saying why, when `done` has not changed for too long.
    pub(crate) fn check(&mut self, done: u64, complaint: &str) -> Result<()> {
        let now_ns = clock::now_ns();
        if done != self.done {
            (self.done, self.done_ns) = (done, now_ns);
        }
        let seconds = STALL_NS / NS_PER_S;
        ensure!(now_ns - self.done_ns <= STALL_NS, "{complaint} for {seconds} s, after {done}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_once_each_when_they_come_and_none_behind_the_end() {
        let second = clock::from_s(1);
        let mut schedule =
            Schedule { start_ns: 5, end_ns: 5 + second, interval_ns: second as f64 / 4.0, next: 0 };
        assert_eq!(schedule.take_due(4), None);
        assert_eq!(schedule.take_due(5), Some(5));
        assert_eq!(schedule.take_due(5), None);
        assert_eq!(schedule.behind(5 + second * 3 / 5), 2);
        assert_eq!(schedule.behind(5 + 3 * second), 3);
        let rest: Vec<_> =
            std::iter::from_fn(|| schedule.take_due(5 + 3 * second)).map(|due| due - 5).collect();
        assert_eq!(rest, [second / 4, second / 2, second * 3 / 4]);
        assert_eq!((schedule.taken(), schedule.behind(5 + 3 * second)), (4, 0));
    }
}
