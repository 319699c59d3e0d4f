//! Listeners that come, go and change while the server runs (events-listener.md, section 2.3).

use serde_json::Value;

use crate::support::{EventHubs, USER, await_listener, event, listener, listening};

#[test]
fn replacing_a_listener_closes_nobody() {
    // L41: and the next event goes to the new one alone.
    let hubs = EventHubs::start();
    let table = |event_hub| listener("l", USER, &hubs.endpoint_of(event_hub));
    let mut server = listening(&table("old"));
    let mut client = server.client().connect();
    let mut simple = server.client().groups(&["room"]).simple().connect();
    client.succeed(event("e", "1"));
    assert!(server.reload(&table("new")));
    client.succeed(event("e", "2"));
    simple.send("3");
    assert_eq!(client.sync(), [] as [Value; 0]);
    let texts = |event_hub| -> Vec<_> {
        hubs.messages_at(event_hub).iter().map(|message| message.text()).collect()
    };
    hubs.await_messages(3);
    server.stop();
    assert_eq!(texts("old"), ["1"]);
    assert_eq!(texts("new").len(), 2);
}

#[test]
fn listeners_come_and_go() {
    // 2.3: with none left, an event that only listeners took fails as ever.
    let hubs = EventHubs::start();
    let table = listener("l", USER, &hubs.endpoint());
    let nothing = "eventAttempts = 3\n";
    let server = listening(nothing);
    let mut client = server.client().connect();
    client.fail(event("e", "0"), "InternalServerError");
    assert!(server.reload(&table));
    client.succeed(event("e", "1"));
    assert_eq!(hubs.next().text(), "1");
    assert!(server.reload(nothing));
    client.fail(event("e", "2"), "InternalServerError");
    assert_eq!(hubs.messages().len(), 1);
}

#[test]
fn what_waits_for_a_removed_listener_is_still_sent() {
    // 2.3
    let hubs = EventHubs::start();
    hubs.settle_all("hold");
    let server = listening(&listener("old", USER, &hubs.endpoint_of("old")));
    let mut client = server.client().connect();
    for number in 0..5 {
        client.succeed(event("e", &number.to_string()));
    }
    hubs.await_messages(5);
    assert!(server.reload(&listener("new", USER, &hubs.endpoint_of("new"))));
    hubs.settle_all("accept");
    hubs.simply("settle-held");
    client.succeed(event("e", "new"));
    await_listener(&server, "new", "delivered", 1);
    await_listener(&server, "old", "delivered", 5);
}

#[test]
fn what_is_unchanged_keeps_its_link() {
    // 2.3: a further listener does not disturb the first.
    let hubs = EventHubs::start();
    let first = listener("first", USER, &hubs.endpoint_of("a"));
    let server = listening(&first);
    let mut client = server.client().connect();
    client.succeed(event("e", "1"));
    hubs.await_messages(1);
    assert!(server.reload(&format!("{first}{}", listener("more", USER, &hubs.endpoint_of("b")))));
    client.succeed(event("e", "2"));
    hubs.await_messages(3);
    let links: Vec<_> = hubs.messages_at("a").iter().map(|message| message.link()).collect();
    assert_eq!(links[0], links[1]);
}

#[test]
fn an_invalid_listener_changes_nothing() {
    // L7, L8, 2.3: the whole of the new configuration is refused.
    let hubs = EventHubs::start();
    let good = listener("l", USER, &hubs.endpoint());
    let server = listening(&good);
    let mut client = server.client().connect();
    let bad = listener("m", "systemEvents = [\"connect\"]", &hubs.endpoint());
    assert!(!server.reload(&bad));
    let many: Vec<_> =
        (0..11).map(|number| listener(&format!("l{number}"), USER, &hubs.endpoint())).collect();
    assert!(!server.reload(&many.concat()));
    client.succeed(event("e", "1"));
    assert_eq!(hubs.next().text(), "1");
    assert!(server.reload(&many[..10].concat()));
}
