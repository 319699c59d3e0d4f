//! Who hears of one event, with the room taken for each.

use super::gate::{Permit, Urgency};
use super::handlers::{Handler, Handlers, SystemEvent};
use super::listeners::{Listener, Listeners};

/// The handler and the listeners that get an event.
#[derive(Debug, Default)]
pub struct Receivers {
    pub handler: Option<Permit<Handler>>,
    pub listeners: Box<[Permit<Listener>]>,
}

impl Receivers {
    /// Those that want a system event and have room for it; nobody waits for its outcome.
    pub fn of_system(handlers: &Handlers, listeners: &Listeners, event: SystemEvent) -> Self {
        let handler = handlers.for_system(event);
        Self {
            handler: handler.and_then(|h| Permit::take(h, Urgency::Notification, 0)),
            listeners: admit(listeners.for_system(event), 0),
        }
    }

    /// The listeners that want a user event of so many bytes and have room for it.
    pub fn of_user(listeners: &Listeners, name: &str, bytes: usize) -> Self {
        Self { handler: None, listeners: admit(listeners.for_user(name), bytes) }
    }

    pub fn is_empty(&self) -> bool {
        self.handler.is_none() && self.listeners.is_empty()
    }

    /// Whether any of the listeners keeps the event on disk.
    pub fn has_spool(&self) -> bool {
        self.listeners.iter().any(|permit| permit.receiver().settings.destination.spool.is_some())
    }
}

fn admit<'a>(
    listeners: impl Iterator<Item = &'a std::sync::Arc<Listener>>,
    bytes: usize,
) -> Box<[Permit<Listener>]> {
    listeners.filter_map(|l| Permit::take(l, Urgency::Notification, bytes)).collect()
}
