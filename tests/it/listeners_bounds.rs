//! How much waits for a broker (events-listener.md, section 7.2).

use serde_json::{Value, json};

use crate::support::{
    EventHubs, Message, Server, Setup, TempDir, USER, await_listener, event, listener,
    listener_events,
};

/// Of payloads, of the gate, and what the process needs by itself, with room.
const MEMORY_BYTES_MAX: u64 = 96 << 20;

fn serving(limits: &str, hubs: &EventHubs) -> Server {
    let config = format!("{limits}{}", listener("l", USER, &hubs.endpoint()));
    Setup::new().args(&["--shutdown-grace", "0s"]).config(&config).start()
}

fn texts(messages: &[std::sync::Arc<Message>]) -> Vec<String> {
    messages.iter().map(|message| message.text()).collect()
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[test]
fn a_full_queue_drops_what_is_new() {
    // L27: by number; what was first is kept, in order, and clients are told of success.
    let hubs = EventHubs::start();
    hubs.tell(json!({"do": "credit", "count": 0}));
    let server = serving("eventListenerQueueMessages = 50\n", &hubs);
    let mut client = server.client().connect();
    for number in numbers(0..120) {
        client.succeed(event("e", &number));
    }
    assert_eq!(client.sync(), [] as [Value; 0]);
    await_listener(&server, "l", "dropped_full", 70);
    server.await_metric("corecast_listener_queue_messages", &[("listener", "l")], 50.0);
    server.await_log("dropped");
    let warnings = server.errors().matches("are dropped").count();
    assert!(warnings <= 2, "{warnings} lines within ten seconds: {}", server.errors());
    hubs.tell(json!({"do": "credit", "count": 1000}));
    assert_eq!(texts(&hubs.await_messages(50)), numbers(0..50));
    server.await_metric("corecast_listener_queue_messages", &[("listener", "l")], 0.0);
    client.succeed(event("e", "after"));
    assert_eq!(texts(&hubs.await_messages(51))[50], "after");
}

#[test]
fn a_queue_is_bounded_in_bytes() {
    // L27: memory stays where it is, however much is sent, and no client is closed.
    let hubs = EventHubs::start();
    hubs.settle_all("hold");
    let server = serving("eventListenerQueueBytes = 8388608\n", &hubs);
    let mut client = server.client().simple().connect();
    let payload = "m".repeat(256 << 10);
    for _ in 0..400 {
        client.send(payload.clone());
    }
    let mut asking = server.client().connect();
    let dropped = |server: &Server| listener_events(server, "l", "dropped_full");
    crate::support::eventually("most are dropped", || (dropped(&server) >= 368.0).then_some(()));
    assert_eq!(asking.sync(), [] as [Value; 0]);
    let peak = server.peak_memory_bytes();
    println!("{} MiB at most", peak >> 20);
    assert!(peak <= MEMORY_BYTES_MAX, "{peak} bytes");
    // What was held is settled, and there is room again.
    hubs.settle_all("accept");
    hubs.simply("settle-held");
    server.await_metric("corecast_listener_queue_messages", &[("listener", "l")], 0.0);
    client.send("after");
    crate::support::eventually("the last one", || {
        hubs.messages().last().is_some_and(|message| message.text() == "after").then_some(())
    });
    let delivered = listener_events(&server, "l", "delivered");
    assert!(delivered + dropped(&server) >= 400.0, "{delivered} and {}", dropped(&server));
}

#[test]
fn a_spool_is_not_in_memory() {
    // L27: what is read back and under way is bounded in bytes as well.
    let (hubs, directory) = (EventHubs::start(), TempDir::new());
    hubs.settle_all("hold");
    let config = format!("{}{}", listener("l", USER, &hubs.endpoint()), directory.spool());
    let server = Setup::new().args(&["--shutdown-grace", "0s"]).config(&config).start();
    let mut client = server.client().simple().connect();
    let payload = "m".repeat(256 << 10);
    for _ in 0..400 {
        client.send(payload.clone());
    }
    server.await_metric("corecast_listener_queue_messages", &[("listener", "l")], 400.0);
    hubs.await_messages(32);
    let peak = server.peak_memory_bytes();
    println!("{} MiB at most", peak >> 20);
    assert!(peak <= MEMORY_BYTES_MAX, "{peak} bytes");
    hubs.settle_all("accept");
    hubs.simply("settle-held");
    await_listener(&server, "l", "delivered", 400);
}

#[test]
fn every_event_is_counted_once() {
    // 7.7: delivered and dropped are all there are.
    let hubs = EventHubs::start();
    let mut server = serving("eventListenerQueueMessages = 200\n", &hubs);
    let mut client = server.client().connect();
    for number in 0..1000 {
        client.send_json(&event("e", &number.to_string()));
    }
    assert_eq!(client.sync(), [] as [Value; 0]);
    let sum = || server.metrics().sum("corecast_listener_events_total", &[("listener", "l")]);
    crate::support::eventually("an end of every event", || (sum() >= 1000.0).then_some(()));
    assert_eq!(sum().to_bits(), 1000.0_f64.to_bits());
    let delivered = listener_events(&server, "l", "delivered");
    let count =
        server.metrics().sum("corecast_listener_delivery_seconds_count", &[("listener", "l")]);
    assert_eq!(count.to_bits(), delivered.to_bits());
    server.stop();
    assert!((hubs.messages().len() as f64 - delivered).abs() < 0.5, "{delivered}");
}
