//! Reliable connections while their transport is there (client-json.md, sections 4 and 6).

use serde_json::{Value, json};

use crate::support::{
    Call, Client, Guest, JSON, RELIABLE_JSON, RELIABLE_PROTOBUF, Server, Token, Upgrade, on_shards,
    publication,
};

fn member(server: &Server) -> Guest {
    server.client().user("ana").permitted().groups(&["room"]).reliable()
}

/// The text of a numbered message of `room`.
fn numbered(client: &mut Client, number: u64) -> String {
    let message = client.json();
    assert_eq!(message["sequenceId"], number, "{message}");
    message["data"].as_str().unwrap_or_else(|| panic!("text expected: {message}")).to_owned()
}

#[test]
fn the_first_defined_name_of_the_offer_wins() {
    // C20, C24
    let server = Server::start();
    let token = Token::for_hub("chat").sign();
    for (offer, chosen) in [
        (format!("x, {RELIABLE_JSON}, {JSON}"), RELIABLE_JSON),
        (format!("{JSON}, {RELIABLE_JSON}"), JSON),
        (format!("{RELIABLE_PROTOBUF},{RELIABLE_JSON}"), RELIABLE_PROTOBUF),
        ("y, protobuf.webpubsub.azure.v1".to_owned(), "protobuf.webpubsub.azure.v1"),
        ("JSON.Reliable.WebPubSub.azure.v1".to_owned(), "JSON.Reliable.WebPubSub.azure.v1"),
    ] {
        let (response, wire) = Upgrade::to_hub("chat", &token).offer(&offer).send(&server);
        assert_eq!(response.header("sec-websocket-protocol"), Some(chosen), "{offer}");
        let client = Client::greeted(wire);
        let is_reliable = chosen.to_ascii_lowercase().contains("reliable");
        assert_eq!(client.reconnection_token.is_some(), is_reliable, "{offer}");
    }
}

