//! Bodies of events and their media types (`events-webhook.md` section 6).
//!
//! Application servers accept three media types for user events, with or without parameters; a
//! payload's data type says which. System and presence events are small JSON objects.

use crate::protocol::subprotocol::DataType;
use crate::protocol::subprotocol::json::write_literal;

/// The media type of system and presence events.
pub const SYSTEM_CONTENT_TYPE: &str = "application/json; charset=utf-8";

/// The body of `connected`: libraries parse it, so it is an object, and an empty one.
pub const CONNECTED: &[u8] = b"{}";

/// The media type of a client's payload.
pub fn content_type(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Text => "text/plain; charset=utf-8",
        DataType::Json => "application/json",
        DataType::Binary => "application/octet-stream",
        DataType::Protobuf => "application/x-protobuf",
    }
}

/// The body of `disconnected` (section 8.3.3).
pub fn disconnected(reason: &str) -> Vec<u8> {
    object("reason", reason)
}

/// The body of `joined` and `left` (section 10.1).
pub fn presence(group: &str) -> Vec<u8> {
    object("group", group)
}

fn object(name: &str, value: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(name.len() + value.len() + 8);
    body.push(b'{');
    write_literal(&mut body, name.as_bytes());
    body.push(b':');
    write_literal(&mut body, value.as_bytes());
    body.push(b'}');
    body
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    // E35, E58 (the bodies)
    #[test]
    fn reasons_and_groups_are_json_whatever_is_in_them() {
        for text in ["", "room", "a\"b\\c\n\u{1}\u{7f}é😀"] {
            let read = |body: Vec<u8>| serde_json::from_slice::<Value>(&body).unwrap();
            assert_eq!(read(disconnected(text)), json!({ "reason": text }));
            assert_eq!(read(presence(text)), json!({ "group": text }));
        }
        assert_eq!(disconnected(""), br#"{"reason":""}"#);
    }

    // E39, E40 (the types)
    #[test]
    fn a_payloads_type_is_that_of_its_data() {
        let types = DataType::ALL.map(content_type);
        let expected = [
            "application/json",
            "text/plain; charset=utf-8",
            "application/octet-stream",
            "application/x-protobuf",
        ];
        assert_eq!(types, expected);
    }
}
