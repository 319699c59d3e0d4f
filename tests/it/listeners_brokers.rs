//! RabbitMQ as the destination (events-listener.md, section 8): a broker that is not Event Hubs,
//! and that has no node for claims.

use serde_json::Value;

use crate::support::{
    ALL, Answer, Broker, Certificate, EventHubs, Message, Setup, USER, USER_EVENTS, Upstream,
    encoded, event, fresh_loopback, listener, listening,
};

const ATTRIBUTES: [&str; 9] = [
    "awpsversion",
    "connectionid",
    "eventname",
    "hub",
    "id",
    "source",
    "specversion",
    "time",
    "type",
];

fn names(message: &Message) -> Vec<&str> {
    let mut names = message.names("application-properties");
    names.sort_unstable();
    names
}

#[test]
fn a_broker_gets_durable_messages_without_a_partition_key() {
    // L10 to L16, 8.1: the defaults.
    let broker = Broker::shared();
    let queue = broker.queue();
    let server = listening(&listener("l", ALL, &broker.endpoint(&queue, "")));
    let receiver = broker.receive(&queue);
    let mut client = server.client().simple().connect();
    let bytes: Vec<u8> = (0..=255).collect();
    client.send(bytes.clone());
    client.leave_server();
    for (name, content_type, body) in [
        ("connected", "application/json", b"{}".to_vec()),
        ("message", "application/octet-stream", bytes),
        ("disconnected", "application/json", br#"{"reason":""}"#.to_vec()),
    ] {
        let message = receiver.next_of(name);
        assert_eq!(message.content_type(), content_type);
        assert_eq!(message.body(), body);
        let (id, number) = (message.connection_id(), message.id());
        assert_eq!(message.message_id(), format!("{id}/{number}"));
        assert_eq!(message.at("/header/durable/value"), true, "{message:?}");
        assert_eq!(message.at("/message-annotations/x-opt-partition-key"), &Value::Null);
        assert_eq!(message.at("/properties/group-id"), &Value::Null);
        assert_eq!(names(&message), ATTRIBUTES.map(|name| format!("cloudEvents:{name}")));
    }
}

#[test]
fn all_attributes_and_nothing_else_have_the_other_prefix() {
    // L38
    let broker = Broker::shared();
    let queue = broker.queue();
    let upstream = Upstream::start();
    upstream.always("e", Answer::status(204).state("state"));
    let endpoint = broker.endpoint(&queue, ", propertyPrefix = \"cloudEvents_\"");
    let handler = upstream.handler(USER_EVENTS);
    let server = listening(&format!("{handler}{}", listener("l", USER, &endpoint)));
    let receiver = broker.receive(&queue);
    let mut client = server.client().user("ana").connect();
    let mut request = event("e", "");
    request["metadata"] = serde_json::json!({"k": "v"});
    client.succeed(request.clone());
    client.succeed(request);
    receiver.next_of("e");
    let message = receiver.next_of("e");
    let optional = ["connectionstate", "subprotocol", "userid"];
    let attributes = ATTRIBUTES.iter().chain(&optional).map(|name| format!("cloudEvents_{name}"));
    let mut expected: Vec<_> = attributes.chain(["x-webpubsub-metadata-k".to_owned()]).collect();
    expected.sort_unstable();
    assert_eq!(names(&message), expected);
}

#[test]
fn events_are_kept_together_as_the_broker_wants_it() {
    // 8.1: partitionBy, and a message that need not be kept.
    let broker = Broker::shared();
    let [by_group, by_annotation] = [broker.queue(), broker.queue()];
    let group = ", partitionBy = \"group-id\", durable = false";
    let config = [
        listener("group", USER, &broker.endpoint(&by_group, group)),
        listener(
            "annotation",
            USER,
            &broker.endpoint(&by_annotation, ", partitionBy = \"annotation\""),
        ),
    ];
    let server = listening(&config.concat());
    let mut client = server.client().connect();
    client.succeed(event("e", ""));
    let message = broker.receive(&by_group).next_of("e");
    assert_eq!(message.typed("properties", "group-id", "string"), Some(&*client.id));
    assert_ne!(message.at("/header/durable/value"), true);
    let message = broker.receive(&by_annotation).next_of("e");
    let key = message.typed("message-annotations", "x-opt-partition-key", "string");
    assert_eq!(key, Some(&*client.id));
    assert_eq!(message.at("/header/durable/value"), true);
}

#[test]
fn every_connection_may_have_an_address_of_its_own() {
    // 8.1: partitionBy "to" on an anonymous link. RabbitMQ 3 has none, the container has.
    let hubs = EventHubs::start();
    hubs.simply("open-to-all");
    let endpoint = format!(
        "{{ type = \"Amqp\", url = \"amqp://{}:5672\", partitionBy = \"to\", \
         address = \"/exchanges/events/{{connectionId}}\" }}",
        hubs.host()
    );
    let server = listening(&listener("l", USER, &endpoint));
    let mut client = server.client().connect();
    client.succeed(event("e", ""));
    let message = hubs.next_of("e");
    let to = message.typed("properties", "to", "string").expect("an address");
    assert!(
        [client.id.clone(), encoded(&client.id)]
            .map(|id| format!("/exchanges/events/{id}"))
            .contains(&to.to_owned()),
        "{to}"
    );
    assert_eq!(message.at("/address"), &Value::Null, "an anonymous link");
}

#[test]
fn a_wrong_password_is_told_in_the_log_and_tried_again() {
    // 7.3, L35: without the password.
    let broker = Broker::shared();
    let queue = broker.queue();
    let endpoint =
        broker.endpoint(&queue, "").replace("username = \"corecast\"", "username = \"nobody\"");
    let server = listening(&listener("l", USER, &endpoint));
    server.client().connect().succeed(event("e", ""));
    server.await_log("ERROR");
    // The configuration is put right, and events of that time on arrive.
    assert!(server.reload(&listener("l", USER, &broker.endpoint(&queue, ""))));
    server.client().connect().succeed(event("later", ""));
    broker.receive(&queue).next_of("later");
}

#[test]
fn a_missing_address_is_tried_again() {
    // 7.3: not-found ends the link, and with this broker the session.
    let broker = Broker::shared();
    let server = listening(&listener("l", USER, &broker.endpoint("/exchange/missing/key", "")));
    server.client().connect().succeed(event("e", ""));
    let log = server.await_log("ERROR");
    assert!(log.contains("not-found"), "{log}");
    assert_eq!(server.client().connect().sync(), [] as [Value; 0]);
}

#[test]
fn a_broker_with_tls_works_too() {
    // 8.1: amqps
    let host = fresh_loopback();
    let certificate = Certificate::of(host);
    let broker = Broker::with_tls(host, &certificate);
    let queue = broker.queue();
    let config = listener("l", USER, &broker.tls_endpoint(&queue));
    let server = Setup::new()
        .args(&["--shutdown-grace", "0s"])
        .config(&config)
        .environment("SSL_CERT_FILE", certificate.path())
        .start();
    server.client().connect().succeed(event("e", "1"));
    assert_eq!(broker.receive(&queue).next_of("e").text(), "1");
}
