//! The conformance points of `client-protobuf.md` that the encoding alone decides.
//!
//! `vectors` holds the specification's own bytes, `oracle` the random tests against `prost`, for
//! which `schema` declares the messages. Here are the rules, as tables of messages that `prost`
//! writes or that are put together byte by byte.

mod oracle;
mod schema;
mod vectors;

use std::borrow::Cow;

use prost::Message;

use self::schema::{Any, Data, MessageData, Upstream, UpstreamMessage};
use super::decode;
use crate::protocol::subprotocol::{
    ClientMessage, DataType, MessageError, Metadata, MetadataBuilder, MetadataError, Payload,
    Property, RepeatedKey, SendToGroup, StreamContent, StreamSettings,
};

fn metadata<'a>(entries: &[(&'a str, &'a str)]) -> Metadata<'a> {
    let mut builder = MetadataBuilder::default();
    for &(key, value) in entries {
        builder.push(key, value).unwrap();
    }
    builder.finish(RepeatedKey::Refused).unwrap()
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

/// A field of the given number that holds these bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).unwrap();
    assert!(length < 0x80, "one byte of length will do for tests");
    let tag = (number & 0xf) << 3 | 2;
    let tag = if number < 16 { vec![tag] } else { vec![tag | 0x80, number >> 4] };
    [&tag[..], &[length], bytes].concat()
}

/// A `SendToGroupMessage` to `g` with these further fields.
fn send(fields: &[&[u8]]) -> Vec<u8> {
    field(1, &[&field(1, b"g"), &fields.concat()[..]].concat())
}

/// The decoded message of bytes that must be a `SendToGroupMessage`.
fn sent(bytes: &[u8]) -> SendToGroup<'_> {
    match decode(bytes) {
        Ok(ClientMessage::SendToGroup(send)) => send,
        other => panic!("{bytes:x?}: {other:?}"),
    }
}

fn assert_refused(bytes: &[u8], error: MessageError) {
    assert_eq!(decode(bytes), Err(error), "{bytes:x?}");
}

fn from_prost(message: Upstream) -> Vec<u8> {
    UpstreamMessage { message: Some(message) }.encode_to_vec()
}

fn data(data: Data) -> Option<MessageData> {
    Some(MessageData { data: Some(data) })
}

fn send_data(data: Data) -> Vec<u8> {
    send(&[&field(3, &MessageData { data: Some(data) }.encode_to_vec())])
}

const TEXT: &[u8] = b"\x1a\x04\x0a\x02hi";
const METADATA: &[u8] = b"\x32\x06\x0a\x01k\x12\x01v";
const STREAM: &[u8] = b"\x3a\x04\x0a\x02s1";

#[test]
fn a_plain_message_is_borrowed() {
    let bytes = send(&[TEXT]);
    let message = sent(&bytes);
    assert!(matches!(message.group, Cow::Borrowed("g")));
    assert!(matches!(message.payload.bytes(), Cow::Borrowed(b"hi")));
}

#[test]
fn what_is_no_known_message_is_refused() {
    // P2
    assert_refused(b"", MessageError::UnknownType);
    for number in [2, 3, 4, 12, 18, 100] {
        assert_refused(&field(number, b"\x0a\x01g"), MessageError::UnknownType);
    }
    // A member with a foreign wire type is an unknown field.
    assert_refused(b"\x48\x00", MessageError::UnknownType);
    let join = b"\x32\x08\x0a\x04room\x10\x07";
    assert!(decode(join).is_ok());
    for end in 1..join.len() {
        assert_refused(&join[..end], MessageError::NotProtobuf);
    }
    let undecodable: [&[u8]; 8] = [
        b"\xff",
        b"{\"type\":\"ping\"}",
        b"\x00",
        b"\x4a\x01",
        b"\x4a\x01\x08",
        b"\x4a\x00\x0b",
        b"\x32\x03\x0a\x05g",
        b"\x4a\x02\x0c\x00",
    ];
    for bytes in undecodable {
        assert_refused(bytes, MessageError::NotProtobuf);
    }
}

