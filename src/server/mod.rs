//! From settings to a running server, and to its orderly end (`operations.md` section 10).
//!
//! Start: limits and io_uring are checked, addresses bound, shards started; only then are the
//! addresses reported. The thread that called [`run`] becomes the control thread: it serves the
//! administrative listener, waits for signals and leads the shutdown. It touches no client.

mod admin;
mod control;
mod issuers;
mod limits;
mod report;

use std::net::SocketAddr;
use std::sync::Arc;

use rustix::fd::OwnedFd;
use tracing::warn;

use crate::api::Category;
use crate::auth::oidc::{IssuerKeys, OidcProvider, OidcVerifier};
use crate::auth::{
    ClientTokenSigner, ClientTokenVerifier, IdentityProvider, InternalKey, RestTokenSettings,
    RestTokenVerifier,
};
use crate::config::{Settings, StartError};
use crate::listener::bind;
use crate::metrics::ShardMetrics;
use crate::reactor::mesh;
use crate::reactor::start::{ShardPlan, start};
use crate::shard::clock;

use self::issuers::IssuerTask;

/// Messages of all mesh channels together, by default, and the bounds of one channel.
const MESH_SLOTS_TOTAL: usize = 64 * 1024;
const MESH_SLOTS_MIN: usize = 64;
const MESH_SLOTS_MAX: usize = 4096;

/// Runs the server until a signal ends it.
///
/// # Errors
/// Whatever keeps it from starting.
pub fn run(settings: Settings) -> Result<(), StartError> {
    end_process_on_panic();
    limits::check()?;
    let listeners = Listeners::open(&settings)?;
    let admin = admin::bind(settings.admin_listen)?;
    let slots = settings.mesh_slots.unwrap_or_else(|| default_mesh_slots(settings.shards));
    let (meshes, control) = mesh::connect(settings.shards, slots).map_err(|error| {
        let fix = "raise the limit on open files (ulimit -n)";
        StartError::new("shards", format!("cannot create wake-up descriptors: {error}"), fix)
    })?;
    let metrics: Vec<ShardMetrics> =
        meshes.iter().map(|_| ShardMetrics::new(&Category::NAMES)).collect();
    let (verifier, signer) = client_tokens(&settings)?;
    for warning in settings.warnings() {
        warn!("{warning}");
    }
    let oidc = OidcVerifier::new(settings.issuers.iter().map(|issuer| issuer.trusted.clone()));
    let has_issuers = !settings.issuers.is_empty() && !settings.disable_aad_auth;
    let no_keys =
        || OidcProvider::new(oidc.clone(), Arc::new(IssuerKeys::none(oidc.issuer_count())));
    let rest = RestTokenSettings {
        public_endpoints: settings.public_endpoints.clone(),
        is_local_auth_disabled: settings.disable_local_auth,
        is_provider_auth_disabled: settings.disable_aad_auth,
        provider_audiences: oidc.audiences(),
        provider: has_issuers.then(|| Arc::new(no_keys()) as Arc<dyn IdentityProvider>),
    };
    let issuers = match has_issuers {
        true => Some(IssuerTask::new(&settings.issuers, clock::unix_seconds)?),
        false => None,
    };
    let plan = ShardPlan {
        settings: settings.clone(),
        verifier,
        rest_verifier: RestTokenVerifier::new(&settings.keys, rest),
        signer,
        key_requests: issuers.as_ref().map(IssuerTask::requests),
    };
    let parts = listeners.per_shard.into_iter().zip(meshes).zip(&metrics);
    let parts = parts.map(|((sockets, mesh), metrics)| (sockets, mesh, metrics.clone()));
    let shards = start(&plan, parts)?;
    let report = |admin: Option<&_>| report::started(&settings, &listeners.addresses, admin);
    let issuers = issuers.map(|task| (task, oidc));
    control::run(&settings, admin, control, issuers, metrics, shards, report)
}

/// Who signs client tokens, and who accepts them. Without local authentication that is a key that
/// only this process knows (`operations.md` section 6.4).
fn client_tokens(
    settings: &Settings,
) -> Result<(ClientTokenVerifier, ClientTokenSigner), StartError> {
    let endpoints = settings.public_endpoints.clone();
    if !settings.disable_local_auth {
        let signer = ClientTokenSigner::AccessKey(settings.keys.primary().clone());
        return Ok((ClientTokenVerifier::new(&settings.keys, endpoints), signer));
    }
    let key = InternalKey::generate().map_err(|error| {
        let reason = format!("the system has no random numbers: {error}");
        StartError::new("disableLocalAuth", reason, "see the kernel's log")
    })?;
    let verifier = ClientTokenVerifier::for_internal_key(&key, endpoints);
    Ok((verifier, ClientTokenSigner::Internal(key)))
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
