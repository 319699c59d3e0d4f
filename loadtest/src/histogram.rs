//! Latencies in constant memory, to three digits.

use hdrhistogram::Histogram;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longer than any wait a run allows; what is beyond is recorded as this.
const LATENCY_NS_MAX: u64 = 600_000_000_000;

pub(crate) struct Latencies {
    histogram: Histogram<u64>,
}

/// What a report says about a distribution, in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) count: u64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) max_us: f64,
}

impl Latencies {
    #[expect(clippy::expect_used, reason = "the bounds are constants that the library accepts")]
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3);
        Self { histogram: histogram.expect("1 ns to 600 s at three digits is a valid histogram") }
    }

    #[inline]
    pub(crate) fn record(&mut self, latency_ns: u64) {
        self.histogram.saturating_record(latency_ns);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (value, count) in other.counts() {
            self.histogram.saturating_record_n(value, count);
        }
    }

    /// Values and how often each was recorded.
    fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        let recorded = self.histogram.iter_recorded();
        recorded.map(|step| (step.value_iterated_to(), step.count_at_value()))
    }

    pub(crate) fn quantiles(&self) -> Quantiles {
        let at = |quantile| self.histogram.value_at_quantile(quantile) as f64 / 1e3;
        Quantiles {
            count: self.histogram.len(),
            p50_us: at(0.5),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: self.histogram.max() as f64 / 1e3,
        }
    }

    /// `None` where nothing was recorded.
    pub(crate) fn some_quantiles(&self) -> Option<Quantiles> {
        (!self.histogram.is_empty()).then(|| self.quantiles())
    }
}

/// As a list of values and their counts, from one process of a run to another.
impl Serialize for Latencies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.counts())
    }
}

impl<'de> Deserialize<'de> for Latencies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut latencies = Self::new();
        for (value, count) in Vec::<(u64, u64)>::deserialize(deserializer)? {
            latencies.histogram.saturating_record_n(value, count);
        }
        Ok(latencies)
    }
}

impl std::fmt::Display for Quantiles {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { count, p50_us, p99_us, p999_us, max_us } = self;
        write!(
            out,
            "p50 {p50_us:.0} µs, p99 {p99_us:.0} µs, p99.9 {p999_us:.0} µs, max {max_us:.0} µs \
             ({count} samples)"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_recorded_and_outliers_saturate() {
        let mut latencies = Latencies::new();
        (1..=1000).for_each(|us| latencies.record(us * 1000));
        let quantiles = latencies.quantiles();
        assert!((quantiles.p50_us - 500.0).abs() < 2.0);
        assert!((quantiles.max_us - 1000.0).abs() < 2.0);
        latencies.record(u64::MAX);
        assert_eq!(latencies.quantiles().count, 1001);
    }

    #[test]
    fn distributions_travel_and_add_up() {
        let mut low = Latencies::new();
        (1..=500).for_each(|us| low.record(us * 1000));
        let mut high = Latencies::new();
        (501..=1000).for_each(|us| high.record(us * 1000));
        low.merge(&serde_json::from_str(&serde_json::to_string(&high).unwrap()).unwrap());
        let quantiles = low.quantiles();
        assert_eq!(quantiles.count, 1000);
        assert!((quantiles.p50_us - 500.0).abs() < 2.0 && (quantiles.max_us - 1000.0).abs() < 2.0);
    }
}
