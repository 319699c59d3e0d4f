//! Bodies in every framing, whole and in pieces.

use proptest::prelude::*;

use super::*;
use crate::protocol::http::request::parse;

fn reader(headers: &str) -> Result<BodyReader, BodyError> {
    let head = format!("POST / HTTP/1.1\r\n{headers}\r\n");
    parse(head.as_bytes(), 0, |head| BodyReader::of(&head)).expect("valid").expect("whole")
}

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// What a reader makes of `input` when it comes in pieces of these sizes, the last one repeated.
fn read_in(headers: &str, input: &[u8], pieces: &[usize]) -> Result<(Vec<u8>, usize), BodyError> {
    let mut reader = reader(headers)?;
    let (mut at, mut turn) = (0, 0);
    while at < input.len() && !reader.is_done() {
        let size = pieces[turn.min(pieces.len() - 1)].max(1);
        let piece = &input[at..input.len().min(at.saturating_add(size))];
        let progress = reader.read(piece)?;
        assert_eq!(progress.is_done, reader.is_done());
        assert!(progress.is_done || progress.consumed == piece.len());
        at += progress.consumed;
        turn += 1;
    }
    assert!(reader.is_done(), "incomplete");
    Ok((reader.into_bytes(), at))
}

fn read(headers: &str, input: &[u8]) -> Result<(Vec<u8>, usize), BodyError> {
    read_in(headers, input, &[usize::MAX])
}

#[test]
fn no_length_and_length_zero_mean_no_body() {
    // rest-api.md section 1.7
    assert!(reader("").unwrap().is_done());
    assert!(reader("Content-Length: 0\r\n").unwrap().is_done());
    let progress = reader("").unwrap().read(b"GET /").unwrap();
    assert_eq!(progress, BodyProgress { consumed: 0, is_done: true });
}

#[test]
fn a_body_of_a_mebibyte_is_accepted_and_one_byte_more_is_not() {
    // A44, A45, O33
    let whole = vec![b'x'; BODY_BYTES_MAX];
    let headers = format!("Content-Length: {BODY_BYTES_MAX}\r\n");
    assert_eq!(read(&headers, &whole).unwrap().0.len(), BODY_BYTES_MAX);
    let headers = format!("Content-Length: {}\r\n", BODY_BYTES_MAX + 1);
    assert_eq!(read(&headers, &whole), Err(BodyError::TooLong));

    let mut chunks = b"80000\r\n".to_vec();
    chunks.extend_from_slice(&whole[..0x80000]);
    chunks.extend_from_slice(b"\r\n80000\r\n");
    chunks.extend_from_slice(&whole[0x80000..]);
    chunks.extend_from_slice(b"\r\n");
    let end = chunks.len();
    chunks.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(read(CHUNKED, &chunks).unwrap().0.len(), BODY_BYTES_MAX);
    chunks.truncate(end);
    chunks.extend_from_slice(b"1\r\nx\r\n0\r\n\r\n");
    assert_eq!(read(CHUNKED, &chunks), Err(BodyError::TooLong));
}

#[test]
fn heads_with_two_readings_are_refused() {
    for (headers, error) in [
        ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", BodyError::Ambiguous),
        ("Content-Length: 1\r\nContent-Length: 1\r\n", BodyError::InvalidLength),
        ("Content-Length: 1, 1\r\n", BodyError::InvalidLength),
        ("Content-Length: -1\r\n", BodyError::InvalidLength),
        ("Content-Length: +1\r\n", BodyError::InvalidLength),
        ("Content-Length: 0x1\r\n", BodyError::InvalidLength),
        ("Content-Length:\r\n", BodyError::InvalidLength),
        ("Content-Length: 99999999999999999999999\r\n", BodyError::TooLong),
        ("Transfer-Encoding: gzip, chunked\r\n", BodyError::UnknownCoding),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", BodyError::UnknownCoding),
        ("Transfer-Encoding: identity\r\n", BodyError::UnknownCoding),
        ("Transfer-Encoding:\r\n", BodyError::UnknownCoding),
    ] {
        assert_eq!(reader(headers).unwrap_err(), error, "{headers}");
    }
    let old = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    let refused = parse(old, 0, |head| BodyReader::of(&head).map(|_| ())).unwrap().unwrap();
    assert_eq!(refused, Err(BodyError::UnknownCoding));
}

