//! Which requests become WebSocket connections (client-connect.md, sections 1 to 3 and 9).

use std::collections::HashSet;

use serde_json::Value;

use crate::support::{Client, EVERYTHING, JSON, Server, Setup, Token, Upgrade};

#[test]
fn every_form_of_the_endpoint_leads_to_the_same_hub() {
    // C1, C2
    let server = Server::start();
    let token = Token::for_hub("chat").roles(&EVERYTHING).groups(&["room"]).sign();
    let targets = [
        format!("/client/hubs/chat?access_token={token}"),
        format!("/client/hubs/chat/?access_token={token}"),
        format!("/CLIENT/Hubs/chat?access_token={token}"),
        format!("/client/hubs/%63hat?access_token={token}"),
        format!("/client/?hub=chat&access_token={token}"),
        format!("/client?hub=chat&access_token={token}"),
        format!("/client?HUB=chat&ACCESS_TOKEN={token}"),
        // The path wins.
        format!("/client/hubs/chat?hub=other&access_token={token}"),
    ];
    let mut members: Vec<_> = targets
        .iter()
        .map(|target| Client::on(Upgrade::new(target).offer(JSON).accepted(&server)))
        .collect();
    for member in &mut members {
        assert_eq!(member.json()["event"], "connected");
    }
    for (publisher, target) in targets.iter().enumerate() {
        members[publisher].publish("room", target);
        for member in &mut members {
            assert_eq!(member.group_text("room"), *target);
        }
    }
}

#[test]
fn the_token_is_taken_from_the_query_first_and_then_from_the_header() {
    // C3, C4
    let server = Server::start();
    let token = Token::for_hub("chat").sign();
    let (good_query, bad_query) = (format!("?access_token={token}"), "?access_token=garbage");
    let (good, bad) = (format!("Bearer {token}"), "Bearer garbage".to_owned());
    let lower_case = good.replace("Bearer", "bearer");
    let cases = [
        ("", Some(&good), 101),
        ("", Some(&lower_case), 101),
        ("?access_token=", Some(&good), 101),
        (&*good_query, None, 101),
        (&*good_query, Some(&bad), 101),
        (bad_query, Some(&good), 401),
        ("", Some(&bad), 401),
        ("", None, 401),
    ];
    for (query, header, status) in cases {
        let mut upgrade = Upgrade::new(format!("/client/hubs/chat{query}"));
        if let Some(header) = header {
            upgrade = upgrade.header("Authorization", header);
        }
        assert_eq!(upgrade.status(&server), status, "{query:?} with {header:?}");
    }
}

#[test]
fn hub_names_are_checked() {
    // C5
    let server = Server::start();
    let status = |hub: &str, path: &str| {
        let token = Token::for_hub(hub).sign();
        Upgrade::new(format!("{path}access_token={token}")).status(&server)
    };
    assert_eq!(status("chat", "/client?"), 400);
    assert_eq!(status("chat", "/client/?"), 400);
    assert_eq!(status("chat", "/client/?hub=&"), 400);
    let longest = format!("a{}", "b".repeat(127));
    let too_long = format!("{longest}c");
    let cases = [
        ("a", 101),
        ("Chat_2", 101),
        ("a%60,.%5B%5d_9", 101),
        (&longest, 101),
        (&too_long, 400),
        ("1abc", 400),
        ("_abc", 400),
        ("a-b", 400),
        ("a%20b", 400),
        ("%C3%A4", 400),
    ];
    for (hub, expected) in cases {
        assert_eq!(status(hub, &format!("/client/hubs/{hub}?")), expected, "path, {hub}");
        assert_eq!(status(hub, &format!("/client/?hub={hub}&")), expected, "query, {hub}");
    }
}

#[test]
fn only_a_proper_upgrade_is_one() {
    // C6
    let server = Server::start();
    let proper = Upgrade::to_hub("chat", &Token::for_hub("chat").sign());
    let plain = proper.clone().without("upgrade").without("connection");
    let cases = [
        ("plain GET", plain, 400),
        ("no Upgrade", proper.clone().without("upgrade"), 400),
        ("no Connection", proper.clone().without("connection"), 400),
        ("no key", proper.clone().without("sec-websocket-key"), 400),
        (
            "a key of 15 bytes",
            proper
                .clone()
                .without("sec-websocket-key")
                .header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAA"),
            400,
        ),
        ("POST", proper.clone().method("POST").header("Content-Length", "0"), 400),
        ("no Host", proper.clone().without("host"), 400),
        (
            "header values in any case, in lists",
            proper
                .clone()
                .without("upgrade")
                .without("connection")
                .header("UPGRADE", "WebSocket")
                .header("connection", "keep-alive, uPgRaDe"),
            101,
        ),
        ("an extension", proper.header("Sec-WebSocket-Extensions", "permessage-deflate"), 101),
    ];
    for (name, upgrade, status) in cases {
        let (response, _wire) = upgrade.send(&server);
        assert_eq!(response.status, status, "{name}: {response:?}");
    }
}

#[test]
fn anonymous_clients_are_a_matter_of_the_hub() {
    // C7
    let server = Setup::new().config("[hubs.open]\nanonymousConnectPolicy = \"allow\"\n").start();
    assert_eq!(Upgrade::new("/client/hubs/chat").status(&server), 401);
    let mut client = Client::on(Upgrade::new("/client/hubs/open").offer(JSON).accepted(&server));
    let connected = client.json();
    assert_eq!(connected["event"], "connected");
    assert_eq!(connected["userId"], Value::Null);
    // A bad token is not a missing one.
    assert_eq!(Upgrade::to_hub("open", "garbage").status(&server), 401);
    assert_eq!(Upgrade::to_hub("open", &Token::for_hub("chat").sign()).status(&server), 401);
    assert_eq!(Upgrade::to_hub("OPEN", &Token::for_hub("open").sign()).status(&server), 101);
}

#[test]
fn refusals_are_one_readable_line_without_the_token() {
    let server = Server::start();
    let expired = Token::for_hub("chat").claim("exp", 1).sign();
    for upgrade in [
        Upgrade::to_hub("chat", &expired),
        Upgrade::new("/client/hubs/chat"),
        Upgrade::to_hub("1abc", &expired),
        Upgrade::new(format!("/client/nowhere?access_token={expired}")),
    ] {
        let (response, _wire) = upgrade.send(&server);
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
        let body = response.body.trim_end();
        assert!(!body.is_empty() && !body.contains('\n'), "{response:?}");
        assert!(!body.contains(&expired), "{response:?}");
    }
}

#[test]
fn a_reconnection_token_alone_is_an_ordinary_connection() {
    // C49
    let server = Server::start();
    let token = Token::for_hub("chat").user("ana").sign();
    let target = format!("/client/hubs/chat?access_token={token}&awps_reconnection_token=abc");
    let mut client = Client::on(Upgrade::new(target).offer(JSON).accepted(&server));
    assert_eq!(client.json()["userId"], "ana");
    assert_eq!(Upgrade::new("/client/hubs/chat?awps_reconnection_token=abc").status(&server), 401);
}

#[test]
fn connection_ids_are_url_safe_and_unique() {
    // C52
    let server = Setup::new().shards(4).start();
    let clients: Vec<_> = (0..50).map(|_| server.client().connect()).collect();
    for client in &clients {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        assert!(client.id.bytes().all(unreserved), "{}", client.id);
        assert!((1..=128).contains(&client.id.len()), "{}", client.id);
        assert!(client.shard() < 4, "{}", client.id);
    }
    let ids: HashSet<_> = clients.iter().map(|client| &client.id).collect();
    assert_eq!(ids.len(), clients.len());
}
