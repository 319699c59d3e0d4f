//! Scenario `connect`: how fast clients get in, and what each costs the server.
//!
//! A client is in when its upgrade is answered and, in the JSON subprotocol, when it has its
//! `connected` message. Clients come as fast as the server lets them in, or each at its time,
//! from which its latency counts. All stay open until the last one is in, then all are closed
//! with 1000.

use std::fmt::{self, Display, Formatter};

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;

use crate::fleet::Fleet;
use crate::meter::{Meter, Usage};
use crate::open::{Arrival, Opening, open_by};
use crate::report::{Report, grouped, row, row_if};
use crate::setup;
use crate::target::{Target, TargetArgs};
use crate::wire::subprotocol::Subprotocol;

#[derive(Args, Clone, Debug)]
pub(crate) struct ConnectArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    connections: u64,
    /// Connections being opened at a time, unless --rate is given
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    concurrency: u64,
    /// Connections per second, each begun when it is due; as fast as they open by default
    #[arg(long, conflicts_with = "concurrency")]
    rate: Option<f64>,
    /// What the clients speak; `none` sends no token either
    #[arg(long, value_enum, default_value = "json")]
    subprotocol: Subprotocol,
}

#[derive(Serialize)]
pub(crate) struct ConnectReport {
    pub(crate) opening: Opening,
    pub(crate) server_cpu_us_per_connection: Option<f64>,
    pub(crate) generator_cpu_us_per_connection: f64,
    pub(crate) usage: Usage,
    /// Clients whose close the server answered with a close frame.
    pub(crate) closed_orderly: usize,
    pub(crate) notes: Vec<String>,
}

impl ConnectArgs {
    fn arrival(&self) -> Result<Arrival> {
        let Some(rate) = self.rate else {
            return Ok(Arrival::AtATime(usize::try_from(self.concurrency)?));
        };
        ensure!((1.0..=1e6).contains(&rate), "--rate {rate} is not 1 to 1e6 connections a second");
        Ok(Arrival::PerSecond(rate))
    }
}

impl ConnectReport {
    pub(crate) fn is_clean(&self) -> bool {
        self.closed_orderly == self.opening.connections
    }
}

/// Runs the scenario; whether every client came in and was let out.
pub(crate) fn run(args: &ConnectArgs, is_json: bool) -> Result<bool> {
    let connections = usize::try_from(args.connections)?;
    setup::allow_sockets(connections)?;
    let target = Target::resolve(&args.target)?;
    let report = drive(&target, connections, args.arrival()?, args.subprotocol)?;
    let is_clean = report.is_clean();
    Report::new("connect", target.cores(), report).print(is_json)?;
    Ok(is_clean)
}

pub(crate) fn drive(
    target: &Target,
    connections: usize,
    arrival: Arrival,
    subprotocol: Subprotocol,
) -> Result<ConnectReport> {
    let dials = vec![target.dial(subprotocol, None)?; connections];
    let mut fleet = Fleet::new(target.address, 0)?;
    let meter = Meter::start(target.process);
    let opening = open_by(&mut fleet, &dials, arrival)?.told();
    let usage = meter.read();
    let mut notes = target.notes.clone();
    notes.extend(fleet.lost.iter().map(|(reason, count)| format!("{count} clients: {reason}")));
    let closed_orderly = fleet.close_all()?;
    let count = opening.connections as u64;
    Ok(ConnectReport {
        opening,
        server_cpu_us_per_connection: usage.server_ns_per(count).map(|ns| ns / 1e3),
        generator_cpu_us_per_connection: usage.generator_ns_per(count) / 1e3,
        usage,
        closed_orderly,
        notes,
    })
}

impl Display for ConnectReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        row(out, "connections", self.opening.connections)?;
        row(out, "connections/s", grouped(self.opening.connections_per_s))?;
        let per_connection = self.server_cpu_us_per_connection.map(|us| format!("{us:.1} µs"));
        row_if(out, "server CPU per connection", per_connection)?;
        let generator = format!("{:.1} µs", self.generator_cpu_us_per_connection);
        row(out, "generator CPU per connection", generator)?;
        row(out, "CPU share of one core", self.usage)?;
        row(out, "latency", self.opening.latency)?;
        row_if(out, "of it, generator late by", self.opening.generator_lag)?;
        row(out, "closed orderly", self.closed_orderly)?;
        self.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
    }
}
