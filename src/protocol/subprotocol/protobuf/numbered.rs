//! How numbered receivers share one encoded message.
//!
//! A reliable receiver's copy of a message differs from all others by its sequence id, and with
//! that by the length in front. So the fields of the message are written once, by the *open*
//! functions of `encode`, and every receiver gets two small pieces of its own around them:
//!
//! ```text
//! head: tag, length │ fields, shared │ tail: sequence_id
//! ```
//!
//! The sequence id thus comes last. That is its place in ascending order too, except in a data
//! message with metadata or a stream, whose numbers are higher; any order is legal. To append a
//! second message that holds nothing but the sequence id would be simpler, and parsers should merge
//! it with the first. Some do not: protobuf.js replaced the first one until 2026
//! (<https://github.com/protobufjs/protobuf.js/pull/2195>), and its users would lose the data.

use super::wire::{TaggedNumber, integer_bytes, write_message_of};

/// The messages to a client that reliable receivers get with a number (`client-json.md`
/// section 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbered {
    DataMessage,
    GroupStateUpdate,
    GroupStateSnapshot,
}

impl Numbered {
    /// What goes before so many bytes of fields. Without a sequence id nothing goes behind them.
    #[inline]
    pub fn head(self, fields_bytes: usize, sequence_id: Option<u64>) -> TaggedNumber {
        let tail_bytes = sequence_id.map_or(0, integer_bytes);
        TaggedNumber::length(self.member(), fields_bytes + tail_bytes)
    }

    /// Bytes of head, fields and tail together.
    #[inline]
    pub fn bytes(self, fields_bytes: usize, sequence_id: u64) -> usize {
        let inner_bytes = fields_bytes + integer_bytes(sequence_id);
        integer_bytes(inner_bytes as u64) + inner_bytes
    }

    /// What goes behind the fields for a receiver that numbers its messages.
    #[inline]
    pub fn tail(self, sequence_id: u64) -> TaggedNumber {
        let field = match self {
            Self::DataMessage => 4,
            Self::GroupStateUpdate | Self::GroupStateSnapshot => 3,
        };
        TaggedNumber::integer(field, sequence_id)
    }

    /// Appends head, fields and tail in one go, for a message with a single receiver or without a
    /// number.
    pub fn write(
        self,
        out: &mut Vec<u8>,
        sequence_id: Option<u64>,
        fields: impl FnOnce(&mut Vec<u8>),
    ) {
        self.write_of(out, 0, sequence_id, fields);
    }

    /// [`Self::write`] for fields of about so many bytes; a good guess saves moving them.
    pub(super) fn write_of(
        self,
        out: &mut Vec<u8>,
        likely_bytes: usize,
        sequence_id: Option<u64>,
        fields: impl FnOnce(&mut Vec<u8>),
    ) {
        write_message_of(out, self.member(), likely_bytes, |out| {
            fields(out);
            if let Some(sequence_id) = sequence_id {
                self.tail(sequence_id).write(out);
            }
        });
    }

    /// The field of `DownstreamMessage` (`client-protobuf.md` section 3).
    fn member(self) -> u8 {
        match self {
            Self::DataMessage => 2,
            Self::GroupStateUpdate => 9,
            Self::GroupStateSnapshot => 10,
        }
    }
}
