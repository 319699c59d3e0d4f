//! What a run of coming and going found, in all its processes.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::Measured;
use super::ledger::Faults;
use super::seen::{Seen, Timing};
use super::settings::ChurnSettings;
use crate::generators::sum::{self, Site};
use crate::histogram::Quantiles;
use crate::meter::Usage;
use crate::procfs::Memory;
use crate::report::{grouped, row, row_if};

#[derive(Serialize)]
pub(crate) struct ChurnReport {
    generators: usize,
    settings: ChurnSettings,
    /// Publishing alone.
    steady: Phase,
    stirred: Phase,
    /// Server time of the second phase beyond that of publishing, by clients that came. `None` in a
    /// storm: what is published to absent clients costs less than before, by an unknown amount.
    server_cpu_us_per_connection: Option<f64>,
    storm: Option<Storm>,
    left_orderly: u64,
    left_abruptly: u64,
    /// Connections taken up again, and messages that came again because of that.
    recovered: u64,
    repeated: u64,
    /// With the same clients in, before and after.
    server_memory_before: Option<Memory>,
    server_memory_after: Option<Memory>,
    pub(crate) faults: Faults,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Phase {
    connects: u64,
    publishes: u64,
    deliveries: u64,
    connects_per_s: f64,
    publishes_per_s: f64,
    deliveries_per_s: f64,
    usage: Usage,
    connect_latency: Option<Quantiles>,
    /// Of it, before the generator began; waiting for a slot is in it.
    connect_lag: Option<Quantiles>,
    delivery_latency: Option<Quantiles>,
    publish_lag: Option<Quantiles>,
}

/// From the moment in which all were disconnected.
#[derive(Serialize)]
struct Storm {
    all_back_s: f64,
    all_delivered_to_s: f64,
    away: Quantiles,
    until_delivered_to: Quantiles,
}

impl ChurnReport {
    pub(super) fn of(settings: &ChurnSettings, parts: &[Measured]) -> Self {
        let sites = || parts.iter().map(|part| &part.site);
        let phase =
            |of: fn(&Measured) -> &Seen| merged(parts.iter().map(|part| (&part.site, of(part))));
        let (steady, stirred) = (phase(|part| &part.steady), phase(|part| &part.stirred));
        let memory = |at: fn(&Measured) -> Option<Memory>| {
            let seen = parts.iter().map(|part| Some((&part.site, at(part)?)));
            seen.collect::<Option<Vec<_>>>().map(|seen| sum::memory(seen.into_iter()))
        };
        let storm = Storm::of(&stirred.timing);
        let mut faults = Faults::default();
        parts.iter().for_each(|part| faults.add(&part.faults));
        Self {
            generators: parts.len(),
            settings: settings.clone(),
            server_cpu_us_per_connection: cpu_us_per_connection(&steady, &stirred)
                .filter(|_| storm.is_none()),
            storm,
            steady: Phase::of(&steady),
            stirred: Phase::of(&stirred),
            left_orderly: parts.iter().map(|part| part.left_orderly).sum(),
            left_abruptly: parts.iter().map(|part| part.left_abruptly).sum(),
            recovered: parts.iter().map(|part| part.recovered).sum(),
            repeated: parts.iter().map(|part| part.repeated).sum(),
            server_memory_before: memory(|part| part.memory_before),
            server_memory_after: memory(|part| part.memory_after),
            faults,
            notes: sum::notes(sites()),
        }
    }
}

/// One phase of all processes as one.
fn merged<'a>(parts: impl Iterator<Item = (&'a Site, &'a Seen)> + Clone) -> Seen {
    let usage = sum::usage(parts.clone().map(|(site, seen)| (site, seen.usage)));
    let mut all = Seen { usage, connects: 0, published: 0, delivered: 0, timing: Timing::new() };
    for (_, seen) in parts {
        all.connects += seen.connects;
        all.published += seen.published;
        all.delivered += seen.delivered;
        all.timing.merge(&seen.timing);
    }
    all
}

/// What publishing costs in a second is known from the steady phase and taken off.
fn cpu_us_per_connection(steady: &Seen, stirred: &Seen) -> Option<f64> {
    let publishing_ns = steady.usage.server_cpu_share? * stirred.usage.seconds * 1e9;
    let extra_ns = stirred.usage.server_cpu_ns? as f64 - publishing_ns;
    (stirred.connects > 0).then(|| extra_ns.max(0.0) / stirred.connects as f64 / 1e3)
}

