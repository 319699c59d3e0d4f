//! Group streams (`client-json.md` section 7).

use super::{assert_refused, decoded, metadata, send, written};
use crate::protocol::subprotocol::json::{decode, encode};
use crate::protocol::subprotocol::{
    ClientMessage, DataType, EndOfStream, MessageError, Metadata, Payload, Property, StreamContent,
    StreamData, StreamEnd, StreamError, StreamFailure, StreamPart, StreamSettings, StreamStart,
    UserError,
};

/// A stream start with these further properties, and these of `stream`.
fn start(stream: &str, properties: &str) -> String {
    send(&format!(r#","stream":{{"streamId":"4f1c"{stream}}}{properties}"#))
}

fn started(text: &str) -> StreamStart<'_> {
    match decoded(text) {
        ClientMessage::StreamStart(start) => start,
        other => panic!("{text}: {other:?}"),
    }
}

fn fragment(properties: &str) -> String {
    format!(r#"{{"type":"streamData","streamId":"4f1c"{properties}}}"#)
}

fn content(text: &str) -> StreamContent<'_> {
    match decoded(text) {
        ClientMessage::StreamData(StreamData { stream_id, content }) => {
            assert_eq!(stream_id, "4f1c");
            content
        }
        other => panic!("{text}: {other:?}"),
    }
}

fn end(properties: &str) -> String {
    format!(r#"{{"type":"streamEnd","streamId":"4f1c"{properties}}}"#)
}

#[test]
fn a_start_is_a_send_with_a_stream() {
    // J50, J61 (the decoding)
    let settings = |no_echo, idle_timeout_ms| Ok(StreamSettings { no_echo, idle_timeout_ms });
    let text = r#"{"type":"sendToGroup","group":"floor-3","noEcho":true,"stream":{"streamId":"4f1c","idleTimeoutMs":60000}}"#;
    let expected = StreamStart {
        group: "floor-3".into(),
        stream_id: "4f1c".into(),
        ack_id: None,
        settings: settings(true, 60_000),
    };
    assert_eq!(started(text), expected);
    let text = start("", r#","ackId":0,"ttlSeconds":null,"metadata":{},"dataType":null"#);
    assert_eq!(started(&text).ack_id, Some(0));
    assert_eq!(started(&text).settings, settings(false, 300_000));
    let text = start(r#","idleTimeoutMs":4294967295,"x":{"streamId":1}"#, "");
    assert_eq!(started(&text).settings, settings(false, u32::MAX));
    // Section 1, inside `stream` as well: `null` is absent and the last one wins.
    let text = start(r#","streamId":2,"\u0073treamId":"\u0073","idleTimeoutMs":null"#, "");
    assert_eq!(started(&text).stream_id, "s");
    assert_eq!(started(&text).settings, settings(false, 300_000));
    assert!(matches!(
        decode(&send(r#","data":1,"stream":null"#)),
        Ok(ClientMessage::SendToGroup(_))
    ));
}

#[test]
fn a_stream_is_an_object_with_an_id() {
    for target in [r#""type":"sendToGroup","group":"g""#, r#""type":"event","event":"e""#] {
        let with = |stream: &str| format!(r#"{{{target},"stream":{stream}}}"#);
        for stream in ["1", "true", r#""s""#, "[]"] {
            assert_refused(&with(stream), MessageError::Invalid(Property::Stream));
        }
        for stream in ["{}", r#"{"streamId":null}"#, r#"{"StreamId":"s"}"#] {
            assert_refused(&with(stream), MessageError::Missing(Property::StreamId));
        }
        for id in [r#""""#, "1", "{}", r#""\ud800""#, &format!(r#""{}""#, "s".repeat(257))] {
            let text = with(&format!(r#"{{"streamId":{id}}}"#));
            assert_refused(&text, MessageError::Invalid(Property::StreamId));
        }
        assert!(decode(&with(&format!(r#"{{"streamId":"{}"}}"#, "é".repeat(256)))).is_ok());
    }
}

#[test]
fn what_a_start_must_not_have_is_answered() {
    // J51 (the decoding)
    let cases = [
        (r#","data":1"#, Property::Data),
        (r#","data":null"#, Property::Data),
        (r#","data":"x","dataType":"text""#, Property::Data),
        (r#","dataType":"text""#, Property::DataType),
        (r#","ttlSeconds":0"#, Property::TtlSeconds),
        (r#","metadata":{"k":"v"}"#, Property::Metadata),
    ];
    for (properties, property) in cases {
        let text = start("", properties);
        let settings = started(&text).settings;
        assert_eq!(settings, Err(MessageError::NotAllowed(property)), "{text}");
    }
    for timeout in ["0", "-0", "-1", "4294967296", "-99999999999999999999"] {
        let text = start(&format!(r#","idleTimeoutMs":{timeout}"#), "");
        let invalid = MessageError::Invalid(Property::IdleTimeoutMs);
        assert_eq!(started(&text).settings, Err(invalid), "{text}");
    }
}

#[test]
fn a_malformed_start_is_refused() {
    for timeout in ["1.0", "1e3", r#""1""#, "true", "{}"] {
        let text = start(&format!(r#","idleTimeoutMs":{timeout}"#), "");
        assert_refused(&text, MessageError::Invalid(Property::IdleTimeoutMs));
    }
    let cases = [
        (r#","group":" ""#, Property::Group),
        (r#","noEcho":1"#, Property::NoEcho),
        (r#","ackId":-1"#, Property::AckId),
        (r#","ttlSeconds":301"#, Property::TtlSeconds),
        (r#","metadata":{"k":1}"#, Property::Metadata),
        (r#","dataType":"xml""#, Property::DataType),
    ];
    for (properties, property) in cases {
        assert_refused(&start("", properties), MessageError::Invalid(property));
    }
}

#[test]
fn an_event_with_a_stream_is_told_apart() {
    // Section 3.4: the event is not raised, so it needs no payload.
    let text = r#"{"type":"event","event":"e","stream":{"streamId":"s"},"ackId":3}"#;
    let expected = ClientMessage::EventWithStream { stream_id: "s".into(), ack_id: Some(3) };
    assert_eq!(decoded(text), expected);
    let text = r#"{"type":"event","event":"1","stream":{"streamId":"s"}}"#;
    assert_refused(text, MessageError::Invalid(Property::Event));
    let text = r#"{"type":"event","event":"e","data":1,"stream":null}"#;
    assert!(matches!(decoded(text), ClientMessage::Event(_)));
}

#[test]
fn a_fragment_has_all_properties_and_a_keep_alive_none() {
    // J52, J57 (the decoding)
    let text = fragment(r#","streamSequenceId":1,"dataType":"text","data":"ab""#);
    let StreamContent::Fragment { sequence_id, payload } = content(&text) else { panic!("{text}") };
    assert_eq!((sequence_id, payload.data_type()), (1, DataType::Text));
    assert_eq!(&*payload.bytes(), b"ab");
    let id = u64::MAX;
    let text = fragment(&format!(r#","streamSequenceId":{id},"dataType":"json","data":[1]"#));
    let payload = Payload::from_json_value("[1]");
    assert_eq!(content(&text), StreamContent::Fragment { sequence_id: id, payload });
    for properties in ["", r#","streamSequenceId":null,"dataType":null,"metadata":7"#] {
        assert_eq!(content(&fragment(properties)), StreamContent::KeepAlive);
    }
}

#[test]
fn a_part_of_a_fragment_closes_only_the_stream() {
    let missing_id = MessageError::Missing(Property::StreamSequenceId);
    let missing_type = MessageError::Missing(Property::DataType);
    let missing_data = MessageError::Missing(Property::Data);
    let cases = [
        (r#","dataType":"text","data":"ab""#, missing_id),
        (r#","streamSequenceId":1,"data":"ab""#, missing_type),
        (r#","streamSequenceId":1"#, missing_type),
        (r#","data":1"#, missing_type),
        (r#","data":null"#, missing_type),
        (r#","streamSequenceId":1,"dataType":"text""#, missing_data),
        (r#","dataType":"text""#, missing_data),
        (
            r#","streamSequenceId":0,"dataType":"text","data":"ab""#,
            MessageError::Invalid(Property::StreamSequenceId),
        ),
    ];
    for (properties, error) in cases {
        let text = fragment(properties);
        assert_eq!(content(&text), StreamContent::Refused(error), "{text}");
    }
}

#[test]
fn a_malformed_fragment_is_refused() {
    let cases = [
        (r#","streamSequenceId":-1"#, Property::StreamSequenceId),
        (r#","streamSequenceId":1.0"#, Property::StreamSequenceId),
        (r#","streamSequenceId":"1""#, Property::StreamSequenceId),
        (r#","streamSequenceId":18446744073709551616"#, Property::StreamSequenceId),
        (r#","dataType":"xml""#, Property::DataType),
        (r#","dataType":"text","data":1"#, Property::Data),
        (r#","dataType":"binary","data":"A""#, Property::Data),
        (r#","streamSequenceId":1,"dataType":"json","data":null"#, Property::Data),
        (r#","streamId":7"#, Property::StreamId),
    ];
    for (properties, property) in cases {
        assert_refused(&fragment(properties), MessageError::Invalid(property));
    }
    for kind in ["streamData", "streamEnd"] {
        for id in ["", r#","streamId":null"#] {
            let text = format!(r#"{{"type":"{kind}"{id}}}"#);
            assert_refused(&text, MessageError::Missing(Property::StreamId));
        }
        // No stream has this id, and that is how it is answered (J54).
        let long = "s".repeat(257);
        for id in ["", &long] {
            assert!(decode(&format!(r#"{{"type":"{kind}","streamId":"{id}"}}"#)).is_ok());
        }
    }
}

#[test]
fn an_end_may_have_an_error() {
    // J55, J56 (the decoding)
    let ended = |text: &str| match decoded(text) {
        ClientMessage::StreamEnd(StreamEnd { stream_id, error }) => {
            assert_eq!(stream_id, "4f1c");
            error.map(|error| {
                let UserError { message, user_error_code } = error;
                (message.map(String::from), user_error_code.map(String::from))
            })
        }
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(ended(&end("")), None);
    assert_eq!(ended(&end(r#","error":null"#)), None);
    assert_eq!(ended(&end(r#","error":{"name":7,"message":null}"#)), Some((None, None)));
    let text = end(r#","error":{"userErrorCode":"E7","message":"source\u0020lost","name":"X"}"#);
    let expected = (Some("source lost".to_owned()), Some("E7".to_owned()));
    assert_eq!(ended(&text), Some(expected));
    for (error, property) in [
        ("1", Property::Error),
        (r#""bad""#, Property::Error),
        ("[]", Property::Error),
        (r#"{"message":1}"#, Property::Message),
        (r#"{"message":"\ud800"}"#, Property::Message),
        (r#"{"userErrorCode":7}"#, Property::UserErrorCode),
    ] {
        assert_refused(&end(&format!(r#","error":{error}"#)), MessageError::Invalid(property));
    }
}

#[test]
fn answers_to_a_publisher_have_their_properties_in_order() {
    // J50, J51, J53, J54, J55 (the encoding)
    use encode::{stream_ack, stream_closed, stream_nack};
    assert_eq!(
        written(|out| stream_ack(out, "4f1c", 1)),
        r#"{"type":"streamAck","streamId":"4f1c","expectedSequenceId":1}"#
    );
    assert_eq!(
        written(|out| stream_nack(out, "\"", 2, StreamError::InvalidSequenceId, "m")),
        r#"{"type":"streamNack","streamId":"\"","expectedSequenceId":2,"name":"InvalidSequenceId","message":"m"}"#
    );
    assert_eq!(
        written(|out| stream_closed(out, "4f1c", None)),
        r#"{"type":"streamClosed","streamId":"4f1c"}"#
    );
    assert_eq!(
        written(|out| stream_closed(out, "4f1c", Some((StreamError::StreamNotFound, "m")))),
        r#"{"type":"streamClosed","streamId":"4f1c","error":{"name":"StreamNotFound","message":"m"}}"#
    );
}

/// A group message that is this part of a stream, as a numbered receiver gets it.
fn part(payload: &Payload<'_>, metadata: &Metadata<'_>, end: Option<EndOfStream<'_>>) -> String {
    written(|out| {
        encode::open_group_message(out, "floor-3", Some("ana"), payload, metadata);
        let part = StreamPart { stream_id: "4f1c", sequence_id: 3, end };
        encode::stream_part(out, &part);
        encode::close_numbered_message(out, 9);
    })
}

#[test]
fn subscribers_are_told_the_part_of_a_stream() {
    // J52, J55, J56, J57 (the encoding)
    let (text, none) = (Payload::text(""), Metadata::default());
    assert_eq!(
        part(&Payload::binary(&[1][..]), &metadata(&[("k", "v")]), None),
        r#"{"type":"message","from":"group","group":"floor-3","fromUserId":"ana","dataType":"binary","data":"AQ==","metadata":{"k":"v"},"stream":{"streamId":"4f1c","streamSequenceId":3},"sequenceId":9}"#
    );
    assert_eq!(
        part(&text, &none, Some(EndOfStream::Normal)),
        r#"{"type":"message","from":"group","group":"floor-3","fromUserId":"ana","dataType":"text","data":"","stream":{"streamId":"4f1c","streamSequenceId":3,"endOfStream":true},"sequenceId":9}"#
    );
    let failure = StreamFailure {
        error: StreamError::UserError,
        message: Some("source lost"),
        user_error_code: Some("E7"),
    };
    assert_eq!(
        part(&text, &none, Some(EndOfStream::Failed(failure))),
        r#"{"type":"message","from":"group","group":"floor-3","fromUserId":"ana","dataType":"text","data":"","stream":{"streamId":"4f1c","streamSequenceId":3,"endOfStream":true,"error":{"name":"UserError","message":"source lost","userErrorCode":"E7"}},"sequenceId":9}"#
    );
    let failure =
        StreamFailure { error: StreamError::IdleTimeout, message: None, user_error_code: None };
    assert!(
        part(&text, &none, Some(EndOfStream::Failed(failure)))
            .ends_with(r#","endOfStream":true,"error":{"name":"IdleTimeout"}},"sequenceId":9}"#)
    );
}
