//! Which listeners get an event (events-listener.md, sections 1, 2.2, 2.4 and 3).

use serde_json::{Value, json};

use crate::support::{
    ALL, ALL_EVENTS, Answer, EventHubs, ONE_ATTEMPT, SYSTEM, USER, USER_EVENTS, Upgrade, Upstream,
    event, listener, listener_of, listening,
};

#[test]
fn every_listener_that_matches_gets_the_event() {
    // L1, L3, L4: whatever their order.
    let connected = "systemEvents = [\"Connected\"]";
    let filters = [("all", ALL), ("user", USER), ("system", SYSTEM), ("connected", connected)];
    for is_reversed in [false, true] {
        let hubs = EventHubs::start();
        let mut tables: Vec<_> = filters
            .iter()
            .map(|(name, filter)| listener(name, filter, &hubs.endpoint_of(name)))
            .collect();
        if is_reversed {
            tables.reverse();
        }
        let mut server = listening(&tables.concat());
        let mut client = server.client().connect();
        client.succeed(event("e", "1"));
        client.leave_server();
        server.stop();
        assert_eq!(hubs.names_at("all"), ["connected", "e", "disconnected"]);
        assert_eq!(hubs.names_at("user"), ["e"]);
        assert_eq!(hubs.names_at("system"), ["connected", "disconnected"]);
        assert_eq!(hubs.names_at("connected"), ["connected"]);
    }
}

