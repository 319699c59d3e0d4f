//! What waits for what (events-webhook.md, section 13).

use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{
    ALL_EVENTS, Answer, Frame, Hold, Request, Server, Setup, USER_EVENTS, Upstream, Wire, event,
    frame, publication,
};

fn handled_by(upstream: &Upstream, settings: &str) -> Server {
    Setup::new().config(&upstream.handler(settings)).start()
}

fn answered(request: &Request) -> Instant {
    request.answered().unwrap_or_else(|| panic!("not answered yet: {request:?}"))
}

#[test]
fn frames_of_a_simple_client_are_handled_one_by_one() {
    // E55; 13.1: while control frames are answered at once.
    let upstream = Upstream::start();
    let server = handled_by(&upstream, USER_EVENTS);
    let hold = Hold::new();
    upstream.once("message", Answer::text("1").held(&hold));
    upstream.respond("message", |request| Answer::text(request.text()));
    let mut wire = server.client().simple().wire();
    for text in ["1", "2", "3"] {
        wire.send(Frame::new(frame::TEXT, text).bytes());
    }
    wire.send(Frame::new(frame::PING, "now").bytes());
    upstream.next("message");
    assert_eq!(wire.frame().text(), "now");
    // An event of somebody else overtakes those that wait.
    let mut other = server.client().simple().connect();
    other.send("other");
    assert_eq!(other.text(), "other");
    assert_eq!(upstream.all("message").len(), 2);
    hold.release();
    for text in ["1", "2", "3"] {
        assert_eq!(wire.frame().text(), text);
    }
    let mut requests = upstream.all("message");
    requests.retain(|request| request.text() != "other");
    let texts: Vec<_> = requests.iter().map(|request| request.text()).collect();
    assert_eq!(texts, ["1", "2", "3"]);
    for pair in requests.windows(2) {
        assert!(pair[1].arrived >= answered(&pair[0]), "{pair:?}");
        assert_eq!(pair[1].id(), pair[0].id() + 1);
    }
}

#[test]
fn requests_wait_for_the_event_before_them() {
    // J38, E55, E68: all but pings, whose answer does not wait.
    let upstream = Upstream::start();
    let server = handled_by(&upstream, USER_EVENTS);
    let hold = Hold::new();
    upstream.once("slow", Answer::text("slow").held(&hold));
    let mut client = server.client().permitted().connect();
    let requests = [
        event("slow", ""),
        event("next", ""),
        json!({"type": "joinGroup", "group": "room"}),
        publication("room", "from itself"),
    ];
    for (mut request, id) in requests.into_iter().zip(1..) {
        request["ackId"] = json!(id);
        client.send_json(&request);
    }
    upstream.next("slow");
    // Twice: what the server says at once is said before the second answer.
    assert_eq!(client.sync(), [] as [Value; 0]);
    assert_eq!(client.sync(), [] as [Value; 0]);
    assert_eq!(upstream.all("next").len(), 0);
    hold.release();
    assert_eq!(client.json()["data"], "slow");
    for id in [1, 2] {
        assert_eq!(client.json()["ackId"], id);
    }
    // The publication is executed after the join, so it comes back; the join's ack waits for the
    // other shards, so these three may come in any order.
    let mut last: Vec<_> =
        (0..3).map(|_| client.json()).map(|m| (m["ackId"].clone(), m["data"].clone())).collect();
    last.sort_by_key(|(id, _)| id.as_u64());
    let expected =
        [(json!(null), json!("from itself")), (json!(3), json!(null)), (json!(4), json!(null))];
    assert_eq!(last, expected);
    let slow = &upstream.all("slow")[0];
    assert!(upstream.next("next").arrived >= answered(slow));
}

#[test]
fn messages_reach_a_client_whose_event_is_under_way() {
    // 13.1
    let upstream = Upstream::start();
    let server = handled_by(&upstream, USER_EVENTS);
    let hold = Hold::new();
    upstream.once("slow", Answer::status(204).held(&hold));
    let mut waiting = server.client().groups(&["room"]).connect();
    waiting.send_json(&event("slow", ""));
    upstream.next("slow");
    server.client().permitted().connect().publish("room", "meanwhile");
    assert_eq!(waiting.group_text("room"), "meanwhile");
    hold.release();
}

