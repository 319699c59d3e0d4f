//! Reading the answer to a validation request (`events-webhook.md` section 4.2).

use std::fmt;

use hyper::header::HeaderMap;

const ALLOWED_ORIGIN: &str = "webhook-allowed-origin";
/// How much of a wrong answer the log shows.
const SHOWN_CHARS_MAX: usize = 256;

/// Why events are not welcome, as the log says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidationError {
    /// The status is not 2xx.
    Status(u16),
    /// `WebHook-Allowed-Origin` is absent or names others; what it says, cut short.
    MissingOrigin(String),
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "failed: {status}"),
            Self::MissingOrigin(values) => write!(f, "missing allowed origins: {values}"),
        }
    }
}

impl std::error::Error for ValidationError {}

/// Whether the same request has to be repeated with `GET`, whose answer counts (section 4.1.3).
pub fn is_asked_again_by_get(status: u16) -> bool {
    status == 404
}

/// Whether events from `origin` are welcome.
///
/// # Errors
/// See [`ValidationError`].
pub fn judge(status: u16, headers: &HeaderMap, origin: &str) -> Result<(), ValidationError> {
    if !(200..300).contains(&status) {
        return Err(ValidationError::Status(status));
    }
    let lines = headers.get_all(ALLOWED_ORIGIN).iter();
    let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    let mut allowed = lines.iter().flat_map(|line| line.split(',')).map(str::trim);
    if allowed.any(|allowed| names(allowed, origin)) {
        return Ok(());
    }
    Err(ValidationError::MissingOrigin(lines.join(", ").chars().take(SHOWN_CHARS_MAX).collect()))
}

/// Whether one allowed origin is ours. Libraries write theirs with the port; intermediaries may
/// join lines, hence the commas above.
fn names(allowed: &str, origin: &str) -> bool {
    let is_port = |port: &str| {
        (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
    };
    let with_port = |(host, port): (&str, &str)| is_port(port) && host.eq_ignore_ascii_case(origin);
    allowed == "*"
        || allowed.eq_ignore_ascii_case(origin)
        || allowed.rsplit_once(':').is_some_and(with_port)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn judged(status: u16, lines: &[&'static [u8]]) -> Result<(), ValidationError> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(ALLOWED_ORIGIN, HeaderValue::from_bytes(line).unwrap());
        }
        judge(status, &headers, "corecast.example.com")
    }

    // E11
    #[test]
    fn everybody_and_our_host_are_welcome_in_any_case() {
        for line in ["*", "corecast.example.com", "CoreCast.Example.COM", " * ,x", "a,*"] {
            assert_eq!(judged(200, &[line.as_bytes()]), Ok(()), "{line}");
        }
        assert_eq!(judged(204, &[b"a.example.com", b"\xff", b"corecast.example.com"]), Ok(()));
    }

    // E11: one line per endpoint with its port, perhaps joined on the way.
    #[test]
    fn our_host_may_have_a_port_and_neighbours() {
        for line in ["corecast.example.com:8080", "a.example.com:1,CORECAST.example.com:443,b"] {
            assert_eq!(judged(200, &[line.as_bytes()]), Ok(()), "{line}");
        }
        let lines: [&[u8]; 3] =
            [b"corecast.example.com:", b"corecast.example.com:x", b"corecast.example.com:123456"];
        for line in lines {
            assert!(judged(200, &[line]).is_err(), "{line:?}");
        }
    }

    #[test]
    fn an_address_in_brackets_is_a_host_like_any_other() {
        let headers = |value| {
            HeaderMap::from_iter([(
                hyper::header::HeaderName::from_static(ALLOWED_ORIGIN),
                HeaderValue::from_static(value),
            )])
        };
        assert_eq!(judge(200, &headers("[::1]:8080"), "[::1]"), Ok(()));
        assert!(judge(200, &headers("[::1]"), "[:").is_err());
    }

    // E11
    #[test]
    fn silence_other_hosts_and_other_statuses_are_refusals() {
        let missing = |values: &str| Err(ValidationError::MissingOrigin(values.to_owned()));
        assert_eq!(judged(200, &[]), missing(""));
        assert_eq!(judged(200, &[b""]), missing(""));
        assert_eq!(judged(200, &[b"example.com", b"a.b"]), missing("example.com, a.b"));
        assert_eq!(judged(200, &[b"x.corecast.example.com"]), missing("x.corecast.example.com"));
        for status in [199, 302, 405, 404, 500] {
            assert_eq!(judged(status, &[b"*"]), Err(ValidationError::Status(status)));
        }
    }

    // E12 (the pure part)
    #[test]
    fn only_an_unknown_path_is_asked_again_by_get() {
        let statuses: Vec<u16> = (100..=599).filter(|s| is_asked_again_by_get(*s)).collect();
        assert_eq!(statuses, [404]);
    }

    #[test]
    fn the_log_shows_a_wrong_answer_cut_short() {
        let Err(error) = judged(200, &[&[b'x'; 5000]]) else { panic!("a wrong answer") };
        assert_eq!(error.to_string(), format!("missing allowed origins: {}", "x".repeat(256)));
        assert_eq!(ValidationError::Status(405).to_string(), "failed: 405");
    }
}