#[test]
fn strings_are_utf8() {
    // P2, wherever they are.
    let data = field(3, &field(1, b"\xff"));
    let json = field(3, &field(4, b"\"\xed\xa0\x80\""));
    let entry = field(6, &field(1, b"\xff"));
    let value = field(6, &field(2, b"\xff"));
    let stream = field(7, &field(1, b"\xff"));
    for fields in [&data, &json, &entry, &value, &stream, &field(1, b"\xff")] {
        assert_refused(&send(&[TEXT, fields]), MessageError::NotProtobuf);
    }
    // Replaced, and still no UTF-8.
    let group = [field(1, b"\xff"), field(1, b"g")].concat();
    assert_refused(&field(6, &group), MessageError::NotProtobuf);
    for (number, inner) in [(5, 1), (7, 1), (10, 1), (10, 2), (11, 1), (13, 1), (14, 1), (16, 1)] {
        let bytes = field(number, &field(inner, b"\xc0\x80"));
        assert_refused(&bytes, MessageError::NotProtobuf);
    }
    let error = field(14, &field(2, &field(2, b"\xff")));
    assert_refused(&error, MessageError::NotProtobuf);
    let state = field(15, &[field(1, b"g"), field(3, &field(1, &field(1, b"\xff")))].concat());
    assert_refused(&state, MessageError::NotProtobuf);
}

#[test]
fn unknown_fields_are_ignored() {
    // P4: a varint, 64 bits, bytes, a group and 32 bits under an unknown number, and known numbers
    // with another wire type.
    let unknown = [
        &b"\xf8\x01\x05"[..],
        b"\xf9\x01\0\0\0\0\0\0\0\0",
        b"\xfa\x01\x01\xff",
        b"\xfb\x01\x08\x00\xfc\x01",
        b"\xfd\x01\0\0\0\0",
    ];
    let unknown = &unknown.concat()[..];
    let foreign = b"\x08\x01\x12\x01\xff\x18\x00\x23\x24\x2d\0\0\0\0";
    let plain = send(&[TEXT]);
    let bytes = send(&[unknown, TEXT, foreign]);
    assert_eq!(decode(&bytes), decode(&plain));
    let bytes = send(&[&field(3, &[unknown, &field(1, b"hi"), b"\x10\x00"].concat())]);
    assert_eq!(decode(&bytes), decode(&plain));
    let around = [unknown, &plain, b"\x48\x00", unknown].concat();
    assert_eq!(decode(&around), decode(&plain));
    assert_eq!(decode(&field(9, unknown)), Ok(ClientMessage::Ping));
}

#[test]
fn the_last_member_counts_and_the_same_one_is_merged() {
    // Section 1.
    let (ping, plain) = (field(9, b""), send(&[TEXT]));
    assert_eq!(decode(&[&plain[..], &ping].concat()), Ok(ClientMessage::Ping));
    let bytes = [&ping[..], &plain, &field(1, b"\x10\x05")].concat();
    assert_eq!(sent(&bytes).ack_id, Some(5));
    assert_eq!(sent(&bytes).payload, Payload::text("hi"));
    // Not merged across another member.
    let bytes = [&plain[..], &ping, &field(1, b"\x10\x05")].concat();
    assert_refused(&bytes, MessageError::Missing(Property::Group));
    // What is superseded need not be valid, but must be a message.
    let invalid = field(6, &field(1, b"  "));
    assert_eq!(decode(&[&invalid[..], &ping].concat()), Ok(ClientMessage::Ping));
    assert_refused(&[&field(6, b"\x0a"), &ping[..]].concat(), MessageError::NotProtobuf);
    // An embedded message that comes again is merged, a oneof's last member counts.
    let twice =
        send(&[TEXT, &field(3, &[field(2, b"b"), field(1, b"t")].concat()), &field(3, b"")]);
    assert_eq!(sent(&twice).payload, Payload::text("t"));
    let anys = send(&[&field(3, &field(3, b"\x0a\x01a")), &field(3, &field(3, b"\x12\x01b"))]);
    assert_eq!(&*sent(&anys).payload.bytes(), b"\x0a\x01a\x12\x01b");
}

