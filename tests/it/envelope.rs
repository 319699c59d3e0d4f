//! What messages look like to clients with the JSON subprotocol (client-json.md, section 4).
//!
//! Whole texts are compared: published clients depend on the order of the properties.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Client, JSON, Server, Token, Upgrade, on_shards};

#[test]
fn the_connected_message_has_exactly_its_properties() {
    // J1, J2
    let server = Server::start();
    for (token, user) in [
        (Token::for_hub("chat").user("ana"), r#""ana""#),
        (Token::for_hub("chat").user("a \"quoted\" \u{1f600}"), "\"a \\\"quoted\\\" \u{1f600}\""),
        (Token::for_hub("chat"), "null"),
    ] {
        let upgrade = Upgrade::to_hub("chat", &token.sign()).offer(JSON);
        let text = Client::on(upgrade.accepted(&server)).text();
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let id = value["connectionId"].as_str().expect("an id");
        let expected = format!(
            r#"{{"type":"system","event":"connected","userId":{user},"connectionId":"{id}"}}"#
        );
        assert_eq!(text, expected);
    }
}

#[test]
fn group_messages_have_exactly_their_properties() {
    // J26, J40, J44
    on_shards(&[1, 2], |server| {
        let mut ana = server.client().user("ana").permitted().on(0).connect();
        let mut nobody = server.client().permitted().on(0).connect();
        let last = server.shards - 1;
        let mut member = server.client().groups(&["a \"b\""]).on(last).connect();
        let request = |more: &str| format!(r#"{{"type":"sendToGroup","group":"a \"b\"",{more}}}"#);
        let head = r#"{"type":"message","from":"group","group":"a \"b\"""#;

        ana.send(request(r#""data":{"t": 21.50}"#));
        let data = r#""dataType":"json","data":{"t": 21.50}}"#;
        assert_eq!(member.text(), format!(r#"{head},"fromUserId":"ana",{data}"#));

        nobody.send(request(r#""dataType":"text","data":"\u0001\/é\ud83d\ude00""#));
        let message = member.text();
        assert!(message.starts_with(&format!(r#"{head},"dataType":"text","data":""#)), "{message}");
        let value: Value = serde_json::from_str(&message).expect("JSON");
        assert_eq!(value["data"], "\u{1}/é\u{1f600}");

        nobody.send(request(r#""dataType":"binary","data":"AAE=","metadata":{"k":"v","K":"w"}"#));
        let data = r#""dataType":"binary","data":"AAE=","metadata":{"k":"v","K":"w"}}"#;
        assert_eq!(member.text(), format!("{head},{data}"));
    });
}

#[test]
fn pings_are_answered_and_nothing_else_is_a_pong() {
    // J39, J71, J47: a sequence ack means nothing here.
    on_shards(&[1, 2], |server| {
        let mut client = server.client().permitted().groups(&["room"]).connect();
        client.send(r#"{"type":"sequenceAck","sequenceId":0}"#);
        client.send(r#"{"type":"sequenceAck","sequenceId":18446744073709551615}"#);
        client.join("room");
        client.publish("room", "one");
        client.request(json!({"type": "joinGroup", "group": "other"}));
        client.request(json!({"type": "event", "event": "unhandled", "data": 1}));
        client.leave("other");
        client.send(r#"{"type":"ping"}"#);
        let mut kinds = BTreeSet::new();
        loop {
            let message = client.text();
            let value: Value = serde_json::from_str(&message).expect("JSON");
            assert_eq!(value.get("sequenceId"), None, "{message}");
            if value["type"] == "pong" {
                assert_eq!(message, r#"{"type":"pong"}"#);
                break;
            }
            kinds.insert(value["type"].as_str().expect("a type").to_owned());
        }
        assert_eq!(kinds, BTreeSet::from(["message".to_owned()]));
    });
}
