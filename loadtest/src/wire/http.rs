//! Sends by the REST API (rest-api.md 6.3) and the answers to them, on a connection kept open.
//!
//! An answer is taken off the stream whole, by its `Content-Length`. What has none, or is
//! chunked, would leave no telling where the next answer starts: that is an error.

const API_VERSION: &str = "2024-12-01";

/// The status of a send that was taken.
pub(crate) const ACCEPTED: u16 = 202;

const HEADERS_MAX: usize = 32;
/// Far above the largest error body (rest-api.md 5.1), below the buffer it is read into.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// What stands before the body of a `text/plain` send; `path` ends in `:send`.
pub(crate) fn send_head(authority: &str, path: &str, token: &str, body_bytes: usize) -> Vec<u8> {
    format!(
        "POST {path}?api-version={API_VERSION} HTTP/1.1\r\nHost: {authority}\r\n\
         Authorization: Bearer {token}\r\nContent-Type: text/plain\r\n\
         Content-Length: {body_bytes}\r\n\r\n"
    )
    .into_bytes()
}

/// Length of the answer at the start of `bytes`; `None` when it is not whole yet.
#[inline]
pub(crate) fn answer_bytes(bytes: &[u8]) -> Result<Option<usize>, &'static str> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut headers);
    let head_bytes = match answer.parse(bytes) {
        Ok(httparse::Status::Complete(count)) => count,
        Ok(httparse::Status::Partial) if bytes.len() < ANSWER_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) => return Err("the head of an answer does not end"),
        Err(_) => return Err("an answer is not HTTP"),
    };
    let body_bytes = body_bytes(&answer)?;
    if body_bytes > ANSWER_BYTES_MAX - head_bytes.min(ANSWER_BYTES_MAX) {
        return Err("an answer is larger than any of the REST API");
    }
    let count = head_bytes + body_bytes;
    Ok((bytes.len() >= count).then_some(count))
}

fn body_bytes(answer: &httparse::Response<'_, '_>) -> Result<usize, &'static str> {
    let mut length = None;
    for header in answer.headers.iter() {
        if header.name.eq_ignore_ascii_case("Content-Length") {
            length = std::str::from_utf8(header.value).ok().and_then(|text| text.parse().ok());
        } else if header.name.eq_ignore_ascii_case("Transfer-Encoding") {
            return Err("an answer is chunked, which this generator does not read");
        }
    }
    match answer.code {
        Some(204 | 304) => Ok(0),
        _ => length.ok_or("an answer says no length"),
    }
}

/// The status of a whole answer; 0 would not have passed [`answer_bytes`].
#[inline]
pub(crate) fn status(answer: &[u8]) -> u16 {
    // `HTTP/1.1 202 …`, as the parser has found it.
    let digits = answer.get(9..12).unwrap_or_default();
    digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit.wrapping_sub(b'0')))
}

/// The first line and the body of an answer, for a report.
pub(crate) fn excerpt(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let line = head.lines().next().unwrap_or_default();
    let body: String = body.chars().take(160).collect();
    format!("{line} {body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\
        api-supported-versions: 2021-10-01, 2024-12-01\r\n\r\n";
    const REFUSED: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\
        Content-Length: 15\r\n\r\n{\"code\":\"Oops\"}";

    #[test]
    fn an_answer_is_taken_once_whole() {
        for (answer, code) in [(ACCEPTED, 202), (REFUSED, 400)] {
            for cut in 0..answer.len() {
                assert_eq!(answer_bytes(&answer.as_bytes()[..cut]), Ok(None), "{cut}");
            }
            assert_eq!(answer_bytes(answer.as_bytes()), Ok(Some(answer.len())));
            assert_eq!(status(answer.as_bytes()), code);
        }
        assert_eq!(excerpt(REFUSED.as_bytes()), "HTTP/1.1 400 Bad Request {\"code\":\"Oops\"}");
    }

    #[test]
    fn pipelined_answers_come_apart_however_they_are_cut() {
        let stream = [ACCEPTED, REFUSED, ACCEPTED].concat().into_bytes();
        for cut in 0..=stream.len() {
            let (mut kept, mut codes) = (Vec::new(), Vec::new());
            for piece in [&stream[..cut], &stream[cut..]] {
                kept.extend_from_slice(piece);
                while let Some(count) = answer_bytes(&kept).unwrap() {
                    codes.push(status(&kept));
                    kept.drain(..count);
                }
            }
            assert_eq!((codes, kept.len()), (vec![202, 400, 202], 0), "{cut}");
        }
    }

    #[test]
    fn answers_whose_end_is_unknown_are_errors() {
        let endless = [b"HTTP/1.1 202 Accepted\r\nX: ".as_slice(), &[b'x'; 70_000]].concat();
        assert!(answer_bytes(&endless).is_err());
        for bad in [
            "HTTP/1.1 202 Accepted\r\n\r\n",
            "HTTP/1.1 202 Accepted\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "\u{1}\u{5}hello",
        ] {
            assert!(answer_bytes(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_send_is_a_whole_request_with_its_body() {
        let mut request = send_head("127.0.0.1:80", "/api/hubs/h/users/u/:send", "t.o.k", 2);
        request.extend_from_slice(b"hi");
        let mut headers = [httparse::EMPTY_HEADER; 8];
        let mut parsed = httparse::Request::new(&mut headers);
        let head = parsed.parse(&request).unwrap().unwrap();
        assert_eq!(parsed.method, Some("POST"));
        assert_eq!(parsed.path, Some("/api/hubs/h/users/u/:send?api-version=2024-12-01"));
        assert_eq!(&request[head..], b"hi");
    }
}
