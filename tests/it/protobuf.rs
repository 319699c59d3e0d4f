//! The protobuf subprotocols (client-protobuf.md), without what only large features need.

use prost::Message as _;
use serde_json::json;

use crate::support::protobuf::{
    Ack, Answer, Data, DataMessage, Downward, Empty, Event, Map, MessageData, Request, SendToGroup,
    SequenceAck, StreamStart, Upward, of_group, publication,
};
use crate::support::{
    Call, Client, Close, Frame, Guest, PROTOBUF, ProtobufClient, RELIABLE_PROTOBUF, Server, frame,
    on_shards,
};

/// Bytes as the specification prints them.
fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(byte).collect()
}

fn text(text: &str) -> Data {
    Data::Text(text.to_owned())
}

fn member(server: &Server) -> Guest {
    server.client().user("ana").permitted().groups(&["room"])
}

#[test]
fn the_bytes_are_those_of_the_specification() {
    // P1, P5, P6, P7, P22: requests and answers from section 5.
    on_shards(&[1, 2], |server| {
        let mut client = server.client().permitted().speaking(PROTOBUF).connect();
        let mut other = server.client().groups(&["room"]).speaking(PROTOBUF).connect();
        let mut reliable = server.client().groups(&["room"]).speaking(RELIABLE_PROTOBUF).connect();
        let mut ask = |request: &str, answer: &str| ask_of(&mut client, request, answer);
        ask("4a00", "2200");
        ask("32080a04726f6f6d1007", "0a0408071001");
        // An ack id of 0 is one, whether or not it is written.
        ask("32080a04726f6f6d1000", "0a021001");
        ask("0a100a04726f6f6d10081a040a0268692001", "0a0408081001");
        assert_eq!(other.binary(), hex("12130a0567726f75701204726f6f6d1a040a026869"));
        assert_eq!(reliable.binary(), hex("12150a0567726f75701204726f6f6d1a040a0268692001"));
        // Time to live and metadata, and to itself.
        client.send(hex("0a1b0a04726f6f6d1a0922077b2261223a317d281e32060a016b120176"));
        let data = MessageData::from(Data::Json(r#"{"a":1}"#.to_owned()));
        let metadata = Map::from([("k".to_owned(), "v".to_owned())]);
        let mut expected = DataMessage::of_group("room", text(""));
        (expected.data, expected.metadata) = (Some(data), metadata);
        for client in [&mut client, &mut other] {
            let message = Downward { message: Some(Answer::Data(expected.clone())) };
            assert_eq!(client.binary(), message.encode_to_vec());
        }
        client.send(hex("0a0d0a04726f6f6d1a051203010203"));
        for client in [&mut client, &mut other] {
            let bytes = hex("12140a0567726f75701204726f6f6d1a051203010203");
            assert_eq!(client.binary(), bytes);
        }
        // A sequence ack means nothing here; leaving has no answer.
        for request in ["420308ac02", "3a060a04726f6f6d"] {
            client.send(hex(request));
        }
        ask_of(&mut client, "4a00", "2200");
        Call::new("DELETE", format!("connections/{}", client.id))
            .query("reason", "bye")
            .expect(server, 204);
        assert_eq!(client.binary(), hex("1a0712051203627965"));
        assert_eq!(client.closed(), Close { code: 1000, reason: "bye".to_owned() });
    });
}

fn ask_of(client: &mut Client, request: &str, answer: &str) {
    client.send(hex(request));
    assert_eq!(client.binary(), hex(answer), "to {request}");
}

#[test]
fn the_connected_message_comes_first() {
    // P6, P8, J1, J2: a token only on the reliable subprotocol.
    let server = Server::start();
    for (subprotocol, is_reliable) in [(PROTOBUF, false), (RELIABLE_PROTOBUF, true)] {
        for user in ["ana", ""] {
            let guest = server.client().speaking(subprotocol);
            let guest = if user.is_empty() { guest } else { guest.user(user) };
            let bytes = Client::on(guest.wire()).binary();
            let message = Downward::decode(&*bytes).expect("a message");
            assert_eq!(message.encode_to_vec(), bytes, "in ascending order and nothing else");
            let told = format!("{message:?}");
            assert!(told.contains(&format!("user_id: {user:?}")), "{told}");
            assert_eq!(told.contains("reconnection_token: Some"), is_reliable, "{told}");
        }
    }
}

#[test]
fn acks_are_given_for_ids_that_are_present() {
    // P5, J3, J7, J8, J10, J15: absent is not 0.
    let server = Server::start();
    let mut client = ProtobufClient::connect(&server.client().roles(&["webpubsub.sendToGroup.g"]));
    for ack_id in [0, 1, 300, u64::MAX] {
        let send = SendToGroup { ack_id: Some(ack_id), ..publication("g", text("x")) };
        client.send(Request::SendToGroup(send.clone()));
        assert_eq!(client.next(), Answer::Ack(Ack { ack_id, success: true, error: None }));
        client.send(Request::SendToGroup(send));
        let ack = client.ack(ack_id);
        assert_eq!((ack.success, ack.error.expect("an error").name), (false, "Duplicate".into()));
    }
    let forbidden = [
        Request::JoinGroup(of_group("g", 7)),
        Request::LeaveGroup(of_group("g", 7)),
        Request::SendToGroup(SendToGroup { ack_id: Some(7), ..publication("h", text("x")) }),
    ];
    for request in forbidden {
        client.send(request);
        assert_eq!(client.ack(7).error.expect("an error").name, "Forbidden");
    }
    let data = Some(text("x").into());
    let event = Event { event: "e".into(), data, ack_id: Some(7), ..Event::default() };
    client.send(Request::Event(event.clone()));
    assert_eq!(client.ack(7).error.expect("an error").name, "InternalServerError");
    // Without id nothing is answered.
    client.send(Request::Event(Event { ack_id: None, ..event }));
    client.send(Request::SendToGroup(publication("g", text("x"))));
    client.send(Request::SendToGroup(publication("h", text("x"))));
    assert_eq!(client.sync(), []);
}

#[test]
fn what_a_parser_ignores_is_ignored() {
    // P4: unknown fields; of several members the last counts; fields come in any order.
    let server = Server::start();
    let join = |fields: &str| with_length("32", fields);
    let unknown = ["7801", "a20602aabb", "1d01020304", "210102030405060708"].concat();
    for request in [
        join(&format!("0a04726f6f6d1007{unknown}")),
        join(&format!("{unknown}10070a04726f6f6d")),
        join("1006100710070a01780a04726f6f6d"),
        format!("{}{}", with_length("3a", "0a04726f6f6d1008"), join("0a04726f6f6d1007")),
        format!("{}{}", join("0a04726f6f6d1008"), join("0a04726f6f6d1007")),
        // Several sequence acks and a ping in one message are a ping.
        "4202080242020803420208044a00".to_owned(),
    ] {
        let mut client = server.client().permitted().speaking(PROTOBUF).connect();
        let answer = if request.ends_with("4a00") { "2200" } else { "0a0408071001" };
        ask_of(&mut client, &request, answer);
    }
}

/// A short message behind its tag.
fn with_length(tag: &str, fields: &str) -> String {
    format!("{tag}{:02x}{fields}", fields.len() / 2)
}

#[test]
fn what_is_not_a_message_ends_the_connection() {
    // P2, P10, P11, P19, J9, J28, J29, J41: with a `disconnected` message first.
    let server = Server::start();
    let guest = server.client().permitted();
    let malformed = |bytes: Vec<u8>| {
        for subprotocol in [PROTOBUF, RELIABLE_PROTOBUF] {
            let guest = guest.clone().speaking(subprotocol);
            let mut client = ProtobufClient::from(guest.connect());
            let pass = client.client.reconnection_token.is_some().then(|| client.client.pass());
            client.client.send(bytes.clone());
            assert_eq!(client.disconnected().code, 1007, "{bytes:x?}");
            pass.iter().for_each(|pass| guest.refused(pass));
        }
    };
    for bytes in [
        "",
        // Not a tag, a cut length, a cut number, wire types 6 and 7, a group that was never begun.
        "00",
        "ff",
        "3208",
        "32080a04726f6f",
        "32080a04726f6f6d10",
        "0e00",
        "0f00",
        "0c",
        // No member: fields 2, 3, 4, 12 and 18.
        "120568656c6c6f",
        "1a00",
        "2200",
        "6200",
        "920100",
        // A member of another wire type.
        "4801",
        // A group that is not UTF-8.
        "32040a02c328",
    ] {
        malformed(hex(bytes));
    }
    let publish = |change: &dyn Fn(&mut SendToGroup)| {
        let mut message = SendToGroup { ack_id: Some(1), ..publication("g", text("x")) };
        change(&mut message);
        malformed(Upward { message: Some(Request::SendToGroup(message)) }.encode_to_vec());
    };
    publish(&|message| message.data = None);
    publish(&|message| message.data = Some(MessageData { data: None }));
    publish(&|message| message.ttl_seconds = Some(301));
    for group in ["", "  ", &"g".repeat(1025)] {
        publish(&|message| message.group = group.to_owned());
        let join = of_group(group, 1);
        malformed(Upward { message: Some(Request::JoinGroup(join)) }.encode_to_vec());
    }
    let deep = "[".repeat(65) + &"]".repeat(65);
    for json in ["", "null", " null ", "{", "{'a':1}", "1 2", "[1,]", "// x", &deep] {
        publish(&|message| message.data = Some(Data::Json(json.to_owned()).into()));
    }
    for any in ["ff", "0a05", "0e"] {
        publish(&|message| message.data = Some(Data::Any(hex(any)).into()));
    }
    let long_key = "k".repeat(257);
    for (key, value) in [("a b", "v"), ("k", "é"), ("k", "\n"), (&*long_key, "v"), ("", "v")] {
        let metadata = Map::from([(key.to_owned(), value.to_owned())]);
        publish(&|message| message.metadata = metadata.clone());
    }
    for event in ["", "1x", "a b", &"e".repeat(129)] {
        let data = Some(text("x").into());
        let event = Event { event: event.to_owned(), data, ..Event::default() };
        malformed(Upward { message: Some(Request::Event(event)) }.encode_to_vec());
    }
    let stream = Some(StreamStart::default());
    publish(&|message| (message.data, message.stream) = (None, stream.clone()));
}

#[test]
fn text_frames_end_the_connection() {
    // C39, P3
    let server = Server::start();
    for subprotocol in [PROTOBUF, RELIABLE_PROTOBUF] {
        for frame in [r#"{"type":"ping"}"#, "", "J\u{0}"] {
            let guest = server.client().speaking(subprotocol);
            let mut client = ProtobufClient::from(guest.connect());
            client.client.send(frame);
            assert_eq!(client.disconnected().code, 1003, "{frame:?}");
        }
    }
}

#[test]
fn messages_may_come_in_pieces_up_to_the_limit() {
    // C37: 1 MiB of payload, envelope and all.
    let server = Server::start();
    let request = |bytes: usize| {
        let mut send =
            SendToGroup { ack_id: Some(1), ..publication("g", Data::Binary(vec![7; bytes])) };
        send.no_echo = Some(true);
        Upward { message: Some(Request::SendToGroup(send)) }.encode_to_vec()
    };
    let envelope = request(1 << 20).len() - (1 << 20);
    let largest = request((1 << 20) - envelope);
    assert_eq!(largest.len(), 1 << 20);
    let mut wire = server.client().permitted().speaking(PROTOBUF).wire();
    wire.frame();
    let (first, second) = largest.split_at(300_000);
    wire.send(Frame::new(frame::BINARY, first).unfinished().bytes());
    wire.send(Frame::new(frame::CONTINUATION, second).bytes());
    assert_eq!(wire.frame().payload, hex("0a0408011001"));

    let mut client = ProtobufClient::connect(&server.client().permitted());
    client.client.send(request((1 << 20) - envelope + 1));
    assert_eq!(client.disconnected().code, 1009);
}

#[test]
fn no_echo_spares_the_sender_only() {
    // P18, J23
    on_shards(&[1, 2], |server| {
        let mut sender = ProtobufClient::connect(&member(server).on(0));
        let mut other = ProtobufClient::connect(&member(server).on(server.shards - 1));
        for (no_echo, is_echoed) in [(None, true), (Some(false), true), (Some(true), false)] {
            let send = SendToGroup { no_echo, ..publication("room", text("x")) };
            sender.send(Request::SendToGroup(send));
            assert_eq!(other.group_text("room"), "x");
            if is_echoed {
                assert_eq!(sender.group_text("room"), "x");
            }
            assert_eq!(sender.sync(), []);
        }
    });
}

#[test]
fn metadata_crosses_to_json_and_back() {
    // P20, P10, J42: without data it is an empty text.
    on_shards(&[1, 2], |server| {
        let mut json = member(server).on(0).connect();
        let mut protobuf = ProtobufClient::connect(&member(server).on(server.shards - 1));
        let metadata = Map::from([("a", "1"), ("B.c", "x y")].map(|(k, v)| (k.into(), v.into())));
        for data in [Some(text("x")), None] {
            let data = data.map(MessageData::from);
            let content = data.clone().unwrap_or_else(|| text("").into());
            let send = SendToGroup {
                group: "room".to_owned(),
                data,
                metadata: metadata.clone(),
                ..SendToGroup::default()
            };
            protobuf.send(Request::SendToGroup(send));
            check_metadata(&mut json, &mut protobuf, &metadata, &content);
            let mut send = json!({"type": "sendToGroup", "group": "room", "metadata": metadata});
            if content != MessageData::from(text("")) {
                (send["dataType"], send["data"]) = (json!("text"), json!("x"));
            }
            json.send_json(&send);
            check_metadata(&mut json, &mut protobuf, &metadata, &content);
        }
    });
}

fn check_metadata(
    json: &mut Client,
    protobuf: &mut ProtobufClient,
    metadata: &Map,
    content: &MessageData,
) {
    let message = json.json();
    assert_eq!(message["metadata"], json!(metadata), "{message}");
    assert_eq!(message["dataType"], "text", "{message}");
    let message = protobuf.data();
    assert_eq!(message.metadata, *metadata);
    assert_eq!(message.data.as_ref(), Some(content));
}

#[test]
fn unacknowledged_messages_come_again() {
    // P27, P8, J14, C41, C46
    on_shards(&[1, 2, 4], |server| {
        for shard in 0..server.shards {
            let guest = member(server).speaking(RELIABLE_PROTOBUF);
            let mut client = ProtobufClient::from(guest.clone().on(shard).connect());
            let mut publisher = server.client().permitted().connect();
            for number in 1..=8 {
                publisher.publish("room", &number.to_string());
                let expected = DataMessage::of_group("room", text(&number.to_string()));
                assert_eq!(client.data(), expected.numbered(number));
            }
            client.send(Request::SequenceAck(SequenceAck { sequence_id: 5 }));
            client.join("g");
            for _ in 0..10 * server.shards {
                client = guest.recover(&client.client.lose()).into();
                let rest: Vec<_> = (6..=8)
                    .map(|number| {
                        DataMessage::of_group("room", text(&number.to_string())).numbered(number)
                    })
                    .map(Answer::Data)
                    .collect();
                assert_eq!(client.sync(), rest);
            }
            let pass = client.client.lose();
            server.await_detached(1);
            publisher.publish("room", "9");
            let mut client = ProtobufClient::from(guest.recover(&pass));
            client.send(Request::SequenceAck(SequenceAck { sequence_id: 8 }));
            let numbers: Vec<_> = (6..=9).map(|_| client.data().sequence_id).collect();
            assert_eq!(numbers, [6, 7, 8, 9].map(Some));
            // Executed before, so not once more.
            client.send(Request::JoinGroup(of_group("g", 1)));
            assert_eq!(client.ack(1).error.expect("an error").name, "Duplicate");
            client.client.leave_server();
        }
    });
}

#[test]
fn pings_are_answered_and_nothing_else_is_a_pong() {
    // P22, J71
    let server = Server::start();
    for subprotocol in [PROTOBUF, RELIABLE_PROTOBUF] {
        let mut client = ProtobufClient::from(member(&server).speaking(subprotocol).connect());
        client.publish("room", text("x"));
        client.send(Request::Ping(Empty {}));
        let (mut pongs, mut others) = (0, Vec::new());
        while pongs == 0 {
            match client.next() {
                Answer::Pong(_) => pongs += 1,
                other => others.push(other),
            }
        }
        assert!(matches!(&*others, [Answer::Data(_)]), "{others:?}");
    }
}
