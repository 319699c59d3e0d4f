//! The server as an HTTP server: limits, errors, connections that are kept
//! (client-connect.md, sections 1 and 3.1; rest-api.md, section 6.2; operations.md, section 5.1).

use std::time::{Duration, Instant};

use crate::support::http::request;
use crate::support::{Client, Frame, JSON, PATIENCE, Server, Setup, Token, Upgrade, Wire, frame};

const KIB: usize = 1024;

/// A handshake whose request target has exactly this length.
fn with_target_of(length: usize) -> Upgrade {
    let mut target = format!("/client/hubs/chat?access_token={}&x=", Token::for_hub("chat").sign());
    target.push_str(&"x".repeat(length - target.len()));
    Upgrade::new(target)
}

/// The same handshake with more headers, so that all of them are exactly this long together.
fn with_headers_of(upgrade: Upgrade, length: usize) -> Upgrade {
    // Everything between the request line and the empty line, both excluded.
    let block = |upgrade: &Upgrade| {
        let bytes = upgrade.bytes();
        let line = bytes.windows(2).position(|window| window == b"\r\n").expect("a line");
        bytes.len() - line - 4
    };
    let upgrade = (0..40).fold(upgrade, |upgrade, n| upgrade.header(&format!("X-{n}"), "v"));
    let rest = length - block(&upgrade) - "X: \r\n".len();
    let upgrade = upgrade.header("X", "x".repeat(rest));
    assert_eq!(block(&upgrade), length);
    upgrade
}

#[test]
fn long_targets_and_headers_are_accepted_up_to_a_limit() {
    // C1: tokens with hundreds of roles travel here.
    let server = Server::start();
    let token = Token::for_hub("chat").sign();
    let plain = || Upgrade::to_hub("chat", &token);
    let cases = [
        ("a target of 16 KiB", with_target_of(16 * KIB), &[101][..]),
        ("headers of 32 KiB", with_headers_of(plain(), 32 * KIB), &[101]),
        ("both", with_headers_of(with_target_of(16 * KIB), 32 * KIB), &[101]),
        ("a target of 17 KiB", with_target_of(17 * KIB), &[414]),
        ("a target of 1 MiB", with_target_of(KIB * KIB), &[414]),
        ("headers of 33 KiB", with_headers_of(plain(), 33 * KIB), &[431]),
        ("headers of 1 MiB", with_headers_of(plain(), KIB * KIB), &[431]),
    ];
    for (name, upgrade, statuses) in cases {
        let mut wire = Wire::connect(server.address);
        wire.send_regardless(upgrade.bytes());
        let status = wire.response(true).status;
        assert!(statuses.contains(&status), "{name}: {status}");
    }
}

#[test]
fn headers_have_a_deadline() {
    // A request that never ends gets an answer or none, but does not stay. Bytes that trickle in
    // do not move the deadline.
    let server = Setup::new().config("headerTimeoutInSeconds = 1\n").start();
    let request = Upgrade::to_hub("chat", &Token::for_hub("chat").sign()).bytes();
    for sent in [0, 1, request.len() - 1] {
        let mut wire = Wire::connect(server.address);
        wire.send(&request[..sent]);
        expect_timeout(&mut wire, &format!("{sent} bytes"));
    }
    let mut trickle = request.iter().cycle();
    let begun = Instant::now();
    let mut wire = Wire::connect(server.address);
    while !wire.ended_within(Duration::from_millis(50)) {
        wire.send_regardless([*trickle.next().expect("an endless one")]);
        assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    }
    // What is open is not affected.
    let mut kept = Wire::connect(server.address);
    kept.send(request);
    assert_eq!(kept.response(true).status, 101);
    assert!(!kept.ended_within(Duration::from_secs(3)));
    kept.send(Frame::new(frame::PING, "open").bytes());
    assert_eq!(kept.frame().text(), "open");
}

/// Either `408` and the end, or only the end.
fn expect_timeout(wire: &mut Wire, what: &str) {
    match wire.response_or_end() {
        Some(response) => {
            assert_eq!(response.status, 408, "{what}: {response:?}");
            wire.end();
        }
        None => println!("{what}: ended without an answer"),
    }
}