#[test]
fn alternating_members_are_read_in_linear_time() {
    let bytes = [field(9, b""), field(11, b"")].concat().repeat(200_000);
    let expected = ClientMessage::CancelInvocation { invocation_id: "".into() };
    assert_eq!(decode(&bytes), Ok(expected));
}

#[test]
fn an_ack_id_is_present_or_not() {
    // P5
    for ack_id in [None, Some(0), Some(1), Some(u64::MAX)] {
        let request = schema::GroupRequest { group: "g".to_owned(), ack_id };
        let bytes = from_prost(Upstream::JoinGroup(request));
        assert_eq!(decode(&bytes), Ok(ClientMessage::JoinGroup { group: "g".into(), ack_id }));
    }
}

#[test]
fn every_kind_of_data_is_a_payload() {
    // P9: empty ones as well. P12, P13, P15 and P16 (the pure parts)
    let any = Any { type_url: "a/b".to_owned(), value: vec![8, 1] };
    let cases = [
        (Data::Text("hi é".to_owned()), DataType::Text, "hi é".as_bytes()),
        (Data::Text(String::new()), DataType::Text, b""),
        (Data::Binary(vec![0xff, 0]), DataType::Binary, b"\xff\0"),
        (Data::Binary(Vec::new()), DataType::Binary, b""),
        (Data::Protobuf(any), DataType::Protobuf, b"\x0a\x03a/b\x12\x02\x08\x01"),
        (Data::Protobuf(Any::default()), DataType::Protobuf, b""),
        (Data::Json(" {\"a\": 1.0} ".to_owned()), DataType::Json, b" {\"a\": 1.0} "),
        (Data::Json("\"\\ud800\"".to_owned()), DataType::Json, b"\"\\ud800\""),
    ];
    for (data, data_type, bytes) in cases {
        let message = send_data(data);
        let payload = sent(&message).payload;
        assert_eq!(payload.data_type(), data_type);
        assert_eq!(&*payload.bytes(), bytes);
    }
}

#[test]
fn an_any_is_kept_as_it_came() {
    // P13: other parsers would drop or reorder these fields.
    let any = b"\x12\x02\x08\x01\x18\x07\x0a\x03a/b\x0a\x03c/d";
    let bytes = send(&[&field(3, &field(3, any))]);
    assert_eq!(&*sent(&bytes).payload.bytes(), any);
    for broken in [&b"\x0a"[..], b"\x0a\x01\xff", b"\x0b"] {
        let bytes = send(&[&field(3, &field(3, broken))]);
        assert_refused(&bytes, MessageError::Invalid(Property::Data));
    }
}

#[test]
fn json_is_checked() {
    // P11
    let invalid = MessageError::Invalid(Property::Data);
    for json in ["", " ", "null", " null\n", "{", "1 2", "{\"a\":1},\"x\":2", "nul", "'a'"] {
        assert_refused(&send_data(Data::Json(json.to_owned())), invalid);
    }
    let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
    let message = |json| {
        let message = schema::EventMessage {
            event: "e".to_owned(),
            data: data(Data::Json(json)),
            ..Default::default()
        };
        from_prost(Upstream::Event(message))
    };
    assert!(decode(&message(nested(64))).is_ok());
    assert_refused(&message(nested(65)), invalid);
    assert_refused(&message(nested(100_000)), invalid);
}

#[test]
fn data_is_required_unless_there_is_metadata() {
    // P10
    let missing = MessageError::Missing(Property::Data);
    let memberless = &field(3, b"\x28\x01")[..];
    for data in [&b""[..], memberless] {
        assert_refused(&send(&[data]), missing);
        let event = field(5, &[&field(1, b"e"), &field(2, b"")[..data.len().min(2)]].concat());
        assert_refused(&event, missing);
        let bytes = send(&[data, METADATA]);
        assert_eq!(sent(&bytes).payload, Payload::text(""));
        assert_eq!(sent(&bytes).metadata, metadata(&[("k", "v")]));
    }
    let bytes = send(&[TEXT, METADATA]);
    assert_eq!(sent(&bytes).payload, Payload::text("hi"));
}

