//! What a `connect` handler is told and what it may change (events-webhook.md, section 8.1).

use serde_json::{Value, json};

use crate::support::{
    ALL_EVENTS, Answer, Call, Client, JSON, ONE_ATTEMPT, Server, Setup, Token, Upgrade, Upstream,
    event, publication,
};

const NAME_IDENTIFIER: &str =
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier";

/// A server whose handler gets every event, each once.
fn handled_by(upstream: &Upstream) -> Server {
    Setup::new().config(ONE_ATTEMPT).config(&upstream.handler(ALL_EVENTS)).start()
}

/// The values of a header in the body, whose name may come in any case.
fn header<'b>(body: &'b Value, name: &str) -> Option<&'b Value> {
    let headers = body["headers"].as_object().expect("headers");
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, values)| values)
}

#[test]
fn the_handler_sees_the_whole_handshake_but_no_credentials() {
    // E24, C27
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let token = Token::for_hub("chat")
        .user("ana")
        .roles(&["webpubsub.sendToGroup.g", "webpubsub.joinLeaveGroup"])
        .groups(&["g"])
        .claim("tier", "gold")
        .claim("level", 7)
        .claim("ratio", 0.5)
        .claim("flag", true)
        .claim("list", json!(["a", 1, false]))
        .claim("object", json!({"k": [1, "v"]}));
    let query = "room=7&room=8&a%20b=%C3%A9&empty=";
    let target = format!("/client/hubs/chat?access_token={}&{query}", token.sign());
    let upgrade = Upgrade::new(target)
        .header("X-Twice", "1")
        .header("X-Twice", "2")
        .offer("custom.v1, other")
        .offer(JSON);
    let client = Client::greeted(upgrade.accepted(&server));

    let request = upstream.next("connect");
    assert_eq!(request.expect("Content-Type"), "application/json; charset=utf-8");
    assert_eq!(request.connection_id(), client.id);
    let body = request.json();
    let claims = &body["claims"];
    for (name, values) in [
        ("sub", json!(["ana"])),
        (NAME_IDENTIFIER, json!(["ana"])),
        ("role", json!(["webpubsub.sendToGroup.g", "webpubsub.joinLeaveGroup"])),
        ("webpubsub.group", json!(["g"])),
        ("aud", json!(["http://localhost/client/hubs/chat"])),
        ("tier", json!(["gold"])),
        ("level", json!(["7"])),
        ("ratio", json!(["0.5"])),
        ("flag", json!(["true"])),
        ("list", json!(["a", "1", "false"])),
        ("object", json!([r#"{"k":[1,"v"]}"#])),
    ] {
        assert_eq!(claims[name], values, "{name} in {claims}");
    }
    let expiry = claims["exp"][0].as_str().and_then(|text| text.parse::<u64>().ok());
    assert!(expiry.is_some(), "{claims}");
    assert_eq!(claims.as_object().map(serde_json::Map::len), Some(12), "{claims}");

    let expected = json!({"room": ["7", "8"], "a b": ["é"], "empty": [""]});
    assert_eq!(body["query"], expected);
    assert_eq!(header(&body, "x-twice"), Some(&json!(["1", "2"])), "{body}");
    assert_eq!(header(&body, "host"), Some(&json!(["localhost"])), "{body}");
    assert_eq!(body["subprotocols"], json!(["custom.v1", "other", JSON]));
    assert_eq!(body["clientCertificates"], json!([]));
}

#[test]
fn a_token_in_a_header_is_not_told_either() {
    // E24, C27
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let _client = server.client().user("ana").simple().by_header().connect();
    let request = upstream.next("connect");
    let body = request.json();
    assert_eq!(header(&body, "authorization"), None, "{body}");
    assert_eq!(body["claims"]["sub"], json!(["ana"]));
    assert_eq!(body["query"], json!({}));
    assert_eq!(body["subprotocols"], json!([]));
    assert!(!request.text().contains("eyJ"), "{request:?}");
}

#[test]
fn an_anonymous_client_has_no_claims() {
    // E22, E24
    let upstream = Upstream::start();
    let server = Setup::new()
        .config("[hubs.chat]\nanonymousConnectPolicy = 'allow'\n")
        .config(&upstream.handler(ALL_EVENTS))
        .start();
    let _wire = Upgrade::new("/client/hubs/chat").accepted(&server);
    let request = upstream.next("connect");
    assert_eq!(request.json()["claims"], json!({}));
    assert_eq!(request.header("ce-userId"), None);
}

#[test]
fn a_bad_token_never_reaches_the_handler() {
    // 8.1.1
    let upstream = Upstream::start();
    let mut server = handled_by(&upstream);
    let forged = Token::for_hub("chat").key("another key that is just as long as needed").sign();
    assert_eq!(Upgrade::to_hub("chat", &forged).status(&server), 401);
    assert_eq!(Upgrade::new("/client/hubs/chat").status(&server), 401);
    server.stop();
    assert_eq!(upstream.event_names(), [""; 0]);
}

#[test]
fn the_synonym_of_the_subject_can_be_turned_off() {
    // 8.1.2
    let upstream = Upstream::start();
    let server = Setup::new()
        .config("nameIdentifierClaim = false\n")
        .config(&upstream.handler(ALL_EVENTS))
        .start();
    let _client = server.client().user("ana").connect();
    let claims = upstream.next("connect").json()["claims"].clone();
    assert_eq!(claims["sub"], json!(["ana"]));
    assert_eq!(claims.get(NAME_IDENTIFIER), None, "{claims}");
}

/// A user with a role for the group `room` who is in the group `token`.
fn connect(server: &Server) -> (Client, Value) {
    let guest = server.client().user("ana").roles(&["webpubsub.sendToGroup.room"]);
    let upgrade = guest.groups(&["token"]).upgrade();
    let mut client = Client::on(upgrade.accepted(server));
    let connected = client.json();
    assert_eq!(connected["event"], "connected", "{connected}");
    client.id = connected["connectionId"].as_str().expect("an id").to_owned();
    (client, connected)
}

fn may_publish(client: &mut Client) -> bool {
    client.request(publication("room", "x"))["success"] == true
}

/// Of two groups, those that the client gets messages of.
fn memberships(server: &Server, client: &mut Client) -> Vec<Value> {
    for group in ["token", "answer"] {
        Call::text(format!("groups/{group}/:send"), group).expect(server, 202);
    }
    Call::text(format!("connections/{}/:send", client.id), "end").expect(server, 202);
    let mut groups = Vec::new();
    loop {
        let message = client.json();
        if message["data"] == "end" {
            return groups;
        }
        groups.push(message["group"].clone());
    }
}

#[test]
fn an_answer_without_wishes_changes_nothing() {
    // E25, E28, E29: what is absent or null stays as the token says; 8.1.3.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let answers = [
        Answer::status(204),
        Answer::status(200),
        Answer::typed("application/octet-stream", ""),
        Answer::untyped("null"),
        Answer::json(&json!(null)),
        Answer::json(&json!({})),
        Answer::json(&json!({"userId": null, "groups": null, "roles": null, "subprotocol": null})),
        Answer::json(&json!({"userId": "", "groups": [], "unknown": [1]})),
    ];
    for answer in answers {
        upstream.once("connect", answer);
        let (mut client, connected) = connect(&server);
        assert_eq!(connected["userId"], "ana");
        assert!(may_publish(&mut client));
        assert_eq!(memberships(&server, &mut client), ["token"]);
        assert_eq!(upstream.next("connected").expect("ce-userId"), "ana");
    }
}

#[test]
fn a_user_id_in_the_answer_replaces_the_tokens() {
    // E26, E27: with any content type or none, and names in any case.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let answers = [
        Answer::json(&json!({"userId": "ben"})),
        Answer::untyped(r#"{"userId":"ben"}"#),
        Answer::typed("text/plain", r#" { "UserID" : "ben" } "#),
    ];
    for answer in answers {
        upstream.once("connect", answer);
        let (mut client, connected) = connect(&server);
        assert_eq!(connected["userId"], "ben");
        assert_eq!(upstream.next("connect").expect("ce-userId"), "ana");
        assert_eq!(upstream.next("connected").expect("ce-userId"), "ben");
        Call::text("users/ben/:send", "hello").expect(&server, 202);
        assert_eq!(client.json()["data"], "hello");
        Call::new("HEAD", "users/ana").expect(&server, 404);
    }
}

#[test]
fn a_user_without_token_may_get_a_name() {
    // E27: 8.1.3, `requireUserId`.
    let upstream = Upstream::start();
    let server = Setup::new()
        .config("[hubs.chat]\nanonymousConnectPolicy = 'allow'\nrequireUserId = true\n")
        .config(&upstream.handler(ALL_EVENTS))
        .start();
    upstream.once("connect", Answer::json(&json!({"userId": "ben"})));
    let anonymous = Upgrade::new("/client/hubs/chat").offer(JSON);
    let client = Client::greeted(anonymous.accepted(&server));
    assert_eq!(upstream.next("connected").expect("ce-userId"), "ben");
    drop(client);
    assert_eq!(anonymous.status(&server), 401);
}

#[test]
fn roles_in_the_answer_replace_the_tokens() {
    // E28, C26
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let all = "webpubsub.sendToGroup";
    for (roles, may) in
        [(json!([]), false), (json!(["webpubsub.joinLeaveGroup"]), false), (json!([all]), true)]
    {
        upstream.once("connect", Answer::json(&json!({"roles": roles})));
        let (mut client, _) = connect(&server);
        assert_eq!(may_publish(&mut client), may, "{roles}");
    }
}

#[test]
fn groups_in_the_answer_replace_the_tokens() {
    // E29, E65
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    for (groups, expected) in [
        (json!([]), vec!["token"]),
        (json!(["answer"]), vec!["answer"]),
        (json!(["token", "answer", "answer"]), vec!["token", "answer"]),
    ] {
        upstream.once("connect", Answer::json(&json!({"groups": groups})));
        let (mut client, _) = connect(&server);
        assert_eq!(memberships(&server, &mut client), expected, "{groups}");
    }
}

#[test]
fn subprotocols_are_the_handlers_choice() {
    // E30, E66, C22: compared exactly, and nothing is agreed to that was not chosen.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    upstream.always("message", Answer::text("to a simple client"));
    let token = Token::for_hub("chat").sign();
    for (offer, answer, agreed) in [
        ("json.webpubsub.azure.v1, custom.v1", Some("custom.v1"), Some("custom.v1")),
        ("custom.v1, json.webpubsub.azure.v1", Some(JSON), Some(JSON)),
        ("custom.v1, json.webpubsub.azure.v1", None, Some(JSON)),
        ("custom.v1, other", None, None),
        ("custom.v1, other", Some("other"), Some("other")),
    ] {
        upstream.once("connect", Answer::json(&json!({"subprotocol": answer})));
        let (response, wire) = Upgrade::to_hub("chat", &token).offer(offer).send(&server);
        assert_eq!(response.status, 101, "{offer}: {response:?}");
        assert_eq!(response.header("sec-websocket-protocol"), agreed, "{offer}");
        assert_eq!(upstream.next("connected").header("ce-subprotocol"), agreed, "{offer}");
        if agreed == Some(JSON) {
            Client::greeted(wire).succeed(event("e", ""));
        } else {
            // Its first message is what it asked for: there is no `connected` message.
            let mut simple = Client::on(wire);
            simple.send("hello");
            assert_eq!(simple.text(), "to a simple client", "{offer}");
        }
    }
}

#[test]
fn a_client_that_was_made_simple_needs_a_good_mode() {
    // C22: client-connect.md, section 7.1.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    upstream.always("connect", Answer::json(&json!({"subprotocol": "custom.v1"})));
    let token = Token::for_hub("chat").sign();
    for (mode, status) in [("bogus", 400), ("sendEvent", 101)] {
        let target = format!("/client/hubs/chat?access_token={token}&webpubsub_mode={mode}");
        let upgrade = Upgrade::new(target).offer("json.webpubsub.azure.v1, custom.v1");
        assert_eq!(upgrade.status(&server), status, "{mode}");
    }
}

#[test]
fn answers_that_cannot_be_meant_refuse_the_client() {
    // E30, C23; 8.1.3: all of them are failures of the handler, not of the client.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let answers = [
        Answer::json(&json!({"subprotocol": "not.offered"})),
        Answer::json(&json!({"subprotocol": "JSON.webpubsub.azure.v1"})),
        Answer::json(&json!(["ana"])),
        Answer::json(&json!("ana")),
        Answer::untyped("{\"userId\":"),
        Answer::untyped([0xff, 0xfe]),
        Answer::json(&json!({"userId": 5})),
        Answer::json(&json!({"userId": "a\nb"})),
        Answer::json(&json!({"roles": "webpubsub.sendToGroup"})),
        Answer::json(&json!({"roles": [null]})),
        Answer::json(&json!({"groups": [1]})),
        Answer::json(&json!({"groups": [""]})),
        Answer::json(&json!({"groups": ["g".repeat(1025)]})),
        Answer::status(302).header("Location", "/elsewhere"),
    ];
    for answer in answers {
        let shown = String::from_utf8_lossy(&answer.sent()).into_owned();
        upstream.once("connect", answer);
        let (response, _) = server.client().upgrade().send(&server);
        assert_eq!(response.status, 500, "{shown}: {response:?}");
    }
}
