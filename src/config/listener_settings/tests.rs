//! What `[[hubs.NAME.eventListeners]]` tables mean, and every mistake in them.

use std::path::Path;

use super::*;
use crate::config::secret::Secrets;
use crate::config::{ConfigFile, HubSettings, handler_settings, hub_settings};
use crate::event::destination::{
    AmqpEndpoint, Authority, ClientCredentials, EventHubEndpoint, FileEndpoint, PartitionBy,
    PropertyPrefix, SharedAccessKey,
};
use crate::event::secret::Secret;

mod mistakes;

const FILTER: &str = "filter = { type = 'EventName', userEventPattern = '*' }\n";
const FILE: &str = "endpoint = { type = 'File', path = '/e' }\n";
const IDENTITY: &str =
    "[identity]\ntokenEndpoint = 'https://h'\nclientId = 'c'\nclientSecret = 's'\n";
const CONNECTION: &str = "Endpoint=sb://ns.example/;SharedAccessKeyName=n;SharedAccessKey=s3cret=";

/// All listeners of a file, those of the first hub first.
fn resolve_named(name: &str, file: &str) -> Result<Vec<ListenerSettings>, StartError> {
    let file = ConfigFile::parse(Path::new(name), file)?;
    let environment = |name: &str| match name {
        "PW" => Some("s3cret".to_owned()),
        "CONNECTION" => Some(CONNECTION.to_owned()),
        "TORN" => Some("Endpoint=sb://ns.example/;s3cret".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    let layers = Layers { environment: &environment, file: &file };
    let secrets = Secrets::resolve(layers)?;
    let has_identity = file.values.identity.is_some();
    let shared = handler_settings::Shared { secrets: &secrets, has_identity };
    let hubs = hub_settings::resolve_hubs(layers, &shared, 10)?;
    Ok(hubs.into_values().flat_map(|hub: HubSettings| hub.event_listeners).collect())
}

fn resolve(file: &str) -> Result<Vec<ListenerSettings>, StartError> {
    resolve_named("corecast.toml", file)
}

/// The only listener, from what stands in its table beside the filter.
fn listener(lines: &str) -> Result<ListenerSettings, StartError> {
    let file = format!("[[hubs.chat.eventListeners]]\n{FILTER}{lines}");
    resolve(&file).map(|mut listeners| listeners.remove(0))
}

fn endpoint(words: &str) -> Endpoint {
    let lines = format!("endpoint = {{ {words} }}\n{IDENTITY}");
    listener(&lines).unwrap().destination.endpoint.clone()
}

fn event_hub(words: &str) -> EventHubEndpoint {
    match endpoint(&format!("type = 'EventHub', eventHubName = 'events', {words}")) {
        Endpoint::EventHub(endpoint) => endpoint,
        other => panic!("{other:?}"),
    }
}

fn amqp(words: &str) -> AmqpEndpoint {
    match endpoint(&format!("type = 'amqp', address = '/queues/q', {words}")) {
        Endpoint::Amqp(endpoint) => endpoint,
        other => panic!("{other:?}"),
    }
}

fn authority(is_tls: bool, host: &str, port: u16) -> Authority {
    Authority { is_tls, host: host.to_owned(), port }
}

#[test]
fn reads_the_example_of_the_specification() {
    // section 2.1, and the first of 8.1
    let example = r#"{
      "identity": { "tokenEndpoint": "https://h", "clientId": "c", "clientSecret": "s" },
      "hubs": { "chat": { "eventListeners": [
        {
          "filter": {
            "type": "EventName",
            "systemEvents": ["connected", "disconnected"],
            "userEventPattern": "*"
          },
          "endpoint": {
            "type": "EventHub",
            "fullyQualifiedNamespace": "example.servicebus.windows.net",
            "eventHubName": "client-events"
          }
        },
        {
          "filter": { "type": "eventname", "systemEvents": ["CONNECTED"] },
          "endpoint": {
            "type": "Amqp", "url": "amqps://broker.example:5671",
            "address": "/queues/client-events", "propertyPrefix": "cloudEvents:",
            "durable": true, "partitionBy": "none",
            "auth": { "type": "Plain", "username": "u", "passwordRef": "env:PW" }
          }
        }
      ] } }
    }"#;
    let found = resolve_named("corecast.json", example).unwrap();
    let names: Vec<_> = found.iter().map(|listener| listener.name.as_str()).collect();
    assert_eq!(names, ["chat-1", "chat-2"]);

    let first = &found[0].filter;
    assert!(first.connected && first.disconnected && first.user_events.matches("x"));
    let event_hub = EventHubEndpoint {
        authority: authority(true, "example.servicebus.windows.net", 5671),
        namespace: "example.servicebus.windows.net".to_owned(),
        event_hub: "client-events".to_owned(),
        auth: ClaimsAuth::Identity,
    };
    let destination = Destination { endpoint: Endpoint::EventHub(event_hub), spool: None };
    assert_eq!(*found[0].destination, destination);

    let second = &found[1].filter;
    assert!(second.connected && !second.disconnected && second.user_events.is_empty());
    let amqp = AmqpEndpoint {
        authority: authority(true, "broker.example", 5671),
        address: "/queues/client-events".to_owned(),
        prefix: PropertyPrefix::Colon,
        partition_by: PartitionBy::None,
        is_durable: true,
        auth: AmqpAuth::Plain { username: "u".to_owned(), password: Secret::new("s3cret") },
    };
    let destination = Destination { endpoint: Endpoint::Amqp(amqp), spool: None };
    assert_eq!(*found[1].destination, destination);
    assert!(!format!("{found:?}").contains("s3cret"), "L35");
}

#[test]
fn a_hub_in_other_letters_has_the_same_listeners() {
    // L9
    let file = format!("[[hubs.Chat.eventListeners]]\n{FILTER}{FILE}");
    let file = ConfigFile::parse(Path::new("corecast.toml"), &file).unwrap();
    let layers = Layers { environment: &|_| None, file: &file };
    let secrets = Secrets::resolve(layers).unwrap();
    let shared = handler_settings::Shared { secrets: &secrets, has_identity: false };
    let hubs = hub_settings::resolve_hubs(layers, &shared, 10).unwrap();
    let hub = &hubs[&HubName::parse("cHAT").unwrap()];
    assert_eq!(hub.event_listeners[0].name, "chat-1");
}

#[test]
fn a_namespace_may_have_a_port_and_an_emulator_needs_no_tls() {
    let found = event_hub("fullyQualifiedNamespace = 'NS.example:443'");
    assert_eq!(found.authority, authority(true, "ns.example", 443));
    assert_eq!(found.namespace, "NS.example");

    let connect = |namespace: &str, endpoint: &str, more: &str| {
        event_hub(&format!(
            "fullyQualifiedNamespace = '{namespace}', auth = {{ type = 'connectionstring', \
             connectionString = 'Endpoint=sb://{endpoint};SharedAccessKeyName=n;\
             SharedAccessKey=k=;{more}' }}"
        ))
    };
    let found = connect("NS.example", "ns.EXAMPLE/", "EntityPath=EVENTS");
    let key = SharedAccessKey { name: "n".to_owned(), key: Secret::new("k=") };
    assert_eq!(found.auth, ClaimsAuth::SharedAccessKey(key));
    assert_eq!(found.authority, authority(true, "ns.example", 5671));
    let emulator = "UseDevelopmentEmulator=true";
    let port = |namespace: &str, endpoint: &str| {
        let found = connect(namespace, endpoint, emulator).authority;
        assert!(!found.is_tls);
        found.port
    };
    assert_eq!(port("localhost", "localhost"), 5672);
    assert_eq!(port("localhost", "localhost:5673"), 5673);
    assert_eq!(port("localhost:5674", "localhost:5673"), 5674);
}

#[test]
fn client_credentials_are_the_listeners_own() {
    let found = event_hub(
        "fullyQualifiedNamespace = 'ns', auth = { type = 'ClientCredentials', \
         tokenEndpoint = 'https://login.example/t', clientId = 'me', clientSecret = 'env:PW' }",
    );
    let expected = ClaimsAuth::ClientCredentials(ClientCredentials {
        token_endpoint: "https://login.example/t".to_owned(),
        client_id: "me".to_owned(),
        client_secret: Secret::new("s3cret"),
    });
    assert_eq!(found.auth, expected);
}

#[test]
fn a_broker_has_the_port_of_its_scheme() {
    let found = amqp("url = 'amqp://[::1]/'");
    assert_eq!(found.authority, authority(false, "::1", 5672));
    assert_eq!(found.auth, AmqpAuth::Anonymous);
    assert_eq!((found.prefix, found.partition_by), (PropertyPrefix::Colon, PartitionBy::None));
    assert!(found.is_durable);
    assert_eq!(amqp("url = 'AMQPS://Broker'").authority, authority(true, "broker", 5671));
    assert_eq!(amqp("url = 'amqps://h:1'").authority, authority(true, "h", 1));
}

#[test]
fn a_broker_takes_what_section_8_1_says() {
    let found = amqp("url = 'amqp://h', propertyPrefix = 'cloudEvents_', durable = false");
    assert!(found.prefix == PropertyPrefix::Underscore && !found.is_durable);
    for (word, expected) in [
        ("none", PartitionBy::None),
        ("group-id", PartitionBy::GroupId),
        ("annotation", PartitionBy::Annotation),
        ("to", PartitionBy::To),
    ] {
        let found = amqp(&format!("url = 'amqp://h', partitionBy = '{word}'"));
        assert_eq!(found.partition_by, expected);
    }
    let lines = "endpoint = { type = 'Amqp', url = 'amqp://h', partitionBy = 'to', \
                 address = '/exchanges/x/{connectionId}' }";
    assert!(listener(lines).is_ok());
}

#[test]
fn claims_go_to_brokers_too() {
    let found = |fields: &str| amqp(&format!("url = 'amqps://ns.example', auth = {{ {fields} }}"));
    let key = SharedAccessKey { name: "n".to_owned(), key: Secret::new("s3cret=") };
    let cbs = AmqpAuth::Cbs(ClaimsAuth::SharedAccessKey(key));
    assert_eq!(found("type = 'Cbs', connectionString = 'env:CONNECTION'").auth, cbs);
    let with_entity =
        format!("type = 'Cbs', connectionString = '{CONNECTION};EntityPath=Queues/Q'");
    assert_eq!(found(&with_entity).auth, cbs);
    let client = "tokenEndpoint = 'http://localhost:1/', clientId = 'c', clientSecret = 's'";
    let auth = found(&format!("type = 'Cbs', {client}")).auth;
    assert!(matches!(auth, AmqpAuth::Cbs(ClaimsAuth::ClientCredentials(_))), "{auth:?}");
}

#[test]
fn files_and_spools_have_bounds() {
    let file = |path: &str, bytes_max, files_max| {
        Endpoint::File(FileEndpoint { path: path.into(), bytes_max, files_max })
    };
    assert_eq!(endpoint("type = 'FILE', path = '/e'"), file("/e", 64 << 20, 8));
    let small = endpoint("type = 'File', path = 'e', maxBytes = 4096, files = 1");
    assert_eq!(small, file("e", 4096, 1));

    let spool = |words: &str| {
        let lines = format!("{FILE}spool = {{ directory = '/s'{words} }}");
        listener(&lines).unwrap().destination.spool.clone().unwrap()
    };
    let wanted = |bytes_max, fsync| SpoolSettings { directory: "/s".into(), bytes_max, fsync };
    let interval = FsyncPolicy::Interval(Duration::from_secs(1));
    assert_eq!(spool(""), wanted(1 << 30, interval));
    assert_eq!(spool(", fsync = 'interval', maxBytes = 1048576"), wanted(1 << 20, interval));
    assert_eq!(spool(", fsync = 'never'"), wanted(1 << 30, FsyncPolicy::Never));
    assert_eq!(spool(", fsync = 'always'"), wanted(1 << 30, FsyncPolicy::Always));
}

#[test]
fn equal_destinations_are_one() {
    let spool = "spool = { directory = '/s' }\n";
    let other = "endpoint = { type = 'Amqp', url = 'amqp://h', address = 'q' }\n";
    let found = resolve(&format!(
        "[[hubs.a.eventListeners]]\n{FILTER}{FILE}{spool}\
         [[hubs.b.eventListeners]]\n{FILTER}{FILE}{spool}\
         [[hubs.b.eventListeners]]\n{FILTER}{other}"
    ))
    .unwrap();
    assert!(Arc::ptr_eq(&found[0].destination, &found[1].destination));
    assert_ne!(found[1].destination, found[2].destination);
}

#[test]
fn entries_that_look_like_a_handlers_pattern_are_worth_a_warning() {
    // L6 (the settings)
    let warnings = |pattern: &str| {
        let filter = format!("filter = {{ type = 'EventName', userEventPattern = '{pattern}' }}\n");
        let found = resolve(&format!("[[hubs.chat.eventListeners]]\n{filter}{FILE}")).unwrap();
        warnings_of(&found[0])
    };
    assert_eq!(warnings("*, a.b"), [""; 0]);
    assert_eq!(
        warnings("order.*, a, b?"),
        [
            "event listener chat-1: the entry 'order.*' of userEventPattern matches nothing: \
             listeners know no wildcards but '*' alone",
            "event listener chat-1: the entry 'b?' of userEventPattern matches nothing: \
             listeners know no wildcards but '*' alone",
        ]
    );
}

#[test]
fn only_some_listeners_need_the_identity() {
    let needs = |words: &str| {
        let lines = format!("endpoint = {{ {words} }}\n{IDENTITY}");
        needs_identity(&listener(&lines).unwrap())
    };
    assert!(needs("type = 'EventHub', fullyQualifiedNamespace = 'ns', eventHubName = 'e'"));
    assert!(!needs("type = 'Amqp', url = 'amqp://h', address = 'q'"));
    assert!(!needs("type = 'File', path = 'e'"));
    assert!(!needs(
        "type = 'Amqp', url = 'amqp://ns.example', address = 'q', \
         auth = { type = 'Cbs', connectionString = 'env:CONNECTION' }"
    ));
}
