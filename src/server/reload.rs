//! Reading the configuration again (`operations.md` section 10.3): all or nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::rules::{RuleMaker, for_upstream};
use crate::config::{Reloaded, Settings, StartError};
use crate::metrics::ServerMetrics;
use crate::reactor::mesh::{Control, ControlMessage};
use crate::upstream::UpstreamSettings;

/// How long shards may take to apply a configuration: far longer than a turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads the settings again, beside those that are in force.
pub(super) type ReadAgain = Box<dyn Fn(&Settings) -> Result<Reloaded, StartError>>;

/// What it takes to change a running server.
pub(super) struct Reload {
    pub maker: RuleMaker,
    pub running: Arc<Settings>,
    pub read_again: ReadAgain,
    pub changes: watch::Sender<Arc<UpstreamSettings>>,
}

impl Reload {
    /// Applies what may change at run time; settings that do not make sense change nothing.
    pub(super) async fn run(&mut self, control: &Control, metrics: &ServerMetrics) {
        let Reloaded { settings, ignored } = match (self.read_again)(&self.running) {
            Ok(reloaded) => reloaded,
            Err(error) => {
                metrics.count_reload(false);
                return error!("configuration not reloaded: {error}");
            }
        };
        for name in ignored {
            warn!("{name} changed in the configuration: restart to apply");
        }
        for warning in settings.warnings() {
            warn!("{warning}");
        }
        self.running = Arc::new(settings);
        let rules = self.maker.rules(&self.running);
        metrics.watch(&rules.hubs);
        // The webhook shard first: what the shards raise from now on may need the new settings.
        self.changes.send_replace(for_upstream(&self.running));
        let (pending, mut applied) = mpsc::channel(1);
        control.send_to_all(&ControlMessage::Reconfigure { rules: Arc::new(rules), pending });
        // Whoever reads that it is done may rely on it: every shard has dropped its sender then.
        if timeout(PATIENCE, applied.recv()).await.is_err() {
            warn!("a shard has not applied the configuration yet");
        }
        metrics.count_reload(true);
        info!("configuration reloaded");
    }
}
