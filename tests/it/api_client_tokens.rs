//! Tokens for clients, signed by the server (rest-api.md, section 6.10).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{Call, Client, Endpoint, JSON, Server, Upgrade, now};

fn generate(server: &Endpoint, call: &Call) -> String {
    let response = call.expect(server, 200);
    let content_type = response.header("content-type").expect("a type");
    assert!(content_type.starts_with("application/json"), "{content_type}");
    let body = response.json();
    assert_eq!(body.as_object().expect("an object").len(), 1, "{body}");
    body["token"].as_str().expect("a token").to_owned()
}

fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).expect("claims");
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[test]
fn a_token_carries_what_was_asked_for() {
    // A70, A72
    let server = Server::start();
    let call = Call::post(":generateToken")
        .query("userId", "ana é")
        .query("role", "webpubsub.sendToGroup.room")
        .query("role", "webpubsub.joinLeaveGroup")
        .query("group", "g/1 x")
        .query("group", "a,b")
        .query("minutesToExpire", "5")
        .header("Host", "Chat.example.test:8080");
    let token = generate(&server, &call);
    let claims = claims(&token);
    assert_eq!(claims["sub"], "ana é");
    assert_eq!(claims["role"], json!(["webpubsub.sendToGroup.room", "webpubsub.joinLeaveGroup"]));
    assert_eq!(claims["webpubsub.group"], json!(["g/1 x", "a,b"]));
    let audience = claims["aud"].as_str().expect("one audience");
    let expected = "http://chat.example.test:8080/client/hubs/chat";
    assert_eq!(audience.to_lowercase(), expected);
    let until = claims["exp"].as_u64().expect("a time");
    assert!((now() + 290..=now() + 300).contains(&until), "{claims}");
    assert!(claims["nbf"].as_u64() <= Some(now()) && claims["iat"].as_u64() <= Some(now()));
    let mut client = connect(&server, &token);
    let groups: Vec<_> = ["g%2F1%20x", "a%2Cb"]
        .map(|group| Call::new("HEAD", format!("groups/{group}")).status(&server))
        .into();
    assert_eq!(groups, [200, 200]);
    Call::new("HEAD", "users/ana%20%C3%A9").expect(&server, 200);
    client.join("room");
    client.publish("room", "by its role");
    client.fail(json!({"type": "sendToGroup", "group": "x", "data": 1}), "Forbidden");
}

fn connect(server: &Endpoint, token: &str) -> Client {
    Client::greeted(Upgrade::to_hub("chat", token).offer(JSON).accepted(server))
}

#[test]
fn what_is_not_asked_for_is_not_there() {
    // A70, A72
    let server = Server::start();
    for call in [Call::post(":generateToken"), Call::post(":generateToken").query("userId", "")] {
        let token = generate(&server, &call);
        let claims = claims(&token);
        for name in ["sub", "role", "webpubsub.group"] {
            assert_eq!(claims.get(name), None, "{claims}");
        }
        let until = claims["exp"].as_u64().expect("a time");
        assert!((now() + 3590..=now() + 3600).contains(&until), "60 minutes: {claims}");
        connect(&server, &token);
    }
    let upper = generate(&server, &Call::to("POST", "/api/hubs/CHAT/:generateToken"));
    assert_eq!(claims(&upper)["aud"], "http://localhost/client/hubs/chat");
}

#[test]
fn the_kind_of_client_decides_the_path() {
    // A71
    let server = Server::start();
    for (kind, path) in [
        ("Default", "client"),
        ("default", "client"),
        ("mqtt", "clients/mqtt"),
        ("MQTT", "clients/mqtt"),
        ("Mqtt", "clients/mqtt"),
    ] {
        let token = generate(&server, &Call::post(":generateToken").query("clientType", kind));
        let expected = format!("http://localhost/{path}/hubs/chat");
        assert_eq!(claims(&token)["aud"], *expected, "{kind}");
    }
    for kind in ["SocketIO", "socketio", "x"] {
        let call = Call::post(":generateToken").query("clientType", kind);
        call.refused(&server, "clientType");
    }
}

#[test]
fn wrong_wishes_are_refused() {
    // A72
    let server = Server::start();
    for wrong in ["0", "-1", "x", "1.5", "99999999999"] {
        let call = Call::post(":generateToken").query("minutesToExpire", wrong);
        call.refused(&server, "minutesToExpire");
    }
    for wrong in [" ", "a\nb", &"g".repeat(1025)] {
        Call::post(":generateToken").query("group", wrong).refused(&server, "group");
    }
}
