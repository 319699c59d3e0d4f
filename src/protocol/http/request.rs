//! One request head out of a growing buffer, with its limits.

use httparse::{EMPTY_HEADER, Header, Status};
use memchr::memmem;

/// Longest request target, in bytes (`client-connect.md` section 1.1).
pub const TARGET_BYTES_MAX: usize = 16 * 1024;
/// Largest header block, in bytes, from the end of the request line to the blank line.
pub const HEADER_BYTES_MAX: usize = 32 * 1024;
/// Most header lines in one request.
pub const HEADER_COUNT_MAX: usize = 128;
/// No head that is within its limits is longer than this.
pub const HEAD_BYTES_MAX: usize = TARGET_BYTES_MAX + HEADER_BYTES_MAX + 64;

/// Why a request head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// Not HTTP/1.x.
    Malformed,
    /// The target is over [`TARGET_BYTES_MAX`].
    TargetTooLong,
    /// The header block is over [`HEADER_BYTES_MAX`] or has too many lines.
    HeadersTooLarge,
}

impl HeadError {
    /// Status and text of the answer.
    pub fn answer(self) -> (u16, &'static str) {
        match self {
            Self::Malformed => (400, "The request is not valid HTTP/1.1."),
            Self::TargetTooLong => (414, "The request target is longer than 16 KiB."),
            Self::HeadersTooLarge => (431, "The request headers are larger than 32 KiB."),
        }
    }
}

/// A whole request head, borrowing the bytes it was read from.
#[derive(Debug)]
pub struct RequestHead<'a> {
    pub method: &'a str,
    pub target: &'a str,
    /// HTTP/1.1 or later; an HTTP/1.0 peer gets its connection closed after the answer.
    pub is_http_11: bool,
    headers: &'a [Header<'a>],
    /// Length of the head; what follows belongs to the body or the next protocol.
    pub head_bytes: usize,
}

impl<'a> RequestHead<'a> {
    /// The values of a header, in the order of its lines; names compare without case.
    pub fn values(&self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    }

