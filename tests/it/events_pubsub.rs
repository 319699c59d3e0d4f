//! Events of clients with the JSON subprotocol (client-json.md, section 3.4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Answer, Client, ONE_ATTEMPT, Server, Setup, USER_EVENTS, Upstream, event};

fn handled_by(upstream: &Upstream) -> Server {
    Setup::new().config(ONE_ATTEMPT).config(&upstream.handler(USER_EVENTS)).start()
}

#[test]
fn payloads_reach_the_handler_decoded() {
    // E40, J37: JSON with its source text, and without any role.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let mut client = server.client().connect();
    let any = b"\x0a\x0at.test/Msg\x12\x02hi";
    let (text, json, bytes, protobuf) = (
        "text/plain; charset=utf-8",
        "application/json",
        "application/octet-stream",
        "application/x-protobuf",
    );
    let encoded = format!("\"{}\"", STANDARD.encode(any));
    for (data_type, data, content_type, body) in [
        (Some("text"), r#""a\n\u00e9""#, text, "a\né".as_bytes()),
        (Some("text"), r#""""#, text, b""),
        (
            Some("json"),
            r#"{"b": 1.00,"a":1e3, "b2":[ ]}"#,
            json,
            br#"{"b": 1.00,"a":1e3, "b2":[ ]}"#,
        ),
        (Some("json"), "12345678901234567890", json, b"12345678901234567890"),
        (None, r#""a string""#, json, br#""a string""#),
        (None, "false", json, b"false"),
        (Some("binary"), r#""AP+Slg==""#, bytes, &[0, 255, 146, 150]),
        (Some("binary"), r#""""#, bytes, b""),
        (Some("protobuf"), &encoded, protobuf, any),
    ] {
        let kind = data_type.map_or(String::new(), |kind| format!(r#","dataType":"{kind}""#));
        client.send(format!(r#"{{"type":"event","event":"e"{kind},"data":{data}}}"#));
        let request = upstream.next("e");
        assert_eq!(request.expect("Content-Type"), content_type);
        assert_eq!(request.body, body, "{data}");
    }
    assert_eq!(client.sync(), [] as [Value; 0]);
}

/// Sends an event with an ack id; hands back what came up to its ack.
fn ask(client: &mut Client, id: u64) -> (Vec<Value>, Value) {
    let mut request = event("e", "x");
    request["ackId"] = json!(id);
    client.send_json(&request);
    let mut before = Vec::new();
    loop {
        let message = client.json();
        if message["type"] == "ack" {
            assert_eq!(message["ackId"], id);
            return (before, message);
        }
        before.push(message);
    }
}

#[test]
fn an_answer_is_a_message_and_then_the_ack() {
    // E42, E44, J33
    on_both_counts(|upstream, server| {
        let mut client = server.client().connect();
        let mut bystander = server.client().user("ana").connect();
        let message = |kind: &str, data: Value| {
            let mut message = json!({"type": "message", "from": "server", "dataType": kind});
            message["data"] = data;
            message
        };
        let any = b"\x0a\x0at.test/Msg\x12\x02hi";
        for (id, (answer, expected)) in (1..).zip([
            (Answer::text("é"), message("text", json!("é"))),
            (Answer::json(&json!({"a": 1})), message("json", json!({"a": 1}))),
            (
                Answer::typed("application/json; charset=utf-8", "null"),
                message("json", json!(null)),
            ),
            (Answer::binary([0, 255]), message("binary", json!("AP8="))),
            (Answer::untyped([0, 255]), message("binary", json!("AP8="))),
            (
                Answer::typed("application/x-protobuf", *any),
                message("protobuf", json!(STANDARD.encode(any))),
            ),
            (Answer::text("accepted").with_status(202), message("text", json!("accepted"))),
            (Answer::typed("text/plain", *b"a\xffb"), message("text", json!("a\u{fffd}b"))),
        ]) {
            upstream.once("e", answer);
            let (before, ack) = ask(&mut client, id);
            assert_eq!(before, [expected]);
            assert_eq!(ack["success"], true);
        }
        // Without ack id the message comes all the same, and to nobody else.
        upstream.once("e", Answer::text("unasked"));
        client.send_json(&event("e", "x"));
        assert_eq!(client.json()["data"], "unasked");
        assert_eq!(client.sync(), [] as [Value; 0]);
        assert_eq!(bystander.sync(), [] as [Value; 0]);
    });
}

fn on_both_counts(test: impl Fn(&Upstream, &Server)) {
    for shards in [1, 2] {
        let upstream = Upstream::start();
        let config = format!("{ONE_ATTEMPT}{}", upstream.handler(USER_EVENTS));
        test(&upstream, &Setup::new().shards(shards).config(&config).start());
    }
}

#[test]
fn json_is_passed_on_with_its_source_text() {
    // E42: numbers keep their spelling.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let mut client = server.client().connect();
    upstream
        .once("e", Answer::typed("application/json", r#"{"n": 1.00,"big":12345678901234567890}"#));
    client.send_json(&event("e", "x"));
    let text = client.text();
    assert!(text.contains(r#""data":{"n": 1.00,"big":12345678901234567890}"#), "{text}");
}

#[test]
fn an_empty_answer_is_only_acknowledged() {
    // E43, J34
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let mut client = server.client().connect();
    for (id, answer) in (1..).zip([
        Answer::status(204),
        Answer::status(200),
        Answer::text(""),
        Answer::binary([]),
        Answer::typed("text/html", ""),
        Answer::typed("application/json", ""),
    ]) {
        upstream.once("e", answer);
        let (before, ack) = ask(&mut client, id);
        assert_eq!(before, [] as [Value; 0]);
        assert_eq!(ack, json!({"type": "ack", "ackId": id, "success": true}));
    }
    client.send_json(&event("e", "without ack id"));
    client.sync();
    upstream.await_all("e", 7);
    assert_eq!(client.sync(), [] as [Value; 0]);
}

#[test]
fn metadata_of_an_answer_reaches_the_client() {
    // 8.4.3: even without a body.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let mut client = server.client().connect();
    for (answer, data) in [(Answer::text("x"), "x"), (Answer::status(200), "")] {
        upstream.once("e", answer.header("X-WebPubSub-Metadata-Trace", "a b"));
        client.send_json(&event("e", "x"));
        let message = client.json();
        assert_eq!(message["dataType"], "text", "{message}");
        assert_eq!(message["data"], data, "{message}");
        assert_eq!(message["metadata"], json!({"trace": "a b"}), "{message}");
    }
}

#[test]
fn a_failing_answer_is_an_error_ack_and_nothing_else() {
    // E46, E48, J35: the connection stays, and the same id may be tried again.
    on_both_counts(|upstream, server| {
        let mut client = server.client().connect();
        let answers = [
            Answer::status(500).body("internal"),
            Answer::status(400),
            Answer::status(401),
            Answer::status(301).header("Location", "/chat/other"),
            Answer::typed("text/html", "<p>"),
            Answer::typed("application/xml", "<p/>"),
            Answer::typed("application/json", "{\"a\":"),
            Answer::hang_up(),
            Answer::bytes("not HTTP at all\r\n\r\n"),
        ];
        for answer in answers {
            let shown = String::from_utf8_lossy(&answer.sent()).into_owned();
            upstream.always("e", answer);
            let (before, ack) = ask(&mut client, 5);
            assert_eq!(before, [] as [Value; 0], "{shown}");
            assert_eq!(ack["success"], false, "{shown}");
            assert_eq!(ack["error"]["name"], "InternalServerError", "{shown}");
            assert!(!ack.to_string().contains("internal\""), "{ack}");
            client.send_json(&event("e", "without ack id"));
            assert_eq!(client.sync(), [] as [Value; 0]);
        }
        // The last one without ack id is over before this one begins.
        client.succeed(event("marker", "x"));
        upstream.always("e", Answer::status(204));
        assert_eq!(ask(&mut client, 5).1["success"], true);
        assert_eq!(ask(&mut client, 5).1["error"]["name"], "Duplicate");
        assert_eq!(upstream.all("other").len(), 0);
    });
}

#[test]
fn an_event_that_no_handler_wants_fails() {
    // E47, J35: beside a handler for others.
    let upstream = Upstream::start();
    let server = Setup::new()
        .args(&["--log", "debug"])
        .config(&upstream.handler("userEventPattern = 'wanted'"))
        .start();
    let mut client = server.client().connect();
    client.fail(event("unwanted", "x"), "InternalServerError");
    client.send_json(&event("unwanted", "x"));
    client.succeed(event("wanted", "x"));
    assert_eq!(client.sync(), [] as [Value; 0]);
    let entry = "Upstream not found for hub:chat,event:unwanted,type:user,category:messages.";
    server.await_log(entry);
}

#[test]
fn a_stricter_hub_drops_clients_whose_events_fail() {
    // 8.4.5, `dropPubSubClientsOnEventFailure`
    let upstream = Upstream::start();
    upstream.always("e", Answer::status(500));
    let server = Setup::new()
        .config(ONE_ATTEMPT)
        .config("[hubs.chat]\ndropPubSubClientsOnEventFailure = true\n")
        .config(&upstream.handler(USER_EVENTS))
        .start();
    let mut client = server.client().connect();
    client.send_json(&event("e", "x"));
    assert_eq!(client.disconnected().code, 1011);
    let labels = [("category", "SendEventFailed")];
    server.await_metric("corecast_connections_closed_total", &labels, 1.0);
}

#[test]
fn events_of_every_shard_find_the_handler_and_the_way_back() {
    // J33: answers go to the connection that asked.
    let upstream = Upstream::start();
    upstream.respond("e", |request| Answer::text(request.text()));
    let server = Setup::new().shards(4).config(&upstream.handler(USER_EVENTS)).start();
    let mut clients: Vec<_> = (0..4)
        .flat_map(|shard| [shard; 3])
        .map(|shard| server.client().on(shard).connect())
        .collect();
    for round in 0..20 {
        for client in &mut clients {
            client.send_json(&event("e", &format!("{} {round}", client.id)));
        }
        for client in &mut clients {
            let text = format!("{} {round}", client.id);
            assert_eq!(client.json()["data"], text);
        }
    }
    for request in upstream.all("e") {
        assert!(request.text().starts_with(request.connection_id()), "{request:?}");
    }
}
