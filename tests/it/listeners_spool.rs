//! Events that outlive the server (the `spool` of a listener).

use std::fs::OpenOptions;
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    Client, EventHubs, Server, Setup, TempDir, USER, await_listener, event, listener,
    listener_events, listening,
};

fn table(hubs: &EventHubs, directory: &TempDir, settings: &str) -> String {
    format!("{}{}", listener("l", USER, &hubs.endpoint()), directory.spool_with(settings))
}

/// Sends events that count on, and has each acknowledged.
fn send(client: &mut Client, numbers: Range<u32>) {
    for number in numbers {
        client.succeed(event("e", &number.to_string()));
    }
}

/// The numbers of the messages so far.
fn arrived(hubs: &EventHubs) -> Vec<u32> {
    let number = |text: String| text.parse().expect("a number");
    hubs.messages().iter().map(|message| number(message.text())).collect()
}

fn counts(numbers: Range<u32>) -> Vec<u32> {
    numbers.collect()
}

/// The newest segment of a spool.
fn last_segment(directory: &TempDir) -> PathBuf {
    let entries = std::fs::read_dir(directory.path()).expect("the spool");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|found| found == "spool");
    paths.filter(is_segment).max().expect("a segment")
}

#[test]
fn acknowledged_events_outlive_the_server() {
    // However it ends; the broker is away all the time. First come, first served.
    let (hubs, directory) = (EventHubs::start(), TempDir::new());
    hubs.simply("down");
    let config = table(&hubs, &directory, "");
    let mut sent = 0;
    for is_killed in [true, false, true] {
        let mut server = listening(&config);
        send(&mut server.client().connect(), sent..sent + 30);
        sent += 30;
        if is_killed { server.kill() } else { server.stop() }
    }
    hubs.simply("up");
    let server = listening(&config);
    hubs.await_messages(sent as usize);
    send(&mut server.client().connect(), sent..sent + 1);
    hubs.await_messages(sent as usize + 1);
    assert_eq!(arrived(&hubs), counts(0..sent + 1));
    server.await_metric("corecast_listener_queue_messages", &[("listener", "l")], 0.0);
}

#[test]
fn what_was_delivered_is_not_repeated_after_an_orderly_stop() {
    let (hubs, directory) = (EventHubs::start(), TempDir::new());
    let config = table(&hubs, &directory, "");
    let mut server = listening(&config);
    send(&mut server.client().connect(), 0..50);
    await_listener(&server, "l", "delivered", 50);
    server.stop();
    let mut server = listening(&config);
    send(&mut server.client().connect(), 50..60);
    server.stop();
    assert_eq!(arrived(&hubs), counts(0..60));
}

#[test]
fn every_policy_keeps_what_was_acknowledged_from_a_kill() {
    for fsync in ["never", "interval", "always"] {
        let (hubs, directory) = (EventHubs::start(), TempDir::new());
        hubs.simply("down");
        let config = table(&hubs, &directory, &format!(", fsync = \"{fsync}\""));
        let mut server = listening(&config);
        send(&mut server.client().connect(), 0..20);
        server.kill();
        hubs.simply("up");
        let _server = listening(&config);
        hubs.await_messages(20);
        assert_eq!(arrived(&hubs), counts(0..20), "{fsync}");
    }
}

#[test]
fn acknowledgements_wait_for_the_disk_and_never_for_the_broker() {
    // L25: with a spool as without.
    let (hubs, directory) = (EventHubs::start(), TempDir::new());
    hubs.settle_all("hold");
    let server = listening(&table(&hubs, &directory, ""));
    let mut client = server.client().connect();
    let since = Instant::now();
    send(&mut client, 0..100);
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert_eq!(client.sync(), [] as [Value; 0]);
    let bytes = server.metrics().sum("corecast_listener_spool_bytes", &[("listener", "l")]);
    assert!(bytes > 0.0, "{bytes}");
}

#[test]
fn a_full_spool_drops_what_is_new() {
    // The bound on disk: counted, logged, and no client is closed.
    let (hubs, directory) = (EventHubs::start(), TempDir::new());
    hubs.simply("down");
    let bytes_max = 4 << 20;
    let config = table(&hubs, &directory, &format!(", maxBytes = {bytes_max}"));
    let server = listening(&config);
    let mut client = server.client().simple().connect();
    for number in 0..200 {
        client.send(format!("{number} {}", "p".repeat(64 << 10)));
    }
    let mut asking = server.client().connect();
    crate::support::eventually("drops", || {
        (listener_events(&server, "l", "dropped_spool_full") >= 100.0).then_some(())
    });
    assert_eq!(asking.sync(), [] as [Value; 0]);
    let entries = std::fs::read_dir(directory.path()).expect("the spool");
    let on_disk: u64 =
        entries.map(|entry| entry.expect("an entry").metadata().expect("a file").len()).sum();
    assert!(on_disk <= bytes_max + 4096, "{on_disk} bytes");
    hubs.simply("up");
    let dropped = |server: &Server| listener_events(server, "l", "dropped_spool_full");
    crate::support::eventually("the rest", || {
        let delivered = listener_events(&server, "l", "delivered");
        ((delivered + dropped(&server) - 200.0).abs() < 0.5).then_some(())
    });
    let texts: Vec<_> = hubs.messages().iter().map(|message| message.text()).collect();
    let numbers: Vec<u32> = texts
        .iter()
        .map(|text| text.split(' ').next().expect("a number").parse().expect("a number"))
        .collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    assert_eq!(numbers[0], 0, "the oldest are kept");
}

