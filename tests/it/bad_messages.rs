//! Messages that end the connection, and the limits just before (client-json.md, section 11).

use serde_json::{Value, json};

use crate::support::{Client, Server};

/// Each message has to be declined: told, closed with 1007, and nothing executed (section 1.1).
fn all_are_declined(messages: impl IntoIterator<Item = impl AsRef<str>>) {
    let server = Server::start();
    let mut member = server.client().groups(&["room"]).connect();
    for message in messages {
        let message = message.as_ref();
        let shown: String = message.chars().take(300).collect();
        println!("declined? {shown}");
        let mut client = server.client().permitted().connect();
        client.send(message);
        // Discarded: the server has already decided.
        client.send(r#"{"type":"sendToGroup","group":"room","data":"after the end"}"#);
        let close = client.disconnected();
        assert_eq!(close.code, 1007, "{shown}");
        assert!(!close.reason.is_empty(), "{shown}");
    }
    server.client().permitted().connect().publish("room", "marker");
    assert_eq!(member.group_text("room"), "marker");
    let declined = [("category", "BadRequest")];
    assert!(server.metrics().sum("corecast_connections_closed_total", &declined) > 0.0);
}

/// A publication with further properties, as text.
fn publication_with(more: &str) -> String {
    format!(r#"{{"type":"sendToGroup","group":"room","ackId":1,{more}}}"#)
}

fn accepted(client: &mut Client, message: &str) {
    client.send(message);
    let answer = client.json();
    assert_eq!(answer["success"], true, "{answer}");
}

#[test]
fn what_is_not_a_message_is_declined() {
    // J30
    all_are_declined([
        "",
        " ",
        "[]",
        "\"x\"",
        "1",
        "null",
        "x",
        "{}",
        "{",
        r#"{"type":"ping""#,
        r#"{"type":"ping",}"#,
        r#"{"type":"ping"}{"type":"ping"}"#,
        r#"{"type":"ping"} x"#,
        r#"{"type":"ping"/**/}"#,
        "\u{feff}{\"type\":\"ping\"}",
        r#"{"type":"pi"#,
        r#"{'type':'ping'}"#,
        r#"{"type":"\ud800"}"#,
        "{\"type\":\"ping\",\"x\":\"\n\"}",
        r#"{"type":"ping","x":01}"#,
        r#"{"type":"unknown"}"#,
        r#"{"type":42}"#,
        r#"{"type":null}"#,
        r#"{"type":["ping"]}"#,
        r#"{"TYPE":"ping"}"#,
        r#"{"type":"ack","ackId":1,"success":true}"#,
        r#"{"type":"joinGroup","ackId":1}"#,
        r#"{"type":"leaveGroup","group":null}"#,
        r#"{"type":"sendToGroup","data":1}"#,
        r#"{"type":"event","data":1}"#,
    ]);
}

#[test]
fn odd_but_proper_json_is_accepted() {
    // J20, J30, J31: white space, escapes and repeated properties are all JSON; the last one wins.
    let server = Server::start();
    let mut client = server.client().connect();
    for message in [
        " \t\r\n{ \"type\" :\n\"ping\" } ",
        r#"{"\u0074ype":"p\u0069ng"}"#,
        r#"{"type":"PiNg"}"#,
        r#"{"type":"joinGroup","type":"ping"}"#,
        r#"{"x":{"type":"nested"},"type":"ping","":null,"data":null}"#,
    ] {
        client.send(message);
        assert_eq!(client.text(), r#"{"type":"pong"}"#, "{message}");
    }
}

#[test]
fn ack_ids_of_the_wrong_kind_are_declined() {
    // J9
    let ids = ["\"1\"", "true", "-1", "1.5", "{}", "[]", "18446744073709551616", "\"\""];
    all_are_declined(ids.iter().flat_map(|id| {
        ["joinGroup", "leaveGroup", "sendToGroup", "event"].map(|kind| {
            format!(r#"{{"type":"{kind}","group":"room","event":"e","data":1,"ackId":{id}}}"#)
        })
    }));
}

#[test]
fn data_that_does_not_fit_its_type_is_declined() {
    // J18, J19, J21
    all_are_declined(
        [
            r#""data":null"#,
            r#""dataType":"json","data":null"#,
            r#""dataType":"json""#,
            r#""dataType":"text""#,
            r#""ttlSeconds":1"#,
            r#""dataType":"text","data":1"#,
            r#""dataType":"text","data":{}"#,
            r#""dataType":"text","data":null"#,
            r#""dataType":"binary","data":"AAE""#,
            r#""dataType":"binary","data":"AAE=="#,
            r#""dataType":"binary","data":"A""#,
            r#""dataType":"binary","data":"AA-_""#,
            r#""dataType":"binary","data":"AA E=""#,
            r#""dataType":"binary","data":[0]"#,
            r#""dataType":"protobuf","data":"!!!!""#,
            r#""dataType":"protobuf","data":"//8=""#,
            r#""dataType":"xml","data":"x""#,
            r#""dataType":"","data":"x""#,
            r#""dataType":1,"data":"x""#,
        ]
        .map(publication_with),
    );
}

#[test]
fn switches_and_lifetimes_of_the_wrong_kind_are_declined() {
    // J25, J43, J47
    let sends = [
        r#""data":1,"noEcho":"true""#,
        r#""data":1,"noEcho":1"#,
        r#""data":1,"noEcho":{}"#,
        r#""data":1,"ttlSeconds":301"#,
        r#""data":1,"ttlSeconds":-1"#,
        r#""data":1,"ttlSeconds":"30""#,
        r#""data":1,"ttlSeconds":1.5"#,
    ]
    .map(publication_with);
    let sequence_acks = [
        r#"{"type":"sequenceAck"}"#,
        r#"{"type":"sequenceAck","sequenceId":"1"}"#,
        r#"{"type":"sequenceAck","sequenceId":-1}"#,
        r#"{"type":"sequenceAck","sequenceId":null}"#,
    ]
    .map(str::to_owned);
    all_are_declined(sends.into_iter().chain(sequence_acks));
}

#[test]
fn group_names_are_checked() {
    // J28
    let server = Server::start();
    let mut client = server.client().permitted().connect();
    let longest = "g".repeat(1024);
    let wide = "\u{1f600}".repeat(1024);
    for name in [&longest, &wide, "a/b.*?", " x ", "\u{0}"] {
        client.join(name);
    }
    // Case-sensitive.
    client.publish(&"G".repeat(1024), "another group");
    assert_eq!(client.sync(), [] as [Value; 0]);
    client.publish(&longest, "this group");
    assert_eq!(client.group_text(&longest), "this group");

    let too_long = format!("{longest}g");
    let names = [json!(too_long), json!("   "), json!(""), json!("\t\n"), json!(1), json!(["g"])];
    all_are_declined(names.iter().flat_map(|name| {
        ["joinGroup", "leaveGroup", "sendToGroup"]
            .map(|kind| json!({"type": kind, "group": name, "data": 1, "ackId": 1}).to_string())
    }));
}

#[test]
fn event_names_are_checked() {
    // J29
    let server = Server::start();
    let mut client = server.client().connect();
    let longest = "e".repeat(128);
    for name in ["e", "Order.Created-2_x", &longest] {
        client.fail(json!({"type": "event", "event": name, "data": 1}), "InternalServerError");
    }
    let too_long = format!("{longest}e");
    let names = ["", "1x", "_x", ".x", "a b", "a/b", "\u{e9}", &too_long];
    all_are_declined(
        names.map(|name| json!({"type": "event", "event": name, "data": 1}).to_string()),
    );
}

#[test]
fn nesting_is_limited() {
    // J32: the message object is level 1.
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
        [
            publication_with(&format!(r#""data":{open}{close}"#)),
            publication_with(&format!(r#""data":1,"unknown":{open}{close}"#)),
        ]
    };
    let server = Server::start();
    for message in nested(64) {
        accepted(&mut server.client().permitted().connect(), &message);
    }
    all_are_declined(nested(65));
    all_are_declined(nested(100_000));
}

#[test]
fn metadata_is_checked() {
    // J41
    let send = |metadata: Value| {
        json!({"type": "sendToGroup", "group": "room", "data": 1, "metadata": metadata, "ackId": 1})
            .to_string()
    };
    // Eight pairs of 4 + 1,020 bytes.
    let mut full: Value = (0..8).map(|n| (format!("key{n}"), json!("v".repeat(1020)))).collect();
    let server = Server::start();
    accepted(&mut server.client().permitted().connect(), &send(full.clone()));
    full["key7"] = json!("v".repeat(1021));
    let bad = [
        json!({"a key": "v"}),
        json!({"": "v"}),
        json!({"k\u{e9}": "v"}),
        json!({"k:": "v"}),
        json!({"k": "\u{e9}"}),
        json!({"k": "a\nb"}),
        json!({"k": "\u{7f}"}),
        json!({"k": 1}),
        json!({"k": null}),
        json!({("k".repeat(257)): "v"}),
        json!({"k": "v".repeat(1025)}),
        full,
        json!([]),
        json!("x"),
        json!(1),
    ];
    let repeated = publication_with(r#""data":1,"metadata":{"k":"v","k":"w"}"#);
    all_are_declined(bad.into_iter().map(send).chain([repeated]));
}
