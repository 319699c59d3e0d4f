//! What is encoded is what the oracle encodes.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message;

use super::Texts;
use super::requests::{any_data, texts};
use super::translate::{payload_back, to_metadata, to_payload};
use crate::protocol::subprotocol as model;
use crate::protocol::subprotocol::protobuf::tests::schema::{
    AckMessage, ConnectedMessage, DataMessage, DisconnectedMessage, Downstream, DownstreamMessage,
    ErrorMessage, GroupState, GroupStateItem, GroupStateMessage, InvokeResponseMessage,
    StreamAckMessage, StreamClosedMessage, StreamErrorMessage, StreamInfo, StreamNackMessage,
    System, SystemMessage,
};
use crate::protocol::subprotocol::protobuf::tests::{data, written};
use crate::protocol::subprotocol::protobuf::{Numbered, encode};

/// Compares the bytes that we write with the oracle's. It leaves out empty texts in the entries
/// of maps and keeps those in no order, so that these are compared as read back.
fn same(ours: &[u8], message: Downstream, has_map: bool) -> Result<(), TestCaseError> {
    let theirs = DownstreamMessage { message: Some(message) };
    if !has_map {
        prop_assert_eq!(ours, theirs.encode_to_vec());
    }
    prop_assert_eq!(DownstreamMessage::decode(ours), Ok(theirs));
    Ok(())
}

fn whole(kind: Numbered, fields: &[u8], sequence_id: Option<u64>) -> Vec<u8> {
    let head = kind.head(fields.len(), sequence_id);
    let tail = sequence_id.map(|id| kind.tail(id).bytes().to_vec());
    [head.bytes(), fields, &tail.unwrap_or_default()].concat()
}

/// Id, number, and how it ends: not yet, well, or with a message and a code.
type Part = (String, u64, Option<Option<[String; 2]>>);

fn parts() -> impl Strategy<Value = Option<Part>> {
    let end = option::of(option::of(any::<[String; 2]>()));
    option::of((any::<String>(), any::<u64>(), end))
}

/// Connection, user, state and time.
type Member = (String, Option<String>, Option<Texts>, i64);

