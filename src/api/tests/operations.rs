//! What heads mean: every operation of section 6.1, with its parameters.

use serde_json::{Value, json};

use super::request;
use crate::api::operation::{Member, Target};
use crate::api::{Category, Operation, Outcome, page};
use crate::hub::permission::Action;
use crate::protocol::subprotocol::DataType;

#[test]
fn every_operation_is_understood_as_service_libraries_send_it() {
    // A42
    let (group, user) = ("g%2F1%20x", "a%2Fb%20c%25%C3%A9%2B");
    let hub = "/api/hubs/chat";
    let (by_group, by_user) = (format!("{hub}/groups/{group}"), format!("{hub}/users/{user}"));
    let by_connection = format!("{hub}/connections/c1");
    let permission = format!("{hub}/permissions/joinLeaveGroup/connections/c1");
    let g = "Group(\"g/1 x\")";
    let u = "User(\"a/b c%é+\")";
    let c = "Connection(\"c1\")";
    for (method, path, expected) in [
        ("HEAD", by_connection.clone(), format!("Exists {{ target: {c} }}")),
        ("HEAD", by_group.clone(), format!("Exists {{ target: {g} }}")),
        ("HEAD", by_user.clone(), format!("Exists {{ target: {u} }}")),
        (
            "DELETE",
            format!("{by_connection}?reason=so%20long"),
            format!("Close {{ target: {c}, excluded: [], reason: \"so long\" }}"),
        ),
        (
            "POST",
            format!("{hub}/:closeConnections?excluded=a&excluded=b,c"),
            "Close { target: All, excluded: [\"a\", \"b,c\"], reason: \"\" }".to_owned(),
        ),
        (
            "POST",
            format!("{by_group}/:closeConnections"),
            format!("Close {{ target: {g}, excluded: [], reason: \"\" }}"),
        ),
        (
            "POST",
            format!("{by_user}/%3AcloseConnections"),
            format!("Close {{ target: {u}, excluded: [], reason: \"\" }}"),
        ),
        (
            "PUT",
            format!("{by_group}/connections/c1"),
            format!("AddToGroup {{ member: {c}, group: \"g/1 x\" }}"),
        ),
        (
            "DELETE",
            format!("{by_group}/connections/c1"),
            format!("RemoveFromGroup {{ member: {c}, group: Some(\"g/1 x\") }}"),
        ),
        (
            "DELETE",
            format!("{by_connection}/groups"),
            format!("RemoveFromGroup {{ member: {c}, group: None }}"),
        ),
        (
            "PUT",
            format!("{by_user}/groups/{group}"),
            format!("AddToGroup {{ member: {u}, group: \"g/1 x\" }}"),
        ),
        (
            "DELETE",
            format!("{by_user}/groups/{group}"),
            format!("RemoveFromGroup {{ member: {u}, group: Some(\"g/1 x\") }}"),
        ),
        (
            "DELETE",
            format!("{by_user}/groups"),
            format!("RemoveFromGroup {{ member: {u}, group: None }}"),
        ),
        (
            "PUT",
            format!("{permission}?targetName={group}"),
            "Grant { action: JoinLeaveGroup, connection: \"c1\", group: Some(\"g/1 x\") }"
                .to_owned(),
        ),
        (
            "DELETE",
            format!("{permission}?targetName="),
            "Revoke { action: JoinLeaveGroup, connection: \"c1\", group: None }".to_owned(),
        ),
        (
            "HEAD",
            permission.clone(),
            "Check { action: JoinLeaveGroup, connection: \"c1\", group: None }".to_owned(),
        ),
    ] {
        assert_eq!(request(method, &path).shown(), expected, "{method} {path}");
        // Section 1.7: with or without a length.
        let with_length = request(method, &path).header("Content-Length", "0");
        assert_eq!(with_length.shown(), expected);
    }
    assert_eq!(request("HEAD", &by_group).operation().category, Category::CheckGroupExists);
}

