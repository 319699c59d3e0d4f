//! The messages of clients as the wire has them (`client-protobuf.md` section 2).
//!
//! A value here is proto3 and nothing more: a field is unset, or set to anything its type allows.
//! What that means, and whether it is allowed, is the decoder's business.
//!
//! Parsers agree on three things that these types keep. A field that comes again replaces the one
//! before, but an embedded message is merged into it. Of a oneof the last member counts. A known
//! number with a foreign wire type is an unknown field, and unknown fields are ignored.

use std::borrow::Cow;

use super::wire::Value::{self, Bytes, Number};
use super::wire::{Fields, Malformed, text};
use crate::protocol::subprotocol::{
    GroupStateBuilder, Metadata, MetadataBuilder, MetadataError, RepeatedKey,
};

/// A message that is filled field by field.
pub(super) trait Message<'a>: Default {
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed>;

    /// Takes over what `bytes` set.
    #[inline(always)]
    fn merge(&mut self, bytes: &'a [u8]) -> Result<(), Malformed> {
        for field in Fields::new(bytes) {
            let (number, value) = field?;
            self.set(number, value)?;
        }
        Ok(())
    }
}

/// Takes an embedded message, which is set even if it has no fields.
#[inline(always)]
fn merge<'a, M: Message<'a>>(into: &mut Option<M>, bytes: &'a [u8]) -> Result<(), Malformed> {
    into.get_or_insert_default().merge(bytes)
}

/// `uint32` takes the lower half of a longer number.
fn uint32(number: u64) -> u32 {
    (number & 0xffff_ffff) as u32
}

#[derive(Default)]
pub(super) struct SendToGroupMessage<'a> {
    pub group: &'a str,
    pub ack_id: Option<u64>,
    pub data: Option<MessageData<'a>>,
    pub no_echo: bool,
    pub ttl_seconds: Option<u32>,
    pub metadata: MetadataMap<'a>,
    pub stream: Option<StreamStartInfo<'a>>,
}

impl<'a> Message<'a> for SendToGroupMessage<'a> {
    #[inline(always)]
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed> {
        match (field, value) {
            (1, Bytes(bytes)) => self.group = text(bytes)?,
            (2, Number(number)) => self.ack_id = Some(number),
            (3, Bytes(bytes)) => merge(&mut self.data, bytes)?,
            (4, Number(number)) => self.no_echo = number != 0,
            (5, Number(number)) => self.ttl_seconds = Some(uint32(number)),
            (6, Bytes(bytes)) => self.metadata.push(bytes)?,
            (7, Bytes(bytes)) => merge(&mut self.stream, bytes)?,
            _ => {}
        }
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct EventMessage<'a> {
    pub event: &'a str,
    pub data: Option<MessageData<'a>>,
    pub ack_id: Option<u64>,
    pub metadata: MetadataMap<'a>,
    pub stream: Option<StreamStartInfo<'a>>,
}

impl<'a> Message<'a> for EventMessage<'a> {
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed> {
        match (field, value) {
            (1, Bytes(bytes)) => self.event = text(bytes)?,
            (2, Bytes(bytes)) => merge(&mut self.data, bytes)?,
            (3, Number(number)) => self.ack_id = Some(number),
            (4, Bytes(bytes)) => self.metadata.push(bytes)?,
            (5, Bytes(bytes)) => merge(&mut self.stream, bytes)?,
            _ => {}
        }
        Ok(())
    }
}

/// `JoinGroupMessage`, `LeaveGroupMessage` and the subscription to a group's state: they all name
/// a group and ask for an ack.
#[derive(Default)]
pub(super) struct GroupRequest<'a> {
    pub group: &'a str,
    pub ack_id: Option<u64>,
}

