//! Group streams (`client-json.md` section 7).
//!
//! Two kinds of mistakes: what breaks a rule on its value is malformed, as everywhere; a valid
//! value that does not belong here, or a missing one, is part of the message and ends at most the
//! stream.

use super::properties::{Properties, id_of, inner_values, payload_of, text_of};
use crate::protocol::subprotocol::json::scan::{Kind, Value};
use crate::protocol::subprotocol::{
    ClientMessage, MessageError, Property, STREAM_IDLE_TIMEOUT_MS_DEFAULT, StreamContent,
    StreamData, StreamEnd, StreamSettings, StreamStart, UserError,
};

impl<'a> Properties<'a> {
    /// Section 7.1, `stream` being the object of that name.
    #[inline(never)]
    pub(super) fn stream_start(&self, stream: &'a str) -> Result<ClientMessage<'a>, MessageError> {
        let [stream_id, idle_timeout] =
            inner_values(stream, [Property::StreamId, Property::IdleTimeoutMs])?;
        let stream_id = stream_id.ok_or(MessageError::Missing(Property::StreamId))?;
        let stream_id = id_of(text_of(stream_id, Property::StreamId)?, Property::StreamId)?;
        let (group, ack_id, no_echo) = (self.group()?, self.ack_id()?, self.no_echo()?);
        let (misplaced, idle_timeout) = (self.misplaced()?, idle_timeout_ms(idle_timeout)?);
        let settings = match misplaced {
            Some(property) => Err(MessageError::NotAllowed(property)),
            None => idle_timeout.map(|idle_timeout_ms| StreamSettings { no_echo, idle_timeout_ms }),
        };
        Ok(ClientMessage::StreamStart(StreamStart { group, stream_id, ack_id, settings }))
    }

    /// A property of a message to publish, which the start of a stream is not.
    fn misplaced(&self) -> Result<Option<Property>, MessageError> {
        self.ttl_seconds()?;
        let has_data_type = self.data_type()?.is_some();
        let has_metadata = !self.metadata()?.is_empty();
        Ok(if self.data().is_some() {
            Some(Property::Data)
        } else if has_data_type {
            Some(Property::DataType)
        } else if has_metadata {
            Some(Property::Metadata)
        } else {
            self.value(Property::TtlSeconds).map(|_| Property::TtlSeconds)
        })
    }

    /// Section 3.4. Of the event itself only the name is looked at: it is not going to be raised.
    #[inline(never)]
    pub(super) fn event_with_stream(
        &self,
        stream: &'a str,
    ) -> Result<ClientMessage<'a>, MessageError> {
        let [stream_id] = inner_values(stream, [Property::StreamId])?;
        let stream_id = stream_id.ok_or(MessageError::Missing(Property::StreamId))?;
        let stream_id = id_of(text_of(stream_id, Property::StreamId)?, Property::StreamId)?;
        self.event_name()?;
        Ok(ClientMessage::EventWithStream { stream_id, ack_id: self.ack_id()? })
    }

    /// Section 7.2. Unlike elsewhere, `dataType` has no default.
    #[inline(never)]
    pub(super) fn stream_data(&self) -> Result<ClientMessage<'a>, MessageError> {
        let stream_id = self.required_text(Property::StreamId)?;
        let sequence_id = self.integer(Property::StreamSequenceId)?;
        let data_type = self.data_type()?;
        let content = match (sequence_id, data_type, self.data()) {
            (None, None, None) => StreamContent::KeepAlive,
            (sequence_id, Some(data_type), Some(data)) => {
                let payload = payload_of(data_type, data)?;
                match sequence_id {
                    None => refused(MessageError::Missing(Property::StreamSequenceId)),
                    Some(0) => refused(MessageError::Invalid(Property::StreamSequenceId)),
                    Some(sequence_id) => StreamContent::Fragment { sequence_id, payload },
                }
            }
            (_, None, _) => refused(MessageError::Missing(Property::DataType)),
            (_, _, None) => refused(MessageError::Missing(Property::Data)),
        };
        Ok(ClientMessage::StreamData(StreamData { stream_id, content }))
    }

    /// Section 7.3.
    #[inline(never)]
    pub(super) fn stream_end(&self) -> Result<ClientMessage<'a>, MessageError> {
        let stream_id = self.required_text(Property::StreamId)?;
        let error = self.object(Property::Error)?.map(user_error).transpose()?;
        Ok(ClientMessage::StreamEnd(StreamEnd { stream_id, error }))
    }
}

fn refused(error: MessageError) -> StreamContent<'static> {
    StreamContent::Refused(error)
}

fn user_error(object: &str) -> Result<UserError<'_>, MessageError> {
    let wanted = [Property::Message, Property::UserErrorCode];
    let [message, code] = inner_values(object, wanted)?;
    Ok(UserError {
        message: message.map(|value| text_of(value, Property::Message)).transpose()?,
        user_error_code: code.map(|value| text_of(value, Property::UserErrorCode)).transpose()?,
    })
}

/// The outer error is for what is no integer, the inner one for integers that are no timeout.
fn idle_timeout_ms(value: Option<Value<'_>>) -> Result<Result<u32, MessageError>, MessageError> {
    let Some(Value { kind, source }) = value else { return Ok(Ok(STREAM_IDLE_TIMEOUT_MS_DEFAULT)) };
    let invalid = MessageError::Invalid(Property::IdleTimeoutMs);
    let digits = source.strip_prefix('-').unwrap_or(source);
    if kind != Kind::Number || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid);
    }
    let idle_timeout_ms = source.parse().ok().filter(|&idle_timeout_ms: &u32| idle_timeout_ms > 0);
    Ok(idle_timeout_ms.ok_or(invalid))
}
