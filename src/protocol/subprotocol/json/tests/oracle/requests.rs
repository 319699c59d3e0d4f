//! Streams, invocations and group state against `serde_json`.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{blank, is_grammar_error, json, literal, read};
use crate::protocol::subprotocol::json::{decode, encode};
use crate::protocol::subprotocol::{
    ClientMessage, EndOfStream, GroupStateBuilder, GroupStateItem, InvocationError, Metadata,
    Payload, StreamContent, StreamError, StreamFailure, StreamPart,
};

/// An object of these members in some order, with one more that nobody knows.
fn object(members: impl Strategy<Value = Vec<String>>) -> impl Strategy<Value = String> {
    let noise = (blank(), "[a-z]{3}x", json(true));
    (members, noise, any::<Index>()).prop_map(|(mut members, (blank, name, value), rotation)| {
        members.push(format!(r#"{blank}"{name}"{blank}:{blank}{value}"#));
        let by = rotation.index(members.len());
        members.rotate_left(by);
        format!("{blank}{{{}}}", members.join(","))
    })
}

/// A literal of a text that is not empty.
fn id() -> impl Strategy<Value = String> {
    literal(false).prop_map(|literal| format!("\"i{}", &literal[1..]))
}

fn data() -> impl Strategy<Value = String> {
    json(true).prop_filter("null is no data", |data| data.trim() != "null")
}

fn member(name: &'static str) -> impl Fn(String) -> String {
    move |value| format!(r#""{name}":{value}"#)
}

fn stream_start() -> impl Strategy<Value = String> {
    let stream = (id(), option::of(1..=u32::MAX)).prop_map(|(id, timeout)| {
        let timeout = timeout.map(|timeout| format!(r#""idleTimeoutMs":{timeout}"#));
        timeout.into_iter().chain([member("streamId")(id)]).collect()
    });
    object((object(stream), id()).prop_map(|(stream, group)| {
        let head = r#""type":"sendToGroup""#.to_owned();
        vec![head, member("stream")(stream), member("group")(group)]
    }))
}

fn fragment() -> impl Strategy<Value = String> {
    object((literal(false), 1..=u64::MAX, data()).prop_map(|(id, sequence_id, data)| {
        let head = r#""type":"streamData","dataType":"json""#.to_owned();
        let sequence_id = member("streamSequenceId")(sequence_id.to_string());
        vec![head, member("streamId")(id), sequence_id, member("data")(data)]
    }))
}

fn stream_end() -> impl Strategy<Value = String> {
    let text = || option::of(literal(false));
    let error = (text(), text()).prop_map(|(message, code)| {
        let code = code.map(member("userErrorCode"));
        message.map(member("message")).into_iter().chain(code).collect()
    });
    object((literal(false), object(error)).prop_map(|(id, error)| {
        let head = r#""type":"streamEnd""#.to_owned();
        vec![head, member("streamId")(id), member("error")(error)]
    }))
}

fn invocation() -> impl Strategy<Value = String> {
    object((id(), option::of(data())).prop_map(|(id, data)| {
        let head = r#""type":"invoke","event":"e""#.to_owned();
        [head, member("invocationId")(id)].into_iter().chain(data.map(member("data"))).collect()
    }))
}

/// A request to set a state of a few entries, now and then with a repeated key.
fn state() -> impl Strategy<Value = String> {
    let key = prop_oneof![literal(false), "\"[ab]\""];
    object(vec((key, literal(false)), 0..6).prop_map(|entries| {
        let head = r#""type":"setGroupState","group":"g""#.to_owned();
        let entries = entries.iter().map(|(key, value)| format!("{key}:{value}"));
        let entries: Vec<_> = entries.collect();
        vec![head, format!(r#""state":{{{}}}"#, entries.join(","))]
    }))
}

/// What a subscriber is told of: connection id, user, state and time.
type Item = (String, Option<String>, Option<Vec<(String, String)>>, u64);

/// The properties of all requests, as another parser reads them. Those of inner objects too: each
/// has a name of its own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadRequest<'a> {
    stream_id: Option<String>,
    stream_sequence_id: Option<u64>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    message: Option<String>,
    user_error_code: Option<String>,
    idle_timeout_ms: Option<u32>,
    invocation_id: Option<String>,
    state: Option<BTreeMap<String, String>>,
}

fn request(text: &str) -> ReadRequest<'_> {
    serde_json::from_str(text).unwrap()
}

/// One of the message types known here.
fn message_type() -> impl Strategy<Value = &'static str> {
    select(vec![
        "sendToGroup",
        "event",
        "streamData",
        "streamEnd",
        "invoke",
        "cancelInvocation",
        "setGroupState",
        "subscribeGroupState",
        "unsubscribeGroupState",
    ])
}

fn property_name() -> impl Strategy<Value = &'static str> {
    select(vec![
        "group",
        "dataType",
        "data",
        "ackId",
        "noEcho",
        "ttlSeconds",
        "metadata",
        "event",
        "stream",
        "streamId",
        "streamSequenceId",
        "error",
        "invocationId",
        "target",
        "state",
    ])
}

/// A value that is right for some of the properties.
fn likely_value() -> impl Strategy<Value = String> {
    prop_oneof![
        json(true),
        "(0|[1-9][0-9]{0,2})",
        select(vec![
            r#""g""#,
            r#""text""#,
            r#"{"streamId":"s"}"#,
            r#"{"streamId":"s","idleTimeoutMs":-1}"#,
            r#"{"message":"m","userErrorCode":null}"#,
            r#"{"k":"v"}"#,
            "true",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Whatever the values are, the grammar is not what is wrong, and nothing panics.
    #[test]
    fn any_values_of_known_properties_are_judged(
        kind in message_type(),
        members in vec((property_name(), likely_value()), 0..9),
    ) {
        let members: String =
            members.iter().map(|(name, value)| format!(r#","{name}":{value}"#)).collect();
        let text = format!(r#"{{"type":"{kind}"{members}}}"#);
        prop_assert!(!decode(&text).is_err_and(is_grammar_error), "{}", text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn stream_starts_are_decoded_as_serde_json_reads_them(text in stream_start()) {
        let expected = request(request(&text).stream.unwrap().get());
        let Ok(ClientMessage::StreamStart(start)) = decode(&text) else { panic!("{text}") };
        prop_assert_eq!(Some(&*start.stream_id), expected.stream_id.as_deref());
        let idle_timeout_ms = start.settings.unwrap().idle_timeout_ms;
        prop_assert_eq!(idle_timeout_ms, expected.idle_timeout_ms.unwrap_or(300_000));
    }

    #[test]
    fn fragments_are_decoded_as_serde_json_reads_them(text in fragment()) {
        let expected = request(&text);
        let Ok(ClientMessage::StreamData(fragment)) = decode(&text) else { panic!("{text}") };
        prop_assert_eq!(Some(&*fragment.stream_id), expected.stream_id.as_deref());
        let StreamContent::Fragment { sequence_id, payload } = fragment.content else {
            panic!("{text}")
        };
        prop_assert_eq!(Some(sequence_id), expected.stream_sequence_id);
        prop_assert_eq!(&*payload.bytes(), expected.data.unwrap().get().as_bytes());
    }

    #[test]
    fn stream_ends_are_decoded_as_serde_json_reads_them(text in stream_end()) {
        let expected = request(&text);
        let expected_error = request(expected.error.unwrap().get());
        let Ok(ClientMessage::StreamEnd(end)) = decode(&text) else { panic!("{text}") };
        prop_assert_eq!(Some(&*end.stream_id), expected.stream_id.as_deref());
        let error = end.error.unwrap();
        prop_assert_eq!(error.message.as_deref(), expected_error.message.as_deref());
        let code = error.user_error_code.as_deref();
        prop_assert_eq!(code, expected_error.user_error_code.as_deref());
    }

    #[test]
    fn invocations_are_decoded_as_serde_json_reads_them(text in invocation()) {
        let expected = request(&text);
        let Ok(ClientMessage::Invoke(invoke)) = decode(&text) else { panic!("{text}") };
        prop_assert_eq!(Some(&*invoke.invocation_id), expected.invocation_id.as_deref());
        let payload = invoke.request.unwrap().payload;
        let source = payload.map(|payload| payload.bytes().into_owned());
        prop_assert_eq!(source, expected.data.map(|data| data.get().as_bytes().to_vec()));
    }

    #[test]
    fn states_are_decoded_as_serde_json_reads_them(text in state()) {
        let Ok(ClientMessage::SetGroupState(set)) = decode(&text) else { panic!("{text}") };
        let state = set.state.unwrap().unwrap();
        let read: BTreeMap<_, _> =
            state.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        prop_assert_eq!(state.iter().count(), read.len());
        prop_assert_eq!(Some(read), request(&text).state);
    }

    #[test]
    fn what_is_encoded_about_streams_is_read_back(
        texts: (String, Option<String>, Option<String>),
        ids: (u64, u64),
    ) {
        let (id, text, code) = (texts.0.as_str(), texts.1.as_deref(), texts.2.as_deref());
        let error = StreamError::UserError;
        let failure = StreamFailure { error, message: text, user_error_code: code };
        let end = Some(EndOfStream::Failed(failure));
        let message = read(|out| {
            encode::open_group_message(out, "g", None, &Payload::text(""), &Metadata::default());
            encode::stream_part(out, &StreamPart { stream_id: id, sequence_id: ids.0, end });
            encode::close_numbered_message(out, ids.1);
        });
        let stream = &message["stream"];
        prop_assert_eq!(&stream["streamId"], id);
        prop_assert_eq!(stream["streamSequenceId"].as_u64(), Some(ids.0));
        prop_assert_eq!(&stream["endOfStream"], true);
        prop_assert_eq!(stream["error"].get("message").and_then(Value::as_str), text);
        prop_assert_eq!(stream["error"].get("userErrorCode").and_then(Value::as_str), code);
        prop_assert_eq!(message["sequenceId"].as_u64(), Some(ids.1));
        let ack = read(|out| encode::stream_ack(out, id, ids.0));
        prop_assert_eq!(ack["expectedSequenceId"].as_u64(), Some(ids.0));
        let nack = read(|out| encode::stream_nack(out, id, ids.0, error, id));
        prop_assert_eq!(&nack["message"], id);
        let closed = read(|out| encode::stream_closed(out, id, text.map(|text| (error, text))));
        prop_assert_eq!(closed["error"]["message"].as_str(), text);
    }

    #[test]
    fn what_is_encoded_about_invocations_is_read_back(id: String, text: Option<String>) {
        let payload = text.as_deref().map(Payload::text);
        let none = Metadata::default();
        let success = read(|out| encode::invoke_success(out, &id, payload.as_ref(), &none));
        prop_assert_eq!(&success["invocationId"], id.as_str());
        prop_assert_eq!(&success["success"], true);
        prop_assert_eq!(success.get("data").and_then(Value::as_str), text.as_deref());
        let error = InvocationError::Timeout;
        let failure = read(|out| encode::invoke_error(out, &id, error, &id));
        prop_assert_eq!(&failure["success"], false);
        prop_assert_eq!(&failure["error"]["message"], id.as_str());
    }

    #[test]
    fn what_is_encoded_about_states_is_read_back(members in vec(any::<Item>(), 0..4)) {
        let state = |entries: &Vec<(String, String)>| {
            let mut builder = GroupStateBuilder::default();
            entries.iter().take(8).for_each(|(key, value)| builder.push(key, value));
            builder.finish().unwrap_or_default()
        };
        let states: Vec<_> = members.iter().map(|member| member.2.as_ref().map(state)).collect();
        let items = members.iter().zip(&states).map(|((id, user, _, time), state)| {
            let (user, state) = (user.as_deref(), state.as_ref());
            GroupStateItem { connection_id: id, user, state, updated_at_ms: *time }
        });
        let message = read(|out| {
            encode::open_group_state_snapshot(out, "g", items.clone());
            encode::close_message(out);
        });
        let read = message["items"].as_array().unwrap();
        prop_assert_eq!(read.len(), members.len());
        for (item, read) in items.zip(read) {
            prop_assert_eq!(&read["connectionId"], item.connection_id);
            prop_assert_eq!(read.get("userId").and_then(Value::as_str), item.user);
            prop_assert_eq!(read["updatedAt"].as_u64(), Some(item.updated_at_ms));
            let state = item.state.map(|state| {
                state.iter().map(|(key, value)| (key.to_owned(), Value::from(value))).collect()
            });
            prop_assert_eq!(read.get("state").cloned(), state.map(Value::Object));
        }
    }
}
