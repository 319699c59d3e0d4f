//! Which tokens are believed (client-connect.md, section 4; operations.md, section 6).

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::support::{
    Client, EVERYTHING, JSON, PATIENCE, PRIMARY_KEY, SECONDARY_KEY, Server, Setup, Token, Upgrade,
    now, on_shards,
};

/// Offers each token to hub `chat` and compares the status of the answer.
fn check(server: &Server, cases: &[(&str, String, u16)]) {
    for (name, token, status) in cases {
        let (response, _wire) = Upgrade::to_hub("chat", token).send(server);
        assert_eq!(response.status, *status, "{name}: {response:?}");
    }
}

#[test]
fn both_keys_verify_and_no_other_does() {
    // C8, C9, O13
    let server = Server::start();
    let token = Token::for_hub("chat");
    let decoded = STANDARD.decode(PRIMARY_KEY).expect("a key in Base64");
    check(
        &server,
        &[
            ("the primary key", token.sign(), 101),
            ("the secondary key", token.clone().key(SECONDARY_KEY).sign(), 101),
            ("the primary key again", token.sign(), 101),
            ("an unknown key id", token.clone().key_id("elsewhere").sign(), 101),
            ("another key", token.clone().key("x".repeat(44)).sign(), 401),
            ("the decoded key", token.clone().key(decoded).sign(), 401),
            ("an empty key", token.key("").sign(), 401),
        ],
    );
}

#[test]
fn audiences_name_the_hub() {
    // C10, C11
    let server = Server::start();
    let audience = |audience: Value| Token::for_hub("chat").claim("aud", audience).sign();
    let one = |text: &str| audience(json!(text));
    check(
        &server,
        &[
            ("http", one("http://localhost/client/hubs/chat"), 101),
            ("https", one("https://localhost/client/hubs/chat"), 101),
            ("wss", one("wss://localhost/client/hubs/chat"), 101),
            ("a trailing slash", one("http://localhost/client/hubs/chat/"), 101),
            ("another authority", one("https://example.test:8443/client/hubs/chat"), 101),
            ("letter case", one("HTTP://LOCALHOST/Client/Hubs/CHAT"), 101),
            ("the query form", one("http://localhost/client/?hub=chat"), 101),
            ("the short query form", one("http://localhost/client?hub=chat"), 101),
            ("another hub", one("http://localhost/client/hubs/other"), 401),
            ("a longer path", one("http://localhost/client/hubs/chat/x"), 401),
            ("another scheme", one("ftp://localhost/client/hubs/chat"), 401),
            ("MQTT", one("http://localhost/clients/mqtt/hubs/chat"), 401),
            ("REST", one("http://localhost/api/hubs/chat"), 401),
            ("only a path", one("/client/hubs/chat"), 401),
            ("no URI", one("chat"), 401),
            (
                "one of several",
                audience(json!(["x", "http://h/client/hubs/chat", "http://h/client/hubs/b"])),
                101,
            ),
            ("none of several", audience(json!(["x", "http://h/client/hubs/b"])), 401),
            ("an empty list", audience(json!([])), 401),
            ("a number", audience(json!(7)), 401),
            ("no audience", Token::for_hub("chat").without("aud").sign(), 401),
        ],
    );
}

#[test]
fn configured_public_endpoints_restrict_the_authority() {
    // C10
    let server = Setup::new().config("publicEndpoints = [\"https://chat.example.test\"]\n").start();
    let audience = |text: &str| Token::for_hub("chat").claim("aud", text).sign();
    check(
        &server,
        &[
            ("the endpoint", audience("https://chat.example.test/client/hubs/chat"), 101),
            ("its default port", audience("https://chat.example.test:443/client/hubs/chat"), 101),
            ("letter case", audience("https://CHAT.example.test/client/hubs/chat"), 101),
            ("another port", audience("https://chat.example.test:444/client/hubs/chat"), 401),
            ("another host", audience("https://example.test/client/hubs/chat"), 401),
        ],
    );
}

#[test]
fn lifetimes_have_five_minutes_of_tolerance() {
    // C12, C13
    let server = Server::start();
    let expires = |at: u64| Token::for_hub("chat").claim("exp", at).sign();
    let begins = |at: u64| Token::for_hub("chat").claim("nbf", at).sign();
    check(
        &server,
        &[
            ("expired 200 s ago", expires(now() - 200), 101),
            ("expired 400 s ago", expires(now() - 400), 401),
            ("no expiry", Token::for_hub("chat").without("exp").sign(), 401),
            ("expiry as text", Token::for_hub("chat").claim("exp", "tomorrow").sign(), 401),
            ("valid in 200 s", begins(now() + 200), 101),
            ("valid in 400 s", begins(now() + 400), 401),
        ],
    );
}

