//! What a run of publishing found.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

use serde::Serialize;

use crate::beside::Outcome;
use crate::fanout::ledger::Faults;
use crate::fanout::load::Measured;
use crate::fanout::settings::{Audience, Settings, Subprotocols};
use crate::histogram::Quantiles;
use crate::meter::Usage;
use crate::open::Opening;
use crate::procfs::Memory;
use crate::report::{grouped, row, row_if};

#[derive(Serialize)]
pub(crate) struct FanoutReport<A: Audience> {
    pub(crate) server: SocketAddr,
    pub(crate) subprotocols: Subprotocols,
    pub(crate) settings: Settings<A>,
    pub(crate) opening: Opening,
    pub(crate) phases: Vec<Phase>,
    /// Publishes per second of the second phase.
    pub(crate) fixed_rate: f64,
    /// With all clients open, and again after the last phase.
    pub(crate) server_memory: Option<Memory>,
    pub(crate) server_memory_after: Option<Memory>,
    pub(crate) faults: Faults,
    pub(crate) notes: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) publishes: u64,
    pub(crate) deliveries: u64,
    /// Sent by reliable subscribers; the server's work on them is in its CPU time per delivery.
    pub(crate) sequence_acks: u64,
    pub(crate) publishes_per_s: f64,
    pub(crate) deliveries_per_s: f64,
    pub(crate) server_cpu_ns_per_delivery: Option<f64>,
    pub(crate) server_cpu_us_per_publish: Option<f64>,
    pub(crate) generator_cpu_ns_per_delivery: f64,
    pub(crate) frames_per_write: Option<f64>,
    pub(crate) usage: Usage,
    /// Of each delivery, from the time its message was due.
    pub(crate) latency: Option<Quantiles>,
    /// How late the generator sent; part of the latency above that is not the server's.
    pub(crate) generator_lag: Option<Quantiles>,
}

impl Phase {
    pub(crate) fn new(
        name: &'static str,
        measured: &Measured,
        frames_per_write: Option<f64>,
    ) -> Self {
        let &Measured { published, delivered, sequence_acks, usage } = measured;
        Self {
            name,
            publishes: published,
            deliveries: delivered,
            sequence_acks,
            publishes_per_s: published as f64 / usage.seconds,
            deliveries_per_s: delivered as f64 / usage.seconds,
            server_cpu_ns_per_delivery: usage.server_ns_per(delivered),
            server_cpu_us_per_publish: usage.server_ns_per(published).map(|ns| ns / 1e3),
            generator_cpu_ns_per_delivery: usage.generator_ns_per(delivered),
            frames_per_write,
            usage,
            latency: None,
            generator_lag: None,
        }
    }
}

impl<A: Audience> Outcome for FanoutReport<A> {
    const COST: &'static str = "CPU per delivery";

    fn is_clean(&self) -> bool {
        self.faults.is_clean()
    }

    /// By phase. At different rates a server joins different numbers of frames: no ratio then.
    fn ratios_to(&self, other: &Self) -> BTreeMap<&'static str, f64> {
        let comparable = if self.fixed_rate == other.fixed_rate { 2 } else { 1 };
        let cost = |phase: &Phase| phase.server_cpu_ns_per_delivery;
        let pairs = self.phases.iter().zip(&other.phases).take(comparable);
        pairs.filter_map(|(ours, theirs)| Some((ours.name, cost(ours)? / cost(theirs)?))).collect()
    }
}

impl<A: Audience> Display for FanoutReport<A> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Subprotocols { subscribers, publishers } = self.subprotocols;
        writeln!(
            out,
            "{}, subscribers speak {subscribers}, publishers {publishers}, server {}",
            self.settings, self.server
        )?;
        writeln!(out, "connect and join")?;
        row(out, "connections/s", grouped(self.opening.connections_per_s))?;
        row(out, "latency", self.opening.latency)?;
        for phase in &self.phases {
            write!(out, "{phase}")?;
        }
        let rss = |memory: Option<Memory>| {
            memory.map(|memory| format!("{} KiB", grouped(memory.rss_bytes as f64 / 1024.0)))
        };
        writeln!(out, "server memory")?;
        row_if(out, "with all clients open", rss(self.server_memory))?;
        row_if(out, "after the last phase", rss(self.server_memory_after))?;
        writeln!(out, "verification")?;
        let Faults { lost, reordered, duplicates, .. } = self.faults;
        let Faults { wrong_group, echoed, misnumbered, unreadable, clients_closed, .. } =
            self.faults;
        row(
            out,
            if self.faults.is_clean() { "every delivery as expected" } else { "FAILED" },
            format!(
                "lost {lost}, reordered {reordered}, duplicates {duplicates}, \
                 wrong group {wrong_group}, echoed {echoed}, misnumbered {misnumbered}, \
                 unreadable {unreadable}, clients closed {clients_closed}"
            ),
        )?;
        self.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
    }
}

impl Display for Phase {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} ({:.1} s measured)", self.name, self.usage.seconds)?;
        row(out, "deliveries/s", grouped(self.deliveries_per_s))?;
        row(out, "publishes/s", grouped(self.publishes_per_s))?;
        let per_delivery = self.server_cpu_ns_per_delivery.map(|ns| format!("{} ns", grouped(ns)));
        row_if(out, "server CPU per delivery", per_delivery)?;
        let per_publish = self.server_cpu_us_per_publish.map(|us| format!("{us:.1} µs"));
        row_if(out, "server CPU per publish", per_publish)?;
        let generator = format!("{} ns", grouped(self.generator_cpu_ns_per_delivery));
        row(out, "generator CPU per delivery", generator)?;
        let acks = self.sequence_acks as f64 / self.usage.seconds;
        row_if(out, "sequence acks/s", (self.sequence_acks > 0).then(|| grouped(acks)))?;
        row(out, "CPU share of one core", self.usage)?;
        row_if(
            out,
            "frames per write",
            self.frames_per_write.map(|frames| format!("{frames:.1}")),
        )?;
        row_if(out, "delivery latency", self.latency)?;
        row_if(out, "of it, generator late by", self.generator_lag)
    }
}
