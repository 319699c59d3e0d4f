//! The catalogue in the text format of OpenMetrics.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::gates::{EventHandlerMetrics, EventListenerMetrics};
use super::listeners::{self, ListenerSample};
use super::rest::{self, RestMetrics};
use super::upstream::{self, HubSample};
use super::{METRICS, Metric, ShardMetrics, sum};

/// Renders the sum over `shards`, the events to handlers and listeners, and reloads applied and
/// refused.
///
/// # Errors
/// Only those of the formatter; writing to a string has none.
pub fn render(
    shards: &[ShardMetrics],
    handlers: &EventHandlerMetrics,
    listeners: &EventListenerMetrics,
    reloads: [u64; 2],
) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Reloads(reloads)));
    registry.register_collector(Box::new(Shards(shards.to_vec())));
    registry.register_collector(Box::new(Handlers(handlers.sample())));
    registry.register_collector(Box::new(Listeners(listeners.sample())));
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
        let buckets: Vec<_> = rest::BOUNDS_S.into_iter().zip(series.buckets).collect();
        let mut encoder = descriptor.encode_family(&labels)?;
        encoder.encode_histogram::<NoLabelSet>(series.sum_s, count, &buckets, None)?;
    }
    Ok(())
}

/// How often the configuration was read again, applied and refused.
#[derive(Debug)]
struct Reloads([u64; 2]);

impl Collector for Reloads {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let (name, help) = ("corecast_config_reloads", "Configurations read again, by result");
        let mut descriptor = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (result, count) in ["applied", "refused"].into_iter().zip(self.0) {
            encode(count, false, descriptor.encode_family(&[("result", result)])?)?;
        }
        Ok(())
    }
}

/// The events to handlers at the moment of the scrape.
#[derive(Debug)]
struct Handlers(Vec<HubSample>);

impl Collector for Handlers {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        self.encode_requests(&mut encoder)?;
        self.encode_durations(&mut encoder)?;
        self.encode_queues(&mut encoder)
    }
}

