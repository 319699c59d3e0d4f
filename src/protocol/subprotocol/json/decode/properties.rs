//! The properties of one message, and how the value of each is read.
//!
//! The scanner hands out the members of the object and the known ones are remembered, the last of
//! a repeated name. What a value means is asked only by the messages that have the property; one
//! that the type does not know is not looked at, whatever its value (`client-json.md` section 1).
//!
//! Integers are decimal digits and nothing else: `1.0`, `1e0` and `-0` name integers, but are
//! written as fractional or negative numbers, and those are malformed (section 2.1).
//!
//! What every message with a payload needs is inlined, although other messages need it too (bench
//! `subprotocol_json`, short text).

use std::borrow::Cow;

use crate::protocol::subprotocol::json::scan::{Kind, Member, Members, Value};
use crate::protocol::subprotocol::{
    DataType, MessageError, Metadata, MetadataBuilder, Payload, Property, RepeatedKey,
    TTL_SECONDS_MAX, is_valid_event_name, is_valid_id, validate_group_name,
};

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
        _ => return rare_property(name),
    })
}

/// Kept apart: with more names of the same lengths, every name of a message takes longer to find
/// (bench `subprotocol_json`, short text).
#[inline(never)]
fn rare_property(name: &[u8]) -> Option<Property> {
    Some(match name {
        b"streamId" => Property::StreamId,
        b"streamSequenceId" => Property::StreamSequenceId,
        b"error" => Property::Error,
        b"invocationId" => Property::InvocationId,
        b"target" => Property::Target,
        b"state" => Property::State,
        _ => return None,
    })
}

/// The known properties of a message, by [`Property`], not yet interpreted.
pub(super) struct Properties<'a> {
    values: [Option<Value<'a>>; Property::OUTER_COUNT],
}

impl<'a> Properties<'a> {
    pub(super) fn none() -> Self {
        Self { values: [None; Property::OUTER_COUNT] }
    }

    /// Fills in what `text` has. Written in place: to return all of them costs a copy.
    pub(super) fn read(&mut self, text: &'a str) -> Result<(), MessageError> {
        let mut members = Members::open(text)?;
        while let Some(member) = members.next()? {
            if let Some(property) = property_of(&member) {
                self.values[property as usize] = Some(member.value);
            }
        }
        Ok(())
    }

