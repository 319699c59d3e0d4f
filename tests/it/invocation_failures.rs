//! Calls to the application that fail or cannot be made (client-json.md, sections 3.7 and 8).

use serde_json::{Value, json};

use crate::invocations::{echo_when, handled_by, invoke};
use crate::support::{Answer, Client, Hold, ONE_ATTEMPT, Server, Setup, Upstream, publication};

/// The next message answers this invocation with this error.
fn failed(client: &mut Client, id: &str, name: &str) {
    let answer = client.text();
    let head = format!(
        r#"{{"type":"invokeResponse","invocationId":"{id}","success":false,"error":{{"name":"{name}","message":""#
    );
    assert!(answer.starts_with(&head) && answer.ends_with(r#""}}"#), "{name}: {answer}");
}

#[test]
fn calls_that_fail_say_how() {
    // J63: the connection stays.
    let upstream = Upstream::start();
    let server = Setup::new()
        .config("eventTimeoutInSeconds = 1\n")
        .config(ONE_ATTEMPT)
        .config(&upstream.handler("userEventPattern = 'handled'"))
        .start();
    let mut client = server.client().connect();
    client.send_json(&invoke("1", "unhandled"));
    failed(&mut client, "1", "NotFound");
    for answer in [
        Answer::status(500),
        Answer::status(404),
        Answer::status(301),
        Answer::typed("text/html", "<p>"),
        Answer::typed("application/json", "{"),
        Answer::hang_up(),
    ] {
        // A connection that just ends may have been too old: then the request is sent once more.
        upstream.always("handled", answer);
        client.send_json(&invoke("2", "handled"));
        failed(&mut client, "2", "InternalServerError");
    }
    upstream.always("handled", Answer::never());
    client.send_json(&invoke("3", "handled"));
    failed(&mut client, "3", "Timeout");
    upstream.always("handled", Answer::status(204));
    client.send_json(&invoke("3", "handled"));
    assert_eq!(client.json()["success"], true, "the id is free again");

    // A hub without any handler, of every shard.
    let server = Setup::new().shards(4).start();
    for shard in 0..4 {
        let mut client = server.client().on(shard).connect();
        client.send_json(&invoke("a \"b\"", "e"));
        failed(&mut client, r#"a \"b\""#, "NotFound");
    }
}

#[test]
fn calls_that_cannot_be_made_are_answered_too() {
    // J70: only a bad id is malformed, because then nobody could be told.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let mut client = server.client().connect();
    let longest = "i".repeat(256);
    for (name, value) in [
        ("event", json!("1x")),
        ("event", json!("")),
        ("event", json!(7)),
        ("event", Value::Null),
        ("event", json!("e".repeat(129))),
        ("target", json!("group")),
        ("target", json!(7)),
        ("dataType", json!("unknown")),
        ("dataType", json!("binary")),
        ("data", json!(7)),
        ("data", Value::Null),
        ("metadata", json!("x")),
        ("metadata", json!({"a b": "c"})),
    ] {
        let mut request = invoke(&longest, "e");
        request[name] = value;
        if request["dataType"] == "binary" {
            request["data"] = json!("?");
        }
        client.send_json(&request);
        failed(&mut client, &longest, "BadRequest");
    }
    assert_eq!(upstream.events().len(), 0);
    client.send_json(&invoke(&longest, "e"));
    assert_eq!(client.json()["success"], true);
    for id in [json!(""), json!(7), Value::Null, json!("i".repeat(257))] {
        for kind in ["invoke", "cancelInvocation"] {
            if kind == "cancelInvocation" && id.is_string() {
                continue;
            }
            let mut client = server.client().connect();
            client.send_json(&json!({"type": kind, "invocationId": id, "event": "e"}));
            assert_eq!(client.disconnected().code, 1007, "{kind} {id}");
        }
    }
}

#[test]
fn pending_calls_are_counted() {
    // J64, J70: section 8: an id is used once at a time, and there are a hundred at most.
    let upstream = Upstream::start();
    let hold = Hold::new();
    echo_when(&upstream, "held", &hold);
    let server = handled_by(&upstream);
    let mut client = server.client().connect();
    for number in 0..100 {
        client.send_json(&invoke(&number.to_string(), "held"));
        if number == 7 {
            client.send_json(&invoke("7", "held"));
            failed(&mut client, "7", "BadRequest");
        }
    }
    client.send_json(&invoke("one more", "held"));
    failed(&mut client, "one more", "BadRequest");
    upstream.await_all("held", 100);
    hold.release();
    let mut answered: Vec<u64> = (0..100)
        .map(|_| client.json()["invocationId"].as_str().and_then(|id| id.parse().ok()))
        .map(|id| id.expect("a number"))
        .collect();
    answered.sort_unstable();
    assert_eq!(answered, (0..100).collect::<Vec<_>>());
    client.send_json(&invoke("7", "held"));
    assert_eq!(client.json()["invocationId"], "7");
}

#[test]
fn answers_of_clients_are_ignored() {
    // 3.9: nobody has asked them.
    let server = Server::start();
    let mut client = server.client().permitted().groups(&["room"]).connect();
    client.send(r#"{"type":"invokeResponse","invocationId":"1","success":true}"#);
    client.send(r#"{"type":"invokeResponse"}"#);
    client.send_json(&publication("room", "x"));
    assert_eq!(client.group_text("room"), "x");
}
