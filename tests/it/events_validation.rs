//! Endpoint validation before the first event (events-webhook.md, section 4).

use serde_json::json;

use crate::support::{
    ALL_EVENTS, Answer, Hold, ONE_ATTEMPT, Request, Server, Setup, USER_EVENTS, Upstream, event,
};

fn permission(origin: &str) -> Answer {
    Answer::status(200).header("WebHook-Allowed-Origin", origin)
}

#[test]
fn an_endpoint_is_asked_before_its_first_event() {
    // E9, E10
    let upstream = Upstream::start();
    let path = "/api/{hub}/{event}?code=x";
    let server = Setup::new().config(&upstream.handler_at(path, ALL_EVENTS)).start();
    let _client = server.client().connect();
    let asked = upstream.next("validate");
    assert_eq!((&*asked.method, &*asked.target), ("OPTIONS", "/api/chat/validate?code=x"));
    assert_eq!(asked.expect("WebHook-Request-Origin"), "localhost");
    assert_eq!(asked.expect("ce-awpsversion"), "1.0");
    for name in asked.header_names().map(str::to_ascii_lowercase) {
        assert!(!matches!(&*name, "authorization" | "cookie"), "{asked:?}");
        assert!(!name.starts_with("ce-") || name == "ce-awpsversion", "{asked:?}");
        let is_hook = name.starts_with("webhook-") && name != "webhook-request-origin";
        assert!(!is_hook, "{asked:?}");
    }
    let first = upstream.next("connect");
    assert!(first.arrived >= asked.answered().expect("answered"), "{first:?}");
}

/// First segment of the path, the answer to `OPTIONS` there, whether events follow it.
fn verdicts() -> Vec<(&'static str, Answer, bool)> {
    let typed = |answer: Answer| answer.header("Content-Type", "text/html").body("<p>Hello</p>");
    vec![
        ("any", permission("*"), true),
        ("host", permission("localhost"), true),
        ("case", permission("LocalHost"), true),
        ("port", permission("localhost:8080"), true),
        ("list", permission("a.example, localhost ,b.example"), true),
        ("lines", permission("a.example").header("webhook-allowed-origin", "localhost"), true),
        ("empty204", Answer::status(204).header("WebHook-Allowed-Origin", "*"), true),
        ("body", typed(permission("*")).header("WebHook-Allowed-Rate", "1"), true),
        ("silent", Answer::status(200), false),
        ("other", permission("a.example"), false),
        ("longer", permission("localhost.example"), false),
        ("status405", Answer::status(405).header("WebHook-Allowed-Origin", "*"), false),
        ("status302", Answer::status(302).header("Location", "/any/validate"), false),
        ("status401", Answer::status(401).header("WebHook-Allowed-Origin", "*"), false),
    ]
}

#[test]
fn the_answer_says_whether_events_may_come() {
    // E11
    let upstream = Upstream::start();
    upstream.respond("validate", |request| {
        let place = request.path().split('/').nth(1).expect("a segment");
        verdicts().into_iter().find(|(name, ..)| *name == place).expect("a known place").1
    });
    let handlers: String = verdicts()
        .iter()
        .map(|(place, ..)| {
            let pattern = format!("userEventPattern = '{place}'");
            upstream.handler_at(&format!("/{place}/{{event}}"), &pattern)
        })
        .collect();
    let server = Setup::new().config(&handlers).start();
    let mut client = server.client().connect();
    for (place, _, is_allowed) in verdicts() {
        println!("{place}");
        if is_allowed {
            client.succeed(event(place, ""));
        } else {
            client.fail(event(place, ""), "InternalServerError");
        }
        assert_eq!(upstream.all(place).len(), usize::from(is_allowed));
    }
    let refused = verdicts().iter().filter(|(.., is_allowed)| !is_allowed).count();
    server.await_events("user", "failed_validation", refused as f64);
    // Each endpoint was asked once, a redirect led nowhere.
    assert_eq!(upstream.all("validate").len(), verdicts().len());
}

#[test]
fn where_options_is_unknown_get_decides() {
    // E12: and only then.
    let upstream = Upstream::start();
    upstream.respond("validate", |request| match (&*request.method, request.path()) {
        ("GET", "/good/validate") => permission("*"),
        ("GET", "/silent/validate") => Answer::text("hello"),
        _ => Answer::status(404),
    });
    let places = ["good", "silent", "nowhere"];
    let handler = |place: &&str| {
        let pattern = format!("userEventPattern = '{place}'");
        upstream.handler_at(&format!("/{place}/{{event}}?code=x"), &pattern)
    };
    let server = Setup::new().config(&places.iter().map(handler).collect::<String>()).start();
    let mut client = server.client().connect();
    for (place, is_allowed) in places.into_iter().zip([true, false, false]) {
        let ack = client.request(event(place, ""));
        assert_eq!(ack["success"], is_allowed, "{place}: {ack}");
        let asked = [upstream.next("validate"), upstream.next("validate")];
        for (request, method) in asked.iter().zip(["OPTIONS", "GET"]) {
            assert_eq!(request.method, method);
            assert_eq!(request.target, format!("/{place}/validate?code=x"));
            assert_eq!(request.expect("WebHook-Request-Origin"), "localhost");
            assert_eq!(request.expect("ce-awpsversion"), "1.0");
            assert_eq!(request.header("ce-signature"), None);
        }
    }
    assert_eq!(upstream.all("validate").len(), 2 * places.len());
}

