//! What is tried again, and when (events-webhook.md, sections 4.3 and 7.3).
//!
//! Everything that takes its time is in one test, side by side: the times are those of the
//! specification and cannot be configured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::{
    Answer, Client, Hold, Request, Server, Setup, USER_EVENTS, Upstream, event, eventually,
};

/// A busy machine, on top of every time.
const SLACK: Duration = Duration::from_millis(900);
/// Clocks of different threads.
const EARLY: Duration = Duration::from_millis(20);

#[test]
fn times_are_kept() {
    // E14, E15, E51, E52: the longest of them takes a minute.
    std::thread::scope(|scope| {
        scope.spawn(a_permission_lasts_a_minute);
        scope.spawn(refused_permissions_are_asked_for_ever_more_rarely);
        scope.spawn(what_may_pass_is_tried_four_times);
        scope.spawn(an_unreachable_handler_is_tried_four_times);
        scope.spawn(validation_is_tried_again_as_well);
    });
}

/// The times between requests have to be these.
fn check_gaps(requests: &[Arc<Request>], seconds: &[u64]) {
    let gaps: Vec<_> = requests.windows(2).map(|pair| pair[1].arrived - pair[0].arrived).collect();
    assert_eq!(gaps.len(), seconds.len(), "{gaps:?}");
    for (gap, seconds) in gaps.iter().zip(seconds) {
        let wanted = Duration::from_secs(*seconds);
        assert!(*gap + EARLY >= wanted && *gap <= wanted + SLACK, "{gaps:?}");
    }
}

fn server(upstream: &Upstream) -> Server {
    Setup::new().config(&upstream.handler(USER_EVENTS)).start()
}

/// E14: and what comes after it does not wait for the next.
fn a_permission_lasts_a_minute() {
    let upstream = Upstream::start();
    let server = server(&upstream);
    let mut client = server.client().connect();
    client.succeed(event("e", ""));
    let hold = Hold::new();
    upstream.once("validate", Answer::status(403).held(&hold));
    let begun = Instant::now();
    while upstream.all("validate").len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(80), "no refresh");
        client.succeed(event("e", ""));
        std::thread::park_timeout(Duration::from_millis(100));
    }
    check_gaps(&upstream.all("validate"), &[60]);
    // The old outcome is good until there is a new one.
    for _ in 0..3 {
        client.succeed(event("e", ""));
    }
    hold.release();
    eventually("the refusal", || {
        (client.request(event("e", ""))["success"] == false).then_some(())
    });
}

/// E15
fn refused_permissions_are_asked_for_ever_more_rarely() {
    let upstream = Upstream::start();
    upstream.always("validate", Answer::status(403));
    let server = server(&upstream);
    let mut client = server.client().connect();
    eventually("five validations", || {
        client.fail(event("e", ""), "InternalServerError");
        (upstream.all("validate").len() == 5).then_some(())
    });
    check_gaps(&upstream.all("validate"), &[1, 2, 4, 8]);
    assert_eq!(upstream.events().len(), 0);
}

/// E51, E52
fn what_may_pass_is_tried_four_times() {
    let upstream = Upstream::start();
    let server = server(&upstream);
    std::thread::scope(|scope| {
        for (name, answer) in [
            ("s408", Answer::status(408)),
            ("s500", Answer::status(500).state("bad")),
            ("s503", Answer::status(503).header("Retry-After", "1")),
        ] {
            upstream.always(name, answer);
            let client = server.client().connect();
            scope.spawn(|| tried_four_times(&upstream, client, name));
        }
        for (name, status) in [("s400", 400), ("s401", 401), ("s404", 404), ("s429", 429)] {
            upstream.always(name, Answer::status(status));
            let mut client = server.client().connect();
            client.fail(event(name, ""), "InternalServerError");
            assert_eq!(upstream.all(name).len(), 1, "{name}");
        }
        // One that passes at the second attempt is a success.
        upstream.once("passes", Answer::status(503));
        upstream.once("passes", Answer::text("at last"));
        let mut client = server.client().connect();
        client.succeed(event("passes", ""));
        assert_eq!(client.json()["data"], "at last");
        check_gaps(&upstream.all("passes"), &[1]);
        client.succeed(event("next", ""));
        assert_eq!(upstream.all("next")[0].id(), upstream.all("passes")[0].id() + 1);
    });
}

fn tried_four_times(upstream: &Upstream, mut client: Client, name: &str) {
    client.fail(event(name, "the same"), "InternalServerError");
    let requests = upstream.all(name);
    check_gaps(&requests, &[1, 3, 5]);
    for request in &requests {
        assert_eq!(request.text(), "the same");
        for header in ["ce-id", "x-ms-client-request-id", "ce-connectionId", "Content-Type"] {
            assert_eq!(request.expect(header), requests[0].expect(header), "{header}");
        }
    }
    client.succeed(event("next", ""));
    assert_eq!(upstream.all("next").last().expect("one").header("ce-connectionState"), None);
}

/// E51: refused connections.
fn an_unreachable_handler_is_tried_four_times() {
    let mut upstream = Upstream::start();
    let server = server(&upstream);
    let mut client = server.client().connect();
    client.succeed(event("e", ""));
    upstream.stop();
    let begun = Instant::now();
    client.fail(event("e", ""), "InternalServerError");
    let lasted = begun.elapsed();
    let wanted = Duration::from_secs(9);
    assert!(lasted + EARLY >= wanted && lasted <= wanted + 3 * SLACK, "{lasted:?}");
    upstream.resume();
    client.succeed(event("e", ""));
    server.await_events("user", "failed_unreachable", 1.0);
}

/// E15: 4.3.3, within one validation.
fn validation_is_tried_again_as_well() {
    let upstream = Upstream::start();
    upstream.once("validate", Answer::status(503));
    upstream.once("validate", Answer::status(408));
    let server = server(&upstream);
    let mut client = server.client().connect();
    client.succeed(event("e", ""));
    check_gaps(&upstream.all("validate"), &[1, 3]);
}

#[test]
fn redirects_are_not_followed() {
    // E53
    let upstream = Upstream::start();
    let server = server(&upstream);
    let mut client = server.client().connect();
    for status in [300, 301, 302, 303, 304, 307, 308] {
        let elsewhere = format!("{}/elsewhere", upstream.url());
        upstream.once("e", Answer::status(status).header("Location", elsewhere));
        client.fail(event("e", ""), "InternalServerError");
    }
    assert_eq!(upstream.all("elsewhere").len(), 0);
    assert_eq!(upstream.all("e").len(), 7);
}

#[test]
fn a_configured_number_of_attempts_is_kept() {
    // E51: 7.3, from the command line here.
    let upstream = Upstream::start();
    upstream.always("e", Answer::status(500));
    let setup = Setup::new().config(&upstream.handler(USER_EVENTS));
    for attempts in [1, 2] {
        let server = setup.clone().args(&["--event-attempts", &attempts.to_string()]).start();
        server.client().connect().fail(event("e", ""), "InternalServerError");
        server.await_events("user", "failed_status", 1.0);
    }
    assert_eq!(upstream.all("e").len(), 3);
}