#[test]
fn metadata_is_checked() {
    // P20 (the pure part): the limits are tested beside them.
    let entry = |key: &[u8], value: &[u8]| field(6, &[field(1, key), field(2, value)].concat());
    let cases = [
        (entry(b"a b", b"v"), MetadataError::InvalidKey),
        (entry(b"", b"v"), MetadataError::InvalidKey),
        (field(6, b""), MetadataError::InvalidKey),
        (entry(b"k", "é".as_bytes()), MetadataError::InvalidValue),
        (entry(b"k", b"\n"), MetadataError::InvalidValue),
    ];
    for (entry, error) in cases {
        assert_refused(&send(&[TEXT, &entry, METADATA]), MessageError::Metadata(error));
    }
    // Of a map the last entry with a key counts, and an entry need not have a value.
    let bytes = send(&[&entry(b"k", b"1"), &entry(b"l", b"2"), &field(6, b"\x0a\x01k")]);
    assert_eq!(sent(&bytes).metadata, metadata(&[("l", "2"), ("k", "")]));
    // Within an entry as well.
    let bytes = send(&[&field(6, b"\x12\x011\x0a\x01x\x0a\x01k\x12\x012")]);
    assert_eq!(sent(&bytes).metadata, metadata(&[("k", "2")]));
    let long = vec![b'v'; 1025];
    let message = schema::SendToGroupMessage {
        group: "g".to_owned(),
        metadata: [("k".to_owned(), String::from_utf8(long).unwrap())].into(),
        ..Default::default()
    };
    let error = MessageError::Metadata(MetadataError::ValueTooLong);
    assert_refused(&from_prost(Upstream::SendToGroup(message)), error);
}

#[test]
fn no_echo_is_true_or_not() {
    // P18 (the pure part)
    assert!(!sent(&send(&[TEXT])).no_echo);
    for (flag, expected) in
        [(&b"\x20\x00"[..], false), (b"\x20\x01", true), (b"\x20\x80\x02", true)]
    {
        assert_eq!(sent(&send(&[TEXT, flag])).no_echo, expected);
    }
}

#[test]
fn time_to_live_is_at_most_300_seconds() {
    // P19
    for (ttl, expected) in [(&b""[..], 0), (b"\x28\x00", 0), (b"\x28\xac\x02", 300)] {
        assert_eq!(sent(&send(&[TEXT, ttl])).ttl_seconds, expected);
    }
    let invalid = MessageError::Invalid(Property::TtlSeconds);
    for ttl in [&b"\x28\xad\x02"[..], b"\x28\x80\x80\x04", b"\x28\xff\xff\xff\xff\x0f"] {
        assert_refused(&send(&[TEXT, ttl]), invalid);
        assert_refused(&send(&[STREAM, ttl]), invalid);
    }
    // Of a number that is too long for the field, its lower half counts.
    assert_eq!(sent(&send(&[TEXT, b"\x28\x81\x80\x80\x80\x10"])).ttl_seconds, 1);
}

#[test]
fn names_are_checked() {
    // The rules of J28 and J29. A name that is not there is an empty one.
    for number in [6, 7, 15, 16, 17] {
        assert_refused(&field(number, b""), MessageError::Missing(Property::Group));
        let blank = field(number, &field(1, b" \t"));
        assert_refused(&blank, MessageError::Invalid(Property::Group));
    }
    let named = |group: String| {
        from_prost(Upstream::LeaveGroup(schema::GroupRequest { group, ack_id: None }))
    };
    assert!(decode(&named("é".repeat(1024))).is_ok());
    assert_refused(&named("é".repeat(1025)), MessageError::Invalid(Property::Group));
    let event = |name: &[u8]| field(5, &[field(1, name), field(2, &field(1, b""))].concat());
    assert!(decode(&event(b"Order.Created-2_x")).is_ok());
    assert_refused(&event(b""), MessageError::Missing(Property::Event));
    assert_refused(&event(b"1x"), MessageError::Invalid(Property::Event));
}

