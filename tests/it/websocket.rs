//! RFC 6455 on the wire (client-connect.md, sections 8 and 12).
//!
//! Most of it on a simple client that publishes to its own group, which makes the server echo.

use std::net::TcpStream;

use serde_json::Value;
use tungstenite::client::{ClientRequestBuilder, client_with_config};
use tungstenite::http::Uri;

use crate::support::frame::{BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT};
use crate::support::{Frame, JSON, Server, Token, Wire};

#[test]
fn an_independent_client_connects() {
    // C1: with the handshake of the library, which checks the answer in its own way.
    let server = Server::start();
    let target = format!("/client/hubs/chat?access_token={}", Token::for_hub("chat").sign());
    let uri: Uri = format!("ws://{}{target}", server.address).parse().expect("a URI");
    let request = ClientRequestBuilder::new(uri).with_sub_protocol(JSON);
    let stream = TcpStream::connect(server.address).expect("the server accepts");
    let (mut socket, response) = client_with_config(request, stream, None).expect("an upgrade");
    assert_eq!(response.headers()["sec-websocket-protocol"], JSON);
    let connected = socket.read().expect("a message").into_text().expect("text");
    assert!(connected.as_str().contains("connected"));
    socket.close(None).expect("an open connection");
    while socket.read().is_ok() {}
}

#[test]
fn messages_come_in_fragments_with_control_frames_between() {
    // RFC 6455, section 5.4
    let server = Server::start();
    let mut wire = server.client().echoing().wire();
    for opcode in [TEXT, BINARY] {
        wire.send(Frame::new(opcode, "one, ").unfinished().bytes());
        wire.send(Frame::new(PING, "between").bytes());
        wire.send(Frame::new(CONTINUATION, "").unfinished().bytes());
        wire.send(Frame::new(PONG, "unasked").bytes());
        wire.send(Frame::new(CONTINUATION, "two, ").unfinished().bytes());
        wire.send(Frame::new(PING, "").bytes());
        wire.send(Frame::new(CONTINUATION, "three").bytes());
        assert_eq!(wire.frame(), Frame::new(PONG, "between").unmasked());
        assert_eq!(wire.frame(), Frame::new(PONG, "").unmasked());
        assert_eq!(wire.frame(), Frame::new(opcode, "one, two, three").unmasked());
    }
    for frames in [1, 2, 1000] {
        let mut bytes = Vec::new();
        for number in 0..frames {
            let opcode = if number == 0 { TEXT } else { CONTINUATION };
            let frame = Frame::new(opcode, "x");
            bytes.extend(if number + 1 < frames { frame.unfinished() } else { frame }.bytes());
        }
        wire.send(bytes);
        assert_eq!(wire.frame(), Frame::new(TEXT, "x".repeat(frames)).unmasked());
    }
}

#[test]
fn every_length_survives() {
    // RFC 6455, section 5.2: around the borders of the three length fields.
    let server = Server::start();
    let mut wire = server.client().echoing().wire();
    for length in [0, 1, 3, 4, 5, 124, 125, 126, 127, 255, 256, 65_534, 65_535, 65_536, 65_537] {
        let payload: Vec<u8> = (0..=255).cycle().take(length).collect();
        wire.send(Frame::new(BINARY, &*payload).bytes());
        assert_eq!(wire.frame(), Frame::new(BINARY, payload).unmasked(), "{length} bytes");
    }
}

#[test]
fn pings_are_answered_with_their_payload() {
    // RFC 6455, section 5.5.2
    let server = Server::start();
    let mut wire = server.client().echoing().wire();
    for length in [0, 1, 124, 125] {
        let payload: Vec<u8> = (100..=255).take(length).collect();
        wire.send(Frame::new(PING, &*payload).bytes());
        assert_eq!(wire.frame(), Frame::new(PONG, payload).unmasked());
    }
}

#[test]
fn protocol_errors_end_the_connection() {
    // C37: of malformed frames all but the size; RFC 6455, sections 5.1 to 5.5.
    let server = Server::start();
    let text = || Frame::new(TEXT, "text");
    let unfinished = || text().unfinished().bytes();
    let mut cases = vec![
        ("unmasked text", text().unmasked().bytes()),
        ("unmasked ping", Frame::new(PING, "").unmasked().bytes()),
        ("a ping of 126 bytes", Frame::new(PING, [0; 126]).bytes()),
        ("a close of 126 bytes", Frame::close(1000, [b'x'; 124]).bytes()),
        ("a ping in fragments", Frame::new(PING, "p").unfinished().bytes()),
        ("a close in fragments", Frame::close(1000, "").unfinished().bytes()),
        ("a ping with a long length", Frame::new(PING, "p").bytes_with_length_of(2)),
        ("continuation of nothing", Frame::new(CONTINUATION, "x").bytes()),
        ("unfinished continuation of nothing", Frame::new(CONTINUATION, "x").unfinished().bytes()),
        ("text within text", [unfinished(), text().bytes()].concat()),
        ("binary within text", [unfinished(), Frame::new(BINARY, "x").bytes()].concat()),
        ("a length of two bytes for four", text().bytes_with_length_of(2)),
        ("a length of eight bytes for four", text().bytes_with_length_of(8)),
        ("a length of 64 bits", vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4]),
        ("a close of one byte", Frame::new(CLOSE, [3]).bytes()),
    ];
    for bits in 1..=7 {
        cases.push(("reserved bits", text().with_reserved(bits).bytes()));
        cases.push(("reserved bits of a ping", Frame::new(PING, "").with_reserved(bits).bytes()));
    }
    for opcode in (0x3..=0x7).chain(0xb..=0xf) {
        cases.push(("an unknown opcode", Frame::new(opcode, "").bytes()));
    }
    let refused = cases.len();
    for (name, bytes) in cases {
        let mut wire = server.client().echoing().wire();
        wire.send(bytes);
        assert_eq!(wire.close().code, 1002, "{name}");
        wire.send_regardless(Frame::close(1002, "").bytes());
        wire.end();
    }
    let labels = [("category", "BadRequest")];
    let refused = f64::from(u32::try_from(refused).expect("a few"));
    server.await_metric("corecast_connections_closed_total", &labels, refused);
}

