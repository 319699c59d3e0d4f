//! Brokers that fail (events-listener.md, section 7): nobody but the log and a counter notices.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    ALL, EVENT_HUB, EventHubs, Server, TempDir, USER, USER_EVENTS, Upstream, await_listener, event,
    listener, listener_events, listening, publication,
};

/// Above what two busy cores need for a round, and far below any patience of the server's.
const AT_ONCE: Duration = Duration::from_secs(2);

fn retries(server: &Server) -> f64 {
    server.metrics().sum("corecast_listener_retries_total", &[("listener", "l")])
}

fn texts(hubs: &EventHubs) -> Vec<String> {
    hubs.messages().iter().map(|message| message.text()).collect()
}

#[test]
fn nobody_notices_an_unreachable_broker() {
    // L25, L26: the server starts, and clients connect, send and receive as ever; 7.4.
    let hubs = EventHubs::start();
    hubs.simply("down");
    let started = Instant::now();
    let server = listening(&listener("l", ALL, &hubs.endpoint()));
    let mut client = server.client().permitted().groups(&["room"]).connect();
    for number in 0..20 {
        client.succeed(event("e", &number.to_string()));
        client.send_json(&publication("room", "x"));
        assert_eq!(client.group_text("room"), "x");
    }
    assert_eq!(client.sync(), [] as [Value; 0]);
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    server.await_log("event listener");
    assert!(listener_events(&server, "l", "delivered") < 1.0);
    // And all of it arrives once the broker is back.
    hubs.simply("up");
    let messages = hubs.await_messages(21);
    let found: Vec<_> = messages[1..].iter().map(|message| message.text()).collect();
    let expected: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(found, expected);
    await_listener(&server, "l", "delivered", 21);
}

#[test]
fn nothing_is_opened_before_the_first_event() {
    // 7.4: neither at the start nor by a client whose events nobody wants.
    let hubs = EventHubs::start();
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = server.client().connect();
    assert_eq!(client.sync(), [] as [Value; 0]);
    assert_eq!(hubs.lines("connected"), [] as [Value; 0]);
    client.succeed(event("e", ""));
    hubs.next();
    assert_eq!(hubs.lines("connected").len(), 1);
}

#[test]
fn a_listener_that_fails_takes_nothing_from_handlers_and_other_listeners() {
    // L28
    let (broken, sound) = (EventHubs::start(), EventHubs::start());
    broken.simply("down");
    let upstream = Upstream::start();
    let server = listening(&format!(
        "{}{}{}",
        upstream.handler(USER_EVENTS),
        listener("broken", USER, &broken.endpoint()),
        listener("sound", USER, &sound.endpoint()),
    ));
    let mut client = server.client().connect();
    for text in ["1", "2", "3"] {
        client.succeed(event("e", text));
        assert_eq!(upstream.next("e").text(), text);
        assert_eq!(sound.next().text(), text);
    }
}

#[test]
fn a_message_that_is_too_large_is_dropped_at_once() {
    // L29: rejected for its size; later ones arrive.
    let hubs = EventHubs::start();
    hubs.reject_next(1, "amqp:link:message-size-exceeded");
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = server.client().simple().connect();
    client.send("m".repeat(1 << 20));
    client.send("later");
    assert_eq!(hubs.next().body().len(), 1 << 20);
    assert_eq!(hubs.next().text(), "later");
    await_listener(&server, "l", "delivered", 1);
    await_listener(&server, "l", "dropped_size", 1);
    assert_eq!(hubs.messages().len(), 2, "one attempt");
    assert!(retries(&server) < 1.0, "{}", retries(&server));
    server.await_log("WARN");
}

#[test]
fn a_link_that_ends_over_a_message_that_is_too_large_comes_back_without_it() {
    // 7.3: it would be in the way of all others for ever, above all if it comes from a spool.
    let hubs = EventHubs::start();
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = server.client().simple().connect();
    client.send("before");
    await_listener(&server, "l", "delivered", 1);
    hubs.tell(json!({"do": "silent-limit", "bytes": 512 << 10}));
    client.send("m".repeat(1 << 20));
    client.send("after");
    await_listener(&server, "l", "dropped_size", 1);
    await_listener(&server, "l", "delivered", 2);
    assert!(texts(&hubs).contains(&"after".to_owned()));
}

#[test]
fn a_message_that_ends_every_link_is_dropped_and_its_neighbours_are_not() {
    // 7.3: which of several it is shows when they are sent one at a time.
    let hubs = EventHubs::start();
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = server.client().simple().connect();
    hubs.tell(json!({"do": "silent-limit", "bytes": 512 << 10, "condition": "amqp:decode-error"}));
    for text in ["1", "2", &"m".repeat(1 << 20), "3"] {
        client.send(text);
    }
    await_listener(&server, "l", "dropped_rejected", 1);
    await_listener(&server, "l", "delivered", 3);
    let small: Vec<_> = texts(&hubs).into_iter().filter(|text| text.len() == 1).collect();
    let mut first: Vec<_> = small.clone();
    first.dedup();
    assert_eq!(first, ["1", "2", "3"], "{small:?}");
}

