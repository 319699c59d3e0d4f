//! Reliable connections that lose their transport and come back (client-connect.md, section 11).

use std::ops::RangeInclusive;
use std::sync::mpsc::sync_channel;

use serde_json::{Value, json};

use crate::support::{
    Call, Client, Frame, Guest, JSON, RELIABLE_JSON, Server, Upgrade, Wire, frame, on_shards,
    publication,
};

/// How often a client recovers per shard: then the sockets have been accepted by every shard,
/// except once in 10^5 runs with four of them.
const ATTEMPTS_PER_SHARD: u16 = 10;

fn member(server: &Server) -> Guest {
    server.client().user("ana").permitted().groups(&["room"]).reliable()
}

/// The numbers and texts of so many messages.
fn received(client: &mut Client, count: u64) -> Vec<(u64, String)> {
    let message = |message: Value| {
        let text = message["data"].as_str().unwrap_or_else(|| panic!("no text: {message}"));
        let number = message["sequenceId"].as_u64();
        (number.unwrap_or_else(|| panic!("not numbered: {message}")), text.to_owned())
    };
    (0..count).map(|_| message(client.json())).collect()
}

/// Messages whose text is their number.
fn expected(numbers: RangeInclusive<u64>) -> Vec<(u64, String)> {
    numbers.map(|number| (number, number.to_string())).collect()
}

/// The next messages are these, and no others are there yet.
fn check(client: &mut Client, numbers: RangeInclusive<u64>) {
    let count = numbers.end() + 1 - numbers.start();
    assert_eq!(received(client, count), expected(numbers));
    assert_eq!(client.sync(), [] as [Value; 0]);
}

#[test]
fn what_was_not_acknowledged_comes_again() {
    // C41, J45: first the `connected` message, then the rest in order under the same numbers.
    on_shards(&[1, 2, 4], |server| {
        for shard in 0..server.shards {
            let guest = member(server);
            let mut client = guest.clone().on(shard).connect();
            let mut publisher = server.client().permitted().connect();
            for number in 1..=8 {
                publisher.publish("room", &number.to_string());
            }
            check(&mut client, 1..=8);
            client.send_json(&json!({"type": "sequenceAck", "sequenceId": 5}));
            client.sync();
            for _ in 0..ATTEMPTS_PER_SHARD * server.shards {
                client = guest.recover(&client.lose());
                assert_eq!(client.shard(), shard, "the connection stays where it was");
                check(&mut client, 6..=8);
            }
            publisher.publish("room", "9");
            check(&mut client, 9..=9);
            client.send_json(&json!({"type": "sequenceAck", "sequenceId": 9}));
            client.sync();
            client = guest.recover(&client.lose());
            assert_eq!(client.sync(), [] as [Value; 0]);
        }
    });
}

