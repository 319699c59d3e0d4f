//! Hubs: what is configured about them, and those that have connections here.
//!
//! A hub exists as soon as somebody uses its name (`client-connect.md` section 2); what is not
//! configured has the defaults. A change of the configuration reaches existing connections through
//! the one [`Hub`] they share (`events-webhook.md` section 2.3).

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::HubSettings;
use crate::event::gate::GateLimits;
use crate::event::handlers::{Handlers, SystemEvent};
use crate::event::listeners::Listeners;
use crate::event::receivers::Receivers;
use crate::hub::name::HubName;

/// Everything that is configured about one hub.
#[derive(Debug, Default)]
pub struct HubConfig {
    pub settings: HubSettings,
    pub handlers: Handlers,
    pub listeners: Listeners,
}

/// The configuration of all hubs; made once per configuration and shared by all threads.
#[derive(Debug, Default)]
pub struct HubTable {
    configured: BTreeMap<HubName, Arc<HubConfig>>,
    default: Arc<HubConfig>,
}

impl HubTable {
    pub fn new(
        hubs: &BTreeMap<HubName, HubSettings>,
        default: HubSettings,
        limits: GateLimits,
        listener_limits: GateLimits,
    ) -> Self {
        let config = |(name, settings): (&HubName, &HubSettings)| {
            let handlers = Handlers::new(name, &settings.event_handlers, limits);
            let listeners = Listeners::new(name, &settings.event_listeners, listener_limits);
            let settings = settings.clone();
            (name.clone(), Arc::new(HubConfig { settings, handlers, listeners }))
        };
        Self {
            configured: hubs.iter().map(config).collect(),
            default: Arc::new(HubConfig { settings: default, ..HubConfig::default() }),
        }
    }

    pub fn get(&self, name: &HubName) -> &Arc<HubConfig> {
        self.configured.get(name).unwrap_or(&self.default)
    }

    /// The listeners of all hubs.
    pub fn listeners(&self) -> impl Iterator<Item = &Listeners> {
        self.configured.values().map(|config| &config.listeners)
    }

    /// The handlers of all hubs.
    pub fn handlers(&self) -> impl Iterator<Item = &Handlers> {
        self.configured.values().map(|config| &config.handlers)
    }
}

/// A hub that has connections on this shard.
#[derive(Debug)]
pub struct Hub {
    pub name: HubName,
    config: RefCell<Arc<HubConfig>>,
}

impl Hub {
    pub fn new(name: HubName, config: Arc<HubConfig>) -> Self {
        Self { name, config: RefCell::new(config) }
    }

    pub fn settings(&self) -> Ref<'_, HubSettings> {
        Ref::map(self.config.borrow(), |config| &config.settings)
    }

    pub fn handlers(&self) -> Ref<'_, Handlers> {
        Ref::map(self.config.borrow(), |config| &config.handlers)
    }

    pub fn listeners(&self) -> Ref<'_, Listeners> {
        Ref::map(self.config.borrow(), |config| &config.listeners)
    }

    /// Who is to be told of a system event, with room taken for each.
    pub fn receivers(&self, event: SystemEvent) -> Receivers {
        let config = self.config.borrow();
        Receivers::of_system(&config.handlers, &config.listeners, event)
    }

    /// Whether anybody may ever be told of anything.
    pub fn has_receivers(&self) -> bool {
        let config = self.config.borrow();
        !(config.handlers.is_empty() && config.listeners.is_empty())
    }

    pub fn reconfigure(&self, config: Arc<HubConfig>) {
        self.config.replace(config);
    }
}
