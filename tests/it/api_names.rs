//! Names of hubs, groups, users and connections in paths (rest-api.md, sections 1.3 and 4).

use crate::support::{Call, Server, encoded};

#[test]
fn hubs_ignore_case() {
    // A38
    let server = Server::start();
    let mut client = server.client().hub("ChAt").user("ana").connect();
    for hub in ["chat", "CHAT", "Chat"] {
        let path = format!("/api/hubs/{hub}/:send");
        Call::to("POST", path).body("text/plain", hub).expect(&server, 202);
        assert_eq!(client.json()["data"], hub);
        Call::to("HEAD", format!("/api/hubs/{hub}/users/ana")).expect(&server, 200);
    }
}

#[test]
fn hubs_have_letters_digits_and_a_few_signs() {
    // A39
    let server = Server::start();
    let long = "h".repeat(128);
    for hub in ["a", "a.b,[c]_9", "a`b", &long, "A.B"] {
        for spelled in [hub.to_owned(), encoded(hub)] {
            let path = format!("/api/hubs/{spelled}/:send");
            Call::to("POST", path).body("text/plain", "x").expect(&server, 202);
        }
    }
    let too_long = "h".repeat(129);
    for hub in ["1abc", "a-b", "_a", "a b", "a/b", "é", "aé", "a:b", &too_long] {
        let path = format!("/api/hubs/{}/:send", encoded(hub));
        Call::to("POST", path).body("text/plain", "x").refused(&server, "hub");
    }
}

#[test]
fn groups_have_up_to_1024_characters() {
    // A40: UTF-16 code units.
    let server = Server::start();
    let client = server.client().connect();
    let longest = ["g".repeat(1024), "é".repeat(1024), "\u{1f600}".repeat(512)];
    for group in &longest {
        let path = format!("groups/{}", encoded(group));
        Call::new("PUT", format!("{path}/connections/{}", client.id)).expect(&server, 200);
        Call::new("HEAD", &path).expect(&server, 200);
        Call::text(format!("{path}/:send"), "x").expect(&server, 202);
        let path = format!("groups/{}", encoded(&format!("{group}g")));
        Call::text(format!("{path}/:send"), "x").refused(&server, "group");
        Call::new("HEAD", &path).expect(&server, 400);
    }
    for group in [" ", "\t ", "\u{2003}", "a\nb", "\n"] {
        let path = format!("groups/{}/:send", encoded(group));
        Call::text(path, "x").refused(&server, "group");
        let body = serde_json::json!({"groups": ["good", group]}).to_string();
        let response =
            Call::post(":addToGroups").body("application/json", body).expect(&server, 400);
        response.error();
        Call::new("HEAD", "groups/good").expect(&server, 404);
    }
}

#[test]
fn groups_users_and_connections_have_case() {
    // A41
    let server = Server::start();
    let client = server.client().user("Ana").groups(&["Room"]).connect();
    for (path, status) in [
        ("groups/Room", 200),
        ("groups/room", 404),
        ("users/Ana", 200),
        ("users/ana", 404),
        (&format!("connections/{}", client.id), 200),
        (&format!("connections/{}", client.id.to_lowercase()), 404),
    ] {
        Call::new("HEAD", path).expect(&server, status);
    }
}

#[test]
fn encoded_names_work_in_every_operation() {
    // A42
    let server = Server::start();
    let names = ["g/1 x", "a/b c%é+", "%2F", "a?b#c&d=e", ":send", "..", ".", "\u{1f600}'\"\\"];
    for name in names {
        let mut client = server.client().user(name).connect();
        let (name_path, id) = (encoded(name), client.id.clone());
        let (group, user) = (format!("groups/{name_path}"), format!("users/{name_path}"));
        for (method, path, status) in [
            ("HEAD", user.clone(), 200),
            ("HEAD", group.clone(), 404),
            ("PUT", format!("{group}/connections/{id}"), 200),
            ("HEAD", group.clone(), 200),
            ("DELETE", format!("{group}/connections/{id}"), 204),
            ("HEAD", group.clone(), 404),
            ("PUT", format!("{user}/{group}"), 200),
            ("HEAD", group.clone(), 200),
            ("DELETE", format!("{user}/{group}"), 204),
            ("HEAD", group.clone(), 404),
            ("PUT", format!("{user}/{group}"), 200),
            ("DELETE", format!("{user}/groups"), 204),
            ("HEAD", group.clone(), 404),
            ("PUT", format!("{user}/{group}"), 200),
        ] {
            let response = Call::new(method, &path).expect(&server, status);
            assert_eq!(response.body, "", "{method} {path}");
        }
        Call::text(format!("{group}/:send"), "by group").expect(&server, 202);
        let message = client.json();
        assert_eq!((&message["group"], &message["data"]), (&name.into(), &"by group".into()));
        Call::text(format!("{user}/:send"), "by user").expect(&server, 202);
        assert_eq!(client.json()["data"], "by user");
        let list = Call::new("GET", format!("{group}/connections")).expect(&server, 200).json();
        assert_eq!(list["value"][0]["connectionId"], *id);
        assert_eq!(list["value"][0]["userId"], name);
        let permission = format!("permissions/sendToGroup/connections/{id}");
        for (method, status) in [("HEAD", 404), ("PUT", 200), ("HEAD", 200), ("DELETE", 204)] {
            Call::new(method, &permission).query("targetName", name).expect(&server, status);
        }
        Call::post(format!("{user}/:closeConnections")).query("reason", name).expect(&server, 204);
        assert_eq!(client.json()["message"], name);
        assert_eq!(client.closed().reason, name);
    }
}

#[test]
fn a_plus_is_a_plus_in_paths_and_a_space_in_queries() {
    // A42; 1.3, 1.4
    let server = Server::start();
    let mut client = server.client().user("a+b").connect();
    Call::new("HEAD", "users/a+b").expect(&server, 200);
    Call::new("HEAD", "users/a%2Bb").expect(&server, 200);
    Call::new("HEAD", "users/a%20b").expect(&server, 404);
    let path = format!("connections/{}", client.id);
    Call::new("DELETE", path).raw_query("reason=a+b%2Bc%20d").expect(&server, 204);
    assert_eq!(client.json()["message"], "a b+c d");
}
