//! Random requests in the oracle's types: mostly valid, now and then against a rule.

use proptest::collection::{hash_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;

use super::Texts;
use crate::protocol::subprotocol::protobuf::tests::from_prost;
use crate::protocol::subprotocol::protobuf::tests::schema::{
    Any, Data, EventMessage, GroupRequest, GroupState, InvokeEventMessage, MessageData,
    SendToGroupMessage, SequenceAckMessage, SetGroupStateMessage, StreamDataMessage,
    StreamEndError, StreamEndMessage, StreamStartInfo, Upstream,
};

pub(super) fn texts() -> impl Strategy<Value = Texts> {
    hash_map("[a-z!#$%&'*+.^_`|~-]{1,9}", "[ -~]{0,20}", 0..4)
}

pub(super) fn any_data() -> impl Strategy<Value = Data> {
    prop_oneof![
        any::<String>().prop_map(Data::Text),
        any::<Vec<u8>>().prop_map(Data::Binary),
        (any::<String>(), any::<Vec<u8>>())
            .prop_map(|(type_url, value)| Data::Protobuf(Any { type_url, value })),
        "\\{\"a\": [1-9]{1,9}\\}|\"[a-z]{0,9}\"| true |\\[1, \\[\\]\\]".prop_map(Data::Json),
        "null|\\{|[a-z]".prop_map(Data::Json),
    ]
}

fn message_data() -> impl Strategy<Value = Option<MessageData>> {
    option::weighted(0.9, option::weighted(0.95, any_data()).prop_map(|data| MessageData { data }))
}

fn stream() -> impl Strategy<Value = Option<StreamStartInfo>> {
    let info = ("[a-z]{0,9}", any::<Option<u32>>());
    let info = info
        .prop_map(|(stream_id, idle_timeout_ms)| StreamStartInfo { stream_id, idle_timeout_ms });
    option::weighted(0.2, info)
}

fn send_to_group() -> impl Strategy<Value = Upstream> {
    let ttl_seconds = option::of(0..310_u32);
    (
        ".{0,9}",
        any::<Option<u64>>(),
        message_data(),
        any::<Option<bool>>(),
        ttl_seconds,
        texts(),
        stream(),
    )
        .prop_map(|(group, ack_id, data, no_echo, ttl_seconds, metadata, stream)| {
            Upstream::SendToGroup(SendToGroupMessage {
                group,
                ack_id,
                data,
                no_echo,
                ttl_seconds,
                metadata,
                stream,
            })
        })
}

fn event() -> impl Strategy<Value = Upstream> {
    ("[a-z]{0,9}", message_data(), any::<Option<u64>>(), texts(), stream()).prop_map(
        |(event, data, ack_id, metadata, stream)| {
            Upstream::Event(EventMessage { event, data, ack_id, metadata, stream })
        },
    )
}

fn invoke() -> impl Strategy<Value = Upstream> {
    ("[a-z]{0,9}", "[0-9]{0,3}", message_data(), texts(), stream()).prop_map(
        |(event, invocation_id, data, metadata, stream)| {
            let message = InvokeEventMessage { event, invocation_id, data, metadata, stream };
            Upstream::Invoke(message)
        },
    )
}

fn group_request() -> impl Strategy<Value = Upstream> {
    let member = prop::sample::select(vec![
        Upstream::JoinGroup,
        Upstream::LeaveGroup,
        Upstream::SubscribeGroupState,
        Upstream::UnsubscribeGroupState,
    ]);
    (member, ".{0,9}", any::<Option<u64>>())
        .prop_map(|(member, group, ack_id)| member(GroupRequest { group, ack_id }))
}

fn stream_request() -> impl Strategy<Value = Upstream> {
    let error = (any::<Option<String>>(), any::<Option<String>>());
    let error =
        error.prop_map(|(message, user_error_code)| StreamEndError { message, user_error_code });
    prop_oneof![
        ("[a-z]{0,9}", option::of(0..9_u64), message_data()).prop_map(
            |(stream_id, stream_sequence_id, data)| {
                Upstream::StreamData(StreamDataMessage { stream_id, stream_sequence_id, data })
            }
        ),
        ("[a-z]{0,9}", option::of(error)).prop_map(|(stream_id, error)| {
            Upstream::StreamEnd(StreamEndMessage { stream_id, error })
        }),
    ]
}

fn set_group_state() -> impl Strategy<Value = Upstream> {
    let state = hash_map(any::<String>(), any::<String>(), 0..4);
    let state = option::of(state.prop_map(|entries| GroupState { entries }));
    (".{0,9}", any::<Option<u64>>(), state).prop_map(|(group, ack_id, state)| {
        Upstream::SetGroupState(SetGroupStateMessage { group, ack_id, state })
    })
}

pub(super) fn upstream() -> impl Strategy<Value = Upstream> {
    prop_oneof![
        4 => send_to_group(),
        1 => event(),
        1 => invoke(),
        1 => group_request(),
        1 => stream_request(),
        1 => set_group_state(),
        1 => any::<u64>().prop_map(|sequence_id| {
            Upstream::SequenceAck(SequenceAckMessage { sequence_id })
        }),
    ]
}

/// The bytes of a message, more often than not with some damage.
pub(super) fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), 0..5, any::<u8>());
    let second = option::weighted(0.3, upstream());
    (upstream(), second, vec(change, 0..4)).prop_map(|(first, second, changes)| {
        let mut bytes = from_prost(first);
        bytes.extend(second.map(from_prost).unwrap_or_default());
        for (index, kind, byte) in changes {
            let at = index.index(bytes.len() + 1);
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => bytes[at] ^= 1 << (byte & 7),
                2 if at < bytes.len() => drop(bytes.remove(at)),
                3 => bytes.truncate(at),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}
