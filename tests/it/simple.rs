//! Clients without subprotocol (client-connect.md, section 7).

use serde_json::json;

use crate::support::{Client, JSON, Server, Token, Upgrade, on_shards};

#[test]
fn a_frame_that_nobody_handles_ends_the_connection() {
    // C31, O4: there is neither handler nor listener.
    let server = Server::start();
    for (count, query) in
        ["", "&webpubsub_mode=sendEvent", "&webpubsub_mode=SENDEVENT&group=g&group=h"]
            .iter()
            .enumerate()
    {
        let token = Token::for_hub("chat").sign();
        let target = format!("/client/hubs/chat?access_token={token}{query}");
        let mut client = Client::on(Upgrade::new(target).accepted(&server));
        client.send("hello");
        assert_eq!(client.closed().code, 1011, "{query:?}");
        let closed = u32::try_from(count + 1).expect("a few");
        server.await_metric(
            "corecast_connections_closed_total",
            &[("category", "EventHandlerNotFound")],
            f64::from(closed),
        );
    }
}

#[test]
fn frames_go_to_the_fixed_group_as_they_are() {
    // C33, J40
    on_shards(&[1, 2, 4], |server| {
        let role = ["webpubsub.sendToGroup.room"];
        let mut publisher =
            server.client().user("ana").roles(&role).publishing_to("room").connect();
        let mut plain: Vec<_> =
            (0..6).map(|_| server.client().groups(&["room"]).simple().connect()).collect();
        let mut enveloped: Vec<_> = (0..server.shards)
            .map(|shard| server.client().groups(&["room"]).on(shard).connect())
            .collect();
        publisher.send("{\"still\": \"text\"}");
        publisher.send(vec![0, 159, 146, 150]);
        publisher.send("");
        for member in &mut plain {
            assert_eq!(member.text(), "{\"still\": \"text\"}");
            assert_eq!(member.binary(), [0, 159, 146, 150]);
            assert_eq!(member.text(), "");
        }
        let message = |kind: &str, data: &str| {
            json!({"type": "message", "from": "group", "group": "room", "fromUserId": "ana",
                "dataType": kind, "data": data})
        };
        for member in &mut enveloped {
            assert_eq!(member.json(), message("text", "{\"still\": \"text\"}"));
            assert_eq!(member.json(), message("binary", "AJ+Slg=="));
            assert_eq!(member.json(), message("text", ""));
        }
    });
}

#[test]
fn a_publisher_in_its_own_group_hears_itself() {
    // C33
    let server = Server::start();
    let mut client = server.client().permitted().groups(&["room"]).publishing_to("room").connect();
    client.send("echo");
    assert_eq!(client.text(), "echo");
}

#[test]
fn permission_is_asked_at_the_first_frame() {
    // C34
    let server = Server::start();
    for roles in [vec![], vec!["webpubsub.joinLeaveGroup"], vec!["webpubsub.sendToGroup.other"]] {
        let mut member = server.client().groups(&["room"]).connect();
        let mut publisher = server.client().roles(&roles).publishing_to("room").connect();
        publisher.send("not permitted");
        assert_eq!(publisher.closed().code, 1008, "{roles:?}");
        server.client().permitted().connect().publish("room", "marker");
        assert_eq!(member.group_text("room"), "marker", "{roles:?}");
    }
}

#[test]
fn mode_and_group_are_checked_at_the_handshake() {
    // C35
    let server = Server::start();
    let long = format!("webpubsub_mode=sendToGroup&group={}", "g".repeat(1025));
    let cases = [
        ("webpubsub_mode=sendToGroup&group=g", 101),
        ("webpubsub_mode=SendToGroup&group=g", 101),
        ("WEBPUBSUB_MODE=sendtogroup&GROUP=a%20b", 101),
        ("webpubsub_mode=sendEvent&group=", 101),
        ("group=g&group=h", 101),
        ("webpubsub_mode=sendToGroup", 400),
        ("webpubsub_mode=sendToGroup&group=", 400),
        ("webpubsub_mode=sendToGroup&group=%20", 400),
        ("webpubsub_mode=sendToGroup&group=g&group=h", 400),
        ("webpubsub_mode=sendToGroup&group=g&GROUP=g", 400),
        (&long, 400),
        ("webpubsub_mode=", 400),
        ("webpubsub_mode", 400),
        ("webpubsub_mode=bogus", 400),
    ];
    let token = Token::for_hub("chat").sign();
    for (query, status) in cases {
        let target = format!("/client/hubs/chat?access_token={token}&{query}");
        assert_eq!(Upgrade::new(target).status(&server), status, "{query}");
    }
}

#[test]
fn clients_with_a_subprotocol_have_no_mode() {
    // C36
    let server = Server::start();
    let token = Token::for_hub("chat").sign();
    for query in ["webpubsub_mode=bogus", "webpubsub_mode=", "webpubsub_mode=sendToGroup"] {
        let target = format!("/client/hubs/chat?access_token={token}&{query}");
        let upgrade = Upgrade::new(target).offer(JSON);
        assert_eq!(upgrade.status(&server), 101, "{query}");
    }
}

#[test]
fn members_see_neither_metadata_nor_envelope() {
    // J40, J17: metadata stays with clients that have an envelope; JSON keeps its source text.
    let server = Server::start();
    let mut publisher = server.client().permitted().connect();
    let mut member = server.client().groups(&["room"]).simple().connect();
    publisher.send(
        r#"{"type":"sendToGroup","group":"room","data":{"a": 1.0,"b":1e3},"metadata":{"k":"v"}}"#,
    );
    assert_eq!(member.text(), r#"{"a": 1.0,"b":1e3}"#);
}
