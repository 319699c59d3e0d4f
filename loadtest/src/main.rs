//! Load generators for corecast: scenarios as subcommands, one process and one thread each; one
//! more thread where the server under test calls an event handler, and more processes where a run
//! is spread over `generators`.
//!
//! In reading order: `wire` is the bytes, `socket` moves them, `client` is one of those sockets,
//! `fleet` all of them on one epoll, `open` lets them in, `reader` reads what they receive and
//! `gaps` remembers what they should have; `fanout`, `groups`, `mixed`, `rest`, `events`, `connect`,
//! `churn`, `idle` and `limit` are the scenarios; `pace` is their time, and `generators` shares a run between
//! processes; `target`, `procfs`, `metrics`, `meter`, `steady`, `histogram` and `report` are what
//! they measure with, and `compare` puts reports side by side.
//!
//! Exit code 0: everything expected was received and checked. 1: something was lost, wrong or
//! closed, or the run broke off. 2: the command line is wrong.

#![forbid(unsafe_code)]

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
mod meter;
mod metrics;
mod mixed;
mod open;
mod pace;
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

use clap::{Parser, Subcommand};

/// Load generators for corecast. All traffic stays on this machine's loopback.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    scenario: Scenario,
    /// Core to pin the generator to
    #[arg(long, global = true)]
    core: Option<usize>,
    /// One JSON object instead of a table
    #[arg(long, global = true)]
    json: bool,
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
    /// Two JSON reports, or two folders of them, side by side
    Compare(compare::CompareArgs),
    /// The child that `limit` starts
    #[command(hide = true)]
    LimitServer(limit::LimitServerArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = setup::pin_to(cli.core).and_then(|()| match &cli.scenario {
        Scenario::Fanout(args) => fanout::run(args, cli.json),
        Scenario::Groups(args) => groups::run(args, cli.json),
        Scenario::Mixed(args) => mixed::run(args, cli.json),
        Scenario::Rest(args) => rest::run(args, cli.json),
        Scenario::Events(args) => events::run(args, cli.json),
        Scenario::Connect(args) => connect::run(args, cli.json),
        Scenario::Churn(args) => churn::run(args, cli.json),
        Scenario::Idle(args) => idle::run(args, cli.json),
        Scenario::Limit(args) => limit::run(args, cli.json),
        Scenario::Compare(args) => compare::run(args, cli.json),
        Scenario::LimitServer(args) => limit::serve(args, cli.core),
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn no_two_options_of_a_scenario_are_one() {
        Cli::command().debug_assert();
    }
}