#[test]
fn many_requests_may_wait_and_none_is_lost() {
    // 13.1: more than are kept; the rest waits in the socket.
    let upstream = Upstream::start();
    let server = handled_by(&upstream, USER_EVENTS);
    let hold = Hold::new();
    upstream.once("message", Answer::status(204).held(&hold));
    upstream.respond("message", |request| Answer::text(&request.text()[..5]));
    let stream = server.client().simple().connect().into_socket().into_inner();
    let mut reader = Wire::from(stream.try_clone().expect("a socket"));
    let mut writer = Wire::from(stream);
    const COUNT: usize = 500;
    let filler = "x".repeat(20_000);
    let sender = std::thread::spawn(move || {
        for number in 0..COUNT {
            writer.send(Frame::new(frame::TEXT, format!("{number:05} {filler}")).bytes());
        }
    });
    upstream.next("message");
    hold.release();
    for number in 1..COUNT {
        assert_eq!(reader.frame().text(), format!("{number:05}"));
    }
    sender.join().expect("everything was sent");
}

#[test]
fn events_of_different_connections_run_side_by_side() {
    // E56
    const COUNT: usize = 16;
    let upstream = Upstream::start();
    let server = handled_by(&upstream, USER_EVENTS);
    let hold = Hold::new();
    upstream.always("e", Answer::text("done").held(&hold));
    let mut clients: Vec<_> = (0..COUNT).map(|_| server.client().connect()).collect();
    for client in &mut clients {
        client.send_json(&event("e", ""));
    }
    // All have arrived while none is answered.
    for request in upstream.await_all("e", COUNT) {
        assert_eq!(request.answered(), None);
    }
    hold.release();
    for client in &mut clients {
        assert_eq!(client.json()["data"], "done");
    }
}

#[test]
fn the_end_is_told_after_the_last_event() {
    // E57; 7.4: the client goes while its event is under way.
    let upstream = Upstream::start();
    let server = handled_by(&upstream, ALL_EVENTS);
    for orderly in [true, false] {
        let hold = Hold::new();
        upstream.once("e", Answer::text("too late").held(&hold));
        let mut client = server.client().connect();
        client.send_json(&event("e", ""));
        let last = upstream.next("e");
        if orderly {
            client.leave_server()
        } else {
            drop(client)
        }
        server.await_metric("corecast_connections", &[], 0.0);
        // Somebody else comes and goes meanwhile, which shows that ends are told.
        let other = server.client().user("other").connect();
        other.leave_server();
        assert_eq!(upstream.next("disconnected").header("ce-userId"), Some("other"));
        hold.release();
        let ended = upstream.next("disconnected");
        assert_eq!(ended.connection_id(), last.connection_id());
        assert!(ended.arrived >= answered(&last));
        assert_eq!(ended.id(), last.id() + 1);
    }
}

#[test]
fn the_end_is_not_told_before_the_beginning() {
    // 13.3: `connected` has been answered or has failed first.
    let upstream = Upstream::start();
    let server = handled_by(&upstream, ALL_EVENTS);
    let hold = Hold::new();
    upstream.once("connected", Answer::status(204).held(&hold));
    let client = server.client().connect();
    let connected = upstream.next("connected");
    client.leave_server();
    let other = server.client().user("other").connect();
    other.leave_server();
    assert_eq!(upstream.next("disconnected").header("ce-userId"), Some("other"));
    hold.release();
    let ended = upstream.next("disconnected");
    assert_eq!(ended.connection_id(), connected.connection_id());
    assert!(ended.arrived >= answered(&connected));
}

#[test]
fn connected_is_not_waited_for() {
    // 13.3: the first event of the connection does not wait for its answer.
    let upstream = Upstream::start();
    let server = handled_by(&upstream, ALL_EVENTS);
    let hold = Hold::new();
    upstream.once("connected", Answer::status(204).held(&hold));
    let mut client = server.client().connect();
    client.succeed(event("e", ""));
    assert_eq!(upstream.next("connected").answered(), None);
    hold.release();
}
