//! `connected` and `disconnected`, and why a connection ended (events-webhook.md, sections 8.2
//! and 8.3).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::slow_clients::{narrow, publish};
use crate::support::{
    ALL_EVENTS, Answer, Call, Frame, ONE_ATTEMPT, Server, Setup, Upstream, event, frame,
};

fn handled_by(upstream: &Upstream) -> Server {
    Setup::new().config(ONE_ATTEMPT).config(&upstream.handler(ALL_EVENTS)).start()
}

/// The reason that the next `disconnected` event gives.
fn reason(upstream: &Upstream) -> Value {
    let request = upstream.next("disconnected");
    let body = request.json();
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{request:?}");
    body["reason"].clone()
}

#[test]
fn connected_and_disconnected_are_notes_in_json() {
    // E34, E35: the beginning and the end of every kind of client.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    for guest in [server.client().user("ana"), server.client().user("ana").simple()] {
        guest.connect().leave_server();
        for (name, body) in [("connected", "{}"), ("disconnected", r#"{"reason":""}"#)] {
            let request = upstream.next(name);
            assert_eq!(request.expect("Content-Type"), "application/json; charset=utf-8");
            assert_eq!(request.text(), body);
            assert_eq!(request.header("ce-userId"), Some("ana"));
        }
    }
}

#[test]
fn the_clients_own_reason_is_told() {
    // E35: 8.3.3.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    for (code, text) in [(1000, "so long"), (1001, "é 日本"), (3000, "x"), (1000, "")] {
        let mut client = server.client().connect();
        client.send_close(code, text);
        client.closed();
        assert_eq!(reason(&upstream), text);
    }
    // A close frame without anything in it.
    let mut wire = server.client().simple().wire();
    wire.send(Frame::new(frame::CLOSE, "").bytes());
    wire.close();
    assert_eq!(reason(&upstream), "");
}

#[test]
fn the_reason_of_a_close_by_the_application_is_told_in_full() {
    // E37: also what a close frame has no room for.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let long = "é".repeat(200);
    for text in ["r", "with \"quotes\" and\nlines", &long, ""] {
        for guest in [server.client().user("ana"), server.client().user("ana").simple()] {
            let _client = guest.connect();
            let call = Call::post("users/ana/:closeConnections");
            let call = if text.is_empty() { call } else { call.query("reason", text) };
            call.expect(&server, 204);
            assert_eq!(reason(&upstream), text);
        }
    }
}

#[test]
fn the_server_says_why_it_let_go() {
    // E35: 8.3.3; E45.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    for guest in [server.client(), server.client().simple()] {
        drop(guest.connect());
        assert_eq!(reason(&upstream), "The client connection was lost.");
    }
    upstream.once("message", Answer::status(400));
    let mut failing = server.client().simple().connect();
    failing.send("text");
    assert_eq!(failing.closed().code, 1011);
    assert_eq!(reason(&upstream), "The event handler failed.");

    let (mut slow, _handle) = narrow(&server);
    slow.send(server.client().groups(&["room"]).simple().upgrade().bytes());
    assert_eq!(slow.response(true).status, 101);
    publish(&server, 8 * 1024, 4096, &mut []);
    server.await_metric("corecast_slow_client_drops_total", &[], 1.0);
    // The publisher has gone as well.
    let reasons = [reason(&upstream), reason(&upstream)];
    assert!(reasons.contains(&json!("The outbound message queue is full.")), "{reasons:?}");
}

#[test]
fn a_stopping_server_says_so_about_everyone() {
    // O35: every connection's event is sent before the end.
    let upstream = Upstream::start();
    let mut server = Setup::new()
        .shards(4)
        .args(&["--shutdown-grace", "0s"])
        .config(&upstream.handler(ALL_EVENTS))
        .start();
    let guests = [server.client(), server.client().simple()];
    let clients: Vec<_> = (0..40).map(|number| guests[number % 2].connect()).collect();
    upstream.await_all("connected", clients.len());
    let readers: Vec<_> = clients
        .into_iter()
        .map(|mut client| std::thread::spawn(move || while client.try_next().is_ok() {}))
        .collect();
    server.stop();
    for reader in readers {
        reader.join().expect("a client that was told");
    }
    let told = upstream.all("disconnected");
    assert_eq!(told.len(), 40);
    for request in told {
        assert_eq!(request.json()["reason"], "The service is restarting.", "{request:?}");
    }
}

#[test]
fn every_connection_ends_once() {
    // E35: however it ends, and even if several ends meet.
    let upstream = Upstream::start();
    let mut server =
        Setup::new().shards(4).config(ONE_ATTEMPT).config(&upstream.handler(ALL_EVENTS)).start();
    upstream.always("message", Answer::status(400));
    for round in 0..20 {
        let guest = server.client().user("ana").groups(&["room"]);
        let mut clients = [guest.connect(), guest.connect(), guest.connect()];
        let mut simple = guest.simple().connect();
        clients[0].send_close(1000, "bye");
        clients[1].send("malformed");
        simple.send("fails");
        let call = ["users/ana/:closeConnections", ":closeConnections"][round % 2];
        Call::post(call).expect(&server, 204);
    }
    server.await_metric("corecast_connections", &[], 0.0);
    server.stop();
    let mut counts: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for request in upstream.events() {
        let entry = counts.entry(request.connection_id().to_owned()).or_default();
        match request.name() {
            "connected" => entry[0] += 1,
            "disconnected" => entry[1] += 1,
            _ => {}
        }
    }
    assert_eq!(counts.len(), 80);
    for (id, count) in counts {
        assert_eq!(count, [1, 1], "{id}");
    }
}

#[test]
fn a_failing_answer_to_a_note_changes_nothing() {
    // E38, E50: not for the client and not for its state.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    for (failures, answer) in (1..).zip([Answer::status(500), Answer::status(404)]) {
        upstream.once("connected", answer.clone().state("ignored"));
        upstream.once("disconnected", answer);
        let mut client = server.client().connect();
        server.await_events("connected", "failed_status", f64::from(failures));
        client.succeed(event("e", ""));
        assert_eq!(upstream.next("e").header("ce-connectionState"), None);
        client.leave_server();
        server.await_events("disconnected", "failed_status", f64::from(failures));
    }
    // A successful one sets no state either.
    upstream.once("connected", Answer::text("ignored").state("ignored"));
    let mut client = server.client().connect();
    server.await_events("connected", "delivered", 1.0);
    client.succeed(event("e", ""));
    assert_eq!(upstream.next("e").header("ce-connectionState"), None);
    assert_eq!(client.sync(), [] as [Value; 0]);
}

#[test]
fn a_handler_that_hangs_on_notes_holds_nobody_up() {
    // E38: nobody waits for the answers.
    let upstream = Upstream::start();
    upstream.always("connected", Answer::never());
    let settings = "eventTimeoutInSeconds = 1\n";
    let server = Setup::new().config(settings).config(&upstream.handler(ALL_EVENTS)).start();
    let mut client = server.client().connect();
    client.succeed(event("e", ""));
    client.leave_server();
    upstream.next("disconnected");
    server.await_events("connected", "failed_timeout", 1.0);
}
