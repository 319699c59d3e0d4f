//! From the text of one WebSocket message to a [`ClientMessage`].
//!
//! Two steps: the members of the object are collected; then the type decides which of them are
//! read and how (`client-json.md` section 3). Case is ignored in the values of `type` and
//! `dataType`, nowhere else.
//!
//! The many messages of every connection are decoded here, the others beside. Those are kept out
//! of line, so that they cost a plain `sendToGroup` nothing.

mod group_state;
mod invocation;
mod properties;
mod stream;

use self::properties::Properties;
use crate::protocol::subprotocol::{ClientMessage, Event, MessageError, Property, SendToGroup};

/// Decodes one message, borrowing from it (`client-json.md` sections 1 to 3).
pub fn decode(text: &str) -> Result<ClientMessage<'_>, MessageError> {
    let mut properties = Properties::none();
    properties.read(text)?;
    match properties.message_type()? {
        MessageType::SendToGroup => properties.send_to_group(),
        MessageType::Event => properties.event(),
        MessageType::JoinGroup => Ok(ClientMessage::JoinGroup {
            group: properties.group()?,
            ack_id: properties.ack_id()?,
        }),
        MessageType::LeaveGroup => Ok(ClientMessage::LeaveGroup {
            group: properties.group()?,
            ack_id: properties.ack_id()?,
        }),
        MessageType::SequenceAck => Ok(ClientMessage::SequenceAck {
            sequence_id: properties
                .integer(Property::SequenceId)?
                .ok_or(MessageError::Missing(Property::SequenceId))?,
        }),
        MessageType::Ping => Ok(ClientMessage::Ping),
        MessageType::StreamData => properties.stream_data(),
        MessageType::StreamEnd => properties.stream_end(),
        MessageType::Invoke => properties.invoke(),
        MessageType::CancelInvocation => Ok(ClientMessage::CancelInvocation {
            invocation_id: properties.required_text(Property::InvocationId)?,
        }),
        MessageType::InvokeResponse => Ok(ClientMessage::InvokeResponse),
        MessageType::SetGroupState => properties.set_group_state(),
        MessageType::SubscribeGroupState => Ok(ClientMessage::SubscribeGroupState {
            group: properties.group()?,
            ack_id: properties.ack_id()?,
        }),
        MessageType::UnsubscribeGroupState => Ok(ClientMessage::UnsubscribeGroupState {
            group: properties.group()?,
            ack_id: properties.ack_id()?,
        }),
    }
}

enum MessageType {
    SendToGroup,
    Event,
    JoinGroup,
    LeaveGroup,
    SequenceAck,
    Ping,
    StreamData,
    StreamEnd,
    Invoke,
    CancelInvocation,
    InvokeResponse,
    SetGroupState,
    SubscribeGroupState,
    UnsubscribeGroupState,
}

impl MessageType {
    fn from_name(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        Some(match name.len() {
            4 if is("ping") => Self::Ping,
            5 if is("event") => Self::Event,
            6 if is("invoke") => Self::Invoke,
            9 if is("joinGroup") => Self::JoinGroup,
            9 if is("streamEnd") => Self::StreamEnd,
            10 if is("leaveGroup") => Self::LeaveGroup,
            10 if is("streamData") => Self::StreamData,
            11 if is("sendToGroup") => Self::SendToGroup,
            11 if is("sequenceAck") => Self::SequenceAck,
            13 if is("setGroupState") => Self::SetGroupState,
            14 if is("invokeResponse") => Self::InvokeResponse,
            16 if is("cancelInvocation") => Self::CancelInvocation,
            19 if is("subscribeGroupState") => Self::SubscribeGroupState,
            21 if is("unsubscribeGroupState") => Self::UnsubscribeGroupState,
            _ => return None,
        })
    }
}

impl<'a> Properties<'a> {
    #[inline(always)]
    fn message_type(&self) -> Result<MessageType, MessageError> {
        let name = self.required_text(Property::Type)?;
        MessageType::from_name(&name).ok_or(MessageError::UnknownType)
    }

    /// Section 3.3.
    fn send_to_group(&self) -> Result<ClientMessage<'a>, MessageError> {
        if let Some(stream) = self.object(Property::Stream)? {
            return self.stream_start(stream);
        }
        let metadata = self.metadata()?;
        Ok(ClientMessage::SendToGroup(SendToGroup {
            group: self.group()?,
            payload: self.payload(&metadata)?,
            no_echo: self.no_echo()?,
            ack_id: self.ack_id()?,
            ttl_seconds: self.ttl_seconds()?,
            metadata,
        }))
    }

    /// Section 3.4.
    fn event(&self) -> Result<ClientMessage<'a>, MessageError> {
        if let Some(stream) = self.object(Property::Stream)? {
            return self.event_with_stream(stream);
        }
        let event = self.event_name()?;
        let metadata = self.metadata()?;
        let payload = self.payload(&metadata)?;
        Ok(ClientMessage::Event(Event { event, payload, ack_id: self.ack_id()?, metadata }))
    }
}
