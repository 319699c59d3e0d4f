//! Opening many clients: a bounded number of them at a time, or each at its time.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::clock::{self, NS_PER_S};
use crate::fleet::{Dial, Fleet};
use crate::histogram::{Latencies, Quantiles};
use crate::pace::{Patience, Schedule};
use crate::progress::Progress;

/// Clients started between two reads, so that a schedule that lags does not stop reading.
const STARTS_PER_TURN_MAX: usize = 256;

/// When clients start.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arrival {
    /// Closed loop: this many are being opened at a time.
    AtATime(usize),
    /// Open loop: this many a second, at evenly spaced times, whatever the server does.
    PerSecond(f64),
}

/// Says when the next client starts.
pub(crate) enum Gate {
    AtATime(usize),
    Scheduled(Schedule),
}

impl Gate {
    pub(crate) fn open(arrival: Arrival) -> Self {
        match arrival {
            Arrival::AtATime(count) => Self::AtATime(count),
            Arrival::PerSecond(rate) => Self::Scheduled(Schedule::endless(rate)),
        }
    }

    /// When the next client was due, if it was, `opening` being how many are on their way.
    pub(crate) fn take(&mut self, opening: usize) -> Option<u64> {
        let now_ns = clock::now_ns();
        match self {
            Self::AtATime(count) => (opening < *count).then_some(now_ns),
            Self::Scheduled(schedule) => schedule.take_due(now_ns),
        }
    }

    /// How long a turn may sleep without missing a client.
    pub(crate) fn sleep_ns(&self) -> u64 {
        match self {
            Self::AtATime(_) => NS_PER_S / 10,
            Self::Scheduled(schedule) => schedule.sleep_ns(),
        }
    }
}

/// How an opening went, as measured; several processes can put theirs together.
#[derive(Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) connections: usize,
    started_ns: u64,
    ended_ns: u64,
    latencies: Latencies,
    lags: Latencies,
}

/// As [`Opened`], for a report.
#[derive(Serialize)]
pub(crate) struct Opening {
    pub(crate) connections: usize,
    pub(crate) seconds: f64,
    pub(crate) connections_per_s: f64,
    /// From when a client was due, or else from `connect`, until it may be used: upgraded,
    /// greeted, joined.
    pub(crate) latency: Quantiles,
    /// How late the generator started clients that were due; part of the latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) generator_lag: Option<Quantiles>,
}

impl Opened {
    fn start() -> Self {
        let started_ns = clock::now_ns();
        Self {
            connections: 0,
            started_ns,
            ended_ns: started_ns,
            latencies: Latencies::new(),
            lags: Latencies::new(),
        }
    }

    /// Openings of the same time as one: from the first start to the last end.
    pub(crate) fn sum<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut sum = Self { started_ns: u64::MAX, ended_ns: 0, ..Self::start() };
        for part in parts {
            sum.connections += part.connections;
            sum.started_ns = sum.started_ns.min(part.started_ns);
            sum.ended_ns = sum.ended_ns.max(part.ended_ns);
            sum.latencies.merge(&part.latencies);
            sum.lags.merge(&part.lags);
        }
        sum
    }

    pub(crate) fn told(&self) -> Opening {
        let seconds = clock::seconds_between(self.started_ns, self.ended_ns);
        Opening {
            connections: self.connections,
            seconds,
            connections_per_s: self.connections as f64 / seconds,
            latency: self.latencies.quantiles(),
            generator_lag: self.lags.some_quantiles(),
        }
    }
}

/// Opens one client for each of `dials`, `concurrency` of them at a time.
pub(crate) fn open_all(fleet: &mut Fleet, dials: &[Dial], concurrency: usize) -> Result<Opening> {
    Ok(open_by(fleet, dials, Arrival::AtATime(concurrency))?.told())
}

/// Opens one client for each of `dials`.
pub(crate) fn open_by(fleet: &mut Fleet, dials: &[Dial], arrival: Arrival) -> Result<Opened> {
    let mut progress = Progress::new("connect");
    let mut gate = Gate::open(arrival);
    let mut result = Opened::start();
    let (mut started, mut patience) = (0, Patience::start());
    while result.connections < dials.len() {
        let turn_end = dials.len().min(started + STARTS_PER_TURN_MAX);
        while started < turn_end
            && let Some(due_ns) = gate.take(started - result.connections)
        {
            if let Arrival::PerSecond(_) = arrival {
                result.lags.record(clock::now_ns() - due_ns);
            }
            fleet.start_due(dials[started].clone(), due_ns)?;
            started += 1;
        }
        // With the last client started, nothing is due.
        let sleep_ns = if started < dials.len() { gate.sleep_ns() } else { NS_PER_S / 10 };
        fleet.turn(sleep_ns, |_, _, _| {})?;
        let now_ns = clock::now_ns();
        for opened in fleet.opened.drain(..) {
            result.connections += 1;
            result.latencies.record(opened.latency_ns);
        }
        patience.check(result.connections as u64, "no client opened")?;
        progress.tick(now_ns, || format!("{} of {} open", result.connections, dials.len()));
    }
    result.ended_ns = clock::now_ns();
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_gate_lets_in_as_many_as_it_may_at_a_time() {
        let mut gate = Gate::open(Arrival::AtATime(2));
        assert!(gate.take(0).is_some() && gate.take(1).is_some());
        assert_eq!(gate.take(2), None);
    }

    #[test]
    fn an_open_gate_lets_in_at_its_times_however_many_are_on_their_way() {
        let mut gate = Gate::open(Arrival::PerSecond(1e6));
        let first = gate.take(1_000_000).unwrap();
        while clock::now_ns() < first + 10_000 {}
        assert_eq!((gate.take(0), gate.take(9)), (Some(first + 1000), Some(first + 2000)));
    }

    #[test]
    fn openings_of_the_same_time_span_from_first_to_last() {
        let opened = |connections, started_ns, ended_ns| Opened {
            connections,
            started_ns,
            ended_ns,
            ..Opened::start()
        };
        let parts = [opened(30, 2 * NS_PER_S, 4 * NS_PER_S), opened(10, NS_PER_S, 3 * NS_PER_S)];
        let told = Opened::sum(parts.iter()).told();
        assert_eq!((told.connections, told.seconds), (40, 3.0));
        assert!(told.generator_lag.is_none());
    }
}
