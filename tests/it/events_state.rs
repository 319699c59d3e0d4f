//! The state of a connection, which only its handler reads (events-webhook.md, section 9), and its
//! cookies (section 7.5).

use crate::support::{ALL_EVENTS, Answer, Client, ONE_ATTEMPT, Server, Setup, Upstream, event};

const STATE: &str = "ce-connectionState";

fn handled_by(upstream: &Upstream) -> Server {
    Setup::new().config(ONE_ATTEMPT).config(&upstream.handler(ALL_EVENTS)).start()
}

/// Has an event handled and hands back the state that came with it.
fn state(upstream: &Upstream, client: &mut Client) -> Option<String> {
    client.succeed(event("e", ""));
    upstream.next("e").header(STATE).map(str::to_owned)
}

#[test]
fn a_state_is_sent_with_every_later_event() {
    // E49: byte for byte, and until another one comes.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let first = "eyJrIjoxfQ==";
    let second = "a b;c=\"d\", e~%20:{}";
    upstream.once("connect", Answer::status(204).state(first));
    let mut client = server.client().connect();
    assert_eq!(upstream.next("connect").header(STATE), None);
    assert_eq!(upstream.next("connected").header(STATE), Some(first));
    assert_eq!(state(&upstream, &mut client).as_deref(), Some(first));
    // With a body for the client, and without.
    upstream.once("e", Answer::text("x").state(second));
    assert_eq!(state(&upstream, &mut client).as_deref(), Some(first));
    assert_eq!(state(&upstream, &mut client).as_deref(), Some(second));
    let long = "x".repeat(8192);
    upstream.once("e", Answer::status(204).state(&long));
    assert_eq!(state(&upstream, &mut client).as_deref(), Some(second));
    assert_eq!(state(&upstream, &mut client).as_deref(), Some(&*long));
    assert_eq!(state(&upstream, &mut client).as_deref(), Some(&*long));
    assert_eq!(client.json()["data"], "x");
    client.leave_server();
    assert_eq!(upstream.next("disconnected").header(STATE), Some(&*long));
}

#[test]
fn an_empty_state_is_none() {
    // E49: 9.2; the last of several counts.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let mut client = server.client().connect();
    upstream.once("e", Answer::status(204).state("first").state("last"));
    assert_eq!(state(&upstream, &mut client), None);
    assert_eq!(state(&upstream, &mut client).as_deref(), Some("last"));
    upstream.once("e", Answer::status(204).state(""));
    state(&upstream, &mut client);
    assert_eq!(state(&upstream, &mut client), None);
}

#[test]
fn each_connection_has_its_own_state() {
    // E49
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    upstream.respond("connect", |request| Answer::status(204).state(request.connection_id()));
    let mut clients: Vec<_> = (0..6).map(|_| server.client().connect()).collect();
    for client in &mut clients {
        let id = client.id.clone();
        assert_eq!(state(&upstream, client), Some(id));
    }
}

#[test]
fn a_failing_answer_changes_no_state() {
    // E49: 8.4.7.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    upstream.once("connect", Answer::status(204).state("good"));
    let mut client = server.client().connect();
    for answer in [Answer::status(500), Answer::status(400), Answer::typed("text/html", "<p>")] {
        upstream.once("e", answer.state("bad"));
        client.fail(event("e", ""), "InternalServerError");
        upstream.next("e");
        assert_eq!(state(&upstream, &mut client).as_deref(), Some("good"));
    }
}

/// Has an event handled and hands back the cookies that came with it, in alphabetical order.
fn cookies(upstream: &Upstream, client: &mut Client) -> Vec<String> {
    client.succeed(event("e", ""));
    let request = upstream.next("e");
    let mut cookies: Vec<_> =
        request.header("Cookie").unwrap_or_default().split("; ").map(str::to_owned).collect();
    cookies.retain(|cookie| !cookie.is_empty());
    cookies.sort();
    cookies
}

#[test]
fn cookies_stay_with_their_connection() {
    // E54, E10: of events, not of validation.
    let upstream = Upstream::start();
    let allowed = Answer::status(200).header("WebHook-Allowed-Origin", "*");
    upstream.always("validate", allowed.header("Set-Cookie", "validated=1; Path=/"));
    let server = handled_by(&upstream);
    let sticky = |to: &str| Answer::status(204).header("Set-Cookie", format!("node={to}; Path=/"));
    upstream.once("connect", sticky("1").header("Set-Cookie", "more=x; Path=/; HttpOnly"));
    let mut first = server.client().connect();
    let mut second = server.client().connect();
    assert_eq!(upstream.next("connect").header("Cookie"), None);
    assert_eq!(cookies(&upstream, &mut first), ["more=x", "node=1"]);
    assert_eq!(cookies(&upstream, &mut second), [""; 0]);
    // Replaced by an event, taken away by another, and not taken from one that failed.
    upstream.once("e", sticky("2").header("Set-Cookie", "more=; Path=/; Max-Age=0"));
    cookies(&upstream, &mut first);
    assert_eq!(cookies(&upstream, &mut first), ["node=2"]);
    upstream.once("e", sticky("3").with_status(500));
    first.fail(event("e", ""), "InternalServerError");
    upstream.next("e");
    assert_eq!(cookies(&upstream, &mut first), ["node=2"]);
    // A path that does not match, a domain that is not the handler's.
    upstream.once(
        "e",
        Answer::status(204)
            .header("Set-Cookie", "elsewhere=1; Path=/other")
            .header("Set-Cookie", "foreign=1; Domain=a.example; Path=/"),
    );
    cookies(&upstream, &mut first);
    assert_eq!(cookies(&upstream, &mut first), ["node=2"]);
    assert_eq!(cookies(&upstream, &mut second), [""; 0]);
    first.leave_server();
    assert_eq!(upstream.next("disconnected").header("Cookie"), Some("node=2"));
}

#[test]
fn cookies_can_be_turned_off() {
    // E54: 7.5, `eventCookies`.
    let upstream = Upstream::start();
    let server =
        Setup::new().config("eventCookies = false\n").config(&upstream.handler(ALL_EVENTS)).start();
    upstream.once("connect", Answer::status(204).header("Set-Cookie", "node=1; Path=/"));
    let mut client = server.client().connect();
    assert_eq!(cookies(&upstream, &mut client), [""; 0]);
}
