//! Connections of callers: kept, pipelined, in pieces, ended (rest-api.md, section 1).

use crate::support::{Call, Server, Wire, on_shards};

#[test]
fn a_connection_serves_any_number_of_requests() {
    // A2, A5: also after refusals.
    let server = Server::start();
    let mut client = server.client().connect();
    let mut wire = Wire::connect(server.address);
    for round in 0..20 {
        let text = format!("round {round}");
        assert_eq!(Call::text(":send", &text).over(&mut wire).status, 202);
        assert_eq!(client.json()["data"], *text);
        assert_eq!(Call::new("HEAD", "groups/none").over(&mut wire).status, 404);
        assert_eq!(Call::new("HEAD", "groups/none").unauthorized().over(&mut wire).status, 401);
        let wrong = Call::post(":send").body("application/json", "{");
        assert_eq!(wrong.over(&mut wire).status, 400);
    }
}

#[test]
fn a_body_that_is_not_wanted_is_no_further_request() {
    // A31: either it is read over, or the connection ends and says so.
    let server = Server::start();
    let mut client = server.client().connect();
    let smuggled = Call::text(":send", "smuggled").bytes();
    for refused in [
        Call::post(":send").body("text/plain", smuggled.clone()).unauthorized(),
        Call::post(":nothing").body("text/plain", smuggled.clone()),
        Call::post(":send").query("messageTtlSeconds", "x").body("text/plain", smuggled.clone()),
        Call::new("PUT", "groups/g/connections/none").body("text/plain", smuggled.clone()),
        Call::new("HEAD", "groups/g").body("text/plain", smuggled),
    ] {
        let mut wire = Wire::connect(server.address);
        let response = refused.over(&mut wire);
        assert!((400..405).contains(&response.status), "{response:?}");
        if response.header("connection") == Some("close") {
            wire.end();
        } else {
            assert_eq!(Call::new("HEAD", "groups/none").over(&mut wire).status, 404);
        }
    }
    Call::text(":send", "marker").expect(&server, 202);
    assert_eq!(client.json()["data"], "marker");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    // A2, A74: the second waits until the first is done, wherever their targets live.
    on_shards(&[1, 2, 4], |server| {
        let mut clients: Vec<_> = (0..server.shards)
            .map(|shard| server.client().user("ana").on(shard).connect())
            .collect();
        let last = clients.len() - 1;
        let id = clients[last].id.clone();
        let calls = [
            (Call::new("HEAD", "users/ana"), 200),
            (Call::text(":send", "one"), 202),
            (Call::new("PUT", format!("groups/room/connections/{id}")), 200),
            (Call::new("HEAD", "groups/room"), 200),
            (Call::text("groups/room/:send", "two"), 202),
            (Call::new("DELETE", "users/ana/groups"), 204),
            (Call::new("HEAD", "groups/room"), 404),
            (Call::new("PUT", "groups/room/connections/none"), 404),
            (Call::text("users/ana/:send", "three"), 202),
            (Call::new("GET", "groups/room/connections"), 200),
        ];
        let mut wire = Wire::connect(server.address);
        wire.send(calls.iter().flat_map(|(call, _)| call.bytes()).collect::<Vec<_>>());
        for (call, status) in &calls {
            assert_eq!(call.answer(&mut wire).status, *status, "{}", call.target());
        }
        for (index, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.json()["data"], "one");
            if index == last {
                assert_eq!(client.json()["data"], "two");
            }
            assert_eq!(client.json()["data"], "three");
        }
    });
}

#[test]
fn a_long_pipeline_is_served_whole() {
    // A74: more than any buffer holds at once.
    let server = Server::start();
    let mut client = server.client().connect();
    let mut wire = Wire::connect(server.address);
    let count = 500;
    let calls: Vec<u8> =
        (0..count).flat_map(|n| Call::text(":send", &n.to_string()).bytes()).collect();
    wire.send(calls);
    for n in 0..count {
        assert_eq!(wire.response(true).status, 202);
        assert_eq!(client.json()["data"], n.to_string());
    }
}

#[test]
fn requests_come_in_any_pieces() {
    // A2
    let server = Server::start();
    let mut client = server.client().connect();
    let mut wire = Wire::connect(server.address);
    wire.send_bytewise(&Call::text(":send", "bytewise").bytes());
    assert_eq!(wire.response(true).status, 202);
    assert_eq!(client.json()["data"], "bytewise");
}

#[test]
fn connections_end_when_asked_to() {
    // RFC 9112, section 9.6
    let server = Server::start();
    let mut client = server.client().connect();
    let mut wire = Wire::connect(server.address);
    wire.send(Call::text(":send", "last").header("Connection", "close").bytes());
    assert_eq!(wire.response(true).status, 202);
    wire.end();
    assert_eq!(client.json()["data"], "last");
}

#[test]
fn callers_that_leave_harm_nobody() {
    // A2: in the middle of a head, of a body, before the answer.
    let server = Server::start();
    let mut client = server.client().connect();
    let bytes = Call::text(":send", "unfinished").bytes();
    for length in [1, 20, bytes.len() - 5] {
        Wire::connect(server.address).send(&bytes[..length]);
    }
    for _ in 0..20 {
        Wire::connect(server.address).send(Call::new("HEAD", "users/ana").bytes());
    }
    Call::text(":send", "marker").expect(&server, 202);
    assert_eq!(client.json()["data"], "marker");
}

#[test]
fn a_caller_that_has_finished_sending_still_gets_its_answer() {
    // A repeated send would reach clients twice (5.1.4), so a half-closed caller is answered.
    on_shards(&[1, 2], |server| {
        for call in [Call::text(":send", "hello"), Call::new("HEAD", "users/nobody")] {
            let mut wire = Wire::connect(server.address);
            wire.send(call.bytes());
            wire.finish();
            let response = call.answer(&mut wire);
            assert!(matches!(response.status, 202 | 404), "{response:?}");
            wire.end();
        }
    });
}
