//! What every event says in its headers (events-webhook.md, section 5).

use std::collections::{BTreeSet, HashMap};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::json;

use crate::support::{
    ALL_EVENTS, Client, JSON, PRIMARY_KEY, Request, SECONDARY_KEY, Setup, Token, Upgrade, Upstream,
    event, now,
};

/// Lower-case hexadecimal HMAC-SHA256 of a connection id (section 5.5).
pub(crate) fn signature(key: &str, connection_id: &str) -> String {
    let key = EncodingKey::from_secret(key.as_bytes());
    let text = crypto::sign(connection_id.as_bytes(), &key, Algorithm::HS256).expect("a key");
    let bytes = URL_SAFE_NO_PAD.decode(text).expect("base64url");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

#[test]
fn the_signature_of_the_specification_comes_out() {
    // E19: the vector of 5.5, so that the other tests compare with the right thing.
    let expected = "sha256=9946dad4e00e913fc8be8e5d3f7e110a4a9e832f83fb09c345285d78638d8a0e";
    assert_eq!(signature("secret", "abc"), expected);
}

/// A date as `ce-time` has it, in seconds since 1970.
fn seconds(time: &str) -> u64 {
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00Z", "{time}");
    let numbers: Vec<u64> = time
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().expect("digits"))
        .collect();
    let [year, month, day, hour, minute, second] = numbers[..] else { panic!("{time}") };
    // Days since 1970-01-01 by the shifted calendar whose year begins in March.
    let (shifted_year, shifted_month) =
        if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * shifted_year + shifted_year / 4 - shifted_year / 100
        + shifted_year / 400
        + (153 * shifted_month + 2) / 5
        + day
        - 1
        - 719_468;
    ((days * 24 + hour) * 60 + minute) * 60 + second
}

fn check_common(request: &Request, kind: &str) {
    let name = request.name();
    assert_eq!(request.method, "POST");
    assert_eq!(request.target, format!("/chat/{name}"));
    assert_eq!(request.expect("ce-specversion"), "1.0");
    assert_eq!(request.expect("ce-awpsversion"), "1.0");
    assert_eq!(request.expect("ce-type"), format!("azure.webpubsub.{kind}.{name}"));
    assert_eq!(
        request.expect("ce-source"),
        format!("/hubs/chat/client/{}", request.connection_id())
    );
    assert_eq!(request.expect("ce-hub"), "chat");
    assert_eq!(request.expect("WebHook-Request-Origin"), "localhost");
    assert_eq!(request.expect("Content-Length"), request.body.len().to_string());
    let age = now().abs_diff(seconds(request.expect("ce-time")));
    assert!(age < 60, "{age} s: {request:?}");
    let id = request.expect("x-ms-client-request-id");
    let lengths: Vec<_> = id.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
    for absent in [
        "Transfer-Encoding",
        "ce-datacontenttype",
        "Authorization",
        "Cookie",
        "ce-connectionState",
        "ce-physicalConnectionId",
        "ce-sessionId",
    ] {
        assert_eq!(request.header(absent), None, "{request:?}");
    }
    let expected = [PRIMARY_KEY, SECONDARY_KEY].map(|key| signature(key, request.connection_id()));
    assert_eq!(request.expect("ce-signature"), expected.join(","));
}

#[test]
fn every_event_says_where_it_comes_from() {
    // E17, E18, E19, E21, E23
    let upstream = Upstream::start();
    let server = Setup::new().config(&upstream.handler(ALL_EVENTS)).start();
    let mut client = server.client().user("ana").connect();
    client.succeed(event("order.new", ""));
    let id = client.id.clone();
    client.leave_server();
    let kinds =
        [("connect", "sys"), ("connected", "sys"), ("order.new", "user"), ("disconnected", "sys")];
    let mut guids = BTreeSet::new();
    for (expected_id, (name, kind)) in (0..).zip(kinds) {
        let request = upstream.next(name);
        check_common(&request, kind);
        assert_eq!(request.connection_id(), id, "{request:?}");
        assert_eq!(request.id(), expected_id, "{request:?}");
        assert_eq!(request.header("ce-userId"), Some("ana"));
        let agreed = (name != "connect").then_some(JSON);
        assert_eq!(request.header("ce-subprotocol"), agreed, "{request:?}");
        guids.insert(request.expect("x-ms-client-request-id").to_owned());
    }
    assert_eq!(guids.len(), 4, "an id of its own for each");
}

#[test]
fn numbers_are_taken_by_events_that_nobody_wants_too() {
    // E21
    let upstream = Upstream::start();
    let server = Setup::new().config(&upstream.handler("userEventPattern = 'wanted'")).start();
    let mut client = server.client().connect();
    client.fail(event("unwanted", ""), "InternalServerError");
    client.succeed(event("wanted", ""));
    client.fail(event("unwanted", ""), "InternalServerError");
    client.succeed(event("wanted", ""));
    let ids: Vec<_> = upstream.all("wanted").iter().map(|request| request.id()).collect();
    assert_eq!(ids, [3, 5]);
}

