//! Requests as service libraries send them, from the head to the operation or the answer.

use jsonwebtoken::{EncodingKey, Header};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::operation::{Member, Target};
use super::*;
use crate::auth::{
    AccessKey, AccessKeys, AuthFailure, IdentityProvider, RestTokenSettings, RestTokenVerifier,
    Role,
};
use crate::hub::permission::Action;
use crate::protocol::http::request::parse;
use crate::protocol::subprotocol::DataType;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const NOW: u64 = 1_800_000_000;
const MEBIBYTE: usize = 1_048_576;

#[derive(Debug)]
struct Provider(Role);

impl IdentityProvider for Provider {
    fn verify(&self, _token: &str, _now_unix_s: u64) -> Result<Role, AuthFailure> {
        Ok(self.0)
    }
}

/// A request under construction.
#[derive(Clone)]
struct Request {
    method: &'static str,
    target: String,
    headers: String,
    audience: Option<String>,
    body: Vec<u8>,
    provider: Role,
    is_serving: bool,
}

fn request(method: &'static str, target: &str) -> Request {
    Request {
        method,
        target: target.to_owned(),
        headers: String::new(),
        audience: Some(format!("https://example.host{target}")),
        body: Vec::new(),
        provider: Role::Owner,
        is_serving: true,
    }
}

fn send(content_type: &str, body: impl Into<Vec<u8>>) -> Request {
    let request = request("POST", "/api/hubs/chat/:send?api-version=2024-12-01");
    request.header("Content-Type", content_type).body(body)
}

impl Request {
    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn audience(mut self, audience: Option<&str>) -> Self {
        self.audience = audience.map(str::to_owned);
        self
    }

    /// The head as it is sent; a body has a length unless the request frames it itself.
    fn head(&self) -> String {
        let Self { method, target, headers, .. } = self;
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: example.host\r\n{headers}");
        if !self.body.is_empty() && !headers.contains("Transfer-Encoding") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        if let Some(audience) = &self.audience {
            let claims = json!({ "aud": audience, "exp": NOW + 60 });
            let key = EncodingKey::from_secret(KEY.as_bytes());
            let token = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap();
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        head + "\r\n"
    }

    fn run(&self) -> (Exchange, Result<ApiRequest, Outcome>) {
        let keys = AccessKeys::configured(AccessKey::parse(KEY).unwrap(), None);
        let settings = RestTokenSettings {
            provider: Some(std::sync::Arc::new(Provider(self.provider))),
            ..RestTokenSettings::default()
        };
        let verifier = RestTokenVerifier::new(&keys, settings);
        let rules = Rules {
            verifier: &verifier,
            now_unix_s: NOW,
            is_tls: true,
            is_serving: self.is_serving,
        };
        let judged = parse(self.head().as_bytes(), 0, |head| judge(&head, &rules));
        match judged.expect("a valid head").expect("a whole head") {
            Judged::Answer { exchange, outcome } => (exchange, Err(outcome)),
            Judged::Pending(mut pending) => match pending.read(&self.body) {
                Err(error) => (pending.exchange, Err(error.into())),
                Ok(_) => {
                    let (exchange, request) = pending.finish();
                    (exchange, request.map_err(Outcome::from))
                }
            },
        }
    }

    fn operation(&self) -> ApiRequest {
        let (exchange, request) = self.run();
        request.unwrap_or_else(|outcome| panic!("{}: {}", self.target, exchange.status(&outcome)))
    }

    /// The operation as text, to compare it in one line.
    fn shown(&self) -> String {
        format!("{:?}", self.operation().operation)
    }

    /// The answer to a request that is not carried out.
    fn refused(&self) -> Answer {
        let (exchange, request) = self.run();
        Answer::of(&exchange, &request.expect_err("refused"))
    }

    fn answer(&self, outcome: &Outcome) -> Answer {
        Answer::of(&self.run().0, outcome)
    }
}

/// An answer taken apart.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn of(exchange: &Exchange, outcome: &Outcome) -> Self {
        let mut bytes = Vec::new();
        exchange.write(outcome, &mut bytes);
        let text = String::from_utf8(bytes).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("status");
        assert_eq!(status, exchange.status(outcome));
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| *found == name).map(|(_, value)| value).next()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Status and the input at fault.
    fn fault(&self) -> (u16, String) {
        (self.status, self.json()["target"].as_str().expect("a target").to_owned())
    }
}

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
fn the_body_of_a_send_is_what_its_content_type_says() {
    // A46, A47
    let payload = |request: Request| match request.operation().operation {
        Operation::Send { message, .. } => {
            (message.payload.data_type(), message.payload.bytes().into_owned())
        }
        other => panic!("{other:?}"),
    };
    let verbatim = br#" { "x" : 1.0, "x":"\u0041" } "#;
    assert_eq!(payload(send("application/json", *verbatim)), (DataType::Json, verbatim.to_vec()));
    for value in ["null", "1", "\"hi\"", "[]", "true"] {
        assert_eq!(payload(send("application/json", value)).0, DataType::Json, "{value}");
    }
    let text = payload(send("text/plain; charset=utf-8", "é"));
    assert_eq!(text, (DataType::Text, "é".as_bytes().to_vec()));
    let latin = payload(send("text/plain; charset=ISO-8859-1", *b"\xe9"));
    assert_eq!(latin, (DataType::Text, "é".as_bytes().to_vec()));
    let utf_16 = payload(send("application/json; charset=utf-16le", *b"1\0"));
    assert_eq!(utf_16, (DataType::Json, b"1".to_vec()));
    assert_eq!(payload(send("text/plain", "")), (DataType::Text, Vec::new()));
    assert_eq!(payload(send("application/octet-stream", *b"\xff")).0, DataType::Binary);

    for body in ["", "{", "{} x", "{'a':1}", "\u{feff}{}", "\"\u{1}\""] {
        let answer = send("application/json", body).refused();
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.json()["message"], "The request body is not a valid JSON.");
    }
    assert_eq!(send("text/plain", *b"\xff").refused().status, 400);
    for content_type in ["application/xml", "text/plain; charset=klingon", "multipart/form-data"] {
        let answer = send(content_type, "{}").refused();
        assert_eq!(answer.status, 415, "{content_type}");
        assert_eq!(answer.header("x-ms-error-code"), Some("Error.UnsupportedMediaType"));
    }
    assert_eq!(send("text/plain", "x").header("Content-Encoding", "gzip").refused().status, 415);
}

