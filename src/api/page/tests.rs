//! The points A66 to A69 of `rest-api.md`, as far as they need no server.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const URL: &str = "https://example.host/api/hubs/chat/groups/g%2F1/connections";

fn request(query: &str) -> Result<PageRequest, ApiError> {
    request_in("chat", "g/1", query)
}

fn request_in(hub: &str, group: &str, query: &str) -> Result<PageRequest, ApiError> {
    let link = Link { url: URL.to_owned(), version: "2024-12-01" };
    PageRequest::read(Parameters(query), &HubName::parse(hub).unwrap(), group, link)
}

/// What the shards contribute for a group of these ids.
fn contributions(request: &PageRequest, ids: &[String]) -> Vec<PageEntry> {
    const SHARDS: usize = 3;
    let mut entries = Vec::new();
    for shard in 0..SHARDS {
        let mut own: Vec<_> = ids.iter().skip(shard).step_by(SHARDS).cloned().collect();
        own.sort();
        let after = |id: &String| request.after().is_none_or(|after| id.as_str() > after);
        let own = own.into_iter().filter(after).take(request.fetch_max());
        entries.extend(own.map(|connection_id| PageEntry { connection_id, user_id: None }));
    }
    entries
}

/// Follows the links and returns the ids of each page.
fn pages(query: &str, ids: &[String]) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut query = query.to_owned();
    loop {
        let request = request(&query).unwrap();
        let body = request.render(contributions(&request, ids));
        let body: Value = serde_json::from_slice(&body).unwrap();
        let id = |entry: &Value| entry["connectionId"].as_str().unwrap().to_owned();
        pages.push(body["value"].as_array().unwrap().iter().map(id).collect());
        let Some(link) = body.get("nextLink") else { return pages };
        let (url, next) = link.as_str().unwrap().split_once('?').unwrap();
        assert_eq!(url, URL);
        query = next.to_owned();
    }
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("c{index:05}")).collect()
}

#[test]
fn pages_are_those_of_the_table() {
    // A66
    for (query, expected) in [
        ("top=6", vec![6]),
        ("top=3", vec![3]),
        ("maxpagesize=2", vec![2, 2, 2]),
        ("top=5&maxpagesize=2", vec![2, 2, 1]),
        ("", vec![6]),
        ("maxpagesize=6", vec![6]),
        ("maxpagesize=5", vec![5, 1]),
        ("top=4&maxpagesize=2", vec![2, 2]),
        ("top=7&maxpagesize=2", vec![2, 2, 2]),
    ] {
        let pages = pages(query, &ids(6));
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), expected, "{query}");
        let listed = pages.concat();
        assert_eq!(listed, ids(6)[..listed.len()], "{query}");
    }
}

#[test]
fn a_page_without_a_wish_has_200_members() {
    let pages = pages("", &ids(401));
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [200, 200, 1]);
    assert_eq!(request("").unwrap().fetch_max(), 201);
}

#[test]
fn the_link_repeats_what_the_caller_gave_and_counts_top_down() {
    // A67, and section 6.8.4
    let link = |query: &str| {
        let request = request(query).unwrap();
        let body = request.render(contributions(&request, &ids(6)));
        let body: Value = serde_json::from_slice(&body).unwrap();
        body["nextLink"].as_str().unwrap().to_owned()
    };
    let token = Scope::new(&HubName::parse("chat").unwrap(), "g/1").token("c00001");
    let start = format!("{URL}?api-version=2024-12-01&maxpagesize=2&continuationToken={token}");
    assert_eq!(link("maxpagesize=2"), start);
    assert_eq!(link("maxpagesize=2&top=5"), format!("{start}&top=3"));
    assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')));
}

#[test]
fn a_user_is_named_if_there_is_one_and_nobody_is_no_error() {
    // A69
    assert_eq!(request("").unwrap().render(Vec::new()), br#"{"value":[]}"#);
    let entry = |id: &str, user: Option<&str>| PageEntry {
        connection_id: id.to_owned(),
        user_id: user.map(str::to_owned),
    };
    let body = request("").unwrap().render(vec![entry("c2", None), entry("c1", Some("u\"1"))]);
    let expected = r#"{"value":[{"connectionId":"c1","userId":"u\"1"},{"connectionId":"c2"}]}"#;
    assert_eq!(String::from_utf8(body).unwrap(), expected);
}

#[test]
fn parameters_out_of_range_and_foreign_tokens_are_refused() {
    // A68
    let token = Scope::new(&HubName::parse("chat").unwrap(), "g/1").token("c1");
    assert!(request(&format!("continuationToken={token}")).is_ok());
    let target = |query: &str| request(query).unwrap_err().target();
    for query in ["maxpagesize=0", "maxpagesize=201", "maxpagesize=x", "maxpagesize="] {
        assert_eq!(target(query), "maxpagesize", "{query}");
    }
    for query in ["top=0", "top=2147483648", "top=-1"] {
        assert_eq!(target(query), "top", "{query}");
    }
    let long = "A".repeat(2052);
    let empty_id = URL_SAFE_NO_PAD.encode([0; HASH_BYTES]);
    for broken in ["", "x", "!", &token[1..], &format!("{token}A"), &long, &empty_id] {
        assert_eq!(target(&format!("continuationToken={broken}")), "continuationToken");
    }
    let repeated = format!("continuationToken={token}&continuationToken={token}");
    assert_eq!(target(&repeated), "continuationToken");
    for (hub, group) in [("other", "g/1"), ("chat", "G/1"), ("chat", "g")] {
        let refused = request_in(hub, group, &format!("continuationToken={token}"));
        assert_eq!(refused.unwrap_err().target(), "continuationToken", "{hub} {group}");
    }
}

proptest! {
    #[test]
    fn following_the_links_lists_every_member_once_in_order(
        ids in proptest::collection::btree_set("[a-cA-C0-9_é-]{1,4}", 0..40),
        size in 1..12_u32,
        top in proptest::option::of(1..50_u32),
    ) {
        let top_query = top.map(|top| format!("&top={top}")).unwrap_or_default();
        let sorted: Vec<String> = ids.into_iter().collect();
        let pages = pages(&format!("maxpagesize={size}{top_query}"), &sorted);
        let expected = sorted.len().min(top.map_or(usize::MAX, |top| top as usize));
        prop_assert_eq!(pages.concat(), &sorted[..expected]);
        prop_assert!(pages.len() == 1 || pages.iter().all(|page| !page.is_empty()));
    }

    #[test]
    fn any_token_has_an_answer(token in "[A-Za-z0-9_-]{0,40}|.{0,40}") {
        let _ = request(&format!("continuationToken={token}"));
    }
}
