//! The event listeners of a hub, and which of them get an event (`events-listener.md` sections 1
//! and 2.4).
//!
//! Unlike handlers, all that match get it, and none of them has any say: an event that finds a
//! listener's gate full is dropped for that listener alone, and counted there.

use std::sync::Arc;

use super::destination::Destination;
use super::gate::{Gate, GateLimits, Gated};
use super::handlers::SystemEvent;
use super::pattern::ListenerPattern;
use crate::hub::name::HubName;

/// One entry of a hub's `eventListeners`, checked (section 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// What metrics and the log call it; unique among all hubs.
    pub name: String,
    pub filter: ListenerFilter,
    pub destination: Arc<Destination>,
}

/// Which events a listener wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerFilter {
    pub connected: bool,
    pub disconnected: bool,
    pub user_events: ListenerPattern,
}

/// A listener at work: its settings and what waits for it in memory.
#[derive(Debug)]
pub struct Listener {
    pub hub: HubName,
    pub settings: ListenerSettings,
    pub gate: Gate,
}

impl Gated for Listener {
    fn gate(&self) -> &Gate {
        &self.gate
    }
}

/// The listeners of one hub. Made once per configuration, shared by all threads.
#[derive(Clone, Debug, Default)]
pub struct Listeners(Arc<[Arc<Listener>]>);

impl Listeners {
    pub fn new(hub: &HubName, settings: &[ListenerSettings], limits: GateLimits) -> Self {
        let listener = |settings: &ListenerSettings| {
            let (hub, settings) = (hub.clone(), settings.clone());
            Arc::new(Listener { hub, settings, gate: Gate::new(limits) })
        };
        Self(settings.iter().map(listener).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Listener>> {
        self.0.iter()
    }

    /// Those that want the system event; nobody listens to `connect` (section 1.1).
    pub fn for_system(&self, event: SystemEvent) -> impl Iterator<Item = &Arc<Listener>> {
        self.iter().filter(move |listener| {
            let filter = &listener.settings.filter;
            match event {
                SystemEvent::Connect => false,
                SystemEvent::Connected => filter.connected,
                SystemEvent::Disconnected => filter.disconnected,
            }
        })
    }

    pub fn for_user(&self, name: &str) -> impl Iterator<Item = &Arc<Listener>> {
        self.iter().filter(move |listener| listener.settings.filter.user_events.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::event::destination::{Endpoint, FileEndpoint};

    fn listeners(filters: Vec<ListenerFilter>) -> Listeners {
        let endpoint = FileEndpoint { path: PathBuf::from("/e"), bytes_max: 1, files_max: 1 };
        let destination = Arc::new(Destination { endpoint: Endpoint::File(endpoint), spool: None });
        let settings: Vec<_> = filters
            .into_iter()
            .enumerate()
            .map(|(at, filter)| ListenerSettings {
                name: at.to_string(),
                filter,
                destination: destination.clone(),
            })
            .collect();
        let limits = GateLimits { events_max: 1, bytes_max: 1 };
        Listeners::new(&HubName::parse("chat").unwrap(), &settings, limits)
    }

    fn names<'a>(found: impl Iterator<Item = &'a Arc<Listener>>) -> Vec<&'a str> {
        found.map(|listener| listener.settings.name.as_str()).collect()
    }

    // L1, L3, L4
    #[test]
    fn all_that_match_are_found_and_patterns_select_no_system_events() {
        let pattern = |text: &str| ListenerPattern::parse(text).0;
        let listeners = listeners(vec![
            ListenerFilter { connected: true, ..ListenerFilter::default() },
            ListenerFilter { user_events: pattern("*"), ..ListenerFilter::default() },
            ListenerFilter { disconnected: true, user_events: pattern("a"), connected: true },
        ]);
        assert_eq!(names(listeners.for_system(SystemEvent::Connected)), ["0", "2"]);
        assert_eq!(names(listeners.for_system(SystemEvent::Disconnected)), ["2"]);
        assert!(names(listeners.for_system(SystemEvent::Connect)).is_empty());
        assert_eq!(names(listeners.for_user("a")), ["1", "2"]);
        assert_eq!(names(listeners.for_user("b")), ["1"]);
    }
}
