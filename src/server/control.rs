//! The control thread: signals and the orderly shutdown of `operations.md` section 10.2.
//!
//! First signal: health turns 503 and new clients are refused for a grace period, then listeners
//! are closed, clients told and closed, spread over the drain deadline. Second signal: the process
//! ends at once.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::admin::{self, AdminListener};
use super::issuers::IssuerTask;
use super::reload::Reload;
use super::{Threads, no_thread};
use crate::auth::oidc::OidcProvider;
use crate::config::{Settings, StartError};
use crate::metrics::{ServerMetrics, ShardMetrics};
use crate::reactor::mesh::{Control, ControlMessage};
use crate::shard::clock;

/// Exit code when a second signal cuts the shutdown short: that of a process killed by SIGINT.
const EXIT_CUT_SHORT: i32 = 130;
/// How long threads may take beyond the drain deadlines before they count as stuck.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the control thread looks after.
pub(super) struct Running {
    pub admin: Option<AdminListener>,
    pub control: Control,
    pub issuers: Option<IssuerTask>,
    pub reload: Reload,
    pub metrics: Rc<ServerMetrics>,
    pub threads: Threads,
}

/// Calls `on_ready` once signals are listened for, serves the administrative listener until one
/// comes, then leads the shutdown.
///
/// # Errors
/// If the control thread's own runtime cannot be made.
pub(super) fn run(
    settings: &Settings,
    running: Running,
    on_ready: impl FnOnce(Option<&AdminListener>),
) -> Result<(), StartError> {
    let Running { admin, control, issuers, mut reload, metrics, threads } = running;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| no_thread("control thread", &error))?;
    let local = tokio::task::LocalSet::new();
    runtime.block_on(local.run_until(async move {
        let mut signals = Signals::new().map_err(|error| no_thread("control thread", &error))?;
        // Whoever reads that the server is up may stop it at once.
        on_ready(admin.as_ref());
        if let Some(admin) = admin {
            tokio::task::spawn_local(admin::serve(admin, metrics.clone()));
        }
        let control = Rc::new(control);
        if let Some(issuers) = issuers {
            let (control, verifier) = (control.clone(), reload.maker.oidc().clone());
            tokio::task::spawn_local(issuers.run(move |keys| {
                let provider = Arc::new(OidcProvider::new(verifier.clone(), keys));
                control.send_to_all(&ControlMessage::Provider(provider));
            }));
        }
        while signals.next().await == Request::Reload {
            reload.run(&control, &metrics).await;
        }
        tokio::task::spawn_local(async move {
            while signals.next().await == Request::Reload {}
            warn!("a second signal: ending at once");
            std::process::exit(EXIT_CUT_SHORT);
        });
        shut_down(settings, &control, &metrics.shards, threads).await;
        Ok(())
    }))
}

async fn shut_down(
    settings: &Settings,
    control: &Control,
    metrics: &[ShardMetrics],
    threads: Threads,
) {
    info!("shutting down");
    control.send_to_all(&ControlMessage::Quiesce);
    // Without clients there is nobody a load balancer could be given time for.
    if metrics.iter().any(|shard| shard.connections() > 0) {
        tokio::time::sleep(settings.shutdown_grace).await;
    }
    let deadline = settings.drain_deadline;
    let until = clock::now() + u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX / 2);
    control.send_to_all(&ControlMessage::Drain { until });
    let (ended, mut all_ended) = mpsc::channel(1);
    std::thread::spawn(move || {
        threads.join();
        // The receiver is only gone if the process is ending already.
        let _ = ended.blocking_send(());
    });
    if tokio::time::timeout(deadline * 2 + PATIENCE, all_ended.recv()).await.is_err() {
        warn!("a thread did not end in time");
    }
    info!("stopped");
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Stop,
    Reload,
}

/// SIGTERM and SIGINT, SIGHUP.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { terminate, interrupt, hang_up: signal(SignalKind::hangup())? })
    }

    async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::Stop,
            _ = self.interrupt.recv() => Request::Stop,
            _ = self.hang_up.recv() => Request::Reload,
        }
    }
}