#[test]
fn every_send_has_its_target_and_takes_its_own_parameters() {
    let query = "?excluded=c1&filter=userId%20eq%20null&messageTtlSeconds=300";
    let hub = "/api/hubs/CHAT";
    for (path, target, counts) in [
        (hub.to_owned(), Target::All, (1, 1)),
        (format!("{hub}/groups/G%2F1"), Target::Group("G/1".into()), (1, 1)),
        (format!("{hub}/users/u"), Target::User("u".into()), (0, 1)),
        (format!("{hub}/connections/c"), Target::Connection("c".into()), (0, 0)),
    ] {
        let sent = request("POST", &format!("{path}/:send{query}"))
            .header("Content-Type", "text/plain")
            .header("X-WebPubSub-Metadata-Trace", "1")
            .body("hi")
            .operation();
        // A38
        assert_eq!(sent.hub.as_str(), "chat");
        let Operation::Send { target: found, message } = sent.operation else { panic!("{path}") };
        assert_eq!(found, target);
        assert_eq!((message.excluded.len(), message.filter.iter().count()), counts, "{path}");
        assert_eq!((message.ttl_seconds, &*message.payload.bytes()), (300, b"hi".as_slice()));
        assert_eq!(message.metadata.iter().collect::<Vec<_>>(), [("trace", "1")]);
    }
    let plain = request("POST", "/api/hubs/chat/:send").operation().operation;
    let Operation::Send { message, .. } = plain else { panic!("no send") };
    assert_eq!(
        (message.ttl_seconds, message.excluded.len(), message.filter.is_some()),
        (0, 0, false)
    );
    assert_eq!(message.payload.data_type(), DataType::Binary);
}

#[test]
fn a_list_links_to_the_url_the_caller_used() {
    // A67
    let path = "/api/hubs/Chat/groups/g%2F1/connections?maxpagesize=1&api-version=2024-12-01";
    let listed = request("GET", path).operation();
    let Operation::ListGroup { group, page } = listed.operation else { panic!("no list") };
    assert_eq!((group.as_str(), page.fetch_max()), ("g/1", 2));
    let entry = |id: &str| page::PageEntry { connection_id: id.to_owned(), user_id: None };
    let body: Value = serde_json::from_slice(&page.render(vec![entry("b"), entry("a")])).unwrap();
    let link = body["nextLink"].as_str().unwrap();
    let start = "https://example.host/api/hubs/Chat/groups/g%2F1/connections?api-version=2024-12-01\
                 &maxpagesize=1&continuationToken=";
    assert!(link.starts_with(start), "{link}");
    let next = link.strip_prefix("https://example.host").unwrap();
    let Operation::ListGroup { page, .. } =
        request("GET", next).audience(Some(link)).operation().operation
    else {
        panic!("no list")
    };
    assert_eq!(page.after(), Some("a"));
    let answer = request("GET", path).answer(&Outcome::Json(b"{\"value\":[]}".to_vec()));
    assert_eq!((answer.status, answer.body.as_str()), (200, "{\"value\":[]}"));
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
}

#[test]
fn a_generated_token_says_what_was_asked_for() {
    // A70, A71, A72 (the request)
    let wanted = |query: &str| {
        let path = format!("/api/hubs/Chat/:generateToken?{query}");
        match request("POST", &path).operation().operation {
            Operation::GenerateToken(wanted) => wanted,
            other => panic!("{other:?}"),
        }
    };
    let full =
        wanted("userId=u%2B1&role=r1&role=r2&group=g%201&minutesToExpire=5&clientType=default");
    assert_eq!(full.audience, "https://example.host/client/hubs/chat");
    assert_eq!(full.user_id.as_deref(), Some("u+1"));
    assert_eq!((full.roles.len(), full.groups.as_slice()), (2, ["g 1".to_owned()].as_slice()));
    assert_eq!(full.ttl.as_secs(), 300);
    let plain = wanted("userId=");
    assert_eq!((plain.user_id, plain.ttl.as_secs()), (None, 3600));
    for kind in ["mqtt", "MQTT"] {
        let audience = wanted(&format!("clientType={kind}")).audience;
        assert_eq!(audience, "https://example.host/clients/mqtt/hubs/chat");
    }
    let answer = request("POST", "/api/hubs/chat/:generateToken").answer(&Outcome::token("a.b.c"));
    assert_eq!((answer.status, answer.json()), (200, json!({ "token": "a.b.c" })));
}

#[test]
fn members_and_actions_are_told_apart() {
    let path = "/api/hubs/chat/permissions/SENDTOGROUP/connections/c";
    let granted = request("PUT", path).operation().operation;
    assert!(matches!(granted, Operation::Grant { action: Action::SendToGroup, .. }));
    let added = request("PUT", "/api/hubs/chat/users/u/groups/g").operation().operation;
    assert!(
        matches!(added, Operation::AddToGroup { member: Member::User(user), .. } if user == "u")
    );
}