#[test]
fn a_damaged_end_is_cut_off_and_the_rest_is_sent() {
    // What a loss of power leaves: bytes that are no record, or half of one.
    for is_torn in [false, true] {
        let (hubs, directory) = (EventHubs::start(), TempDir::new());
        hubs.simply("down");
        let config = table(&hubs, &directory, "");
        let mut server = listening(&config);
        send(&mut server.client().connect(), 0..10);
        server.kill();
        let segment = last_segment(&directory);
        let mut file = OpenOptions::new().append(true).open(&segment).expect("a segment");
        if is_torn {
            let length = file.metadata().expect("a file").len();
            file.set_len(length - 5).expect("a writable file");
        } else {
            file.write_all(b"half a record, by the looks of it").expect("a writable file");
        }
        drop(file);
        hubs.simply("up");
        let server = listening(&config);
        server.await_log("cut off the damaged end of a spool");
        let kept = if is_torn { 9 } else { 10 };
        hubs.await_messages(kept as usize);
        send(&mut server.client().connect(), 10..15);
        hubs.await_messages(kept as usize + 5);
        assert_eq!(arrived(&hubs), counts(0..kept).into_iter().chain(10..15).collect::<Vec<_>>());
    }
}

#[test]
fn damage_in_the_middle_costs_what_it_hit() {
    // Counted, and never a panic or a message that was not sent.
    let (hubs, directory) = (EventHubs::start(), TempDir::new());
    hubs.simply("down");
    let config = table(&hubs, &directory, "");
    let mut server = listening(&config);
    send(&mut server.client().connect(), 0..100);
    server.kill();
    let segment = last_segment(&directory);
    let mut bytes = std::fs::read(&segment).expect("a segment");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40].fill(0xA5);
    std::fs::write(&segment, bytes).expect("a writable file");
    hubs.simply("up");
    let server = listening(&config);
    send(&mut server.client().connect(), 100..101);
    crate::support::eventually("the last one", || arrived(&hubs).contains(&100).then_some(()));
    let found = arrived(&hubs);
    assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
    assert_eq!(found[..30], counts(0..30), "what stands before the damage");
}

#[test]
fn two_listeners_may_have_one_spool_and_two_servers_may_not() {
    let (hubs, directory) = (EventHubs::start(), TempDir::new());
    let one =
        |name: &str| format!("{}{}", listener(name, USER, &hubs.endpoint()), directory.spool());
    let config = format!("{}{}", one("a"), one("b"));
    let mut server = listening(&config);
    let error = Setup::new().config(&config).refusal();
    assert!(error.contains("spool"), "{error}");
    send(&mut server.client().connect(), 0..3);
    server.stop();
    assert_eq!(arrived(&hubs), [0, 0, 1, 1, 2, 2]);
}

#[test]
fn a_replaced_broker_gets_what_the_old_one_did_not() {
    // 2.3: with the same spool, whose events are for the address and not for the credentials.
    let (hubs, directory) = (EventHubs::start(), TempDir::new());
    hubs.tell(json!({"do": "keys", "keys": {"corecast-send": "another key"}}));
    let config = table(&hubs, &directory, "");
    let mut server = listening(&config);
    send(&mut server.client().connect(), 0..5);
    server.await_log("ERROR");
    server.kill();
    let put_right = config.replace(
        &format!("SharedAccessKey={}", crate::support::KEY),
        "SharedAccessKey=another key",
    );
    assert_ne!(put_right, config);
    let _server = listening(&put_right);
    hubs.await_messages(5);
    assert_eq!(arrived(&hubs), counts(0..5));
}

#[test]
fn an_invocation_needs_somebody_who_answers() {
    // client-json.md section 8: listeners hear of it, with or without a spool, and cannot answer.
    for has_spool in [true, false] {
        let (hubs, directory) = (EventHubs::start(), TempDir::new());
        let spooled = table(&hubs, &directory, "");
        let config = if has_spool { spooled } else { listener("l", USER, &hubs.endpoint()) };
        let mut server = listening(&config);
        let mut client = server.client().connect();
        client.send_json(&json!({"type": "invoke", "invocationId": "7", "target": "event",
            "event": "quote", "dataType": "text", "data": "1"}));
        let response = client.json();
        assert_eq!(response["type"], "invokeResponse");
        assert_eq!(response["error"]["name"], "NotFound");
        client.succeed(event("e", "2"));
        server.stop();
        assert_eq!(arrived(&hubs), [1, 2]);
    }
}