impl<'a> Message<'a> for GroupRequest<'a> {
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed> {
        match (field, value) {
            (1, Bytes(bytes)) => self.group = text(bytes)?,
            (2, Number(number)) => self.ack_id = Some(number),
            _ => {}
        }
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct SequenceAckMessage {
    pub sequence_id: u64,
}

impl Message<'_> for SequenceAckMessage {
    fn set(&mut self, field: u32, value: Value<'_>) -> Result<(), Malformed> {
        if let (1, Number(number)) = (field, value) {
            self.sequence_id = number;
        }
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct PingMessage;

impl Message<'_> for PingMessage {
    fn set(&mut self, _field: u32, _value: Value<'_>) -> Result<(), Malformed> {
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct InvokeEventMessage<'a> {
    pub event: &'a str,
    pub invocation_id: &'a str,
    pub data: Option<MessageData<'a>>,
    pub metadata: MetadataMap<'a>,
    pub stream: Option<StreamStartInfo<'a>>,
}

impl<'a> Message<'a> for InvokeEventMessage<'a> {
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed> {
        match (field, value) {
            (1, Bytes(bytes)) => self.event = text(bytes)?,
            (2, Bytes(bytes)) => self.invocation_id = text(bytes)?,
            (3, Bytes(bytes)) => merge(&mut self.data, bytes)?,
            (4, Bytes(bytes)) => self.metadata.push(bytes)?,
            (5, Bytes(bytes)) => merge(&mut self.stream, bytes)?,
            _ => {}
        }
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct CancelInvocationMessage<'a> {
    pub invocation_id: &'a str,
}

impl<'a> Message<'a> for CancelInvocationMessage<'a> {
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed> {
        if let (1, Bytes(bytes)) = (field, value) {
            self.invocation_id = text(bytes)?;
        }
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct StreamStartInfo<'a> {
    pub stream_id: &'a str,
    pub idle_timeout_ms: Option<u32>,
}

impl<'a> Message<'a> for StreamStartInfo<'a> {
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed> {
        match (field, value) {
            (1, Bytes(bytes)) => self.stream_id = text(bytes)?,
            (2, Number(number)) => self.idle_timeout_ms = Some(uint32(number)),
            _ => {}
        }
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct StreamDataMessage<'a> {
    pub stream_id: &'a str,
    pub stream_sequence_id: Option<u64>,
    pub data: Option<MessageData<'a>>,
}

impl<'a> Message<'a> for StreamDataMessage<'a> {
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed> {
        match (field, value) {
            (1, Bytes(bytes)) => self.stream_id = text(bytes)?,
            (2, Number(number)) => self.stream_sequence_id = Some(number),
            (3, Bytes(bytes)) => merge(&mut self.data, bytes)?,
            _ => {}
        }
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct StreamEndMessage<'a> {
    pub stream_id: &'a str,
    pub error: Option<StreamEndError<'a>>,
}

impl<'a> Message<'a> for StreamEndMessage<'a> {
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed> {
        match (field, value) {
            (1, Bytes(bytes)) => self.stream_id = text(bytes)?,
            (2, Bytes(bytes)) => merge(&mut self.error, bytes)?,
            _ => {}
        }
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct StreamEndError<'a> {
    pub message: Option<&'a str>,
    pub user_error_code: Option<&'a str>,
}

impl<'a> Message<'a> for StreamEndError<'a> {
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed> {
        match (field, value) {
            (1, Bytes(bytes)) => self.message = Some(text(bytes)?),
            (2, Bytes(bytes)) => self.user_error_code = Some(text(bytes)?),
            _ => {}
        }
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct SetGroupStateMessage<'a> {
    pub group: &'a str,
    pub ack_id: Option<u64>,
    pub state: Option<GroupState>,
}

impl<'a> Message<'a> for SetGroupStateMessage<'a> {
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed> {
        match (field, value) {
            (1, Bytes(bytes)) => self.group = text(bytes)?,
            (2, Number(number)) => self.ack_id = Some(number),
            (3, Bytes(bytes)) => merge(&mut self.state, bytes)?,
            _ => {}
        }
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct GroupState {
    pub entries: GroupStateBuilder,
}

impl<'a> Message<'a> for GroupState {
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed> {
        if let (1, Bytes(bytes)) = (field, value) {
            let mut entry = MapEntry::default();
            entry.merge(bytes)?;
            self.entries.push(entry.key, entry.value);
        }
        Ok(())
    }
}

/// The one or no member of `MessageData` that is set.
#[derive(Default)]
pub(super) struct MessageData<'a> {
    pub data: Option<Data<'a>>,
}

pub(super) enum Data<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    /// The bytes of the `Any`, not yet looked at.
    Protobuf(Cow<'a, [u8]>),
    Json(&'a str),
}

impl<'a> Message<'a> for MessageData<'a> {
    #[inline(always)]
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed> {
        let Bytes(bytes) = value else { return Ok(()) };
        self.data = Some(match (field, self.data.take()) {
            (1, _) => Data::Text(text(bytes)?),
            (2, _) => Data::Binary(bytes),
            // Two serialized messages one after the other are the merged one.
            (3, Some(Data::Protobuf(first))) => {
                let mut any = first.into_owned();
                any.extend_from_slice(bytes);
                Data::Protobuf(Cow::Owned(any))
            }
            (3, _) => Data::Protobuf(Cow::Borrowed(bytes)),
            (4, _) => Data::Json(text(bytes)?),
            (_, data) => {
                self.data = data;
                return Ok(());
            }
        });
        Ok(())
    }
}

/// A map's entry is an embedded message of two fields; none of the two has to be there.
#[derive(Default)]
struct MapEntry<'a> {
    key: &'a str,
    value: &'a str,
}

impl<'a> Message<'a> for MapEntry<'a> {
    fn set(&mut self, field: u32, value: Value<'a>) -> Result<(), Malformed> {
        match (field, value) {
            (1, Bytes(bytes)) => self.key = text(bytes)?,
            (2, Bytes(bytes)) => self.value = text(bytes)?,
            _ => {}
        }
        Ok(())
    }
}

/// Metadata as it comes in, held to its limits at once.
#[derive(Default)]
pub(super) struct MetadataMap<'a> {
    builder: MetadataBuilder<'a>,
    /// The first violation, after which nothing more is kept. Whether it matters is not known yet:
    /// the message may be superseded, or not be protobuf at all.
    error: Option<MetadataError>,
}

impl<'a> MetadataMap<'a> {
    fn push(&mut self, bytes: &'a [u8]) -> Result<(), Malformed> {
        let mut entry = MapEntry::default();
        entry.merge(bytes)?;
        if self.error.is_none() {
            self.error = self.builder.push(entry.key, entry.value).err();
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Metadata<'a>, MetadataError> {
        match self.error {
            Some(error) => Err(error),
            None => self.builder.finish(RepeatedKey::LastWins),
        }
    }
}
