//! How much a reliable connection may leave unacknowledged (client-json.md, section 6.4).

use serde_json::{Value, json};

use crate::support::{Client, Guest, PATIENCE, Server, on_shards, publication};

const MESSAGES_MAX: u64 = 1000;
/// Messages of this size reach the bound in bytes long before that in number: one more than
/// [`LARGE_MAX`] is above 16 MiB with or without its envelope.
const LARGE: usize = 200_000;
const LARGE_MAX: u64 = 83;

fn member(server: &Server) -> Guest {
    server.client().permitted().groups(&["room"]).reliable()
}

/// Publishes messages of this size and waits until the last has been accepted.
fn publish(publisher: &mut Client, size: usize, count: u64) {
    let text = "x".repeat(size);
    for _ in 1..count {
        publisher.send_json(&publication("room", &text));
    }
    publisher.publish("room", &text);
}

fn check_numbers(client: &mut Client, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        assert_eq!(client.json()["sequenceId"], number);
    }
}

/// A publisher on the first shard and a reliable member on the last.
fn pair(server: &Server) -> (Client, Client) {
    let publisher = server.client().permitted().on(0).connect();
    (publisher, member(server).on(server.shards - 1).connect())
}

const SLOW: [(&str, &str); 1] = [("category", "SlowClient")];

#[test]
fn a_client_that_reads_and_never_acknowledges_is_closed() {
    // J48: by number and by bytes; there is no `disconnected` message.
    on_shards(&[1, 2], |server| {
        for ((size, bound), closed) in [(1, MESSAGES_MAX), (LARGE, LARGE_MAX)].into_iter().zip(1..)
        {
            let (mut publisher, mut client) = pair(server);
            let pass = client.pass();
            publish(&mut publisher, size, bound);
            check_numbers(&mut client, 1..=bound);
            // What is not numbered has room of its own, and others do not notice.
            assert_eq!(client.sync(), [] as [Value; 0]);
            client.leave("another room");
            publish(&mut publisher, size, 1);
            // Whether the message that is too many is still seen is left open.
            let (seen, close) = client.messages_to_close();
            assert!(seen.iter().all(|message| message["sequenceId"] == bound + 1), "{seen:?}");
            assert_eq!(close.code, 1008, "{close:?}");
            member(server).refused(&pass);
            server.await_metric("corecast_connections_closed_total", &SLOW, f64::from(closed));
        }
    });
}

#[test]
fn acknowledging_makes_room() {
    // J48, J45
    on_shards(&[1, 2], |server| {
        for (size, bound) in [(1, MESSAGES_MAX), (LARGE, LARGE_MAX)] {
            let (mut publisher, mut client) = pair(server);
            publish(&mut publisher, size, bound);
            check_numbers(&mut client, 1..=bound);
            client.send_json(&json!({"type": "sequenceAck", "sequenceId": bound / 2}));
            client.sync();
            publish(&mut publisher, size, bound / 2);
            check_numbers(&mut client, bound + 1..=bound + bound / 2);
            let mut client = member(server).recover(&client.lose());
            check_numbers(&mut client, bound / 2 + 1..=bound + bound / 2);
            client.leave_server();
        }
    });
}

#[test]
fn a_queue_that_is_full_waits_for_the_client() {
    // J48, J49: everything is kept while nobody is there.
    on_shards(&[1, 2, 4], |server| {
        for (size, bound) in [(1, MESSAGES_MAX), (LARGE, LARGE_MAX)] {
            let (mut publisher, client) = pair(server);
            let pass = client.lose();
            server.await_detached(1);
            publish(&mut publisher, size, bound);
            let mut client = member(server).recover(&pass);
            check_numbers(&mut client, 1..=bound);
            client.send_json(&json!({"type": "sequenceAck", "sequenceId": bound}));
            assert_eq!(client.sync(), [] as [Value; 0]);
            publish(&mut publisher, size, 1);
            check_numbers(&mut client, bound + 1..=bound + 1);
            client.leave_server();
        }
    });
}

#[test]
fn one_message_too_many_ends_a_connection_that_nobody_holds() {
    // J49: at once, not when the recovery window is over.
    on_shards(&[1, 2], |server| {
        for ((size, bound), closed) in [(1, MESSAGES_MAX), (LARGE, LARGE_MAX)].into_iter().zip(1..)
        {
            let (mut publisher, client) = pair(server);
            let pass = client.lose();
            server.await_detached(1);
            let begun = std::time::Instant::now();
            publish(&mut publisher, size, bound + 1);
            server.await_detached(0);
            assert!(begun.elapsed() < PATIENCE, "the window had time to lapse");
            member(server).refused(&pass);
            server.await_metric("corecast_connections_closed_total", &SLOW, f64::from(closed));
        }
    });
}
