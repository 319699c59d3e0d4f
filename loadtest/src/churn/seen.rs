//! What is measured while clients come and go: in a span of time, and of a storm.

use std::mem::take;

use serde::{Deserialize, Serialize};

use crate::histogram::Latencies;
use crate::meter::Usage;

/// One phase in one process.
#[derive(Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) usage: Usage,
    /// Clients that came in.
    pub(crate) connects: u64,
    pub(crate) published: u64,
    pub(crate) delivered: u64,
    pub(crate) timing: Timing,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Timing {
    /// From when a client was due, or else from `connect`, until it is a member.
    pub(crate) connects: Latencies,
    /// How late the generator started those that were due.
    pub(crate) connect_lags: Latencies,
    /// From when a publish was due to each of its deliveries.
    pub(crate) deliveries: Latencies,
    pub(crate) publish_lags: Latencies,
    /// From a storm's start until a client was a member again, and until it heard something.
    pub(crate) away: Latencies,
    pub(crate) silent: Latencies,
}

impl Timing {
    pub(crate) fn new() -> Self {
        Self {
            connects: Latencies::new(),
            connect_lags: Latencies::new(),
            deliveries: Latencies::new(),
            publish_lags: Latencies::new(),
            away: Latencies::new(),
            silent: Latencies::new(),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.connects.merge(&other.connects);
        self.connect_lags.merge(&other.connect_lags);
        self.deliveries.merge(&other.deliveries);
        self.publish_lags.merge(&other.publish_lags);
        self.away.merge(&other.away);
        self.silent.merge(&other.silent);
    }
}

/// Which slots have heard nothing since a moment.
pub(crate) struct Silence {
    since_ns: u64,
    is_silent: Vec<bool>,
    count: usize,
}

impl Silence {
    pub(crate) fn begin(slots: usize, since_ns: u64) -> Self {
        Self { since_ns, is_silent: vec![true; slots], count: slots }
    }

    pub(crate) fn since_ns(&self) -> u64 {
        self.since_ns
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How long a slot was silent, when it is not any more.
    #[inline]
    pub(crate) fn on_delivery(&mut self, slot: usize, now_ns: u64) -> Option<u64> {
        if !take(self.is_silent.get_mut(slot)?) {
            return None;
        }
        self.count -= 1;
        Some(now_ns.saturating_sub(self.since_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_silent_until_its_first_delivery() {
        let mut silence = Silence::begin(2, 10);
        assert_eq!(silence.on_delivery(1, 15), Some(5));
        assert_eq!((silence.on_delivery(1, 16), silence.count()), (None, 1));
        assert_eq!((silence.on_delivery(0, 17), silence.count()), (Some(7), 0));
        assert_eq!(silence.on_delivery(2, 18), None);
    }
}
