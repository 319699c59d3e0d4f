//! The upgrade request and its answer (client-connect.md 1 and 3, RFC 6455 section 4).

use anyhow::{Context, Result, bail, ensure};

/// The example of RFC 6455, section 1.3. One key for all clients: the server has to hash it all
/// the same, and the generator has the answer ready.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const HEADERS_MAX: usize = 32;

/// The request of a client of `hub`. An empty query is left out.
pub(crate) fn request(
    authority: &str,
    hub: &str,
    query: &str,
    subprotocol: Option<&str>,
) -> Vec<u8> {
    let mark = if query.is_empty() { "" } else { "?" };
    let offer = subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
    format!(
        "GET /client/hubs/{hub}{mark}{query} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{}\r\n",
        offer.unwrap_or_default(),
    )
    .into_bytes()
}

/// Length of the answer at the start of `bytes`; `None` when it is not whole yet, an error when
/// it is anything but the upgrade that was asked for.
pub(crate) fn answer_bytes(bytes: &[u8], subprotocol: Option<&str>) -> Result<Option<usize>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) =
        response.parse(bytes).context("the answer to the upgrade is not HTTP")?
    else {
        return Ok(None);
    };
    let status = response.code.unwrap_or_default();
    if status != 101 {
        let body = String::from_utf8_lossy(&bytes[length..]);
        bail!("the upgrade was answered {status}: {}", body.lines().next().unwrap_or_default());
    }
    let header = |name: &str| {
        let found = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| header.value)
    };
    ensure!(
        header("Sec-WebSocket-Accept") == Some(ACCEPT.as_bytes()),
        "the upgrade carries a wrong Sec-WebSocket-Accept"
    );
    ensure!(
        header("Sec-WebSocket-Protocol") == subprotocol.map(str::as_bytes),
        "the upgrade does not select the subprotocol {subprotocol:?}"
    );
    Ok(Some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    #[test]
    fn an_upgrade_is_accepted_once_whole() {
        for cut in 0..ANSWER.len() {
            assert_eq!(answer_bytes(&ANSWER.as_bytes()[..cut], None).unwrap(), None);
        }
        let with_frame = format!("{ANSWER}\u{1}x");
        assert_eq!(answer_bytes(with_frame.as_bytes(), None).unwrap(), Some(ANSWER.len()));
    }

    #[test]
    fn refusals_and_missing_subprotocols_are_errors() {
        assert!(answer_bytes(ANSWER.as_bytes(), Some("json.webpubsub.azure.v1")).is_err());
        let refusal = b"HTTP/1.1 401 Unauthorized\r\n\r\nno token";
        let error = answer_bytes(refusal, None).unwrap_err();
        assert_eq!(error.to_string(), "the upgrade was answered 401: no token");
    }
}
