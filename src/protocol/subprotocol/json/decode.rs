//! From the text of one WebSocket message to a [`ClientMessage`].
//!
//! Two steps: the scanner hands out the members of the object and the known ones are remembered,
//! the last of a repeated name; then the type decides which of them are read and how
//! (`client-json.md` sections 1 to 3). A property that the type does not know is not looked at,
//! whatever its value.
//!
//! Integers are decimal digits and nothing else: `1.0`, `1e0` and `-0` name integers, but are
//! written as fractional or negative numbers, and those are malformed (section 2.1). Case is
//! ignored in the values of `type` and `dataType`, nowhere else.

use std::borrow::Cow;

use super::scan::{Kind, Member, Members, Value};
use crate::protocol::subprotocol::{
    ClientMessage, DataType, Event, MessageError, Metadata, MetadataBuilder, Payload, Property,
    RepeatedKey, SendToGroup, TTL_SECONDS_MAX, is_valid_event_name, validate_group_name,
};

/// Decodes one message, borrowing from it (`client-json.md` sections 1 to 3).
pub fn decode(text: &str) -> Result<ClientMessage<'_>, MessageError> {
    let mut properties = Properties { values: [None; Property::COUNT] };
    properties.read(text)?;
    match properties.message_type()? {
        MessageType::SendToGroup => properties.send_to_group().map(ClientMessage::SendToGroup),
        MessageType::Event => properties.event().map(ClientMessage::Event),
        MessageType::JoinGroup => Ok(ClientMessage::JoinGroup {
            group: properties.group()?,
            ack_id: properties.integer(Property::AckId)?,
        }),
        MessageType::LeaveGroup => Ok(ClientMessage::LeaveGroup {
            group: properties.group()?,
            ack_id: properties.integer(Property::AckId)?,
        }),
        MessageType::SequenceAck => Ok(ClientMessage::SequenceAck {
            sequence_id: properties
                .integer(Property::SequenceId)?
                .ok_or(MessageError::Missing(Property::SequenceId))?,
        }),
        MessageType::Ping => Ok(ClientMessage::Ping),
    }
}

enum MessageType {
    SendToGroup,
    Event,
    JoinGroup,
    LeaveGroup,
    SequenceAck,
    Ping,
}

impl MessageType {
    fn from_name(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        Some(match name.len() {
            4 if is("ping") => Self::Ping,
            5 if is("event") => Self::Event,
            9 if is("joinGroup") => Self::JoinGroup,
            10 if is("leaveGroup") => Self::LeaveGroup,
            11 if is("sendToGroup") => Self::SendToGroup,
            11 if is("sequenceAck") => Self::SequenceAck,
            _ => return None,
        })
    }
}

fn known_property(name: &[u8]) -> Option<Property> {
    Some(match name {
        b"type" => Property::Type,
        b"group" => Property::Group,
        b"dataType" => Property::DataType,
        b"data" => Property::Data,
        b"ackId" => Property::AckId,
        b"noEcho" => Property::NoEcho,
        b"ttlSeconds" => Property::TtlSeconds,
        b"metadata" => Property::Metadata,
        b"event" => Property::Event,
        b"sequenceId" => Property::SequenceId,
        b"stream" => Property::Stream,
        _ => return None,
    })
}

/// The known properties of a message, by [`Property`], not yet interpreted.
struct Properties<'a> {
    values: [Option<Value<'a>>; Property::COUNT],
}

impl<'a> Properties<'a> {
    /// Fills in what `text` has. Written in place: to return all of them costs a copy.
    fn read(&mut self, text: &'a str) -> Result<(), MessageError> {
        let mut members = Members::open(text)?;
        while let Some(member) = members.next()? {
            if let Some(property) = property_of(&member) {
                self.values[property as usize] = Some(member.value);
            }
        }
        Ok(())
    }

