//! Load generators for corecast: scenarios as subcommands, one process and one thread each; one
//! more thread where the server under test calls an event handler, and more processes where a run
//! is spread over `generators`.
//!
//! In reading order: `wire` is the bytes, `socket` moves them, `client` is one of those sockets,
//! `fleet` all of them on one epoll, `open` lets them in, `reader` reads what they receive and
//! `gaps` remembers what they should have; `fanout`, `groups`, `mixed`, `rest`, `events`, `connect`,
//! `churn`, `idle` and `limit` are the scenarios; `pace` is their time, and `generators` shares a
//! run between processes; `own_server` is a server that is started here, `peer` another
//! implementation's, and `beside` puts the same load on both; `target`, `procfs`, `metrics`,
//! `meter`, `steady`, `histogram`, `machine` and `report` are what they measure with; `results`
//! keeps reports in folders, and `compare` puts them side by side.
//!
//! Exit code 0: everything expected was received and checked. 1: something was lost, wrong or
//! closed, or the run broke off. 2: the command line is wrong.

#![deny(unsafe_code)]

mod beside;
mod churn;
mod client;
mod clock;
mod compare;
mod connect;
mod events;
mod fanout;
mod fleet;
mod gaps;
mod generators;
mod groups;
mod histogram;
mod idle;
mod limit;
mod machine;
mod meter;
mod metrics;
mod mixed;
mod open;
mod own_server;
mod pace;
mod peer;
mod procfs;
mod progress;
mod reader;
mod report;
mod rest;
mod results;
mod setup;
mod socket;
mod steady;
mod target;
mod token;
mod wire;

use std::process::ExitCode;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use self::report::Output;

/// Load generators for corecast. All traffic stays on this machine's loopback.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
    /// Core to pin the generator to
    #[arg(long, global = true)]
    core: Option<usize>,
    #[command(flatten)]
    output: Output,
}

#[derive(Subcommand)]
enum Scenario {
    /// Publishers to groups of subscribers: throughput, latency, and every delivery checked
    Fanout(fanout::FanoutArgs),
    /// Many small groups in which every member publishes: throughput, latency, and every delivery
    /// checked
    Groups(groups::GroupsArgs),
    /// What a deployment has at once: receivers of every subprotocol, publishers apart and among
    /// them, and REST sends; every delivery checked
    Mixed(mixed::MixedArgs),
    /// Sends by the REST API to users, groups or all: rate, latency, and every delivery checked
    Rest(rest::RestArgs),
    /// User events to an event handler, served here, and back, or to event listeners: rate, latency,
    /// and every answer checked
    Events(events::EventsArgs),
    /// Clients coming in: rate, latency, server CPU per connection
    Connect(connect::ConnectArgs),
    /// Clients coming and going, or all at once, while others publish: rate, latency, memory, and
    /// every delivery checked
    Churn(churn::ChurnArgs),
    /// Open connections that do nothing: memory and CPU
    Idle(idle::IdleArgs),
    /// Minimal servers of our own, started here: what the machine allows at best
    Limit(limit::LimitArgs),
    /// A results folder as a table of every figure, a Markdown summary and a plot
    Summarize(results::SummarizeArgs),
    /// Two JSON reports, or two folders of them, side by side
    Compare(compare::CompareArgs),
    /// The child that `limit` starts
    #[command(hide = true)]
    LimitServer(limit::LimitServerArgs),
    /// The child that becomes a peer
    #[command(hide = true)]
    PeerServer(peer::PeerServerArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = prepare(&cli).and_then(|()| match &cli.scenario {
        Scenario::Fanout(args) => fanout::run(args, &cli.output),
        Scenario::Groups(args) => groups::run(args, &cli.output),
        Scenario::Mixed(args) => mixed::run(args, &cli.output),
        Scenario::Rest(args) => rest::run(args, &cli.output),
        Scenario::Events(args) => events::run(args, &cli.output),
        Scenario::Connect(args) => connect::run(args, &cli.output),
        Scenario::Churn(args) => churn::run(args, &cli.output),
        Scenario::Idle(args) => idle::run(args, &cli.output),
        Scenario::Limit(args) => limit::run(args, &cli.output),
        Scenario::Summarize(args) => results::summarize(args, cli.output.is_json),
        Scenario::Compare(args) => compare::run(args, cli.output.is_json),
        Scenario::LimitServer(args) => limit::serve(args, cli.core),
        Scenario::PeerServer(args) => peer::serve(args, cli.core),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("loadtest: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What may be refused is refused before the run.
fn prepare(cli: &Cli) -> Result<()> {
    if let Some(place) = &cli.output.save {
        if matches!(cli.scenario, Scenario::Summarize(_) | Scenario::Compare(_)) {
            let message = "--save is for scenarios: this one has no report";
            Cli::command().error(ErrorKind::ArgumentConflict, message).exit();
        }
        place.prepare()?;
    }
    setup::pin_to(cli.core)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_options_of_a_scenario_are_one() {
        Cli::command().debug_assert();
    }
}
