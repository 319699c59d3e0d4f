//! Which handler gets which event (events-webhook.md, sections 2.2 to 2.5).

use crate::support::{
    ALL_EVENTS, Answer, ONE_ATTEMPT, Server, Setup, USER_EVENTS, Upstream, event,
};

#[test]
fn only_the_first_of_two_matching_handlers_is_called() {
    // E1
    let upstream = Upstream::start();
    let server = Setup::new()
        .config(&upstream.handler_at("/first/{event}", "userEventPattern = 'a,b'"))
        .config(&upstream.handler_at("/second/{event}", USER_EVENTS))
        .start();
    let mut client = server.client().connect();
    for name in ["a", "b", "c"] {
        client.succeed(event(name, ""));
    }
    let paths: Vec<_> = upstream.events().iter().map(|event| event.path().to_owned()).collect();
    assert_eq!(paths, ["/first/a", "/first/b", "/second/c"]);
}

#[test]
fn another_handler_does_not_stand_in_for_one_that_fails() {
    // E2
    let upstream = Upstream::start();
    let server = Setup::new()
        .config(ONE_ATTEMPT)
        .config(&upstream.handler_at("/first/{event}", USER_EVENTS))
        .config(&upstream.handler_at("/second/{event}", USER_EVENTS))
        .start();
    upstream.once("broken", Answer::status(500));
    let mut client = server.client().connect();
    client.fail(event("broken", ""), "InternalServerError");
    client.succeed(event("whole", ""));
    let paths: Vec<_> = upstream.events().iter().map(|event| event.path().to_owned()).collect();
    assert_eq!(paths, ["/first/broken", "/first/whole"]);
}

#[test]
fn system_events_are_sent_if_they_are_listed() {
    // E3
    let upstream = Upstream::start();
    let settings = "systemEvents = ['CONNECT', 'disConnected']";
    let mut server = Setup::new().config(&upstream.handler(settings)).start();
    server.client().connect().leave_server();
    server.stop();
    assert_eq!(upstream.event_names(), ["connect", "disconnected"]);
}

#[test]
fn a_pattern_for_user_events_selects_no_system_event() {
    // E6
    let upstream = Upstream::start();
    let mut server = Setup::new().config(&upstream.handler(USER_EVENTS)).start();
    let mut client = server.client().connect();
    client.succeed(event("connect", "a user event of this name"));
    client.leave_server();
    server.stop();
    assert_eq!(upstream.event_names(), ["connect"]);
    assert_eq!(upstream.next("connect").expect("ce-type"), "azure.webpubsub.user.connect");
}

#[test]
fn each_event_may_have_a_handler_of_its_own() {
    // 2.4: and a handler that wants nothing gets nothing.
    let upstream = Upstream::start();
    let mut server = Setup::new()
        .config(&upstream.handler_at("/none/{event}", ""))
        .config(&upstream.handler_at("/system/{event}", "systemEvents = ['connected']"))
        .config(&upstream.handler_at("/all/{event}", ALL_EVENTS))
        .start();
    let mut client = server.client().connect();
    assert_eq!(upstream.next("connect").path(), "/all/connect");
    assert_eq!(upstream.next("connected").path(), "/system/connected");
    client.succeed(event("user", ""));
    assert_eq!(upstream.next("user").path(), "/all/user");
    client.leave_server();
    assert_eq!(upstream.next("disconnected").path(), "/all/disconnected");
    server.stop();
    assert_eq!(upstream.events().len(), 4);
}

/// Hub, pattern, names that match, names that do not.
type Case = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const PATTERNS: [Case; 9] = [
    ("all", "*", &["a", "a.b", "a.b.c"], &[]),
    ("names", "a,b", &["a", "b", "A"], &["c", "ab", "a.b"]),
    ("spaces", " a , b ", &["a", "B"], &["c"]),
    ("segment", "order.*", &["order.new", "ORDER.New", "order."], &["order.new.x", "order"]),
    ("deep", "order.**", &["order.new", "order.new.x"], &["order", "orders"]),
    ("one", "order.?", &["order.a"], &["order.ab", "order.", "order"]),
    ("mixed", "x,order.*,ping", &["x", "ping", "order.a"], &["y", "order.a.b"]),
    ("inside", "a*z", &["az", "abz"], &["a.z", "abzc"]),
    ("nothing", "", &[], &["a", "message"]),
];

#[test]
fn patterns_select_user_events() {
    // E4, E5: whoever is not selected is not handled by anybody.
    let upstream = Upstream::start();
    let config: String = PATTERNS
        .iter()
        .map(|(hub, pattern, _, _)| {
            upstream.handler_of(hub, "/{hub}/{event}", &format!("userEventPattern = '{pattern}'"))
        })
        .collect();
    let server = Setup::new().config(&config).start();
    for (hub, pattern, matching, others) in PATTERNS {
        println!("{pattern:?}");
        let mut client = server.client().hub(hub).connect();
        for name in matching {
            client.succeed(event(name, ""));
            assert_eq!(upstream.next(name).path(), format!("/{hub}/{name}"));
        }
        for name in others {
            client.fail(event(name, ""), "InternalServerError");
        }
    }
    let expected: usize = PATTERNS.iter().map(|(_, _, matching, _)| matching.len()).sum();
    assert_eq!(upstream.events().len(), expected);
}

#[test]
fn a_hub_without_settings_has_no_handler() {
    // 2.2: hubs are found in any case, and only by their whole name.
    let upstream = Upstream::start();
    let server = Setup::new().config(&upstream.handler(USER_EVENTS)).start();
    handled(&server, "Chat");
    assert_eq!(upstream.next("e").expect("ce-hub"), "chat");
    for hub in ["chat2", "cha"] {
        let mut client = server.client().hub(hub).connect();
        client.fail(event("e", ""), "InternalServerError");
    }
    assert_eq!(upstream.events().len(), 1);
}

fn handled(server: &Server, hub: &'static str) {
    server.client().hub(hub).connect().succeed(event("e", ""));
}
