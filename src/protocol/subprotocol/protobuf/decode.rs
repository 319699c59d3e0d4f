//! From the bytes of one WebSocket message to a [`ClientMessage`].
//!
//! Three steps: the member of the oneof that counts is found, the last one on the wire; its bytes
//! are read as the message they should be; then the rules of `client-json.md` decide, which are
//! the same for both encodings. What is malformed here is malformed there.
//!
//! A field without presence cannot be told from one with its default value. An empty text
//! therefore counts as a missing one where a rule forbids it, and as itself where none does: the
//! stream `""` is not found, and 0 acknowledges nothing.

use std::borrow::Cow;

use super::upstream::{
    CancelInvocationMessage, Data, EventMessage, GroupRequest, InvokeEventMessage, Message,
    MessageData, PingMessage, SendToGroupMessage, SequenceAckMessage, SetGroupStateMessage,
    StreamDataMessage, StreamEndMessage,
};
use super::wire::{Fields, Malformed, Value};
use crate::protocol::subprotocol::{
    ClientMessage, DataType, Event, Invoke, InvokeRequest, MessageError, Metadata, Payload,
    Property, STREAM_IDLE_TIMEOUT_MS_DEFAULT, SendToGroup, SetGroupState, StreamContent,
    StreamData, StreamEnd, StreamSettings, StreamStart, TTL_SECONDS_MAX, UserError,
    is_valid_event_name, is_valid_id, json, validate_group_name,
};

impl From<Malformed> for MessageError {
    fn from(_: Malformed) -> Self {
        Self::NotProtobuf
    }
}

/// Decodes one `UpstreamMessage`, borrowing from it (`client-protobuf.md` section 2).
pub fn decode(message: &[u8]) -> Result<ClientMessage<'_>, MessageError> {
    let (number, occurrences) = last_member(message)?;
    decode_member(number, occurrences)
}

/// Whether a field of `UpstreamMessage` is a member of its oneof.
fn is_member(field: u32) -> bool {
    matches!(field, 1 | 5..=11 | 13..=17)
}

/// The member that counts, and a part of the message in which it occurs and no other does.
fn last_member(message: &[u8]) -> Result<(u32, &[u8]), MessageError> {
    let mut last: Option<(u32, &[u8])> = None;
    let mut fields = Fields::new(message);
    let mut here = fields.rest();
    while let Some(field) = fields.next() {
        if let (number, Value::Bytes(_)) = field?
            && is_member(number)
            && last.is_none_or(|(last, _)| last != number)
        {
            if let Some((superseded, start)) = last {
                let occurrences = start.get(..start.len() - here.len()).unwrap_or_default();
                check_wire(superseded, occurrences)?;
            }
            last = Some((number, here));
        }
        here = fields.rest();
    }
    last.ok_or(MessageError::UnknownType)
}

/// What a superseded member says does not matter. It still has to be a message: to other parsers
/// the whole is undecodable otherwise.
#[cold]
fn check_wire(member: u32, occurrences: &[u8]) -> Result<(), MessageError> {
    match decode_member(member, occurrences) {
        Err(MessageError::NotProtobuf) => Err(MessageError::NotProtobuf),
        _ => Ok(()),
    }
}

fn decode_member(member: u32, occurrences: &[u8]) -> Result<ClientMessage<'_>, MessageError> {
    match member {
        1 => send_to_group(read(member, occurrences)?),
        5 => event(read(member, occurrences)?),
        6 => {
            let (group, ack_id) = group_request(&read(member, occurrences)?)?;
            Ok(ClientMessage::JoinGroup { group, ack_id })
        }
        7 => {
            let (group, ack_id) = group_request(&read(member, occurrences)?)?;
            Ok(ClientMessage::LeaveGroup { group, ack_id })
        }
        8 => {
            let SequenceAckMessage { sequence_id } = read(member, occurrences)?;
            Ok(ClientMessage::SequenceAck { sequence_id })
        }
        9 => {
            let PingMessage = read(member, occurrences)?;
            Ok(ClientMessage::Ping)
        }
        10 => invoke(read(member, occurrences)?),
        11 => {
            let CancelInvocationMessage { invocation_id } = read(member, occurrences)?;
            Ok(ClientMessage::CancelInvocation { invocation_id: invocation_id.into() })
        }
        13 => stream_data(read(member, occurrences)?),
        14 => Ok(stream_end(read(member, occurrences)?)),
        15 => set_group_state(read(member, occurrences)?),
        16 => {
            let (group, ack_id) = group_request(&read(member, occurrences)?)?;
            Ok(ClientMessage::SubscribeGroupState { group, ack_id })
        }
        17 => {
            let (group, ack_id) = group_request(&read(member, occurrences)?)?;
            Ok(ClientMessage::UnsubscribeGroupState { group, ack_id })
        }
        _ => Err(MessageError::UnknownType),
    }
}

