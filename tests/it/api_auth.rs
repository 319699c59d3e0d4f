//! Who may call the API: tokens signed with the access keys (rest-api.md, section 3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::support::{
    Call, EVERYTHING, PRIMARY_KEY, SECONDARY_KEY, Server, Setup, Token, Upgrade, encoded, now,
};

/// A request on a path with everything that encoding can change.
fn call() -> Call {
    Call::text(format!("groups/{}/:send", encoded("g/1 x")), "x")
}

/// An audience for [`call`], to be varied.
const AUDIENCE: &str = "http://localhost/api/hubs/chat/groups/g%2F1%20x/:send";

#[test]
fn the_audience_is_the_address_of_the_request() {
    // A19-A22, A25
    let server = Server::start();
    let with_query = format!("{AUDIENCE}?api-version=2024-12-01");
    for audience in [
        json!(with_query),
        json!(AUDIENCE),
        json!(format!("{AUDIENCE}/")),
        json!(format!("{AUDIENCE}?something=else#fragment")),
        json!(AUDIENCE.to_uppercase().replace("%2F1%20X", "%2f1%20x")),
        json!(AUDIENCE.replace("http:", "https:")),
        json!(AUDIENCE.replace("http:", "wss:")),
        json!(AUDIENCE.replace("localhost", "LOCALHOST:8080")),
        // Compared decoded, so that proxies may write it as they like (3.3, rule 5).
        json!(AUDIENCE.replace("%2F1%20x", "/1 x").replace(' ', "%20")),
        json!(["http://elsewhere/", AUDIENCE]),
    ] {
        let call = call().token(|token| token.claim("aud", audience.clone()));
        assert_eq!(call.status(&server), 202, "{audience}");
    }
    for audience in [
        json!("http://localhost/api/hubs/chat/:send"),
        json!("http://localhost/api/hubs/other/groups/g%2F1%20x/:send"),
        json!("http://localhost/client/hubs/chat"),
        json!("http://localhost/"),
        json!("/api/hubs/chat/groups/g%2F1%20x/:send"),
        json!(AUDIENCE.replace("http:", "ftp:")),
        json!("not a URL"),
        json!(""),
        json!([]),
        json!(["http://localhost/api/hubs/chat/:send"]),
        json!(5),
        json!(null),
    ] {
        let call = call().token(|token| token.claim("aud", audience.clone()));
        check_refused(&server, &call, &audience.to_string());
    }
    check_refused(&server, &call().token(|token| token.without("aud")), "no audience");
}

fn check_refused(server: &Server, call: &Call, what: &str) {
    let response = call.send(server);
    assert_eq!(response.status, 401, "{what}: {response:?}");
    assert_eq!(response.header("www-authenticate"), Some("Bearer"), "{what}");
    assert_eq!(response.error()["code"], "Error.Unauthorized", "{what}");
}

#[test]
fn public_endpoints_restrict_the_authority() {
    // A23, A24
    let config = "publicEndpoints = [\"https://chat.example.test\"]\n";
    let restricted = Setup::new().config(config).start();
    let open = Server::start();
    for (authority, expected) in [
        ("chat.example.test", 202),
        ("CHAT.example.test:443", 202),
        ("localhost", 401),
        ("example.test", 401),
    ] {
        let audience = AUDIENCE.replace("localhost", authority).replace("http:", "https:");
        let call = call().token(|token| token.claim("aud", audience));
        assert_eq!(call.status(&restricted), expected, "{authority}");
        assert_eq!(call.status(&open), 202, "{authority}");
        let forwarded = call.header("X-Forwarded-Host", "localhost");
        assert_eq!(forwarded.status(&restricted), expected, "{authority}");
    }
}

#[test]
fn both_keys_sign_and_nothing_else_does() {
    // A26, A27, A28, O13
    let server = Server::start();
    for key in [PRIMARY_KEY, SECONDARY_KEY] {
        call().token(|token| token.key(key)).expect(&server, 202);
        let client = Token::for_hub("chat").key(key).sign();
        assert_eq!(Upgrade::to_hub("chat", &client).status(&server), 101);
    }
    let decoded = STANDARD.decode(PRIMARY_KEY).expect("base64");
    let longer = format!("{PRIMARY_KEY}x");
    for key in [decoded, longer.into_bytes(), b"another key of thirty-two bytes.".to_vec()] {
        check_refused(&server, &call().token(|token| token.key(key)), "another key");
    }
    for algorithm in [Algorithm::HS512, Algorithm::HS384] {
        let call = call().token(|token| token.algorithm(algorithm));
        check_refused(&server, &call, &format!("{algorithm:?}"));
    }
    let unsigned = Token::for_target(&call().target()).unsigned();
    check_refused(&server, &call().signed_as(unsigned), "alg none");
}

