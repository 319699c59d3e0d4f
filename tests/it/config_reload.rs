//! A new configuration for a running server (operations.md, sections 6.2 and 10.3;
//! events-webhook.md, section 2.3).

use crate::events_request::signature;
use crate::support::{
    ALL_EVENTS, Answer, Call, Client, Hold, JSON, PRIMARY_KEY, SECONDARY_KEY, Setup, Token,
    USER_EVENTS, Upgrade, Upstream, event,
};

const NEW_KEY: &str = "a-new-primary-key-that-replaces-the-first!";

fn keys(primary: &str, secondary: &str) -> String {
    format!("accessKey = '{primary}'\nsecondaryAccessKey = '{secondary}'\n")
}

#[test]
fn a_replaced_key_is_void_and_the_other_stays() {
    // O14: for clients and for the service; who is connected stays.
    let upstream = Upstream::start();
    let handler = upstream.handler(USER_EVENTS);
    let old = format!("{}{handler}", keys(PRIMARY_KEY, SECONDARY_KEY));
    let server = Setup::new().without_keys().config(&old).start();
    let mut client = server.client().permitted().connect();
    assert!(server.reload(&format!("{}{handler}", keys(NEW_KEY, SECONDARY_KEY))));

    let token = || Token::for_hub("chat");
    assert_eq!(Upgrade::to_hub("chat", &token().sign()).status(&server), 401);
    Call::text(":send", "refused").expect(&server, 401);
    for key in [SECONDARY_KEY, NEW_KEY] {
        assert_eq!(Upgrade::to_hub("chat", &token().key(key).sign()).status(&server), 101);
        Call::text(":send", key).token(|token| token.key(key)).expect(&server, 202);
        assert_eq!(client.json()["data"], key);
    }
    client.join("room");
}

#[test]
fn the_next_event_has_the_new_signature_in_its_place() {
    // O15
    let upstream = Upstream::start();
    let handler = upstream.handler(USER_EVENTS);
    let old = format!("{}{handler}", keys(PRIMARY_KEY, SECONDARY_KEY));
    let server = Setup::new().without_keys().config(&old).start();
    let mut client = server.client().connect();
    let mut signatures = || {
        client.succeed(event("e", ""));
        let request = upstream.next("e");
        let id = request.connection_id();
        let wanted =
            |keys: &[&str]| -> Vec<_> { keys.iter().map(|key| signature(key, id)).collect() };
        let found: Vec<_> = request.expect("ce-signature").split(',').map(str::to_owned).collect();
        [&[PRIMARY_KEY, SECONDARY_KEY][..], &[NEW_KEY, SECONDARY_KEY], &[NEW_KEY, PRIMARY_KEY]]
            .iter()
            .position(|keys| wanted(keys) == found)
    };
    assert_eq!(signatures(), Some(0));
    assert!(server.reload(&format!("{}{handler}", keys(NEW_KEY, SECONDARY_KEY))));
    assert_eq!(signatures(), Some(1));
    assert!(server.reload(&format!("{}{handler}", keys(NEW_KEY, PRIMARY_KEY))));
    assert_eq!(signatures(), Some(2));
}

#[test]
fn other_handlers_get_later_events_of_connections_that_stay() {
    // 2.3
    let (first, second) = (Upstream::start(), Upstream::start());
    let server = Setup::new().shards(4).config(&first.handler(USER_EVENTS)).start();
    let mut clients: Vec<_> = (0..4).map(|shard| server.client().on(shard).connect()).collect();
    let mut all = |name: &str| {
        for client in &mut clients {
            client.succeed(event(name, ""));
        }
    };
    all("one");
    assert!(server.reload(&second.handler(ALL_EVENTS)));
    all("two");
    drop(server.client().connect());
    assert_eq!(first.events().len(), 4);
    assert_eq!(second.all("two").len(), 4);
    second.next("connect");
    second.next("disconnected");
    // And none at all.
    assert!(server.reload("[hubs.other]\n"));
    for client in &mut clients {
        client.fail(event("three", ""), "InternalServerError");
    }
}

#[test]
fn settings_of_a_hub_are_replaced_together() {
    // 2.3: for handshakes that come later.
    let server = Setup::new().config("[hubs.chat]\nanonymousConnectPolicy = 'deny'\n").start();
    let anonymous = Upgrade::new("/client/hubs/chat").offer(JSON);
    assert_eq!(anonymous.status(&server), 401);
    assert!(server.reload("[hubs.chat]\nanonymousConnectPolicy = 'allow'\n"));
    let mut client = Client::greeted(anonymous.accepted(&server));
    assert!(server.reload("[hubs.other]\n"));
    assert_eq!(anonymous.status(&server), 401);
    assert_eq!(client.sync().len(), 0);
}

#[test]
fn an_invalid_configuration_changes_nothing() {
    // O36: neither the part that is wrong nor the rest.
    let (upstream, other) = (Upstream::start(), Upstream::start());
    let settings = format!("{}[hubs.chat]\n", keys(PRIMARY_KEY, SECONDARY_KEY));
    let old = format!("{settings}{}", upstream.handler(ALL_EVENTS));
    let server = Setup::new().without_keys().config(&old).start();
    let mut client = server.client().connect();
    let elsewhere = other.handler(ALL_EVENTS);
    let new_keys = keys(NEW_KEY, SECONDARY_KEY);
    for invalid in [
        "not TOML at all".to_owned(),
        format!("{new_keys}{elsewhere}unknownKey = 1\n"),
        format!("{new_keys}{elsewhere}userEventPattern = '*'\n"),
        format!("{new_keys}{elsewhere}auth = {{ type = 'Basic' }}\n"),
        format!("eventAttempts = 0\n{new_keys}{elsewhere}"),
        format!("accessKey = 'too short'\n{elsewhere}"),
        format!("accessKey = 'file:/nowhere/key'\n{elsewhere}"),
        format!("{new_keys}[hubs.chat]\nanonymousConnectPolicy = 'maybe'\n{elsewhere}"),
    ] {
        assert!(!server.reload(&invalid), "{invalid}");
        client.succeed(event("e", ""));
        assert_eq!(Upgrade::new("/client/hubs/chat").status(&server), 401);
        drop(server.client().connect());
    }
    assert_eq!(other.events().len(), 0);
    assert_eq!(upstream.all("e").len(), 8);
    server.await_log("configuration not reloaded");
    // The next valid one is taken as if nothing had been.
    assert!(server.reload(&format!("{settings}{elsewhere}")));
    client.succeed(event("e", ""));
    assert_eq!(other.next("e").connection_id(), client.id);
}

#[test]
fn events_under_way_end_where_they_began() {
    // 2.3: a reload does not lose them.
    let (first, second) = (Upstream::start(), Upstream::start());
    let hold = Hold::new();
    first.once("slow", Answer::text("from the first").held(&hold));
    let server = Setup::new().config(&first.handler(USER_EVENTS)).start();
    let mut client = server.client().connect();
    client.send_json(&event("slow", ""));
    first.next("slow");
    assert!(server.reload(&second.handler(USER_EVENTS)));
    hold.release();
    assert_eq!(client.json()["data"], "from the first");
    client.succeed(event("e", ""));
    second.next("e");
}
