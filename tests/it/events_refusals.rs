//! Clients that a `connect` handler does not let in (events-webhook.md, section 8.1.4).

use serde_json::json;

use crate::support::{ALL_EVENTS, Answer, ONE_ATTEMPT, Server, Setup, Upstream};

/// Ends every wait for a handler soon.
const IMPATIENT: &str = "eventTimeoutInSeconds = 1\neventAttempts = 1\n";

fn handled_by(upstream: &Upstream) -> Server {
    Setup::new().config(ONE_ATTEMPT).config(&upstream.handler(ALL_EVENTS)).start()
}

#[test]
fn a_refusal_is_passed_on_as_it_is() {
    // E31, C25: status, body and content type, and no other header.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    for status in [400, 401, 403, 404, 418, 429, 500, 503] {
        let body = format!("{{\"refused\": \"é\", \"with\": {status}}}");
        let answer = Answer::status(status)
            .body(body.clone())
            .header("Content-Type", "application/problem+json")
            .header("X-Internal", "secret");
        upstream.once("connect", answer);
        let (response, _) = server.client().upgrade().send(&server);
        assert_eq!((response.status, &response.body), (status, &body));
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        assert_eq!(response.header("x-internal"), None, "{response:?}");
    }
    upstream.once("connect", Answer::status(401));
    let (response, _) = server.client().upgrade().send(&server);
    assert_eq!((response.status, &*response.body), (401, ""));
}

#[test]
fn a_long_refusal_is_not_passed_on_without_end() {
    // 8.1.4
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    upstream.once("connect", Answer::text(&"x".repeat(1 << 20)).with_status(403));
    let (response, _) = server.client().upgrade().send(&server);
    assert_eq!(response.status, 403);
    assert!(response.body.len() <= 64 * 1024, "{} bytes", response.body.len());
}

#[test]
fn a_handler_that_does_not_answer_refuses_the_client() {
    // E32, C25
    let mut upstream = Upstream::start();
    let server = Setup::new().config(IMPATIENT).config(&upstream.handler(ALL_EVENTS)).start();
    for (answer, result) in [
        (Answer::never(), "failed_timeout"),
        (Answer::hang_up(), "failed_unreachable"),
        (Answer::status(302).header("Location", "/elsewhere"), "failed_status"),
        (Answer::json(&json!([])), "failed_answer"),
    ] {
        upstream.always("connect", answer);
        assert_eq!(server.client().upgrade().status(&server), 500, "{result}");
        server.await_events("connect", result, 1.0);
    }
    upstream.always("connect", Answer::bytes("this is not HTTP\r\n\r\n"));
    assert_eq!(server.client().upgrade().status(&server), 500);
    upstream.always("connect", Answer::status(204));
    upstream.stop();
    let (response, _) = server.client().upgrade().send(&server);
    assert_eq!(response.status, 500);
    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(!response.body.contains(&upstream.host()), "{response:?}");
    upstream.resume();
    let _client = server.client().connect();
}

#[test]
fn of_a_refused_client_nothing_more_is_heard() {
    // E33, O5
    let upstream = Upstream::start();
    let mut server = Setup::new().config(IMPATIENT).config(&upstream.handler(ALL_EVENTS)).start();
    let answers = [
        Answer::status(401),
        Answer::status(500),
        Answer::never(),
        Answer::json(&json!({"subprotocol": "not.offered"})),
        Answer::json(&json!({"groups": [""]})),
    ];
    let count = answers.len();
    for answer in answers {
        upstream.once("connect", answer);
        assert!(server.client().upgrade().status(&server) >= 400);
    }
    let opened = server.metrics().sum("corecast_connections_opened_total", &[]);
    assert_eq!(opened, 0.0);
    server.stop();
    assert_eq!(upstream.event_names(), vec!["connect"; count]);
}
