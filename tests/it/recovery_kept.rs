//! What survives the loss of a transport beside the messages (client-connect.md, section 11.1).

use serde_json::{Value, json};

use crate::support::{
    ALL_EVENTS, Answer, Call, Guest, Hold, Server, Setup, USER_EVENTS, Upstream, event, on_shards,
    publication,
};

fn member(server: &Server) -> Guest {
    server.client().user("ana").permitted().groups(&["room"]).reliable()
}

#[test]
fn ack_ids_are_remembered() {
    // J14: libraries send again what was not acknowledged, and must not publish twice.
    on_shards(&[1, 2], |server| {
        let guest = member(server);
        let mut listener = server.client().groups(&["room"]).connect();
        let mut client = guest.connect();
        let mut request = publication("room", "once");
        request["noEcho"] = json!(true);
        request["ackId"] = json!(1);
        client.send_json(&request);
        assert_eq!(client.ack(1)["success"], true);
        request["ackId"] = json!(2);
        for client_is_fresh in [true, false] {
            let mut back = guest.recover(&client.lose());
            for id in [1, 2] {
                request["ackId"] = json!(id);
                back.send_json(&request);
                let name = &back.ack(id)["error"]["name"];
                let is_new = client_is_fresh && id == 2;
                assert_eq!(name, &if is_new { Value::Null } else { json!("Duplicate") });
            }
            client = back;
        }
        for _ in 0..2 {
            assert_eq!(listener.group_text("room"), "once");
        }
        assert_eq!(listener.sync(), [] as [Value; 0]);
    });
}

#[test]
fn permissions_survive_recovery_only() {
    // R20
    on_shards(&[1, 2, 4], |server| {
        for shard in 0..server.shards {
            let guest = server.client().user("ana").roles(&["webpubsub.sendToGroup.a"]).reliable();
            let client = guest.clone().on(shard).connect();
            let change = |method, group, status| {
                Call::new(method, format!("permissions/sendToGroup/connections/{}", client.id))
                    .query("targetName", group)
                    .expect(server, status);
            };
            change("PUT", "b", 200);
            change("DELETE", "a", 204);
            let pass = client.lose();
            server.await_detached(1);
            // Changes while nobody is there count as well.
            let call = format!("permissions/joinLeaveGroup/connections/{}", pass.id);
            Call::new("PUT", call).query("targetName", "c").expect(server, 200);
            let mut client = guest.recover(&pass);
            client.publish("b", "x");
            client.join("c");
            client.fail(publication("a", "x"), "Forbidden");
            client.leave_server();
            let mut new = guest.connect();
            new.publish("a", "x");
            new.fail(publication("b", "x"), "Forbidden");
            new.fail(json!({"type": "joinGroup", "group": "c"}), "Forbidden");
            new.leave_server();
        }
    });
}

#[test]
fn the_state_of_the_connection_and_the_count_of_events_go_on() {
    // C48, E34: a recovery is nothing that an application is told.
    for shards in [1, 2, 4] {
        let upstream = Upstream::start();
        upstream.once("e", Answer::status(204).state("a state"));
        let server = Setup::new().shards(shards).config(&upstream.handler(ALL_EVENTS)).start();
        let guest = member(&server);
        let mut client = guest.connect();
        client.succeed(event("e", "x"));
        let first = upstream.next("e").id();
        for _ in 0..10 * shards {
            client = guest.recover(&client.lose());
        }
        client.succeed(event("later", "x"));
        let later = upstream.next("later");
        assert_eq!(later.id(), first + 1);
        assert_eq!(later.header("ce-connectionState"), Some("a state"));
        client.leave_server();
        let end = upstream.next("disconnected");
        assert_eq!((end.id(), end.text()), (first + 2, r#"{"reason":""}"#));
        let mut names = upstream.event_names();
        names.sort();
        assert_eq!(names, ["connect", "connected", "disconnected", "e", "later"]);
    }
}

#[test]
fn an_event_goes_on_without_the_client() {
    // C48, J14: what was accepted is finished, and its ack goes to the transport there is by then.
    let upstream = Upstream::start();
    let server = Setup::new().config(&upstream.handler(USER_EVENTS)).start();
    let guest = member(&server);
    for is_back in [true, false] {
        let hold = Hold::new();
        upstream.once("slow", Answer::text("answer").held(&hold));
        let mut client = guest.connect();
        let mut request = event("slow", "x");
        request["ackId"] = json!(1);
        client.send_json(&request);
        upstream.next("slow");
        let pass = client.lose();
        server.await_detached(1);
        let mut client = if is_back {
            let client = guest.recover(&pass);
            hold.release();
            client
        } else {
            hold.release();
            server.await_events("user", "delivered", 2.0);
            guest.recover(&pass)
        };
        // A message is numbered and kept.
        let message = client.json();
        assert_eq!((&message["data"], &message["sequenceId"]), (&json!("answer"), &json!(1)));
        if is_back {
            assert_eq!(client.ack(1)["success"], true);
        }
        // Otherwise the ack is lost, unless the transport was there just in time.
        assert!(client.sync().iter().all(|message| message["type"] == "ack"));
        client.send_json(&request);
        assert_eq!(client.ack(1)["error"]["name"], "Duplicate");
        client.leave_server();
    }
}

#[test]
fn keys_may_change_meanwhile() {
    // O18: reconnection tokens are not signed with access keys.
    let (old, new) = ("old-".repeat(10), "new-".repeat(10));
    let config = |key: &str| format!("accessKey = \"{key}\"\n");
    let server = Setup::new().without_keys().config(&config(&old)).start();
    let guest = |key: &str| member(&server).token(|token| token.key(key));
    let attached = guest(&old).connect();
    let lost = guest(&old).connect().lose();
    server.await_detached(1);
    assert!(server.reload(&config(&new)));
    assert_eq!(guest(&old).upgrade().status(&server), 401);
    for pass in [attached.lose(), lost] {
        let mut client = guest(&old).recover(&pass);
        client.publish("another room", "still here");
        client.leave_server();
    }
    guest(&new).connect().leave_server();
}
