//! Lists of a group's connections, page by page (rest-api.md, section 6.8).

use serde_json::Value;

use crate::support::{Call, Endpoint, Server, Wire, encoded, on_shards};

/// The ids of one page.
fn ids(page: &Value) -> Vec<String> {
    let value = page["value"].as_array().expect("a page");
    value.iter().map(|member| member["connectionId"].as_str().expect("an id").to_owned()).collect()
}

/// Follows the links of a list to its end, each with a token for the link itself.
fn pages(endpoint: &Endpoint, first: &Call, host: &str) -> Vec<Value> {
    let mut wire = Wire::connect(endpoint.address);
    let mut pages = vec![first.over(&mut wire).json()];
    while let Some(link) = pages.last().and_then(|page| page["nextLink"].as_str()) {
        let target = link.strip_prefix(&format!("http://{host}")).expect("an absolute link");
        let (path, query) = target.split_once('?').expect("a query");
        let next = Call::to("GET", path).without_version().raw_query(query);
        let next = next.header("Host", host).token(|token| token.claim("aud", link));
        let response = next.over(&mut wire);
        assert_eq!(response.status, 200, "{link}: {response:?}");
        pages.push(response.json());
        assert!(pages.len() < 100, "no end");
    }
    pages
}

#[test]
fn pages_are_as_many_as_they_have_to_be() {
    // A66, A67
    on_shards(&[1, 2, 4], |server| {
        let clients: Vec<_> = (0..6)
            .map(|n| server.client().user(&format!("user {n}")).groups(&["g/1 x"]))
            .enumerate()
            .map(|(n, guest)| guest.on(u16::try_from(n).expect("few") % server.shards).connect())
            .collect();
        let mut sorted: Vec<_> = clients.iter().map(|client| client.id.clone()).collect();
        sorted.sort_unstable();
        let path = format!("groups/{}/connections", encoded("g/1 x"));
        for (top, size, expected) in [
            (Some("6"), None, &[6][..]),
            (Some("3"), None, &[3]),
            (None, Some("2"), &[2, 2, 2]),
            (Some("5"), Some("2"), &[2, 2, 1]),
            (Some("4"), Some("2"), &[2, 2]),
            (Some("2"), Some("5"), &[2]),
            (Some("2147483647"), Some("200"), &[6]),
            (Some("7"), Some("5"), &[5, 1]),
            (None, Some("6"), &[6]),
            (None, Some("1"), &[1, 1, 1, 1, 1, 1]),
            (None, None, &[6]),
        ] {
            for host in ["localhost", "chat.example.test:8080"] {
                let mut call = Call::new("GET", &path).header("Host", host);
                if let Some(top) = top {
                    call = call.query("top", top);
                }
                if let Some(size) = size {
                    call = call.query("maxpagesize", size);
                }
                let pages = pages(server, &call, host);
                let found: Vec<_> = pages.iter().map(ids).collect();
                let counts: Vec<_> = found.iter().map(Vec::len).collect();
                assert_eq!(counts, expected, "top {top:?}, page size {size:?}");
                let found = found.concat();
                assert_eq!(found, sorted[..found.len()], "in the order of ids");
            }
        }
    });
}

#[test]
fn a_member_has_an_id_and_perhaps_a_user() {
    // A69
    let server = Server::start();
    let named = server.client().user("ana \u{1f600}\"").groups(&["named"]).connect();
    let anonymous = server.client().groups(&["anonymous"]).connect();
    for (group, expected) in [
        (
            "named",
            format!(r#"{{"value":[{{"connectionId":"{}","userId":"ana 😀\""}}]}}"#, named.id),
        ),
        ("anonymous", format!(r#"{{"value":[{{"connectionId":"{}"}}]}}"#, anonymous.id)),
        ("none", r#"{"value":[]}"#.to_owned()),
    ] {
        let response = Call::new("GET", format!("groups/{group}/connections")).expect(&server, 200);
        let content_type = response.header("content-type").expect("a type");
        assert!(content_type.starts_with("application/json"), "{content_type}");
        let expected: Value = serde_json::from_str(&expected).expect("JSON");
        assert_eq!(response.json(), expected, "{group}");
    }
}

#[test]
fn bounds_and_tokens_are_checked() {
    // A68
    let server = Server::start();
    let _clients: Vec<_> = (0..3).map(|_| server.client().groups(&["g", "h"]).connect()).collect();
    let list = || Call::new("GET", "groups/g/connections");
    for name in ["maxpagesize", "top"] {
        for wrong in ["0", "-1", "x", "1.5", "99999999999"] {
            list().query(name, wrong).refused(&server, name);
        }
    }
    list().query("maxpagesize", "201").refused(&server, "maxpagesize");
    list().query("maxpagesize", "200").query("top", "2147483647").expect(&server, 200);
    list().query("top", "2147483648").refused(&server, "top");
    let page = list().query("maxpagesize", "1").expect(&server, 200).json();
    let link = page["nextLink"].as_str().expect("more");
    let token = link.split("continuationToken=").nth(1).expect("a token");
    let token = token.split('&').next().expect("a token").to_owned();
    // 6.8.5, 6.8.6
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{token}");
    assert!(token.len() <= 2048);
    list().query("continuationToken", &token).expect(&server, 200);
    let long = "A".repeat(2049);
    let middle = token.len() / 2;
    let flipped = if token.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let corrupted = format!("{}{flipped}{}", &token[..middle], &token[middle + 1..]);
    for wrong in ["", "x", "!", &long, &token[..middle], &corrupted] {
        list().query("continuationToken", wrong).refused(&server, "continuationToken");
    }
    let twice = list().query("continuationToken", &token).query("continuationToken", &token);
    twice.refused(&server, "continuationToken");
    for foreign in ["/api/hubs/chat/groups/h/connections", "/api/hubs/other/groups/g/connections"] {
        let call = Call::to("GET", foreign).query("continuationToken", &token);
        call.refused(&server, "continuationToken");
    }
}

#[test]
fn paging_is_stable_while_members_come_and_go() {
    // A67; 6.8.6
    on_shards(&[1, 2], |server| {
        let mut clients: Vec<_> =
            (0..6).map(|_| server.client().groups(&["g"]).connect()).collect();
        clients.sort_by(|a, b| a.id.cmp(&b.id));
        let first = Call::new("GET", "groups/g/connections").query("maxpagesize", "3");
        let page = first.expect(server, 200).json();
        // The last one listed leaves, and one that is still to come.
        let gone = [clients.remove(4), clients.remove(2)];
        for client in &gone {
            Call::new("DELETE", format!("connections/{}", client.id)).expect(server, 204);
        }
        let link = page["nextLink"].as_str().expect("more");
        let (_, query) = link.split_once('?').expect("a query");
        let next = Call::new("GET", "groups/g/connections").without_version().raw_query(query);
        let rest = ids(&next.expect(server, 200).json());
        assert_eq!(rest, [clients[2].id.clone(), clients[3].id.clone()]);
    });
}
