//! The output is a file that means the same, but for what is secret.

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
eventTimeoutInSeconds = 30.5
eventAttempts = 1
eventConcurrency = 2
eventQueueMessages = 3
eventQueueBytes = 1048576
eventListenersMax = 4
eventListenerQueueMessages = 5
eventListenerQueueBytes = 2097152
eventCookies = false
nameIdentifierClaim = false
upstreamRootCertificates = "/etc/ca.pem"

[hubs.chat]
anonymousConnectPolicy = "deny"
webSocketKeepAliveIntervalInSeconds = 20
outboundQueueMessages = 1000
outboundQueueBytes = 16777216
groupsPerConnection = 10000
requireUserId = true
dropPubSubClientsOnEventFailure = true

[[hubs.chat.eventHandlers]]
urlTemplate = "https://app/{hub}?e={event}"
userEventPattern = "order.*, ping"
systemEvents = ["connect", "disconnected"]
auth = { managedIdentity = { resource = "api://app" }, type = "ManagedIdentity" }
groupPresenceEvents = { eventNames = ["left"], groupFilters = ["room.*"] }

[[hubs.chat.eventHandlers]]
urlTemplate = "http://127.0.0.1:1/"
userEventPattern = ""
systemEvents = []

[[hubs.chat.eventListeners]]
name = "chat-1"

[hubs.chat.eventListeners.filter]
type = "EventName"
systemEvents = ["connected", "disconnected"]
userEventPattern = "*"

[hubs.chat.eventListeners.endpoint]
type = "EventHub"
fullyQualifiedNamespace = "NS.example:5671"
eventHubName = "events"

[hubs.chat.eventListeners.endpoint.auth]
type = "ManagedIdentity"

[[hubs.chat.eventListeners]]
name = "to-rabbit"

[hubs.chat.eventListeners.filter]
type = "EventName"
systemEvents = []
userEventPattern = "a, b"

[hubs.chat.eventListeners.endpoint]
type = "Amqp"
url = "amqp://[::1]:1"
address = "/queues/{connectionId}"
propertyPrefix = "cloudEvents_"
partitionBy = "to"
durable = false

[hubs.chat.eventListeners.endpoint.auth]
type = "Anonymous"

[hubs.chat.eventListeners.spool]
directory = "/var/spool/corecast/rabbit"
maxBytes = 1048576
fsync = "always"

[[hubs.chat.eventListeners]]
name = "chat-3"

[hubs.chat.eventListeners.filter]
type = "EventName"
systemEvents = ["connected"]
userEventPattern = ""

[hubs.chat.eventListeners.endpoint]
type = "File"
path = "/var/log/events.jsonl"
maxBytes = 4096
files = 1

[hubs."chat.room"]
anonymousConnectPolicy = "allow"
webSocketKeepAliveIntervalInSeconds = 120
outboundQueueMessages = 1
outboundQueueBytes = 65536
groupsPerConnection = 2
requireUserId = false
dropPubSubClientsOnEventFailure = false

[identity]
tokenEndpoint = "https://login.example/token"
clientId = "corecast"
clientAssertionFile = "/run/token"

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
fn shows_no_secret_and_says_so() {
    // O11, L35 (settings)
    let text = render(&resolve(
        r#"
        [secrets]
        vault-a = "s3cret1"
        "https://vault/b" = "s3cret2"
        [identity]
        tokenEndpoint = "https://login.example/token"
        clientId = "corecast"
        clientSecret = "s3cret3"
        [[hubs.chat.eventHandlers]]
        urlTemplate = "https://app/?code=s3cret4&a={@Microsoft.KeyVault(SecretUri=vault-a)}"
        [[hubs.chat.eventListeners]]
        filter = { type = "EventName", userEventPattern = "*" }
        [hubs.chat.eventListeners.endpoint]
        type = "EventHub"
        fullyQualifiedNamespace = "ns"
        eventHubName = "h"
        [hubs.chat.eventListeners.endpoint.auth]
        type = "ConnectionString"
        connectionString = "Endpoint=sb://ns/;SharedAccessKeyName=n;SharedAccessKey=s3cret5"
        [[hubs.chat.eventListeners]]
        filter = { type = "EventName", userEventPattern = "*" }
        endpoint = { type = "Amqp", url = "amqps://h", address = "q", auth = { type = "Plain", username = "u", password = "s3cret6" } }
        [[hubs.chat.eventListeners]]
        filter = { type = "EventName", userEventPattern = "*" }
        endpoint = { type = "Amqp", url = "amqps://h", address = "q", auth = { type = "Cbs", tokenEndpoint = "https://login/", clientId = "c", clientSecret = "s3cret7" } }
        [[hubs."a`b".eventListeners]]
        filter = { type = "EventName", userEventPattern = "*" }
        endpoint = { type = "File", path = "e" }
        "#,
    ));
    assert!(!text.contains("s3cret"), "{text}");
    for part in [
        "# urlTemplate: fill in what is REDACTED before you use this as a file\n\
         urlTemplate = \"https://app/?code=REDACTED&a={@Microsoft.KeyVault(SecretUri=vault-a)}\"\n",
        "\n[identity]\ntokenEndpoint = \"https://login.example/token\"\nclientId = \"corecast\"\n\
         # clientSecret: set\n",
        "type = \"ConnectionString\"\n# connectionString: set\n",
        "type = \"Plain\"\nusername = \"u\"\n# password: set\n",
        "type = \"Cbs\"\ntokenEndpoint = \"https://login/\"\nclientId = \"c\"\n\
         # clientSecret: set\n",
        "\n[[hubs.\"a`b\".eventListeners]]\n# name: a`b-1\n",
        "\n# [secrets]\n# \"https://vault/b\": set\n# vault-a: set\n",
    ] {
        assert!(text.contains(part), "{text}");
    }
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
