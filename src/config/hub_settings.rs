//! The settings of one hub: defaults, and the `[hubs.NAME]` tables of the file.
//!
//! A hub exists as soon as somebody uses its name, so [`HubSettings::default`] is what most hubs
//! have. Names are folded like everywhere (`client-connect.md` section 2); two tables that fold to
//! the same hub are a mistake, because one of them would be ignored.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::StartError;
use super::file::HubValues;
use super::layers::Layers;
use super::table::{self, Setting};
use crate::hub::name::HubName;

/// The settings of one hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSettings {
    pub anonymous_connect: AnonymousConnectPolicy,
    pub keep_alive_interval: Duration,
    pub outbound_messages_max: usize,
    pub outbound_bytes_max: usize,
    pub groups_per_connection_max: usize,
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
        }
    }
}

/// The hubs of the file, by their folded names.
pub(super) fn resolve_hubs(
    layers: Layers<'_>,
) -> Result<BTreeMap<HubName, HubSettings>, StartError> {
    let mut hubs = BTreeMap::new();
    let mut seen = HashSet::new();
    for (text, values) in &layers.file.values.hubs {
        let setting = format!("hubs.{text}");
        let error = |reason: String, fix: &str| {
            layers.written(()).origin.mark(StartError::new(&setting, reason, fix))
        };
        let name = HubName::parse(text)
            .map_err(|invalid| error(invalid.to_string(), "rename the table"))?;
        if !seen.insert(name.clone()) {
            let reason = format!("the hub '{name}' has another table; case makes no difference");
            return Err(error(reason, "keep one of them"));
        }
        hubs.insert(name, resolve_hub(layers, &setting, values)?);
    }
    Ok(hubs)
}

fn resolve_hub(
    layers: Layers<'_>,
    table_name: &str,
    values: &HubValues,
) -> Result<HubSettings, StartError> {
    let default = HubSettings::default();
    let number = |setting: &'static Setting, file: Option<i64>, default| match file {
        Some(number) => {
            layers.file_number(setting, &format!("{table_name}.{}", setting.name), number)
        }
        None => Ok(default),
    };
    let keep_alive = values.web_socket_keep_alive_interval_in_seconds;
    let keep_alive_s = number(&table::KEEP_ALIVE_INTERVAL, keep_alive, 20)?;
    Ok(HubSettings {
        anonymous_connect: resolve_policy(layers, table_name, values)?,
        keep_alive_interval: Duration::from_secs(keep_alive_s as u64),
        outbound_messages_max: number(
            &table::OUTBOUND_QUEUE_MESSAGES,
            values.outbound_queue_messages,
            default.outbound_messages_max,
        )?,
        outbound_bytes_max: number(
            &table::OUTBOUND_QUEUE_BYTES,
            values.outbound_queue_bytes,
            default.outbound_bytes_max,
        )?,
        groups_per_connection_max: number(
            &table::GROUPS_PER_CONNECTION,
            values.groups_per_connection,
            default.groups_per_connection_max,
        )?,
    })
}

fn resolve_policy(
    layers: Layers<'_>,
    table_name: &str,
    values: &HubValues,
) -> Result<AnonymousConnectPolicy, StartError> {
    match values.anonymous_connect_policy.as_deref() {
        None | Some("deny") => Ok(AnonymousConnectPolicy::Deny),
        Some("allow") => Ok(AnonymousConnectPolicy::Allow),
        Some(other) => {
            let name = format!("{table_name}.{}", table::ANONYMOUS_CONNECT_POLICY.name);
            let given = layers.written(other);
            Err(given.error(&name, "there is no such policy", r#"write "deny" or "allow""#))
        }
    }
}