impl Phase {
    fn of(seen: &Seen) -> Self {
        let Seen { usage, connects, published, delivered, timing } = seen;
        let per_s = |count: u64| count as f64 / usage.seconds;
        Self {
            connects: *connects,
            publishes: *published,
            deliveries: *delivered,
            connects_per_s: per_s(*connects),
            publishes_per_s: per_s(*published),
            deliveries_per_s: per_s(*delivered),
            usage: *usage,
            connect_latency: timing.connects.some_quantiles(),
            connect_lag: timing.connect_lags.some_quantiles(),
            delivery_latency: timing.deliveries.some_quantiles(),
            publish_lag: timing.publish_lags.some_quantiles(),
        }
    }
}

impl Storm {
    fn of(timing: &Timing) -> Option<Self> {
        let (away, until_delivered_to) =
            timing.away.some_quantiles().zip(timing.silent.some_quantiles())?;
        Some(Self {
            all_back_s: away.max_us / 1e6,
            all_delivered_to_s: until_delivered_to.max_us / 1e6,
            away,
            until_delivered_to,
        })
    }
}

impl Display for ChurnReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.settings)?;
        row_if(out, "generators", (self.generators > 1).then_some(self.generators))?;
        writeln!(out, "publishing alone ({:.1} s)", self.steady.usage.seconds)?;
        write!(out, "{}", self.steady)?;
        let name = if self.storm.is_some() { "storm" } else { "coming and going" };
        writeln!(out, "{name} ({:.1} s)", self.stirred.usage.seconds)?;
        if let Some(storm) = &self.storm {
            row(out, "all back after", format!("{:.3} s", storm.all_back_s))?;
            row(out, "all delivered to after", format!("{:.3} s", storm.all_delivered_to_s))?;
            row(out, "away", storm.away)?;
            row(out, "until delivered to", storm.until_delivered_to)?;
        }
        row(out, "connects/s", grouped(self.stirred.connects_per_s))?;
        let per_connection = self.server_cpu_us_per_connection;
        let per_connection = per_connection.map(|us| format!("{us:.1} µs, publishing taken off"));
        row_if(out, "server CPU per connection", per_connection)?;
        row_if(out, "connect latency", self.stirred.connect_latency)?;
        row_if(out, "of it, generator late by", self.stirred.connect_lag)?;
        let (orderly, abruptly) = (self.left_orderly, self.left_abruptly);
        row(out, "left", format!("{orderly} orderly, {abruptly} abruptly"))?;
        let Self { recovered, repeated, .. } = self;
        let again = format!("{recovered} connections, {repeated} messages came again");
        row_if(out, "recovered", (*recovered > 0).then_some(again))?;
        write!(out, "{}", self.stirred)?;
        writeln!(out, "server memory, all clients in")?;
        for (name, memory) in
            [("before", self.server_memory_before), ("after", self.server_memory_after)]
        {
            let kib = |bytes: u64| grouped(bytes as f64 / 1024.0);
            let memory = memory.map(|memory| {
                let (rss, anonymous) = (kib(memory.rss_bytes), kib(memory.anonymous_bytes));
                format!("RSS {rss} KiB, anonymous {anonymous} KiB")
            });
            row_if(out, name, memory)?;
        }
        writeln!(out, "verification")?;
        let is_clean = self.faults.is_clean();
        row(out, if is_clean { "everything as expected" } else { "FAILED" }, &self.faults)?;
        self.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
    }
}

/// What both phases have.
impl Display for Phase {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        row(out, "publishes/s", grouped(self.publishes_per_s))?;
        row(out, "deliveries/s", grouped(self.deliveries_per_s))?;
        row(out, "CPU share of one core", self.usage)?;
        row_if(out, "delivery latency", self.delivery_latency)?;
        row_if(out, "of it, generator late by", self.publish_lag)
    }
}

impl Display for Faults {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { lost, reordered, duplicates, wrong_group, misnumbered, unreadable, .. } = self;
        let Self { clients_closed, unanswered_closes, not_in, .. } = self;
        write!(
            out,
            "lost {lost}, reordered {reordered}, duplicates {duplicates}, wrong group \
             {wrong_group}, misnumbered {misnumbered}, unreadable {unreadable}, clients closed \
             {clients_closed}, closes unanswered {unanswered_closes}, not in {not_in}"
        )
    }
}