#[test]
fn only_hs256_is_a_signature() {
    // C14
    let server = Server::start();
    let token = Token::for_hub("chat");
    let signed = token.sign();
    let (head, signature) = signed.rsplit_once('.').expect("three parts");
    let turned: String = signature.chars().rev().collect();
    check(
        &server,
        &[
            ("HS256", signed.clone(), 101),
            ("none", token.unsigned(), 401),
            ("HS384", token.clone().algorithm(Algorithm::HS384).sign(), 401),
            ("HS512", token.algorithm(Algorithm::HS512).sign(), 401),
            ("no signature", format!("{head}."), 401),
            ("another signature", format!("{head}.{turned}"), 401),
            ("two parts", head.to_owned(), 401),
            ("no parts", "x".to_owned(), 401),
            ("dots", "..".to_owned(), 401),
        ],
    );
}

#[test]
fn an_open_connection_outlives_its_token() {
    // C15, O17
    let server = Server::start();
    // In three seconds the tolerance is over as well.
    let token = Token::for_hub("chat").claim("exp", now() - 297).sign();
    let upgrade = Upgrade::to_hub("chat", &token).offer(JSON);
    let mut client = Client::on(upgrade.accepted(&server));
    assert_eq!(client.json()["event"], "connected");
    let deadline = Instant::now() + PATIENCE;
    while upgrade.status(&server) != 401 {
        assert!(Instant::now() < deadline, "the token never expired");
        std::thread::park_timeout(Duration::from_millis(50));
    }
    assert_eq!(client.sync(), [] as [Value; 0]);
}

#[test]
fn user_ids_are_one_readable_string() {
    // C7: an empty user id is none.
    let server = Server::start();
    let subject = |value: Value| Token::for_hub("chat").claim("sub", value).sign();
    check(
        &server,
        &[
            ("text", subject(json!("ana")), 101),
            ("4,096 bytes", subject(json!("u".repeat(4096))), 101),
            ("4,097 bytes", subject(json!("u".repeat(4097))), 400),
            ("a control character", subject(json!("a\nb")), 400),
            ("a number", subject(json!(7)), 401),
            ("a list", subject(json!(["ana"])), 401),
            ("an object", subject(json!({"id": "ana"})), 401),
        ],
    );
    let upgrade = Upgrade::to_hub("chat", &subject(json!(""))).offer(JSON);
    assert_eq!(Client::on(upgrade.accepted(&server)).json()["userId"], Value::Null);
}

#[test]
fn roles_and_groups_are_strings_or_lists() {
    // C16, R11
    let server = Server::start();
    let role = "webpubsub.sendToGroup.room";
    for (roles, groups) in [
        (json!(role), json!("room")),
        (json!([role]), json!(["room"])),
        (json!(["other", role]), json!(["lobby", "room"])),
    ] {
        let token = Token::for_hub("chat").claim("role", roles).claim("webpubsub.group", groups);
        let upgrade = Upgrade::to_hub("chat", &token.sign()).offer(JSON);
        let mut client = Client::on(upgrade.accepted(&server));
        assert_eq!(client.json()["event"], "connected");
        client.publish("room", "hello");
        assert_eq!(client.group_text("room"), "hello");
    }
}

#[test]
fn groups_of_the_token_are_checked() {
    // C17
    let server = Server::start();
    let groups = |groups: Value| Token::for_hub("chat").claim("webpubsub.group", groups).sign();
    check(
        &server,
        &[
            ("1,024 characters", groups(json!("g".repeat(1024))), 101),
            ("1,025 characters", groups(json!("g".repeat(1025))), 400),
            ("1,024 characters of two bytes", groups(json!("ü".repeat(1024))), 101),
            ("only spaces", groups(json!("   ")), 400),
            ("nothing", groups(json!("")), 400),
            ("one bad of two", groups(json!(["g", " "])), 400),
        ],
    );
}

#[test]
fn groups_of_the_token_deliver_without_any_role() {
    // C18, R13: and such a member cannot leave by itself.
    on_shards(&[1, 2, 4], |server| {
        let mut publisher = server.client().permitted().on(0).connect();
        for shard in 0..server.shards {
            let mut member = server.client().groups(&["room"]).on(shard).connect();
            publisher.publish("room", "to members by token");
            assert_eq!(member.group_text("room"), "to members by token");
            member.fail(json!({"type": "leaveGroup", "group": "room"}), "Forbidden");
            publisher.publish("room", "still here");
            assert_eq!(member.group_text("room"), "still here");
        }
    });
}

#[test]
fn the_case_of_a_hub_name_does_not_matter() {
    // C19
    on_shards(&[1, 2, 4], |server| {
        let mut publisher = server.client().permitted().on(0).connect();
        let token = Token::for_hub("cHaT").roles(&EVERYTHING).groups(&["room"]).sign();
        let upgrade = Upgrade::to_hub("CHAT", &token).offer(JSON);
        let mut members: Vec<_> = (0..8).map(|_| Client::on(upgrade.accepted(server))).collect();
        for member in &mut members {
            assert_eq!(member.json()["event"], "connected");
        }
        publisher.publish("room", "one hub");
        for member in &mut members {
            assert_eq!(member.group_text("room"), "one hub");
        }
    });
}