#[test]
fn the_first_events_wait_for_one_answer() {
    // E13
    const COUNT: usize = 8;
    let upstream = Upstream::start();
    let hold = Hold::new();
    upstream.once("validate", permission("*").held(&hold));
    let server = Setup::new().shards(4).config(&upstream.handler(USER_EVENTS)).start();
    let mut clients: Vec<_> = (0..COUNT).map(|_| server.client().connect()).collect();
    for client in &mut clients {
        let mut request = event("e", "");
        request["ackId"] = json!(77);
        client.send_json(&request);
    }
    server.await_metric("corecast_event_handler_queue", &[("hub", "chat")], 8.0);
    let asked = upstream.next("validate");
    assert_eq!(upstream.all("e").len(), 0, "nothing before the answer");
    hold.release();
    for client in &mut clients {
        assert_eq!(client.ack(77)["success"], true);
    }
    let answered = asked.answered().expect("answered");
    for request in upstream.await_all("e", COUNT) {
        assert!(request.arrived >= answered, "{request:?}");
    }
    assert_eq!(upstream.all("validate").len(), 1);
    server.await_metric("corecast_event_handler_queue", &[("hub", "chat")], 0.0);
}

#[test]
fn without_permission_nothing_is_sent() {
    // E16: not even what nobody waits for.
    let upstream = Upstream::start();
    upstream.always("validate", Answer::status(403));
    let mut server = everything_but_connect(&upstream);
    let mut client = server.client().connect();
    client.fail(event("e", ""), "InternalServerError");
    let mut simple = server.client().simple().connect();
    simple.send("text");
    assert_eq!(simple.closed().code, 1011);
    let refused = server.client().hub("guarded").upgrade().send(&server).0;
    assert_eq!(refused.status, 500);
    client.leave_server();
    server.await_events("user", "failed_validation", 2.0);
    server.await_events("connected", "failed_validation", 2.0);
    server.await_events("disconnected", "failed_validation", 2.0);
    server.await_log(&format!("Abuse protection for '{}/", upstream.url()));
    server.await_log("' failed: 403.");
    server.stop();
    assert_eq!(upstream.event_names(), [""; 0]);
}

/// The hub `chat` without `connect`, so that clients come in; the hub `guarded` with it.
fn everything_but_connect(upstream: &Upstream) -> Server {
    let settings = "userEventPattern = '*'\nsystemEvents = ['connected', 'disconnected']";
    Setup::new()
        .config(ONE_ATTEMPT)
        .config(&upstream.handler(settings))
        .config(&upstream.handler_of("guarded", "/{hub}/{event}", "systemEvents = ['connect']"))
        .start()
}

#[test]
fn a_missing_permission_is_logged_with_what_came_instead() {
    // 4.4
    let upstream = Upstream::start();
    upstream.always("validate", permission("a.example"));
    let server = Setup::new().config(&upstream.handler(USER_EVENTS)).start();
    server.client().connect().fail(event("e", ""), "InternalServerError");
    server.await_events("user", "failed_validation", 1.0);
    server.await_log("missing allowed origins: a.example");
}

#[test]
fn a_known_answer_is_used_again() {
    // E14: within its time, by every event and every connection.
    let upstream = Upstream::start();
    let mut server = Setup::new().config(&upstream.handler(ALL_EVENTS)).start();
    for _ in 0..10 {
        let mut client = server.client().connect();
        client.succeed(event("e", ""));
        client.leave_server();
    }
    server.stop();
    assert_eq!(upstream.events().len(), 40);
    assert_eq!(upstream.all("validate").len(), 1);
}

#[test]
fn every_resolved_address_is_asked_by_itself() {
    // 4.3.2: hubs share a template but not an address.
    let upstream = Upstream::start();
    let hubs = ["one", "two"];
    let handler = |hub: &&str| upstream.handler_of(hub, "/{hub}/{event}", USER_EVENTS);
    let server = Setup::new().config(&hubs.iter().map(handler).collect::<String>()).start();
    for hub in hubs {
        server.client().hub(hub).connect().succeed(event("e", ""));
        let asked: Vec<_> = upstream.all("validate").iter().map(|r| target(r)).collect();
        assert!(asked.contains(&format!("/{hub}/validate")), "{asked:?}");
    }
    assert_eq!(upstream.all("validate").len(), 2);
}

fn target(request: &Request) -> String {
    request.target.clone()
}