    /// The first value of a header, if it is text.
    pub fn value(&self, name: &'a str) -> Option<&'a str> {
        self.values(name).next().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Names and values of all headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        self.headers.iter().map(|header| (header.name, header.value))
    }

    /// The headers whose names begin with `prefix`, in any case: the rest of the name and the value.
    pub fn with_prefix(&self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        self.headers.iter().filter_map(move |header| {
            let (start, rest) = header.name.split_at_checked(prefix.len())?;
            start.eq_ignore_ascii_case(prefix).then_some((rest, header.value))
        })
    }

    /// The comma-separated elements of a header over all of its lines, trimmed, none empty.
    pub fn list(&self, name: &'a str) -> impl Iterator<Item = &'a str> + '_ {
        self.values(name)
            .filter_map(|value| std::str::from_utf8(value).ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .filter(|element| !element.is_empty())
    }

    /// Whether a request body follows the head.
    pub fn has_body(&self) -> bool {
        self.values("transfer-encoding").next().is_some()
            || self.values("content-length").any(|length| length.trim_ascii() != b"0")
    }

    /// Whether the peer wants the connection to stay open after the answer.
    pub fn is_keep_alive(&self) -> bool {
        self.is_http_11 && !self.list("connection").any(|word| word.eq_ignore_ascii_case("close"))
    }

    /// The target up to its query.
    pub fn path(&self) -> &'a str {
        self.target.split_once('?').map_or(self.target, |(path, _)| path)
    }

    /// The query, without its question mark; empty if there is none.
    pub fn query(&self) -> &'a str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

/// Looks for a whole head in `buffer` and hands it to `with`; `None` while more bytes are needed.
///
/// `seen_bytes` is how much of the buffer an earlier call has looked at: the head is parsed once,
/// when its end has arrived, however small the pieces it comes in.
///
/// # Errors
/// See [`HeadError`]; limits are enforced on incomplete heads too.
pub fn parse<R>(
    buffer: &[u8],
    seen_bytes: usize,
    with: impl FnOnce(RequestHead<'_>) -> R,
) -> Result<Option<R>, HeadError> {
    //= RFC 9112, section 2.2: a server should ignore empty lines before the request line.
    let blank = buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    match buffer.get(blank) {
        None => return Ok(None),
        // Another protocol on our port (TLS, say) never sends a blank line to wait for.
        Some(first) if !first.is_ascii_uppercase() => return Err(HeadError::Malformed),
        Some(_) => {}
    }
    if !has_end(buffer, seen_bytes.max(blank)) {
        return within_limits(&buffer[blank..]).map(|()| None);
    }
    let mut headers = [EMPTY_HEADER; HEADER_COUNT_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let head_bytes = match request.parse(buffer) {
        Ok(Status::Complete(bytes)) => bytes,
        Ok(Status::Partial) => return within_limits(&buffer[blank..]).map(|()| None),
        Err(httparse::Error::TooManyHeaders) => return Err(HeadError::HeadersTooLarge),
        Err(_) => return Err(HeadError::Malformed),
    };
    let (Some(method), Some(target), Some(version)) =
        (request.method, request.path, request.version)
    else {
        return Err(HeadError::Malformed);
    };
    within_limits(&buffer[blank..head_bytes])?;
    Ok(Some(with(RequestHead {
        method,
        target,
        is_http_11: version >= 1,
        headers: request.headers,
        head_bytes,
    })))
}

/// Whether a blank line ends after `seen_bytes`.
fn has_end(buffer: &[u8], seen_bytes: usize) -> bool {
    let fresh = &buffer[seen_bytes.saturating_sub(3).min(buffer.len())..];
    memmem::find(fresh, b"\n\r\n").is_some() || memmem::find(fresh, b"\n\n").is_some()
}

fn within_limits(head: &[u8]) -> Result<(), HeadError> {
    let line_end = memchr::memchr(b'\n', head);
    let line = &head[..line_end.unwrap_or(head.len())];
    let target = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    if target.len() > TARGET_BYTES_MAX {
        return Err(HeadError::TargetTooLong);
    }
    match line_end {
        Some(end) if head.len() - end > HEADER_BYTES_MAX + 4 => Err(HeadError::HeadersTooLarge),
        None if head.len() > TARGET_BYTES_MAX + 64 => Err(HeadError::Malformed),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn target_of(buffer: &[u8]) -> Result<Option<String>, HeadError> {
        parse(buffer, 0, |head| head.target.to_owned())
    }

    #[test]
    fn a_head_is_complete_at_its_blank_line_and_at_no_earlier_cut() {
        let whole = b"GET /client/hubs/chat?x=1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
        for cut in 0..whole.len() {
            assert_eq!(target_of(&whole[..cut]), Ok(None), "cut at {cut}");
        }
        assert_eq!(target_of(whole), Ok(Some("/client/hubs/chat?x=1".to_owned())));
        let mut piped = whole.to_vec();
        piped.extend_from_slice(b"next");
        assert_eq!(parse(&piped, 0, |head| head.head_bytes), Ok(Some(whole.len())));
        assert_eq!(parse(&piped, whole.len() - 1, |head| head.head_bytes), Ok(Some(whole.len())));
    }

    #[test]
    fn limits_hold_for_whole_and_for_incomplete_heads() {
        let line = |length| format!("GET /{} HTTP/1.1\r\n", "a".repeat(length - 1));
        let accepted = format!("{}\r\n", line(TARGET_BYTES_MAX));
        assert!(matches!(target_of(accepted.as_bytes()), Ok(Some(_))));
        let long = line(TARGET_BYTES_MAX + 1);
        assert_eq!(target_of(long.as_bytes()), Err(HeadError::TargetTooLong));
        let endless = format!("GET /{}", "a".repeat(TARGET_BYTES_MAX + 1));
        assert_eq!(target_of(endless.as_bytes()), Err(HeadError::TargetTooLong));

        let block = |length: usize| format!("X: {}\r\n", "b".repeat(length - 5));
        let accepted = format!("{}{}\r\n", line(2), block(HEADER_BYTES_MAX));
        assert!(matches!(target_of(accepted.as_bytes()), Ok(Some(_))));
        let large = format!("{}{}", line(2), block(HEADER_BYTES_MAX + 8));
        assert_eq!(target_of(large.as_bytes()), Err(HeadError::HeadersTooLarge));
        let many = format!("{}{}\r\n", line(2), "A: b\r\n".repeat(HEADER_COUNT_MAX + 1));
        assert_eq!(target_of(many.as_bytes()), Err(HeadError::HeadersTooLarge));
    }

    #[test]
    fn another_protocol_is_refused_at_its_first_byte() {
        assert_eq!(target_of(&[0x16, 3, 1]), Err(HeadError::Malformed));
        assert_eq!(target_of(b"HELO there\r\n\r\n"), Err(HeadError::Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = target_of(&bytes);
            let mut prefixed = b"GET / HTTP/1.1\r\n".to_vec();
            prefixed.extend(bytes);
            let _ = target_of(&prefixed);
        }
    }
}
