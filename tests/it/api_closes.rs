//! Connections that the application ends (rest-api.md, section 6.5).

use serde_json::json;

use crate::support::{Call, Client, Close, Endpoint, Server, on_shards};

fn check_end(client: &mut Client, reason: &str) {
    let told = client.json();
    let expected = json!({"type": "system", "event": "disconnected", "message": reason});
    assert_eq!(told, expected);
    let close = client.closed();
    assert_eq!(close.code, 1000);
    assert!(reason.starts_with(&close.reason), "{close:?}");
    assert!(close.reason.len() >= reason.len().min(120), "{close:?}");
}

fn check_silent_end(client: &mut Client) {
    assert_eq!(client.closed(), Close { code: 1000, reason: String::new() });
}

/// The four closes, of a client of the user `ana` in the group `room`.
fn closes(id: &str) -> [Call; 4] {
    [
        Call::new("DELETE", format!("connections/{id}")),
        Call::post("users/ana/:closeConnections"),
        Call::post("groups/room/:closeConnections"),
        Call::post(":closeConnections"),
    ]
}

#[test]
fn a_reason_reaches_clients_with_an_envelope() {
    // A63, A64, C50
    on_shards(&[1, 2, 4], |server| {
        let long = "é".repeat(200);
        for shard in 0..server.shards {
            for number in 0..4 {
                for reason in ["", "bye", "with \"quotes\" / & +", &long] {
                    let guest = server.client().user("ana").groups(&["room"]);
                    let mut client = guest.clone().on(shard).connect();
                    let mut simple = guest.simple().connect();
                    let call = closes(&client.id)[number].clone();
                    let call = if reason.is_empty() { call } else { call.query("reason", reason) };
                    call.expect(server, 204);
                    // 6.5.2: it does not exist any more when the answer is there.
                    let exists = Call::new("HEAD", format!("connections/{}", client.id));
                    exists.expect(server, 404);
                    check_end(&mut client, reason);
                    if number == 0 {
                        Call::post(":closeConnections").expect(server, 204);
                    }
                    check_silent_end(&mut simple);
                    for gone in ["users/ana", "groups/room"] {
                        Call::new("HEAD", gone).expect(server, 404);
                    }
                }
            }
        }
    });
}

#[test]
fn excluded_connections_stay() {
    // A7, A53
    on_shards(&[1, 2, 4], |server| {
        for number in 1..4 {
            let guest = server.client().user("ana").groups(&["room"]);
            let mut clients: Vec<_> = (0..server.shards)
                .flat_map(|shard| [shard; 2])
                .map(|shard| guest.clone().on(shard).connect())
                .collect();
            let (mut gone, mut kept) = (Vec::new(), Vec::new());
            while let (Some(one), Some(other)) = (clients.pop(), clients.pop()) {
                gone.push(one);
                kept.push(other);
            }
            let call = kept.iter().fold(closes("")[number].clone(), |call, client| {
                call.query("excluded", &client.id)
            });
            call.expect(server, 204);
            for client in &mut gone {
                check_end(client, "");
            }
            for client in &mut kept {
                Call::new("HEAD", format!("connections/{}", client.id)).expect(server, 200);
                assert!(client.sync().is_empty());
            }
            Call::post(":closeConnections").expect(server, 204);
        }
    });
}

#[test]
fn others_are_not_touched() {
    // A7
    on_shards(&[1, 2, 4], |server| {
        let others = bystanders(server);
        for call in &closes("none")[..3] {
            call.expect(server, 204);
        }
        Call::to("POST", "/api/hubs/never_used/:closeConnections").expect(server, 204);
        for mut client in others {
            assert!(client.sync().is_empty());
        }
    });
}

fn bystanders(server: &Endpoint) -> Vec<Client> {
    let guest = || server.client();
    (0..server.shards)
        .flat_map(|shard| {
            [
                guest().user("ben").groups(&["hall"]).on(shard).connect(),
                guest().hub("other").user("ana").groups(&["room"]).on(shard).connect(),
                guest().on(shard).connect(),
            ]
        })
        .collect()
}

#[test]
fn what_was_sent_before_arrives_before_the_end() {
    // A63, A74: up to the close everything is in order.
    on_shards(&[1, 2, 4], |server| {
        for shard in 0..server.shards {
            let mut client = server.client().user("ana").groups(&["room"]).on(shard).connect();
            for call in [
                Call::text(":send", "one"),
                Call::text("groups/room/:send", "two"),
                Call::text("users/ana/:send", "three"),
                closes(&client.id)[0].clone().query("reason", "end"),
                Call::text(":send", "too late"),
            ] {
                let status = call.status(server);
                assert!(matches!(status, 202 | 204), "{status}");
            }
            for expected in ["one", "two", "three"] {
                assert_eq!(client.json()["data"], expected);
            }
            check_end(&mut client, "end");
        }
    });
}

#[test]
fn a_close_by_the_application_has_its_own_category() {
    // O3; 6.5.4
    let server = Server::start();
    let client = server.client().connect();
    let _simple = server.client().simple().connect();
    closes(&client.id)[0].expect(&server, 204);
    closes("")[3].expect(&server, 204);
    let closed = "corecast_connections_closed_total";
    server.await_metric(closed, &[("category", "ClosedByAppServer")], 2.0);
    server.await_metric(closed, &[], 2.0);
}
