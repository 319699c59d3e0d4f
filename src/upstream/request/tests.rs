//! Every kind of event, and the request it becomes.

use std::collections::HashMap;

use super::*;
use crate::hub::id::{ConnectionId, ShardId};
use crate::hub::name::HubName;
use crate::protocol::subprotocol::json::decode;
use crate::protocol::subprotocol::{ClientMessage, Metadata, Payload};

const CONTEXT: RequestContext<'static> = RequestContext {
    connection_id: "jD2k9cZq",
    signature: Some("sha256=00"),
    connection_state: "state",
    request_id: "request",
    now_unix_s: 0,
};

fn subject() -> Subject {
    Subject {
        hub: HubName::parse("Chat").unwrap(),
        connection: ConnectionId::new(ShardId::new(0), 0, [0; 16]),
        user: Some("ann".into()),
        subprotocol: Some("json.webpubsub.azure.v1".into()),
        origin: "corecast.example.com".into(),
    }
}

/// Headers by name, and the body as text.
fn request(id: u64, event: &Event) -> (HashMap<String, String>, String) {
    let subject = subject();
    let EventRequest { headers, body } = EventRequest::new(&subject, id, event, &CONTEXT);
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    (headers.collect(), String::from_utf8(body.into_owned()).unwrap())
}

fn user(payload: Payload<'static>) -> Event {
    Event::User { name: "message".into(), payload, metadata: Metadata::default() }
}

// E17, E18, E21, E49 (a state is sent with every event)
#[test]
fn every_event_says_what_it_is_and_whom_it_is_about() {
    let room = || "room".into();
    let events = [
        (Event::Connect { body: b"{}".to_vec() }, "sys.connect"),
        (Event::Connected, "sys.connected"),
        (user(Payload::text("x")), "user.message"),
        (Event::Joined { group: room() }, "gp.joined"),
        (Event::Left { group: room() }, "gp.left"),
        (Event::Disconnected { reason: String::new() }, "sys.disconnected"),
    ];
    for (id, (event, event_type)) in (0..).zip(&events) {
        let (headers, _) = request(id, event);
        let expected = [
            ("WebHook-Request-Origin", "corecast.example.com"),
            ("ce-specversion", "1.0"),
            ("ce-awpsversion", "1.0"),
            ("ce-type", &format!("azure.webpubsub.{event_type}")),
            ("ce-source", "/hubs/chat/client/jD2k9cZq"),
            ("ce-id", &id.to_string()),
            ("ce-time", "1970-01-01T00:00:00Z"),
            ("ce-signature", "sha256=00"),
            ("ce-hub", "chat"),
            ("ce-connectionId", "jD2k9cZq"),
            ("ce-eventName", event_type.split_once('.').unwrap().1),
            ("ce-userId", "ann"),
            ("ce-connectionState", "state"),
            ("x-ms-client-request-id", "request"),
        ];
        for (header, text) in expected {
            assert_eq!(headers[header], text, "{header} of {event_type}");
        }
    }
}

// E23
#[test]
fn connect_alone_names_no_subprotocol() {
    let (headers, _) = request(0, &Event::Connect { body: Vec::new() });
    assert!(!headers.contains_key("ce-subprotocol"));
    let (headers, _) = request(1, &Event::Connected);
    assert_eq!(headers["ce-subprotocol"], "json.webpubsub.azure.v1");
}

// E34, E35, E58 (the bodies)
#[test]
fn system_and_presence_events_are_json() {
    let claims = r#"{"claims":{}}"#;
    for (event, expected) in [
        (Event::Connect { body: claims.into() }, claims),
        (Event::Connected, "{}"),
        (Event::Disconnected { reason: "bye".to_owned() }, r#"{"reason":"bye"}"#),
        (Event::Joined { group: "room".into() }, r#"{"group":"room"}"#),
        (Event::Left { group: "room".into() }, r#"{"group":"room"}"#),
    ] {
        let (headers, body) = request(1, &event);
        assert_eq!(headers["Content-Type"], "application/json; charset=utf-8");
        assert_eq!(body, expected);
    }
}

// E39
#[test]
fn frames_of_simple_clients_are_sent_as_they_are() {
    let (headers, body) = request(2, &user(Payload::text("hé {")));
    assert_eq!(headers["Content-Type"], "text/plain; charset=utf-8");
    assert_eq!((&*headers["ce-eventName"], &*body), ("message", "hé {"));
    let (headers, body) = request(2, &user(Payload::binary(b"\0\x01".as_slice())));
    assert_eq!(headers["Content-Type"], "application/octet-stream");
    assert_eq!(body, "\0\x01");
}

// E40
#[test]
fn payloads_of_pubsub_clients_are_decoded() {
    for (data, content_type, expected) in [
        (r#""dataType":"text","data":"a\u0062\"""#, "text/plain; charset=utf-8", "ab\""),
        (r#""dataType":"json","data":{"n": 1.00}"#, "application/json", r#"{"n": 1.00}"#),
        (r#""dataType":"binary","data":"YWI=""#, "application/octet-stream", "ab"),
        (r#""dataType":"protobuf","data":"EgFh""#, "application/x-protobuf", "\x12\x01a"),
    ] {
        let text = format!(r#"{{"type":"event","event":"e",{data}}}"#);
        let Ok(ClientMessage::Event(message)) = decode(&text) else { panic!("{text}") };
        let (headers, body) = request(2, &user(message.payload.to_bytes()));
        assert_eq!(headers["Content-Type"], content_type);
        assert_eq!(body, expected);
    }
}