#[test]
fn the_origin_is_the_host_that_the_client_asked_for() {
    // E18
    let upstream = Upstream::start();
    let server = Setup::new().config(&upstream.handler(ALL_EVENTS)).start();
    for host in ["chat.example", "chat.example:8443", "127.0.0.1:80"] {
        let upgrade = server.client().upgrade().without("host").header("Host", host);
        let _client = Client::greeted(upgrade.accepted(&server));
        let name = host.split(':').next().expect("a name");
        assert_eq!(upstream.next("connect").expect("WebHook-Request-Origin"), name);
        assert_eq!(upstream.next("connected").expect("WebHook-Request-Origin"), name);
    }
}

#[test]
fn a_configured_public_name_is_the_origin() {
    // E18: 5.3.
    let upstream = Upstream::start();
    let server = Setup::new()
        .config("publicEndpoints = ['https://Public.example:8443']\n")
        .config(&upstream.handler(ALL_EVENTS))
        .start();
    let token = Token::for_hub("chat").claim("aud", "https://public.example:8443/client/hubs/chat");
    let upgrade = Upgrade::to_hub("chat", &token.sign());
    let _wire = upgrade.accepted(&server);
    for name in ["validate", "connect", "connected"] {
        let origin = upstream.next(name).expect("WebHook-Request-Origin").to_ascii_lowercase();
        assert_eq!(origin, "public.example");
    }
}

#[test]
fn one_key_signs_once() {
    // E19: 5.5, the values are as many as the keys.
    let upstream = Upstream::start();
    let server = Setup::new()
        .without_keys()
        .args(&["--access-key", PRIMARY_KEY])
        .config(&upstream.handler(ALL_EVENTS))
        .start();
    let client = server.client().connect();
    let expected = signature(PRIMARY_KEY, &client.id);
    assert_eq!(upstream.next("connected").expect("ce-signature"), expected);
}

#[test]
fn without_local_auth_nothing_is_signed() {
    // E20
    let upstream = Upstream::start();
    let server = Setup::new()
        .config("disableLocalAuth = true\n[hubs.chat]\nanonymousConnectPolicy = 'allow'\n")
        .config(&upstream.handler(ALL_EVENTS))
        .start();
    let upgrade = Upgrade::new("/client/hubs/chat").offer(JSON);
    Client::greeted(upgrade.accepted(&server)).leave_server();
    for name in ["connect", "connected", "disconnected"] {
        assert_eq!(upstream.next(name).header("ce-signature"), None);
    }
}

#[test]
fn user_ids_are_sent_as_they_are() {
    // E22
    let upstream = Upstream::start();
    let server = Setup::new().config(&upstream.handler(ALL_EVENTS)).start();
    for user in ["ana", "Änne 日本 %41", "a,b;c=\"d\""] {
        let _client = server.client().user(user).connect();
        for name in ["connect", "connected"] {
            assert_eq!(upstream.next(name).expect("ce-userId"), user);
        }
    }
    for guest in [server.client(), server.client().user("")] {
        let _client = guest.connect();
        for name in ["connect", "connected"] {
            assert_eq!(upstream.next(name).header("ce-userId"), None);
        }
    }
}

#[test]
fn a_user_id_that_no_header_can_carry_is_refused() {
    // E22: 5.6.
    let upstream = Upstream::start();
    let mut server = Setup::new().config(&upstream.handler(ALL_EVENTS)).start();
    for user in ["a\r\nce-hub: other", "a\u{0}", "a\u{7f}"] {
        assert_eq!(server.client().user(user).upgrade().status(&server), 400, "{user:?}");
    }
    server.stop();
    assert_eq!(upstream.event_names(), [""; 0]);
}

#[test]
fn metadata_becomes_headers() {
    // 5.3: keys in lower case.
    let upstream = Upstream::start();
    let server = Setup::new().config(&upstream.handler(ALL_EVENTS)).start();
    let mut client = server.client().connect();
    let mut request = event("e", "text");
    request["metadata"] = json!({"Trace": "a b", "x1": "2"});
    client.succeed(request);
    let request = upstream.next("e");
    let wanted: HashMap<_, _> = [("trace", "a b"), ("x1", "2")].into();
    for (key, value) in wanted {
        assert_eq!(request.expect(&format!("x-webpubsub-metadata-{key}")), value);
    }
    assert_eq!(upstream.next("connected").header("x-webpubsub-metadata-trace"), None);
}

#[test]
fn requests_share_connections() {
    // 5.2.1: connections are pooled.
    let upstream = Upstream::start();
    let server = Setup::new().config(&upstream.handler(ALL_EVENTS)).start();
    let mut client = server.client().connect();
    for _ in 0..20 {
        client.succeed(event("e", ""));
    }
    let used: BTreeSet<_> = upstream.events().iter().map(|event| event.connection).collect();
    assert!(used.len() <= 3, "{used:?}");
}
