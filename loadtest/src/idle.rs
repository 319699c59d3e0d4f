//! Scenario `idle`: what an open connection that does nothing costs.
//!
//! Memory is the server's resident set with all clients open less that before the first one:
//! user space only, the kernel's socket buffers are not in it. A server that was used before
//! reuses memory and shows too little: start a fresh one. Several processes look at the same
//! moments: when none has begun, when all have opened their clients, and before any closes.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use anyhow::{Context, Result};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::beside::{self, BesideArgs, Outcome};
use crate::clock::{self, NS_PER_S};
use crate::generators::sum::{self, Site};
use crate::generators::{self, GeneratorArgs, Part};
use crate::meter::{Meter, Usage};
use crate::open::{Arrival, Opened, Opening, open_by};
use crate::procfs::Memory;
use crate::progress::Progress;
use crate::report::{Output, grouped, row, row_if};
use crate::steady;
use crate::target::{Target, TargetArgs};
use crate::wire::subprotocol::Subprotocol;

#[derive(Args, Clone, Debug)]
pub(crate) struct IdleArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    generators: GeneratorArgs,
    /// Of all generators together
    #[arg(long, default_value_t = 19_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    connections: u64,
    /// Seconds to watch; beyond the keep-alive interval (20) to see pings
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Connections that each generator opens at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    concurrency: u64,
    /// What the clients speak; `none` sends no token either
    #[arg(long, value_enum, default_value = "json")]
    subprotocol: Subprotocol,
    #[command(flatten)]
    beside: BesideArgs,
}

/// What one process measured.
#[derive(Serialize, Deserialize)]
struct Measured {
    site: Site,
    opened: Opened,
    before: Memory,
    after: Memory,
    at_end: Memory,
    usage: Usage,
    pings: u64,
    clients_closed: u64,
    closed_orderly: usize,
}

#[derive(Serialize)]
struct IdleReport {
    generators: usize,
    opening: Opening,
    /// Of all servers together, as all that follows.
    before: Memory,
    after: Memory,
    /// At the end of the watch: what keeping alive added.
    at_end: Memory,
    rss_bytes_per_connection: f64,
    anonymous_bytes_per_connection: f64,
    usage: Usage,
    pings: u64,
    clients_closed: u64,
    closed_orderly: usize,
    notes: Vec<String>,
}

/// Runs the scenario; whether every client stayed open until it was closed.
pub(crate) fn run(args: &IdleArgs, output: &Output) -> Result<bool> {
    let servers = args.target.url.len();
    let others = args.beside.others_of_one(args.generators.count(servers)?)?;
    let parts = generators::run(&args.generators, servers, |part| {
        drive(part, &part.target(&args.target)?, args, args.subprotocol)
    })?;
    let Some(parts) = parts else { return Ok(true) };
    let cores = sum::cores(parts.iter().map(|part| &part.site));
    let measured = (IdleReport::of(&parts), cores);
    let connections = usize::try_from(args.connections)?;
    beside::conclude("idle", measured, (&others, connections), output, |other, _| {
        let result = drive(&Part::whole(), other, args, beside::spoken(args.subprotocol))?;
        Ok(IdleReport::of(&[result]))
    })
}

