//! Stream requests that are not carried out (client-json.md, sections 7.1 and 7.2).

use serde_json::{Value, json};

use crate::streams::{
    acked, closed, end, ended, fragment, keep_alive, publisher, received, start, started,
    subscribers,
};
use crate::support::{Call, Server, on_shards};

#[test]
fn what_a_start_must_not_have_is_refused() {
    // J51: and an active stream goes on under its id.
    on_shards(&[1, 2], |server| {
        let mut subscribers = subscribers(server);
        let mut publisher = publisher(server);
        for (name, value) in [
            ("data", json!("x")),
            ("dataType", json!("text")),
            ("metadata", json!({"k": "v"})),
            ("ttlSeconds", json!(30)),
            ("stream", json!({"streamId": "s", "idleTimeoutMs": 0})),
            ("stream", json!({"streamId": "s", "idleTimeoutMs": -1})),
        ] {
            let mut request = start("s");
            request[name] = value;
            publisher.send_json(&request);
            closed(&mut publisher, "s", Some("BadRequest"));
            // Not recorded: the same ack id may be used again.
            publisher.fail(request.clone(), "BadRequest");
            closed(&mut publisher, "s", Some("BadRequest"));
        }
        started(&mut publisher, &start("s"));
        publisher.send_json(&fragment("s", 1, "x"));
        acked(&mut publisher, "s", 2);
        publisher.send_json(&start("s"));
        closed(&mut publisher, "s", Some("BadRequest"));
        publisher.send_json(&fragment("s", 2, "y"));
        acked(&mut publisher, "s", 3);
        received(&mut subscribers, "s", 1, "x");
        received(&mut subscribers, "s", 2, "y");
        // Events have no streams.
        publisher.send_json(&json!({"type": "event", "event": "e", "stream": {"streamId": "t"}}));
        closed(&mut publisher, "t", Some("BadRequest"));
    });
}

#[test]
fn a_hundred_streams_are_enough() {
    // J51: section 7.1.
    let server = Server::start();
    let mut publisher = publisher(&server);
    for number in 0..100 {
        started(&mut publisher, &start(&number.to_string()));
    }
    publisher.send_json(&start("one more"));
    closed(&mut publisher, "one more", Some("BadRequest"));
    publisher.send_json(&end("7"));
    closed(&mut publisher, "7", None);
    started(&mut publisher, &start("one more"));
}

#[test]
fn malformed_stream_requests_end_the_connection() {
    // J30, J19: sections 7.1 to 7.3.
    let server = Server::start();
    let long = "s".repeat(257);
    for request in [
        json!({"type": "sendToGroup", "group": "room", "stream": "s"}),
        json!({"type": "sendToGroup", "group": "room", "stream": {}}),
        start(""),
        start(&long),
        json!({"type": "sendToGroup", "group": "room", "stream": {"streamId": 7}}),
        json!({"type": "sendToGroup", "group": "room",
            "stream": {"streamId": "s", "idleTimeoutMs": "1"}}),
        json!({"type": "sendToGroup", "group": "room",
            "stream": {"streamId": "s", "idleTimeoutMs": 1.5}}),
        json!({"type": "streamData"}),
        json!({"type": "streamData", "streamId": 7}),
        json!({"type": "streamData", "streamId": "s", "streamSequenceId": "1"}),
        json!({"type": "streamData", "streamId": "s", "streamSequenceId": -1}),
        json!({"type": "streamData", "streamId": "s", "streamSequenceId": 1,
            "dataType": "binary", "data": "?"}),
        json!({"type": "streamData", "streamId": "s", "streamSequenceId": 1,
            "dataType": "unknown", "data": ""}),
        json!({"type": "streamEnd"}),
        json!({"type": "streamEnd", "streamId": ["s"]}),
        json!({"type": "streamEnd", "streamId": "s", "error": "no object"}),
        json!({"type": "streamEnd", "streamId": "s", "error": {"message": 7}}),
    ] {
        let mut publisher = publisher(&server);
        started(&mut publisher, &start("s"));
        publisher.send_json(&request);
        assert_eq!(publisher.disconnected().code, 1007, "{request}");
    }
}

#[test]
fn half_a_fragment_ends_the_stream() {
    // 7.2: some of the three properties, or the number 0.
    on_shards(&[1, 2], |server| {
        let mut subscribers = subscribers(server);
        let mut publisher = publisher(server);
        for request in [
            json!({"type": "streamData", "streamId": "s", "streamSequenceId": 1}),
            json!({"type": "streamData", "streamId": "s", "dataType": "text", "data": "x"}),
            json!({"type": "streamData", "streamId": "s", "streamSequenceId": 1, "data": "x"}),
            fragment("s", 0, "x"),
        ] {
            started(&mut publisher, &start("s"));
            publisher.send_json(&request);
            closed(&mut publisher, "s", Some("BadRequest"));
            ended(&mut subscribers, "s", 1, Some("Cancelled"));
        }
    });
}

#[test]
fn permission_is_asked_for_every_fragment() {
    // J60, R14
    on_shards(&[1, 2], |server| {
        let mut subscribers = subscribers(server);
        let mut publisher = publisher(server);
        started(&mut publisher, &start("s"));
        publisher.send_json(&fragment("s", 1, "x"));
        received(&mut subscribers, "s", 1, "x");
        acked(&mut publisher, "s", 2);
        Call::new("DELETE", format!("permissions/sendToGroup/connections/{}", publisher.id))
            .query("targetName", "room")
            .expect(server, 204);
        // A sign of life publishes nothing.
        publisher.send_json(&keep_alive("s"));
        assert_eq!(publisher.sync(), [] as [Value; 0]);
        publisher.send_json(&fragment("s", 2, "y"));
        closed(&mut publisher, "s", Some("Forbidden"));
        ended(&mut subscribers, "s", 2, Some("Forbidden"));
        publisher.send_json(&fragment("s", 2, "y"));
        closed(&mut publisher, "s", Some("StreamNotFound"));
    });
}
