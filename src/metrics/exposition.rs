//! The catalogue in the text format of OpenMetrics.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::rest::{BOUNDS_S, RestMetrics};
use super::{METRICS, Metric, ShardMetrics, sum};

/// Renders the sum over `shards`.
///
/// # Errors
/// Only those of the formatter; writing to a string has none.
pub fn render(shards: &[ShardMetrics]) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Shards(shards.to_vec())));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Shards(Vec<ShardMetrics>);

impl Collector for Shards {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let sample = sum(&self.0);
        for metric in METRICS {
            let Metric { name, help, is_gauge, values } = metric;
            let kind = if *is_gauge { MetricType::Gauge } else { MetricType::Counter };
            let mut descriptor = encoder.encode_descriptor(name, help, None, kind)?;
            let values = values(&sample);
            if let [(None, value)] = values[..] {
                encode(value, *is_gauge, descriptor)?;
                continue;
            }
            for (label, value) in values {
                let labels: Vec<_> = label.into_iter().collect();
                encode(value, *is_gauge, descriptor.encode_family(&labels)?)?;
            }
        }
        encode_rest(&self.0, encoder)
    }
}

fn encode_rest(shards: &[ShardMetrics], mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
    let name = "corecast_rest_request_duration_seconds";
    let help = "REST requests by category, status and duration";
    let mut descriptor = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
    for series in RestMetrics::sum(shards.iter().map(ShardMetrics::rest)) {
        let status = series.status.to_string();
        let labels = [("category", series.category), ("status", status.as_str())];
        let count = series.buckets.iter().sum();
        let buckets: Vec<_> = BOUNDS_S.into_iter().zip(series.buckets).collect();
        let mut encoder = descriptor.encode_family(&labels)?;
        encoder.encode_histogram::<NoLabelSet>(series.sum_s, count, &buckets, None)?;
    }
    Ok(())
}

fn encode(value: u64, is_gauge: bool, encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
    if is_gauge {
        ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(encoder)
    } else {
        ConstCounter::new(value).encode(encoder)
    }
}

#[cfg(test)]
mod tests {
    use foldhash::quality::RandomState;

    use super::*;
    use crate::hub::id::ShardId;
    use crate::shard::close::CloseCategory;
    use crate::shard::state::State;

    #[test]
    fn shards_are_added_up_and_labels_kept_apart() {
        let shards = [(); 2].map(|()| ShardMetrics::new(&["SendToAll"]));
        shards[1].rest().count(0, 202, 3);
        for (index, shard) in shards.iter().enumerate() {
            let mut state = State::new(ShardId::new(index), 2, RandomState::default());
            state.counters.writes = 20 + index as u64;
            state.counters.connections_closed[CloseCategory::SlowClient as usize] = 3;
            shard.publish(&state);
        }
        let text = render(&shards).expect("a string takes any text");
        for line in [
            "# TYPE corecast_writes counter",
            "corecast_writes_total 41",
            "corecast_connections 0",
            "corecast_connections_closed_total{category=\"SlowClient\"} 6",
            "corecast_slow_client_drops_total 6",
            "corecast_rest_request_duration_seconds_count{category=\"SendToAll\",status=\"202\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
