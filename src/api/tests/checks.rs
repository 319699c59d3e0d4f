//! What is refused, and in which order (section 3.6).

use proptest::prelude::*;

use super::{Answer, MEBIBYTE, Request, request};
use crate::api::Outcome;
use crate::auth::Role;

#[test]
fn parameters_are_held_to_their_ranges() {
    let hub = "/api/hubs/chat";
    let long = "g".repeat(1025);
    for (method, path, target) in [
        // A61
        ("POST", format!("{hub}/:send?messageTtlSeconds=-1"), "messageTtlSeconds"),
        ("POST", format!("{hub}/:send?messageTtlSeconds=301"), "messageTtlSeconds"),
        ("POST", format!("{hub}/:send?messageTtlSeconds=abc"), "messageTtlSeconds"),
        ("POST", format!("{hub}/:send?filter=a&filter=b"), "filter"),
        ("POST", format!("{hub}/:send?filter=%ff"), "filter"),
        // A39
        ("POST", "/api/hubs/1abc/:send".to_owned(), "hub"),
        ("POST", format!("/api/hubs/{}/:send", "h".repeat(129)), "hub"),
        ("POST", "/api/hubs/a-b/:send".to_owned(), "hub"),
        // A40
        ("POST", format!("{hub}/groups/{long}/:send"), "group"),
        ("POST", format!("{hub}/groups/%20%20/:send"), "group"),
        ("PUT", format!("{hub}/permissions/other/connections/c"), "permission"),
        (
            "PUT",
            format!("{hub}/permissions/sendToGroup/connections/c?targetName=%20"),
            "targetName",
        ),
        // A68
        ("GET", format!("{hub}/groups/g/connections?maxpagesize=201"), "maxpagesize"),
        ("GET", format!("{hub}/groups/g/connections?top=0"), "top"),
        ("GET", format!("{hub}/groups/g/connections?continuationToken=x"), "continuationToken"),
        // A71, A72
        ("POST", format!("{hub}/:generateToken?clientType=SocketIO"), "clientType"),
        ("POST", format!("{hub}/:generateToken?minutesToExpire=0"), "minutesToExpire"),
        ("POST", format!("{hub}/:generateToken?group="), "group"),
        ("POST", format!("{hub}/:generateToken?userId=%0a"), "userId"),
        // A35
        ("POST", format!("{hub}/:send?api-version=2019-01-01"), "api-version"),
    ] {
        assert_eq!(request(method, &path).refused().fault(), (400, target.to_owned()), "{path}");
    }
    // A61, A39
    assert!(request("POST", "/api/hubs/a.b,[c]_9/:send?messageTtlSeconds=0").run().1.is_ok());
}

#[test]
fn versions_old_new_and_none_are_accepted_and_all_are_named() {
    // A35, A36, A37
    let versions = ["2021-10-01", "2022-11-01", "2023-07-01", "2024-01-01", "2024-12-01"];
    for version in versions {
        let path = format!("/api/hubs/chat/users/u?api-version={version}");
        let answer = request("HEAD", &path).answer(&Outcome::Done);
        let supported = versions.join(", ");
        assert_eq!(answer.header("api-supported-versions"), Some(supported.as_str()));
    }
    assert!(request("HEAD", "/api/hubs/chat/users/u").run().1.is_ok());
    let refused = request("HEAD", "/api/hubs/chat/users/u?api-version=1").refused();
    assert!(refused.header("api-supported-versions").is_some());
}

#[test]
fn the_token_is_for_the_url_of_the_request() {
    let path = "/api/hubs/chat/groups/g%2F1/:send";
    let sends = |audience| request("POST", path).audience(audience).run().1.is_ok();
    assert!(sends(Some("https://example.host/api/hubs/chat/groups/g%2F1/:send?api-version=x"))); // A19
    assert!(sends(Some("http://10.0.0.1:8080/api/hubs/CHAT/groups/g%2f1/:send"))); // A20, A22, A24
    // A21, A31, O21
    for audience in
        [None, Some("https://h/api/hubs/chat/:send"), Some("https://h/client/hubs/chat")]
    {
        let answer = request("POST", path).audience(audience).refused();
        assert_eq!((answer.status, answer.header("WWW-Authenticate")), (401, Some("Bearer")));
        assert_eq!(answer.header("x-ms-error-code"), Some("Error.Unauthorized"));
        assert_eq!(answer.json()["code"], "Error.Unauthorized");
    }
    let basic = request("POST", path).audience(None).header("Authorization", "Basic eDp5");
    assert_eq!(basic.refused().status, 401);
}

