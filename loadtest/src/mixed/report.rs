//! What a mixed run found, by phase and subprotocol.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

use serde::Serialize;

use super::load::{HttpFaults, Load, Measured};
use super::receivers::Receivers;
use super::senders::Senders;
use super::settings::MixedSettings;
use crate::fanout::ledger::Faults;
use crate::histogram::Quantiles;
use crate::meter::Usage;
use crate::open::Opening;
use crate::report::{grouped, row, row_if};
use crate::wire::subprotocol::Subprotocol;

#[derive(Serialize)]
pub(crate) struct MixedReport {
    pub(crate) server: SocketAddr,
    pub(crate) settings: MixedSettings,
    pub(crate) opening: Opening,
    pub(crate) phases: Vec<Phase>,
    pub(crate) faults: Faults,
    pub(crate) http_faults: HttpFaults,
    pub(crate) notes: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct Phase {
    name: &'static str,
    deliveries: u64,
    deliveries_per_s: f64,
    server_cpu_ns_per_delivery: Option<f64>,
    generator_cpu_ns_per_delivery: f64,
    frames_per_write: Option<f64>,
    usage: Usage,
    senders: Vec<Sent>,
    receivers: Vec<Received>,
    /// From when a REST send was due to its 202.
    request_latency: Option<Quantiles>,
}

#[derive(Serialize)]
struct Sent {
    senders: &'static str,
    count: usize,
    messages: u64,
    messages_per_s: f64,
    /// How late those that were due were sent; waiting for a free HTTP connection is in it.
    lag: Option<Quantiles>,
}

#[derive(Serialize)]
struct Received {
    subprotocol: Subprotocol,
    clients: usize,
    /// Of each delivery, from the time its message was due.
    latency: Option<Quantiles>,
}

impl MixedReport {
    pub(crate) fn is_clean(&self) -> bool {
        self.faults.is_clean() && self.http_faults == HttpFaults::default()
    }
}

impl Phase {
    /// What `load` did since it was started.
    pub(crate) fn new(
        name: &'static str,
        load: &Load,
        measured: &Measured,
        frames_per_write: Option<f64>,
    ) -> Self {
        let &Measured { usage, delivered: deliveries } = measured;
        let sent = |senders: &Senders| Sent {
            senders: senders.name,
            count: senders.senders.len(),
            messages: senders.sent,
            messages_per_s: senders.sent as f64 / usage.seconds,
            lag: senders.lags.some_quantiles(),
        };
        let received = |receivers: &Receivers| Received {
            subprotocol: receivers.subprotocol,
            clients: receivers.clients.len(),
            latency: receivers.latencies.some_quantiles(),
        };
        Self {
            name,
            deliveries,
            deliveries_per_s: deliveries as f64 / usage.seconds,
            server_cpu_ns_per_delivery: usage.server_ns_per(deliveries),
            generator_cpu_ns_per_delivery: usage.generator_ns_per(deliveries),
            frames_per_write,
            usage,
            senders: [&load.publishers, &load.members, &load.rest].map(sent).into(),
            receivers: load.receivers.iter().map(received).collect(),
            request_latency: load.answers.some_quantiles(),
        }
    }
}

impl Display for MixedReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}, server {}", self.settings, self.server)?;
        writeln!(out, "connect and join")?;
        row(out, "connections/s", grouped(self.opening.connections_per_s))?;
        row(out, "latency", self.opening.latency)?;
        self.phases.iter().try_for_each(|phase| write!(out, "{phase}"))?;
        writeln!(out, "verification")?;
        let verdict = if self.is_clean() { "everything as expected" } else { "FAILED" };
        let Faults { lost, reordered, duplicates, wrong_group, misnumbered, .. } = self.faults;
        let Faults { unreadable, clients_closed, .. } = self.faults;
        let HttpFaults { refused, unanswered, unasked } = self.http_faults;
        row(
            out,
            verdict,
            format!(
                "lost {lost}, reordered {reordered}, duplicates {duplicates}, wrong group \
                 {wrong_group}, misnumbered {misnumbered}, unreadable {unreadable}, clients closed \
                 {clients_closed}, requests refused {refused}, unanswered {unanswered}, unasked \
                 {unasked}"
            ),
        )?;
        self.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
    }
}

impl Display for Phase {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} ({:.1} s)", self.name, self.usage.seconds)?;
        row(out, "deliveries/s", grouped(self.deliveries_per_s))?;
        let per_delivery = self.server_cpu_ns_per_delivery.map(|ns| format!("{} ns", grouped(ns)));
        row_if(out, "server CPU per delivery", per_delivery)?;
        let generator = format!("{} ns", grouped(self.generator_cpu_ns_per_delivery));
        row(out, "generator CPU per delivery", generator)?;
        row(out, "CPU share of one core", self.usage)?;
        let frames_per_write = self.frames_per_write.map(|frames| format!("{frames:.1}"));
        row_if(out, "frames per write", frames_per_write)?;
        for Sent { senders, count, messages_per_s, lag, .. } in &self.senders {
            let rate = format!("{} messages/s of {count}", grouped(*messages_per_s));
            row(out, &format!("from {senders}"), rate)?;
            row_if(out, "  late by", *lag)?;
        }
        for Received { subprotocol, clients, latency, .. } in &self.receivers {
            row_if(out, &format!("to {clients} {subprotocol}"), *latency)?;
        }
        row_if(out, "REST request latency", self.request_latency)
    }
}
