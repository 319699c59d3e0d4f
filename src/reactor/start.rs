//! Bringing the shards up: one thread, one executor, one reactor each.

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};
use foldhash::quality::RandomState;
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement};
use rustix::fd::OwnedFd;

use super::mesh::Mesh;
use super::turn::Reactor;
use crate::auth::ReconnectionTokens;
use crate::auth::oidc::KeyRequests;
use crate::config::{Settings, StartError};
use crate::connection::lifecycle::Context;
use crate::connection::rules::Rules;
use crate::hub::id::ShardId;
use crate::metrics::ShardMetrics;
use crate::shard::clock;
use crate::shard::state::State;

/// Submission slots of an executor's ring: one poll at a time is in flight.
const RING_DEPTH: usize = 256;

/// What all shards have in common.
pub struct ShardPlan {
    pub rules: Rules,
    pub reconnection: ReconnectionTokens,
    pub key_requests: Option<Arc<KeyRequests>>,
}

/// The threads of the shards.
#[derive(Debug)]
pub struct RunningShards(Vec<JoinHandle<()>>);

impl RunningShards {
    /// Waits until all shards have ended.
    pub fn join(self) {
        for thread in self.0 {
            // A panic has ended the process before anybody could join.
            let _ = thread.join();
        }
    }
}

/// Starts a shard for each of `parts` and waits until all of them are at work.
///
/// # Errors
/// The first reason for which a shard could not start.
pub fn start(
    plan: &ShardPlan,
    parts: impl Iterator<Item = (Vec<OwnedFd>, Mesh, ShardMetrics)>,
) -> Result<RunningShards, StartError> {
    // Group names are hashed on one shard and looked up on another.
    let hasher = RandomState::default();
    let mut threads = Vec::new();
    let (report, reports) = bounded(plan.rules.settings.shards);
    for (index, (listeners, mesh, metrics)) in parts.enumerate() {
        let (rules, key_requests) = (plan.rules.clone(), plan.key_requests.clone());
        let (hasher, report) = (hasher.clone(), report.clone());
        let reconnection = plan.reconnection.clone();
        let run = move || {
            let settings = &rules.settings;
            let mut state =
                State::new(ShardId::new(index), settings.shards, hasher, reconnection.clone());
            state.set_unix_offset(clock::unix_millis().saturating_sub(clock::now()));
            state.set_default_origin(default_origin(settings));
            let placement = placement(settings, index);
            let context = Context { rules, reconnection, key_requests, metrics: metrics.clone() };
            let reactor = || Reactor::new(state, context, mesh, listeners, metrics);
            run_shard(index, placement, reactor, &report);
        };
        let thread = std::thread::Builder::new().name(format!("shard-{index}")).spawn(run);
        let fix = "raise the limit on threads (ulimit -u)";
        let error =
            |error| StartError::new("shards", format!("cannot start a thread: {error}"), fix);
        threads.push(thread.map_err(error)?);
    }
    reports.iter().take(threads.len()).collect::<Result<(), StartError>>()?;
    Ok(RunningShards(threads))
}

/// The host that applications hear of where a client has named none.
fn default_origin(settings: &Settings) -> Box<str> {
    let address = settings.listen.first().map(|address| address.ip().to_string());
    address.unwrap_or_else(|| "localhost".to_owned()).into()
}

fn placement(settings: &Settings, index: usize) -> Placement {
    if settings.pin { Placement::Fixed(settings.cores.core_of(index)) } else { Placement::Unbound }
}

/// The life of one shard's thread. The outcome of starting goes to `report`.
fn run_shard(
    index: usize,
    placement: Placement,
    reactor: impl FnOnce() -> rustix::io::Result<Reactor>,
    report: &Sender<Result<(), StartError>>,
) {
    let started = executor(index, placement).and_then(|executor| {
        let reactor = reactor().map_err(|error| no_shard(index, &error))?;
        Ok((executor, reactor))
    });
    let (executor, reactor) = match started {
        Ok(started) => started,
        Err(error) => {
            // Whoever waits for the report ends the process.
            let _ = report.send(Err(error));
            return;
        }
    };
    let _ = report.send(Ok(()));
    let outcome = executor.run(async { reactor.run() });
    assert!(outcome.is_ok(), "shard {index} cannot go on: {outcome:?}");
}

fn executor(index: usize, placement: Placement) -> Result<LocalExecutor, StartError> {
    LocalExecutorBuilder::new(placement)
        // No file I/O: the default would lock 10 MiB for each shard.
        .io_memory(0)
        .ring_depth(RING_DEPTH)
        .make()
        .map_err(|error| no_shard(index, &error))
}

fn no_shard(index: usize, error: &dyn std::fmt::Display) -> StartError {
    let reason = format!("shard {index} does not start: {error}");
    let fix = "start fewer shards, or raise the limits on open files and locked memory";
    StartError::new("shards", reason, fix)
}
