//! The conformance points of `client-json.md` that the encoding alone decides, as tables.
//!
//! Streams, invocations and group state have files of their own. `oracle` holds the random tests
//! against two independent parsers.

mod group_state;
mod invocation;
mod oracle;
mod stream;

use std::borrow::Cow;

use super::decode;
use crate::protocol::subprotocol::{
    AckError, ClientMessage, DataType, Event, MessageError, Metadata, MetadataBuilder,
    MetadataError, Payload, Property, RepeatedKey, SendToGroup,
};

/// A `sendToGroup` with these further properties.
fn send(properties: &str) -> String {
    format!(r#"{{"type":"sendToGroup","group":"g"{properties}}}"#)
}

/// The decoded message of a text that must be a `sendToGroup`.
fn sent(text: &str) -> SendToGroup<'_> {
    match decode(text) {
        Ok(ClientMessage::SendToGroup(send)) => send,
        other => panic!("{text}: {other:?}"),
    }
}

fn data_of(text: &str) -> String {
    let mut out = Vec::new();
    sent(text).payload.write_json(&mut out);
    String::from_utf8(out).unwrap()
}

fn bytes_of(text: &str) -> Vec<u8> {
    sent(text).payload.bytes().into_owned()
}

fn assert_refused(text: &str, error: MessageError) {
    assert_eq!(decode(text), Err(error), "{text}");
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

/// The message of a text that must be one.
fn decoded(text: &str) -> ClientMessage<'_> {
    decode(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn metadata<'a>(entries: &[(&'a str, &'a str)]) -> Metadata<'a> {
    let mut builder = MetadataBuilder::default();
    for &(key, value) in entries {
        builder.push(key, value).unwrap();
    }
    builder.finish(RepeatedKey::Refused).unwrap()
}

#[test]
fn every_request_is_decoded() {
    let group = Cow::Borrowed("floor-3");
    let cases = [
        (
            r#"{"type":"joinGroup","group":"floor-3","ackId":11}"#,
            ClientMessage::JoinGroup { group: group.clone(), ack_id: Some(11) },
        ),
        (
            r#"{"type":"leaveGroup","group":"floor-3"}"#,
            ClientMessage::LeaveGroup { group: group.clone(), ack_id: None },
        ),
        (r#"{"type":"sequenceAck","sequenceId":7}"#, ClientMessage::SequenceAck { sequence_id: 7 }),
        (r#"{"type":"ping"}"#, ClientMessage::Ping),
        (
            r#"{"type":"event","event":"Order.Created-2_x","data":[1],"ackId":0}"#,
            ClientMessage::Event(Event {
                event: "Order.Created-2_x".into(),
                payload: Payload::from_json_value("[1]"),
                ack_id: Some(0),
                metadata: Metadata::default(),
            }),
        ),
    ];
    for (text, message) in cases {
        assert_eq!(decode(text), Ok(message), "{text}");
    }
    let text = r#"{"type":"sendToGroup","group":"floor-3","dataType":"text","data":"lights off","noEcho":true,"ackId":12,"ttlSeconds":9}"#;
    let message = sent(text);
    assert_eq!(message.group, group);
    assert_eq!(message.payload.data_type(), DataType::Text);
    assert_eq!(&*message.payload.bytes(), b"lights off");
    assert!(message.no_echo && message.metadata.is_empty());
    assert_eq!((message.ack_id, message.ttl_seconds), (Some(12), 9));
}

#[test]
fn a_plain_message_is_borrowed() {
    let text = send(r#","dataType":"text","data":"lights off""#);
    let message = sent(&text);
    assert!(matches!(message.group, Cow::Borrowed(_)));
    assert!(matches!(message.payload.bytes(), Cow::Borrowed(_)));
}

#[test]
fn an_ack_id_is_an_integer_of_64_bits() {
    // J8
    for id in [0, 1, 1 << 53, u64::MAX] {
        let text = format!(r#"{{"type":"joinGroup","group":"g","ackId":{id}}}"#);
        assert_eq!(
            decode(&text),
            Ok(ClientMessage::JoinGroup { group: "g".into(), ack_id: Some(id) })
        );
        let ack = written(|out| super::encode::ack_success(out, id));
        assert_eq!(ack, format!(r#"{{"type":"ack","ackId":{id},"success":true}}"#));
    }
    // J9, and the other spellings of section 2.1.
    for id in
        [r#""1""#, "true", "-1", "1.5", "{}", "[]", "-0", "1.0", "1e0", "18446744073709551616"]
    {
        for kind in ["joinGroup", "leaveGroup", "sendToGroup", "event"] {
            let text =
                format!(r#"{{"type":"{kind}","group":"g","event":"e","data":1,"ackId":{id}}}"#);
            assert_refused(&text, MessageError::Invalid(Property::AckId));
        }
        // Where there is no ack the property is not looked at.
        let text = format!(r#"{{"type":"ping","ackId":{id}}}"#);
        assert_eq!(decode(&text), Ok(ClientMessage::Ping));
    }
    assert_eq!(sent(&send(r#","data":1,"ackId":null"#)).ack_id, None);
}

#[test]
fn without_a_data_type_data_is_json_in_its_source_text() {
    // J16, J17
    for data in [
        r#"{"a": 1.0,"b":1e3}"#,
        "[ 1 , 2 ]",
        r#""hi""#,
        r#""\ud800 is no text, yet JSON""#,
        "21.50",
        "-0.0E+00",
        "true",
        "false",
        r#"{"a":null,"a":[null]}"#,
    ] {
        for data_type in ["", r#","dataType":"json""#, r#","dataType":null"#] {
            let text = send(&format!(r#"{data_type},"data": {data} "#));
            assert_eq!(sent(&text).payload.data_type(), DataType::Json);
            assert_eq!(data_of(&text), data);
            assert_eq!(bytes_of(&text), data.as_bytes());
        }
    }
}

#[test]
fn data_is_required_and_never_null() {
    // J18
    for data_type in ["", r#","dataType":"json""#] {
        let text = send(&format!(r#","data":null{data_type}"#));
        assert_refused(&text, MessageError::Invalid(Property::Data));
    }
    let missing = MessageError::Missing(Property::Data);
    assert_refused(&send(""), missing);
    assert_refused(&send(r#","metadata":{}"#), missing);
    assert_refused(&send(r#","metadata":null"#), missing);
    assert_refused(r#"{"type":"event","event":"e"}"#, missing);
    let text = send(r#","data":null,"metadata":{"k":"v"}"#);
    assert_refused(&text, MessageError::Invalid(Property::Data));
}

#[test]
fn data_fits_its_data_type() {
    // J19
    let cases = [
        ("text", "1"),
        ("text", "null"),
        ("text", r#"{"a":1}"#),
        ("text", r#""\ud800""#),
        ("text", r#""\ud800\u0041""#),
        ("text", r#""\udc00\ud800""#),
        ("binary", "1"),
        ("binary", r#""AQI""#),
        ("binary", r#""AQ=""#),
        ("binary", r#""AR==""#),
        ("binary", r#""AQ==AQ==""#),
        ("binary", r#""AQ-_""#),
        ("binary", r#""AQID\n""#),
        ("binary", r#""\ud800""#),
        ("protobuf", "[]"),
        ("protobuf", r#""AQI""#),
        ("protobuf", r#""/w==""#),
    ];
    for (data_type, data) in cases {
        let text = send(&format!(r#","dataType":"{data_type}","data":{data}"#));
        assert_refused(&text, MessageError::Invalid(Property::Data));
    }
    for data_type in [r#""xml""#, r#""""#, "1", "{}", r#""\ud800""#] {
        let text = send(&format!(r#","dataType":{data_type},"data":"""#));
        assert_refused(&text, MessageError::Invalid(Property::DataType));
    }
}

#[test]
fn type_and_data_type_ignore_case_and_nothing_else_does() {
    // J20
    let text = r#"{"type":"SENDTOGROUP","group":"G","dataType":"TEXT","data":"X"}"#;
    let message = sent(text);
    assert_eq!(message.payload.data_type(), DataType::Text);
    assert_eq!(message.group, "G");
    for kind in [
        "PING",
        "STREAMDATA",
        "STREAMEND",
        "INVOKE",
        "CANCELINVOCATION",
        "INVOKERESPONSE",
        "SETGROUPSTATE",
        "SUBSCRIBEGROUPSTATE",
        "UNSUBSCRIBEGROUPSTATE",
    ] {
        let text = format!(
            r#"{{"type":"{kind}","group":"g","streamId":"s","invocationId":"i","event":"e"}}"#
        );
        assert!(decode(&text).is_ok(), "{text}");
    }
    // J28: names are case-sensitive, those of properties as well.
    assert_refused(r#"{"type":"joinGroup","Group":"g"}"#, MessageError::Missing(Property::Group));
}

#[test]
fn base64_arrives_as_bytes_and_leaves_as_base64() {
    // J21
    let text = send(r#","dataType":"protobuf","data":"CgNhL2ISAggB""#);
    assert_eq!(sent(&text).payload.data_type(), DataType::Protobuf);
    assert_eq!(data_of(&text), r#""CgNhL2ISAggB""#);
    assert_eq!(bytes_of(&text), b"\x0a\x03a/b\x12\x02\x08\x01");
    let text = send(r#","dataType":"binary","data":"AQID""#);
    assert_eq!(data_of(&text), r#""AQID""#);
    assert_eq!(bytes_of(&text), [1, 2, 3]);
    // Some encoders escape the slash.
    let text = send(r#","dataType":"binary","data":"\/\u002b8=""#);
    assert_eq!(data_of(&text), r#""/+8=""#);
    assert_eq!(bytes_of(&text), [0xff, 0xef]);
}

#[test]
fn empty_payloads_are_payloads() {
    // J22
    for data_type in ["text", "binary", "protobuf"] {
        let text = send(&format!(r#","dataType":"{data_type}","data":"""#));
        assert_eq!(data_of(&text), r#""""#);
        assert!(bytes_of(&text).is_empty());
    }
}

#[test]
fn text_is_decoded_for_some_and_forwarded_for_others() {
    let data = r#""a\"b\\\u00e9\ud834\udd1e\n""#;
    let text = send(&format!(r#","dataType":"text","data":{data}"#));
    assert_eq!(data_of(&text), data);
    assert_eq!(bytes_of(&text), "a\"b\\é𝄞\n".as_bytes());
}

#[test]
fn no_echo_is_a_boolean() {
    // J25
    for value in [r#""true""#, "1", "0", "{}"] {
        let text = send(&format!(r#","data":1,"noEcho":{value}"#));
        assert_refused(&text, MessageError::Invalid(Property::NoEcho));
    }
    for (value, expected) in [("true", true), ("false", false), ("null", false)] {
        assert_eq!(sent(&send(&format!(r#","data":1,"noEcho":{value}"#))).no_echo, expected);
    }
}

#[test]
fn group_names_are_checked_as_decoded() {
    // J28
    let join = |group: &str| format!(r#"{{"type":"joinGroup","group":{group}}}"#);
    for accepted in ["a".repeat(1024), r"\u00e9".repeat(1024), r"\ud834\udd1e".repeat(1024)] {
        assert!(decode(&join(&format!(r#""{accepted}""#))).is_ok());
        let too_long = join(&format!(r#""{accepted}b""#));
        assert_refused(&too_long, MessageError::Invalid(Property::Group));
    }
    for group in [r#""   ""#, r#""""#, r#""\t\u0020""#, r#""\ud800""#, "1", "[]", "true"] {
        assert_refused(&join(group), MessageError::Invalid(Property::Group));
    }
    assert_refused(&join("null"), MessageError::Missing(Property::Group));
    let text = join(r#""\u0067\n""#);
    assert_eq!(decode(&text), Ok(ClientMessage::JoinGroup { group: "g\n".into(), ack_id: None }));
}

#[test]
fn event_names_are_checked() {
    // J29
    for event in ["1x", "", &"e".repeat(129)] {
        let text = format!(r#"{{"type":"event","event":"{event}","data":1}}"#);
        assert_refused(&text, MessageError::Invalid(Property::Event));
    }
    assert_refused(r#"{"type":"event","data":1}"#, MessageError::Missing(Property::Event));
}

#[test]
fn what_is_no_known_message_is_refused() {
    // J30
    let cases = [
        (r#"{"type":"sendToNobody"}"#, MessageError::UnknownType),
        (r#"{"type":""}"#, MessageError::UnknownType),
        (r#"{"type":42}"#, MessageError::Invalid(Property::Type)),
        (r#"{"type":null}"#, MessageError::Missing(Property::Type)),
        (r#"{"type":["ping"]}"#, MessageError::Invalid(Property::Type)),
        (r#"{"Type":"ping"}"#, MessageError::Missing(Property::Type)),
        ("{}", MessageError::Missing(Property::Type)),
        ("[]", MessageError::NotAnObject),
        (r#""x""#, MessageError::NotAnObject),
        ("null", MessageError::NotAnObject),
        ("1", MessageError::NotAnObject),
        ("", MessageError::NotJson),
        (" \r\n\t", MessageError::NotJson),
        (r#"{"type":"ping""#, MessageError::NotJson),
        (r#"{"type":"ping"}{"type":"ping"}"#, MessageError::NotJson),
        (r#"{"type":"ping"},"#, MessageError::NotJson),
        ("\u{feff}{\"type\":\"ping\"}", MessageError::NotJson),
    ];
    for (text, error) in cases {
        assert_refused(text, error);
    }
    for kind in ["pong", "ack", "streamAck", "sendToGroup2", "sendToGrouq", "invok"] {
        assert_refused(&format!(r#"{{"type":"{kind}"}}"#), MessageError::UnknownType);
    }
}

#[test]
fn the_grammar_is_strict() {
    // Section 1: strict JSON. Each of these stands where a property's value would.
    let refused = [
        "",
        ",",
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "-",
        "--1",
        "0x1",
        "1_0",
        "NaN",
        "Infinity",
        "tru",
        "True",
        "nul",
        "nulll",
        "undefined",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u+123\"",
        "\"\\u12\"",
        "\"\t\"",
        "\"\u{0}\"",
        "\"\n\"",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "]",
        "[1}",
        "{]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{1:2}",
        "{a:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "// c\n1",
        "/* c */1",
        "1 /* c */",
        "\u{a0}1",
        "1\u{b}",
        "1,",
        "[[]",
    ];
    for value in refused {
        assert_refused(&format!(r#"{{"type":"ping","x":{value}}}"#), MessageError::NotJson);
    }
    let accepted = [
        "0",
        "-0",
        "1.5e-07",
        "1E400",
        "123456789012345678901234567890",
        "[]",
        "{}",
        "[[],{}]",
        " [ 1 , { \"a\" : \"\\ud800\" } ] ",
        "\"\u{7f}\u{2028}é𝄞\"",
        "\"\\u0000\\/\"",
    ];
    for value in accepted {
        let text = format!("\r\n\t {{ \"type\"\n:\t\"ping\" , \"x\" :{value}}} \n");
        assert_eq!(decode(&text), Ok(ClientMessage::Ping), "{text}");
    }
}

#[test]
fn unknown_properties_are_ignored_and_the_last_of_a_repeated_one_wins() {
    // J31
    let text = send(r#","data":1,"extra":{"type":"ping"},"\ud800":1,"":2"#);
    assert_eq!(data_of(&text), "1");
    // Section 1. The first one's type does not matter.
    let text = send(r#","data":null,"data":2,"ackId":"x","ackId":3,"group":1,"\u0067roup":"h""#);
    let message = sent(&text);
    assert_eq!((message.ack_id, &*message.group), (Some(3), "h"));
    assert_eq!(data_of(&text), "2");
    assert_refused(&send(r#","data":2,"data":null"#), MessageError::Invalid(Property::Data));
    assert_eq!(sent(&send(r#","data":1,"ackId":3,"ackId":null"#)).ack_id, None);
}

#[test]
fn nesting_is_limited_to_64_levels() {
    // J32: the message itself is the first level.
    let nested = |open: &str, inner: &str, close: &str, levels: usize| {
        send(&format!(r#","data":{}{inner}{}"#, open.repeat(levels - 1), close.repeat(levels - 1)))
    };
    for (open, inner, close) in [("[", "", "]"), (r#"{"a":"#, "1", "}"), (r#"[{"a":"#, "1", "}]")] {
        let levels = open.matches(['[', '{']).count();
        assert!(decode(&nested(open, inner, close, 63 / levels + 1)).is_ok());
        let too_deep = nested(open, inner, close, 64 / levels + 1 + levels % 2);
        assert_refused(&too_deep, MessageError::TooDeep);
    }
    // Unknown properties count as well, and no depth is dangerous.
    let text = format!(r#"{{"type":"ping","x":{}"#, "[".repeat(100_000));
    assert_refused(&text, MessageError::TooDeep);
}

#[test]
fn metadata_is_checked() {
    // J41. The limits of keys and values are tested beside them.
    let with = |metadata: &str| send(&format!(r#","data":1,"metadata":{metadata}"#));
    let text = with(r#"{"a":"1","B-2":"\u0041 \"","c":""}"#);
    assert_eq!(sent(&text).metadata, metadata(&[("a", "1"), ("B-2", "A \""), ("c", "")]));
    for value in ["1", r#""k""#, "[]", r#"{"k":1}"#, r#"{"k":null}"#, r#"{"k":"\ud800"}"#] {
        assert_refused(&with(value), MessageError::Invalid(Property::Metadata));
    }
    let long = |bytes| "x".repeat(bytes);
    let cases = [
        (r#"{"a b":"v"}"#.to_owned(), MetadataError::InvalidKey),
        (r#"{"":"v"}"#.to_owned(), MetadataError::InvalidKey),
        (r#"{"k":"é"}"#.to_owned(), MetadataError::InvalidValue),
        (r#"{"k":"\n"}"#.to_owned(), MetadataError::InvalidValue),
        (r#"{"k":"1","\u006b":"2"}"#.to_owned(), MetadataError::RepeatedKey),
        (format!(r#"{{"{}":""}}"#, long(257)), MetadataError::KeyTooLong),
        (format!(r#"{{"k":"{}"}}"#, long(1025)), MetadataError::ValueTooLong),
    ];
    for (value, error) in cases {
        assert_refused(&with(&value), MessageError::Metadata(error));
    }
    let entry = |key| format!(r#""{key}":"{}""#, long(1023));
    let full: Vec<_> = ('a'..='h').map(entry).collect();
    assert!(decode(&with(&format!("{{{}}}", full.join(",")))).is_ok());
    let text = with(&format!(r#"{{{},"i":""}}"#, full.join(",")));
    assert_refused(&text, MessageError::Metadata(MetadataError::TotalTooLong));
}

#[test]
fn metadata_without_data_is_an_empty_text() {
    // J42
    for data_type in ["", r#","dataType":"json""#, r#","dataType":"binary""#] {
        let text = send(&format!(r#","metadata":{{"k":"v"}}{data_type}"#));
        assert_eq!(sent(&text).payload, Payload::text(""));
        assert_eq!(sent(&text).metadata, metadata(&[("k", "v")]));
    }
}

#[test]
fn time_to_live_is_at_most_300_seconds() {
    // J43
    for (value, expected) in [("0", 0), ("300", 300), ("null", 0)] {
        assert_eq!(
            sent(&send(&format!(r#","data":1,"ttlSeconds":{value}"#))).ttl_seconds,
            expected
        );
    }
    for value in ["301", "-1", r#""30""#, "1.5", "65536", "99999999999999999999", "true"] {
        let text = send(&format!(r#","data":1,"ttlSeconds":{value}"#));
        assert_refused(&text, MessageError::Invalid(Property::TtlSeconds));
    }
}

#[test]
fn a_sequence_ack_needs_an_integer() {
    // J47
    let missing = MessageError::Missing(Property::SequenceId);
    assert_refused(r#"{"type":"sequenceAck"}"#, missing);
    assert_refused(r#"{"type":"sequenceAck","sequenceId":null}"#, missing);
    for id in [r#""1""#, "-1", "1.0", "true"] {
        let text = format!(r#"{{"type":"sequenceAck","sequenceId":{id}}}"#);
        assert_refused(&text, MessageError::Invalid(Property::SequenceId));
    }
    let text = format!(r#"{{"type":"sequenceAck","sequenceId":{}}}"#, u64::MAX);
    assert_eq!(decode(&text), Ok(ClientMessage::SequenceAck { sequence_id: u64::MAX }));
}

#[test]
fn system_messages_have_their_properties_in_order() {
    // J1, J2 (the pure parts)
    assert_eq!(
        written(|out| super::encode::connected(out, Some("ana"), "5Jb1", Some("eyJ"))),
        r#"{"type":"system","event":"connected","userId":"ana","connectionId":"5Jb1","reconnectionToken":"eyJ"}"#
    );
    assert_eq!(
        written(|out| super::encode::connected(out, None, "5Jb1", None)),
        r#"{"type":"system","event":"connected","userId":null,"connectionId":"5Jb1"}"#
    );
    assert_eq!(
        written(|out| super::encode::disconnected(out, "say \"why\"")),
        r#"{"type":"system","event":"disconnected","message":"say \"why\""}"#
    );
    assert_eq!(written(super::encode::pong), r#"{"type":"pong"}"#);
}

#[test]
fn a_failed_ack_has_its_error_last() {
    // J15
    let text = "Sending to group 'floor-3' is not permitted.";
    assert_eq!(
        written(|out| super::encode::ack_error(out, 12, AckError::Forbidden, text)),
        r#"{"type":"ack","ackId":12,"success":false,"error":{"name":"Forbidden","message":"Sending to group 'floor-3' is not permitted."}}"#
    );
}

#[test]
fn messages_have_their_properties_in_order() {
    use super::encode::{group_message, server_message};
    let none = Metadata::default();
    let json = Payload::from_json_value(r#"{"t":21.50}"#);
    // J26 (the pure part)
    assert_eq!(
        written(|out| group_message(out, "floor-3", Some("ana"), &json, &none)),
        r#"{"type":"message","from":"group","group":"floor-3","fromUserId":"ana","dataType":"json","data":{"t":21.50}}"#
    );
    // P15 (the pure part)
    assert_eq!(
        written(|out| group_message(out, "room", None, &Payload::binary(&[1, 2, 3][..]), &none)),
        r#"{"type":"message","from":"group","group":"room","dataType":"binary","data":"AQID"}"#
    );
    // J27 (the pure part)
    assert_eq!(
        written(|out| server_message(out, &Payload::text("Hello"), &none)),
        r#"{"type":"message","from":"server","dataType":"text","data":"Hello"}"#
    );
    // J40 (the pure part)
    let entries = metadata(&[("b", "1"), ("a", "\\ \"")]);
    assert_eq!(
        written(|out| group_message(out, "\"", None, &Payload::text(""), &entries)),
        r#"{"type":"message","from":"group","group":"\"","dataType":"text","data":"","metadata":{"b":"1","a":"\\ \""}}"#
    );
}

#[test]
fn a_numbered_message_has_its_sequence_id_last() {
    // J44 (the pure part)
    use super::encode::{
        NUMBERED_END_BYTES_MAX, close_message, close_numbered_message, open_group_message,
    };
    let json = Payload::from_json_value(r#"{"t":21.50}"#);
    let open = written(|out| {
        open_group_message(out, "floor-3", Some("ana"), &json, &Metadata::default());
    });
    assert_eq!(
        open.clone() + &written(|out| close_numbered_message(out, 4)),
        r#"{"type":"message","from":"group","group":"floor-3","fromUserId":"ana","dataType":"json","data":{"t":21.50},"sequenceId":4}"#
    );
    assert_eq!(
        open + &written(close_message),
        r#"{"type":"message","from":"group","group":"floor-3","fromUserId":"ana","dataType":"json","data":{"t":21.50}}"#
    );
    let longest = written(|out| close_numbered_message(out, u64::MAX));
    assert_eq!(longest, r#","sequenceId":18446744073709551615}"#);
    assert_eq!(longest.len(), NUMBERED_END_BYTES_MAX);
}
