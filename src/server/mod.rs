//! From settings to a running server, and to its orderly end (`operations.md` section 10).
//!
//! Start: limits and io_uring are checked, addresses bound, shards started; only then are the
//! addresses reported. The thread that called [`run`] becomes the control thread: it serves the
//! administrative listener, waits for signals and leads the shutdown. It touches no client.

mod admin;
mod control;
mod issuers;
mod limits;
mod reload;
mod report;
mod rules;
mod webhooks;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use rustix::fd::OwnedFd;
use tokio::sync::watch;
use tracing::warn;

use crate::auth::ReconnectionTokens;
use crate::config::{Reloaded, Settings, StartError};
use crate::listener::bind;
use crate::metrics::ServerMetrics;
use crate::reactor::mesh::{self, Connected};
use crate::reactor::start::{RunningShards, ShardPlan, start};
use crate::shard::clock;

use self::control::Running;
use self::issuers::IssuerTask;
use self::reload::Reload;
use self::rules::RuleMaker;
use self::webhooks::WebhookThread;

/// Messages of all mesh channels together, by default, and the bounds of one channel.
const MESH_SLOTS_TOTAL: usize = 64 * 1024;
const MESH_SLOTS_MIN: usize = 64;
const MESH_SLOTS_MAX: usize = 4096;

/// Runs the server until a signal ends it; `read_again` reads them anew.
///
/// # Errors
/// Whatever keeps it from starting.
pub fn run(
    settings: Settings,
    read_again: impl Fn(&Settings) -> Result<Reloaded, StartError> + 'static,
) -> Result<(), StartError> {
    end_process_on_panic();
    limits::check()?;
    let settings = Arc::new(settings);
    let listeners = Listeners::open(&settings)?;
    let admin = admin::bind(settings.admin_listen)?;
    let slots = settings.mesh_slots.unwrap_or_else(|| default_mesh_slots(settings.shards));
    let Connected { meshes, control, webhooks: link } = mesh::connect(settings.shards, slots)
        .map_err(|error| {
            let fix = "raise the limit on open files (ulimit -n)";
            StartError::new("shards", format!("cannot create wake-up descriptors: {error}"), fix)
        })?;
    let metrics = ServerMetrics::new(settings.shards);
    for warning in settings.warnings() {
        warn!("{warning}");
    }
    let maker = RuleMaker::new(&settings)?;
    let rules = maker.rules(&settings);
    metrics.watch(&rules.hubs);
    let issuers = match !settings.issuers.is_empty() && !settings.disable_aad_auth {
        true => Some(IssuerTask::new(&settings.issuers, clock::unix_seconds)?),
        false => None,
    };
    let (changes, changed) = watch::channel(rules::for_upstream(&settings));
    let key_requests = issuers.as_ref().map(IssuerTask::requests);
    let reconnection = ReconnectionTokens::generate().map_err(|error| rules::no_random(&error))?;
    let plan = ShardPlan { rules, reconnection, key_requests };
    let parts = listeners.per_shard.into_iter().zip(meshes).zip(&metrics.shards);
    let parts = parts.map(|((sockets, mesh), metrics)| (sockets, mesh, metrics.clone()));
    let (upstream, hearing) = (metrics.upstream.clone(), metrics.listeners.clone());
    let webhooks = WebhookThread::start(upstream, hearing, link, changed)?;
    let shards = start(&plan, parts)?;
    let threads = Threads { shards, webhooks };
    let reload =
        Reload { maker, running: settings.clone(), read_again: Box::new(read_again), changes };
    let report = |admin: Option<&_>| report::started(&settings, &listeners.addresses, admin);
    let metrics = Rc::new(metrics);
    let running = Running { admin, control, issuers, reload, metrics, threads };
    control::run(&settings, running, report)
}

/// Everything that runs beside the control thread.
struct Threads {
    shards: RunningShards,
    webhooks: WebhookThread,
}

impl Threads {
    /// Waits until all have ended: the shards first, then whoever delivers their last events.
    fn join(self) {
        self.shards.join();
        self.webhooks.join();
    }
}

fn no_thread(name: &str, error: &std::io::Error) -> StartError {
    let reason = format!("the {name} cannot run: {error}");
    StartError::new("open files", reason, "raise the limits on open files and threads")
}

fn default_mesh_slots(shard_count: usize) -> usize {
    let pairs = shard_count * shard_count.saturating_sub(1);
    (MESH_SLOTS_TOTAL / pairs.max(1)).clamp(MESH_SLOTS_MIN, MESH_SLOTS_MAX)
}

/// A shard that is gone takes its connections, its groups' members and its answers to joins with
/// it: half a server is worse than a restart.
fn end_process_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("without a name");
        eprintln!("corecast: the thread {name} has failed; the process ends");
        std::process::abort();
    }));
}

/// The bound addresses and each shard's sockets.
struct Listeners {
    addresses: Vec<SocketAddr>,
    per_shard: Vec<Vec<OwnedFd>>,
}

impl Listeners {
    fn open(settings: &Settings) -> Result<Self, StartError> {
        let mut addresses = Vec::new();
        let mut per_shard: Vec<Vec<OwnedFd>> = (0..settings.shards).map(|_| Vec::new()).collect();
        for address in &settings.listen {
            let (bound, sockets) = bind::open(*address, settings.shards)
                .map_err(|error| cannot_bind("listen", *address, &error))?;
            addresses.push(bound);
            per_shard.iter_mut().zip(sockets).for_each(|(shard, socket)| shard.push(socket));
        }
        Ok(Self { addresses, per_shard })
    }
}

fn cannot_bind(setting: &str, address: SocketAddr, error: &std::io::Error) -> StartError {
    let fix = match error.kind() {
        std::io::ErrorKind::AddrInUse => "stop what listens there or choose another port",
        std::io::ErrorKind::PermissionDenied => "choose a port above 1023 or grant the right",
        std::io::ErrorKind::AddrNotAvailable => "choose an address of this machine",
        _ => "choose another address",
    };
    StartError::new(setting, format!("cannot listen there: {error}"), fix).with_value(address)
}
