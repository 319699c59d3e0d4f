//! The event handlers of a hub, and which of them gets an event (`events-webhook.md` section 2.4).
//!
//! Handlers are tried in their configured order and the first match gets the event; if it fails,
//! there is no other.

use std::sync::Arc;

use super::gate::{Gate, GateLimits, Gated};
use super::pattern::{GroupFilters, UserEventPattern};
use super::template::UrlTemplate;
use crate::hub::name::HubName;

/// One entry of a hub's `eventHandlers`, checked (section 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerSettings {
    pub url: UrlTemplate,
    pub user_events: UserEventPattern,
    pub system_events: SystemEvents,
    pub presence: PresenceEvents,
    pub auth: HandlerAuth,
}

/// Which system events a handler wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemEvents {
    pub connect: bool,
    pub connected: bool,
    pub disconnected: bool,
}

/// Which group presence events a handler wants (section 10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresenceEvents {
    pub joined: bool,
    pub left: bool,
    pub groups: GroupFilters,
}

/// How requests to the handler are authenticated (section 12).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HandlerAuth {
    #[default]
    None,
    /// A bearer token for this resource.
    ManagedIdentity { resource: String },
}

/// A handler at work: its settings and what is under way to it.
#[derive(Debug)]
pub struct Handler {
    pub hub: HubName,
    pub settings: HandlerSettings,
    pub gate: Gate,
}

impl Gated for Handler {
    fn gate(&self) -> &Gate {
        &self.gate
    }
}

/// The handlers of one hub in their order. Made once per configuration, shared by all threads.
#[derive(Clone, Debug, Default)]
pub struct Handlers {
    handlers: Arc<[Arc<Handler>]>,
    /// Whether any of them wants presence events: joins and leaves look no further otherwise.
    has_presence: bool,
}

/// A system event by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemEvent {
    Connect,
    Connected,
    Disconnected,
}

/// A presence event by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Joined,
    Left,
}

impl Handlers {
    pub fn new(hub: &HubName, settings: &[HandlerSettings], limits: GateLimits) -> Self {
        let handler = |settings: &HandlerSettings| {
            let (hub, settings) = (hub.clone(), settings.clone());
            Arc::new(Handler { hub, settings, gate: Gate::new(limits) })
        };
        let has_presence = settings.iter().any(|s| s.presence.joined || s.presence.left);
        Self { handlers: settings.iter().map(handler).collect(), has_presence }
    }

    pub fn is_empty(&self) -> bool {
        self.handlers.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Handler>> {
        self.handlers.iter()
    }

    pub fn has_presence(&self) -> bool {
        self.has_presence
    }

    pub fn for_system(&self, event: SystemEvent) -> Option<&Arc<Handler>> {
        self.iter().find(|handler| {
            let wanted = handler.settings.system_events;
            match event {
                SystemEvent::Connect => wanted.connect,
                SystemEvent::Connected => wanted.connected,
                SystemEvent::Disconnected => wanted.disconnected,
            }
        })
    }

    pub fn for_user(&self, name: &str) -> Option<&Arc<Handler>> {
        self.iter().find(|handler| handler.settings.user_events.matches(name))
    }

    pub fn for_presence(&self, event: Presence, group: &str) -> Option<&Arc<Handler>> {
        self.iter().find(|handler| {
            let wanted = &handler.settings.presence;
            let is_wanted = match event {
                Presence::Joined => wanted.joined,
                Presence::Left => wanted.left,
            };
            is_wanted && wanted.groups.matches(group)
        })
    }
}
