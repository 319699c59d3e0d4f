//! Scenario `connect`: how fast clients get in, and what each costs the server.
//!
//! A client is in when its upgrade is answered and, in the JSON subprotocol, when it has its
//! `connected` message. Clients come as fast as the server lets them in, or each at its time,
//! from which its latency counts. All stay open until the last one is in, then all are closed
//! with 1000. Several processes begin together, and none closes before all have their clients.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use anyhow::{Result, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::beside::{self, BesideArgs, Outcome};
use crate::generators::sum::{self, Site};
use crate::generators::{self, GeneratorArgs, Part};
use crate::meter::{Meter, Usage};
use crate::open::{Arrival, Opened, Opening, open_by};
use crate::report::{Output, grouped, row, row_if};
use crate::target::{Target, TargetArgs};
use crate::wire::subprotocol::Subprotocol;

#[derive(Args, Clone, Debug)]
pub(crate) struct ConnectArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    generators: GeneratorArgs,
    /// Of all generators together
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    connections: u64,
    /// Connections that each generator opens at a time, unless --rate is given
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    concurrency: u64,
    /// Connections per second of all generators, each begun when it is due; as fast as they open
    /// by default
    #[arg(long, conflicts_with = "concurrency")]
    rate: Option<f64>,
    /// What the clients speak; `none` sends no token either
    #[arg(long, value_enum, default_value = "json")]
    subprotocol: Subprotocol,
    #[command(flatten)]
    beside: BesideArgs,
}

/// What one process measured.
#[derive(Serialize, Deserialize)]
pub(crate) struct Measured {
    site: Site,
    opened: Opened,
    usage: Usage,
    closed_orderly: usize,
}

#[derive(Serialize)]
pub(crate) struct ConnectReport {
    generators: usize,
    opening: Opening,
    server_cpu_us_per_connection: Option<f64>,
    generator_cpu_us_per_connection: f64,
    usage: Usage,
    /// Clients whose close the server answered with a close frame.
    closed_orderly: usize,
    notes: Vec<String>,
}

impl ConnectArgs {
    fn arrival(&self, part: &Part) -> Result<Arrival> {
        let Some(rate) = self.rate else {
            return Ok(Arrival::AtATime(usize::try_from(self.concurrency)?));
        };
        ensure!((1.0..=1e6).contains(&rate), "--rate {rate} is not 1 to 1e6 connections a second");
        Ok(Arrival::PerSecond(part.rate_of(rate)))
    }
}

/// Runs the scenario; whether every client came in and was let out.
pub(crate) fn run(args: &ConnectArgs, output: &Output) -> Result<bool> {
    let servers = args.target.url.len();
    let others = args.beside.others_of_one(args.generators.count(servers)?)?;
    let parts = generators::run(&args.generators, servers, |part| {
        let connections = part.share_of(args.connections)?;
        let target = part.target(&args.target)?;
        drive(part, &target, connections, args.arrival(part)?, args.subprotocol)
    })?;
    let Some(parts) = parts else { return Ok(true) };
    let cores = sum::cores(parts.iter().map(|part| &part.site));
    let measured = (ConnectReport::of(&parts), cores);
    let connections = usize::try_from(args.connections)?;
    beside::conclude("connect", measured, (&others, connections), output, |other, _| {
        let (part, subprotocol) = (Part::whole(), beside::spoken(args.subprotocol));
        let result = drive(&part, other, connections, args.arrival(&part)?, subprotocol)?;
        Ok(ConnectReport::of(&[result]))
    })
}

pub(crate) fn drive(
    part: &Part,
    target: &Target,
    connections: usize,
    arrival: Arrival,
    subprotocol: Subprotocol,
) -> Result<Measured> {
    let dials = vec![target.dial(subprotocol, None)?; connections];
    let mut fleet = part.fleet(target, connections, 0)?;
    part.meet(&mut fleet)?;
    let meter = Meter::start(target.process);
    let opened = open_by(&mut fleet, &dials, arrival)?;
    let usage = meter.read();
    part.meet(&mut fleet)?;
    let mut site = Site::of(target);
    site.notes
        .extend(fleet.lost.iter().map(|(reason, count)| format!("{count} clients: {reason}")));
    Ok(Measured { site, opened, usage, closed_orderly: fleet.close_all()? })
}

impl ConnectReport {
    pub(crate) fn of(parts: &[Measured]) -> Self {
        let usage = sum::usage(parts.iter().map(|part| (&part.site, part.usage)));
        let opening = Opened::sum(parts.iter().map(|part| &part.opened)).told();
        let count = opening.connections as u64;
        Self {
            generators: parts.len(),
            opening,
            server_cpu_us_per_connection: usage.server_ns_per(count).map(|ns| ns / 1e3),
            generator_cpu_us_per_connection: usage.generator_ns_per(count) / 1e3,
            usage,
            closed_orderly: parts.iter().map(|part| part.closed_orderly).sum(),
            notes: sum::notes(parts.iter().map(|part| &part.site)),
        }
    }
}

impl Outcome for ConnectReport {
    const COST: &'static str = "CPU per connection";

    fn is_clean(&self) -> bool {
        self.closed_orderly == self.opening.connections
    }

    fn ratios_to(&self, other: &Self) -> BTreeMap<&'static str, f64> {
        let costs = self.server_cpu_us_per_connection.zip(other.server_cpu_us_per_connection);
        costs.map(|(ours, theirs)| ("CPU", ours / theirs)).into_iter().collect()
    }
}

impl Display for ConnectReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        row_if(out, "generators", (self.generators > 1).then_some(self.generators))?;
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
