//! What a listener's message looks like (events-listener.md, section 4), as Event Hubs gets it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::protobuf::{Data, Event, Map, Request};
use crate::support::{
    ALL, Answer, EVENT_HUB, EventHubs, Guest, Message, PROTOBUF, ProtobufClient, USER, USER_EVENTS,
    Upstream, event, listener, listening,
};

/// The attributes of every event.
const ALWAYS: [&str; 9] = [
    "specversion",
    "awpsversion",
    "type",
    "source",
    "id",
    "time",
    "hub",
    "connectionid",
    "eventname",
];

/// Checks everything that is the same for all events, and that there is nothing but these
/// attributes besides.
fn check(message: &Message, client_id: &str, name: &str, id: u64, others: &[(&str, &str)]) {
    // L10, L11, L13, L14, L15, L16, L18
    let sections = ["message-annotations", "properties", "application-properties", "data"];
    assert_eq!(message.sections(), sections);
    let key = message.typed("message-annotations", "x-opt-partition-key", "string");
    assert_eq!(key, Some(client_id));
    assert_eq!(message.names("message-annotations").len(), 1);
    assert_eq!(message.at("/message-annotations/x-opt-partition-key/key"), "symbol");
    let names: BTreeSet<_> = message.names("properties").into_iter().collect();
    assert_eq!(names, BTreeSet::from(["message-id", "content-type"]));
    assert_eq!(message.message_id(), format!("{client_id}/{id}"));

    let others_named = others.iter().map(|(name, _)| *name);
    let expected: BTreeSet<_> =
        ALWAYS.into_iter().chain(others_named).map(|name| format!("cloudEvents:{name}")).collect();
    let names = message.names("application-properties");
    let found: BTreeSet<_> = names.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
    for name in names {
        assert_eq!(message.at(&format!("/application-properties/{name}/key")), "string");
        assert!(message.property(name).is_some_and(|value| !value.is_empty()), "{name} is empty");
    }
    let kind = match name {
        "connected" | "disconnected" => format!("azure.webpubsub.sys.{name}"),
        _ => format!("azure.webpubsub.user.{name}"),
    };
    for (name, value) in [
        ("specversion", "1.0"),
        ("awpsversion", "1.0"),
        ("type", &*kind),
        ("source", &*format!("/hubs/chat/client/{client_id}")),
        ("id", &*id.to_string()),
        ("hub", "chat"),
        ("connectionid", client_id),
        ("eventname", name),
    ] {
        assert_eq!(message.attribute(name), Some(value));
    }
    for (name, value) in others {
        assert_eq!(message.attribute(name), Some(*value));
    }
    let time = message.attribute("time").expect("always there").as_bytes();
    let shape: Vec<_> =
        time.iter().map(|byte| if byte.is_ascii_digit() { b'0' } else { *byte }).collect();
    assert_eq!(shape, b"0000-00-00T00:00:00Z");
}