    /// The value as it came; only `data` asks for this.
    fn raw(&self, property: Property) -> Option<Value<'a>> {
        self.values[property as usize]
    }

    /// The value, unless it counts as absent (section 1).
    fn value(&self, property: Property) -> Option<Value<'a>> {
        self.raw(property).filter(|value| value.kind != Kind::Null)
    }

    #[inline(always)]
    fn text(&self, property: Property) -> Result<Option<Cow<'a, str>>, MessageError> {
        let Some(value) = self.value(property) else { return Ok(None) };
        let text = value.literal().and_then(|literal| literal.decode());
        text.map(Some).ok_or(MessageError::Invalid(property))
    }

    #[inline(always)]
    fn required_text(&self, property: Property) -> Result<Cow<'a, str>, MessageError> {
        self.text(property)?.ok_or(MessageError::Missing(property))
    }

    /// All 64 bits of an integer.
    fn integer(&self, property: Property) -> Result<Option<u64>, MessageError> {
        match self.value(property) {
            None => Ok(None),
            // The grammar allows no plus sign and the parser no other sign, point or exponent.
            Some(Value { kind: Kind::Number, source }) => {
                source.parse().map(Some).map_err(|_| MessageError::Invalid(property))
            }
            Some(_) => Err(MessageError::Invalid(property)),
        }
    }

    #[inline(always)]
    fn message_type(&self) -> Result<MessageType, MessageError> {
        let name = self.required_text(Property::Type)?;
        MessageType::from_name(&name).ok_or(MessageError::UnknownType)
    }

    /// Section 3.3.
    fn send_to_group(&self) -> Result<SendToGroup<'a>, MessageError> {
        self.refuse_stream()?;
        let metadata = self.metadata()?;
        Ok(SendToGroup {
            group: self.group()?,
            payload: self.payload(&metadata)?,
            no_echo: self.no_echo()?,
            ack_id: self.integer(Property::AckId)?,
            ttl_seconds: self.ttl_seconds()?,
            metadata,
        })
    }

    /// Section 3.4.
    fn event(&self) -> Result<Event<'a>, MessageError> {
        self.refuse_stream()?;
        let event = self.required_text(Property::Event)?;
        if !is_valid_event_name(&event) {
            return Err(MessageError::Invalid(Property::Event));
        }
        let metadata = self.metadata()?;
        let payload = self.payload(&metadata)?;
        Ok(Event { event, payload, ack_id: self.integer(Property::AckId)?, metadata })
    }

    /// Without streams, the request of one must not be taken for a message.
    fn refuse_stream(&self) -> Result<(), MessageError> {
        match self.value(Property::Stream) {
            None => Ok(()),
            Some(_) => Err(MessageError::Invalid(Property::Stream)),
        }
    }

    fn group(&self) -> Result<Cow<'a, str>, MessageError> {
        let group = self.required_text(Property::Group)?;
        if validate_group_name(&group) {
            Ok(group)
        } else {
            Err(MessageError::Invalid(Property::Group))
        }
    }

    /// Section 2.4.
    fn payload(&self, metadata: &Metadata<'a>) -> Result<Payload<'a>, MessageError> {
        let data_type = match self.text(Property::DataType)? {
            None => DataType::Json,
            Some(name) => {
                DataType::from_name(&name).ok_or(MessageError::Invalid(Property::DataType))?
            }
        };
        let payload = match self.raw(Property::Data) {
            // Metadata alone is a message, with an empty text whatever `dataType` says.
            None if !metadata.is_empty() => return Ok(Payload::text("")),
            None => return Err(MessageError::Missing(Property::Data)),
            Some(Value { kind: Kind::Null, .. }) => None,
            Some(value) if data_type == DataType::Json => {
                Some(Payload::from_json_value(value.source))
            }
            Some(value) => {
                value.literal().and_then(|literal| Payload::from_literal(data_type, &literal))
            }
        };
        payload.ok_or(MessageError::Invalid(Property::Data))
    }

    fn no_echo(&self) -> Result<bool, MessageError> {
        match self.value(Property::NoEcho).map(|value| value.kind) {
            None | Some(Kind::False) => Ok(false),
            Some(Kind::True) => Ok(true),
            Some(_) => Err(MessageError::Invalid(Property::NoEcho)),
        }
    }

    /// Section 2.6.
    fn ttl_seconds(&self) -> Result<u16, MessageError> {
        let seconds = self.integer(Property::TtlSeconds)?.unwrap_or(0);
        u16::try_from(seconds)
            .ok()
            .filter(|seconds| *seconds <= TTL_SECONDS_MAX)
            .ok_or(MessageError::Invalid(Property::TtlSeconds))
    }

    /// Section 2.5. The object is scanned a second time, now for its members.
    fn metadata(&self) -> Result<Metadata<'a>, MessageError> {
        let source = match self.value(Property::Metadata) {
            None => return Ok(Metadata::default()),
            Some(Value { kind: Kind::Object, source }) => source,
            Some(_) => return Err(MessageError::Invalid(Property::Metadata)),
        };
        let mut builder = MetadataBuilder::default();
        let mut members = Members::open(source)?;
        while let Some(member) = members.next()? {
            let value = member.value.literal().and_then(|literal| literal.decode());
            let (Some(key), Some(value)) = (member.name().decode(), value) else {
                return Err(MessageError::Invalid(Property::Metadata));
            };
            builder.push(key, value)?;
        }
        Ok(builder.finish(RepeatedKey::Refused)?)
    }
}

#[inline(always)]
fn property_of(member: &Member<'_>) -> Option<Property> {
    match member.plain_name() {
        Some(name) => known_property(name),
        // A name may be written with escapes; that hardly ever happens.
        None => known_property(member.name().decode()?.as_bytes()),
    }
}