#[test]
fn chunks_carry_extensions_and_trailers_that_are_skipped() {
    let input = b"4;name=\"a\"\r\nWiki\r\n005 ; x\r\npedia\r\n0\r\nX-A: b\r\nX-C:\r\n\r\nnext";
    let (body, consumed) = read(CHUNKED, input).unwrap();
    assert_eq!(body, b"Wikipedia");
    assert_eq!(consumed, input.len() - 4);
}

#[test]
fn the_result_is_the_same_whole_byte_by_byte_and_cut_at_every_boundary() {
    let chunked = b"4;x\r\nWiki\r\nA\r\n0123456789\r\n0\r\nX-A: b\r\n\r\nnext".as_slice();
    for (headers, input) in [(CHUNKED, chunked), ("Content-Length: 5\r\n", b"helloGET /")] {
        let whole = read(headers, input).unwrap();
        assert_eq!(read_in(headers, input, &[1]).unwrap(), whole);
        for cut in 1..input.len() {
            assert_eq!(read_in(headers, input, &[cut, usize::MAX]).unwrap(), whole, "{cut}");
        }
    }
}

#[test]
fn broken_chunks_are_refused() {
    for input in [
        "\r\n",
        ";x\r\n",
        "g\r\n",
        "1\nx\r\n",
        "1\rx",
        "1\r\nxy",
        "1\r\nx\n",
        "1\r\nx\rx",
        "-1\r\n",
        "0x1\r\n",
        "00000000000000001\r\n",
        "0\r\n\n",
        "0\r\nA: b\n\r\n",
        "1;\u{1}\r\n",
    ] {
        assert_eq!(read(CHUNKED, input.as_bytes()), Err(BodyError::MalformedChunk), "{input:?}");
    }
    for input in ["fffffffffffffff\r\n", "100001\r\n"] {
        assert_eq!(read(CHUNKED, input.as_bytes()), Err(BodyError::TooLong), "{input:?}");
    }
}

#[test]
fn what_is_skipped_is_bounded() {
    for input in [
        format!("1;{}\r\n", "x".repeat(SKIPPED_BYTES_MAX)),
        format!("0\r\n{}", "A: b\r\n".repeat(SKIPPED_BYTES_MAX / 4 + 1)),
        "1;xxxxxxxx\r\nx\r\n".repeat(SKIPPED_BYTES_MAX / 9 + 1),
    ] {
        assert_eq!(read(CHUNKED, input.as_bytes()), Err(BodyError::TooMuchSkipped));
    }
}

#[test]
fn a_peer_may_wait_to_be_asked() {
    let expects = |text: &str| parse(text.as_bytes(), 0, |head| expects_continue(&head)).unwrap();
    let request = "POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n";
    assert_eq!(expects(request), Some(true));
    assert_eq!(expects(&request.replace("HTTP/1.1", "HTTP/1.0")), Some(false));
    assert_eq!(expects(&request.replace("Length: 1", "Length: 0")), Some(false));
    assert_eq!(expects(&request.replace("100-Continue", "nothing")), Some(false));
}

/// Chunks as a peer might send them, and what is in them.
fn chunks() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let chunk = (proptest::collection::vec(any::<u8>(), 1..40), "(;[a-z]{0,5})?");
    proptest::collection::vec(chunk, 0..6).prop_map(|chunks| {
        let (mut wire, mut body) = (Vec::new(), Vec::new());
        for (data, extension) in chunks {
            wire.extend_from_slice(format!("{:x}{extension}\r\n", data.len()).as_bytes());
            wire.extend_from_slice(&data);
            wire.extend_from_slice(b"\r\n");
            body.extend(data);
        }
        wire.extend_from_slice(b"0\r\n\r\n");
        (wire, body)
    })
}

proptest! {
    #[test]
    fn chunks_give_their_data_in_whatever_pieces_they_come(
        (wire, body) in chunks(),
        pieces in proptest::collection::vec(1..50_usize, 1..20),
    ) {
        let length = wire.len();
        prop_assert_eq!(read_in(CHUNKED, &wire, &pieces), Ok((body, length)));
    }

    #[test]
    fn any_bytes_have_an_answer(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        text in "[0-9a-f;\r\n :x]{0,100}",
    ) {
        for input in [bytes.as_slice(), text.as_bytes()] {
            let mut whole = reader(CHUNKED).unwrap();
            let all = whole.read(input);
            let mut single = reader(CHUNKED).unwrap();
            let each = input.iter().try_for_each(|&byte| single.read(&[byte]).map(|_| ()));
            prop_assert_eq!(all.is_ok(), each.is_ok());
            prop_assert_eq!(whole.into_bytes(), single.into_bytes());
        }
    }
}