#[test]
fn every_section_is_as_specified() {
    // L10 to L18: 4.4's example.
    let hubs = EventHubs::start();
    let server = listening(&listener("l", ALL, &hubs.endpoint()));
    let subprotocol = ("subprotocol", "json.webpubsub.azure.v1");
    for others in [vec![("userid", "änn b"), subprotocol], vec![subprotocol]] {
        let guest = server.client();
        let guest = if others.len() == 2 { guest.user("änn b") } else { guest };
        let mut client = guest.connect();
        let id = client.id.clone();
        let request = json!({"type": "event", "event": "order.new", "dataType": "json",
            "data": {"item": "x1"}});
        client.succeed(request);
        client.leave_server();

        let connected = hubs.next();
        check(&connected, &id, "connected", 1, &others);
        assert_eq!((connected.content_type(), &*connected.text()), ("application/json", "{}"));
        assert_eq!(connected.at("/address"), EVENT_HUB);
        assert_eq!(connected.at("/settled"), false);
        let order = hubs.next();
        check(&order, &id, "order.new", order.id(), &others);
        assert_eq!(order.content_type(), "application/json");
        assert_eq!(order.json(), json!({"item": "x1"}));
        let disconnected = hubs.next();
        check(&disconnected, &id, "disconnected", disconnected.id(), &others);
        // L12
        assert_eq!(disconnected.content_type(), "application/json");
        assert_eq!(disconnected.text(), r#"{"reason":""}"#);
        assert!(1 < order.id() && order.id() < disconnected.id());
    }
    let opened = hubs.await_line("connected", |_| true);
    let host = hubs.host();
    assert_eq!(opened["hostname"], host.to_string());
    let claims = hubs.await_line("claims", |_| true);
    assert_eq!(claims["code"], 202, "{claims}");
    assert_eq!(claims["name"], format!("amqp://{host}/{EVENT_HUB}"), "{claims}");
}

#[test]
fn frames_of_simple_clients_are_text_and_bytes() {
    // L19, L20, L16: an empty payload is an empty section.
    let hubs = EventHubs::start();
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = server.client().simple().connect();
    let bytes: Vec<u8> = (0..=255).collect();
    client.send("{\"still\": \"text\"} é");
    client.send(bytes.clone());
    client.send("");
    client.send(Vec::new());
    let (text, binary) = ("text/plain", "application/octet-stream");
    for (content_type, body) in [
        (text, "{\"still\": \"text\"} é".as_bytes()),
        (binary, &*bytes),
        (text, b""),
        (binary, b""),
    ] {
        let message = hubs.next_of("message");
        check(&message, message.connection_id(), "message", message.id(), &[]);
        assert_eq!(message.content_type(), content_type);
        assert_eq!(message.body(), body);
    }
}

#[test]
fn payloads_of_json_clients_are_decoded() {
    // L21, L22
    let hubs = EventHubs::start();
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = server.client().connect();
    let value = r#"{ "a" : [1.0, "é\u00e9"] }"#;
    let request = |kind: &str, data: &str| {
        format!(r#"{{"type":"event","event":"e","dataType":"{kind}","data":{data}}}"#)
    };
    for (kind, data, content_type, body) in [
        ("text", r#""line\n \"é\"""#, "text/plain", "line\n \"é\""),
        ("json", value, "application/json", value),
        ("binary", r#""AAEC""#, "application/octet-stream", "\0\u{1}\u{2}"),
        ("protobuf", r#""CgF4""#, "application/x-protobuf", "\n\u{1}x"),
    ] {
        client.send(request(kind, data));
        let message = hubs.next_of("e");
        assert_eq!(message.content_type(), content_type);
        assert_eq!(message.text(), body);
    }
    assert_eq!(client.sync(), [] as [Value; 0]);
}

#[test]
fn payloads_of_protobuf_clients_are_their_bytes() {
    // L22
    let hubs = EventHubs::start();
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = ProtobufClient::connect(&server.client().speaking(PROTOBUF));
    let any = b"\n\x03t/x\x12\x01y".to_vec();
    for (data, content_type, body) in [
        (Data::Text("é".to_owned()), "text/plain", "é".as_bytes()),
        (Data::Binary(vec![0, 255]), "application/octet-stream", &[0, 255]),
        (Data::Json("[ 1 ]".to_owned()), "application/json", b"[ 1 ]"),
        (Data::Any(any.clone()), "application/x-protobuf", &*any),
    ] {
        let event = Event { event: "e".to_owned(), data: Some(data.into()), ..Event::default() };
        client.send(Request::Event(event));
        let message = hubs.next_of("e");
        assert_eq!(message.content_type(), content_type);
        assert_eq!(message.body(), body);
        assert_eq!(message.attribute("subprotocol"), Some(PROTOBUF));
    }
}

#[test]
fn a_new_state_counts_from_the_next_event_on() {
    // L23, L16: byte for byte.
    let hubs = EventHubs::start();
    let upstream = Upstream::start();
    upstream.once("e", Answer::status(204).state("eyJrIjoxfQ=="));
    let handler = upstream.handler(USER_EVENTS);
    let server = listening(&format!("{handler}{}", listener("l", ALL, &hubs.endpoint())));
    let mut client = server.client().connect();
    client.succeed(event("e", ""));
    client.succeed(event("e", ""));
    client.leave_server();
    let states: Vec<_> = hubs
        .await_messages(4)
        .iter()
        .map(|message| message.attribute("connectionstate").map(str::to_owned))
        .collect();
    let state = Some("eyJrIjoxfQ==".to_owned());
    assert_eq!(states, [None, None, state.clone(), state]);
}

/// The metadata of a message, which has keys in lower case.
fn metadata(message: &Message) -> Vec<(String, String)> {
    let prefix = "x-webpubsub-metadata-";
    let names = message.names("application-properties").into_iter();
    names
        .filter_map(|name| {
            Some((name.strip_prefix(prefix)?.to_owned(), message.property(name)?.to_owned()))
        })
        .collect()
}

#[test]
fn metadata_comes_along() {
    // L37: of both forms, and only where there is some.
    let hubs = EventHubs::start();
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let guest: Guest = server.client();
    let mut client = guest.connect();
    let mut request = event("e", "");
    request["metadata"] = json!({"Trace-Id": "Ab %41", "b": ""});
    client.succeed(request);
    client.succeed(event("e", ""));
    let expected = [("b", ""), ("trace-id", "Ab %41")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(metadata(&hubs.next()), expected);
    assert_eq!(metadata(&hubs.next()), []);
    let mut client = ProtobufClient::connect(&server.client().speaking(PROTOBUF));
    let metadata_sent = Map::from([("K".to_owned(), "v".to_owned())]);
    client.send(Request::Event(Event {
        event: "e".to_owned(),
        data: Some(Data::Text(String::new()).into()),
        metadata: metadata_sent,
        ..Event::default()
    }));
    assert_eq!(metadata(&hubs.next()), [("k".to_owned(), "v".to_owned())]);
}