#[test]
fn a_reader_reads_and_nothing_else() {
    // A34
    let by = |role, method, path: &str| {
        let request = request(method, path).audience(Some("https://webpubsub.azure.com"));
        Request { provider: role, ..request }
    };
    let hub = "/api/hubs/chat";
    for (method, path) in [
        ("HEAD", format!("{hub}/groups/g")),
        ("HEAD", format!("{hub}/permissions/sendToGroup/connections/c")),
        ("GET", format!("{hub}/groups/g/connections")),
    ] {
        assert!(by(Role::Reader, method, &path).run().1.is_ok(), "{path}");
    }
    for (method, path) in [
        ("POST", format!("{hub}/:send")),
        ("DELETE", format!("{hub}/connections/c")),
        ("POST", format!("{hub}/:generateToken")),
        ("PUT", format!("{hub}/permissions/sendToGroup/connections/c")),
    ] {
        let answer = by(Role::Reader, method, &path).refused();
        assert_eq!(answer.status, 403, "{path}");
        assert_eq!(answer.header("x-ms-error-code"), Some("Error.Forbidden"));
        assert!(by(Role::Owner, method, &path).run().1.is_ok(), "{path}");
    }
}

#[test]
fn the_first_check_that_fails_answers() {
    // Section 3.6, from the last check to the first; each request keeps the faults before it.
    let path = "/api/hubs/chat/:send?filter=invalid%20filter";
    let body = |path: &str| request("POST", path).header("Content-Type", "application/json");
    let bad_metadata = |request: Request| request.header("X-WebPubSub-Metadata-", "x");
    assert_eq!(bad_metadata(body(path)).body("{").refused().fault().1, "Request");
    assert_eq!(bad_metadata(body(path)).body("{}").refused().fault().1, "X-WebPubSub-Metadata");
    assert_eq!(body(path).body("{}").refused().fault().1, "filter");
    let xml = || request("POST", path).header("Content-Type", "application/xml").body("{");
    assert_eq!(xml().refused().status, 415);
    let long = || xml().body(vec![b'{'; MEBIBYTE + 1]);
    assert_eq!(long().refused().status, 400);
    assert_eq!(long().audience(None).refused().status, 401);
    let unversioned = |path: &str| {
        request("POST", &format!("{path}&api-version=1")).audience(None).body("{").refused()
    };
    assert_eq!(unversioned(path).fault(), (400, "api-version".to_owned()));
    let bad_ttl = format!("{path}&messageTtlSeconds=x");
    assert_eq!(unversioned(&bad_ttl).fault(), (400, "messageTtlSeconds".to_owned()));
    assert_eq!(unversioned(&bad_ttl.replace("chat", "1")).fault(), (400, "hub".to_owned()));
    let wrong_method = Request { method: "GET", ..request("POST", &bad_ttl).audience(None) };
    let answer = wrong_method.refused();
    assert_eq!((answer.status, answer.header("Allow")), (405, Some("POST")));
    assert_eq!(request("GET", "/api/hubs/1/:invoke").audience(None).refused().status, 404);
}

proptest! {
    #[test]
    fn any_target_and_body_has_an_answer(
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]),
        base in prop::sample::select(vec!["", "/api/hubs/chat", "/api/hubs/chat/groups/g"]),
        tail in "(/(users|connections|permissions|sendToGroup|:[a-zA-Z]{4,16}|[!-~é]{0,3})){0,4}",
        known in prop::sample::select(vec!["", "/:send", "/:addToGroups", "/connections"]),
        query in "(\\?(&?(filter|top|maxpagesize|api-version|group|excluded)=[!-~é]{0,6}){0,4})?",
        kind in prop::sample::select(vec!["text/plain", "application/json", "x"]),
        body in proptest::collection::vec(any::<u8>(), 0..50),
    ) {
        let target = format!("{base}{tail}{known}{query}");
        let target = if target.starts_with('/') { target } else { format!("/{target}") };
        let request = request(method, &target).header("Content-Type", kind).body(body);
        let (exchange, outcome) = request.run();
        if let Err(outcome) = outcome {
            let answer = Answer::of(&exchange, &outcome);
            prop_assert!((200..600).contains(&answer.status));
            prop_assert!(!answer.head.contains("\r\n\r\n"));
        }
    }
}