/// All occurrences of a member, merged.
#[inline(always)]
fn read<'a, M: Message<'a>>(member: u32, occurrences: &'a [u8]) -> Result<M, Malformed> {
    let mut message = M::default();
    for field in Fields::new(occurrences) {
        if let (number, Value::Bytes(bytes)) = field?
            && number == member
        {
            message.merge(bytes)?;
        }
    }
    Ok(message)
}

/// `client-json.md` section 3.3.
#[inline(always)]
fn send_to_group(message: SendToGroupMessage<'_>) -> Result<ClientMessage<'_>, MessageError> {
    let group = group(message.group)?;
    let ttl_seconds = ttl_seconds(message.ttl_seconds)?;
    let metadata = message.metadata.finish()?;
    if let Some(stream) = message.stream {
        let settings = stream_settings(message.no_echo, stream.idle_timeout_ms);
        // Data without a member is none.
        let misplaced = if message.data.is_some_and(|data| data.data.is_some()) {
            Some(Property::Data)
        } else if !metadata.is_empty() {
            Some(Property::Metadata)
        } else {
            message.ttl_seconds.map(|_| Property::TtlSeconds)
        };
        return Ok(ClientMessage::StreamStart(StreamStart {
            group: group.into(),
            stream_id: id(stream.stream_id, Property::StreamId)?.into(),
            ack_id: message.ack_id,
            settings: misplaced
                .map_or(settings, |property| Err(MessageError::NotAllowed(property))),
        }));
    }
    Ok(ClientMessage::SendToGroup(SendToGroup {
        group: group.into(),
        payload: payload(message.data, &metadata)?,
        no_echo: message.no_echo,
        ack_id: message.ack_id,
        ttl_seconds,
        metadata,
    }))
}

/// `client-json.md` section 7.1.
fn stream_settings(
    no_echo: bool,
    idle_timeout_ms: Option<u32>,
) -> Result<StreamSettings, MessageError> {
    match idle_timeout_ms.unwrap_or(STREAM_IDLE_TIMEOUT_MS_DEFAULT) {
        0 => Err(MessageError::Invalid(Property::IdleTimeoutMs)),
        idle_timeout_ms => Ok(StreamSettings { no_echo, idle_timeout_ms }),
    }
}

/// `client-json.md` section 3.4.
fn event(message: EventMessage<'_>) -> Result<ClientMessage<'_>, MessageError> {
    let event = event_name(message.event)?;
    if let Some(stream) = message.stream {
        let stream_id = id(stream.stream_id, Property::StreamId)?.into();
        return Ok(ClientMessage::EventWithStream { stream_id, ack_id: message.ack_id });
    }
    let metadata = message.metadata.finish()?;
    Ok(ClientMessage::Event(Event {
        event: event.into(),
        payload: payload(message.data, &metadata)?,
        ack_id: message.ack_id,
        metadata,
    }))
}

/// `client-json.md` section 3.7.
fn invoke(message: InvokeEventMessage<'_>) -> Result<ClientMessage<'_>, MessageError> {
    Ok(ClientMessage::Invoke(Invoke {
        invocation_id: id(message.invocation_id, Property::InvocationId)?.into(),
        request: invoke_request(message),
    }))
}

fn invoke_request(message: InvokeEventMessage<'_>) -> Result<InvokeRequest<'_>, MessageError> {
    if message.stream.is_some() {
        return Err(MessageError::NotAllowed(Property::Stream));
    }
    let event = event_name(message.event)?;
    let metadata = message.metadata.finish()?;
    // Metadata does not stand in for a payload here: there may be none.
    let payload = message.data.map(payload_of).transpose()?;
    Ok(InvokeRequest { event: event.into(), payload, metadata })
}

/// `client-json.md` section 7.2.
fn stream_data(message: StreamDataMessage<'_>) -> Result<ClientMessage<'_>, MessageError> {
    let payload = message.data.map(payload_of).transpose()?;
    let missing = |property| StreamContent::Refused(MessageError::Missing(property));
    let content = match (message.stream_sequence_id, payload) {
        (None, None) => StreamContent::KeepAlive,
        (None, Some(_)) => missing(Property::StreamSequenceId),
        (Some(_), None) => missing(Property::Data),
        (Some(0), _) => StreamContent::Refused(MessageError::Invalid(Property::StreamSequenceId)),
        (Some(sequence_id), Some(payload)) => StreamContent::Fragment { sequence_id, payload },
    };
    Ok(ClientMessage::StreamData(StreamData { stream_id: message.stream_id.into(), content }))
}

/// `client-json.md` section 7.3.
fn stream_end(message: StreamEndMessage<'_>) -> ClientMessage<'_> {
    let error = message.error.map(|error| UserError {
        message: error.message.map(Into::into),
        user_error_code: error.user_error_code.map(Into::into),
    });
    ClientMessage::StreamEnd(StreamEnd { stream_id: message.stream_id.into(), error })
}

/// `client-json.md` section 9. No state clears, an empty one does not.
fn set_group_state(message: SetGroupStateMessage<'_>) -> Result<ClientMessage<'_>, MessageError> {
    Ok(ClientMessage::SetGroupState(SetGroupState {
        group: group(message.group)?.into(),
        state: message.state.map(|state| state.entries.finish()).transpose(),
        ack_id: message.ack_id,
    }))
}

fn group_request<'a>(
    message: &GroupRequest<'a>,
) -> Result<(Cow<'a, str>, Option<u64>), MessageError> {
    Ok((group(message.group)?.into(), message.ack_id))
}

fn group(name: &str) -> Result<&str, MessageError> {
    required(name, validate_group_name(name), Property::Group)
}

fn event_name(name: &str) -> Result<&str, MessageError> {
    required(name, is_valid_event_name(name), Property::Event)
}

fn id(id: &str, property: Property) -> Result<&str, MessageError> {
    required(id, is_valid_id(id), property)
}

fn required(text: &str, is_valid: bool, property: Property) -> Result<&str, MessageError> {
    if is_valid {
        Ok(text)
    } else if text.is_empty() {
        Err(MessageError::Missing(property))
    } else {
        Err(MessageError::Invalid(property))
    }
}

/// The payload of a message that must have one. Metadata alone stands for an empty text
/// (`client-protobuf.md` section 2).
fn payload<'a>(
    data: Option<MessageData<'a>>,
    metadata: &Metadata<'a>,
) -> Result<Payload<'a>, MessageError> {
    match data {
        Some(data) if data.data.is_some() || metadata.is_empty() => payload_of(data),
        None if metadata.is_empty() => Err(MessageError::Missing(Property::Data)),
        _ => Ok(Payload::text("")),
    }
}

fn payload_of(data: MessageData<'_>) -> Result<Payload<'_>, MessageError> {
    let payload = match data.data.ok_or(MessageError::Missing(Property::Data))? {
        Data::Text(text) => Some(Payload::text(text)),
        Data::Binary(bytes) => Some(Payload::binary(bytes)),
        Data::Protobuf(any) => Payload::from_bytes(DataType::Protobuf, any),
        Data::Json(text) => {
            (json::is_value(text) && !is_null(text)).then(|| Payload::from_json_value(text))
        }
    };
    payload.ok_or(MessageError::Invalid(Property::Data))
}

/// Whether a text that is JSON is `null`, which cannot be published.
fn is_null(text: &str) -> bool {
    text.trim_ascii() == "null"
}

/// `client-json.md` section 2.6.
fn ttl_seconds(seconds: Option<u32>) -> Result<u16, MessageError> {
    u16::try_from(seconds.unwrap_or(0))
        .ok()
        .filter(|seconds| *seconds <= TTL_SECONDS_MAX)
        .ok_or(MessageError::Invalid(Property::TtlSeconds))
}
