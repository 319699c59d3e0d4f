//! What a connection may do by its roles (client-roles.md).

use serde_json::{Value, json};

use crate::support::{Client, Server};

/// Whether this connection may do this to the group, as the server says.
fn may(client: &mut Client, kind: &str, group: &str) -> bool {
    let ack = client.request(json!({"type": kind, "group": group, "data": 1, "noEcho": true}));
    let success = ack["success"] == true;
    assert!(success || ack["error"]["name"] == "Forbidden", "{ack}");
    success
}

/// Checks that the role, alone, permits exactly the groups marked `true`.
fn check_sending(server: &Server, role: &str, groups: &[(&str, bool)]) {
    let mut client = server.client().roles(&[role]).connect();
    for &(group, expected) in groups {
        assert_eq!(may(&mut client, "sendToGroup", group), expected, "{role} to {group:?}");
    }
}

/// The same for a pattern of the plural form, for both actions.
fn check_pattern(server: &Server, pattern: &str, groups: &[(&str, bool)]) {
    check_sending(server, &format!("webpubsub.sendToGroups.{pattern}"), groups);
    let role = format!("webpubsub.joinLeaveGroups.{pattern}");
    let mut client = server.client().roles(&[role]).connect();
    for &(group, expected) in groups {
        assert_eq!(
            may(&mut client, "joinGroup", group),
            expected,
            "joining {group:?} by {pattern}"
        );
        assert_eq!(
            may(&mut client, "leaveGroup", group),
            expected,
            "leaving {group:?} by {pattern}"
        );
    }
}

#[test]
fn without_roles_only_events_are_possible() {
    // R1
    let server = Server::start();
    let mut client = server.client().connect();
    for kind in ["joinGroup", "leaveGroup", "sendToGroup"] {
        assert!(!may(&mut client, kind, "room"), "{kind}");
    }
    // Permitted, though nobody handles it.
    client.fail(json!({"type": "event", "event": "e", "data": 1}), "InternalServerError");
}

#[test]
fn the_two_actions_are_independent() {
    // R2
    let server = Server::start();
    for (role, joining, sending) in [
        ("webpubsub.joinLeaveGroup", true, false),
        ("webpubsub.sendToGroup", false, true),
        ("webpubsub.joinLeaveGroup.room", true, false),
        ("webpubsub.sendToGroup.room", false, true),
        ("webpubsub.joinLeaveGroups.r*", true, false),
        ("webpubsub.sendToGroups.r*", false, true),
    ] {
        let mut client = server.client().roles(&[role]).connect();
        assert_eq!(may(&mut client, "joinGroup", "room"), joining, "{role}");
        assert_eq!(may(&mut client, "leaveGroup", "room"), joining, "{role}");
        assert_eq!(may(&mut client, "sendToGroup", "room"), sending, "{role}");
    }
}

#[test]
fn the_singular_form_names_one_group() {
    // R3, R4, R5
    let server = Server::start();
    let mut client = server.client().roles(&["webpubsub.joinLeaveGroup.g1"]).connect();
    for (group, expected) in [("g1", true), ("g2", false), ("G1", false), ("g1x", false)] {
        assert_eq!(may(&mut client, "joinGroup", group), expected, "{group}");
    }
    check_sending(
        &server,
        "webpubsub.sendToGroup.a.b",
        &[("a.b", true), ("a", false), ("b", false), ("a.b.c", false)],
    );
    check_sending(
        &server,
        "webpubsub.sendToGroup.a*",
        &[("a*", true), ("a", false), ("ab", false), ("a**", false)],
    );
    check_sending(&server, r"webpubsub.sendToGroup.a\*", &[(r"a\*", true), ("a*", false)]);
}

