//! What a run of REST sends found.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

use clap::ValueEnum;
use serde::Serialize;

use crate::histogram::Quantiles;
use crate::meter::Usage;
use crate::open::Opening;
use crate::report::{grouped, row, row_if};
use crate::rest::ledger::Faults;
use crate::rest::load::{Measured, Timing};
use crate::rest::{Addressee, LoadArgs};

#[derive(Serialize)]
pub(crate) struct RestReport {
    pub(crate) server: SocketAddr,
    pub(crate) settings: LoadArgs,
    pub(crate) opening: Opening,
    pub(crate) phases: Vec<Phase>,
    /// Requests per second asked for in the last phase.
    pub(crate) fixed_rate: f64,
    pub(crate) faults: Faults,
    pub(crate) notes: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    /// Those answered with 202.
    pub(crate) requests: u64,
    pub(crate) deliveries: u64,
    pub(crate) requests_per_s: f64,
    pub(crate) deliveries_per_s: f64,
    pub(crate) server_cpu_us_per_request: Option<f64>,
    pub(crate) server_cpu_us_per_delivery: Option<f64>,
    pub(crate) generator_cpu_us_per_request: f64,
    pub(crate) frames_per_write: Option<f64>,
    pub(crate) usage: Usage,
    /// From the time a request was due to its 202.
    pub(crate) request_latency: Option<Quantiles>,
    /// From the time a request was due to each delivery of its message.
    pub(crate) delivery_latency: Option<Quantiles>,
    /// How late the generator sent; part of both above that is not the server's. Waiting for a
    /// connection to become free is not in it.
    pub(crate) generator_lag: Option<Quantiles>,
}

impl Phase {
    pub(crate) fn new(
        name: &'static str,
        measured: &Measured,
        frames_per_write: Option<f64>,
    ) -> Self {
        let &Measured { accepted, delivered, usage } = measured;
        Self {
            name,
            requests: accepted,
            deliveries: delivered,
            requests_per_s: accepted as f64 / usage.seconds,
            deliveries_per_s: delivered as f64 / usage.seconds,
            server_cpu_us_per_request: usage.server_ns_per(accepted).map(|ns| ns / 1e3),
            server_cpu_us_per_delivery: usage.server_ns_per(delivered).map(|ns| ns / 1e3),
            generator_cpu_us_per_request: usage.generator_ns_per(accepted) / 1e3,
            frames_per_write,
            usage,
            request_latency: None,
            delivery_latency: None,
            generator_lag: None,
        }
    }

    pub(crate) fn with_timing(self, timing: &Timing) -> Self {
        Self {
            request_latency: Some(timing.requests.quantiles()),
            delivery_latency: Some(timing.deliveries.quantiles()),
            generator_lag: Some(timing.lags.quantiles()),
            ..self
        }
    }
}

impl Display for RestReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let LoadArgs { target, users, groups, connections, pipeline, payload, .. } = self.settings;
        writeln!(
            out,
            "sends to {target}, {users} users, {connections} HTTP connections with {pipeline} in \
             flight each, {payload} B, server {}",
            self.server
        )?;
        if target == Addressee::Group {
            writeln!(out, "{groups} groups")?;
        }
        writeln!(out, "connect")?;
        row(out, "connections/s", grouped(self.opening.connections_per_s))?;
        row(out, "latency", self.opening.latency)?;
        for phase in &self.phases {
            write!(out, "{phase}")?;
        }
        writeln!(out, "verification")?;
        let is_clean = self.faults.is_clean();
        let verdict = if is_clean { "every message as expected" } else { "FAILED" };
        row(out, verdict, &self.faults)?;
        self.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
    }
}

impl Display for Phase {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} ({:.1} s measured)", self.name, self.usage.seconds)?;
        row(out, "requests/s", grouped(self.requests_per_s))?;
        row(out, "deliveries/s", grouped(self.deliveries_per_s))?;
        let per_request = self.server_cpu_us_per_request.map(|us| format!("{us:.1} µs"));
        row_if(out, "server CPU per request", per_request)?;
        let per_delivery = self.server_cpu_us_per_delivery.map(|us| format!("{us:.2} µs"));
        row_if(out, "server CPU per delivery", per_delivery)?;
        let generator = format!("{:.1} µs", self.generator_cpu_us_per_request);
        row(out, "generator CPU per request", generator)?;
        row(out, "CPU share of one core", self.usage)?;
        let frames_per_write = self.frames_per_write.map(|frames| format!("{frames:.1}"));
        row_if(out, "frames per write", frames_per_write)?;
        row_if(out, "request latency", self.request_latency)?;
        row_if(out, "delivery latency", self.delivery_latency)?;
        row_if(out, "of both, generator late by", self.generator_lag)
    }
}

impl Display for Faults {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { refused, unanswered, unsent, unasked, .. } = self;
        let Self {
            lost,
            reordered,
            duplicates,
            wrong_receiver,
            unreadable,
            connections_closed,
            ..
        } = self;
        write!(
            out,
            "refused {refused}, unanswered {unanswered}, unsent {unsent}, unasked {unasked}, \
             lost {lost}, reordered {reordered}, duplicates {duplicates}, \
             wrong receiver {wrong_receiver}, unreadable {unreadable}, \
             connections closed {connections_closed}"
        )
    }
}

impl Display for Addressee {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| out.write_str(value.get_name()))
    }
}