#[test]
fn what_is_not_http_is_refused() {
    // C6
    let server = Server::start();
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"HELO mail.example.test\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n: no name\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nBad\x00Name: x\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
    ] {
        let mut wire = Wire::connect(server.address);
        wire.send(garbage);
        wire.finish();
        let shown = String::from_utf8_lossy(garbage);
        let response = wire.response_or_end().unwrap_or_else(|| panic!("no answer to {shown:?}"));
        assert_eq!(response.status, 400, "{shown:?}: {response:?}");
        wire.end();
    }
}

#[test]
fn unknown_paths_are_not_found() {
    // client-connect.md, section 3.1: also below /client and /clients, with an upgrade or without.
    let server = Server::start();
    let token = Token::for_hub("chat").sign();
    for path in [
        "/",
        "/nothing",
        "/metrics",
        "/client/nowhere",
        "/client/hubs/chat/more",
        "/clients/socketio/hubs/chat",
        "/clients",
        "/clientele",
        "/api/nothing",
    ] {
        assert_eq!(request(&server, "GET", path).status, 404, "GET {path}");
        let upgrade = Upgrade::new(format!("{path}?access_token={token}"));
        assert_eq!(upgrade.status(&server), 404, "upgrade of {path}");
    }
}

#[test]
fn client_paths_take_upgrades_only() {
    // C6
    let server = Server::start();
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
        let status = request(&server, method, "/client/hubs/chat").status;
        assert_eq!(status, 400, "{method}");
    }
}

#[test]
fn another_websocket_version_is_told_the_right_one() {
    // client-connect.md, section 3.1: 426.
    let server = Server::start();
    for version in ["8", "14", "x", ""] {
        let upgrade = Upgrade::to_hub("chat", &Token::for_hub("chat").sign())
            .without("sec-websocket-version")
            .header("Sec-WebSocket-Version", version);
        let (response, _wire) = upgrade.send(&server);
        assert_eq!(response.status, 426, "{version}: {response:?}");
        assert_eq!(response.header("sec-websocket-version"), Some("13"), "{version}");
    }
}

#[test]
fn health_needs_no_credentials_and_keeps_the_connection() {
    // A1, O35: several requests on one connection, some at once, an upgrade as the last.
    let server = Server::start();
    let mut wire = Wire::connect(server.address);
    for method in ["HEAD", "GET", "HEAD"] {
        wire.send(format!("{method} /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        let response = wire.response(method != "HEAD");
        assert_eq!((response.status, &*response.body), (200, ""), "{method}: {response:?}");
    }
    let (get, head) = (
        "GET /api/health?api-version=2024-12-01 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "HEAD /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    );
    wire.send(
        [get, head, head, get, "GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", get].concat(),
    );
    for (has_body, status) in
        [(true, 200), (false, 200), (false, 200), (true, 200), (true, 404), (true, 200)]
    {
        assert_eq!(wire.response(has_body).status, status);
    }
    wire.send(Upgrade::to_hub("chat", &Token::for_hub("chat").sign()).offer(JSON).bytes());
    assert_eq!(wire.response(true).status, 101);
    assert_eq!(Client::on(wire).json()["event"], "connected");
}

#[test]
fn connections_end_when_asked_to() {
    // A1: RFC 9112, section 9.6.
    let server = Server::start();
    for request in [
        "GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /api/health HTTP/1.0\r\n\r\n",
    ] {
        let mut wire = Wire::connect(server.address);
        wire.send(request);
        assert_eq!(wire.response(true).status, 200, "{request}");
        wire.end();
    }
}

#[test]
fn requests_may_come_in_any_pieces() {
    // C1
    let server = Server::start();
    let request = Upgrade::to_hub("chat", &Token::for_hub("chat").sign()).offer(JSON).bytes();
    let mut wire = Wire::connect(server.address);
    wire.send_bytewise(b"HEAD /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    wire.send_bytewise(&request);
    assert_eq!(wire.response(false).status, 200);
    assert_eq!(wire.response(true).status, 101);
    assert_eq!(Client::on(wire).json()["event"], "connected");
}