fn members() -> impl Strategy<Value = Vec<Member>> {
    vec((any::<String>(), any::<Option<String>>(), option::of(texts()), 0..i64::MAX), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn data_messages_are_what_prost_writes(
        (from_group, group) in any::<(bool, String)>(),
        (content, metadata) in (any_data(), texts()),
        sequence_id in option::of(prop_oneof![any::<u64>(), 0..300_u64]),
        stream in parts(),
    ) {
        let Some(payload) = to_payload(&content) else { return Ok(()) };
        let (ours, stream) = (to_metadata(&metadata), stream.filter(|_| from_group));
        let failure = |[message, code]: &[String; 2]| StreamErrorMessage {
            name: "UserError".to_owned(),
            message: message.clone(),
            user_error_code: code.clone(),
        };
        let expected = Downstream::Data(DataMessage {
            from: if from_group { "group" } else { "server" }.to_owned(),
            group: from_group.then(|| group.clone()),
            data: data(content.clone()),
            sequence_id,
            metadata: metadata.clone(),
            stream: stream.as_ref().map(|(id, sequence_id, end)| StreamInfo {
                stream_id: id.clone(),
                stream_sequence_id: *sequence_id,
                end_of_stream: end.as_ref().map(|_| true),
                error: end.as_ref().and_then(Option::as_ref).map(failure),
            }),
        });
        let fields = written(|out| {
            if from_group {
                encode::open_group_message(out, &group, &payload, &ours);
            } else {
                encode::open_server_message(out, &payload, &ours);
            }
            if let Some((stream_id, sequence_id, end)) = &stream {
                let end = end.as_ref().map(|error| match error {
                    None => model::EndOfStream::Normal,
                    Some([message, code]) => model::EndOfStream::Failed(model::StreamFailure {
                        error: model::StreamError::UserError,
                        message: Some(message),
                        user_error_code: Some(code),
                    }),
                });
                let part = model::StreamPart { stream_id, sequence_id: *sequence_id, end };
                encode::stream_part(out, &part);
            }
        });
        let message = whole(Numbered::DataMessage, &fields, sequence_id);
        let written_at_once = written(|out| {
            Numbered::DataMessage.write(out, sequence_id, |out| out.extend_from_slice(&fields));
        });
        prop_assert_eq!(&message, &written_at_once);
        // The sequence id comes last, which is its place unless one of these follows.
        let is_out_of_order = sequence_id.is_some() && stream.is_some();
        same(&message, expected.clone(), is_out_of_order || !metadata.is_empty())?;
        if sequence_id.is_none() && stream.is_none() {
            let message = written(|out| if from_group {
                encode::group_message(out, &group, &payload, &ours);
            } else {
                encode::server_message(out, &payload, &ours);
            });
            same(&message, expected, !metadata.is_empty())?;
        }
    }

    #[test]
    fn answers_are_what_prost_writes(
        id: u64,
        [first, second, third]: [String; 3],
        token: Option<String>,
    ) {
        let message = written(|out| encode::ack_success(out, id));
        let expected = AckMessage { ack_id: id, success: true, error: None };
        same(&message, Downstream::Ack(expected), false)?;
        let error = |name: &str| {
            Some(ErrorMessage { name: name.to_owned(), message: first.clone() })
        };
        let message = written(|out| encode::ack_error(out, id, model::AckError::Duplicate, &first));
        let expected = AckMessage { ack_id: id, success: false, error: error("Duplicate") };
        same(&message, Downstream::Ack(expected), false)?;
        let message = written(|out| {
            encode::connected(out, Some(&first), &second, token.as_deref());
        });
        let expected = ConnectedMessage {
            connection_id: second.clone(), user_id: first.clone(), reconnection_token: token,
        };
        let system = |message| Downstream::System(SystemMessage { message: Some(message) });
        same(&message, system(System::Connected(expected)), false)?;
        let message = written(|out| encode::disconnected(out, &first));
        let expected = DisconnectedMessage { reason: first.clone() };
        same(&message, system(System::Disconnected(expected)), false)?;
        let message = written(|out| encode::stream_ack(out, &second, id));
        let expected = StreamAckMessage { stream_id: second.clone(), expected_sequence_id: id };
        same(&message, Downstream::StreamAck(expected), false)?;
        let message = written(|out| {
            encode::stream_nack(out, &second, id, model::StreamError::TransientError, &third);
        });
        let expected = StreamNackMessage {
            stream_id: second.clone(),
            name: "TransientError".to_owned(),
            message: third,
            expected_sequence_id: id,
        };
        same(&message, Downstream::StreamNack(expected), false)?;
        let closed = Some((model::StreamError::IdleTimeout, &first[..]));
        let message = written(|out| encode::stream_closed(out, &second, closed));
        let expected =
            StreamClosedMessage { stream_id: second.clone(), error: error("IdleTimeout") };
        same(&message, Downstream::StreamClosed(expected), false)?;
        let message = written(|out| {
            encode::invoke_error(out, &second, model::InvocationError::Timeout, &first);
        });
        let expected = InvokeResponseMessage {
            invocation_id: second, error: error("Timeout"), ..Default::default()
        };
        same(&message, Downstream::InvokeResponse(expected), false)?;
    }

    #[test]
    fn invocations_are_answered_as_prost_would(
        (id, content, metadata) in (any::<String>(), option::of(any_data()), texts()),
    ) {
        let payload = content.as_ref().and_then(to_payload);
        let ours = to_metadata(&metadata);
        let message = written(|out| encode::invoke_success(out, &id, payload.as_ref(), &ours));
        let (data, has_map) = (payload.as_ref().and_then(payload_back), !metadata.is_empty());
        let expected = InvokeResponseMessage {
            invocation_id: id.clone(), success: true, data, error: None, metadata,
        };
        same(&message, Downstream::InvokeResponse(expected), has_map)?;
    }

    #[test]
    fn group_states_are_what_prost_writes(
        group: String,
        members in members(),
        sequence_id: Option<u64>,
    ) {
        let states: Vec<_> = members.iter().map(|(.., state, _)| state.as_ref().map(|texts| {
            let mut builder = model::GroupStateBuilder::default();
            texts.iter().for_each(|(key, value)| builder.push(key, value));
            builder.finish().unwrap()
        })).collect();
        let items = || members.iter().zip(&states).map(|((id, user, _, updated_at), state)| {
            model::GroupStateItem {
                connection_id: id,
                user: user.as_deref(),
                state: state.as_ref(),
                updated_at_ms: updated_at.unsigned_abs(),
            }
        });
        let expected = |members: &[Member]| GroupStateMessage {
            group: group.clone(),
            items: members.iter().cloned().map(|(connection_id, user_id, state, updated_at)| {
                let state = state.map(|entries| GroupState { entries });
                GroupStateItem { connection_id, user_id, state, updated_at }
            }).collect(),
            sequence_id,
        };
        let has_map = states.iter().flatten().any(|state| !state.is_empty());
        let kind = Numbered::GroupStateSnapshot;
        let fields = written(|out| encode::open_group_state_snapshot(out, &group, items()));
        let message = whole(kind, &fields, sequence_id);
        prop_assert_eq!(&message, &written(|out| kind.write(out, sequence_id, |out| {
            out.extend_from_slice(&fields);
        })));
        same(&message, Downstream::GroupStateSnapshot(expected(&members)), has_map)?;
        if let Some(item) = items().next() {
            let fields = written(|out| encode::open_group_state_update(out, &group, item));
            let message = whole(Numbered::GroupStateUpdate, &fields, sequence_id);
            same(&message, Downstream::GroupStateUpdate(expected(&members[..1])), has_map)?;
        }
    }
}
