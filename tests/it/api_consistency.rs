//! What an answer promises (rest-api.md, section 5.3): it is true on every shard, and the order of
//! awaited sends is the order of arrival.

use crate::support::{Call, Client, Endpoint, Lines, Wire, on_shards};

/// A change, and questions whose answers change with it.
struct Change {
    call: Call,
    status: u16,
    after: Vec<(Call, u16)>,
}

fn change(call: Call, status: u16, after: Vec<(Call, u16)>) -> Change {
    Change { call, status, after }
}

/// The life of one connection of the user `ana`, told by the API.
fn life(id: &str) -> Vec<Change> {
    let group = |name: &str| Call::new("HEAD", format!("groups/{name}"));
    let connection = Call::new("HEAD", format!("connections/{id}"));
    let member = |name: &str| format!("groups/{name}/connections/{id}");
    let permission =
        |method| Call::new(method, format!("permissions/sendToGroup/connections/{id}"));
    let bulk = |path| {
        let body = r#"{"groups":["a","b"],"filter":"userId eq 'ana'"}"#;
        Call::post(path).body("application/json", body)
    };
    vec![
        change(Call::new("PUT", member("a")), 200, vec![(group("a"), 200)]),
        change(Call::new("PUT", "users/ana/groups/b"), 200, vec![(group("b"), 200)]),
        change(Call::new("DELETE", member("a")), 204, vec![(group("a"), 404)]),
        change(Call::new("DELETE", "users/ana/groups/b"), 204, vec![(group("b"), 404)]),
        change(bulk(":addToGroups"), 200, vec![(group("a"), 200), (group("b"), 200)]),
        change(bulk(":removeFromGroups"), 200, vec![(group("a"), 404), (group("b"), 404)]),
        change(Call::new("PUT", member("c")), 200, vec![(group("c"), 200)]),
        change(
            Call::new("DELETE", format!("connections/{id}/groups")),
            204,
            vec![(group("c"), 404)],
        ),
        change(Call::new("PUT", "users/ana/groups/d"), 200, vec![(group("d"), 200)]),
        change(Call::new("DELETE", "users/ana/groups"), 204, vec![(group("d"), 404)]),
        change(
            permission("PUT").query("targetName", "a"),
            200,
            vec![(permission("HEAD").query("targetName", "a"), 200), (permission("HEAD"), 404)],
        ),
        change(permission("PUT"), 200, vec![(permission("HEAD"), 200)]),
        change(permission("DELETE"), 204, vec![(permission("HEAD"), 404)]),
        change(Call::new("PUT", member("e")), 200, vec![(connection.clone(), 200)]),
        change(
            Call::new("DELETE", format!("connections/{id}")),
            204,
            vec![
                (connection, 404),
                (Call::new("HEAD", "users/ana"), 404),
                (group("e"), 404),
                (permission("HEAD"), 404),
            ],
        ),
    ]
}

#[test]
fn an_answer_is_true_on_every_shard() {
    // A73; 5.3.1
    on_shards(&[1, 2, 4], |server| {
        let mut lines = Lines::to(server);
        for shard in 0..server.shards {
            let client = server.client().user("ana").on(shard).connect();
            // Every change goes through another connection, and so through another shard.
            for (turn, change) in life(&client.id).into_iter().enumerate() {
                let through = lines.iter_mut().nth(turn * 7 % 64).expect("one of 64");
                let response = change.call.over(through);
                assert_eq!(response.status, change.status, "{}", change.call.target());
                for (question, status) in &change.after {
                    lines.all_answer(question, *status);
                }
            }
        }
        lines.were_on_every_shard(server);
    });
}

#[test]
fn a_member_hears_what_is_sent_after_it_was_added() {
    // A73: sends through any shard, members on every shard, over and over.
    on_shards(&[1, 2, 4], |server| {
        let mut lines = Lines::to(server);
        let mut clients: Vec<_> =
            (0..server.shards).map(|shard| server.client().on(shard).connect()).collect();
        for (round, wire) in lines.iter_mut().enumerate() {
            let client = &mut clients[round % usize::from(server.shards)];
            let path = format!("groups/room/connections/{}", client.id);
            let mut other = Wire::connect(server.address);
            assert_eq!(Call::new("PUT", &path).over(wire).status, 200);
            let text = format!("round {round}");
            assert_eq!(Call::text("groups/room/:send", &text).over(&mut other).status, 202);
            assert_eq!(client.group_text("room"), text);
            assert_eq!(Call::new("DELETE", &path).over(&mut other).status, 204);
            assert_eq!(Call::text("groups/room/:send", "missed").over(wire).status, 202);
        }
        for client in &mut clients {
            assert!(client.sync().is_empty(), "nothing after it was removed");
        }
        lines.were_on_every_shard(server);
    });
}

/// Receivers on every shard, all of the user `ana` and in the group `room`.
fn audience(server: &Endpoint) -> Vec<Client> {
    (0..server.shards)
        .flat_map(|shard| [shard; 2])
        .map(|shard| server.client().user("ana").groups(&["room"]).on(shard).connect())
        .collect()
}

#[test]
fn awaited_sends_keep_their_order() {
    // A74; 5.3.2: every send through another connection.
    on_shards(&[1, 2, 4], |server| {
        for path in [":send", "groups/room/:send", "users/ana/:send"] {
            let mut lines = Lines::to(server);
            let mut clients = audience(server);
            for (number, wire) in lines.iter_mut().enumerate() {
                assert_eq!(Call::text(path, &number.to_string()).over(wire).status, 202);
            }
            for client in &mut clients {
                for number in 0..64 {
                    assert_eq!(client.json()["data"], number.to_string(), "{path}");
                }
            }
            lines.were_on_every_shard(server);
            Call::post(":closeConnections").expect(server, 204);
        }
        let mut lines = Lines::to(server);
        for client in &mut audience(server) {
            let path = format!("connections/{}/:send", client.id);
            for (number, wire) in lines.iter_mut().enumerate() {
                assert_eq!(Call::text(&path, &number.to_string()).over(wire).status, 202);
            }
            for number in 0..64 {
                assert_eq!(client.json()["data"], number.to_string());
            }
        }
    });
}

#[test]
fn what_a_client_publishes_after_an_answer_comes_after_the_send() {
    // A74: a send that was answered has its place before everything that begins later.
    on_shards(&[1, 2, 4], |server| {
        let mut clients = audience(server);
        let mut publisher = server.client().permitted().connect();
        let rounds = 20;
        for round in 0..rounds {
            Call::text("groups/room/:send", &format!("sent {round}")).expect(server, 202);
            publisher.publish("room", &format!("published {round}"));
        }
        for client in &mut clients {
            let heard: Vec<_> = (0..2 * rounds).map(|_| client.group_text("room")).collect();
            let at = |text: String| heard.iter().position(|heard| *heard == text);
            for round in 0..rounds {
                let (sent, published) = (format!("sent {round}"), format!("published {round}"));
                assert!(at(sent) < at(published), "{round}: {heard:?}");
            }
        }
    });
}
