//! What a reload changes (SIGHUP; `operations.md` section 10.3).
//!
//! [`Settings::reload`] merges settings that were just read, and are valid as a whole, into the
//! running ones. Hubs, keys, public endpoints, both switches of authentication and the delivery of
//! events change at once. What belongs to sockets, threads and clients that exist already stays as
//! it is until a restart, and is named so that the server can say so.
//!
//! A generated key is this run's and not this configuration's: it survives. To lose a configured
//! key is a mistake, because a generated one in its place would be known to nobody.

use super::StartError;
use super::event_settings::EventSettings;
use super::listener_settings::needs_identity;
use super::settings::Settings;
use super::table;
use crate::auth::AccessKeys;
use crate::event::handlers::HandlerAuth;

/// The outcome of a reload.
#[derive(Debug, Clone)]
pub struct Reloaded {
    /// In force from now on.
    pub settings: Settings,
    /// Settings that have changed and need a restart, by their names.
    pub ignored: Vec<&'static str>,
}

impl Settings {
    /// The running settings with everything from `new` that can change at run time.
    ///
    /// # Errors
    /// `new` needs a key of this run, and there is none that anybody knows.
    pub fn reload(&self, new: Self) -> Result<Reloaded, StartError> {
        let mut ignored = Vec::new();
        let mut keep = |name, is_changed| {
            if is_changed {
                ignored.push(name);
            }
        };
        keep(table::LISTEN.name, self.listen != new.listen);
        keep(table::ADMIN_LISTEN.name, self.admin_listen != new.admin_listen);
        keep(table::SHARDS.name, self.shards != new.shards);
        keep(table::PIN.name, self.pin != new.pin);
        keep(table::LOG.name, self.log != new.log);
        keep(table::HEADER_TIMEOUT.name, self.header_timeout != new.header_timeout);
        keep(table::SHUTDOWN_GRACE.name, self.shutdown_grace != new.shutdown_grace);
        keep(table::DRAIN_DEADLINE.name, self.drain_deadline != new.drain_deadline);
        keep(table::MESH_SLOTS.name, self.mesh_slots != new.mesh_slots);
        keep(
            table::UPSTREAM_ROOT_CERTIFICATES.name,
            self.events.root_certificates != new.events.root_certificates,
        );
        keep("identity", self.events.identity != new.events.identity);
        keep("issuers", self.issuers != new.issuers);

        // Every field is named: whoever adds one decides here what a reload does to it.
        let settings = Self {
            listen: self.listen.clone(),
            admin_listen: self.admin_listen,
            shards: self.shards,
            pin: self.pin,
            cores: self.cores.clone(),
            keys: self.reload_keys(&new)?,
            public_endpoints: new.public_endpoints,
            disable_local_auth: new.disable_local_auth,
            disable_aad_auth: new.disable_aad_auth,
            issuers: self.issuers.clone(),
            hubs: new.hubs,
            default_hub: new.default_hub,
            events: EventSettings {
                root_certificates: self.events.root_certificates.clone(),
                identity: self.events.identity.clone(),
                ..new.events
            },
            header_timeout: self.header_timeout,
            shutdown_grace: self.shutdown_grace,
            drain_deadline: self.drain_deadline,
            mesh_slots: self.mesh_slots,
            log: self.log.clone(),
        };
        settings.require_identity()?;
        Ok(Reloaded { settings, ignored })
    }

    /// The identity is that of the start, but handlers and listeners are new.
    fn require_identity(&self) -> Result<(), StartError> {
        if self.events.identity.is_some() {
            return Ok(());
        }
        let mut handlers = self.hubs.values().flat_map(|hub| &hub.event_handlers);
        let mut listeners = self.hubs.values().flat_map(|hub| &hub.event_listeners);
        let who = if handlers.any(|handler| handler.auth != HandlerAuth::None) {
            "handler"
        } else if listeners.any(needs_identity) {
            "listener"
        } else {
            return Ok(());
        };
        let reason = format!("an event {who} needs it now, and it is read only at a start");
        Err(StartError::new("identity", reason, "restart to apply"))
    }

    fn reload_keys(&self, new: &Self) -> Result<AccessKeys, StartError> {
        if !new.keys.is_generated() {
            return Ok(new.keys.clone());
        }
        if self.keys.is_generated() && self.disable_local_auth == new.disable_local_auth {
            return Ok(self.keys.clone());
        }
        // Nobody is to know the key then.
        if new.disable_local_auth {
            return Ok(new.keys.clone());
        }
        let reason = "there is none, and one is generated only at a start";
        Err(StartError::new(table::ACCESS_KEY.name, reason, "set it, or restart"))
    }
}

#[cfg(test)]
mod tests;
