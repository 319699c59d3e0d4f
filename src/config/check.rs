//! What `corecast --check` prints: the effective settings, as a configuration file.
//!
//! The output can be used as such, except for keys: those are only reported as "set" or
//! "generated", in a comment.

use std::fmt::Write;
use std::time::Duration;

use toml::Value;

use super::hub_settings::{AnonymousConnectPolicy, HubSettings};
use super::issuer::{IssuerSettings, KeySource, role_name};
use super::settings::Settings;
use super::table::{self, Setting};

/// The settings in TOML, in the order of [`table::PROCESS`], [`table::HUB`] and
/// [`table::ISSUER`].
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
    for (name, hub) in &settings.hubs {
        file.hub(name.as_str(), hub);
    }
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
        let _ = writeln!(self.0, "\n[hubs.{}]", Value::from(name));
        let policy = match hub.anonymous_connect {
            AnonymousConnectPolicy::Deny => "deny",
            AnonymousConnectPolicy::Allow => "allow",
        };
        self.value(&table::ANONYMOUS_CONNECT_POLICY, policy);
        self.seconds(&table::KEEP_ALIVE_INTERVAL, hub.keep_alive_interval);
        self.number(&table::OUTBOUND_QUEUE_MESSAGES, hub.outbound_messages_max);
        self.number(&table::OUTBOUND_QUEUE_BYTES, hub.outbound_bytes_max);
        self.number(&table::GROUPS_PER_CONNECTION, hub.groups_per_connection_max);
    }

    fn issuer(&mut self, issuer: &IssuerSettings) {
        let _ = writeln!(self.0, "\n[[issuers]]");
        self.value(&table::ISSUER_NAME, issuer.trusted.issuer.as_str());
        match &issuer.keys {
            KeySource::Discovery(_) => {
                self.comment(&table::ISSUER_KEYS, table::ISSUER_KEYS.default)
            }
            KeySource::Direct(url) => self.value(&table::ISSUER_KEYS, url.as_str()),
        }
        self.value(&table::ISSUER_AUDIENCES, issuer.trusted.audiences.clone());
        for rule in &issuer.trusted.roles {
            let _ = writeln!(self.0, "\n[[issuers.roles]]");
            self.value(&table::ROLE_CLAIM, rule.claim.as_str());
            self.value(&table::ROLE_VALUE, rule.value.as_str());
            self.value(&table::ROLE, role_name(rule.role));
        }
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

    fn line(&mut self, setting: &Setting, value: impl std::fmt::Display) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.0, "{} = {value}", setting.name);
    }

    fn comment(&mut self, setting: &Setting, words: &str) {
        let _ = writeln!(self.0, "# {}: {words}", setting.name);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{ConfigFile, ServeArgs, Sources, UsableCores};

    fn resolve(text: &str) -> Settings {
        let sources = Sources {
            args: &ServeArgs::default(),
            environment: &|_| None,
            file: &ConfigFile::parse(Path::new("corecast.toml"), text).unwrap(),
            cores: UsableCores::new(vec![0, 1], 2),
        };
        Settings::resolve(&sources).unwrap()
    }

    const EVERYTHING: &str = r#"listen = ["127.0.0.1:1", "[::1]:2"]
adminListen = "127.0.0.1:3"
shards = 7
pin = false
# accessKey: set
# secondaryAccessKey: none
publicEndpoints = ["chat.example.com"]
disableLocalAuth = false
disableAadAuth = true
log = "warn"
headerTimeoutInSeconds = 1.5
shutdownGraceInSeconds = 0
drainDeadlineInSeconds = 60
meshSlots = 64

[hubs."chat.room"]
anonymousConnectPolicy = "allow"
webSocketKeepAliveIntervalInSeconds = 120
outboundQueueMessages = 1
outboundQueueBytes = 65536
groupsPerConnection = 2

[[issuers]]
issuer = "https://sts.example/tenant/"
# jwksUri: by discovery at the issuer
audiences = ["https://webpubsub.azure.com"]

[[issuers.roles]]
claim = "roles"
value = "Web PubSub Service Owner"
role = "Owner"

[[issuers.roles]]
claim = "sub"
value = "dashboard"
role = "Reader"

[[issuers]]
issuer = "accounts"
jwksUri = "http://127.0.0.1:9/keys"
audiences = ["a", "b"]

[[issuers.roles]]
claim = "sub"
value = "x"
role = "Owner"
"#;

    #[test]
    fn prints_what_the_file_says_but_no_key() {
        let key = "0123456789abcdef0123456789abcdef";
        let text = render(&resolve(&format!("accessKey = '{key}'\n{EVERYTHING}")));
        assert_eq!(text, EVERYTHING);
    }

    #[test]
    fn says_that_keys_are_ignored() {
        let text = render(&resolve("disableLocalAuth = true"));
        assert!(text.contains("# accessKey: ignored\n# secondaryAccessKey: ignored\n"), "{text}");
    }

    #[test]
    fn the_defaults_are_those_of_the_table() {
        let text = render(&resolve("[hubs.chat]"));
        for setting in table::PROCESS.iter().chain(&table::HUB) {
            let line = text.lines().find(|line| line.contains(setting.name)).expect(setting.name);
            let value = line.split_once([':', '=']).unwrap().1.trim();
            match setting.name {
                "shards" => assert_eq!(value, "2"),
                "accessKey" => assert_eq!(value, "generated"),
                _ => assert_eq!(value.trim_matches('"'), setting.default.trim_matches('"')),
            }
        }
    }
}