impl Handlers {
    fn encode_requests(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let name = "corecast_event_handler_requests";
        let help = "Events for handlers that have come to their end, by kind and result";
        let mut descriptor = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for sample in &self.0 {
            // Gates tell no more of an event than whether somebody waits for it.
            let rejected = ["blocking", "notification"].into_iter().zip(sample.rejected);
            let rejected = rejected.map(|(kind, count)| (kind, "rejected_full", count));
            let rejected = rejected.filter(|(.., count)| *count > 0);
            for (kind, result, count) in sample.requests.iter().copied().chain(rejected) {
                let hub = sample.hub.as_str();
                let labels = [("hub", hub), ("event_kind", kind), ("result", result)];
                encode(count, false, descriptor.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn encode_durations(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let name = "corecast_event_handler_duration_seconds";
        let help =
            "Time from taking an event for a handler to its end, waiting and retries included";
        let mut descriptor = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for sample in &self.0 {
            for series in &sample.durations {
                let labels = [("hub", sample.hub.as_str()), ("event_kind", series.kind)];
                let count = series.buckets.iter().sum();
                let buckets: Vec<_> = upstream::BOUNDS_S.into_iter().zip(series.buckets).collect();
                let mut encoder = descriptor.encode_family(&labels)?;
                encoder.encode_histogram::<NoLabelSet>(series.sum_s, count, &buckets, None)?;
            }
        }
        Ok(())
    }

    fn encode_queues(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let name = "corecast_event_handler_queue";
        let help = "Events for handlers that wait or are under way";
        let mut descriptor = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for sample in &self.0 {
            if let Some(queue) = sample.queue {
                let labels = [("hub", sample.hub.as_str())];
                encode(queue, true, descriptor.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// The events to listeners at the moment of the scrape.
#[derive(Debug)]
struct Listeners(Vec<ListenerSample>);

impl Collector for Listeners {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        self.encode_events(&mut encoder)?;
        let (name, help) = ("corecast_listener_retries", "Events sent to listeners once more");
        self.encode_each(&mut encoder, name, help, false, |sample| sample.retries)?;
        let help = "Events that wait for listeners, in memory or spooled";
        self.encode_each(&mut encoder, "corecast_listener_queue_messages", help, true, |sample| {
            sample.queued
        })?;
        let (name, help) = ("corecast_listener_spool_bytes", "Disk space of listeners' spools");
        self.encode_each(&mut encoder, name, help, true, |sample| sample.spool_bytes)?;
        self.encode_durations(&mut encoder)
    }
}

impl Listeners {
    fn encode_events(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let name = "corecast_listener_events";
        let help = "Events for listeners that have come to their end, by result";
        let mut descriptor = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for sample in &self.0 {
            let refused = [("dropped_full", sample.refused)];
            let refused = refused.into_iter().filter(|(_, count)| *count > 0);
            for (result, count) in sample.results.iter().copied().chain(refused) {
                let labels = [("listener", sample.listener.as_str()), ("result", result)];
                encode(count, false, descriptor.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn encode_each(
        &self,
        encoder: &mut DescriptorEncoder,
        name: &str,
        help: &str,
        is_gauge: bool,
        value: impl Fn(&ListenerSample) -> u64,
    ) -> Result<(), fmt::Error> {
        let kind = if is_gauge { MetricType::Gauge } else { MetricType::Counter };
        let mut descriptor = encoder.encode_descriptor(name, help, None, kind)?;
        for sample in &self.0 {
            let labels = [("listener", sample.listener.as_str())];
            encode(value(sample), is_gauge, descriptor.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn encode_durations(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let name = "corecast_listener_delivery_seconds";
        let help = "Time from taking an event to the listener's broker having it";
        let mut descriptor = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for sample in &self.0 {
            let labels = [("listener", sample.listener.as_str())];
            let count = sample.buckets.iter().sum();
            let buckets: Vec<_> = listeners::BOUNDS_S.into_iter().zip(sample.buckets).collect();
            let mut encoder = descriptor.encode_family(&labels)?;
            encoder.encode_histogram::<NoLabelSet>(sample.sum_s, count, &buckets, None)?;
        }
        Ok(())
    }
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
    use std::time::Duration;

    use foldhash::quality::RandomState;

    use super::*;
    use crate::auth::ReconnectionTokens;
    use crate::event::call::EventKind;
    use crate::event::gate::Urgency;
    use crate::hub::id::ShardId;
    use crate::hub::name::HubName;
    use crate::metrics::listeners::ListenerMetrics;
    use crate::metrics::upstream::{CallResult, UpstreamMetrics};
    use crate::shard::close::CloseCategory;
    use crate::shard::state::State;

    fn no_listeners() -> EventListenerMetrics {
        EventListenerMetrics::new(ListenerMetrics::default())
    }

    #[test]
    fn shards_are_added_up_and_labels_kept_apart() {
        let shards = [(); 2].map(|()| ShardMetrics::new(&["SendToAll"]));
        shards[1].rest().count(0, 202, 3);
        for (index, shard) in shards.iter().enumerate() {
            let mut state = State::new(
                ShardId::new(index),
                2,
                RandomState::default(),
                ReconnectionTokens::generate().expect("random numbers"),
            );
            state.counters.writes = 20 + index as u64;
            state.counters.connections_closed[CloseCategory::SlowClient as usize] = 3;
            shard.publish(&state);
        }
        let handlers = EventHandlerMetrics::new(UpstreamMetrics::default());
        let text =
            render(&shards, &handlers, &no_listeners(), [3, 1]).expect("a string takes any text");
        for line in [
            "# TYPE corecast_writes counter",
            "corecast_writes_total 41",
            "corecast_config_reloads_total{result=\"applied\"} 3",
            "corecast_connections 0",
            "corecast_connections_closed_total{category=\"SlowClient\"} 6",
            "corecast_slow_client_drops_total 6",
            "corecast_rest_request_duration_seconds_count{category=\"SendToAll\",status=\"202\"} 1",
            "corecast_rest_request_duration_seconds_bucket{le=\"+Inf\",category=\"SendToAll\",\
             status=\"202\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn events_to_handlers_are_shown_by_hub_and_kind() {
        let metrics = UpstreamMetrics::default();
        let hub = HubName::parse("chat").expect("a valid name");
        metrics.record(&hub, EventKind::User, CallResult::Delivered, Duration::from_millis(20));
        metrics.keep_rejected(&hub, Urgency::Blocking, 7);
        let handlers = EventHandlerMetrics::new(metrics);
        let text =
            render(&[], &handlers, &no_listeners(), [0; 2]).expect("a string takes any text");
        let user = "hub=\"chat\",event_kind=\"user\"";
        for line in [
            "# TYPE corecast_event_handler_requests counter".to_owned(),
            format!("corecast_event_handler_requests_total{{{user},result=\"delivered\"}} 1"),
            "corecast_event_handler_requests_total{hub=\"chat\",event_kind=\"blocking\",\
             result=\"rejected_full\"} 7"
                .to_owned(),
            format!("corecast_event_handler_duration_seconds_bucket{{le=\"0.05\",{user}}} 1"),
            format!("corecast_event_handler_duration_seconds_count{{{user}}} 1"),
            "# TYPE corecast_event_handler_queue gauge".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
