//! When a request is answered, and how (client-json.md, section 5).

use serde_json::{Value, json};

use crate::support::{Server, on_shards, publication};

#[test]
fn requests_are_acknowledged_one_by_one() {
    // J3, J15, R1: the exact text, because libraries read the properties in this order.
    let server = Server::start();
    let mut permitted = server.client().permitted().connect();
    let mut denied = server.client().connect();
    for (kind, id) in [("joinGroup", 7), ("sendToGroup", 8), ("leaveGroup", 9)] {
        let request =
            json!({"type": kind, "group": "room", "data": 1, "ackId": id, "noEcho": true});
        permitted.send_json(&request);
        let success = format!(r#"{{"type":"ack","ackId":{id},"success":true}}"#);
        assert_eq!(permitted.text(), success, "{kind}");

        denied.send_json(&request);
        let failure = denied.text();
        let start = format!(
            r#"{{"type":"ack","ackId":{id},"success":false,"error":{{"name":"Forbidden","message":""#
        );
        assert!(failure.starts_with(&start) && failure.ends_with("\"}}"), "{kind}: {failure}");
        let failure: Value = serde_json::from_str(&failure).expect("JSON");
        assert!(failure["error"]["message"].is_string(), "{kind}: {failure}");
    }
}

#[test]
fn repeated_joins_and_needless_leaves_succeed() {
    // J4
    on_shards(&[1, 2], |server| {
        let mut client = server.client().permitted().connect();
        client.join("room");
        client.join("room");
        client.publish("room", "once");
        assert_eq!(client.group_text("room"), "once");
        client.leave("room");
        client.leave("room");
        client.leave("never joined");
        client.publish("room", "to nobody");
        assert_eq!(client.sync(), [] as [Value; 0]);
    });
}

#[test]
fn without_ack_id_there_is_no_answer() {
    // J7
    let server = Server::start();
    let mut permitted = server.client().permitted().connect();
    let mut denied = server.client().connect();
    for client in [&mut permitted, &mut denied] {
        for kind in ["joinGroup", "sendToGroup", "leaveGroup"] {
            client.send_json(&json!({"type": kind, "group": "room", "data": 1, "noEcho": true}));
        }
        assert_eq!(client.sync(), [] as [Value; 0]);
    }
}

#[test]
fn ack_ids_are_echoed_exactly() {
    // J8, J9: `null` is absent.
    let server = Server::start();
    let mut client = server.client().permitted().connect();
    for id in ["0", "1", "9007199254740993", "18446744073709551615"] {
        client.send(format!(r#"{{"type":"joinGroup","group":"room","ackId":{id}}}"#));
        assert_eq!(client.text(), format!(r#"{{"type":"ack","ackId":{id},"success":true}}"#));
    }
    client.send(r#"{"type":"joinGroup","group":"room","ackId":null}"#);
    assert_eq!(client.sync(), [] as [Value; 0]);
}

#[test]
fn what_succeeded_is_not_executed_again() {
    // J10, J12
    on_shards(&[1, 2, 4], |server| {
        let mut publisher = server.client().permitted().on(0).connect();
        let last = server.shards - 1;
        let mut member = server.client().groups(&["room"]).on(last).connect();
        let mut send = |request: &Value, success: bool| {
            publisher.send_json(request);
            let ack = publisher.ack(5);
            assert_eq!(ack["success"], success, "{ack}");
            if !success {
                assert_eq!(ack["error"]["name"], "Duplicate", "{ack}");
            }
        };
        let mut first = publication("room", "first");
        first["ackId"] = json!(5);
        send(&first, true);
        send(&first, false);
        // The ids of all kinds of requests are one set.
        send(&json!({"type": "joinGroup", "group": "room", "ackId": 5}), false);
        send(&json!({"type": "event", "event": "e", "data": 1, "ackId": 5}), false);
        // The check precedes permissions.
        send(&json!({"type": "leaveGroup", "group": "room", "ackId": 5}), false);
        publisher.publish("room", "marker");
        assert_eq!(member.group_text("room"), "first");
        assert_eq!(member.group_text("room"), "marker");
    });
}

#[test]
fn what_failed_may_be_tried_again() {
    // J11
    let server = Server::start();
    let role = ["webpubsub.sendToGroup.room"];
    let mut client = server.client().roles(&role).groups(&["room"]).connect();
    let mut publish = |kind: &str, group: &str| {
        client
            .send_json(&json!({"type": kind, "event": "e", "group": group, "data": 1, "ackId": 3,
            "noEcho": true}));
        client.ack(3)["error"]["name"].clone()
    };
    assert_eq!(publish("sendToGroup", "other"), "Forbidden");
    assert_eq!(publish("event", ""), "InternalServerError");
    assert_eq!(publish("sendToGroup", "room"), Value::Null);
    assert_eq!(publish("sendToGroup", "room"), "Duplicate");
}

#[test]
fn the_thousand_latest_ids_are_remembered() {
    // J13
    let server = Server::start();
    let mut client = server.client().permitted().connect();
    let mut join = |id: u64| {
        client.send_json(&json!({"type": "joinGroup", "group": "room", "ackId": id}));
        client.ack(id)["error"]["name"].clone()
    };
    for id in 0..1000 {
        assert_eq!(join(id), Value::Null, "{id}");
    }
    assert_eq!(join(0), "Duplicate", "a thousand fit");
    assert_eq!(join(1000), Value::Null);
    assert_eq!(join(0), Value::Null, "the oldest was forgotten");
    assert_eq!(join(999), "Duplicate");
}