#[test]
fn a_body_has_a_mebibyte_however_it_is_framed() {
    // A44, A45
    assert!(send("text/plain", vec![b'x'; MEBIBYTE]).run().1.is_ok());
    let answer = send("text/plain", vec![b'x'; MEBIBYTE + 1]).refused();
    assert_eq!((answer.status, answer.header("Connection")), (400, Some("close")));
    assert_eq!(answer.json()["message"], "Invalid Content-Length header.");
    let chunked = |body: &str| send("text/plain", body).header("Transfer-Encoding", "chunked");
    assert!(chunked("2\r\nhi\r\n0\r\n\r\n").run().1.is_ok());
    for broken in ["100001\r\n", "2\r\nhi0\r\n\r\n", "2\r\nhi\r\n"] {
        let answer = chunked(broken).refused();
        assert_eq!(
            (answer.status, answer.header("Connection")),
            (400, Some("close")),
            "{broken:?}"
        );
    }
    let both = chunked("2\r\nhi\r\n0\r\n\r\n").header("Content-Length", "2").refused();
    assert_eq!((both.status, both.header("Connection")), (400, Some("close")));
}

#[test]
fn bulk_membership_has_groups_and_perhaps_a_filter() {
    let bulk = |body: &str| {
        request("POST", "/api/hubs/chat/:addToGroups")
            .header("Content-Type", "application/json; charset=utf-8")
            .body(body)
    };
    let found = |body: &str| match bulk(body).operation().operation {
        Operation::AddToGroups(bulk) => (bulk.groups, bulk.filter.is_some()),
        other => panic!("{other:?}"),
    };
    let groups = || vec!["g1".to_owned(), "g2".to_owned()];
    assert_eq!(found(r#"{"groups":["g2","g1","g2"],"filter":"true"}"#), (groups(), true));
    assert_eq!(found(r#"{"Groups":["g1","g2"],"FILTER":null,"x":1}"#), (groups(), false));
    assert_eq!(found(r#"{"groups":["g1","g2"],"filter":""}"#), (groups(), false));
    for (body, target) in [
        ("", "Request"),
        ("[]", "Request"),
        ("{", "Request"),
        ("{}", "groups"),
        (r#"{"groups":[]}"#, "groups"),
        (r#"{"groups":"g"}"#, "groups"),
        (r#"{"groups":[1]}"#, "groups"),
        (r#"{"groups":["  "]}"#, "groups"),
        (r#"{"groups":["g"],"filter":1}"#, "filter"),
        (r#"{"groups":["g"],"filter":"invalid filter"}"#, "filter"),
    ] {
        assert_eq!(bulk(body).refused().fault(), (400, target.to_owned()), "{body}");
    }
    let remove = request("POST", "/api/hubs/chat/:removeFromGroups");
    let body = r#"{"groups":["g"]}"#;
    let typed = remove.clone().header("Content-Type", "application/json").body(body);
    assert!(matches!(typed.operation().operation, Operation::RemoveFromGroups(_)));
    assert_eq!(remove.clone().body(body).refused().status, 415);
    assert_eq!(remove.header("Content-Type", "text/plain").body(body).refused().status, 415);
}

#[test]
fn an_invalid_filter_is_answered_in_the_words_of_the_reference() {
    // A54
    let path = "/api/hubs/chat/:send?filter=invalid%20filter";
    let answer = request("POST", path).refused();
    assert_eq!(answer.fault(), (400, "filter".to_owned()));
    assert_eq!(
        answer.json()["message"],
        "Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. \
         (Parameter 'filter')"
    );
    assert!(request("POST", "/api/hubs/chat/:send?filter=").run().1.is_ok());
}

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

#[test]
fn health_needs_nothing_and_has_no_body() {
    // A1 (the answer)
    for method in ["HEAD", "GET"] {
        let health = request(method, "/api/health?api-version=1").audience(None);
        let answer = health.refused();
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        assert_eq!(answer.header("Content-Length"), Some("0"));
        let draining = Request { is_serving: false, ..health }.refused();
        assert_eq!((draining.status, draining.body.as_str()), (503, ""));
        assert_eq!(draining.header("Retry-After"), Some("5"));
    }
    assert_eq!(request("POST", "/api/health").refused().header("Allow"), Some("GET, HEAD"));
}

#[test]
fn successes_have_the_status_of_their_operation() {
    // A2, A5, A7, A8, A10 to A16 (the answers)
    let hub = "/api/hubs/chat";
    let bulk = format!("{hub}/:addToGroups");
    for (method, path, status) in [
        ("POST", format!("{hub}/:send"), 202),
        ("POST", format!("{hub}/users/u/:send"), 202),
        ("HEAD", format!("{hub}/connections/c"), 200),
        ("DELETE", format!("{hub}/connections/c"), 204),
        ("POST", format!("{hub}/groups/g/:closeConnections"), 204),
        ("PUT", format!("{hub}/groups/g/connections/c"), 200),
        ("DELETE", format!("{hub}/groups/g/connections/c"), 204),
        ("DELETE", format!("{hub}/connections/c/groups"), 204),
        ("PUT", format!("{hub}/users/u/groups/g"), 200),
        ("DELETE", format!("{hub}/users/u/groups/g"), 204),
        ("POST", bulk, 200),
        ("PUT", format!("{hub}/permissions/sendToGroup/connections/c"), 200),
        ("DELETE", format!("{hub}/permissions/sendToGroup/connections/c"), 204),
        ("HEAD", format!("{hub}/permissions/sendToGroup/connections/c"), 200),
    ] {
        let answer = request(method, &path).answer(&Outcome::Done);
        assert_eq!((answer.status, answer.body.as_str()), (status, ""), "{method} {path}");
        let length = (status != 204).then_some("0");
        assert_eq!(answer.header("Content-Length"), length, "{method} {path}");
        assert_eq!(answer.header("Content-Type"), None);
        assert_eq!(answer.header("x-ms-error-code"), None);
        assert_eq!(answer.header("Connection"), Some("keep-alive"));
    }
}

#[test]
fn absences_name_what_is_absent() {
    // A6, A9, A11, A14, A16
    let hub = "/api/hubs/chat";
    for (method, path, code) in [
        ("HEAD", format!("{hub}/connections/c"), "Warning.Connection.NotExisted"),
        ("HEAD", format!("{hub}/groups/g"), "Warning.Group.NotExisted"),
        ("HEAD", format!("{hub}/users/u"), "Warning.User.NotExisted"),
        (
            "HEAD",
            format!("{hub}/permissions/sendToGroup/connections/c"),
            "Warning.Permission.NotExisted",
        ),
        ("PUT", format!("{hub}/groups/g/connections/c"), "Error.Connection.NotExisted"),
        ("PUT", format!("{hub}/users/u/groups/g"), "Warning.User.NotExisted"),
        (
            "PUT",
            format!("{hub}/permissions/sendToGroup/connections/c"),
            "Error.Connection.NotExisted",
        ),
    ] {
        let answer = request(method, &path).answer(&Outcome::Absent);
        assert_eq!((answer.status, answer.header("x-ms-error-code")), (404, Some(code)), "{path}");
        // A43
        if method == "HEAD" {
            assert_eq!((answer.body.as_str(), answer.header("Content-Length")), ("", Some("0")));
        } else {
            assert_eq!(answer.json()["code"], code);
            assert_eq!(answer.header("Content-Type"), Some("application/json"));
        }
    }
}

#[test]
fn every_error_is_one_flat_object_with_its_code_in_a_header() {
    // A43
    let path = "/api/hubs/chat/:send";
    for error in [
        ApiError::too_many_requests(7),
        ApiError::unavailable(7),
        ApiError::internal(),
        ApiError::invalid("top"),
    ] {
        let answer = request("POST", path).answer(&error.clone().into());
        assert_eq!(answer.status, error.status());
        let body = answer.json();
        assert_eq!(answer.header("x-ms-error-code"), body["code"].as_str());
        assert!(body["message"].is_string() && body["target"].is_string());
        let length = answer.body.len().to_string();
        assert_eq!(answer.header("Content-Length"), Some(length.as_str()));
        let retries = matches!(error.status(), 429 | 503).then_some("7");
        assert_eq!(answer.header("Retry-After"), retries);
    }
}

#[test]
fn the_callers_request_id_comes_back_if_it_is_fit_for_a_header() {
    let echoed = |id: &str| {
        let request = request("HEAD", "/api/hubs/chat/users/u");
        let answer = request.header("x-ms-client-request-id", id).answer(&Outcome::Done);
        answer.header("x-ms-client-request-id").map(str::to_owned)
    };
    assert_eq!(echoed("0f8fad5b-d9cb").as_deref(), Some("0f8fad5b-d9cb"));
    for id in ["", "é", "a\tb", &"x".repeat(129)] {
        assert_eq!(echoed(id), None, "{id:?}");
    }
}

#[test]
fn a_connection_is_closed_if_the_caller_wants_it_or_a_body_stays_unread() {
    let close = |request: Request| {
        let (exchange, _) = request.run();
        !exchange.is_keep_alive()
    };
    assert!(!close(send("text/plain", "hi")));
    assert!(close(send("text/plain", "hi").header("Connection", "close")));
    assert!(close(send("text/plain", "hi").audience(None)));
    assert!(!close(request("HEAD", "/api/hubs/chat/users/u").audience(None)));
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

proptest! {
    #[test]
    fn any_target_and_body_has_an_answer(
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]),
        path in "(/(api|hubs|chat|groups|users|connections|permissions|sendToGroup|:send|%[0-9a-f]{0,2}|[!-~é]{0,3})){0,8}",
        query in "(\\?|(&?(filter|top|maxpagesize|api-version|group|excluded|x)=[!-~é]{0,6}){0,4})",
        kind in prop::sample::select(vec!["text/plain", "application/json", "x"]),
        body in proptest::collection::vec(any::<u8>(), 0..50),
    ) {
        let target = if path.is_empty() { "/".to_owned() } else { format!("{path}{query}") };
        let request = request(method, &target).header("Content-Type", kind).body(body);
        let (exchange, outcome) = request.run();
        if let Err(outcome) = outcome {
            let answer = Answer::of(&exchange, &outcome);
            prop_assert!((200..600).contains(&answer.status));
            prop_assert!(!answer.head.contains("\r\n\r\n"));
        }
    }
}
