//! Scenario `idle`: what an open connection that does nothing costs.
//!
//! Memory is the server's resident set with all clients open less that before the first one:
//! user space only, the kernel's socket buffers are not in it. A server that was used before
//! reuses memory and shows too little: start a fresh one.

use std::fmt::{self, Display, Formatter};

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use crate::clock::{self, NS_PER_S};
use crate::fleet::Fleet;
use crate::meter::{Meter, Usage};
use crate::open::{Opening, open_all};
use crate::procfs::{Memory, Process};
use crate::progress::Progress;
use crate::report::{Report, grouped, row, row_if};
use crate::setup;
use crate::target::{Target, TargetArgs};
use crate::wire::subprotocol::Subprotocol;

/// Memory counts as settled when it changed by less than this within a second.
const SETTLED_BYTES: u64 = 64 * 1024;
const SETTLE_SECONDS_MAX: u64 = 10;

#[derive(Args, Clone, Debug)]
pub(crate) struct IdleArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[arg(long, default_value_t = 19_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    connections: u64,
    /// Seconds to watch; beyond the keep-alive interval (20) to see pings
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Connections being opened at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    concurrency: u64,
    /// What the clients speak; `none` sends no token either
    #[arg(long, value_enum, default_value = "json")]
    subprotocol: Subprotocol,
}

#[derive(Serialize)]
struct IdleReport {
    opening: Opening,
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
pub(crate) fn run(args: &IdleArgs, is_json: bool) -> Result<bool> {
    let connections = usize::try_from(args.connections)?;
    setup::allow_sockets(connections)?;
    let target = Target::resolve(&args.target)?;
    let server = target.process.context("memory per connection needs the server's process")?;
    let report = drive(&target, server, args, connections)?;
    let is_clean = report.clients_closed == 0;
    Report::new("idle", target.cores(), report).print(is_json)?;
    Ok(is_clean)
}

fn drive(
    target: &Target,
    server: Process,
    args: &IdleArgs,
    connections: usize,
) -> Result<IdleReport> {
    let memory = || server.memory().context("reading the server's memory");
    let dials = vec![target.dial(args.subprotocol, None)?; connections];
    let mut fleet = Fleet::new(target.address, 0)?;
    let before = memory()?;
    let opening = open_all(&mut fleet, &dials, usize::try_from(args.concurrency)?)?;
    let after = settled(&mut fleet, server)?;

    let mut progress = Progress::new("idle");
    let meter = Meter::start(target.process);
    let end_ns = clock::now_ns() + clock::from_s(args.seconds);
    while clock::now_ns() < end_ns {
        fleet.turn(NS_PER_S / 10, |_, _, _| {})?;
        progress.tick(clock::now_ns(), || format!("{} pings", fleet.pings));
    }
    let usage = meter.read();
    let at_end = memory()?;
    let mut notes = target.notes.clone();
    notes.extend(fleet.lost.iter().map(|(reason, count)| format!("{count} clients: {reason}")));
    let per_connection = |field: fn(Memory) -> u64| {
        field(after).saturating_sub(field(before)) as f64 / connections as f64
    };
    Ok(IdleReport {
        rss_bytes_per_connection: per_connection(|memory| memory.rss_bytes),
        anonymous_bytes_per_connection: per_connection(|memory| memory.anonymous_bytes),
        opening,
        before,
        after,
        at_end,
        usage,
        pings: fleet.pings,
        clients_closed: fleet.lost.values().sum(),
        closed_orderly: fleet.close_all()?,
        notes,
    })
}

/// The server's memory once it has stopped to change.
fn settled(fleet: &mut Fleet, server: Process) -> Result<Memory> {
    let mut last = server.memory().context("reading the server's memory")?;
    for _ in 0..SETTLE_SECONDS_MAX {
        let end_ns = clock::now_ns() + NS_PER_S;
        while clock::now_ns() < end_ns {
            fleet.turn(NS_PER_S / 10, |_, _, _| {})?;
        }
        let now = server.memory().context("reading the server's memory")?;
        let is_settled = now.rss_bytes.abs_diff(last.rss_bytes) < SETTLED_BYTES;
        last = now;
        if is_settled {
            break;
        }
    }
    Ok(last)
}

impl Display for IdleReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
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
