//! How large messages may be and what their bytes may say (client-connect.md, section 8).

use serde_json::Value;

use crate::support::frame::{BINARY, CONTINUATION, TEXT};
use crate::support::{Frame, Server, Wire};

/// The largest message of a client.
const LIMIT: usize = 1 << 20;

/// A client with the JSON subprotocol, greeted, as bytes.
fn speaking_json(server: &Server) -> Wire {
    let mut wire = server.client().permitted().groups(&["room"]).wire();
    let connected: Value = serde_json::from_str(wire.frame().text()).expect("JSON");
    assert_eq!(connected["event"], "connected");
    wire
}

/// The frames of one message of `total` bytes, cut after every `step` bytes.
fn fragments(opcode: u8, total: usize, step: usize) -> Vec<u8> {
    let payload: Vec<u8> = (b' '..=b'~').cycle().take(total).collect();
    let mut bytes = Vec::new();
    let mut chunks = payload.chunks(step).peekable();
    let mut opcode = opcode;
    while let Some(chunk) = chunks.next() {
        let frame = Frame::new(opcode, chunk);
        bytes.extend(if chunks.peek().is_some() { frame.unfinished() } else { frame }.bytes());
        opcode = CONTINUATION;
    }
    bytes
}

#[test]
fn one_mebibyte_is_accepted_and_a_byte_more_is_not() {
    // C37, O32
    let server = Server::start();
    for step in [usize::MAX, LIMIT, LIMIT / 2, 60_000, 997] {
        for opcode in [TEXT, BINARY] {
            let mut wire = server.client().echoing().wire();
            wire.send(fragments(opcode, LIMIT, step));
            let echo = wire.frame();
            assert_eq!((echo.opcode, echo.payload.len()), (opcode, LIMIT), "in steps of {step}");

            wire.send_regardless(fragments(opcode, LIMIT + 1, step));
            assert_eq!(wire.close().code, 1009, "in steps of {step}");
        }
    }
}

#[test]
fn a_client_with_a_subprotocol_is_told_that_it_said_too_much() {
    // C37
    let server = Server::start();
    for step in [usize::MAX, 100_000] {
        let mut wire = speaking_json(&server);
        wire.send_regardless(fragments(TEXT, LIMIT + 1, step));
        let (before, close) = wire.frames_to_close();
        assert_eq!(close.code, 1009);
        let [told] = &*before else { panic!("{before:?}") };
        let told: Value = serde_json::from_str(told.text()).expect("JSON");
        assert_eq!((&told["type"], &told["event"]), (&"system".into(), &"disconnected".into()));
    }
}

#[test]
fn a_length_beyond_the_limit_is_enough() {
    // C37: nothing of the payload has to come.
    let server = Server::start();
    for length in [LIMIT as u64 + 1, 1 << 32, (1 << 63) - 1] {
        let mut wire = server.client().echoing().wire();
        let mut head = vec![0x82, 0xff];
        head.extend_from_slice(&length.to_be_bytes());
        head.extend_from_slice(&[1, 2, 3, 4]);
        wire.send(&head);
        assert_eq!(wire.close().code, 1009, "{length}");
    }
}

#[test]
fn text_has_to_be_utf8() {
    // C38
    let server = Server::start();
    let bad: [&[u8]; 8] = [
        b"\xff",
        b"a\x80",
        b"\xc3",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf0\x9f\x98",
        b"{\"type\":\"ping\",\"x\":\"\xff\"}",
    ];
    for payload in bad {
        let mut wire = server.client().echoing().wire();
        wire.send(Frame::new(TEXT, payload).bytes());
        assert_eq!(wire.close().code, 1007, "{payload:?}");
        // Cut before the last byte, with a control frame between.
        let mut wire = server.client().echoing().wire();
        let (start, end) = payload.split_at(payload.len() - 1);
        wire.send_regardless(Frame::new(TEXT, start).unfinished().bytes());
        wire.send_regardless(Frame::new(CONTINUATION, end).bytes());
        assert_eq!(wire.close().code, 1007, "{payload:?} in two parts");
        // The same with a subprotocol, in a text frame and in a binary one.
        for opcode in [TEXT, BINARY] {
            let mut wire = speaking_json(&server);
            wire.send(Frame::new(opcode, payload).bytes());
            let (before, close) = wire.frames_to_close();
            assert_eq!((before.len(), close.code), (1, 1007), "{payload:?} {before:?}");
        }
    }
}

#[test]
fn characters_may_be_cut_by_fragments() {
    // C38: only the whole message has to be valid.
    let server = Server::start();
    let text = "a\u{e9}\u{20ac}\u{1f600}z";
    let mut wire = server.client().echoing().wire();
    for cut in 0..=text.len() {
        let (start, end) = text.as_bytes().split_at(cut);
        wire.send(Frame::new(TEXT, start).unfinished().bytes());
        wire.send(Frame::new(CONTINUATION, end).bytes());
        assert_eq!(wire.frame().text(), text, "cut at {cut}");
    }
    let bytewise: Vec<u8> = text
        .bytes()
        .enumerate()
        .flat_map(|(index, byte)| {
            let opcode = if index == 0 { TEXT } else { CONTINUATION };
            Frame::new(opcode, [byte]).unfinished().bytes()
        })
        .chain(Frame::new(CONTINUATION, []).bytes())
        .collect();
    wire.send(bytewise);
    assert_eq!(wire.frame().text(), text);
}

#[test]
fn json_may_come_in_binary_frames() {
    // C39
    let server = Server::start();
    let mut client = server.client().permitted().groups(&["room"]).connect();
    client.send(br#"{"type":"sendToGroup","group":"room","data":"by binary"}"#.to_vec());
    assert_eq!(client.group_text("room"), "by binary");
    client.send(b"\xef\xbb\xbf{\"type\":\"ping\"}".to_vec());
    assert_eq!(client.disconnected().code, 1007);
}
