//! More messages between shards than fit into the channels between them (design: bounded mesh).

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::frame::TEXT;
use crate::support::{Frame, Setup, Wire, publication};

const SHARDS: u16 = 4;
const ROUNDS: usize = 20;
/// Of each publisher in each round.
const MESSAGES: usize = 3000;

/// A round takes a tenth of a second; one that waits for some timer takes the time of that timer.
const ROUND_TIME_MAX: Duration = Duration::from_secs(4);

/// The smallest channels there are, and queues that are never the reason for a loss.
const CONFIG: &str = "meshSlots = 64\n[hubs.chat]\noutboundQueueMessages = 1000000\n";

#[test]
fn full_channels_hold_publishers_up_and_lose_nothing() {
    // J6: every shard publishes to every other as fast as it can, so that channels fill in both
    // directions; members read, publishers do not wait for anything. Many short rounds, because
    // every end of a round is a chance to miss a wake-up.
    let server = Setup::new().shards(SHARDS).config(CONFIG).start();
    let (mut writers, mut readers): (Vec<_>, Vec<_>) = (0..SHARDS)
        .map(|shard| server.client().permitted().groups(&["room"]).on(shard).connect())
        .map(|member| member.into_socket().into_inner())
        .map(|stream| (Wire::from(stream.try_clone().expect("a socket")), Wire::from(stream)))
        .unzip();
    for round in 0..ROUNDS {
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for (publisher, writer) in writers.iter_mut().enumerate() {
                scope.spawn(move || publish(writer, publisher));
            }
            for reader in &mut readers {
                scope.spawn(move || expect_all(reader));
            }
        });
        let lasted = begun.elapsed();
        assert!(lasted < ROUND_TIME_MAX, "round {round} stalled: {lasted:?}");
    }
    let metrics = server.metrics();
    assert_eq!(metrics.sum("corecast_slow_client_drops_total", &[]), 0.0);
    assert!(metrics.sum("corecast_mesh_full_total", &[]) > 0.0, "the channels were never full");
}

fn publish(writer: &mut Wire, publisher: usize) {
    for number in 0..MESSAGES {
        let message = publication("room", &format!("{publisher} {number}"));
        writer.send(Frame::new(TEXT, message.to_string()).bytes());
    }
}

/// Reads every message of every publisher, each in its order.
fn expect_all(reader: &mut Wire) {
    let mut next = [0; SHARDS as usize];
    for _ in 0..MESSAGES * next.len() {
        let frame = reader.frame();
        let message: Value = serde_json::from_str(frame.text()).expect("JSON");
        let text = message["data"].as_str().unwrap_or_else(|| panic!("{message}"));
        let (publisher, number) = text.split_once(' ').expect("two numbers");
        let publisher: usize = publisher.parse().expect("a number");
        assert_eq!(number.parse(), Ok(next[publisher]), "of publisher {publisher}");
        next[publisher] += 1;
    }
}
