//! Events to handlers by hub, kind, result and duration (`operations.md` section 2.5).
//!
//! The webhook thread counts, and a scrape reads the same numbers: like a REST request, an event
//! costs so much more than an atomic addition that nothing is copied. What never reached the
//! webhook thread, because its handler was too far behind, is counted by the handlers' gates and
//! is added in [`EventHandlerMetrics`](super::gates::EventHandlerMetrics).
//!
//! Hubs get a place in the order in which they are first named. After [`HUB_LABELS_MAX`] of them
//! all further ones share the last: places are never given back, so this bounds what a scrape
//! shows, and what is kept.

use std::array::from_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::event::call::EventKind;
use crate::event::gate::Urgency;
use crate::hub::name::HubName;

/// Most hubs that are shown by name.
pub const HUB_LABELS_MAX: usize = 100;

/// The label of all other hubs. A hub of that name is one of them.
const OTHER: &str = "other";

/// Upper bounds of the duration buckets, in seconds; the last is unbounded.
pub(crate) const BOUNDS_S: [f64; 9] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, f64::INFINITY];

/// What came of an event that the webhook thread has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// Answered with 2xx, and validly if somebody waits for the answer.
    Delivered,
    /// Answered with another status, after retries: also a `connect` that is refused on purpose.
    FailedStatus,
    FailedTimeout,
    FailedUnreachable,
    /// Answered with 2xx, but against the rules, or with more than is read.
    FailedAnswer,
    /// Not posted: the application does not welcome events.
    FailedValidation,
    /// Not posted: there is no bearer token for the application.
    FailedToken,
    /// Given up: its client has gone, or the server ends.
    Abandoned,
}

