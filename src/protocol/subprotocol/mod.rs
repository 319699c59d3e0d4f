//! What clients mean: the messages of the PubSub subprotocols, whatever their encoding.
//!
//! A decoder ([`json`]) turns one WebSocket message into a [`ClientMessage`] that borrows from it;
//! the encoders write what the server answers. The rules on values (names, metadata, payloads)
//! are the same for every encoding, for REST and for the token, so they live here and beside.
//!
//! A value of these types is valid: names follow their rules, a payload fits its data type,
//! metadata keeps its limits. Whoever executes a message checks permissions, not syntax. What is
//! not valid is a [`MessageError`], and the connection that sent it is closed
//! (`client-json.md` section 1.1).
//!
//! Who is in which group, acks already given and sequence numbers are left to the hub and shard.

use std::borrow::Cow;
use std::fmt;

pub mod json;
mod metadata;
mod payload;
mod protobuf_wire;

pub use metadata::{Metadata, MetadataBuilder, MetadataError, RepeatedKey};
pub use payload::{DataType, Payload};

/// Longest group name, in Unicode scalar values (`client-json.md` section 2.2).
pub const GROUP_NAME_CHARS_MAX: usize = 1024;

/// Longest name of a user event; all its characters are ASCII (`client-json.md` section 2.3).
pub const EVENT_NAME_CHARS_MAX: usize = 128;

/// Longest time to live of a message (`client-json.md` section 2.6).
pub const TTL_SECONDS_MAX: u16 = 300;