#[test]
fn forged_tokens_are_refused() {
    // A28, A31
    let server = Server::start();
    let good = Token::for_target(&call().target()).sign();
    let parts: Vec<_> = good.split('.').collect();
    let other = Token::for_target(&call().target()).user("admin").sign();
    let claims = other.split('.').nth(1).expect("claims");
    let forged = [
        String::new(),
        "x".to_owned(),
        "..".to_owned(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{claims}.{}", parts[0], parts[2]),
        format!("{good}.x"),
        format!("{good}A"),
        good[..good.len() - 1].to_owned(),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(43)),
        "A".repeat(8000),
    ];
    for token in forged {
        check_refused(&server, &call().signed_as(token.clone()), &token);
    }
    check_refused(&server, &call().unauthorized(), "no header");
    for header in [
        "Bearer".to_owned(),
        format!("Basic {good}"),
        format!("Bearer{good}"),
        good.clone(),
        "Basic dXNlcjpwYXNz".to_owned(),
    ] {
        check_refused(&server, &call().authorization(header.clone()), &header);
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        call().authorization(format!("{scheme} {good}")).expect(&server, 202);
    }
    // 3.1: never from the query.
    check_refused(&server, &call().query("access_token", &good).unauthorized(), "in the query");
}

#[test]
fn times_have_five_minutes_of_tolerance() {
    // A29, A30
    let server = Server::start();
    let minute = 60;
    let with = |name: &'static str, value: serde_json::Value| {
        call().token(|token| token.claim(name, value)).status(&server)
    };
    assert_eq!(with("exp", json!(now() - minute)), 202);
    assert_eq!(with("exp", json!(now() - 4 * minute)), 202);
    assert_eq!(with("exp", json!(now() - 6 * minute)), 401);
    assert_eq!(with("exp", json!("tomorrow")), 401);
    assert_eq!(with("exp", json!(null)), 401);
    assert_eq!(with("nbf", json!(now() + minute)), 202);
    assert_eq!(with("nbf", json!(now() + 6 * minute)), 401);
    assert_eq!(with("iat", json!(now() + 60 * minute)), 202);
    assert_eq!(with("iss", json!("anyone")), 202);
    let name = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
    assert_eq!(with(name, json!("ana")), 202);
    check_refused(&server, &call().token(|token| token.without("exp")), "no exp");
}

#[test]
fn client_tokens_do_not_open_the_api() {
    // O21, A21
    let server = Server::start();
    let generated = Call::post(":generateToken").expect(&server, 200).json();
    let generated = generated["token"].as_str().expect("a token").to_owned();
    for token in [generated, Token::for_hub("chat").roles(&EVERYTHING).sign()] {
        check_refused(&server, &call().signed_as(token.clone()), "a client's token");
        Call::new("HEAD", "groups/g").signed_as(token).expect(&server, 401);
    }
}

#[test]
fn every_operation_wants_a_token() {
    // A1, A31
    let server = Server::start();
    for (method, path) in [
        ("POST", ":send"),
        ("POST", "groups/g/:send"),
        ("POST", ":closeConnections"),
        ("DELETE", "connections/c"),
        ("PUT", "groups/g/connections/c"),
        ("PUT", "permissions/sendToGroup/connections/c"),
        ("GET", "groups/g/connections"),
        ("POST", ":addToGroups"),
        ("POST", ":generateToken"),
    ] {
        check_refused(&server, &Call::new(method, path).unauthorized(), path);
    }
    for path in ["groups/g", "users/u", "connections/c"] {
        let response = Call::new("HEAD", path).unauthorized().expect(&server, 401);
        assert_eq!(response.header("x-ms-error-code"), Some("Error.Unauthorized"), "{path}");
    }
    Call::to("HEAD", "/api/health").unauthorized().expect(&server, 200);
}

#[test]
fn local_authentication_can_be_disabled() {
    // A32, O19
    let server = Setup::new().config("disableLocalAuth = true\n").start();
    for key in [PRIMARY_KEY, SECONDARY_KEY] {
        check_refused(&server, &call().token(|token| token.key(key)), key);
        let client = Token::for_hub("chat").key(key).sign();
        assert_eq!(Upgrade::to_hub("chat", &client).status(&server), 401);
    }
}
