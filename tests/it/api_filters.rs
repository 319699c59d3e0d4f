//! Filters from outside: who is selected, and what is refused (rest-api.md, section 7).

use serde_json::json;

use crate::support::{Call, Client, Endpoint, Server, on_shards};

/// Four connections that differ in everything a filter can see.
struct Crowd {
    clients: [(&'static str, Client); 4],
}

impl Crowd {
    fn of(server: &Endpoint) -> Self {
        let last = server.shards - 1;
        let guest = || server.client();
        Self {
            clients: [
                ("ana", guest().user("Ana").groups(&["g", "h"]).on(0).connect()),
                ("ben", guest().user("o'hara").groups(&["g"]).on(last).connect()),
                ("cyd", guest().user("u").on(0).connect()),
                ("nobody", guest().groups(&["h"]).on(last).connect()),
            ],
        }
    }

    /// Sends with this filter and checks who got it.
    fn check(&mut self, server: &Endpoint, filter: &str, expected: &[&str]) {
        Call::text(":send", "hit").query("filter", filter).expect(server, 202);
        Call::text(":send", "end").expect(server, 202);
        let mut selected = Vec::new();
        for (name, client) in &mut self.clients {
            let mut data = client.json()["data"].clone();
            if data == "hit" {
                selected.push(*name);
                data = client.json()["data"].clone();
            }
            assert_eq!(data, "end");
        }
        assert_eq!(selected, expected, "{filter}");
    }
}

#[test]
fn filters_select_by_what_is_known_of_a_connection() {
    // A55, A57, A59, A60; 7.5
    on_shards(&[1, 2, 4], |server| {
        let mut crowd = Crowd::of(server);
        let ana = format!("connectionId eq '{}'", crowd.clients[0].1.id);
        for (filter, expected) in [
            (&*ana, &["ana"][..]),
            ("userId eq null", &["nobody"]),
            ("userId ne null", &["ana", "ben", "cyd"]),
            ("USERID eq 'u'", &["cyd"]),
            ("UserId eq 'U'", &[]),
            ("userId eq 'o''hara'", &["ben"]),
            ("userId in ('u', 'Ana', 'x')", &["ana", "cyd"]),
            ("userId in ()", &[]),
            ("'g' in groups", &["ana", "ben"]),
            ("'g' in groups and not('h' in groups)", &["ben"]),
            ("'g' in groups or 'h' in groups", &["ana", "ben", "nobody"]),
            ("not ('g' in groups or userId eq null)", &["cyd"]),
            ("'G' in groups", &[]),
            ("length(groups) gt 1", &["ana"]),
            ("length(groups) eq 0", &["cyd"]),
            ("protocol eq 'json.webpubsub.azure.v1'", &["ana", "ben", "cyd", "nobody"]),
            ("protocol eq null", &[]),
            ("true", &["ana", "ben", "cyd", "nobody"]),
            ("false", &[]),
            ("", &["ana", "ben", "cyd", "nobody"]),
            // Functions.
            ("length(userId) eq 3", &["ana"]),
            ("length(userId) le 3", &["ana", "cyd"]),
            ("not (length(userId) gt 5)", &["ana", "cyd", "nobody"]),
            ("tolower(userId) eq 'ana'", &["ana"]),
            ("toupper(userId) eq 'U'", &["cyd"]),
            ("tolower(userId) eq null", &["nobody"]),
            ("trim(concat(' ', userId)) eq 'u'", &["cyd"]),
            ("contains(userId, 'har')", &["ben"]),
            ("not contains(userId, 'a')", &["cyd", "nobody"]),
            ("startswith(userId, 'A')", &["ana"]),
            ("endswith(userId, 'a')", &["ana", "ben"]),
            ("indexof(userId, 'n') eq 1", &["ana"]),
            ("indexof(userId, 'x') eq -1", &["ana", "ben", "cyd", "nobody"]),
            ("concat(userId, '!') eq '!'", &["nobody"]),
            ("concat(userId, '!') eq 'u!'", &["cyd"]),
            ("substring(userId, 1) eq 'na'", &["ana"]),
            ("substring(userId, 2, 2) eq 'ha'", &["ben"]),
            ("substring(userId, 2) eq null", &["cyd", "nobody"]),
        ] {
            crowd.check(server, filter, expected);
        }
    });
}

#[test]
fn what_is_no_filter_is_refused_everywhere() {
    // A54, A56, A58: even in an empty hub, and nothing happens.
    let server = Server::start();
    let syntax = "Invalid syntax for 'invalid filter': \
        Syntax error at position 14 in 'invalid filter'. (Parameter 'filter')";
    let type_error = "Invalid syntax for 'not length(userId)': \
        Type 'null', expect 'bool'. (Parameter 'filter')";
    for (filter, message) in [
        ("invalid filter", Some(syntax)),
        ("not length(userId) gt 5", Some(type_error)),
        ("userId gt 5 and x", None),
        ("foo eq 1", None),
        ("subprotocol eq 'x'", None),
        ("length(userId) add 1 gt 2", None),
        ("userId EQ 'u'", None),
        ("userId eq 'u' AND true", None),
        ("'g' IN groups", None),
        ("TRUE", None),
        ("Length(userId) eq 1", None),
        ("length(userId, 'x') eq 1", None),
        ("unknown(userId)", None),
        ("groups/any(g: g eq 'x')", None),
        ("userId eq 'open", None),
        ("(true", None),
        ("true)", None),
        ("true true", None),
        ("5", None),
        ("'text'", None),
        ("userId", None),
        ("length(userId) eq 99999999999", None),
        ("connectionId gt 'a'", None),
        ("' '", None),
    ] {
        for path in [":send", "groups/g/:send", "users/u/:send"] {
            let call = Call::text(path, "x").query("filter", filter);
            let error = call.expect(&server, 400).error();
            if let Some(message) = message {
                assert_eq!(error["message"], message, "{path}");
            }
        }
        for path in [":addToGroups", ":removeFromGroups"] {
            let body = json!({"groups": ["g"], "filter": filter}).to_string();
            let call = Call::post(path).body("application/json", body);
            let error = call.expect(&server, 400).error();
            if let Some(message) = message {
                assert_eq!(error["message"], message, "{path}");
            }
        }
    }
}

#[test]
fn comparing_a_user_with_a_number_is_refused() {
    // A58
    let server = Server::start();
    Call::text(":send", "x").query("filter", "userId gt 5").expect(&server, 400);
}

#[test]
fn filters_have_bounds() {
    // A54; section 4
    let server = Server::start();
    let nested = |depth| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    Call::text(":send", "x").query("filter", &nested(90)).expect(&server, 202);
    Call::text(":send", "x").query("filter", &nested(2000)).expect(&server, 400);
    let clauses = |count| vec!["true"; count].join(" or ");
    Call::text(":send", "x").query("filter", &clauses(100)).expect(&server, 202);
    let body = json!({"groups": ["g"], "filter": clauses(3000)}).to_string();
    Call::post(":addToGroups").body("application/json", body).expect(&server, 400);
    let body = json!({"groups": ["g"], "filter": format!("'{}' eq ''", "x".repeat(17_000))});
    let call = Call::post(":addToGroups").body("application/json", body.to_string());
    call.expect(&server, 400);
}

#[test]
fn bulk_membership_takes_groups_and_a_filter() {
    // A13; 6.7
    on_shards(&[1, 2, 4], |server| {
        let crowd = Crowd::of(server);
        let bulk = |path: &str, body: &str, status| {
            let call = Call::post(path).body("application/json", body);
            assert_eq!(call.expect(server, status).body.is_empty(), status == 200, "{body}");
        };
        let members = |group: &str| {
            let list = Call::new("GET", format!("groups/{group}/connections")).expect(server, 200);
            list.json()["value"].as_array().expect("a list").len()
        };
        bulk(":addToGroups", r#"{"groups":["all","more"]}"#, 200);
        bulk(":addToGroups", r#"{"Groups":["null"],"FILTER":null,"unknown":1}"#, 200);
        bulk(":addToGroups", r#"{"groups":["empty"],"filter":""}"#, 200);
        bulk(":addToGroups", r#"{"groups":["some"],"filter":"'g' in groups"}"#, 200);
        bulk(":addToGroups", r#"{"groups":["none"],"filter":"userId eq 'none'"}"#, 200);
        for (group, count) in
            [("all", 4), ("more", 4), ("null", 4), ("empty", 4), ("some", 2), ("none", 0)]
        {
            assert_eq!(members(group), count, "{group}");
        }
        // The filter sees the groups from before the removal.
        let body = r#"{"groups":["all","some"],"filter":"'some' in groups and 'all' in groups"}"#;
        bulk(":removeFromGroups", body, 200);
        assert_eq!((members("all"), members("some")), (2, 0));
        for wrong in [
            "{}",
            "[]",
            "null",
            "",
            r#"{"groups":[]}"#,
            r#"{"groups":null}"#,
            r#"{"groups":"g"}"#,
            r#"{"groups":[1]}"#,
            r#"{"groups":["ok",""]}"#,
            r#"{"groups":["ok"],"filter":5}"#,
        ] {
            bulk(":addToGroups", wrong, 400);
            bulk(":removeFromGroups", wrong, 400);
        }
        assert_eq!(members("ok"), 0);
        drop(crowd);
    });
}