#[test]
fn a_stream_start_has_no_message() {
    // P23 (the pure part of J50 and J51)
    let settings = |fields: &[&[u8]]| match decode(&send(fields)) {
        Ok(ClientMessage::StreamStart(start)) => start.settings,
        other => panic!("{fields:x?}: {other:?}"),
    };
    let defaults = StreamSettings { no_echo: false, idle_timeout_ms: 300_000 };
    assert_eq!(settings(&[STREAM]), Ok(defaults));
    assert_eq!(settings(&[STREAM, &field(3, b"")]), Ok(defaults), "data without a member");
    let no_echo = StreamSettings { no_echo: true, idle_timeout_ms: u32::MAX };
    let idle_timeout = field(7, b"\x10\xff\xff\xff\xff\x0f");
    assert_eq!(settings(&[STREAM, &idle_timeout, b"\x20\x01"]), Ok(no_echo));
    let invalid = MessageError::Invalid(Property::IdleTimeoutMs);
    assert_eq!(settings(&[STREAM, &field(7, b"\x10\x00")]), Err(invalid));
    for (fields, property) in [
        (TEXT, Property::Data),
        (METADATA, Property::Metadata),
        (b"\x28\x00", Property::TtlSeconds),
    ] {
        assert_eq!(settings(&[STREAM, fields]), Err(MessageError::NotAllowed(property)));
    }
    assert_refused(&send(&[&field(7, b"")]), MessageError::Missing(Property::StreamId));
    let group = field(1, STREAM);
    assert_refused(&group, MessageError::Missing(Property::Group));
    let stream = schema::StreamStartInfo { stream_id: "s".repeat(257), idle_timeout_ms: None };
    let message = schema::SendToGroupMessage {
        group: "g".to_owned(),
        stream: Some(stream),
        ..Default::default()
    };
    let bytes = from_prost(Upstream::SendToGroup(message));
    assert_refused(&bytes, MessageError::Invalid(Property::StreamId));
}

#[test]
fn a_stream_on_an_event_is_refused_in_the_message() {
    // Section 2.
    let event = |fields: &[u8]| field(5, &[&field(1, b"e"), fields].concat());
    let stream = field(5, &field(1, b"s1"));
    let expected = ClientMessage::EventWithStream { stream_id: "s1".into(), ack_id: Some(3) };
    assert_eq!(decode(&event(&[&stream[..], b"\x18\x03"].concat())), Ok(expected));
    assert_refused(&event(&field(5, b"")), MessageError::Missing(Property::StreamId));
    assert_refused(&field(5, &stream), MessageError::Missing(Property::Event));
}

#[test]
fn fragments_are_whole_or_refused() {
    // P23 (the pure part), with the rules of `client-json.md` section 7.2.
    let content = |fields: &[u8]| {
        let bytes = field(13, &[&field(1, b"s1"), fields].concat());
        match decode(&bytes) {
            Ok(ClientMessage::StreamData(data)) => format!("{:?}", data.content),
            other => format!("{other:?}"),
        }
    };
    let refused = |error| format!("{:?}", StreamContent::Refused(error));
    let id = Property::StreamSequenceId;
    let fragment = StreamContent::Fragment { sequence_id: 7, payload: Payload::text("hi") };
    assert_eq!(content(b""), format!("{:?}", StreamContent::KeepAlive));
    assert_eq!(content(b"\x10\x07\x1a\x04\x0a\x02hi"), format!("{fragment:?}"));
    assert_eq!(content(b"\x10\x00\x1a\x04\x0a\x02hi"), refused(MessageError::Invalid(id)));
    assert_eq!(content(b"\x10\x00"), refused(MessageError::Missing(Property::Data)));
    assert_eq!(content(b"\x10\x07"), refused(MessageError::Missing(Property::Data)));
    assert_eq!(content(b"\x1a\x04\x0a\x02hi"), refused(MessageError::Missing(id)));
    // Malformed: data without a member, and JSON that is none.
    let error: Result<ClientMessage<'_>, _> = Err(MessageError::Missing(Property::Data));
    assert_eq!(content(b"\x10\x07\x1a\x00"), format!("{error:?}"));
    let error: Result<ClientMessage<'_>, _> = Err(MessageError::Invalid(Property::Data));
    assert_eq!(content(b"\x1a\x03\x22\x01{"), format!("{error:?}"));
}

