//! What the shards count, as the administrative listener shows it.
//!
//! A shard bumps plain numbers ([`Counters`]) and copies them, at the end of a turn, into atomics
//! of its own cache lines ([`ShardMetrics`]). A scrape reads those of all shards and adds them up:
//! shards never wait for a scrape, and pay for it only when there is one.
//! Events to handlers are counted on the webhook thread ([`upstream`]) and at the handlers' gates
//! ([`gates`]). Names and meanings follow `operations.md` section 2.5.

pub mod exposition;
pub mod gates;
pub mod listeners;
pub mod rest;
pub mod server;
pub mod upstream;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use self::rest::RestMetrics;
pub use self::server::ServerMetrics;
use crate::shard::close::CloseCategory;
use crate::shard::counters::{Counters, HANDSHAKE_STATUSES};
use crate::shard::state::State;

/// A set of labels with at most one pair; most values have none.
pub(crate) type Label = Option<(&'static str, String)>;

/// One line of the catalogue.
pub(crate) struct Metric {
    pub name: &'static str,
    pub help: &'static str,
    pub is_gauge: bool,
    /// Reads every value of this metric out of a sample.
    pub values: fn(&Sample) -> Vec<(Label, u64)>,
}

/// The state of one shard, or the sum over all, at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub counters: Counters,
    pub connections: u64,
    pub detached: u64,
}

/// Every metric there is.
pub(crate) const METRICS: &[Metric] = &[
    gauge("corecast_connections", "Client connections open now", |s| one(s.connections)),
    gauge("corecast_detached_connections", "Reliable connections in their recovery window", |s| {
        one(s.detached)
    }),
    counter("corecast_connections_opened", "Client connections opened", |s| {
        one(s.counters.connections_opened)
    }),
    counter("corecast_connections_closed", "Client connections ended, by category", |s| {
        let closed = CloseCategory::ALL.iter().zip(s.counters.connections_closed);
        closed.map(|(kind, count)| (Some(("category", kind.name().to_owned())), count)).collect()
    }),
    counter("corecast_client_handshakes", "Answers to client handshakes, by status", |s| {
        let answers = HANDSHAKE_STATUSES.iter().zip(s.counters.handshakes);
        answers.map(|(status, count)| (Some(("status", status.to_string())), count)).collect()
    }),
    counter("corecast_slow_client_drops", "Connections closed because they read too slowly", |s| {
        one(s.counters.connections_closed[CloseCategory::SlowClient as usize])
    }),
    counter("corecast_inbound_messages", "Messages received from clients", |s| {
        one(s.counters.inbound_messages)
    }),
    counter("corecast_inbound_bytes", "Payload bytes received from clients", |s| {
        one(s.counters.inbound_bytes)
    }),
    counter("corecast_outbound_messages", "Frames queued for clients", |s| {
        one(s.counters.outbound_messages)
    }),
    counter("corecast_outbound_bytes", "Bytes of frames queued for clients", |s| {
        one(s.counters.outbound_bytes)
    }),
    counter("corecast_frames_written", "Frames the kernel has taken", |s| {
        one(s.counters.frames_written)
    }),
    counter("corecast_writes", "Write system calls to clients", |s| one(s.counters.writes)),
    counter("corecast_frames_dropped", "Frames dropped while they waited, by reason", |s| {
        let by = |reason: &str, count| (Some(("reason", reason.to_owned())), count);
        vec![by("expired", s.counters.dropped_expired), by("closed", s.counters.dropped_closed)]
    }),
    counter("corecast_mesh_messages", "Messages handed from shard to shard", |s| {
        one(s.counters.mesh_sent)
    }),
    counter("corecast_mesh_wakes", "Wake-ups of sleeping shards by their peers", |s| {
        one(s.counters.mesh_wakes)
    }),
    counter("corecast_mesh_full", "Turns that ended with a full channel to a peer", |s| {
        one(s.counters.mesh_full)
    }),
    counter("corecast_late_wakes", "Sleeps ended by their deadline with messages waiting", |s| {
        one(s.counters.late_wakes)
    }),
    counter("corecast_accepts_failed", "Connections not accepted for want of resources", |s| {
        one(s.counters.accepts_failed)
    }),
    counter("corecast_turns", "Turns of the shards' loops", |s| one(s.counters.turns)),
    counter("corecast_turns_spent", "Turns in which input waited because enough was sent", |s| {
        one(s.counters.turns_spent)
    }),
];

const fn counter(
    name: &'static str,
    help: &'static str,
    values: fn(&Sample) -> Vec<(Label, u64)>,
) -> Metric {
    Metric { name, help, is_gauge: false, values }
}

const fn gauge(
    name: &'static str,
    help: &'static str,
    values: fn(&Sample) -> Vec<(Label, u64)>,
) -> Metric {
    Metric { name, help, is_gauge: true, values }
}

fn one(value: u64) -> Vec<(Label, u64)> {
    vec![(None, value)]
}

/// One shard's published numbers: written by it, read by the administrative listener.
#[derive(Clone, Debug)]
pub struct ShardMetrics(Arc<Published>);

#[derive(Debug)]
struct Published {
    rest: RestMetrics,
    values: CachePadded<[AtomicU64; Counters::COUNT]>,
    connections: CachePadded<AtomicU64>,
    detached: AtomicU64,
}

impl ShardMetrics {
    /// Zeroes, for the REST categories of these names.
    pub fn new(rest_categories: &'static [&'static str]) -> Self {
        Self(Arc::new(Published {
            rest: RestMetrics::new(rest_categories),
            values: CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0))),
            connections: CachePadded::default(),
            detached: AtomicU64::new(0),
        }))
    }

    /// The shard's REST requests.
    pub fn rest(&self) -> &RestMetrics {
        &self.0.rest
    }

    /// Makes the numbers of a turn visible. Plain stores: only this shard writes them.
    pub fn publish(&self, state: &State) {
        for (published, value) in self.0.values.iter().zip(state.counters.values()) {
            published.store(value, Ordering::Relaxed);
        }
        self.0.connections.store(state.connection_count() as u64, Ordering::Relaxed);
        self.0.detached.store(state.detached_count() as u64, Ordering::Relaxed);
    }

    /// How many connections the shard had at the end of its last turn.
    pub fn connections(&self) -> u64 {
        self.0.connections.load(Ordering::Relaxed)
    }

    fn sample(&self) -> Sample {
        let values = std::array::from_fn(|index| self.0.values[index].load(Ordering::Relaxed));
        let detached = self.0.detached.load(Ordering::Relaxed);
        let connections = self.connections();
        Sample { counters: Counters::from_values(values), connections, detached }
    }
}

/// The sum over all shards.
pub(crate) fn sum(shards: &[ShardMetrics]) -> Sample {
    shards.iter().map(ShardMetrics::sample).fold(Sample::default(), |mut total, sample| {
        let (left, right) = (total.counters.values(), sample.counters.values());
        let added = std::array::from_fn(|index| left[index] + right[index]);
        total.counters = Counters::from_values(added);
        total.connections += sample.connections;
        total.detached += sample.detached;
        total
    })
}
