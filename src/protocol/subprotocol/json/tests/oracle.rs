//! Random tests against `serde_json` and `simd-json`.
//!
//! 1. Texts are grown from the grammar, with every spelling of a value, and then half of them are
//!    damaged by replacing, inserting, removing or cutting.
//! 2. The scanner must accept exactly what `serde_json` accepts without building values, as long as
//!    the depth allows; `simd-json`, which builds values, must never accept more.
//! 3. What is decoded must be what `serde_json` reads from the same text, and what is encoded must
//!    be read back as it was meant.
//!
//! `requests` does the third for streams, invocations and group state.

mod requests;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{data_of, metadata, sent, written};
use crate::protocol::subprotocol::json::{decode, encode, is_value};
use crate::protocol::subprotocol::{AckError, ClientMessage, DataType, MessageError, Payload};

/// A string literal in some spelling, now and then with half a surrogate pair.
fn literal(lone_surrogates: bool) -> impl Strategy<Value = String> {
    let lone = if lone_surrogates { r"\\u[dD][89abcdefABCDEF][0-9a-f]{2}" } else { "" };
    let part = prop_oneof![
        4 => "[a-zA-Z0-9 {}\\[\\]:,/+=é€𝄞\u{7f}]{0,40}",
        1 => r#"\\["\\/bfnrt]"#,
        1 => r"\\u[0-9a-cA-C][0-9a-fA-F]{3}",
        1 => r"\\ud8[0-3][0-9a-f]\\u[dD][c-fC-F][0-9a-f]{2}",
        1 => lone,
    ];
    vec(part, 0..5).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn blank() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "", " ", "\n", "\t\r "])
}