    /// The value as it came; only for `data` is `null` a value.
    pub(super) fn data(&self) -> Option<Value<'a>> {
        self.values[Property::Data as usize]
    }

    /// The value, unless it counts as absent (section 1).
    pub(super) fn value(&self, property: Property) -> Option<Value<'a>> {
        self.values[property as usize].filter(|value| value.kind != Kind::Null)
    }

    #[inline(always)]
    pub(super) fn text(&self, property: Property) -> Result<Option<Cow<'a, str>>, MessageError> {
        let Some(value) = self.value(property) else { return Ok(None) };
        text_of(value, property).map(Some)
    }

    #[inline(always)]
    pub(super) fn required_text(&self, property: Property) -> Result<Cow<'a, str>, MessageError> {
        self.text(property)?.ok_or(MessageError::Missing(property))
    }

    /// All 64 bits of an integer.
    pub(super) fn integer(&self, property: Property) -> Result<Option<u64>, MessageError> {
        match self.value(property) {
            None => Ok(None),
            // The grammar allows no plus sign and the parser no other sign, point or exponent.
            Some(Value { kind: Kind::Number, source }) => {
                source.parse().map(Some).map_err(|_| MessageError::Invalid(property))
            }
            Some(_) => Err(MessageError::Invalid(property)),
        }
    }

    /// The source text of an object.
    pub(super) fn object(&self, property: Property) -> Result<Option<&'a str>, MessageError> {
        match self.value(property) {
            None => Ok(None),
            Some(Value { kind: Kind::Object, source }) => Ok(Some(source)),
            Some(_) => Err(MessageError::Invalid(property)),
        }
    }

    /// Section 2.1.
    pub(super) fn ack_id(&self) -> Result<Option<u64>, MessageError> {
        self.integer(Property::AckId)
    }

    /// Section 2.2.
    pub(super) fn group(&self) -> Result<Cow<'a, str>, MessageError> {
        let group = self.required_text(Property::Group)?;
        if validate_group_name(&group) {
            Ok(group)
        } else {
            Err(MessageError::Invalid(Property::Group))
        }
    }

    /// Section 2.3.
    pub(super) fn event_name(&self) -> Result<Cow<'a, str>, MessageError> {
        let event = self.required_text(Property::Event)?;
        if is_valid_event_name(&event) {
            Ok(event)
        } else {
            Err(MessageError::Invalid(Property::Event))
        }
    }

    /// Section 2.4.
    #[inline(always)]
    pub(super) fn data_type(&self) -> Result<Option<DataType>, MessageError> {
        let Some(name) = self.text(Property::DataType)? else { return Ok(None) };
        DataType::from_name(&name).map(Some).ok_or(MessageError::Invalid(Property::DataType))
    }

    /// Section 2.4, for messages that must have a payload.
    pub(super) fn payload(&self, metadata: &Metadata<'a>) -> Result<Payload<'a>, MessageError> {
        let data_type = self.data_type()?.unwrap_or(DataType::Json);
        match self.data() {
            // Metadata alone is a message, with an empty text whatever `dataType` says.
            None if !metadata.is_empty() => Ok(Payload::text("")),
            None => Err(MessageError::Missing(Property::Data)),
            Some(data) => payload_of(data_type, data),
        }
    }

    pub(super) fn no_echo(&self) -> Result<bool, MessageError> {
        match self.value(Property::NoEcho).map(|value| value.kind) {
            None | Some(Kind::False) => Ok(false),
            Some(Kind::True) => Ok(true),
            Some(_) => Err(MessageError::Invalid(Property::NoEcho)),
        }
    }

    /// Section 2.6.
    pub(super) fn ttl_seconds(&self) -> Result<u16, MessageError> {
        let seconds = self.integer(Property::TtlSeconds)?.unwrap_or(0);
        u16::try_from(seconds)
            .ok()
            .filter(|seconds| *seconds <= TTL_SECONDS_MAX)
            .ok_or(MessageError::Invalid(Property::TtlSeconds))
    }

    /// Section 2.5. The object is scanned a second time, now for its members.
    pub(super) fn metadata(&self) -> Result<Metadata<'a>, MessageError> {
        let Some(object) = self.object(Property::Metadata)? else {
            return Ok(Metadata::default());
        };
        let mut builder = MetadataBuilder::default();
        let mut members = Members::open(object)?;
        while let Some(member) = members.next()? {
            let (key, value) = member.texts().ok_or(MessageError::Invalid(Property::Metadata))?;
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

#[inline(always)]
pub(super) fn text_of<'a>(
    value: Value<'a>,
    property: Property,
) -> Result<Cow<'a, str>, MessageError> {
    let text = value.literal().and_then(|literal| literal.decode());
    text.ok_or(MessageError::Invalid(property))
}

/// A text that names a stream or an invocation from now on (sections 3.7 and 7.1).
pub(super) fn id_of<'a>(
    text: Cow<'a, str>,
    property: Property,
) -> Result<Cow<'a, str>, MessageError> {
    if is_valid_id(&text) { Ok(text) } else { Err(MessageError::Invalid(property)) }
}

/// Section 2.4.
#[inline(always)]
pub(super) fn payload_of(
    data_type: DataType,
    data: Value<'_>,
) -> Result<Payload<'_>, MessageError> {
    let payload = match (data.kind, data_type) {
        (Kind::Null, _) => None,
        (_, DataType::Json) => Some(Payload::from_json_value(data.source)),
        _ => data.literal().and_then(|literal| Payload::from_literal(data_type, &literal)),
    };
    payload.ok_or(MessageError::Invalid(Property::Data))
}

/// The values of these properties of an object inside a message, each the last of its name and
/// none of them `null`. All others are ignored.
pub(super) fn inner_values<'a, const N: usize>(
    object: &'a str,
    wanted: [Property; N],
) -> Result<[Option<Value<'a>>; N], MessageError> {
    let mut values = [None; N];
    let mut members = Members::open(object)?;
    while let Some(member) = members.next()? {
        let Some(name) = member.name().decode() else { continue };
        if let Some(index) = wanted.iter().position(|property| property.name() == name) {
            values[index] = Some(member.value).filter(|value| value.kind != Kind::Null);
        }
    }
    Ok(values)
}
