//! The thread of the webhook shard.

use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{oneshot, watch};

use super::no_thread;
use crate::config::StartError;
use crate::metrics::listeners::ListenerMetrics;
use crate::metrics::upstream::UpstreamMetrics;
use crate::reactor::application::WebhookLink;
use crate::upstream::{UpstreamSettings, Webhooks};

/// The running webhook shard.
#[derive(Debug)]
pub(super) struct WebhookThread(JoinHandle<()>);

impl WebhookThread {
    /// Starts delivering events. The thread ends once all shards have ended and what they had to
    /// tell is told, or given up.
    ///
    /// # Errors
    /// The settings do not make sense here, or the system refuses the thread.
    pub(super) fn start(
        metrics: UpstreamMetrics,
        listeners: ListenerMetrics,
        link: WebhookLink,
        changes: watch::Receiver<Arc<UpstreamSettings>>,
    ) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| no_thread("webhook shard", &error))?;
        let (report, reported) = oneshot::channel();
        let run = move || {
            let settings = Arc::clone(&changes.borrow());
            let webhooks = match Webhooks::new(&settings, metrics, listeners) {
                Ok(webhooks) => webhooks,
                Err(error) => {
                    // Whoever waits for the report ends the process.
                    let _ = report.send(Err(error));
                    return;
                }
            };
            let _ = report.send(Ok(()));
            let WebhookLink { calls, answers } = link;
            runtime.block_on(webhooks.run(calls, changes, move |answer| answers.send(answer)));
        };
        let thread = std::thread::Builder::new().name("webhooks".to_owned()).spawn(run);
        let thread = thread.map_err(|error| no_thread("webhook shard", &error))?;
        // A thread that reports nothing has failed, and has ended the process.
        reported.blocking_recv().unwrap_or(Ok(()))?;
        Ok(Self(thread))
    }

    /// Waits until the thread has ended.
    pub(super) fn join(self) {
        // A panic has ended the process before anybody could join.
        let _ = self.0.join();
    }
}
