//! The WebSocket upgrade itself (RFC 6455, section 4.2), without any of its meaning.

use tungstenite::handshake::derive_accept_key;

use crate::protocol::http::request::RequestHead;

/// Why a request is no acceptable upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeError {
    /// Not a WebSocket upgrade at all.
    NotAnUpgrade,
    /// An upgrade to a version other than 13.
    WrongVersion,
}

/// Checks the upgrade headers and returns the client's key.
///
/// # Errors
/// See [`UpgradeError`]; the answers are 400 and 426 (`client-connect.md` section 1.1).
pub fn check<'a>(head: &RequestHead<'a>) -> Result<&'a str, UpgradeError> {
    let has = |name, word: &str| head.list(name).any(|element| element.eq_ignore_ascii_case(word));
    if head.method != "GET"
        || !head.is_http_11
        || !has("connection", "upgrade")
        || !has("upgrade", "websocket")
    {
        return Err(UpgradeError::NotAnUpgrade);
    }
    if head.value("sec-websocket-version").map(str::trim) != Some("13") {
        return Err(UpgradeError::WrongVersion);
    }
    let key = head.value("sec-websocket-key").map(str::trim).unwrap_or_default();
    //= RFC 6455, section 4.1: the key is 16 bytes in Base64, so always 24 characters.
    if key.len() == 24 && key.ends_with("==") { Ok(key) } else { Err(UpgradeError::NotAnUpgrade) }
}

/// Appends the `101` answer.
pub fn write_accept(out: &mut Vec<u8>, key: &str, subprotocol: Option<&str>) {
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: ",
    );
    out.extend_from_slice(derive_accept_key(key.as_bytes()).as_bytes());
    if let Some(name) = subprotocol {
        out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(b"\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http::request::parse;

    fn checked(headers: &str) -> Result<String, UpgradeError> {
        let text = format!("GET / HTTP/1.1\r\n{headers}\r\n");
        parse(text.as_bytes(), 0, |head| check(&head).map(str::to_owned))
            .expect("valid head")
            .expect("whole head")
    }

    #[test]
    fn an_upgrade_needs_all_of_its_headers() {
        let all = [
            "Connection: keep-alive, Upgrade\r\n",
            "Upgrade: WebSocket\r\n",
            "Sec-WebSocket-Version: 13\r\n",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        ];
        assert_eq!(checked(&all.concat()).as_deref(), Ok("dGhlIHNhbXBsZSBub25jZQ=="));
        for missing in [0, 1, 3] {
            let mut some = all.to_vec();
            some.remove(missing);
            assert_eq!(checked(&some.concat()), Err(UpgradeError::NotAnUpgrade));
        }
        let old = all.concat().replace("13", "8");
        assert_eq!(checked(&old), Err(UpgradeError::WrongVersion));
    }
}
