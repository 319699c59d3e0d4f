//! More messages between shards than fit into the channels between them (design: bounded mesh).

use serde_json::Value;

use crate::support::frame::TEXT;
use crate::support::{Frame, Setup, Wire, publication};

const SHARDS: u16 = 4;
const MESSAGES: usize = 3000;

/// The smallest channels there are, and queues that are never the reason for a loss.
const CONFIG: &str = "meshSlots = 64\n[hubs.chat]\noutboundQueueMessages = 1000000\n";

#[test]
fn full_channels_hold_publishers_up_and_lose_nothing() {
    // J6: every shard publishes to every other as fast as it can, so that channels fill in
    // both directions; members read, publishers do not wait for anything.
    let server = Setup::new().shards(SHARDS).config(CONFIG).start();
    let members: Vec<_> = (0..SHARDS)
        .map(|shard| server.client().permitted().groups(&["room"]).on(shard).connect())
        .collect();
    std::thread::scope(|scope| {
        for (publisher, member) in members.into_iter().enumerate() {
            let stream = member.into_socket().into_inner();
            let mut writer = Wire::from(stream.try_clone().expect("a socket"));
            scope.spawn(move || {
                for number in 0..MESSAGES {
                    let message = publication("room", &format!("{publisher} {number}"));
                    writer.send(Frame::new(TEXT, message.to_string()).bytes());
                }
            });
            scope.spawn(move || expect_all(Wire::from(stream)));
        }
    });
    let metrics = server.metrics();
    assert_eq!(metrics.sum("corecast_slow_client_drops_total", &[]), 0.0);
    let published = u32::from(SHARDS) * u32::try_from(MESSAGES).expect("a few");
    let delivered = f64::from(published * u32::from(SHARDS));
    assert!(metrics.sum("corecast_frames_written_total", &[]) >= delivered);
    let crossed = metrics.sum("corecast_mesh_messages_total", &[]);
    assert!(crossed >= f64::from(published) * f64::from(SHARDS - 1), "{crossed} crossed shards");
    assert!(metrics.sum("corecast_mesh_full_total", &[]) > 0.0, "the channels were never full");
}

/// Reads every message of every publisher, each in its order.
fn expect_all(mut wire: Wire) {
    let mut next = [0; SHARDS as usize];
    for _ in 0..MESSAGES * next.len() {
        let frame = wire.frame();
        let message: Value = serde_json::from_str(frame.text()).expect("JSON");
        let text = message["data"].as_str().unwrap_or_else(|| panic!("{message}"));
        let (publisher, number) = text.split_once(' ').expect("two numbers");
        let publisher: usize = publisher.parse().expect("a number");
        assert_eq!(number.parse(), Ok(next[publisher]), "of publisher {publisher}");
        next[publisher] += 1;
    }
}
