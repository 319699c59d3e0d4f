//! Streams of fragments to a group (client-json.md, section 7).

use serde_json::{Value, json};

use crate::support::{Client, Endpoint, on_shards, publication};

/// A subscriber of `room` on every shard, without any role.
pub(crate) fn subscribers(server: &Endpoint) -> Vec<Client> {
    let guest = server.client().groups(&["room"]);
    (0..server.shards).map(|shard| guest.clone().on(shard).connect()).collect()
}

/// A publisher that is not in `room`.
pub(crate) fn publisher(server: &Endpoint) -> Client {
    server.client().user("ana").permitted().on(0).connect()
}

pub(crate) fn start(stream: &str) -> Value {
    json!({"type": "sendToGroup", "group": "room", "stream": {"streamId": stream}})
}

pub(crate) fn fragment(stream: &str, number: u64, text: &str) -> Value {
    json!({"type": "streamData", "streamId": stream, "streamSequenceId": number,
        "dataType": "text", "data": text})
}

pub(crate) fn keep_alive(stream: &str) -> Value {
    json!({"type": "streamData", "streamId": stream})
}

pub(crate) fn end(stream: &str) -> Value {
    json!({"type": "streamEnd", "streamId": stream})
}

/// Starts a stream that has to be accepted.
pub(crate) fn started(publisher: &mut Client, request: &Value) {
    publisher.send_json(request);
    let expected = json!({"type": "streamAck", "streamId": request["stream"]["streamId"], "expectedSequenceId": 1});
    assert_eq!(publisher.json(), expected);
}

/// Reads acks until the one that expects this number: they may be merged, and never go back.
pub(crate) fn acked(publisher: &mut Client, stream: &str, expected: u64) {
    let mut last = 0;
    while last < expected {
        let ack = publisher.of_type("streamAck");
        assert_eq!(ack["streamId"], stream, "{ack}");
        let number = ack["expectedSequenceId"].as_u64().expect("a number");
        assert!((last..=expected).contains(&number), "{ack} after {last}");
        last = number;
    }
}

/// The stream ends for its publisher, with this error or without any.
pub(crate) fn closed(publisher: &mut Client, stream: &str, error: Option<&str>) {
    let message = publisher.of_type("streamClosed");
    assert_eq!(message["streamId"], stream, "{message}");
    assert_eq!(message["error"]["name"].as_str(), error, "{message}");
    assert_eq!(message.get("error").is_some(), error.is_some(), "{message}");
    assert!(error.is_none() || message["error"]["message"].is_string(), "{message}");
}

/// The next message of every subscriber is this fragment.
pub(crate) fn received(subscribers: &mut [Client], stream: &str, number: u64, text: &str) {
    for subscriber in subscribers {
        let message = subscriber.json();
        let part = json!({"streamId": stream, "streamSequenceId": number});
        assert_eq!((&message["stream"], &message["data"]), (&part, &json!(text)), "{message}");
    }
}

/// The next message of every subscriber is the end of the stream, with this error or without any.
pub(crate) fn ended(subscribers: &mut [Client], stream: &str, number: u64, error: Option<&str>) {
    for subscriber in subscribers {
        let message = subscriber.json();
        assert_eq!((&message["dataType"], &message["data"]), (&json!("text"), &json!("")));
        let part = &message["stream"];
        assert_eq!(part["streamId"], stream, "{message}");
        assert_eq!(part["streamSequenceId"], number, "{message}");
        assert_eq!(part["endOfStream"], true, "{message}");
        assert_eq!(part["error"]["name"].as_str(), error, "{message}");
        assert_eq!(part.get("error").is_some(), error.is_some(), "{message}");
    }
}

#[test]
fn a_start_is_accepted_and_nobody_else_hears_of_it() {
    // J50, J51
    on_shards(&[1, 2], |server| {
        let mut subscribers = subscribers(server);
        let mut publisher = publisher(server);
        publisher.send_json(&start("s"));
        let ack = r#"{"type":"streamAck","streamId":"s","expectedSequenceId":1}"#;
        assert_eq!(publisher.text(), ack);
        publisher.publish("room", "marker");
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.group_text("room"), "marker");
        }
        // With an ack id it has an ack as well.
        publisher.succeed(start("t"));
        publisher.of_type("streamAck");
        let role = ["webpubsub.sendToGroup.other"];
        let mut denied = server.client().roles(&role).connect();
        denied.send_json(&start("s"));
        closed(&mut denied, "s", Some("Forbidden"));
        denied.fail(start("s"), "Forbidden");
        closed(&mut denied, "s", Some("Forbidden"));
        assert_eq!(denied.sync(), [] as [Value; 0]);
    });
}

