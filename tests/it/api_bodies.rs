//! Bodies: their limit, how they travel, and requests without one (rest-api.md, sections 1.7, 1.8,
//! 4 and 5.7; operations.md, section 5.1).

use crate::support::{Call, Client, Server, Wire};

const MIB: usize = 1 << 20;

fn text_of(client: &mut Client) -> String {
    client.json()["data"].as_str().expect("text").to_owned()
}

/// Pieces of a body in chunked coding.
fn chunked<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in pieces {
        bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn chunked_text() -> Call {
    Call::post(":send").header("Content-Type", "text/plain").header("Transfer-Encoding", "chunked")
}

#[test]
fn one_mebibyte_is_the_limit() {
    // A44, O33
    let server = Server::start();
    let mut client = server.client().connect();
    Call::post(":send").body("text/plain", vec![b'x'; MIB]).expect(&server, 202);
    assert_eq!(text_of(&mut client).len(), MIB);
    let error = Call::post(":send").body("text/plain", vec![b'x'; MIB + 1]).expect(&server, 400);
    assert_eq!(error.error()["code"], "Error.BadRequest");
    let groups = format!("{{\"groups\":[\"{}\"]}}", "g".repeat(MIB));
    Call::post(":addToGroups").body("application/json", groups).expect(&server, 400);
    for length in ["1048577", "99999999999999999999999", "-1", "x", ""] {
        let call = Call::post(":send").header("Content-Type", "text/plain");
        let call = call.header("Content-Length", length);
        assert_eq!(call.status(&server), 400, "{length:?}");
    }
    Call::text(":send", "last").expect(&server, 202);
    assert_eq!(text_of(&mut client), "last");
}

#[test]
fn chunks_are_put_together() {
    // A45
    let server = Server::start();
    let mut client = server.client().connect();
    let mut wire = Wire::connect(server.address);
    let long = vec![b'y'; 100_000];
    for pieces in [vec![], vec![&b"a"[..]], vec![b"a", b"bc", b"def"], vec![&long, &long, b"z"]] {
        wire.send(chunked_text().bytes());
        wire.send(chunked(pieces.iter().copied()));
        assert_eq!(wire.response(true).status, 202);
        assert_eq!(text_of(&mut client).into_bytes(), pieces.concat());
    }
    // Extensions and trailers are read over.
    wire.send(chunked_text().bytes());
    wire.send("3;name=value\r\nabc\r\n0\r\nTrailer: x\r\n\r\n");
    assert_eq!(wire.response(true).status, 202);
    assert_eq!(text_of(&mut client), "abc");
    wire.send(chunked_text().bytes());
    wire.send_bytewise(&chunked([&b"in"[..], b" bytes"]));
    assert_eq!(wire.response(true).status, 202);
    assert_eq!(text_of(&mut client), "in bytes");
}

#[test]
fn chunked_bodies_have_the_same_limit() {
    // A44, A45
    let server = Server::start();
    let mut client = server.client().connect();
    let piece = vec![b'x'; MIB / 4];
    for (extra, status) in [(0, 202), (1, 400)] {
        let last = vec![b'x'; extra];
        let pieces = [&piece[..]; 4].into_iter().chain((extra > 0).then_some(&last[..]));
        let mut wire = Wire::connect(server.address);
        wire.send(chunked_text().bytes());
        wire.send_regardless(chunked(pieces));
        assert_eq!(wire.response(true).status, status);
    }
    assert_eq!(text_of(&mut client).len(), MIB);
}

#[test]
fn broken_framing_is_refused_and_ends_the_connection() {
    // A43; RFC 9112, sections 6 and 7: two readings of one message must not be possible.
    let server = Server::start();
    let text = || Call::post(":send").header("Content-Type", "text/plain");
    let broken = [
        (text().header("Transfer-Encoding", "chunked"), "x\r\nabc\r\n0\r\n\r\n"),
        (text().header("Transfer-Encoding", "chunked"), "3\r\nabcd\r\n0\r\n\r\n"),
        (text().header("Transfer-Encoding", "chunked"), "fffffffffffffffff\r\n"),
        (text().header("Transfer-Encoding", "chunked").header("Content-Length", "3"), "abc"),
        (text().header("Content-Length", "3").header("Content-Length", "4"), "abcd"),
        (text().header("Content-Length", "+3"), "abc"),
    ];
    for (call, body) in broken {
        let mut wire = Wire::connect(server.address);
        wire.send(call.bytes());
        wire.send_regardless(body);
        assert_eq!(wire.response(true).status, 400, "{body:?}");
        wire.end();
    }
}

#[test]
fn a_missing_body_is_an_empty_one() {
    // 1.7, A7, A8
    let server = Server::start();
    let client = server.client().user("ana").connect();
    let mut wire = Wire::connect(server.address);
    let put = format!("groups/room/connections/{}", client.id);
    for call in [
        Call::new("PUT", &put),
        Call::new("PUT", "users/ana/groups/room"),
        Call::new("DELETE", "users/ana/groups/room"),
        Call::post("groups/nobody/:closeConnections"),
    ] {
        for call in [call.clone(), call.bare_body("")] {
            let status = call.over(&mut wire).status;
            assert!(matches!(status, 200 | 204), "{}: {status}", call.target());
        }
    }
    // No length and no coding: an empty binary message.
    let mut client = client;
    Call::post(":send").expect(&server, 202);
    assert_eq!(client.json()["dataType"], "binary");
}

#[test]
fn a_body_is_asked_for_when_the_caller_waits() {
    // 1.8
    let server = Server::start();
    let mut client = server.client().connect();
    let call = Call::text(":send", "waited").header("Expect", "100-continue");
    let mut wire = Wire::connect(server.address);
    wire.send(call.head());
    assert_eq!(wire.response(true).status, 100);
    wire.send("waited");
    assert_eq!(wire.response(true).status, 202);
    assert_eq!(text_of(&mut client), "waited");
    // Nobody without a token is asked for anything.
    let mut wire = Wire::connect(server.address);
    wire.send(call.unauthorized().head());
    assert_eq!(wire.response(true).status, 401);
    let call = Call::text(":send", "sent at once").header("EXPECT", "100-Continue");
    let mut wire = Wire::connect(server.address);
    wire.send(call.bytes());
    let first = wire.response(true).status;
    let last = if first == 100 { wire.response(true).status } else { first };
    assert_eq!(last, 202);
    assert_eq!(text_of(&mut client), "sent at once");
}

#[test]
fn encoded_bodies_are_refused() {
    // 1.8
    let server = Server::start();
    for coding in ["gzip", "br", "deflate"] {
        let call = Call::text(":send", "x").header("Content-Encoding", coding);
        call.expect(&server, 415).error();
    }
}
