//! Which status every operation answers, without a body (rest-api.md, sections 5.1, 5.2 and 6).

use crate::support::{Call, JSON, Server, Setup, Token, Upgrade, Wire, on_shards};

/// All operations below a hub; `C` is replaced by a connection, `U` by a user, `G` by a group.
/// The statuses are for what exists and for what does not.
const OPERATIONS: [(&str, &str, u16, u16); 24] = [
    ("POST", ":send", 202, 202),
    ("POST", "groups/G/:send", 202, 202),
    ("POST", "users/U/:send", 202, 202),
    ("POST", "connections/C/:send", 202, 202),
    ("HEAD", "connections/C", 200, 404),
    ("HEAD", "groups/G", 200, 404),
    ("HEAD", "users/U", 200, 404),
    ("PUT", "groups/G/connections/C", 200, 404),
    ("PUT", "users/U/groups/G", 200, 404),
    ("PUT", "permissions/sendToGroup/connections/C", 200, 404),
    ("HEAD", "permissions/sendToGroup/connections/C", 200, 404),
    ("DELETE", "permissions/sendToGroup/connections/C", 204, 204),
    ("HEAD", "permissions/sendToGroup/connections/C", 404, 404),
    ("GET", "groups/G/connections", 200, 200),
    ("POST", ":addToGroups", 200, 200),
    ("POST", ":removeFromGroups", 200, 200),
    ("DELETE", "groups/G/connections/C", 204, 204),
    ("DELETE", "users/U/groups/G", 204, 204),
    ("DELETE", "users/U/groups", 204, 204),
    ("DELETE", "connections/C/groups", 204, 204),
    ("POST", "users/U/:closeConnections", 204, 204),
    ("POST", "groups/G/:closeConnections", 204, 204),
    ("POST", ":closeConnections", 204, 204),
    ("DELETE", "connections/C", 204, 204),
];

