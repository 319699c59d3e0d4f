//! How connections and servers end, as listeners see it (events-listener.md, sections 3 and 7.5).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::{ALL, EventHubs, RELIABLE_JSON, SYSTEM, USER, event, listener, listening};

/// How long a lost reliable connection may be recovered.
const WINDOW: Duration = Duration::from_secs(30);

#[test]
fn a_stopping_server_delivers_every_end_first() {
    // L34, L32: of every client, exactly once.
    let hubs = EventHubs::start();
    let mut server = listening(&listener("l", SYSTEM, &hubs.endpoint()));
    let guests = [server.client(), server.client().simple(), server.client().reliable()];
    let clients: Vec<_> = (0..60).map(|number| guests[number % 3].connect()).collect();
    hubs.await_messages(60);
    server.stop();
    drop(clients);
    let mut counts: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for message in hubs.messages() {
        let entry = counts.entry(message.connection_id().to_owned()).or_default();
        entry[usize::from(message.event() == "disconnected")] += 1;
    }
    assert_eq!(counts.len(), 60);
    assert!(counts.values().all(|count| *count == [1, 1]), "{counts:?}");
}

#[test]
fn a_broker_that_is_slow_at_the_end_is_waited_for() {
    // L34, 7.5
    let hubs = EventHubs::start();
    hubs.settle_all("hold");
    let mut server = listening(&listener("l", ALL, &hubs.endpoint()));
    let mut client = server.client().connect();
    client.succeed(event("e", "1"));
    hubs.await_messages(2);
    server.signal(Signal::TERM);
    hubs.await_messages(3);
    hubs.simply("settle-held");
    assert_eq!(server.exit().code(), Some(0));
    assert_eq!(hubs.event_names(), ["connected", "e", "disconnected"]);
}

#[test]
fn what_a_broker_does_not_take_in_time_is_given_up() {
    // 7.5: after ten seconds, with the number in the log.
    let hubs = EventHubs::start();
    hubs.simply("down");
    let mut server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = server.client().connect();
    for number in 0..7 {
        client.succeed(event("e", &number.to_string()));
    }
    let since = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.exit().code(), Some(0));
    let took = since.elapsed();
    assert!(took < Duration::from_secs(16), "{took:?}");
    let log = server.errors();
    let tells = log.lines().any(|line| line.contains("WARN") && line.contains('7'));
    assert!(tells, "the number is not in the log: {log}");
}

#[test]
fn a_recovered_connection_has_neither_end_nor_beginning() {
    // L32: once per logical connection.
    let hubs = EventHubs::start();
    let mut server = listening(&listener("l", ALL, &hubs.endpoint()));
    let guest = server.client().speaking(RELIABLE_JSON);
    let mut client = guest.connect();
    let id = client.id.clone();
    for round in 0..4 {
        client.succeed(event("e", &round.to_string()));
        client = guest.recover(&client.lose());
    }
    client.succeed(event("e", "4"));
    client.leave_server();
    server.stop();
    assert_eq!(hubs.event_names(), ["connected", "e", "e", "e", "e", "e", "disconnected"]);
    let messages = hubs.messages();
    assert!(messages.iter().all(|message| message.connection_id() == id));
    let ids: Vec<_> = messages.iter().map(|message| message.id()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
}

#[test]
fn a_connection_that_is_not_recovered_ends_once() {
    // L32: after its window, however it was lost.
    let hubs = EventHubs::start();
    let mut server = listening(&listener("l", SYSTEM, &hubs.endpoint()));
    drop(server.client().reliable().connect());
    drop(server.client().connect());
    drop(server.client().simple().connect());
    hubs.await_messages(5);
    let since = Instant::now();
    while hubs.messages().len() < 6 {
        assert!(since.elapsed() < WINDOW + Duration::from_secs(10), "the connection stays");
        // Between two questions, not instead of one.
        std::thread::park_timeout(Duration::from_millis(500));
    }
    server.stop();
    let mut names = hubs.event_names();
    names.sort();
    assert_eq!(names, [["connected"; 3], ["disconnected"; 3]].concat());
}
