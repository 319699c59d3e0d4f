//! What a reliable client needs to take up its connection again (client-connect.md 11): read from
//! its `connected` message, and asked for in the query of another upgrade.

use serde::Deserialize;

use crate::wire::protobuf;
use crate::wire::subprotocol::{Encoding, Subprotocol};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) connection_id: String,
    token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Connected {
    connection_id: String,
    reconnection_token: String,
}

impl Pass {
    /// From a `connected` message; `None` where it has none.
    pub(crate) fn read(subprotocol: Subprotocol, greeting: &[u8]) -> Option<Self> {
        match subprotocol.encoding()? {
            Encoding::Json => {
                let Connected { connection_id, reconnection_token } =
                    serde_json::from_slice(greeting).ok()?;
                Some(Self { connection_id, token: reconnection_token })
            }
            Encoding::Protobuf => {
                let (connection_id, token) = protobuf::connected(greeting)?;
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
                Some(Self { connection_id: text(connection_id)?, token: text(token)? })
            }
        }
    }

    /// The query of the upgrade.
    pub(crate) fn query(&self) -> String {
        let (id, token) = (escaped(&self.connection_id), escaped(&self.token));
        format!("awps_connection_id={id}&awps_reconnection_token={token}")
    }
}

/// As `encodeURIComponent` of the published libraries.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_is_read_in_either_encoding() {
        let pass = Pass { connection_id: "c-1".into(), token: "t+/=".into() };
        let json = br#"{"type":"system","event":"connected","userId":null,"connectionId":"c-1","reconnectionToken":"t+/="}"#;
        assert_eq!(Pass::read(Subprotocol::JsonReliable, json), Some(pass.clone()));
        let connected = b"\x0a\x03c-1\x1a\x04t+/=";
        let protobuf = [&[0x1a, 13, 0x0a, 11][..], connected].concat();
        assert_eq!(Pass::read(Subprotocol::ProtobufReliable, &protobuf), Some(pass.clone()));
        let query = "awps_connection_id=c-1&awps_reconnection_token=t%2B%2F%3D";
        assert_eq!(pass.query(), query);
    }

    #[test]
    fn a_plain_greeting_has_no_pass() {
        let json = br#"{"type":"system","event":"connected","connectionId":"c-1"}"#;
        assert_eq!(Pass::read(Subprotocol::Json, json), None);
        let protobuf = [0x1a, 0x06, 0x0a, 0x04, 0x0a, 0x02, b'c', b'1'];
        assert_eq!(Pass::read(Subprotocol::Protobuf, &protobuf), None);
        assert_eq!(Pass::read(Subprotocol::Simple, b""), None);
    }
}