fn operation(method: &'static str, path: &str, [connection, user, group]: [&str; 3]) -> Call {
    let segments = path.split('/').map(|segment| match segment {
        "C" => connection,
        "U" => user,
        "G" => group,
        other => other,
    });
    let call = Call::new(method, segments.collect::<Vec<_>>().join("/"));
    match path.rsplit('/').next() {
        Some(":send") => call.body("text/plain", "x"),
        Some(":addToGroups" | ":removeFromGroups") => {
            call.body("application/json", r#"{"groups":["bulk"],"filter":"userId eq 'bulk'"}"#)
        }
        _ => call,
    }
}

#[test]
fn every_operation_answers_its_status() {
    // A2-A16
    on_shards(&[1, 2, 4], |server| {
        for shard in 0..server.shards {
            let mut client = server.client().user("ana").groups(&["room"]).on(shard).connect();
            let id = client.id.clone();
            for (method, path, present, absent) in OPERATIONS {
                // Twice: what is done already is done.
                for _ in 0..2 {
                    let existing = operation(method, path, [&id, "ana", "room"]);
                    let response = existing.expect(server, present);
                    check_empty(path, &response.body, response.header("content-length"), present);
                    operation(method, path, ["none", "none", "none"]).expect(server, absent);
                    if path.ends_with(":send") {
                        let elsewhere = format!("/api/hubs/never_used/{path}");
                        Call::to("POST", elsewhere).body("text/plain", "x").expect(server, 202);
                    }
                    if path.ends_with("/:closeConnections") {
                        break;
                    }
                }
                if path == "users/U/:closeConnections" {
                    while client.json()["event"] != "disconnected" {}
                    client = server.client().user("ana").groups(&["room"]).on(shard).connect();
                }
            }
        }
    });
}

/// 5.2: nothing, and said so where a body would be possible.
fn check_empty(path: &str, body: &str, length: Option<&str>, status: u16) {
    if path != "groups/G/connections" {
        assert_eq!(body, "", "{path}");
        let expected = (status == 200 || status == 202).then_some("0");
        if expected.is_some() {
            assert_eq!(length, expected, "{path}");
        }
    }
}

#[test]
fn what_does_not_exist_is_named_in_a_header() {
    // A6; 5.1.3
    let server = Server::start();
    let client = server.client().connect();
    for (method, path, code) in [
        ("HEAD", "connections/C", "Warning.Connection.NotExisted"),
        ("HEAD", "groups/G", "Warning.Group.NotExisted"),
        ("HEAD", "users/U", "Warning.User.NotExisted"),
        ("PUT", "groups/G/connections/C", "Error.Connection.NotExisted"),
        ("PUT", "permissions/sendToGroup/connections/C", "Error.Connection.NotExisted"),
        ("PUT", "users/U/groups/G", "Warning.User.NotExisted"),
    ] {
        let response = operation(method, path, ["none", "none", "none"]).expect(&server, 404);
        assert_eq!(response.header("x-ms-error-code"), Some(code), "{method} {path}");
        if method == "PUT" {
            response.error();
        }
    }
    let present = Call::new("HEAD", format!("connections/{}", client.id)).expect(&server, 200);
    assert_eq!(present.header("x-ms-error-code"), None);
}

#[test]
fn known_paths_know_their_methods() {
    // 1.8, A43
    let server = Server::start();
    for (path, allowed) in [
        (":send", &["POST"][..]),
        ("connections/c", &["HEAD", "DELETE"]),
        ("connections/c/groups", &["DELETE"]),
        ("groups/g/connections", &["GET"]),
        ("groups/g/connections/c", &["PUT", "DELETE"]),
        ("permissions/sendToGroup/connections/c", &["PUT", "DELETE", "HEAD"]),
        ("users/u/groups/g", &["PUT", "DELETE"]),
        (":generateToken", &["POST"]),
    ] {
        for method in ["PATCH", "GET", "POST", "PUT", "DELETE"] {
            if allowed.contains(&method) {
                continue;
            }
            let response = Call::new(method, path).expect(&server, 405);
            let allow = response.header("allow").expect("methods");
            let mut named: Vec<_> = allow.split(',').map(str::trim).collect();
            let mut expected = allowed.to_vec();
            named.sort_unstable();
            expected.sort_unstable();
            assert_eq!(named, expected, "{method} {path}");
            response.error();
        }
    }
    for path in ["", ":invoke", ":nothing", "groups", "groups/g/:nothing", "users/u/x", "x/y/z"] {
        Call::post(path).expect(&server, 404).error();
    }
    Call::to("POST", "/api/hubs").expect(&server, 404).error();
    Call::to("GET", "/api").expect(&server, 404);
}

#[test]
fn fixed_segments_ignore_case_and_one_trailing_slash() {
    // 1.3
    let server = Server::start();
    for path in [
        "/api/hubs/chat/:send",
        "/API/Hubs/chat/:SEND",
        "/api/hubs/chat/%3Asend",
        "/api/hubs/chat/%3asend/",
        "/api/hubs/chat/groups/g/:send/",
        "/api/hubs/chat/Groups/g/:Send",
    ] {
        Call::to("POST", path).body("text/plain", "x").expect(&server, 202);
    }
    Call::to("POST", "/api/hubs/chat/:send//").body("text/plain", "x").expect(&server, 404);
    for path in ["groups/%ff", "groups/%zz", "groups/a%2", "users/%c3%28"] {
        assert_eq!(Call::new("HEAD", path).status(&server), 400, "{path}");
    }
}

#[test]
fn answers_carry_versions_and_the_request_id() {
    // A37; 1.6
    let server = Server::start();
    let versions = "2021-10-01, 2022-11-01, 2023-07-01, 2024-01-01, 2024-12-01";
    for (call, status) in [
        (Call::text(":send", "x"), 202),
        (Call::new("HEAD", "groups/g"), 404),
        (Call::new("DELETE", "connections/c"), 204),
        (Call::text(":send", "x").unauthorized(), 401),
        (Call::text(":send", "x").query("messageTtlSeconds", "x"), 400),
    ] {
        let response = call.header("x-ms-client-request-id", "id-1").expect(&server, status);
        assert_eq!(response.header("api-supported-versions"), Some(versions), "{status}");
        assert_eq!(response.header("x-ms-client-request-id"), Some("id-1"), "{status}");
    }
}

#[test]
fn versions_are_accepted_or_refused() {
    // A35, A36; 2.1, 2.2
    let server = Server::start();
    let call = || Call::text(":send", "x").without_version();
    call().expect(&server, 202);
    for version in [
        "2021-10-01",
        "2022-11-01",
        "2023-07-01",
        "2024-01-01",
        "2024-12-01",
        "2021-08-01-preview",
        "2022-10-01-preview",
    ] {
        call().query("api-version", version).expect(&server, 202);
        call().query("API-Version", version).expect(&server, 202);
    }
    for wrong in [
        "api-version=2019-01-01",
        "api-version=",
        "api-version",
        "api-version=2024-12-01-preview",
        "api-version=2022-10-01-PREVIEW",
        "api-version=2024-12-01&api-version=2024-12-01",
        "api-version=2024-12-01&API-VERSION=2021-10-01",
    ] {
        let error = call().raw_query(wrong).refused(&server, "api-version");
        assert_eq!(error["code"], "Error.BadRequest", "{wrong}");
        assert_eq!(error["message"], "The specified API version is not supported.", "{wrong}");
    }
    Call::to("GET", "/api/health").raw_query("api-version=x").unauthorized().expect(&server, 200);
}

#[test]
fn the_first_failing_check_answers() {
    // 3.6
    let server = Server::start();
    let base = || Call::text(":send", "x").without_version().unauthorized();
    let wrong_type = |call: Call| call.header("Content-Encoding", "gzip");
    // Route before parameters before version before authentication.
    Call::post(":nothing").unauthorized().raw_query("api-version=x").expect(&server, 404);
    Call::new("PUT", ":send").unauthorized().raw_query("api-version=x").expect(&server, 405);
    base().raw_query("messageTtlSeconds=x&api-version=x").refused(&server, "messageTtlSeconds");
    base().raw_query("api-version=x").refused(&server, "api-version");
    wrong_type(base()).expect(&server, 401);
    // Authentication before the body, whatever it is.
    let long = vec![b'x'; (1 << 20) + 1];
    Call::post(":send").unauthorized().body("text/xml", long).expect(&server, 401);
    Call::post(":send").unauthorized().body("application/json", "{").expect(&server, 401);
    // The type before content and filter; those before existence.
    Call::post(":send").query("filter", "x y").body("text/xml", "x").expect(&server, 415);
    Call::post("connections/none/:send").body("application/json", "{").expect(&server, 400);
}

#[test]
fn categories_and_statuses_are_counted() {
    // O6
    let server = Server::start();
    for (call, category, status) in [
        (Call::text(":send", "x"), "SendToAll", "202"),
        (Call::text("users/u/:send", "x"), "SendToUser", "202"),
        (Call::text("groups/g/:send", "x"), "SendToGroup", "202"),
        (Call::text("connections/c/:send", "x"), "SendToConnection", "202"),
        (Call::new("HEAD", "connections/c"), "CheckConnectionExists", "404"),
        (Call::new("HEAD", "users/u"), "CheckUserExists", "404"),
        (Call::new("HEAD", "groups/g"), "CheckGroupExists", "404"),
        (Call::new("DELETE", "connections/c"), "CloseClientConnection", "204"),
        (Call::post(":closeConnections"), "CloseAllConnections", "204"),
        (Call::post("users/u/:closeConnections"), "CloseUserConnections", "204"),
        (Call::post("groups/g/:closeConnections"), "CloseGroupConnections", "204"),
        (Call::new("PUT", "groups/g/connections/c"), "AddConnectionToGroup", "404"),
        (Call::new("DELETE", "groups/g/connections/c"), "RemoveConnectionFromGroup", "204"),
        (Call::new("DELETE", "connections/c/groups"), "RemoveConnectionFromAllGroups", "204"),
        (Call::new("PUT", "users/u/groups/g"), "AddUserToGroup", "404"),
        (Call::new("DELETE", "users/u/groups/g"), "RemoveUserFromGroup", "204"),
        (Call::new("DELETE", "users/u/groups"), "RemoveUserFromAllGroups", "204"),
        (Call::new("GET", "groups/g/connections"), "ListConnectionsInGroup", "200"),
        (Call::new("PUT", "permissions/sendToGroup/connections/c"), "GrantPermission", "404"),
        (Call::new("DELETE", "permissions/sendToGroup/connections/c"), "RevokePermission", "204"),
        (Call::new("HEAD", "permissions/sendToGroup/connections/c"), "CheckPermission", "404"),
        (Call::post(":generateToken"), "GenerateClientToken", "200"),
        (Call::post(":nothing"), "Uncategorized", "404"),
        (Call::to("HEAD", "/api/health"), "HealthCheck", "200"),
        (Call::text(":send", "x").unauthorized(), "SendToAll", "401"),
    ] {
        call.send(&server);
        server.await_metric(
            "corecast_rest_request_duration_seconds_count",
            &[("category", category), ("status", status)],
            1.0,
        );
    }
}

#[test]
fn an_api_connection_may_become_a_client() {
    // A2, C1
    let server = Setup::new().start();
    let mut wire = Wire::connect(server.address);
    assert_eq!(Call::text(":send", "x").over(&mut wire).status, 202);
    wire.send(Upgrade::to_hub("chat", &Token::for_hub("chat").sign()).offer(JSON).bytes());
    assert_eq!(wire.response(true).status, 101);
}