#[test]
fn two_listeners_of_one_endpoint_send_twice() {
    // 2.4: with the same id.
    let hubs = EventHubs::start();
    let tables = ["one", "two"].map(|name| listener(name, USER, &hubs.endpoint()));
    let mut server = listening(&tables.concat());
    server.client().connect().succeed(event("e", "1"));
    server.stop();
    let ids: Vec<_> =
        hubs.messages().iter().map(|message| message.message_id().to_owned()).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn patterns_are_names_or_the_star_alone() {
    // L5, L6, and the warning of 2.4.
    let hubs = EventHubs::start();
    let pattern = |name, text| {
        listener(name, &format!("userEventPattern = \"{text}\""), &hubs.endpoint_of(name))
    };
    let config =
        [pattern("list", " a , B "), pattern("wild", "order.*"), pattern("mixed", "x, *")].concat();
    let mut server = listening(&config);
    assert!(server.errors().contains("order.*"), "{}", server.errors());
    let mut client = server.client().connect();
    let names = ["A", "b", "c", "a.b", "ab", "order.new", "B"];
    for name in names {
        client.succeed(event(name, ""));
    }
    client.leave_server();
    server.stop();
    assert_eq!(hubs.names_at("list"), ["A", "b", "B"]);
    assert_eq!(hubs.names_at("wild"), [""; 0]);
    assert_eq!(hubs.names_at("mixed"), names);
}

#[test]
fn hubs_are_found_in_any_case_and_share_nothing() {
    // L9
    let hubs = EventHubs::start();
    let config = [
        listener_of("Chat", "chat", USER, &hubs.endpoint_of("a")),
        listener_of("news", "news", USER, &hubs.endpoint_of("b")),
    ];
    let mut server = listening(&config.concat());
    for (hub, name) in [("CHAT", "e"), ("chat", "f"), ("News", "g")] {
        server.client().hub(hub).connect().succeed(event(name, ""));
    }
    server.client().hub("other").connect().fail(event("h", ""), "InternalServerError");
    server.stop();
    assert_eq!(hubs.names_at("a"), ["e", "f"]);
    assert_eq!(hubs.names_at("b"), ["g"]);
    assert_eq!(hubs.messages_at("a")[0].attribute("hub"), Some("chat"));
}

#[test]
fn handler_and_listener_see_the_same_event() {
    // L2, L17: `connected` is 1 whether or not a handler took `connect`.
    for settings in [ALL_EVENTS, USER_EVENTS] {
        let hubs = EventHubs::start();
        let upstream = Upstream::start();
        let handler = upstream.handler(settings);
        let mut server = listening(&format!("{handler}{}", listener("l", ALL, &hubs.endpoint())));
        let mut client = server.client().connect();
        let id = client.id.clone();
        client.succeed(event("e", "1"));
        client.leave_server();
        server.stop();
        let handled = upstream.next("e");
        let messages = hubs.messages();
        assert_eq!(hubs.event_names(), ["connected", "e", "disconnected"]);
        assert_eq!(messages[0].id(), 1);
        assert_eq!(messages[1].id(), handled.id());
        assert_eq!(messages[1].connection_id(), id);
        assert_eq!(handled.connection_id(), id);
        assert!(messages[1].id() < messages[2].id());
    }
}

#[test]
fn an_event_for_listeners_alone_succeeds() {
    // L24, J36, E47: and one that nobody wants fails as ever.
    let hubs = EventHubs::start();
    let upstream = Upstream::start();
    let filter = "userEventPattern = \"wanted\"";
    let handler = upstream.handler("userEventPattern = \"handled\"\n");
    let mut server = listening(&format!("{handler}{}", listener("l", filter, &hubs.endpoint())));
    let mut client = server.client().connect();
    client.send_json(&event("wanted", "without ack"));
    assert_eq!(client.sync(), [] as [Value; 0]);
    client.succeed(event("wanted", "with ack"));
    client.succeed(event("handled", ""));
    client.fail(event("unwanted", ""), "InternalServerError");
    assert_eq!(client.sync(), [] as [Value; 0]);
    server.stop();
    let texts: Vec<_> = hubs.messages().iter().map(|message| message.text()).collect();
    assert_eq!(texts, ["without ack", "with ack"]);
}

#[test]
fn a_simple_client_whose_events_only_listeners_take_hears_nothing() {
    // client-connect.md, section 7.2: the connection stays.
    let hubs = EventHubs::start();
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = server.client().groups(&["room"]).simple().connect();
    client.send("one");
    client.send("two");
    assert_eq!(hubs.next().text(), "one");
    assert_eq!(hubs.next().text(), "two");
    server.client().permitted().connect().publish("room", "the first thing it hears");
    assert_eq!(client.text(), "the first thing it hears");
}

#[test]
fn a_handler_that_fails_takes_nothing_from_listeners() {
    // L28: its result alone decides.
    let hubs = EventHubs::start();
    let upstream = Upstream::start();
    upstream.always("e", Answer::status(500));
    let handler = upstream.handler(USER_EVENTS);
    let table = listener("l", USER, &hubs.endpoint());
    let server = listening(&format!("{ONE_ATTEMPT}{handler}{table}"));
    server.client().connect().fail(event("e", "1"), "InternalServerError");
    assert_eq!(hubs.next_of("e").text(), "1");
    assert_eq!(upstream.next("e").text(), "1");
}

#[test]
fn a_refused_client_is_nobodys_event() {
    // L33: by the handler or by the token.
    let hubs = EventHubs::start();
    let upstream = Upstream::start();
    upstream.always("connect", Answer::status(401));
    let handler = upstream.handler("systemEvents = ['connect']\n");
    let mut server = listening(&format!("{handler}{}", listener("l", ALL, &hubs.endpoint())));
    assert_eq!(server.client().upgrade().status(&server), 401);
    assert_eq!(Upgrade::to_hub("chat", "forged").status(&server), 401);
    upstream.always("connect", Answer::status(204));
    server.client().connect().leave_server();
    server.stop();
    assert_eq!(hubs.event_names(), ["connected", "disconnected"]);
}

#[test]
fn groups_are_not_the_business_of_listeners() {
    // L42
    let hubs = EventHubs::start();
    let mut server = listening(&listener("l", ALL, &hubs.endpoint()));
    let mut client = server.client().permitted().groups(&["first"]).connect();
    client.join("room");
    client.publish("room", "a message");
    assert_eq!(client.group_text("room"), "a message");
    client.leave("room");
    client.succeed(json!({"type": "leaveGroup", "group": "first"}));
    client.leave_server();
    server.stop();
    assert_eq!(hubs.event_names(), ["connected", "disconnected"]);
}