#[test]
fn the_connected_message_has_a_token() {
    // J1, J2, C52: the exact text; the token can stand in a URL as it is.
    let server = Server::start();
    for (guest, user) in [(server.client().user("ana"), r#""ana""#), (server.client(), "null")] {
        let text = Client::on(guest.reliable().wire()).text();
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let id = value["connectionId"].as_str().expect("an id");
        let token = value["reconnectionToken"].as_str().expect("a token");
        let is_unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        assert!(!token.is_empty() && token.chars().all(is_unreserved), "{token}");
        let expected = format!(
            r#"{{"type":"system","event":"connected","userId":{user},"connectionId":"{id}","#
        ) + &format!(r#""reconnectionToken":"{token}"}}"#);
        assert_eq!(text, expected);
    }
}

#[test]
fn data_is_numbered_and_nothing_else_is() {
    // J44: one count for everything, wherever it comes from.
    on_shards(&[1, 2, 4], |server| {
        for shard in 0..server.shards {
            let mut client = member(server).on(shard).connect();
            let mut publisher = server.client().permitted().connect();
            let mut number = 0;
            for round in 0..3 {
                let id = client.id.clone();
                for call in [
                    Call::text(":send", "x"),
                    Call::text("groups/room/:send", "x"),
                    Call::text("users/ana/:send", "x"),
                    Call::text(format!("connections/{id}/:send"), "x"),
                ] {
                    call.expect(server, 202);
                    number += 1;
                    assert_eq!(numbered(&mut client, number), "x", "in round {round}");
                }
                for from in [None, Some("itself")] {
                    let publisher = if from.is_some() { &mut client } else { &mut publisher };
                    publisher.publish("room", "y");
                    number += 1;
                    assert_eq!(numbered(&mut client, number), "y", "in round {round}");
                }
                assert_eq!(client.sync(), [] as [Value; 0]);
            }
            client.send(r#"{"type":"joinGroup","group":"g","ackId":99}"#);
            assert_eq!(client.text(), r#"{"type":"ack","ackId":99,"success":true}"#);
            client.send(r#"{"type":"ping"}"#);
            assert_eq!(client.text(), r#"{"type":"pong"}"#);
        }
    });
}

#[test]
fn numbered_messages_have_exactly_their_properties() {
    // J44, J26, J27, J40: the number comes last.
    on_shards(&[1, 2], |server| {
        let mut client = member(server).on(server.shards - 1).connect();
        let mut ben = server.client().user("ben").permitted().on(0).connect();
        let head = r#"{"type":"message","from":"group","group":"room""#;
        ben.send(r#"{"type":"sendToGroup","group":"room","data":{"t": 21.50}}"#);
        let data = r#""dataType":"json","data":{"t": 21.50},"sequenceId":1}"#;
        assert_eq!(client.text(), format!(r#"{head},"fromUserId":"ben",{data}"#));

        ben.send(
            r#"{"type":"sendToGroup","group":"room","dataType":"text","metadata":{"k":"v"},"data":""}"#,
        );
        let data = r#""dataType":"text","data":"","metadata":{"k":"v"},"sequenceId":2}"#;
        assert_eq!(client.text(), format!(r#"{head},"fromUserId":"ben",{data}"#));

        Call::text(format!("connections/{}/:send", client.id), "Hello").expect(server, 202);
        let expected =
            r#"{"type":"message","from":"server","dataType":"text","data":"Hello","sequenceId":3}"#;
        assert_eq!(client.text(), expected);
    });
}

#[test]
fn every_connection_counts_for_itself() {
    // J44: several publishers, members on every shard, and newcomers on the way.
    on_shards(&[1, 2, 4], |server| {
        const ROUNDS: u64 = 50;
        let plain = server.client().permitted().groups(&["room"]);
        let mut publishers: Vec<_> =
            (0..server.shards).map(|shard| plain.clone().on(shard).connect()).collect();
        let publishers_count = u64::from(server.shards);
        // With what each has received.
        let mut members: Vec<(Client, u64)> = Vec::new();
        for _ in 0..3 {
            members.extend((0..server.shards).map(|at| (member(server).on(at).connect(), 0)));
            for _ in 0..ROUNDS {
                for publisher in &mut publishers {
                    publisher.send_json(&publication("room", "x"));
                }
            }
            for (member, received) in &mut members {
                for _ in 0..ROUNDS * publishers_count {
                    *received += 1;
                    assert_eq!(numbered(member, *received), "x");
                }
            }
            for publisher in &mut publishers {
                for _ in 0..ROUNDS * publishers_count {
                    assert_eq!(publisher.json().get("sequenceId"), None);
                }
            }
        }
    });
}

#[test]
fn one_acknowledgement_for_many_is_enough() {
    // J45: libraries send one for 300 messages, so many more than the queue holds can pass.
    on_shards(&[1, 2], |server| {
        let guest = member(server);
        let mut client = guest.clone().on(0).connect();
        let mut publisher = server.client().permitted().on(server.shards - 1).connect();
        for batch in 1..=12 {
            for _ in 0..300 {
                publisher.send_json(&publication("room", "x"));
            }
            for number in (batch - 1) * 300 + 1..=batch * 300 {
                numbered(&mut client, number);
            }
            client.send_json(&json!({"type": "sequenceAck", "sequenceId": batch * 300}));
            assert_eq!(client.sync(), [] as [Value; 0]);
        }
        // Nothing is left to be sent again.
        let mut client = guest.recover(&client.lose());
        assert_eq!(client.sync(), [] as [Value; 0]);
        publisher.publish("room", "next");
        assert_eq!(numbered(&mut client, 3601), "next");
    });
}

#[test]
fn acknowledgements_of_any_number_are_accepted_in_silence() {
    // J46
    on_shards(&[1, 2], |server| {
        let guest = member(server);
        let mut client = guest.connect();
        for number in 1..=4 {
            client.publish("room", "x");
            numbered(&mut client, number);
        }
        let acknowledge = |client: Client, numbers: &[u64]| {
            let mut client = client;
            for number in numbers {
                client.send_json(&json!({"type": "sequenceAck", "sequenceId": number}));
            }
            assert_eq!(client.sync(), [] as [Value; 0]);
            let mut client = guest.recover(&client.lose());
            let rest: Vec<_> =
                client.sync().iter().map(|message| message["sequenceId"].clone()).collect();
            (client, rest)
        };
        let (client, rest) = acknowledge(client, &[0]);
        assert_eq!(rest, [1, 2, 3, 4]);
        let (client, rest) = acknowledge(client, &[2, 1, 0, 2]);
        assert_eq!(rest, [3, 4]);
        let (mut client, rest) = acknowledge(client, &[u64::MAX]);
        assert_eq!(rest, [] as [Value; 0], "everything that was sent is released");
        // What comes after it is not.
        client.publish("room", "x");
        numbered(&mut client, 5);
        let (_, rest) = acknowledge(client, &[4]);
        assert_eq!(rest, [5]);
    });
}

#[test]
fn malformed_acknowledgements_end_the_connection() {
    // J47
    let server = Server::start();
    let guest = member(&server);
    for number in [r#","sequenceId":"1""#, "", r#","sequenceId":null"#, r#","sequenceId":-1"#] {
        let mut client = guest.connect();
        let pass = client.pass();
        client.send(format!(r#"{{"type":"sequenceAck"{number}}}"#));
        assert_eq!(client.disconnected().code, 1007, "{number}");
        guest.refused(&pass);
    }
}
