//! Clients whose handler has not decided yet (events-webhook.md, sections 7.4, 8.1 and 8.3.2).

use std::collections::HashMap;

use rustix::process::Signal;

use crate::support::{
    ALL_EVENTS, Answer, Call, Frame, Hold, ONE_ATTEMPT, Server, Setup, Upstream, Wire, event, frame,
};

fn handled_by(upstream: &Upstream) -> Server {
    Setup::new().config(ONE_ATTEMPT).config(&upstream.handler(ALL_EVENTS)).start()
}

/// A handshake that is sent and not waited for.
fn knock(server: &Server, user: &str) -> Wire {
    let mut wire = Wire::connect(server.address);
    wire.send(server.client().user(user).upgrade().bytes());
    wire
}

#[test]
fn clients_come_in_side_by_side() {
    // E56: one that waits for its handler holds nobody up.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let hold = Hold::new();
    upstream.once("connect", Answer::status(204).held(&hold));
    let mut waiting = knock(&server, "ana");
    let id = upstream.next("connect").connection_id().to_owned();
    for _ in 0..8 {
        server.client().connect().succeed(event("e", ""));
    }
    // Who waits is not there yet, for nobody.
    Call::new("HEAD", format!("connections/{id}")).expect(&server, 404);
    Call::new("HEAD", "users/ana").expect(&server, 404);
    hold.release();
    assert_eq!(waiting.response(true).status, 101);
    assert!(waiting.frame().text().contains(&id));
    Call::new("HEAD", format!("connections/{id}")).expect(&server, 200);
}

#[test]
fn what_a_client_sends_while_it_waits_is_processed_afterwards() {
    // C29: with a handler that takes its time; more than one read brings.
    const COUNT: usize = 50;
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let hold = Hold::new();
    upstream.once("connect", Answer::status(204).held(&hold));
    upstream.respond("message", |request| Answer::text(&request.text()[..3]));
    let mut early = Wire::connect(server.address);
    let filler = "x".repeat(4000);
    let mut bytes = server.client().simple().upgrade().bytes();
    for number in 0..COUNT {
        bytes.extend(Frame::new(frame::TEXT, format!("{number:03}{filler}")).bytes());
    }
    early.send(&bytes);
    upstream.next("connect");
    hold.release();
    assert_eq!(early.response(true).status, 101);
    for number in 0..COUNT {
        assert_eq!(early.frame().text(), format!("{number:03}"));
    }
}

#[test]
fn an_admitted_client_that_has_gone_is_said_to_be_disconnected() {
    // E35: 8.3.2, even if the upgrade itself could not be finished.
    let upstream = Upstream::start();
    let mut server =
        Setup::new().shards(1).config(ONE_ATTEMPT).config(&upstream.handler(ALL_EVENTS)).start();
    let hold = Hold::new();
    upstream.once("connect", Answer::status(204).held(&hold));
    let leaving = knock(&server, "ana");
    assert_eq!(upstream.next("connect").header("ce-userId"), Some("ana"));
    drop(leaving);
    // Whoever comes later is served later: the shard knows of the end by then.
    let mut marker = server.client().connect();
    assert_eq!(marker.sync().len(), 0);
    hold.release();
    let disconnected = upstream.next("disconnected");
    assert_eq!(disconnected.header("ce-userId"), Some("ana"));
    marker.leave_server();
    server.stop();
    let ana = |name: &str| {
        let all = upstream.all(name);
        all.iter().filter(|request| request.header("ce-userId") == Some("ana")).count()
    };
    assert_eq!((ana("connected"), ana("disconnected")), (0, 1));
}

#[test]
fn a_refused_client_that_has_gone_was_never_there() {
    // E33
    let upstream = Upstream::start();
    let mut server = handled_by(&upstream);
    let hold = Hold::new();
    upstream.once("connect", Answer::status(401).held(&hold));
    let leaving = knock(&server, "ana");
    upstream.next("connect");
    drop(leaving);
    hold.release();
    server.await_events("connect", "failed_status", 1.0);
    server.stop();
    assert_eq!(upstream.event_names(), ["connect"]);
}

#[test]
fn many_that_come_and_go_meanwhile_are_each_told_once() {
    // E35, O2: whatever moment each of them chooses.
    const COUNT: usize = 200;
    let upstream = Upstream::start();
    let mut server =
        Setup::new().shards(4).config(ONE_ATTEMPT).config(&upstream.handler(ALL_EVENTS)).start();
    let hold = Hold::new();
    upstream.always("connect", Answer::status(204).held(&hold));
    let mut waiting: Vec<_> = (0..COUNT).map(|_| knock(&server, "ana")).collect();
    upstream.await_all("connect", COUNT / 2);
    let mut number = 0;
    waiting.retain(|_| {
        number += 1;
        number % 3 != 0
    });
    hold.release();
    // These go without looking, those after they were let in.
    waiting.truncate(COUNT / 3);
    for wire in &mut waiting {
        assert_eq!(wire.response(true).status, 101);
    }
    drop(waiting);
    upstream.await_all("connect", COUNT);
    server.await_events("connect", "delivered", COUNT as f64);
    server.await_metric("corecast_connections", &[], 0.0);
    server.stop();
    let mut counts: HashMap<String, [usize; 3]> = HashMap::new();
    for request in upstream.events() {
        let entry = counts.entry(request.connection_id().to_owned()).or_default();
        let place = ["connect", "connected", "disconnected"];
        let place = place.iter().position(|name| *name == request.name());
        entry[place.expect("one of these")] += 1;
    }
    assert_eq!(counts.len(), COUNT);
    for (id, [connect, connected, disconnected]) in counts {
        assert_eq!((connect, disconnected), (1, 1), "{id}");
        assert!(connected <= 1, "{id}");
    }
}

#[test]
fn a_handler_that_hangs_does_not_keep_a_stopping_server() {
    // O35: with events of all kinds under way.
    let upstream = Upstream::start();
    let args = ["--shutdown-grace", "0s", "--drain-deadline", "1s"];
    let mut server = Setup::new().args(&args).config(&upstream.handler(ALL_EVENTS)).start();
    let mut client = server.client().connect();
    upstream.next("connected");
    for name in ["connect", "connected", "e", "disconnected"] {
        upstream.always(name, Answer::never());
    }
    client.send_json(&event("e", ""));
    upstream.next("e");
    upstream.next("connect");
    let mut waiting = knock(&server, "ana");
    upstream.next("connect");
    server.signal(Signal::TERM);
    assert_eq!(client.disconnected().code, 1001);
    // Whoever was not let in yet is not let in any more.
    assert!(waiting.response_or_end().is_none_or(|response| response.status >= 500));
    assert_eq!(server.exit().code(), Some(0));
    assert_eq!(upstream.all("disconnected").len(), 0, "its last event is still under way");
}
