//! Events of clients without subprotocol (client-connect.md, section 7.2).

use serde_json::json;

use crate::support::{
    Answer, Client, Close, JSON, ONE_ATTEMPT, Server, Setup, USER_EVENTS, Upstream, frame,
    frame::Frame,
};

const CLOSED: &str = "corecast_connections_closed_total";

fn handled_by(upstream: &Upstream) -> Server {
    Setup::new().config(ONE_ATTEMPT).config(&upstream.handler(USER_EVENTS)).start()
}

#[test]
fn frames_reach_the_handler_as_they_are() {
    // C30, E39, E43, C32: one event for each message, whatever its fragments; `204` says nothing.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let mut wire = server.client().user("ana").simple().wire();
    let bytes = [0, 159, 146, 150, 255];
    wire.send(Frame::new(frame::TEXT, "{\"still\": \"text\"} é").bytes());
    wire.send(Frame::new(frame::BINARY, bytes).bytes());
    wire.send(Frame::new(frame::TEXT, "in ").unfinished().bytes());
    wire.send(Frame::new(frame::CONTINUATION, "parts").bytes());
    wire.send(Frame::new(frame::TEXT, "").bytes());
    wire.send(Frame::new(frame::BINARY, "").bytes());
    let text = "text/plain; charset=utf-8";
    for (content_type, body) in [
        (text, "{\"still\": \"text\"} é".as_bytes()),
        ("application/octet-stream", &bytes),
        (text, b"in parts"),
        (text, b""),
        ("application/octet-stream", b""),
    ] {
        let request = upstream.next("message");
        assert_eq!(request.expect("ce-type"), "azure.webpubsub.user.message");
        assert_eq!(request.expect("Content-Type"), content_type);
        assert_eq!(request.body, body);
        assert_eq!(request.header("ce-userId"), Some("ana"));
        assert_eq!(request.header("ce-subprotocol"), None);
    }
    wire.send(Frame::new(frame::PING, "nothing was said before").bytes());
    assert_eq!(wire.frame().text(), "nothing was said before");
}

#[test]
fn a_message_may_be_as_large_as_any() {
    // E39: client-connect.md, section 8.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    upstream.respond("message", |request| Answer::binary(request.body.clone()));
    let mut client = server.client().simple().connect();
    let large: Vec<u8> = (0..1_048_576_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    client.send(large.clone());
    assert!(client.binary() == large, "the answer differs");
    assert!(upstream.next("message").body == large, "the event differs");
}

#[test]
fn answers_come_back_as_frames() {
    // E41, E43, C32
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let mut client = server.client().simple().connect();
    let json = json!({"a": [1, null]});
    for answer in [
        Answer::text("é"),
        Answer::typed("text/plain", "é"),
        Answer::typed("Text/Plain;charset=UTF-8", "é").with_status(201),
    ] {
        upstream.once("message", answer);
        client.send("x");
        assert_eq!(client.text(), "é");
    }
    upstream.once("message", Answer::json(&json));
    client.send("x");
    assert_eq!(client.text(), json.to_string());
    for answer in [
        Answer::binary([0, 255]),
        Answer::untyped([0, 255]),
        Answer::typed("application/octet-stream; x=y", [0, 255]),
    ] {
        upstream.once("message", answer);
        client.send("x");
        assert_eq!(client.binary(), [0, 255]);
    }
    for answer in [
        Answer::status(204),
        Answer::status(200),
        Answer::text(""),
        Answer::typed("text/html", ""),
        Answer::binary([]),
    ] {
        upstream.once("message", answer);
        client.send("x");
    }
    // 8.4.3: text that is none is repaired.
    upstream.once("message", Answer::typed("text/plain", *b"a\xffb"));
    client.send("x");
    assert_eq!(client.text(), "a\u{fffd}b");
}

#[test]
fn a_failing_handler_ends_the_connection() {
    // E45, O4
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let answers = [
        Answer::status(500),
        Answer::status(404).header("Content-Type", "text/plain").body("a hint of the handler"),
        Answer::status(302).header("Location", "/chat/other"),
        Answer::typed("text/html", "<p>"),
        Answer::typed("application/json", "{\"a\":"),
        Answer::hang_up(),
    ];
    let count = u32::try_from(answers.len()).expect("a few");
    for answer in answers {
        let shown = String::from_utf8_lossy(&answer.sent()).into_owned();
        upstream.always("message", answer);
        let mut client = server.client().simple().connect();
        client.send("x");
        let Close { code, reason } = client.closed();
        assert_eq!(code, 1011, "{shown}");
        // Generic: what the handler said is not the client's business.
        assert!(!reason.contains("hint"), "{reason}");
    }
    server.await_metric(CLOSED, &[("category", "SendEventFailed")], f64::from(count));
    assert_eq!(upstream.all("other").len(), 0);
}

#[test]
fn a_message_that_no_handler_wants_ends_the_connection() {
    // C31, E47, O4
    let upstream = Upstream::start();
    let server = Setup::new()
        .args(&["--log", "debug"])
        .config(&upstream.handler("userEventPattern = 'other'"))
        .start();
    let mut client = server.client().simple().connect();
    client.send("x");
    assert_eq!(client.closed().code, 1011);
    server.await_metric(CLOSED, &[("category", "EventHandlerNotFound")], 1.0);
    let entry = "Upstream not found for hub:chat,event:message,type:user,category:messages.";
    server.await_log(entry);
}

#[test]
fn publishers_to_a_group_raise_no_events() {
    // C33: client-connect.md, section 7.2.
    let upstream = Upstream::start();
    let mut server = handled_by(&upstream);
    let mut client = server.client().echoing().connect();
    client.send("to the group");
    assert_eq!(client.text(), "to the group");
    client.leave_server();
    server.stop();
    assert_eq!(upstream.event_names(), [""; 0]);
}

#[test]
fn a_client_with_a_custom_subprotocol_is_a_simple_one() {
    // C21, E66: without a handler for `connect`.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    upstream.respond("message", |request| Answer::text(request.text()));
    let upgrade = server.client().simple().upgrade().offer("custom.v1");
    let mut client = Client::on(upgrade.accepted(&server));
    client.send(format!("not {JSON}"));
    assert_eq!(client.text(), format!("not {JSON}"));
    assert_eq!(upstream.next("message").header("ce-subprotocol"), None);
}