#[test]
fn patterns_match_as_the_table_says() {
    // R6, R7
    let server = Server::start();
    check_pattern(&server, "a*", &[("a", true), ("ab", true), ("a.b", false), ("b", false)]);
    check_pattern(
        &server,
        "room-*",
        &[
            ("room-", true),
            ("room-7", true),
            ("room-a-b", true),
            ("room.7", false),
            ("xroom-7", false),
            ("Room-7", false),
        ],
    );
    check_pattern(
        &server,
        "acme.*",
        &[("acme.x", true), ("acme.", true), ("acme", false), ("acme.x.y", false)],
    );
    check_pattern(
        &server,
        "acme.**",
        &[
            ("acme.x", true),
            ("acme.x.y", true),
            ("acme.", true),
            ("acme", false),
            ("other.x", false),
        ],
    );
    check_pattern(
        &server,
        "acme.*.log",
        &[("acme.db.log", true), ("acme.db.eu.log", false), ("acme.log", false)],
    );
    check_pattern(
        &server,
        "**.log",
        &[(".log", true), ("a.log", true), ("a.b.log", true), ("a.logs", false)],
    );
    check_pattern(
        &server,
        "v?",
        &[
            ("v1", true),
            ("v\u{e9}", true),
            ("v\u{1f600}", true),
            ("v", false),
            ("v.", false),
            ("v10", false),
        ],
    );
    check_pattern(&server, r"a\*b", &[("a*b", true), ("aXb", false), (r"a\*b", false)]);
    check_pattern(&server, "*", &[("abc", true), ("a-b", true), ("a.b", false)]);
    check_pattern(&server, "**", &[("abc", true), ("a.b", true)]);
    check_pattern(&server, "plain", &[("plain", true), ("plain2", false)]);
}

#[test]
fn stars_are_joined_and_limited() {
    // R8
    let server = Server::start();
    check_pattern(&server, "a***", &[("a.b.c", true), ("b", false)]);
    check_pattern(&server, "*a*b*c*d*", &[("xaxbxcxdx", true), ("abcd", true), ("abc", false)]);
    check_pattern(&server, "*a*b*c*d*e*", &[("abcde", false), ("xaxbxcxdxex", false)]);
    check_pattern(&server, "******", &[("a", false)]);
    check_pattern(&server, r"\**a*b*c*d*", &[("*abcd", true), ("abcd", false)]);
}

#[test]
fn what_is_no_role_grants_nothing_and_harms_nothing() {
    // R9, R10
    let server = Server::start();
    for role in [
        r"webpubsub.sendToGroups.g\",
        r"webpubsub.sendToGroups.\g",
        r"webpubsub.sendToGroups.**\",
        "foo",
        "",
        "webpubsub.sendToGroups",
        "webpubsub.sendToGroups.",
        "webpubsub.sendToGroup.",
        "webpubsub.sendToGroup. ",
        "WEBPUBSUB.SENDTOGROUP",
        " webpubsub.sendToGroup",
        "webpubsub.sendToGroup ",
        "webpubsub",
    ] {
        let mut client = server.client().roles(&[role, "webpubsub.sendToGroup.other"]).connect();
        assert!(!may(&mut client, "sendToGroup", "g"), "{role:?}");
        assert!(may(&mut client, "sendToGroup", "other"), "{role:?}");
    }
    for length in [1024, 1025] {
        let group = "g".repeat(length);
        let role = format!("webpubsub.sendToGroup.{group}");
        let mut client = server.client().roles(&[role]).connect();
        assert!(!may(&mut client, "sendToGroup", "g"));
        if length == 1024 {
            assert!(may(&mut client, "sendToGroup", &group));
        }
    }
}

#[test]
fn many_single_groups_and_ten_patterns_count() {
    // R22: as many roles as a header block carries; the limit of 1,000 needs a longer token and
    // is shown beside the permission table itself.
    let server = Server::start();
    let names: Vec<_> = (0..800_u32).map(|number| format!("{number:x}")).collect();
    let roles: Vec<_> = names.iter().map(|name| format!("webpubsub.sendToGroup.{name}")).collect();
    let mut client = server.client().roles(&roles).by_header().connect();
    for name in &names {
        assert!(may(&mut client, "sendToGroup", name), "{name}");
    }
    assert!(!may(&mut client, "sendToGroup", "800"));

    // Eleven patterns, in reverse: the last in ordinal order is ignored.
    let letters = ["k", "j", "i", "h", "g", "f", "e", "d", "c", "b", "a"];
    let roles = letters.map(|letter| format!("webpubsub.sendToGroups.{letter}*"));
    let mut client = server.client().roles(&roles).connect();
    for letter in letters {
        let expected = letter != "k";
        assert_eq!(may(&mut client, "sendToGroup", &format!("{letter}1")), expected, "{letter}");
    }
    assert_eq!(client.sync(), [] as [Value; 0]);
}