fn drive(
    part: &Part,
    target: &Target,
    args: &IdleArgs,
    subprotocol: Subprotocol,
) -> Result<Measured> {
    let connections = part.share_of(args.connections)?;
    let server = target.process.context("memory per connection needs the server's process")?;
    let dials = vec![target.dial(subprotocol, None)?; connections];
    let mut fleet = part.fleet(target, connections, 0)?;
    let before = steady::memory_now(server)?;
    part.meet(&mut fleet)?;
    let arrival = Arrival::AtATime(usize::try_from(args.concurrency)?);
    let opened = open_by(&mut fleet, &dials, arrival)?;
    part.meet(&mut fleet)?;
    let after = steady::memory(&mut fleet, server)?;
    part.meet(&mut fleet)?;

    let mut progress = Progress::new("idle");
    let meter = Meter::start(target.process);
    let end_ns = clock::now_ns() + clock::from_s(args.seconds);
    while clock::now_ns() < end_ns {
        fleet.turn(NS_PER_S / 10, |_, _, _| {})?;
        progress.tick(clock::now_ns(), || format!("{} pings", fleet.pings));
    }
    let usage = meter.read();
    let at_end = steady::memory_now(server)?;
    part.meet(&mut fleet)?;
    let mut site = Site::of(target);
    site.notes
        .extend(fleet.lost.iter().map(|(reason, count)| format!("{count} clients: {reason}")));
    Ok(Measured {
        site,
        opened,
        before,
        after,
        at_end,
        usage,
        pings: fleet.pings,
        clients_closed: fleet.lost.values().sum(),
        closed_orderly: fleet.close_all()?,
    })
}

impl IdleReport {
    fn of(parts: &[Measured]) -> Self {
        let memory = |at: fn(&Measured) -> Memory| {
            sum::memory(parts.iter().map(|part| (&part.site, at(part))))
        };
        let (before, after) = (memory(|part| part.before), memory(|part| part.after));
        let opening = Opened::sum(parts.iter().map(|part| &part.opened)).told();
        let per_connection = |field: fn(Memory) -> u64| {
            field(after).saturating_sub(field(before)) as f64 / opening.connections as f64
        };
        Self {
            generators: parts.len(),
            rss_bytes_per_connection: per_connection(|memory| memory.rss_bytes),
            anonymous_bytes_per_connection: per_connection(|memory| memory.anonymous_bytes),
            opening,
            before,
            after,
            at_end: memory(|part| part.at_end),
            usage: sum::usage(parts.iter().map(|part| (&part.site, part.usage))),
            pings: parts.iter().map(|part| part.pings).sum(),
            clients_closed: parts.iter().map(|part| part.clients_closed).sum(),
            closed_orderly: parts.iter().map(|part| part.closed_orderly).sum(),
            notes: sum::notes(parts.iter().map(|part| &part.site)),
        }
    }
}

impl Outcome for IdleReport {
    const COST: &'static str = "memory per connection";

    fn is_clean(&self) -> bool {
        self.clients_closed == 0
    }

    fn ratios_to(&self, other: &Self) -> BTreeMap<&'static str, f64> {
        let ratio = |cost: fn(&Self) -> f64| cost(self) / cost(other);
        let ratios = [
            ("RSS", ratio(|report| report.rss_bytes_per_connection)),
            ("anonymous", ratio(|report| report.anonymous_bytes_per_connection)),
        ];
        // One that had its memory already has no cost to compare with.
        ratios.into_iter().filter(|(_, ratio)| ratio.is_normal()).collect()
    }
}

impl Display for IdleReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        row_if(out, "generators", (self.generators > 1).then_some(self.generators))?;
        row(out, "connections", self.opening.connections)?;
        row(out, "RSS per connection", format!("{} B", grouped(self.rss_bytes_per_connection)))?;
        let anonymous = format!("{} B", grouped(self.anonymous_bytes_per_connection));
        row(out, "of it anonymous", anonymous)?;
        for (name, memory) in
            [("before", self.before), ("open", self.after), ("at the end", self.at_end)]
        {
            let kib = |bytes: u64| grouped(bytes as f64 / 1024.0);
            let (rss, anonymous) = (kib(memory.rss_bytes), kib(memory.anonymous_bytes));
            row(out, name, format!("RSS {rss} KiB, anonymous {anonymous} KiB"))?;
        }
        row(out, "watched", format!("{:.1} s", self.usage.seconds))?;
        let share = self.usage.server_cpu_share.map(|share| format!("{:.2} %", share * 100.0));
        row_if(out, "server CPU share", share)?;
        row(out, "pings seen", self.pings)?;
        row(out, "clients closed by server", self.clients_closed)?;
        row(out, "closed orderly", self.closed_orderly)?;
        self.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
    }
}