/// A JSON value in some spelling.
fn json(lone_surrogates: bool) -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        literal(lone_surrogates),
        "-?(0|[1-9][0-9]{0,14})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?",
        select(vec!["true", "false", "null", "[]", "{}"]).prop_map(str::to_owned),
    ];
    scalar.prop_recursive(5, 30, 5, move |inner| {
        let item =
            (blank(), inner, blank()).prop_map(|(a, value, b)| format!("{a}{value}{b}")).boxed();
        let name = literal(lone_surrogates);
        let member = (blank(), name, blank(), item.clone())
            .prop_map(|(a, name, b, value)| format!("{a}{name}{b}:{value}"));
        prop_oneof![
            vec(item, 1..5).prop_map(|items| format!("[{}]", items.join(","))),
            vec(member, 1..5).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// A JSON value, more often than not with some damage.
fn damaged() -> impl Strategy<Value = String> {
    let bytes = select(b"{}[]:,\"\\/0123456789+-.eEtruefalsnu \n\t\0\x1f\x7fbd8".as_slice());
    let change = (any::<Index>(), 0..4, bytes);
    (json(true), vec(change, 0..3)).prop_map(|(text, changes)| {
        let mut bytes = text.into_bytes();
        for (index, kind, byte) in changes {
            let at = index.index(bytes.len() + 1);
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.truncate(at),
                _ => bytes.insert(at, byte),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Levels of a valid text.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string) = (0_usize, 0, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

fn simd_json_accepts(text: &str) -> bool {
    let mut bytes = text.as_bytes().to_vec();
    simd_json::to_borrowed_value(&mut bytes).is_ok()
}

/// Whether a JSON text has values a program can hold: no half characters, no number too large.
fn has_value(text: &str) -> bool {
    // `simd-json` refuses integers of more than 64 bits, `serde_json` rounds them.
    let is_long_number = |digits: &[u8]| digits.iter().all(u8::is_ascii_digit);
    serde_json::from_str::<Value>(text).is_ok() && !text.as_bytes().windows(19).any(is_long_number)
}

fn is_grammar_error(error: MessageError) -> bool {
    matches!(error, MessageError::NotJson | MessageError::NotAnObject | MessageError::TooDeep)
}

/// A `sendToGroup` as another parser reads it.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadMessage<'a> {
    group: String,
    #[serde(borrow)]
    data: &'a RawValue,
    data_type: Option<&'a str>,
    no_echo: bool,
    ack_id: Option<u64>,
}

fn read(write: impl FnOnce(&mut Vec<u8>)) -> Value {
    serde_json::from_str(&written(write)).unwrap()
}

/// A valid `sendToGroup` whose properties have some order and spelling.
fn message() -> impl Strategy<Value = String> {
    let group = literal(false).prop_map(|literal| format!("\"g{}", &literal[1..]));
    let data = prop_oneof![
        json(true).prop_filter("null is no data", |data| data.trim() != "null"),
        literal(false).prop_map(|literal| format!(r#"{literal},"dataType":"text""#)),
        any::<Vec<u8>>().prop_map(|bytes| {
            let mut out = Vec::new();
            Payload::binary(bytes).write_json(&mut out);
            format!(r#"{},"dataType":"binary""#, String::from_utf8_lossy(&out))
        }),
    ];
    let ack_id = any::<Option<u64>>();
    let noise = (literal(false), json(true));
    (group, data, ack_id, any::<bool>(), noise, blank(), any::<Index>()).prop_map(
        |(group, data, ack_id, no_echo, (name, value), blank, rotation)| {
            let mut members = vec![
                r#""type":"sendToGroup""#.to_owned(),
                format!(r#""group"{blank}:{group}"#),
                format!(r#""data":{blank}{data}"#),
                format!(r#""noEcho":{no_echo}"#),
                format!("{name}{blank}:{value}"),
            ];
            members.extend(ack_id.map(|id| format!(r#""ackId":{id}"#)));
            let by = rotation.index(members.len());
            members.rotate_left(by);
            format!("{blank}{{{}}}", members.join(","))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn the_scanner_accepts_what_is_json(text in damaged()) {
        let accepted = is_value(&text);
        prop_assert_eq!(accepted, is_json(&text) && depth(&text) <= 64, "{}", text);
        let message = format!(r#"{{"x":{text}}}"#);
        let is_scanned = !decode(&message).is_err_and(is_grammar_error);
        prop_assert_eq!(is_scanned, is_json(&message) && depth(&message) <= 64, "{}", message);
    }

    #[test]
    fn simd_json_accepts_no_more_and_all_that_has_a_value(text in damaged()) {
        if simd_json_accepts(&text) {
            prop_assert!(is_value(&text), "{}", text);
        } else {
            prop_assert!(!is_value(&text) || !has_value(&text), "{}", text);
        }
    }

    #[test]
    fn any_text_is_answered_without_a_panic(text: String) {
        prop_assert_eq!(is_value(&text), is_json(&text) && depth(&text) <= 64);
        prop_assert!(decode(&text).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn messages_are_decoded_as_serde_json_reads_them(text in message()) {
        let read: ReadMessage<'_> = serde_json::from_str(&text).unwrap();
        let message = sent(&text);
        prop_assert_eq!(message.group, read.group);
        prop_assert_eq!(message.ack_id, read.ack_id);
        prop_assert_eq!(message.no_echo, read.no_echo);
        let data_type = message.payload.data_type();
        prop_assert_eq!(data_type.as_str(), read.data_type.unwrap_or("json"));
        prop_assert_eq!(data_of(&text), read.data.get());
        let expected = match data_type {
            DataType::Json => read.data.get().as_bytes().to_vec(),
            DataType::Text => serde_json::from_str::<String>(read.data.get()).unwrap().into_bytes(),
            _ => STANDARD.decode(read.data.get().trim_matches('"')).unwrap(),
        };
        prop_assert_eq!(&*message.payload.bytes(), expected);
    }

    #[test]
    fn no_prefix_of_a_message_is_one(text in message()) {
        for (end, _) in text.char_indices() {
            prop_assert_eq!(decode(&text[..end]), Err(MessageError::NotJson));
        }
        prop_assert!(matches!(decode(&text), Ok(ClientMessage::SendToGroup(_))));
    }

    #[test]
    fn what_is_encoded_is_read_back(
        names: (String, Option<String>),
        text: String,
        value in json(false),
        entry in ("[a-z!#$%&'*+.^_`|~-]{1,9}", "[ -~]{0,20}"),
        id: u64,
    ) {
        let (group, user) = (names.0.as_str(), names.1.as_deref());
        let metadata = metadata(&[(&entry.0, &entry.1)]);
        let payload = Payload::text(text.as_str());
        let message = read(|out| encode::group_message(out, group, user, &payload, &metadata));
        prop_assert_eq!(&message["group"], group);
        prop_assert_eq!(message.get("fromUserId").and_then(Value::as_str), user);
        prop_assert_eq!(&message["data"], text.as_str());
        prop_assert_eq!(&message["metadata"], &serde_json::json!({ (&entry.0): entry.1 }));
        let payload = Payload::from_bytes(DataType::Json, value.as_bytes()).unwrap();
        let message = read(|out| encode::server_message(out, &payload, &metadata));
        prop_assert_eq!(&message["data"], &serde_json::from_str::<Value>(&value).unwrap());
        let message = read(|out| encode::ack_error(out, id, AckError::Duplicate, &text));
        prop_assert_eq!(message["ackId"].as_u64(), Some(id));
        prop_assert_eq!(&message["error"]["message"], text.as_str());
        let message = read(|out| encode::connected(out, user, group, Some(&text)));
        prop_assert_eq!(message["userId"].as_str(), user);
        prop_assert_eq!(&message["connectionId"], group);
        prop_assert_eq!(&message["reconnectionToken"], text.as_str());
    }
}
