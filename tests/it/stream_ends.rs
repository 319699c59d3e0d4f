//! Streams that end by themselves, and those that go on (client-json.md, section 7.5).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::streams::{acked, closed, end, fragment, keep_alive, start, started, subscribers};
use crate::support::{Client, eventually, on_shards};

/// The error in the terminal message, which every subscriber gets next.
fn ended(subscribers: &mut [Client], number: u64) -> Value {
    let ends = subscribers.iter_mut().map(|subscriber| {
        let message = subscriber.json();
        assert_eq!(message["stream"]["endOfStream"], true, "{message}");
        assert_eq!(message["stream"]["streamSequenceId"], number, "{message}");
        assert_eq!((&message["dataType"], &message["data"]), (&json!("text"), &json!("")));
        message["stream"]["error"]["name"].clone()
    });
    ends.reduce(|one, other| {
        assert_eq!(one, other);
        one
    })
    .expect("a subscriber")
}

fn idle_after(milliseconds: u64) -> Value {
    let mut request = start("s");
    request["stream"]["idleTimeoutMs"] = json!(milliseconds);
    request
}

#[test]
fn an_idle_stream_is_ended() {
    // J57: what is not accepted is no activity.
    on_shards(&[1, 2], |server| {
        let mut subscribers = subscribers(server);
        let mut publisher = server.client().permitted().on(0).connect();
        let begun = Instant::now();
        started(&mut publisher, &idle_after(500));
        publisher.send_json(&fragment("s", 9, "early"));
        assert_eq!(publisher.json()["name"], "InvalidSequenceId");
        closed(&mut publisher, "s", Some("IdleTimeout"));
        let lasted = begun.elapsed();
        // The server counts whole milliseconds.
        assert!(lasted >= Duration::from_millis(500), "ended after {lasted:?}");
        assert!(lasted < Duration::from_secs(5), "ended after {lasted:?}");
        assert_eq!(ended(&mut subscribers, 1), "IdleTimeout");
        publisher.send_json(&fragment("s", 1, "late"));
        closed(&mut publisher, "s", Some("StreamNotFound"));
    });
}

#[test]
fn signs_of_life_keep_a_stream() {
    // J57: and subscribers do not see them.
    on_shards(&[1, 2], |server| {
        let mut subscribers = subscribers(server);
        let mut publisher = server.client().permitted().on(0).connect();
        started(&mut publisher, &idle_after(1000));
        let begun = Instant::now();
        eventually("three seconds of signs of life", || {
            publisher.send_json(&keep_alive("s"));
            (begun.elapsed() >= Duration::from_secs(3)).then_some(())
        });
        assert_eq!(publisher.sync(), [] as [Value; 0]);
        publisher.send_json(&fragment("s", 1, "x"));
        acked(&mut publisher, "s", 2);
        for subscriber in &mut subscribers {
            assert_eq!(subscriber.group_text("room"), "x");
        }
        closed(&mut publisher, "s", Some("IdleTimeout"));
        assert_eq!(ended(&mut subscribers, 2), "IdleTimeout");
    });
}

#[test]
fn streams_end_with_their_publisher() {
    // J58: however it goes; a reliable one only when it leaves for good.
    on_shards(&[1, 2, 4], |server| {
        let mut subscribers = subscribers(server);
        let guest = server.client().permitted();
        for way in ["leave", "vanish", "leave, reliable", "mistake"] {
            println!("{way}");
            let guest =
                if way.ends_with("reliable") { guest.clone().reliable() } else { guest.clone() };
            let mut publisher = guest.on(server.shards - 1).connect();
            for stream in ["s", "t"] {
                started(&mut publisher, &start(stream));
            }
            publisher.send_json(&fragment("s", 1, "x"));
            acked(&mut publisher, "s", 2);
            for subscriber in &mut subscribers {
                assert_eq!(subscriber.group_text("room"), "x");
            }
            match way {
                "vanish" => drop(publisher),
                "mistake" => {
                    publisher.send("not JSON");
                    assert_eq!(publisher.disconnected().code, 1007);
                }
                _ => publisher.leave_server(),
            }
            for subscriber in &mut subscribers {
                let mut parts =
                    [subscriber.json(), subscriber.json()].map(|part| part["stream"].clone());
                parts.sort_by_key(|part| part["streamId"].to_string());
                for (part, (stream, number)) in parts.iter().zip([("s", 2), ("t", 1)]) {
                    assert_eq!(part["streamId"], stream, "{part}");
                    assert_eq!(part["streamSequenceId"], number, "{part}");
                    assert_eq!(part["error"]["name"], "Cancelled", "{part}");
                }
            }
        }
    });
}

#[test]
fn a_recovered_publisher_continues() {
    // J59: without a gap or a repeat, as a library does it: everything from the last ack again.
    on_shards(&[1, 2, 4], |server| {
        let mut subscribers = subscribers(server);
        let guest = server.client().user("ana").permitted().reliable();
        let mut publisher = guest.clone().on(0).connect();
        started(&mut publisher, &start("s"));
        started(&mut publisher, &start("other"));
        let mut number = 0;
        for _ in 0..10 * server.shards {
            for _ in 0..3 {
                number += 1;
                publisher.send_json(&fragment("s", number, &number.to_string()));
            }
            // Not all acks have come, and not all fragments may have been read.
            publisher = guest.recover(&publisher.lose());
            // Right after the `connected` message, for every stream, what it expects.
            let mut acks = [publisher.json(), publisher.json()];
            acks.sort_by_key(|ack| ack["streamId"].to_string());
            assert!(acks.iter().all(|ack| ack["type"] == "streamAck"), "{acks:?}");
            assert_eq!(acks[0]["expectedSequenceId"], 1, "{acks:?}");
            let expected = acks[1]["expectedSequenceId"].as_u64().expect("a number");
            assert!((number - 2..=number + 1).contains(&expected), "{acks:?} after {number}");
            for again in number - 2..=number {
                publisher.send_json(&fragment("s", again, &again.to_string()));
            }
            acked(&mut publisher, "s", number + 1);
        }
        publisher.send_json(&end("s"));
        closed(&mut publisher, "s", None);
        for subscriber in &mut subscribers {
            for number in 1..=number {
                let message = subscriber.json();
                assert_eq!(message["stream"]["streamSequenceId"], number, "{message}");
                assert_eq!(message["data"], number.to_string());
            }
        }
        assert_eq!(ended(&mut subscribers, number + 1), Value::Null);
    });
}

#[test]
fn a_stream_that_ended_meanwhile_is_not_found() {
    // J57, J59: idle timers go on without a transport, and what they say is not kept.
    on_shards(&[1, 2], |server| {
        let mut subscribers = subscribers(server);
        let guest = server.client().permitted().reliable();
        let mut publisher = guest.connect();
        started(&mut publisher, &idle_after(300));
        let pass = publisher.lose();
        assert_eq!(ended(&mut subscribers, 1), "IdleTimeout");
        let mut publisher = guest.recover(&pass);
        assert_eq!(publisher.sync(), [] as [Value; 0]);
        publisher.send_json(&fragment("s", 1, "x"));
        closed(&mut publisher, "s", Some("StreamNotFound"));
    });
}
