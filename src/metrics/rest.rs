//! REST requests by category, status and duration (`operations.md` sections 2.3 and 2.5).
//!
//! Unlike the counters of the data path these are bumped where they are read: a request costs
//! tens of microseconds, one addition more does not matter, and there are too many of them to copy
//! at the end of each turn. Only the shard itself writes its own.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the duration buckets, in seconds; the last is unbounded.
pub(crate) const BOUNDS_S: [f64; 5] = [0.1, 0.5, 1.0, 5.0, f64::INFINITY];

/// The statuses the API answers with; anything else counts as the last.
const STATUSES: [u16; 13] = [200, 202, 204, 400, 401, 403, 404, 405, 408, 415, 429, 503, 500];

/// Numbers kept for one category and status: one for each bucket, and the sum of durations.
const CELL: usize = BOUNDS_S.len() + 1;

/// One shard's REST requests.
#[derive(Debug)]
pub struct RestMetrics {
    categories: &'static [&'static str],
    cells: Box<[AtomicU64]>,
}

/// The requests of one category and status.
pub(crate) struct RestSeries {
    pub category: &'static str,
    pub status: u16,
    pub buckets: [u64; BOUNDS_S.len()],
    pub sum_s: f64,
}

impl RestMetrics {
    /// For categories of these names, which are counted by their position.
    pub fn new(categories: &'static [&'static str]) -> Self {
        let count = categories.len() * STATUSES.len() * CELL;
        Self { categories, cells: (0..count).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Counts one answered request.
    pub fn count(&self, category: usize, status: u16, duration_ms: u64) {
        let known = STATUSES.iter().position(|known| *known == status);
        let cell = self.cell(category, known.unwrap_or(STATUSES.len() - 1));
        #[allow(clippy::cast_precision_loss, reason = "durations are short")]
        let seconds = duration_ms as f64 / 1000.0;
        let bucket = BOUNDS_S.iter().position(|bound| seconds < *bound).unwrap_or(CELL - 2);
        cell[bucket].fetch_add(1, Ordering::Relaxed);
        cell[CELL - 1].fetch_add(duration_ms, Ordering::Relaxed);
    }

    fn cell(&self, category: usize, status: usize) -> &[AtomicU64] {
        let start = (category * STATUSES.len() + status) * CELL;
        &self.cells[start..start + CELL]
    }

    /// Every series that has counted anything, summed over `shards`.
    pub(crate) fn sum<'a>(shards: impl Iterator<Item = &'a Self> + Clone) -> Vec<RestSeries> {
        let Some(first) = shards.clone().next() else { return Vec::new() };
        let mut series = Vec::new();
        for (category, name) in first.categories.iter().enumerate() {
            for (index, status) in STATUSES.into_iter().enumerate() {
                let mut total = [0; CELL];
                for shard in shards.clone() {
                    let cell = shard.cell(category, index);
                    let values = cell.iter().map(|value| value.load(Ordering::Relaxed));
                    total.iter_mut().zip(values).for_each(|(total, value)| *total += value);
                }
                let [buckets @ .., sum_ms] = total;
                if buckets.iter().any(|count| *count > 0) {
                    #[allow(clippy::cast_precision_loss, reason = "a sum for averages")]
                    let sum_s = sum_ms as f64 / 1000.0;
                    series.push(RestSeries { category: name, status, buckets, sum_s });
                }
            }
        }
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_falls_into_exactly_one_bucket() {
        let metrics = [RestMetrics::new(&["A", "B"]), RestMetrics::new(&["A", "B"])];
        for (duration_ms, shard) in [(0, 0), (99, 1), (100, 0), (999, 1), (5_000, 0)] {
            metrics[shard].count(1, 202, duration_ms);
        }
        metrics[0].count(0, 418, 1);
        let series = RestMetrics::sum(metrics.iter());
        assert_eq!(series.len(), 2);
        assert_eq!((series[0].category, series[0].status), ("A", 500));
        assert_eq!((series[1].category, series[1].status), ("B", 202));
        assert_eq!(series[1].buckets, [2, 1, 1, 0, 1]);
        assert!((series[1].sum_s - 6.198).abs() < 1e-9);
    }
}
