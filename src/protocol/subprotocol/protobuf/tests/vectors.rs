//! Every vector of `client-protobuf.md` section 5. P1

use prost::Message;

use super::schema::{DownstreamMessage, UpstreamMessage};
use super::{metadata, written};
use crate::protocol::subprotocol::protobuf::{Numbered, decode, encode};
use crate::protocol::subprotocol::{
    AckError, ClientMessage, EndOfStream, Event, GroupState, GroupStateBuilder, GroupStateItem,
    InvocationError, Invoke, InvokeRequest, Metadata, Payload, SendToGroup, SetGroupState,
    StreamContent, StreamData, StreamEnd, StreamError, StreamFailure, StreamPart, StreamSettings,
    StreamStart, UserError,
};

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().as_chunks::<2>().0;
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.iter().map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn busy() -> GroupState {
    let mut builder = GroupStateBuilder::default();
    builder.push("mood", "busy");
    builder.finish().unwrap()
}

fn json(text: &str) -> Payload<'_> {
    Payload::from_json_value(text)
}

fn send_to_room(payload: Payload<'_>) -> SendToGroup<'_> {
    SendToGroup {
        group: "room".into(),
        payload,
        no_echo: false,
        ack_id: None,
        ttl_seconds: 0,
        metadata: Metadata::default(),
    }
}

fn set_state(state: Option<GroupState>) -> ClientMessage<'static> {
    let (group, ack_id) = ("room".into(), Some(9));
    ClientMessage::SetGroupState(SetGroupState { group, state: Ok(state), ack_id })
}

fn assert_decoded(vector: &str, expected: &ClientMessage<'_>) {
    let message = bytes(vector);
    assert_eq!(decode(&message).as_ref(), Ok(expected), "{vector}");
    let theirs = UpstreamMessage::decode(&message[..]).unwrap();
    assert_eq!(hex(&theirs.encode_to_vec()), vector, "the oracle agrees with the vector");
}

