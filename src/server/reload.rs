//! Reading the configuration again (`operations.md` section 10.3): all or nothing.

use std::sync::Arc;

use tokio::sync::watch;
use tracing::{error, info, warn};

use super::rules::{RuleMaker, for_upstream};
use crate::config::{Reloaded, Settings, StartError};
use crate::metrics::ServerMetrics;
use crate::reactor::mesh::{Control, ControlMessage};
use crate::upstream::UpstreamSettings;

/// What it takes to change a running server.
pub(super) struct Reload {
    pub maker: RuleMaker,
    pub running: Arc<Settings>,
    pub read_again: Box<dyn Fn(&Settings) -> Result<Reloaded, StartError>>,
    pub changes: watch::Sender<Arc<UpstreamSettings>>,
}

impl Reload {
    /// Applies what may change at run time; settings that do not make sense change nothing.
    pub(super) fn run(&mut self, control: &Control, metrics: &ServerMetrics) {
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
        metrics.watch(rules.hubs.handlers());
        // The webhook shard first: what the shards raise from now on may need the new settings.
        self.changes.send_replace(for_upstream(&self.running));
        control.send_to_all(&ControlMessage::Reconfigure(Arc::new(rules)));
        metrics.count_reload(true);
        info!("configuration reloaded");
    }
}
