//! From our model to the oracle's types and back.

use std::borrow::Cow;

use prost::Message;

use super::Texts;
use crate::protocol::subprotocol::protobuf::tests::data;
use crate::protocol::subprotocol::protobuf::tests::schema::{
    Any, Data, EventMessage, GroupRequest, GroupState, InvokeEventMessage, MessageData,
    SendToGroupMessage, SequenceAckMessage, SetGroupStateMessage, StreamDataMessage,
    StreamEndError, StreamEndMessage, StreamStartInfo, Upstream,
};
use crate::protocol::subprotocol::{
    ClientMessage, DataType, Metadata, MetadataBuilder, Payload, RepeatedKey, StreamContent,
};

fn collect<'a>(entries: impl Iterator<Item = (&'a str, &'a str)>) -> Texts {
    entries.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

pub(super) fn payload_back(payload: &Payload<'_>) -> Option<MessageData> {
    let bytes = payload.bytes().into_owned();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    data(match payload.data_type() {
        DataType::Text => Data::Text(text(bytes)),
        DataType::Binary => Data::Binary(bytes),
        DataType::Protobuf => Data::Protobuf(Any::decode(&bytes[..]).unwrap()),
        DataType::Json => Data::Json(text(bytes)),
    })
}

/// A decoded message in the oracle's types, unless too little is left of it.
pub(super) fn back(message: ClientMessage<'_>) -> Option<Upstream> {
    let request = |group: Cow<'_, str>, ack_id| GroupRequest { group: group.into_owned(), ack_id };
    Some(match message {
        ClientMessage::JoinGroup { group, ack_id } => Upstream::JoinGroup(request(group, ack_id)),
        ClientMessage::LeaveGroup { group, ack_id } => Upstream::LeaveGroup(request(group, ack_id)),
        ClientMessage::SubscribeGroupState { group, ack_id } => {
            Upstream::SubscribeGroupState(request(group, ack_id))
        }
        ClientMessage::UnsubscribeGroupState { group, ack_id } => {
            Upstream::UnsubscribeGroupState(request(group, ack_id))
        }
        ClientMessage::SendToGroup(send) => Upstream::SendToGroup(SendToGroupMessage {
            group: send.group.into_owned(),
            ack_id: send.ack_id,
            data: payload_back(&send.payload),
            no_echo: Some(send.no_echo),
            ttl_seconds: Some(send.ttl_seconds.into()),
            metadata: collect(send.metadata.iter()),
            stream: None,
        }),
        ClientMessage::StreamStart(start) => {
            let settings = start.settings.ok()?;
            Upstream::SendToGroup(SendToGroupMessage {
                group: start.group.into_owned(),
                ack_id: start.ack_id,
                no_echo: Some(settings.no_echo),
                stream: Some(StreamStartInfo {
                    stream_id: start.stream_id.into_owned(),
                    idle_timeout_ms: Some(settings.idle_timeout_ms),
                }),
                ..Default::default()
            })
        }
        ClientMessage::Event(event) => Upstream::Event(EventMessage {
            event: event.event.into_owned(),
            data: payload_back(&event.payload),
            ack_id: event.ack_id,
            metadata: collect(event.metadata.iter()),
            stream: None,
        }),
        ClientMessage::Invoke(invoke) => {
            let request = invoke.request.ok()?;
            Upstream::Invoke(InvokeEventMessage {
                event: request.event.into_owned(),
                invocation_id: invoke.invocation_id.into_owned(),
                data: request.payload.as_ref().and_then(payload_back),
                metadata: collect(request.metadata.iter()),
                stream: None,
            })
        }
        ClientMessage::SequenceAck { sequence_id } => {
            Upstream::SequenceAck(SequenceAckMessage { sequence_id })
        }
        ClientMessage::StreamData(data) => {
            let (stream_sequence_id, payload) = match data.content {
                StreamContent::KeepAlive => (None, None),
                StreamContent::Fragment { sequence_id, payload } => {
                    (Some(sequence_id), payload_back(&payload))
                }
                StreamContent::Refused(_) => return None,
            };
            Upstream::StreamData(StreamDataMessage {
                stream_id: data.stream_id.into_owned(),
                stream_sequence_id,
                data: payload,
            })
        }
        ClientMessage::StreamEnd(end) => Upstream::StreamEnd(StreamEndMessage {
            stream_id: end.stream_id.into_owned(),
            error: end.error.map(|error| StreamEndError {
                message: error.message.map(Into::into),
                user_error_code: error.user_error_code.map(Into::into),
            }),
        }),
        ClientMessage::SetGroupState(set) => Upstream::SetGroupState(SetGroupStateMessage {
            group: set.group.into_owned(),
            ack_id: set.ack_id,
            state: set.state.ok()?.map(|state| GroupState { entries: collect(state.iter()) }),
        }),
        _ => return None,
    })
}

/// The oracle's message with everything said that has a default.
pub(super) fn spelled_out(mut message: Upstream) -> Upstream {
    let empty_text = |message_data: &mut Option<MessageData>, metadata: &Texts| {
        if message_data.as_ref().is_none_or(|data| data.data.is_none()) && !metadata.is_empty() {
            *message_data = data(Data::Text(String::new()));
        }
    };
    match &mut message {
        Upstream::SendToGroup(send) => {
            send.no_echo.get_or_insert_default();
            match &mut send.stream {
                Some(stream) => {
                    stream.idle_timeout_ms.get_or_insert(300_000);
                    send.data = None;
                }
                None => {
                    send.ttl_seconds.get_or_insert_default();
                    empty_text(&mut send.data, &send.metadata);
                }
            }
        }
        Upstream::Event(event) => empty_text(&mut event.data, &event.metadata),
        _ => {}
    }
    message
}

pub(super) fn to_metadata(texts: &Texts) -> Metadata<'_> {
    let mut builder = MetadataBuilder::default();
    for (key, value) in texts {
        builder.push(key, value).unwrap();
    }
    builder.finish(RepeatedKey::Refused).unwrap()
}

pub(super) fn to_payload(data: &Data) -> Option<Payload<'_>> {
    match data {
        Data::Text(text) => Some(Payload::text(text)),
        Data::Binary(bytes) => Some(Payload::binary(&bytes[..])),
        Data::Protobuf(any) => Payload::from_bytes(DataType::Protobuf, any.encode_to_vec()),
        Data::Json(text) => Payload::from_bytes(DataType::Json, text.as_bytes()),
    }
}