impl CallResult {
    const COUNT: usize = 8;
    const ALL: [Self; Self::COUNT] = [
        Self::Delivered,
        Self::FailedStatus,
        Self::FailedTimeout,
        Self::FailedUnreachable,
        Self::FailedAnswer,
        Self::FailedValidation,
        Self::FailedToken,
        Self::Abandoned,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::FailedStatus => "failed_status",
            Self::FailedTimeout => "failed_timeout",
            Self::FailedUnreachable => "failed_unreachable",
            Self::FailedAnswer => "failed_answer",
            Self::FailedValidation => "failed_validation",
            Self::FailedToken => "failed_token",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Events by hub. Cloning counts a reference.
#[derive(Clone, Debug)]
pub struct UpstreamMetrics(Arc<Places>);

#[derive(Debug)]
struct Places {
    named: Box<[Place]>,
    other: Place,
}

/// The numbers of one hub.
#[derive(Debug, Default)]
struct Place {
    hub: OnceLock<HubName>,
    kinds: [KindCells; EventKind::COUNT],
    /// Refused by gates that are no more, by [`Urgency`].
    rejected: [AtomicU64; 2],
}

#[derive(Debug, Default)]
struct KindCells {
    results: [AtomicU64; CallResult::COUNT],
    buckets: [AtomicU64; BOUNDS_S.len()],
    sum_us: AtomicU64,
}

/// What a scrape reads of one hub.
#[derive(Debug, PartialEq)]
pub(crate) struct HubSample {
    pub hub: String,
    /// Counters above zero: kind, result, count.
    pub requests: Vec<(&'static str, &'static str, u64)>,
    /// Of the kinds that have any.
    pub durations: Vec<DurationSample>,
    /// Refused by gates, by [`Urgency`].
    pub rejected: [u64; 2],
    /// Events that wait or are under way, if the hub has handlers.
    pub queue: Option<u64>,
}

/// Durations of the events of one kind.
#[derive(Debug, PartialEq)]
pub(crate) struct DurationSample {
    pub kind: &'static str,
    pub buckets: [u64; BOUNDS_S.len()],
    pub sum_s: f64,
}

impl Default for UpstreamMetrics {
    fn default() -> Self {
        let named = (0..HUB_LABELS_MAX).map(|_| Place::default()).collect();
        Self(Arc::new(Places { named, other: Place::default() }))
    }
}

impl UpstreamMetrics {
    /// Counts an event that has come to its end, `duration` after the webhook thread took it.
    pub fn record(&self, hub: &HubName, kind: EventKind, result: CallResult, duration: Duration) {
        let cells = &self.place(hub).kinds[kind as usize];
        cells.results[result as usize].fetch_add(1, Ordering::Relaxed);
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS_S.iter().position(|bound| seconds <= *bound);
        cells.buckets[bucket.unwrap_or(BOUNDS_S.len() - 1)].fetch_add(1, Ordering::Relaxed);
        let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        cells.sum_us.fetch_add(duration_us, Ordering::Relaxed);
    }

    /// Keeps what a gate has refused that is about to go.
    pub(super) fn keep_rejected(&self, hub: &HubName, urgency: Urgency, count: u64) {
        self.place(hub).rejected[urgency as usize].fetch_add(count, Ordering::Relaxed);
    }

    /// The label of a hub, which gets a place if it has none and there is one.
    pub(super) fn label(&self, hub: &HubName) -> &str {
        self.place(hub).label()
    }

    /// The hubs that have a place, in that order, and the others as one.
    pub(crate) fn sample(&self) -> Vec<HubSample> {
        let named = self.0.named.iter().take_while(|place| place.hub.get().is_some());
        named.chain([&self.0.other]).map(Place::sample).collect()
    }

    fn place(&self, hub: &HubName) -> &Place {
        if hub.as_str() == OTHER {
            return &self.0.other;
        }
        // The first free place is taken on the way; who comes second to it looks on.
        let mut named = self.0.named.iter();
        named.find(|place| place.hub.get_or_init(|| hub.clone()) == hub).unwrap_or(&self.0.other)
    }
}

impl Place {
    fn label(&self) -> &str {
        self.hub.get().map_or(OTHER, HubName::as_str)
    }

    fn sample(&self) -> HubSample {
        let kinds = || EventKind::ALL.into_iter().zip(&self.kinds);
        let requests = kinds().flat_map(|(kind, cells)| {
            let results = CallResult::ALL.into_iter().zip(&cells.results);
            results.map(move |(result, count)| (kind.as_str(), result.as_str(), read(count)))
        });
        HubSample {
            hub: self.label().to_owned(),
            requests: requests.filter(|(.., count)| *count > 0).collect(),
            durations: kinds().filter_map(|(kind, cells)| cells.durations(kind)).collect(),
            rejected: from_fn(|urgency| read(&self.rejected[urgency])),
            queue: None,
        }
    }
}

impl KindCells {
    fn durations(&self, kind: EventKind) -> Option<DurationSample> {
        let buckets = from_fn(|bucket| read(&self.buckets[bucket]));
        #[allow(clippy::cast_precision_loss, reason = "a sum for averages")]
        let sum_s = read(&self.sum_us) as f64 / 1e6;
        let has_any = buckets.iter().any(|count| *count > 0);
        has_any.then_some(DurationSample { kind: kind.as_str(), buckets, sum_s })
    }
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(name: &str) -> HubName {
        HubName::parse(name).expect("a valid name")
    }

    fn record(metrics: &UpstreamMetrics, name: &str, duration_ms: u64) {
        let duration = Duration::from_millis(duration_ms);
        metrics.record(&hub(name), EventKind::User, CallResult::Delivered, duration);
    }

    #[test]
    fn events_are_counted_by_hub_kind_result_and_duration() {
        let metrics = UpstreamMetrics::default();
        record(&metrics, "chat", 10);
        record(&metrics, "chat", 11);
        record(&metrics, "news", 70_000);
        let long = Duration::from_secs(3);
        metrics.record(&hub("chat"), EventKind::Connect, CallResult::FailedStatus, long);
        let samples = metrics.sample();
        let hubs: Vec<_> = samples.iter().map(|sample| sample.hub.as_str()).collect();
        assert_eq!(hubs, ["chat", "news", "other"]);
        let expected = [("connect", "failed_status", 1), ("user", "delivered", 2)];
        assert_eq!(samples[0].requests, expected);
        assert_eq!(samples[0].durations[1].buckets, [1, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert!((samples[0].durations[1].sum_s - 0.021).abs() < 1e-9);
        assert_eq!(samples[1].durations[0].buckets, [0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((samples[2].requests.len(), samples[2].durations.len()), (0, 0));
    }

    #[test]
    fn hubs_beyond_the_hundredth_share_a_label() {
        let metrics = UpstreamMetrics::default();
        (0..HUB_LABELS_MAX + 5).for_each(|index| record(&metrics, &format!("h{index}"), 1));
        record(&metrics, "h7", 1);
        record(&metrics, "other", 1);
        let samples = metrics.sample();
        assert_eq!(samples.len(), HUB_LABELS_MAX + 1);
        assert_eq!(samples[7].requests, [("user", "delivered", 2)]);
        assert_eq!(samples[HUB_LABELS_MAX].hub, OTHER);
        assert_eq!(samples[HUB_LABELS_MAX].requests, [("user", "delivered", 6)]);
    }
}