/// One request of a client (`client-json.md` section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// Section 3.1.
    JoinGroup { group: Cow<'a, str>, ack_id: Option<u64> },
    /// Section 3.2.
    LeaveGroup { group: Cow<'a, str>, ack_id: Option<u64> },
    /// Section 3.3.
    SendToGroup(SendToGroup<'a>),
    /// Section 3.4.
    Event(Event<'a>),
    /// Section 3.5: everything up to and including this id has arrived.
    SequenceAck { sequence_id: u64 },
    /// Section 3.6.
    Ping,
}

/// A message to publish to a group (`client-json.md` section 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendToGroup<'a> {
    pub group: Cow<'a, str>,
    pub payload: Payload<'a>,
    /// Leave the sending connection out.
    pub no_echo: bool,
    pub ack_id: Option<u64>,
    /// 0 for no limit, otherwise at most [`TTL_SECONDS_MAX`].
    pub ttl_seconds: u16,
    pub metadata: Metadata<'a>,
}

/// A user event for the application (`client-json.md` section 3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// With the spelling received.
    pub event: Cow<'a, str>,
    pub payload: Payload<'a>,
    pub ack_id: Option<u64>,
    pub metadata: Metadata<'a>,
}

/// Whether a text may name a group: not blank and not too long (`client-json.md` section 2.2).
///
/// Everything else is allowed, control characters and `*` included.
pub fn validate_group_name(name: &str) -> bool {
    let is_blank = name.trim_start().is_empty();
    // A character takes at least one byte, so most names need no counting.
    !is_blank
        && (name.len() <= GROUP_NAME_CHARS_MAX || name.chars().count() <= GROUP_NAME_CHARS_MAX)
}

/// Whether a text may name a user event: `^[a-z][a-z0-9_.-]{0,127}$` in either case
/// (`client-json.md` section 2.3).
pub fn is_valid_event_name(name: &str) -> bool {
    let Some((first, rest)) = name.as_bytes().split_first() else { return false };
    name.len() <= EVENT_NAME_CHARS_MAX
        && first.is_ascii_alphabetic()
        && rest.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Why a request with an ack id failed (`client-json.md` section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckError {
    /// The permission is missing.
    Forbidden,
    /// The id belongs to a request that was executed before.
    Duplicate,
    /// The event failed; the client may retry with the same id.
    InternalServerError,
    /// Well-formed, but impossible here and now.
    BadRequest,
}

impl AckError {
    /// The name on the wire. Client libraries compare it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "Forbidden",
            Self::Duplicate => "Duplicate",
            Self::InternalServerError => "InternalServerError",
            Self::BadRequest => "BadRequest",
        }
    }
}

/// What makes a client's message malformed (`client-json.md` sections 1.1 and 11).
///
/// The text is the reason of the `disconnected` message and of the close frame, which holds at
/// most 123 bytes. It repeats nothing of what the client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageError {
    /// The text breaks the grammar of JSON.
    NotJson,
    /// The text is, or begins like, some other JSON value.
    NotAnObject,
    /// More levels than a message may have.
    TooDeep,
    /// The type is a text, but of no message known here.
    UnknownType,
    /// A required property is absent, or `null` where that counts as absent.
    Missing(Property),
    /// A property has the wrong type or breaks a rule on its value.
    Invalid(Property),
    /// One entry of the metadata, or all of them together, break a rule.
    Metadata(MetadataError),
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The client message is not a valid JSON protocol message: ")?;
        match self {
            Self::NotJson => f.write_str("it is not JSON."),
            Self::NotAnObject => f.write_str("it is not a JSON object."),
            Self::TooDeep => f.write_str("it is nested too deeply."),
            Self::UnknownType => f.write_str("its 'type' is unknown."),
            Self::Missing(property) => write!(f, "'{}' is missing.", property.name()),
            Self::Invalid(property) => write!(f, "'{}' is not valid.", property.name()),
            Self::Metadata(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for MessageError {}

impl From<MetadataError> for MessageError {
    fn from(error: MetadataError) -> Self {
        Self::Metadata(error)
    }
}

/// The properties of client messages that are read here; all others are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    Type,
    Group,
    DataType,
    Data,
    AckId,
    NoEcho,
    TtlSeconds,
    Metadata,
    Event,
    SequenceId,
    /// Known only to be refused: publishing a stream's start as a message would be wrong.
    Stream,
}

impl Property {
    pub(crate) const COUNT: usize = Self::Stream as usize + 1;

    /// The name in JSON, by which errors call it too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Group => "group",
            Self::DataType => "dataType",
            Self::Data => "data",
            Self::AckId => "ackId",
            Self::NoEcho => "noEcho",
            Self::TtlSeconds => "ttlSeconds",
            Self::Metadata => "metadata",
            Self::Event => "event",
            Self::SequenceId => "sequenceId",
            Self::Stream => "stream",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_names_are_counted_in_characters() {
        // J28
        assert!(validate_group_name(&"é".repeat(1024)));
        assert!(!validate_group_name(&"é".repeat(1025)));
        assert!(validate_group_name(&"𝄞".repeat(1024)));
        assert!(!validate_group_name(&"a".repeat(1025)));
        for name in ["", " ", "   ", "\t\n", "\u{a0}\u{3000}"] {
            assert!(!validate_group_name(name), "{name:?}");
        }
        for name in ["a", " a ", "*", "a/b.*", "\u{0}", "\u{1}\u{7f}"] {
            assert!(validate_group_name(name), "{name:?}");
        }
    }

    #[test]
    fn event_names_follow_the_pattern() {
        // J29
        for name in ["Order.Created-2_x", "a", "Z", &"e".repeat(128)] {
            assert!(is_valid_event_name(name), "{name}");
        }
        for name in ["1x", "", "_a", "a b", "é", "aé", "a\n", ".a", &"e".repeat(129)] {
            assert!(!is_valid_event_name(name), "{name}");
        }
    }

    #[test]
    fn every_reason_fits_into_a_close_frame() {
        // RFC 6455, section 5.5: 125 bytes, of which the code takes two.
        let longest_property = MessageError::Missing(Property::SequenceId);
        let metadata = MetadataError::ALL.map(MessageError::Metadata);
        for error in [longest_property, MessageError::UnknownType].into_iter().chain(metadata) {
            assert!(error.to_string().len() <= 123, "{error}");
        }
        assert_eq!(
            MessageError::Missing(Property::Group).to_string(),
            "The client message is not a valid JSON protocol message: 'group' is missing."
        );
    }
}
