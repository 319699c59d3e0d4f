//! What of the configuration the webhook shard works by.

use std::time::Duration;

use crate::auth::EventSigner;
use crate::config::EventSettings;
use crate::event::listeners::ListenerSettings;

/// Replaced as a whole when the configuration changes.
#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    /// `None` while local authentication is disabled (`events-webhook.md` section 12.3).
    pub signer: Option<EventSigner>,
    /// Roots of certificates among them count from the start only.
    pub events: EventSettings,
    /// Of all hubs.
    pub listeners: Vec<ListenerSettings>,
    /// How long events may go on after the shards have ended.
    pub drain_deadline: Duration,
}

impl UpstreamSettings {
    /// For the retry rules, which count in their own words.
    pub(super) fn attempts_max(&self) -> u32 {
        u32::try_from(self.events.attempts).unwrap_or(u32::MAX)
    }
}
