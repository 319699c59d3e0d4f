//! What can be wrong with a client's message, and how the client is told.
//!
//! As the result of decoding, an error makes the message malformed and closes the connection
//! (`client-json.md` sections 1.1 and 11). As a part of a message it is answered with
//! `BadRequest`, and the connection stays. The words are the same in both cases and for every
//! encoding, with the names that properties have in JSON.

use std::fmt;

use super::MetadataError;

/// A rule of the subprotocol that a client's message breaks.
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
    /// The bytes are no protocol buffers message.
    NotProtobuf,
    /// The message is none of those known here.
    UnknownType,
    /// A required property is absent, or `null` where that counts as absent.
    Missing(Property),
    /// A property has the wrong type or breaks a rule on its value.
    Invalid(Property),
    /// A property stands where it has no place.
    NotAllowed(Property),
    /// All entries of a property together are too long.
    TooLong(Property),
    /// One entry of the metadata, or all of them together, break a rule.
    Metadata(MetadataError),
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The client message is not valid: ")?;
        match self {
            Self::NotJson => f.write_str("it is not JSON."),
            Self::NotAnObject => f.write_str("it is not a JSON object."),
            Self::TooDeep => f.write_str("it is nested too deeply."),
            Self::NotProtobuf => f.write_str("it is not a protocol buffers message."),
            Self::UnknownType => f.write_str("its type is unknown."),
            Self::Missing(property) => write!(f, "'{}' is missing.", property.name()),
            Self::Invalid(property) => write!(f, "'{}' is not valid.", property.name()),
            Self::NotAllowed(property) => write!(f, "'{}' is not allowed here.", property.name()),
            Self::TooLong(property) => write!(f, "'{}' is too long.", property.name()),
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
    Stream,
    StreamId,
    StreamSequenceId,
    Error,
    InvocationId,
    Target,
    State,
    // From here on inside `stream` and `error`, not of a message itself.
    IdleTimeoutMs,
    Message,
    UserErrorCode,
}

impl Property {
    /// How many there are of a message itself; they come first.
    pub(crate) const OUTER_COUNT: usize = Self::State as usize + 1;

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
            Self::StreamId => "streamId",
            Self::StreamSequenceId => "streamSequenceId",
            Self::Error => "error",
            Self::InvocationId => "invocationId",
            Self::Target => "target",
            Self::State => "state",
            Self::IdleTimeoutMs => "idleTimeoutMs",
            Self::Message => "message",
            Self::UserErrorCode => "userErrorCode",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_fits_into_a_close_frame() {
        // RFC 6455, section 5.5: 125 bytes, of which the code takes two.
        let longest_property = Property::StreamSequenceId;
        let errors = [
            MessageError::NotProtobuf,
            MessageError::UnknownType,
            MessageError::Missing(longest_property),
            MessageError::Invalid(longest_property),
            MessageError::NotAllowed(longest_property),
            MessageError::TooLong(longest_property),
        ];
        let metadata = MetadataError::ALL.map(MessageError::Metadata);
        for error in errors.into_iter().chain(metadata) {
            assert!(error.to_string().len() <= 123, "{error}");
        }
    }

    #[test]
    fn a_reason_names_the_property_and_no_encoding() {
        assert_eq!(
            MessageError::Missing(Property::Group).to_string(),
            "The client message is not valid: 'group' is missing."
        );
    }
}
