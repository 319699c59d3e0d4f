//! What `corecast --check` prints: the effective settings, as a configuration file.
//!
//! The output can be used as such, except for what is secret. Keys and other secrets are only
//! reported as "set" or "generated", in a comment; in the query of a URL template, values are
//! replaced, and a comment says that too.

mod events;
mod listeners;

use std::fmt::{self, Write};
use std::time::Duration;

use toml::Value;

use super::hub_settings::{AnonymousConnectPolicy, HubSettings};
use super::issuer::{IssuerSettings, KeySource, role_name};
use super::settings::Settings;
use super::table::{self, Setting};

/// The settings in TOML, in the order of [`table::FILE`].
pub fn render(settings: &Settings) -> String {
    let mut file = Lines::default();
    let endpoints = settings.public_endpoints.iter().map(|endpoint| endpoint.as_str().to_owned());
    file.value(&table::LISTEN, settings.listen.iter().map(ToString::to_string).collect::<Vec<_>>());
    match settings.admin_listen {
        Some(address) => file.value(&table::ADMIN_LISTEN, address.to_string()),
        None => file.comment(&table::ADMIN_LISTEN, "none"),
    }
    file.number(&table::SHARDS, settings.shards);
    file.value(&table::PIN, settings.pin);
    let (primary, secondary) = describe_keys(settings);
    file.comment(&table::ACCESS_KEY, primary);
    file.comment(&table::SECONDARY_ACCESS_KEY, secondary);
    file.value(&table::PUBLIC_ENDPOINTS, endpoints.collect::<Vec<_>>());
    file.value(&table::DISABLE_LOCAL_AUTH, settings.disable_local_auth);
    file.value(&table::DISABLE_AAD_AUTH, settings.disable_aad_auth);
    file.value(&table::LOG, settings.log.as_str());
    file.seconds(&table::HEADER_TIMEOUT, settings.header_timeout);
    file.seconds(&table::SHUTDOWN_GRACE, settings.shutdown_grace);
    file.seconds(&table::DRAIN_DEADLINE, settings.drain_deadline);
    match settings.mesh_slots {
        Some(slots) => file.number(&table::MESH_SLOTS, slots),
        None => file.comment(&table::MESH_SLOTS, table::MESH_SLOTS.default),
    }
    file.event_settings(&settings.events);
    for (name, hub) in &settings.hubs {
        file.hub(name.as_str(), hub);
    }
    if let Some(identity) = &settings.events.identity {
        file.identity(identity);
    }
    file.secrets(&settings.events.secret_uris);
    for issuer in &settings.issuers {
        file.issuer(issuer);
    }
    file.0
}

fn describe_keys(settings: &Settings) -> (&'static str, &'static str) {
    let keys = &settings.keys;
    if settings.disable_local_auth {
        return ("ignored", "ignored");
    }
    let primary = if keys.is_generated() { "generated" } else { "set" };
    (primary, if keys.secondary().is_some() { "set" } else { "none" })
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn hub(&mut self, name: &str, hub: &HubSettings) {
        let name = key(name);
        self.header(format_args!("[hubs.{name}]"));
        let policy = match hub.anonymous_connect {
            AnonymousConnectPolicy::Deny => "deny",
            AnonymousConnectPolicy::Allow => "allow",
        };
        self.value(&table::ANONYMOUS_CONNECT_POLICY, policy);
        self.seconds(&table::KEEP_ALIVE_INTERVAL, hub.keep_alive_interval);
        self.number(&table::OUTBOUND_QUEUE_MESSAGES, hub.outbound_messages_max);
        self.number(&table::OUTBOUND_QUEUE_BYTES, hub.outbound_bytes_max);
        self.number(&table::GROUPS_PER_CONNECTION, hub.groups_per_connection_max);
        self.value(&table::REQUIRE_USER_ID, hub.require_user_id);
        self.value(&table::DROP_ON_EVENT_FAILURE, hub.drop_pubsub_clients_on_event_failure);
        for handler in &hub.event_handlers {
            self.header(format_args!("[[hubs.{name}.eventHandlers]]"));
            self.handler(handler);
        }
        for listener in &hub.event_listeners {
            self.listener(&name, listener);
        }
    }

    fn issuer(&mut self, issuer: &IssuerSettings) {
        self.header(format_args!("[[issuers]]"));
        self.value(&table::ISSUER_NAME, issuer.trusted.issuer.as_str());
        match &issuer.keys {
            KeySource::Discovery(_) => {
                self.comment(&table::ISSUER_KEYS, table::ISSUER_KEYS.default)
            }
            KeySource::Direct(url) => self.value(&table::ISSUER_KEYS, url.as_str()),
        }
        self.value(&table::ISSUER_AUDIENCES, issuer.trusted.audiences.clone());
        for rule in &issuer.trusted.roles {
            self.header(format_args!("[[issuers.roles]]"));
            self.value(&table::ROLE_CLAIM, rule.claim.as_str());
            self.value(&table::ROLE_VALUE, rule.value.as_str());
            self.value(&table::ROLE, role_name(rule.role));
        }
    }

    /// The line that begins a table.
    fn header(&mut self, header: fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.0, "\n{header}");
    }

    fn value(&mut self, setting: &Setting, value: impl Into<Value>) {
        self.line(setting, value.into());
    }

    fn number(&mut self, setting: &Setting, number: usize) {
        self.line(setting, number);
    }

    /// Without a fraction, unless there is one.
    fn seconds(&mut self, setting: &Setting, time: Duration) {
        self.line(setting, time.as_secs_f64());
    }

    fn line(&mut self, setting: &Setting, value: impl fmt::Display) {
        self.entry(setting.name, value);
    }

    fn entry(&mut self, name: &str, value: impl fmt::Display) {
        let _ = writeln!(self.0, "{name} = {value}");
    }

    fn comment(&mut self, setting: &Setting, words: &str) {
        self.remark(format_args!("{}: {words}", setting.name));
    }

    fn remark(&mut self, words: fmt::Arguments<'_>) {
        let _ = writeln!(self.0, "# {words}");
    }
}

/// A name as a key: without quotation marks if it can be.
fn key(name: &str) -> String {
    let is_bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_bare && !name.is_empty() { name.to_owned() } else { Value::from(name).to_string() }
}

#[cfg(test)]
mod tests;
