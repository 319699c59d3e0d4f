//! What may be published, and how it arrives (client-json.md, section 2.4 to 2.6).

use serde_json::{Value, json};

use crate::support::{Client, Server, on_shards};

/// `google.protobuf.Any` with a type URL and a value, as bytes.
const ANY: &[u8] = b"\x0a\x0at.test/Msg\x12\x02hi";

/// A publisher on the first shard and a member of `room` on the last.
fn pair(server: &Server) -> (Client, Client) {
    let publisher = server.client().permitted().on(0).connect();
    let last = server.shards - 1;
    (publisher, server.client().groups(&["room"]).on(last).connect())
}

#[test]
fn json_values_arrive_as_the_same_text() {
    // J16, J17
    on_shards(&[1, 2], |server| {
        let (mut publisher, mut member) = pair(server);
        let mut simple = server.client().groups(&["room"]).simple().connect();
        for data in [
            r#"{"a": 1.0,"b":1e3}"#,
            r#"[ ]"#,
            r#"[1,[2,[3]], {"x":{}}]"#,
            r#""hi""#,
            r#""\u00e9\n\"""#,
            "0",
            "-1.50E+2",
            "123456789012345678901234567890",
            "true",
            "false",
            r#"{"b":1,"a":2,"b":3}"#,
        ] {
            for kind in ["", r#""dataType":"json","#, r#""dataType":null,"#] {
                let request =
                    format!(r#"{{"type":"sendToGroup",{kind}"data": {data} ,"group":"room"}}"#);
                publisher.send(request);
                let message = member.text();
                let end = format!(r#","dataType":"json","data":{data}}}"#);
                assert!(message.ends_with(&end), "{data}: {message}");
                assert_eq!(simple.text(), data);
            }
        }
    });
}

#[test]
fn every_data_type_arrives_as_itself() {
    // J20, J21, J22, J31
    on_shards(&[1, 2], |server| {
        let (mut publisher, mut member) = pair(server);
        let mut simple = server.client().groups(&["room"]).simple().connect();
        let any = "Cgp0LnRlc3QvTXNnEgJoaQ==";
        let cases = [
            ("text", "text", "", b"".as_slice()),
            ("text", "text", "h\u{e9}\u{1f600}", "h\u{e9}\u{1f600}".as_bytes()),
            ("TEXT", "text", "upper case", b"upper case"),
            ("Text", "text", r#"{"not":"json"}"#, br#"{"not":"json"}"#),
            ("binary", "binary", "", b""),
            ("Binary", "binary", "AP8=", &[0, 255]),
            ("protobuf", "protobuf", any, ANY),
            ("protobuf", "protobuf", "", b""),
        ];
        for (sent, kind, data, bytes) in cases {
            let ack = publisher.request(json!({"type": "SENDTOGROUP", "group": "room",
                "dataType": sent, "data": data, "unknown": [1, {"x": null}]}));
            assert_eq!(ack["success"], true, "{sent} {data:?}: {ack}");
            let expected = json!({"type": "message", "from": "group", "group": "room",
                "dataType": kind, "data": data});
            assert_eq!(member.json(), expected);
            if kind == "text" {
                assert_eq!(simple.text().as_bytes(), bytes);
            } else {
                assert_eq!(simple.binary(), bytes);
            }
        }
    });
}

#[test]
fn metadata_travels_with_the_message() {
    // J40, J42
    on_shards(&[1, 2], |server| {
        let (mut publisher, mut member) = pair(server);
        let longest_key = "k".repeat(256);
        let longest_value = "v".repeat(1024);
        for metadata in [
            json!({"k": "v"}),
            json!({"b": "1", "a": "2", "A": ""}),
            json!({"!#$%&'*+-.^_`|~09azAZ": "x y: \"z\" \\"}),
            json!({longest_key: longest_value}),
        ] {
            let request = json!({"type": "sendToGroup", "group": "room", "metadata": metadata});
            let mut with_data = request.clone();
            with_data["data"] = json!({"with": "data"});
            publisher.succeed(with_data);
            assert_eq!(member.json()["metadata"], metadata);
            // Without data it is an empty text.
            publisher.succeed(request);
            let message = member.json();
            assert_eq!(message["metadata"], metadata);
            assert_eq!((&message["dataType"], &message["data"]), (&json!("text"), &json!("")));
        }
        for none in [json!({}), Value::Null] {
            let request =
                json!({"type": "sendToGroup", "group": "room", "data": 1, "metadata": none});
            publisher.succeed(request);
            assert_eq!(member.json().get("metadata"), None);
        }
    });
}

#[test]
fn lifetimes_up_to_five_minutes_are_accepted() {
    // J43
    on_shards(&[1, 2], |server| {
        let (mut publisher, mut member) = pair(server);
        for seconds in [json!(0), json!(1), json!(300), Value::Null] {
            publisher.succeed(json!({"type": "sendToGroup", "group": "room", "data": 1,
                "ttlSeconds": seconds}));
            assert_eq!(member.json()["data"], 1, "{seconds}");
        }
    });
}