#[test]
fn requests_about_groups() {
    let group = || "room".into();
    let vectors = [
        ("32080a04726f6f6d1007", ClientMessage::JoinGroup { group: group(), ack_id: Some(7) }),
        ("32080a04726f6f6d1000", ClientMessage::JoinGroup { group: group(), ack_id: Some(0) }),
        ("3a060a04726f6f6d", ClientMessage::LeaveGroup { group: group(), ack_id: None }),
        (
            "0a100a04726f6f6d10081a040a0268692001",
            ClientMessage::SendToGroup(SendToGroup {
                ack_id: Some(8),
                no_echo: true,
                ..send_to_room(Payload::text("hi"))
            }),
        ),
        (
            "0a1b0a04726f6f6d1a0922077b2261223a317d281e32060a016b120176",
            ClientMessage::SendToGroup(SendToGroup {
                ttl_seconds: 30,
                metadata: metadata(&[("k", "v")]),
                ..send_to_room(json(r#"{"a":1}"#))
            }),
        ),
        (
            "0a0d0a04726f6f6d1a051203010203",
            ClientMessage::SendToGroup(send_to_room(Payload::binary(&[1, 2, 3][..]))),
        ),
    ];
    for (vector, expected) in &vectors {
        assert_decoded(vector, expected);
    }
}

#[test]
fn requests_about_events_and_delivery() {
    let vectors = [
        (
            "2a0e0a056f7264657212020a0018ac02",
            ClientMessage::Event(Event {
                event: "order".into(),
                payload: Payload::text(""),
                ack_id: Some(300),
                metadata: Metadata::default(),
            }),
        ),
        ("420308ac02", ClientMessage::SequenceAck { sequence_id: 300 }),
        // P22 (the pure part)
        ("4a00", ClientMessage::Ping),
        (
            "52110a0373756d1201311a0722055b312c325d",
            ClientMessage::Invoke(Invoke {
                invocation_id: "1".into(),
                request: Ok(InvokeRequest {
                    event: "sum".into(),
                    payload: Some(json("[1,2]")),
                    metadata: Metadata::default(),
                }),
            }),
        ),
        ("5a030a0131", ClientMessage::CancelInvocation { invocation_id: "1".into() }),
    ];
    for (vector, expected) in &vectors {
        assert_decoded(vector, expected);
    }
}

#[test]
fn requests_about_streams() {
    let stream_id = || "s1".into();
    let fragment = StreamContent::Fragment { sequence_id: 1, payload: Payload::text("ab") };
    let error = UserError { message: Some("bad".into()), user_error_code: Some("E1".into()) };
    let keep_alive = StreamData { stream_id: stream_id(), content: StreamContent::KeepAlive };
    let vectors = [
        (
            "0a100a04726f6f6d3a080a02733110e0d403",
            ClientMessage::StreamStart(StreamStart {
                group: "room".into(),
                stream_id: stream_id(),
                ack_id: None,
                settings: Ok(StreamSettings { no_echo: false, idle_timeout_ms: 60_000 }),
            }),
        ),
        (
            "6a0c0a02733110011a040a026162",
            ClientMessage::StreamData(StreamData { stream_id: stream_id(), content: fragment }),
        ),
        ("6a040a027331", ClientMessage::StreamData(keep_alive)),
        (
            "720f0a02733112090a0362616412024531",
            ClientMessage::StreamEnd(StreamEnd { stream_id: stream_id(), error: Some(error) }),
        ),
    ];
    for (vector, expected) in &vectors {
        assert_decoded(vector, expected);
    }
}

#[test]
fn requests_about_group_state() {
    // P26 (the pure part)
    let group = || "room".into();
    let vectors = [
        ("7a180a04726f6f6d10091a0e0a0c0a046d6f6f64120462757379", set_state(Some(busy()))),
        ("7a080a04726f6f6d1009", set_state(None)),
        ("7a0a0a04726f6f6d10091a00", set_state(Some(GroupState::default()))),
        (
            "8201080a04726f6f6d100a",
            ClientMessage::SubscribeGroupState { group: group(), ack_id: Some(10) },
        ),
        (
            "8a01080a04726f6f6d100b",
            ClientMessage::UnsubscribeGroupState { group: group(), ack_id: Some(11) },
        ),
    ];
    for (vector, expected) in &vectors {
        assert_decoded(vector, expected);
    }
}

fn assert_encoded(vector: &str, write: impl FnOnce(&mut Vec<u8>)) {
    let message = written(write);
    assert_eq!(hex(&message), vector);
    let theirs = DownstreamMessage::decode(&message[..]).unwrap();
    assert_eq!(hex(&theirs.encode_to_vec()), vector, "the oracle agrees with the vector");
}

#[test]
fn acks_and_system_messages() {
    assert_encoded("0a0408071001", |out| encode::ack_success(out, 7));
    assert_encoded("0a1308081a0f0a09466f7262696464656e12026e6f", |out| {
        encode::ack_error(out, 8, AckError::Forbidden, "no");
    });
    // P6: the token has presence only on the reliable subprotocol.
    assert_encoded("1a0e0a0c0a026331120275311a027431", |out| {
        encode::connected(out, Some("u1"), "c1", Some("t1"));
    });
    assert_encoded("1a060a040a026331", |out| encode::connected(out, None, "c1", None));
    // P7
    assert_encoded("1a0712051203627965", |out| encode::disconnected(out, "bye"));
    // P22 (the pure part)
    assert_encoded("2200", encode::pong);
}

#[test]
fn data_messages() {
    let (none, hi) = (Metadata::default(), Payload::text("hi"));
    // P8 (the pure part)
    assert_encoded("12130a0567726f75701204726f6f6d1a040a026869", |out| {
        encode::group_message(out, "room", &hi, &none);
    });
    assert_encoded("12150a0567726f75701204726f6f6d1a040a0268692001", |out| {
        let fields = |out: &mut Vec<u8>| encode::open_group_message(out, "room", &hi, &none);
        Numbered::DataMessage.write(out, Some(1), fields);
    });
    assert_encoded("12130a067365727665721a0922077b2261223a317d", |out| {
        encode::server_message(out, &json(r#"{"a":1}"#), &none);
    });
    assert_encoded("120c0a067365727665721a020a00", |out| {
        encode::server_message(out, &Payload::text(""), &none);
    });
    let failure = StreamFailure {
        error: StreamError::UserError,
        message: Some("bad"),
        user_error_code: Some("E1"),
    };
    let end = Some(EndOfStream::Failed(failure));
    let part = StreamPart { stream_id: "s1", sequence_id: 2, end };
    // P23 (the pure part)
    assert_encoded(
        "12310a0567726f75701204726f6f6d1a020a00321e0a0273311002180122140a09557365724572726f7212036261641a024531",
        |out| {
            Numbered::DataMessage.write(out, None, |out| {
                encode::open_group_message(out, "room", &Payload::text(""), &none);
                encode::stream_part(out, &part);
            });
        },
    );
}

#[test]
fn answers_to_invocations_and_streams() {
    let none = Metadata::default();
    // P25 (the pure part)
    assert_encoded("2a0a0a013110011a03220133", |out| {
        encode::invoke_success(out, "1", Some(&json("3")), &none);
    });
    assert_encoded("2a120a0131220d0a084e6f74466f756e64120178", |out| {
        encode::invoke_error(out, "1", InvocationError::NotFound, "x");
    });
    assert_encoded("32060a0273311001", |out| encode::stream_ack(out, "s1", 1));
    assert_encoded("3a1c0a0273311211496e76616c696453657175656e636549641a016d2002", |out| {
        encode::stream_nack(out, "s1", 2, StreamError::InvalidSequenceId, "m")
    });
    assert_encoded("42040a027331", |out| encode::stream_closed(out, "s1", None));
}

#[test]
fn group_states() {
    let state = busy();
    let item = |user| GroupStateItem {
        connection_id: "c1",
        user,
        state: Some(&state),
        updated_at_ms: 1000,
    };
    assert_encoded(
        "4a230a04726f6f6d121b0a026331120275311a0e0a0c0a046d6f6f6412046275737920e807",
        |out| {
            Numbered::GroupStateUpdate.write(out, None, |out| {
                encode::open_group_state_update(out, "room", item(Some("u1")));
            });
        },
    );
    assert_encoded(
        "52210a04726f6f6d12170a0263311a0e0a0c0a046d6f6f6412046275737920e8071805",
        |out| {
            Numbered::GroupStateSnapshot.write(out, Some(5), |out| {
                encode::open_group_state_snapshot(out, "room", [item(None)]);
            });
        },
    );
}