#[test]
fn fragments_arrive_in_order() {
    // J52, J55: the exact texts.
    on_shards(&[1, 2, 4], |server| {
        let mut subscribers = subscribers(server);
        let mut simple = server.client().groups(&["room"]).simple().connect();
        let mut reliable = server.client().groups(&["room"]).reliable().connect();
        let mut publisher = publisher(server);
        started(&mut publisher, &start("s"));
        let fragments = [
            (r#""dataType":"text","data":"a""#, "a"),
            (r#""dataType":"json","data":{"b": 1.0}"#, r#"{"b": 1.0}"#),
            (r#""dataType":"text","data":"""#, ""),
        ];
        for (number, (data, _)) in (1..).zip(fragments) {
            publisher.send(format!(
                r#"{{"type":"streamData","streamId":"s","streamSequenceId":{number},{data}}}"#
            ));
        }
        publisher.send_json(&end("s"));
        let head = r#"{"type":"message","from":"group","group":"room","fromUserId":"ana""#;
        let stream = |number| format!(r#""stream":{{"streamId":"s","streamSequenceId":{number}"#);
        for (number, (data, bare)) in (1..).zip(fragments) {
            let expected = format!("{head},{data},{}}}", stream(number));
            for subscriber in &mut subscribers {
                assert_eq!(subscriber.text(), format!("{expected}}}"));
            }
            assert_eq!(reliable.text(), format!(r#"{expected},"sequenceId":{number}}}"#));
            assert_eq!(simple.text(), bare);
        }
        let data = r#""dataType":"text","data":"""#;
        let expected = format!(r#"{head},{data},{},"endOfStream":true}}"#, stream(4));
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.text(), format!("{expected}}}"));
        }
        assert_eq!(reliable.text(), format!(r#"{expected},"sequenceId":4}}"#));
        acked(&mut publisher, "s", 4);
        assert_eq!(publisher.text(), r#"{"type":"streamClosed","streamId":"s"}"#);
        // A simple client is not told of the end.
        publisher.publish("room", "marker");
        assert_eq!(simple.text(), "marker");
    });
}

#[test]
fn fragments_of_every_type_are_published() {
    // J52, J17, J19: what is wrongly encoded ends the connection.
    on_shards(&[1, 2], |server| {
        let mut subscribers = subscribers(server);
        let mut publisher = publisher(server);
        started(&mut publisher, &start("s"));
        let data = [
            ("text", json!("é")),
            ("json", json!([1, {"a": null}])),
            ("binary", json!("AP8=")),
            ("binary", json!("")),
            ("protobuf", json!("Cgp0LnRlc3QvTXNnEgJoaQ==")),
        ];
        for (number, (kind, data)) in (1..).zip(&data) {
            let mut fragment = fragment("s", number, "");
            (fragment["dataType"], fragment["data"]) = (json!(kind), data.clone());
            publisher.send_json(&fragment);
            for subscriber in &mut subscribers {
                let message = subscriber.json();
                assert_eq!((&message["dataType"], &message["data"]), (&json!(kind), data));
                assert_eq!(message["stream"]["streamSequenceId"], number);
            }
        }
        acked(&mut publisher, "s", 6);
    });
}

#[test]
fn repeated_fragments_are_acknowledged_and_early_ones_refused() {
    // J53
    on_shards(&[1, 2], |server| {
        let mut subscribers = subscribers(server);
        let mut publisher = publisher(server);
        started(&mut publisher, &start("s"));
        for number in 1..=3 {
            publisher.send_json(&fragment("s", number, "x"));
            received(&mut subscribers, "s", number, "x");
        }
        acked(&mut publisher, "s", 4);
        for number in [2, 1, 3] {
            publisher.send_json(&fragment("s", number, "again"));
            let ack = json!({"type": "streamAck", "streamId": "s", "expectedSequenceId": 4});
            assert_eq!(publisher.json(), ack, "to {number}");
        }
        for number in [9, 5, u64::MAX] {
            publisher.send_json(&fragment("s", number, "early"));
            let nack = publisher.text();
            let expected = r#"{"type":"streamNack","streamId":"s","expectedSequenceId":4,"#
                .to_owned()
                + r#""name":"InvalidSequenceId","message":""#;
            assert!(nack.starts_with(&expected), "{nack}");
        }
        publisher.send_json(&fragment("s", 4, "y"));
        received(&mut subscribers, "s", 4, "y");
        acked(&mut publisher, "s", 5);
    });
}

#[test]
fn unknown_streams_are_named() {
    // J54, J55: a stream that has ended is unknown too, and its id may be used again.
    on_shards(&[1, 2], |server| {
        let mut subscribers = subscribers(server);
        let mut publisher = publisher(server);
        let check = |publisher: &mut Client| {
            for request in [fragment("s", 1, "x"), keep_alive("s"), end("s")] {
                publisher.send_json(&request);
                closed(publisher, "s", Some("StreamNotFound"));
            }
        };
        check(&mut publisher);
        // Streams belong to their connection.
        let mut other = self::publisher(server);
        started(&mut other, &start("s"));
        check(&mut publisher);
        for _ in 0..2 {
            started(&mut publisher, &start("s"));
            publisher.send_json(&fragment("s", 1, "x"));
            publisher.send_json(&end("s"));
            received(&mut subscribers, "s", 1, "x");
            ended(&mut subscribers, "s", 2, None);
            acked(&mut publisher, "s", 2);
            closed(&mut publisher, "s", None);
            check(&mut publisher);
        }
        publisher.publish("room", "marker");
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.group_text("room"), "marker");
        }
    });
}

#[test]
fn a_publisher_may_say_why_it_ends() {
    // J56
    on_shards(&[1, 2], |server| {
        let mut subscribers = subscribers(server);
        let mut publisher = publisher(server);
        for (error, told) in [
            (
                json!({"message": "lost", "userErrorCode": "E7"}),
                json!({"message": "lost", "userErrorCode": "E7"}),
            ),
            (json!({"message": "lost", "name": "Mine"}), json!({"message": "lost"})),
            (json!({"userErrorCode": "E7"}), json!({"userErrorCode": "E7"})),
        ] {
            started(&mut publisher, &start("s"));
            publisher.send_json(&json!({"type": "streamEnd", "streamId": "s", "error": error}));
            for subscriber in &mut subscribers {
                let message = subscriber.json();
                let mut told = told.clone();
                told["name"] = json!("UserError");
                assert_eq!(message["stream"]["error"], told, "{message}");
                assert_eq!(message["stream"]["endOfStream"], true, "{message}");
                assert_eq!(message["stream"]["streamSequenceId"], 1, "{message}");
            }
            // Its own words are nothing it has to be told.
            closed(&mut publisher, "s", None);
        }
    });
}

#[test]
fn no_echo_holds_for_the_whole_stream() {
    // J61
    on_shards(&[1, 2], |server| {
        let mut subscribers = subscribers(server);
        let guest = server.client().user("ana").permitted().groups(&["room"]);
        let mut publisher = guest.connect();
        for no_echo in [true, false] {
            let mut request = start("s");
            request["noEcho"] = json!(no_echo);
            started(&mut publisher, &request);
            publisher.send_json(&fragment("s", 1, "x"));
            publisher.send_json(&end("s"));
            received(&mut subscribers, "s", 1, "x");
            ended(&mut subscribers, "s", 2, None);
            closed(&mut publisher, "s", None);
            let messages = publisher.sync().into_iter().filter(|told| told["type"] == "message");
            assert_eq!(messages.count(), if no_echo { 0 } else { 2 });
        }
    });
}

#[test]
fn streams_and_messages_do_not_mix_up() {
    // J52, J55: two publishers with one id, a stream beside messages, and a late subscriber.
    on_shards(&[1, 2], |server| {
        let mut early = server.client().groups(&["room"]).connect();
        let mut ana = publisher(server);
        let mut ben = server.client().user("ben").permitted().on(server.shards - 1).connect();
        for publisher in [&mut ana, &mut ben] {
            started(publisher, &start("s"));
            publisher.send_json(&fragment("s", 1, "x"));
            acked(publisher, "s", 2);
            let part = early.json();
            assert_eq!(part["stream"]["streamSequenceId"], 1, "{part}");
        }
        let mut late = server.client().permitted().connect();
        late.join("room");
        ana.send_json(&fragment("s", 2, "y"));
        ana.send_json(&publication("room", "between"));
        ana.send_json(&end("s"));
        for subscriber in [&mut early, &mut late] {
            let part = subscriber.json();
            assert_eq!((&part["fromUserId"], &part["data"]), (&json!("ana"), &json!("y")));
            assert_eq!(part["stream"]["streamSequenceId"], 2, "{part}");
            let message = subscriber.json();
            assert_eq!((message.get("stream"), &message["data"]), (None, &json!("between")));
            assert_eq!(subscriber.json()["stream"]["endOfStream"], true);
        }
        ben.send_json(&fragment("s", 2, "z"));
        for subscriber in [&mut early, &mut late] {
            let part = subscriber.json();
            assert_eq!((&part["fromUserId"], &part["data"]), (&json!("ben"), &json!("z")));
        }
    });
}