#[test]
fn a_recovered_connection_is_greeted_like_a_new_one() {
    // C41, J1: the same user and id, and the subprotocol it had, whatever is offered.
    on_shards(&[1, 2], |server| {
        let guest = member(server);
        let mut pass = guest.connect().lose();
        for offer in [Some(RELIABLE_JSON), Some(JSON), Some("x, json.webpubsub.azure.v1")] {
            let target = format!("/client/hubs/chat?{}", &pass.query()[1..]);
            let upgrade = offer.into_iter().fold(Upgrade::new(target), Upgrade::offer);
            let (response, wire) = upgrade.send(server);
            assert_eq!(response.status, 101, "{offer:?}: {response:?}");
            assert_eq!(response.header("sec-websocket-protocol"), Some(RELIABLE_JSON));
            let text = Client::on(wire).text();
            let value: Value = serde_json::from_str(&text).expect("JSON");
            let (id, token) = (&pass.id, value["reconnectionToken"].as_str().expect("a token"));
            let expected = format!(
                r#"{{"type":"system","event":"connected","userId":"ana","connectionId":"{id}","#
            ) + &format!(r#""reconnectionToken":"{token}"}}"#);
            assert_eq!(text, expected);
            pass.token = token.to_owned();
        }
    });
}

#[test]
fn messages_of_the_gap_arrive_afterwards() {
    // C46, J45: also from the service, and the connection exists all the time.
    on_shards(&[1, 2, 4], |server| {
        for shard in 0..server.shards {
            let guest = member(server);
            let mut client = guest.clone().on(shard).connect();
            client.join("joined later");
            client.publish("room", "1");
            check(&mut client, 1..=1);
            let pass = client.lose();
            server.await_detached(1);
            let mut publishers: Vec<_> =
                (0..server.shards).map(|at| server.client().permitted().on(at).connect()).collect();
            let mut number = 1;
            let mut next = || {
                number += 1;
                number.to_string()
            };
            for publisher in &mut publishers {
                publisher.publish("room", &next());
                publisher.publish("joined later", &next());
            }
            let connection = format!("connections/{}", pass.id);
            for place in [":send", "groups/room/:send", "users/ana/:send"] {
                Call::text(place, &next()).expect(server, 202);
            }
            Call::text(format!("{connection}/:send"), &next()).expect(server, 202);
            for there in [&*connection, "users/ana", "groups/room"] {
                Call::new("HEAD", there).expect(server, 200);
            }
            let last = number;
            let mut client = guest.recover(&pass);
            let (numbers, mut texts): (Vec<_>, Vec<_>) =
                received(&mut client, last).into_iter().unzip();
            assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
            // Publishers on different shards are not ordered with each other.
            texts.sort_by_key(|text| text.parse::<u64>().expect("a number"));
            assert_eq!(texts, numbers.iter().map(u64::to_string).collect::<Vec<_>>());
            client.publish("joined later", "now");
            assert_eq!(received(&mut client, 1), [(last + 1, "now".to_owned())]);
            client.leave_server();
        }
    });
}

#[test]
fn nothing_is_lost_or_repeated_under_traffic() {
    // C41, C46, C47, J45: transports come and go on all shards while messages flow.
    on_shards(&[1, 2, 4], |server| {
        const COUNT: u64 = 3000;
        for shard in 0..server.shards {
            let guest = member(server);
            let mut client = guest.clone().on(shard).connect();
            let mut publisher = server.client().permitted().connect();
            // Half of what may be unacknowledged can be under way.
            let (under_way, arrived) = sync_channel(500);
            let publishing = std::thread::spawn(move || {
                for number in 1..=COUNT {
                    under_way.send(()).expect("somebody reads");
                    publisher.publish("room", &number.to_string());
                }
            });
            let (mut last, mut recoveries) = (0, 0);
            while last < COUNT {
                let message = client.json();
                let number = message["sequenceId"].as_u64().expect("a number");
                assert_eq!(message["data"], number.to_string());
                if number <= last {
                    // The acknowledgement was lost with the transport.
                    continue;
                }
                assert_eq!(number, last + 1, "after {recoveries} recoveries");
                last = number;
                arrived.recv().expect("it was published");
                if last.is_multiple_of(7) {
                    client.send_json(&json!({"type": "sequenceAck", "sequenceId": last}));
                }
                if last.is_multiple_of(50) {
                    let pass =
                        if last.is_multiple_of(100) { client.abort() } else { client.lose() };
                    client = guest.recover(&pass);
                    recoveries += 1;
                }
            }
            publishing.join().expect("every publication was accepted");
            assert!(recoveries >= 50, "{recoveries}");
        }
    });
}

#[test]
fn the_old_transport_is_dropped() {
    // C47
    on_shards(&[1, 2, 4], |server| {
        for shard in 0..server.shards {
            let guest = member(server);
            let mut old = guest.clone().on(shard).connect();
            old.publish("room", "1");
            check(&mut old, 1..=1);
            for _ in 0..ATTEMPTS_PER_SHARD * server.shards {
                let mut new = guest.recover(&old.pass());
                old.dropped();
                check(&mut new, 1..=1);
                old = new;
            }
            old.publish("room", "2");
            check(&mut old, 2..=2);
        }
    });
}

#[test]
fn of_many_that_come_back_at_once_one_remains() {
    // C47: no two transports serve one connection.
    on_shards(&[1, 2, 4], |server| {
        let guest = member(server);
        for _ in 0..5 {
            let pass = guest.connect().lose();
            let request = guest.with(&pass).upgrade().bytes();
            let mut wires: Vec<_> = (0..12).map(|_| Wire::connect(server.address)).collect();
            for wire in &mut wires {
                wire.send(&request);
            }
            // Each is either dropped in favour of a later one, or answers the last of its pings.
            let ping = Frame::new(frame::TEXT, r#"{"type":"ping"}"#).bytes();
            let alive = wires.iter_mut().filter_map(|wire| {
                let response = wire.response_or_end()?;
                assert_eq!(response.status, 101, "{response:?}");
                wire.frame_or_end().map(|_| wire)
            });
            let alive = alive.collect::<Vec<_>>();
            assert!(!alive.is_empty());
            let answering = alive.into_iter().filter_map(|wire| {
                wire.send_regardless(&ping);
                wire.frame_or_end()
            });
            assert_eq!(answering.count(), 1);
        }
    });
}

#[test]
fn requests_may_follow_the_handshake_at_once() {
    // C29, C41: bytes that were read with the handshake go to the owner's shard too.
    on_shards(&[1, 2, 4], |server| {
        let guest = member(server);
        let mut pass = guest.connect().lose();
        for attempt in 1..=ATTEMPTS_PER_SHARD * server.shards {
            let mut wire = Wire::connect(server.address);
            let mut segment = guest.with(&pass).upgrade().bytes();
            for kind in ["joinGroup", "leaveGroup"] {
                let id = u64::from(attempt) * 2 + u64::from(kind == "leaveGroup");
                let request = json!({"type": kind, "group": "g", "ackId": id});
                segment.extend(Frame::new(frame::TEXT, request.to_string()).bytes());
            }
            // The rest of a frame comes later.
            let large = publication("g", &"x".repeat(100_000)).to_string();
            let large = Frame::new(frame::TEXT, large).bytes();
            segment.extend(&large[..60_000]);
            wire.send(&segment);
            assert_eq!(wire.response(true).status, 101);
            wire.send(&large[60_000..]);
            let mut client = Client::greeted(wire);
            assert_eq!(client.id, pass.id);
            for id in [u64::from(attempt) * 2, u64::from(attempt) * 2 + 1] {
                assert_eq!(client.ack(id)["success"], true);
            }
            assert_eq!(client.sync(), [] as [Value; 0]);
            pass = client.lose();
        }
    });
}

#[test]
fn a_transport_may_end_in_the_middle_of_a_frame() {
    // C41, C47, J46: more than the kernel takes is under way; what comes again is whole.
    on_shards(&[1, 2], |server| {
        const COUNT: u64 = 80;
        let text = "x".repeat(200_000);
        let guest = member(server);
        for (acknowledged, is_reset) in [(0, true), (0, false), (u64::MAX, true)] {
            let mut client = guest.clone().on(0).connect();
            let mut publisher = server.client().permitted().on(server.shards - 1).connect();
            for _ in 0..COUNT {
                publisher.publish("room", &text);
            }
            client.send_json(&json!({"type": "sequenceAck", "sequenceId": acknowledged}));
            let mut old = None;
            let pass = if is_reset {
                let pass = client.abort();
                server.await_detached(1);
                pass
            } else {
                let pass = client.pass();
                old = Some(client);
                pass
            };
            let mut client = guest.recover(&pass);
            let first = received(&mut client, 1)[0].0;
            // Nothing is released that was not sent, whatever is acknowledged.
            assert!(if acknowledged == 0 { first == 1 } else { first <= COUNT }, "{first}");
            for (number, message) in (first + 1..).zip(received(&mut client, COUNT - first)) {
                assert_eq!(message, (number, text.clone()));
            }
            assert_eq!(client.sync(), [] as [Value; 0]);
            client.leave_server();
            drop(old);
        }
    });
}
