//! Requests to an event handler (events-webhook.md 4 and 5), and the answers that send them back.
//!
//! A request is taken off the stream whole, by its `Content-Length`, which an event always has
//! (5.2.2). Signature and attributes are not looked at: a handler as cheap as can be is what
//! makes the server's share of an event visible.

const HEADERS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 64 << 10;
const BODY_BYTES_MAX: usize = 1 << 20;
/// No request is longer: what it is read into has to hold it.
pub(crate) const REQUEST_BYTES_MAX: usize = HEAD_BYTES_MAX + BODY_BYTES_MAX;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    /// `OPTIONS`: may events be posted?
    Validation,
    /// `POST`: what happened.
    Event { content_type: &'a [u8], body: &'a [u8] },
    /// A method that no handler is asked with.
    Other,
}

/// The request at the start of `bytes` and its length; `None` when it is not whole yet.
#[inline]
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Request<'_>, usize)>, &'static str> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let head_bytes = match head.parse(bytes) {
        Ok(httparse::Status::Complete(count)) => count,
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) => return Err("the head of a request does not end"),
        Err(_) => return Err("a request is not HTTP"),
    };
    let (mut length, mut content_type) = (None, None);
    for header in head.headers.iter() {
        if header.name.eq_ignore_ascii_case("Content-Length") {
            length = std::str::from_utf8(header.value).ok().and_then(|text| text.parse().ok());
        } else if header.name.eq_ignore_ascii_case("Content-Type") {
            content_type = Some(header.value);
        } else if header.name.eq_ignore_ascii_case("Transfer-Encoding") {
            return Err("a request is chunked");
        }
    }
    let is_event = head.method == Some("POST");
    if is_event && length.is_none() {
        return Err("an event has no Content-Length");
    }
    let body_bytes: usize = length.unwrap_or(0);
    if body_bytes > BODY_BYTES_MAX {
        return Err("an event is larger than any that was sent");
    }
    let count = head_bytes + body_bytes;
    let Some(body) = bytes.get(head_bytes..count) else { return Ok(None) };
    let request = match head.method {
        Some("POST") => {
            let content_type = content_type.ok_or("an event has no Content-Type")?;
            Request::Event { content_type, body }
        }
        Some("OPTIONS") => Request::Validation,
        _ => Request::Other,
    };
    Ok(Some((request, count)))
}

/// Appends the answer to `request`: every origin may post, and an event is its own answer.
#[inline]
pub(crate) fn put_answer(out: &mut Vec<u8>, request: &Request<'_>) {
    match *request {
        Request::Validation => out.extend_from_slice(
            b"HTTP/1.1 200 OK\r\nWebHook-Allowed-Origin: *\r\nContent-Length: 0\r\n\r\n",
        ),
        Request::Event { content_type, body } => {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: ");
            out.extend_from_slice(content_type);
            out.extend_from_slice(b"\r\nContent-Length: ");
            out.extend_from_slice(body.len().to_string().as_bytes());
            out.extend_from_slice(b"\r\n\r\n");
            out.extend_from_slice(body);
        }
        Request::Other => out.extend_from_slice(
            b"HTTP/1.1 405 Method Not Allowed\r\nAllow: OPTIONS, POST\r\n\
              Content-Length: 0\r\n\r\n",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &[u8] =
        b"POST /message HTTP/1.1\r\nhost: 127.0.0.1:9080\r\nce-eventName: message\r\n\
        content-type: text/plain; charset=utf-8\r\ncontent-length: 3\r\n\r\na\xF0b";
    const VALIDATION: &[u8] = b"OPTIONS /validate HTTP/1.1\r\nHost: 127.0.0.1:9080\r\n\
        WebHook-Request-Origin: 127.0.0.1\r\nce-awpsversion: 1.0\r\n\r\n";

    #[test]
    fn a_request_is_taken_once_whole_and_leaves_the_next_one() {
        let stream = [EVENT, VALIDATION].concat();
        for cut in 0..EVENT.len() {
            assert_eq!(parse(&stream[..cut]), Ok(None), "{cut}");
        }
        let event = Request::Event { content_type: b"text/plain; charset=utf-8", body: b"a\xF0b" };
        assert_eq!(parse(&stream), Ok(Some((event, EVENT.len()))));
        let rest = &stream[EVENT.len()..];
        assert_eq!(parse(rest), Ok(Some((Request::Validation, VALIDATION.len()))));
    }

    #[test]
    fn an_event_is_answered_by_its_own_body_and_type() {
        let mut answer = Vec::new();
        put_answer(&mut answer, &parse(EVENT).unwrap().unwrap().0);
        assert_eq!(
            answer,
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\
              Content-Length: 3\r\n\r\na\xF0b"
        );
    }

    #[test]
    fn a_validation_allows_every_origin_and_other_methods_are_refused() {
        let answer = |bytes: &[u8]| {
            let mut answer = Vec::new();
            put_answer(&mut answer, &parse(bytes).unwrap().unwrap().0);
            String::from_utf8(answer).unwrap()
        };
        assert!(answer(VALIDATION).contains("\r\nWebHook-Allowed-Origin: *\r\n"));
        assert!(answer(b"GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    }

    #[test]
    fn requests_that_cannot_be_echoed_are_errors() {
        let endless = [b"POST / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 70_000]].concat();
        assert!(parse(&endless).is_err());
        for bad in [
            "POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: x\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "\u{1}\u{5}hello",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
