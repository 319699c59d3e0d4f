//! The settings of one hub: defaults, and the `[hubs.NAME]` tables of the file.
//!
//! A hub exists as soon as somebody uses its name, so [`HubSettings::default`] is what most hubs
//! have. Names are folded like everywhere (`client-connect.md` section 2); two tables that fold to
//! the same hub are a mistake, because one of them would be ignored.

use std::collections::BTreeMap;
use std::time::Duration;

use super::StartError;
use super::file::values::HubValues;
use super::handler_settings::{Shared, resolve_handlers};
use super::layers::Layers;
use super::listener_settings::ListenerResolver;
use super::section::Section;
use super::table;
use crate::event::handlers::HandlerSettings;
use crate::event::listeners::ListenerSettings;
use crate::hub::name::HubName;

/// The settings of one hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSettings {
    pub anonymous_connect: AnonymousConnectPolicy,
    pub keep_alive_interval: Duration,
    pub outbound_messages_max: usize,
    pub outbound_bytes_max: usize,
    pub groups_per_connection_max: usize,
    /// In the order in which they are asked.
    pub event_handlers: Vec<HandlerSettings>,
    pub event_listeners: Vec<ListenerSettings>,
    /// Whether a connection without a user id is refused (`events-webhook.md` section 8.1.3).
    pub require_user_id: bool,
    /// Whether a failed event closes a PubSub client (section 8.4.5).
    pub drop_pubsub_clients_on_event_failure: bool,
}

/// Whether a client may connect without a token (`client-connect.md` section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnonymousConnectPolicy {
    /// No: 401.
    Deny,
    /// Yes, without roles, groups and user id.
    Allow,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self {
            anonymous_connect: AnonymousConnectPolicy::Deny,
            keep_alive_interval: Duration::from_secs(20),
            outbound_messages_max: 1000,
            outbound_bytes_max: 16 << 20,
            groups_per_connection_max: 10_000,
            event_handlers: Vec::new(),
            event_listeners: Vec::new(),
            require_user_id: false,
            drop_pubsub_clients_on_event_failure: false,
        }
    }
}

/// The hubs of the file, by their folded names.
pub(super) fn resolve_hubs(
    layers: Layers<'_>,
    shared: &Shared<'_>,
    listeners_max: usize,
) -> Result<BTreeMap<HubName, HubSettings>, StartError> {
    let mut hubs = BTreeMap::new();
    let mut listeners = ListenerResolver::new(layers, listeners_max, shared.has_identity)?;
    for (text, values) in &layers.file.values.hubs {
        let section = Section { layers, name: format!("hubs.{text}") };
        let name = HubName::parse(text)
            .map_err(|invalid| section.mistake(invalid.to_string(), "rename the table"))?;
        if hubs.contains_key(&name) {
            let reason = format!("the hub '{name}' has another table; case makes no difference");
            return Err(section.mistake(reason, "keep one of them"));
        }
        let event_listeners = listeners.resolve(&section, &name, values)?;
        let settings = resolve_hub(&section, values, shared, event_listeners)?;
        hubs.insert(name, settings);
    }
    Ok(hubs)
}

fn resolve_hub(
    section: &Section<'_>,
    values: &HubValues,
    shared: &Shared<'_>,
    event_listeners: Vec<ListenerSettings>,
) -> Result<HubSettings, StartError> {
    let default = HubSettings::default();
    let keep_alive = values.web_socket_keep_alive_interval_in_seconds;
    let keep_alive_s = section.number(&table::KEEP_ALIVE_INTERVAL, keep_alive, 20)?;
    let handlers = values.event_handlers.as_deref().unwrap_or_default();
    Ok(HubSettings {
        anonymous_connect: resolve_policy(section, values)?,
        keep_alive_interval: Duration::from_secs(keep_alive_s as u64),
        outbound_messages_max: section.number(
            &table::OUTBOUND_QUEUE_MESSAGES,
            values.outbound_queue_messages,
            default.outbound_messages_max,
        )?,
        outbound_bytes_max: section.number(
            &table::OUTBOUND_QUEUE_BYTES,
            values.outbound_queue_bytes,
            default.outbound_bytes_max,
        )?,
        groups_per_connection_max: section.number(
            &table::GROUPS_PER_CONNECTION,
            values.groups_per_connection,
            default.groups_per_connection_max,
        )?,
        event_handlers: resolve_handlers(section, handlers, shared)?,
        event_listeners,
        require_user_id: values.require_user_id.unwrap_or(default.require_user_id),
        drop_pubsub_clients_on_event_failure: values
            .drop_pub_sub_clients_on_event_failure
            .unwrap_or(default.drop_pubsub_clients_on_event_failure),
    })
}

fn resolve_policy(
    section: &Section<'_>,
    values: &HubValues,
) -> Result<AnonymousConnectPolicy, StartError> {
    match values.anonymous_connect_policy.as_deref() {
        None | Some("deny") => Ok(AnonymousConnectPolicy::Deny),
        Some("allow") => Ok(AnonymousConnectPolicy::Allow),
        Some(other) => {
            let (setting, reason) = (&table::ANONYMOUS_CONNECT_POLICY, "there is no such policy");
            Err(section.refuse(setting, other, reason, setting.allowed.instruction()))
        }
    }
}
