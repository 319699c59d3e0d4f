//! Coming to groups and leaving them (events-webhook.md, section 10).

use std::sync::Arc;

use serde_json::json;

use crate::events_request::signature;
use crate::support::{
    Answer, Call, ONE_ATTEMPT, PRIMARY_KEY, Request, SECONDARY_KEY, Setup, Upstream, encoded,
};

const PRESENCE: &str = "groupPresenceEvents = { eventNames = ['joined', 'left'] }\n";
const WITH_ENDS: &str = "systemEvents = ['connect', 'connected', 'disconnected']\n\
     groupPresenceEvents = { eventNames = ['joined', 'left'] }\n";

fn check(request: &Request, name: &str, connection_id: &str, group: &str) {
    assert_eq!(request.expect("ce-type"), format!("azure.webpubsub.gp.{name}"));
    assert_eq!(request.expect("Content-Type"), "application/json; charset=utf-8");
    assert_eq!(request.json(), json!({ "group": group }));
    assert_eq!(request.connection_id(), connection_id);
    assert_eq!(request.expect("ce-hub"), "chat");
    let expected = [PRIMARY_KEY, SECONDARY_KEY].map(|key| signature(key, connection_id));
    assert_eq!(request.expect("ce-signature"), expected.join(","));
}

#[test]
fn the_clients_own_joins_and_leaves_are_told_once() {
    // E58: only what changes anything.
    let upstream = Upstream::start();
    let mut server = Setup::new().config(&upstream.handler(PRESENCE)).start();
    let mut client = server.client().user("ana").permitted().connect();
    let group = "room \"é\"";
    for _ in 0..2 {
        client.join(group);
    }
    for _ in 0..2 {
        client.leave(group);
    }
    client.leave("never joined");
    for name in ["joined", "left"] {
        let request = upstream.next(name);
        check(&request, name, &client.id, group);
        assert_eq!(request.expect("ce-userId"), "ana");
        assert_eq!(request.target, format!("/chat/{name}"));
    }
    client.leave_server();
    server.stop();
    assert_eq!(upstream.events().len(), 2);
}

#[test]
fn memberships_of_every_origin_are_told() {
    // E58: the application's requests, the token's groups and the handler's answer.
    let upstream = Upstream::start();
    let mut server = Setup::new().config(&upstream.handler(WITH_ENDS)).start();
    let client = server.client().groups(&["token"]).connect();
    check(&upstream.next("joined"), "joined", &client.id, "token");
    for method in ["PUT", "PUT", "DELETE", "DELETE"] {
        let path = format!("groups/{}/connections/{}", encoded("rest"), client.id);
        assert!(Call::new(method, path).status(&server) < 300);
    }
    check(&upstream.next("joined"), "joined", &client.id, "rest");
    check(&upstream.next("left"), "left", &client.id, "rest");
    let id = client.id.clone();
    client.leave_server();
    check(&upstream.next("left"), "left", &id, "token");

    upstream.once("connect", Answer::json(&json!({"groups": ["answer", "answer"]})));
    let client = server.client().connect();
    check(&upstream.next("joined"), "joined", &client.id, "answer");
    client.leave_server();
    server.stop();
    assert_eq!(upstream.all("joined").len(), 3);
}

#[test]
fn the_groups_are_left_before_the_end() {
    // E58: 10.3; and joined after the beginning, which the numbers say.
    let upstream = Upstream::start();
    let mut server = Setup::new().config(&upstream.handler(WITH_ENDS)).start();
    let client = server.client().groups(&["a", "b"]).connect();
    drop(client);
    server.await_metric("corecast_connections", &[], 0.0);
    server.stop();
    let mut events: Vec<Arc<Request>> = upstream.events();
    events.sort_by_key(|request| request.id());
    let names: Vec<_> = events.iter().map(|request| request.name()).collect();
    assert_eq!(names, ["connect", "connected", "joined", "joined", "left", "left", "disconnected"]);
    let ids: Vec<_> = events.iter().map(|request| request.id()).collect();
    assert_eq!(ids, [0, 1, 2, 3, 4, 5, 6]);
}

#[test]
fn filters_choose_events_and_groups() {
    // E58: with case, because groups have one.
    let upstream = Upstream::start();
    let filtered =
        "groupPresenceEvents = { eventNames = ['joined'], groupFilters = ['room.*', 'x'] }";
    let deep = "groupPresenceEvents = { eventNames = ['left'], groupFilters = ['**'] }";
    let mut server = Setup::new()
        .config(ONE_ATTEMPT)
        .config(&upstream.handler_at("/filtered/{event}", filtered))
        .config(&upstream.handler_at("/deep/{event}", deep))
        .start();
    let mut client = server.client().permitted().connect();
    let groups = ["room.a", "room.a.b", "Room.a", "x", "y"];
    for group in groups {
        client.join(group);
        client.leave(group);
    }
    client.leave_server();
    server.stop();
    let told = |name: &str| {
        let mut told: Vec<_> = upstream
            .all(name)
            .iter()
            .map(|request| (request.path().to_owned(), request.json()["group"].clone()))
            .collect();
        told.sort_by_key(|(_, group)| group.to_string());
        told
    };
    let expected = |path: &str, groups: &[&str]| -> Vec<_> {
        groups.iter().map(|group| (path.to_owned(), json!(group))).collect()
    };
    assert_eq!(told("joined"), expected("/filtered/joined", &["room.a", "x"]));
    let mut sorted = groups;
    sorted.sort_by_key(|group| json!(group).to_string());
    assert_eq!(told("left"), expected("/deep/left", &sorted));
}

#[test]
fn without_wanting_them_there_are_none() {
    // E58
    let upstream = Upstream::start();
    let none = "userEventPattern = '*'\ngroupPresenceEvents = { eventNames = [] }\n";
    let mut server = Setup::new().config(&upstream.handler(none)).start();
    let mut client = server.client().permitted().groups(&["token"]).connect();
    client.join("room");
    client.leave_server();
    server.stop();
    assert_eq!(upstream.event_names(), [""; 0]);
}

#[test]
fn failures_do_not_touch_the_membership() {
    // E58: nobody waits for the answer.
    let upstream = Upstream::start();
    upstream.always("joined", Answer::status(500));
    let server = Setup::new().config(ONE_ATTEMPT).config(&upstream.handler(PRESENCE)).start();
    let mut client = server.client().permitted().connect();
    client.join("room");
    server.await_events("presence", "failed_status", 1.0);
    client.publish("room", "still a member");
    assert_eq!(client.group_text("room"), "still a member");
}
