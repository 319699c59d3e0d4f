//! What a configuration file may say, as it says it. Names and meanings are those of
//! [`table::FILE`](crate::config::table::FILE).
//!
//! A setting that is `null` in JSON counts as missing.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The keys of the file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileValues {
    pub listen: Option<Vec<String>>,
    pub admin_listen: Option<String>,
    pub shards: Option<i64>,
    pub pin: Option<bool>,
    pub access_key: Option<String>,
    pub secondary_access_key: Option<String>,
    pub public_endpoints: Option<Vec<String>>,
    pub disable_local_auth: Option<bool>,
    pub disable_aad_auth: Option<bool>,
    pub log: Option<String>,
    pub header_timeout_in_seconds: Option<f64>,
    pub shutdown_grace_in_seconds: Option<f64>,
    pub drain_deadline_in_seconds: Option<f64>,
    pub mesh_slots: Option<i64>,
    pub event_timeout_in_seconds: Option<f64>,
    pub event_attempts: Option<i64>,
    pub event_concurrency: Option<i64>,
    pub event_queue_messages: Option<i64>,
    pub event_queue_bytes: Option<i64>,
    pub event_listeners_max: Option<i64>,
    pub event_listener_queue_messages: Option<i64>,
    pub event_listener_queue_bytes: Option<i64>,
    pub event_cookies: Option<bool>,
    pub name_identifier_claim: Option<bool>,
    pub upstream_root_certificates: Option<String>,
    #[serde(default, deserialize_with = "distinct_keys")]
    pub hubs: BTreeMap<String, HubValues>,
    pub identity: Option<IdentityValues>,
    #[serde(default, deserialize_with = "distinct_keys")]
    pub secrets: BTreeMap<String, String>,
    #[serde(default)]
    pub issuers: Vec<IssuerValues>,
}

/// The keys of a `[hubs.NAME]` table.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HubValues {
    pub anonymous_connect_policy: Option<String>,
    pub web_socket_keep_alive_interval_in_seconds: Option<i64>,
    pub outbound_queue_messages: Option<i64>,
    pub outbound_queue_bytes: Option<i64>,
    pub groups_per_connection: Option<i64>,
    pub require_user_id: Option<bool>,
    pub drop_pub_sub_clients_on_event_failure: Option<bool>,
    pub event_handlers: Option<Vec<HandlerValues>>,
    pub event_listeners: Option<Vec<ListenerValues>>,
}

/// The keys of a `[[hubs.NAME.eventHandlers]]` table.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandlerValues {
    pub url_template: Option<String>,
    pub user_event_pattern: Option<String>,
    pub system_events: Option<Vec<String>>,
    pub auth: Option<AuthValues>,
    pub group_presence_events: Option<PresenceValues>,
}

/// The keys of a handler's `auth`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthValues {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub managed_identity: Option<ManagedIdentityValues>,
}

/// The keys of `auth.managedIdentity`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagedIdentityValues {
    pub resource: Option<String>,
}

/// The keys of a handler's `groupPresenceEvents`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PresenceValues {
    pub event_names: Option<Vec<String>>,
    pub group_filters: Option<Vec<String>>,
}

/// The keys of a `[[hubs.NAME.eventListeners]]` table.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerValues {
    pub name: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub filter: FilterValues,
    #[serde(default, deserialize_with = "or_default")]
    pub endpoint: EndpointValues,
    pub spool: Option<SpoolValues>,
}

/// The keys of a listener's `filter`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FilterValues {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub system_events: Option<Vec<String>>,
    pub user_event_pattern: Option<String>,
}

/// The keys of a listener's `endpoint`, whatever its type.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointValues {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub fully_qualified_namespace: Option<String>,
    pub event_hub_name: Option<String>,
    pub url: Option<String>,
    pub address: Option<String>,
    pub property_prefix: Option<String>,
    pub partition_by: Option<String>,
    pub durable: Option<bool>,
    pub path: Option<String>,
    pub max_bytes: Option<i64>,
    pub files: Option<i64>,
    pub auth: Option<EndpointAuthValues>,
}

/// The keys of an endpoint's `auth`, whatever its type.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointAuthValues {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub token_endpoint: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<String>,
    pub connection_string: Option<String>,
    pub username: Option<String>,
    #[serde(alias = "passwordRef")]
    pub password: Option<String>,
}

/// The keys of a listener's `spool`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SpoolValues {
    pub directory: Option<String>,
    pub max_bytes: Option<i64>,
    pub fsync: Option<String>,
}

/// The keys of the `[identity]` table.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentityValues {
    pub token_endpoint: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<String>,
    pub client_assertion_file: Option<String>,
}

/// The keys of an `[[issuers]]` table.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssuerValues {
    pub issuer: Option<String>,
    pub jwks_uri: Option<String>,
    pub audiences: Option<Vec<String>>,
    #[serde(default)]
    pub roles: Vec<RoleValues>,
}

/// The keys of an `[[issuers.roles]]` table.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleValues {
    pub claim: Option<String>,
    pub value: Option<String>,
    pub role: Option<String>,
}

/// A table that counts as empty if it is missing.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A map in which no key stands twice. JSON would let the last one count, and a hub's settings
/// would be ignored in silence; TOML refuses that by itself.
fn distinct_keys<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Distinct<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Distinct<T> {
        type Value = BTreeMap<String, T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((key, value)) = entries.next_entry()? {
                if map.contains_key(&key) {
                    return Err(de::Error::custom(format_args!("the key '{key}' stands twice")));
                }
                map.insert(key, value);
            }
            Ok(map)
        }
    }

    deserializer.deserialize_map(Distinct(PhantomData))
}
