//! Events to listeners by listener and result (`operations.md` section 2.5, `events-listener.md`
//! section 7.7).
//!
//! The webhook thread counts, and a scrape reads the same numbers. What never reached that thread,
//! because a listener's queue was full, is counted by the listener's gate and added at the scrape.
//! Names come from configurations, and get their places in the order in which they are first heard
//! of; after a thousand of them further ones share the last.

use std::array::from_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Most listeners that are shown by name, those of earlier configurations included.
const LISTENERS_MAX: usize = 1000;
const OTHER: &str = "other";

/// Upper bounds of the buckets of delivery times, in seconds.
pub(crate) const BOUNDS_S: [f64; 9] = [0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0, 60.0, f64::INFINITY];

/// What came of an event for one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerResult {
    /// The broker has it, or the file.
    Delivered,
    /// Larger than the broker takes.
    DroppedSize,
    DroppedRejected,
    /// A minute old and still not delivered.
    DroppedAge,
    /// The spool had no room.
    DroppedSpoolFull,
    /// The spool could not be written.
    DroppedSpoolFailed,
    /// Not delivered when the server or its listener ended.
    DroppedShutdown,
    /// Damaged in the spool.
    DroppedCorrupt,
}

impl ListenerResult {
    const COUNT: usize = 8;
    const ALL: [Self; Self::COUNT] = [
        Self::Delivered,
        Self::DroppedSize,
        Self::DroppedRejected,
        Self::DroppedAge,
        Self::DroppedSpoolFull,
        Self::DroppedSpoolFailed,
        Self::DroppedShutdown,
        Self::DroppedCorrupt,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::DroppedSize => "dropped_size",
            Self::DroppedRejected => "dropped_rejected",
            Self::DroppedAge => "dropped_age",
            Self::DroppedSpoolFull => "dropped_spool_full",
            Self::DroppedSpoolFailed => "dropped_spool_failed",
            Self::DroppedShutdown => "dropped_shutdown",
            Self::DroppedCorrupt => "dropped_corrupt",
        }
    }
}

/// The numbers of all listeners. Cloning counts a reference.
#[derive(Clone, Debug)]
pub struct ListenerMetrics(Arc<Places>);

#[derive(Debug)]
struct Places {
    named: Box<[Place]>,
    other: Arc<ListenerCells>,
}

#[derive(Debug, Default)]
struct Place(OnceLock<(String, Arc<ListenerCells>)>);

/// The numbers of one listener.
#[derive(Debug, Default)]
pub struct ListenerCells {
    results: [AtomicU64; ListenerResult::COUNT],
    /// Refused by gates that are no more.
    refused: AtomicU64,
    retries: AtomicU64,
    buckets: [AtomicU64; BOUNDS_S.len()],
    sum_us: AtomicU64,
    spooled: AtomicU64,
    spool_bytes: AtomicU64,
}

/// What a scrape reads of one listener.
#[derive(Debug, PartialEq)]
pub(crate) struct ListenerSample {
    pub listener: String,
    /// Counters above zero.
    pub results: Vec<(&'static str, u64)>,
    pub refused: u64,
    pub retries: u64,
    pub buckets: [u64; BOUNDS_S.len()],
    pub sum_s: f64,
    /// Events in the spool.
    pub spooled: u64,
    /// Events that wait, in the spool or in memory.
    pub queued: u64,
    pub spool_bytes: u64,
}

impl Default for ListenerMetrics {
    fn default() -> Self {
        let named = (0..LISTENERS_MAX).map(|_| Place::default()).collect();
        Self(Arc::new(Places { named, other: Arc::default() }))
    }
}

impl ListenerMetrics {
    /// The numbers of the listener of that name.
    pub fn of(&self, name: &str) -> Arc<ListenerCells> {
        // The first free place is taken on the way; who comes second to it looks on.
        let places = self.0.named.iter();
        let mut places =
            places.map(|Place(place)| place.get_or_init(|| (name.into(), Arc::default())));
        let found = places.find(|(known, _)| known == name);
        found.map_or_else(|| self.0.other.clone(), |(_, cells)| cells.clone())
    }