#[test]
fn a_message_above_the_announced_size_is_never_sent() {
    // L29, 5.1: the limit of the link is respected.
    let hubs = EventHubs::start();
    hubs.tell(json!({"do": "max-message-size", "bytes": 256 << 10}));
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = server.client().simple().connect();
    for text in ["before", &"m".repeat(1 << 20), &"m".repeat(256 << 10), "after"] {
        client.send(text);
    }
    await_listener(&server, "l", "dropped_size", 2);
    await_listener(&server, "l", "delivered", 2);
    assert_eq!(texts(&hubs), ["before", "after"]);
}

#[test]
fn rejected_messages_are_dropped_and_the_rest_goes_on() {
    // 7.3
    let hubs = EventHubs::start();
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = server.client().connect();
    client.succeed(event("e", "1"));
    hubs.next();
    hubs.reject_next(1, "amqp:not-allowed");
    for text in ["2", "3"] {
        client.succeed(event("e", text));
    }
    await_listener(&server, "l", "dropped_rejected", 1);
    await_listener(&server, "l", "delivered", 2);
    assert_eq!(texts(&hubs), ["1", "2", "3"]);
}

#[test]
fn what_a_broker_wants_again_is_sent_again() {
    // 7.3: released, modified, and rejected by a service that is busy.
    let hubs = EventHubs::start();
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = server.client().connect();
    for (number, order) in (0_u32..).zip([
        json!({"with": "release"}),
        json!({"with": "modify"}),
        json!({"with": "reject", "condition": "com.microsoft:server-busy"}),
        json!({"with": "reject", "condition": "com.microsoft:timeout"}),
    ]) {
        let mut order = order;
        order["do"] = "settle".into();
        order["count"] = 1.into();
        hubs.tell(order.clone());
        let text = number.to_string();
        client.succeed(event("e", &text));
        let first = hubs.next();
        let second = hubs.next();
        assert_eq!((first.text(), second.text()), (text.clone(), text), "{order}");
        assert_eq!(first.message_id(), second.message_id());
        await_listener(&server, "l", "delivered", number + 1);
        assert!(retries(&server) >= f64::from(number + 1), "{}", retries(&server));
    }
}

#[test]
fn refused_claims_and_links_are_tried_again() {
    // 7.3: roles and event hubs may be created later; an error in the log.
    for (order, condition) in [
        (json!({"do": "refuse-claims", "codes": [401]}), "401"),
        (json!({"do": "refuse-links", "conditions": ["amqp:unauthorized-access"]}), "unauthorized"),
        (json!({"do": "refuse-links", "conditions": ["amqp:not-found"]}), "not-found"),
    ] {
        let hubs = EventHubs::start();
        hubs.tell(order.clone());
        let server = listening(&listener("l", USER, &hubs.endpoint()));
        server.client().connect().succeed(event("e", "1"));
        assert_eq!(hubs.next().text(), "1");
        let log = server.await_log("ERROR");
        assert!(log.contains(condition), "{order}: {log}");
        await_listener(&server, "l", "delivered", 1);
    }
}

#[test]
fn a_message_is_given_up_a_minute_after_its_event() {
    // 7.3: but not from a spool. The only test that waits for so long: the time is the
    // specification's.
    let hubs = EventHubs::start();
    hubs.simply("down");
    let directory = TempDir::new();
    let spooled = listener("spooled", USER, &hubs.endpoint_of("spooled"));
    let table = listener("l", USER, &hubs.endpoint());
    let server = listening(&format!("{spooled}{}{table}", directory.spool()));
    let since = Instant::now();
    server.client().connect().succeed(event("e", "1"));
    while listener_events(&server, "l", "dropped_age") < 1.0 {
        // With the longest pause between two attempts, and a quarter of it for jitter.
        assert!(since.elapsed() < Duration::from_secs(100), "still kept");
        // Between two questions, not instead of one.
        std::thread::park_timeout(Duration::from_millis(500));
    }
    assert!(since.elapsed() >= Duration::from_secs(60), "{:?}", since.elapsed());
    hubs.simply("up");
    server.client().connect().succeed(event("e", "2"));
    // Within one pause of the server's, which is 30 s at most.
    while hubs.messages().len() < 3 {
        assert!(since.elapsed() < Duration::from_secs(170), "not sent");
        std::thread::park_timeout(Duration::from_millis(500));
    }
    let texts_at = |event_hub| -> Vec<_> {
        hubs.messages_at(event_hub).iter().map(|message| message.text()).collect()
    };
    assert_eq!(texts_at(EVENT_HUB), ["2"]);
    assert_eq!(texts_at("spooled"), ["1", "2"]);
}