#[test]
fn an_end_of_stream_may_have_an_error() {
    // P23 (the pure part)
    let error = |fields: &[u8]| match decode(&field(14, &[&field(1, b"s1"), fields].concat())) {
        Ok(ClientMessage::StreamEnd(end)) => {
            end.error.map(|error| (error.message.is_some(), error.user_error_code.is_some()))
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(error(b""), None);
    assert_eq!(error(b"\x12\x00"), Some((false, false)));
    assert_eq!(error(b"\x12\x02\x0a\x00"), Some((true, false)));
    assert_eq!(error(b"\x12\x00\x12\x03\x12\x01E"), Some((false, true)));
}

#[test]
fn only_the_id_of_an_invocation_closes_the_connection() {
    // P25 (the pure part of J70)
    let request = |fields: &[u8]| match decode(&field(10, &[&field(2, b"1"), fields].concat())) {
        Ok(ClientMessage::Invoke(invoke)) => invoke.request.map(|request| {
            (
                request.payload.map(|payload| payload.bytes().into_owned()),
                request.metadata.is_empty(),
            )
        }),
        other => panic!("{other:?}"),
    };
    let (data, entry) = (&b"\x1a\x02\x0a\x00"[..], &b"\x22\x03\x0a\x01k"[..]);
    let with_event = |fields: &[&[u8]]| request(&[&field(1, b"e"), &fields.concat()[..]].concat());
    assert_eq!(with_event(&[]), Ok((None, true)));
    assert_eq!(with_event(&[entry]), Ok((None, false)));
    assert_eq!(with_event(&[data]), Ok((Some(Vec::new()), true)));
    assert_eq!(with_event(&[b"\x1a\x00"]), Err(MessageError::Missing(Property::Data)));
    let bad_json = b"\x1a\x03\x22\x01{";
    assert_eq!(with_event(&[bad_json]), Err(MessageError::Invalid(Property::Data)));
    let stream = MessageError::NotAllowed(Property::Stream);
    assert_eq!(with_event(&[&field(5, b"\x0a\x01s")]), Err(stream));
    let bad_entry = MessageError::Metadata(MetadataError::InvalidKey);
    assert_eq!(with_event(&[b"\x22\x00"]), Err(bad_entry));
    assert_eq!(request(b""), Err(MessageError::Missing(Property::Event)));
    assert_eq!(request(&field(1, b"1x")), Err(MessageError::Invalid(Property::Event)));
    let missing = MessageError::Missing(Property::InvocationId);
    assert_refused(&field(10, &field(1, b"e")), missing);
}

#[test]
fn no_state_clears_and_an_empty_one_does_not() {
    // P26 (the pure part)
    let entries = |fields: &[u8]| match decode(&field(15, &[&field(1, b"g"), fields].concat())) {
        Ok(ClientMessage::SetGroupState(set)) => set.state.map(|state| {
            state.map(|state| {
                state.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
            })
        }),
        other => panic!("{other:?}"),
    };
    let strings = |entries: &[&str]| entries.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(entries(b""), Ok(None));
    assert_eq!(entries(b"\x1a\x00"), Ok(Some(Vec::new())));
    // The last entry of a key counts, also if the state comes in two parts.
    let state = [
        field(3, &[field(1, b"\x0a\x01a\x12\x011"), field(1, b"")].concat()),
        field(3, &field(1, b"\x0a\x01a\x12\x012")),
    ];
    assert_eq!(entries(&state.concat()), Ok(Some(strings(&["=", "a=2"]))));
    let message = schema::SetGroupStateMessage {
        group: "g".to_owned(),
        ack_id: None,
        state: Some(schema::GroupState { entries: [("k".repeat(8193), String::new())].into() }),
    };
    let bytes = from_prost(Upstream::SetGroupState(message));
    let Ok(ClientMessage::SetGroupState(set)) = decode(&bytes) else { panic!("malformed") };
    assert_eq!(set.state, Err(MessageError::TooLong(Property::State)));
}