    /// All numbers of this moment, by name.
    pub(crate) fn sample(&self) -> Vec<ListenerSample> {
        let named = self.0.named.iter().map_while(|Place(place)| place.get());
        let named = named.map(|(name, cells)| cells.sample(name));
        let other = self.0.other.sample(OTHER);
        named.chain((other.is_used()).then_some(other)).collect()
    }
}

impl ListenerSample {
    fn is_used(&self) -> bool {
        !self.results.is_empty() || self.refused + self.retries + self.spool_bytes > 0
    }
}

impl ListenerCells {
    pub fn count(&self, result: ListenerResult) {
        self.count_many(result, 1);
    }

    pub fn count_many(&self, result: ListenerResult, events: u64) {
        self.results[result as usize].fetch_add(events, Ordering::Relaxed);
    }

    /// Counts an event that has arrived, so long after it was taken.
    pub fn count_delivered(&self, duration: Duration) {
        self.count(ListenerResult::Delivered);
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS_S.iter().position(|bound| seconds <= *bound);
        self.buckets[bucket.unwrap_or(BOUNDS_S.len() - 1)].fetch_add(1, Ordering::Relaxed);
        let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.sum_us.fetch_add(duration_us, Ordering::Relaxed);
    }

    /// Events that are sent again.
    pub fn count_retries(&self, events: u64) {
        self.retries.fetch_add(events, Ordering::Relaxed);
    }

    /// What is in the spool now.
    pub fn set_spool(&self, events: u64, bytes: u64) {
        self.spooled.store(events, Ordering::Relaxed);
        self.spool_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Keeps what a gate has refused that is about to go.
    pub(super) fn keep_refused(&self, count: u64) {
        self.refused.fetch_add(count, Ordering::Relaxed);
    }

    /// Events dropped so far, for whatever reason but a full queue.
    pub fn dropped(&self) -> u64 {
        let all = ListenerResult::ALL.into_iter().zip(&self.results);
        let dropped = all.filter(|(result, _)| *result != ListenerResult::Delivered);
        dropped.map(|(_, count)| read(count)).sum()
    }

    fn sample(&self, name: &str) -> ListenerSample {
        let results = ListenerResult::ALL.into_iter().zip(&self.results);
        let results = results.map(|(result, count)| (result.as_str(), read(count)));
        #[allow(clippy::cast_precision_loss, reason = "a sum for averages")]
        let sum_s = read(&self.sum_us) as f64 / 1e6;
        ListenerSample {
            listener: name.to_owned(),
            results: results.filter(|(_, count)| *count > 0).collect(),
            refused: read(&self.refused),
            retries: read(&self.retries),
            buckets: from_fn(|bucket| read(&self.buckets[bucket])),
            sum_s,
            spooled: read(&self.spooled),
            queued: 0,
            spool_bytes: read(&self.spool_bytes),
        }
    }
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_by_listener_and_result() {
        let metrics = ListenerMetrics::default();
        metrics.of("chat-1").count_delivered(Duration::from_millis(7));
        metrics.of("chat-1").count(ListenerResult::DroppedAge);
        metrics.of("chat-2").set_spool(3, 2000);
        assert_eq!(metrics.of("chat-1").dropped(), 1);
        let samples = metrics.sample();
        assert_eq!(samples[0].results, [("delivered", 1), ("dropped_age", 1)]);
        assert_eq!(samples[0].buckets, [0, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((samples[1].spooled, samples[1].spool_bytes), (3, 2000));
    }

    #[test]
    fn names_are_bounded() {
        let metrics = ListenerMetrics::default();
        (0..LISTENERS_MAX + 9).for_each(|at| metrics.of(&at.to_string()).count_retries(1));
        let samples = metrics.sample();
        assert_eq!(samples.len(), LISTENERS_MAX + 1);
        let other = samples.iter().find(|sample| sample.listener == OTHER).unwrap();
        assert_eq!(other.retries, 9);
    }
}