#[test]
fn a_protocol_error_is_not_announced_to_a_subprotocol() {
    // client-connect.md, section 12.1: 1002 comes without `disconnected`.
    let server = Server::start();
    let mut wire = server.client().wire();
    let connected: Value = serde_json::from_str(wire.frame().text()).expect("JSON");
    assert_eq!(connected["event"], "connected");
    wire.send(Frame::new(TEXT, "{}").with_reserved(4).bytes());
    assert_eq!(wire.close().code, 1002);
}

#[test]
fn closing_is_answered_and_ends_the_connection() {
    // client-connect.md, section 12.1; RFC 6455, sections 5.5.1 and 7.4.
    let server = Server::start();
    let valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    for code in valid {
        for reason in ["", "because \u{e9}", &"x".repeat(123)] {
            let mut wire = server.client().echoing().wire();
            wire.send(Frame::close(code, reason).bytes());
            assert_eq!(wire.close().code, code, "{code} {reason}");
            wire.end();
        }
    }
    let mut wire = server.client().echoing().wire();
    wire.send(Frame::new(CLOSE, "").bytes());
    assert_eq!(wire.close().code, 1000, "no code");
    wire.end();
}

#[test]
fn nothing_counts_after_a_close() {
    // RFC 6455, section 5.5.1
    let server = Server::start();
    let mut member = server.client().groups(&["echo"]).connect();
    let mut wire = server.client().echoing().wire();
    wire.send([Frame::close(1000, "").bytes(), Frame::new(TEXT, "too late").bytes()].concat());
    assert_eq!(wire.close().code, 1000);
    wire.end();
    server.client().permitted().connect().publish("echo", "marker");
    assert_eq!(member.group_text("echo"), "marker");
}

#[test]
fn close_frames_are_checked() {
    // RFC 6455, sections 7.4 and 8.1
    let server = Server::start();
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        let mut wire = server.client().echoing().wire();
        wire.send(Frame::close(code, "").bytes());
        assert_eq!(wire.close().code, 1002, "{code}");
    }
    for reason in [&b"\xff"[..], b"\xc3", b"ok until here \xed\xa0\x80"] {
        let mut wire = server.client().echoing().wire();
        wire.send(Frame::close(1000, reason).bytes());
        assert_eq!(wire.close().code, 1007, "{reason:?}");
    }
}

/// A conversation with every kind of frame: what the client says, and what it has to hear.
fn conversation(server: &Server) -> (Vec<u8>, Vec<Frame>) {
    let guest = server.client().permitted().groups(&["echo"]);
    let mut said = guest.upgrade().bytes();
    let ping = r#"{"type":"ping"}"#;
    let pong = Frame::new(TEXT, r#"{"type":"pong"}"#).unmasked();
    said.extend(Frame::new(TEXT, ping).bytes());
    said.extend(Frame::new(PING, "p").bytes());
    said.extend(Frame::new(TEXT, &ping[..5]).unfinished().bytes());
    said.extend(Frame::new(PING, "q").bytes());
    said.extend(Frame::new(CONTINUATION, &ping[5..]).bytes());
    // With a length of two bytes.
    said.extend(Frame::new(BINARY, format!("{ping:>130}")).bytes());
    said.extend(Frame::close(4321, "done").bytes());
    let control = |payload: &str| Frame::new(PONG, payload).unmasked();
    (said, vec![pong.clone(), control("p"), control("q"), pong.clone(), pong])
}

/// Reads the server's side of the conversation.
fn expect_conversation(wire: &mut Wire, heard: &[Frame], what: &str) {
    assert_eq!(wire.response(true).status, 101, "{what}");
    assert!(wire.frame().text().contains(r#""event":"connected""#), "{what}");
    let (frames, close) = wire.frames_to_close();
    assert_eq!(frames, heard, "{what}");
    assert_eq!(close.code, 4321, "{what}");
    wire.end();
}

#[test]
fn a_conversation_may_come_byte_by_byte() {
    // C29: and all at once.
    let server = Server::start();
    let (said, heard) = conversation(&server);
    let mut wire = Wire::connect(server.address);
    wire.send_bytewise(&said);
    expect_conversation(&mut wire, &heard, "byte by byte");
    let mut wire = Wire::connect(server.address);
    wire.send(&said);
    expect_conversation(&mut wire, &heard, "all at once");
}

#[test]
fn a_conversation_may_be_cut_anywhere() {
    // C29: one connection for every place to cut. All first parts are sent before any second
    // part, so the server has every chance to read them apart.
    let server = Server::start();
    let (said, heard) = conversation(&server);
    let mut wires: Vec<_> = (1..said.len())
        .map(|cut| {
            let mut wire = Wire::connect(server.address);
            wire.send(&said[..cut]);
            (cut, wire)
        })
        .collect();
    for (cut, wire) in &mut wires {
        wire.send(&said[*cut..]);
    }
    for (cut, wire) in &mut wires {
        expect_conversation(wire, &heard, &format!("cut at {cut}"));
    }
}
