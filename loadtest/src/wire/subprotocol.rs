//! What a client speaks after the upgrade (client-connect.md 6), and the few messages that every
//! client of a subprotocol exchanges with the server: greeting, join, sequence ack.
//!
//! Deliveries and publishes, of which there are many, are in `envelope` and `publish`.

use std::fmt::{self, Display, Formatter};

use clap::ValueEnum;
use serde::{Serialize, Serializer};

use crate::wire::{envelope, frame, protobuf};

pub(crate) const JSON: &str = "json.webpubsub.azure.v1";

/// The ackId of the only request of a subscriber.
pub(crate) const JOIN_ACK_ID: u8 = 1;

/// One way to talk to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Subprotocol {
    /// json.webpubsub.azure.v1: messages in an envelope
    Json,
    /// json.reliable.webpubsub.azure.v1: numbered messages, acknowledged
    #[value(name = "json.reliable")]
    JsonReliable,
    /// protobuf.webpubsub.azure.v1
    Protobuf,
    /// protobuf.reliable.webpubsub.azure.v1
    #[value(name = "protobuf.reliable")]
    ProtobufReliable,
    /// No subprotocol: bare payloads; groups come from the token
    Simple,
    /// No subprotocol and no token
    None,
}

/// How the messages of a subprotocol are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Protobuf,
}

impl Subprotocol {
    /// What is offered in the upgrade, and has to be selected.
    pub(crate) fn offer(self) -> Option<&'static str> {
        match self {
            Self::Json => Some(JSON),
            Self::JsonReliable => Some("json.reliable.webpubsub.azure.v1"),
            Self::Protobuf => Some("protobuf.webpubsub.azure.v1"),
            Self::ProtobufReliable => Some("protobuf.reliable.webpubsub.azure.v1"),
            Self::Simple | Self::None => None,
        }
    }

    /// `None` where payloads come bare. Then the server does not speak first either
    /// (client-connect.md 3, step 14).
    pub(crate) fn encoding(self) -> Option<Encoding> {
        match self {
            Self::Json | Self::JsonReliable => Some(Encoding::Json),
            Self::Protobuf | Self::ProtobufReliable => Some(Encoding::Protobuf),
            Self::Simple | Self::None => None,
        }
    }

    /// Whether deliveries are numbered and have to be acknowledged (client-json.md 6).
    pub(crate) fn is_reliable(self) -> bool {
        matches!(self, Self::JsonReliable | Self::ProtobufReliable)
    }

    /// A masked frame that asks to join `group`; `None` where that takes a token.
    pub(crate) fn join(self, group: &str) -> Option<Vec<u8>> {
        Some(match self.encoding()? {
            Encoding::Json => frame::masked(frame::TEXT, &envelope::join(group)),
            Encoding::Protobuf => frame::masked(frame::BINARY, &protobuf::join(group)),
        })
    }

    /// Whether a message is the server's greeting.
    pub(crate) fn is_connected(self, opcode: u8, message: &[u8]) -> bool {
        match self.encoding() {
            Some(Encoding::Json) => {
                opcode == frame::TEXT && message.starts_with(envelope::CONNECTED)
            }
            Some(Encoding::Protobuf) => opcode == frame::BINARY && protobuf::is_connected(message),
            None => false,
        }
    }

    /// Whether a message is the good answer to [`Subprotocol::join`].
    pub(crate) fn is_joined(self, opcode: u8, message: &[u8]) -> bool {
        match self.encoding() {
            Some(Encoding::Json) => opcode == frame::TEXT && message == envelope::JOINED,
            Some(Encoding::Protobuf) => opcode == frame::BINARY && message == protobuf::JOINED,
            None => false,
        }
    }

    /// Appends the masked frame that acknowledges everything up to `sequence_id`.
    pub(crate) fn put_sequence_ack(self, out: &mut Vec<u8>, sequence_id: u64) {
        let (opcode, message) = match self.encoding() {
            Some(Encoding::Protobuf) => (frame::BINARY, protobuf::sequence_ack(sequence_id)),
            Some(Encoding::Json) | None => (frame::TEXT, envelope::sequence_ack(sequence_id)),
        };
        frame::put_masked(out, opcode, message.len(), |out| out.extend_from_slice(&message));
    }
}

/// As on the command line.
impl Display for Subprotocol {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| out.write_str(value.get_name()))
    }
}

impl Serialize for Subprotocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_and_an_answer_are_known_in_their_own_subprotocol_only() {
        let json: &[u8] = br#"{"type":"system","event":"connected","userId":null}"#;
        let protobuf = [0x1a, 0x06, 0x0a, 0x04, 0x0a, 0x02, b'c', b'1'];
        for (subprotocol, is_json) in [
            (Subprotocol::Json, true),
            (Subprotocol::JsonReliable, true),
            (Subprotocol::Protobuf, false),
            (Subprotocol::ProtobufReliable, false),
        ] {
            assert_eq!(subprotocol.is_connected(frame::TEXT, json), is_json);
            assert_eq!(subprotocol.is_connected(frame::BINARY, &protobuf), !is_json);
            assert_eq!(subprotocol.is_joined(frame::TEXT, envelope::JOINED), is_json);
            assert_eq!(subprotocol.is_joined(frame::BINARY, protobuf::JOINED), !is_json);
            assert!(!subprotocol.is_connected(frame::TEXT, &protobuf));
            assert!(!subprotocol.is_joined(frame::BINARY, envelope::JOINED));
        }
    }

    #[test]
    fn a_sequence_ack_is_one_masked_frame() {
        for (subprotocol, opcode, expected) in [
            (Subprotocol::JsonReliable, frame::TEXT, envelope::sequence_ack(300)),
            (Subprotocol::ProtobufReliable, frame::BINARY, protobuf::sequence_ack(300)),
        ] {
            let mut sent = Vec::new();
            subprotocol.put_sequence_ack(&mut sent, 300);
            let header = frame::parse(&sent).unwrap().unwrap();
            assert_eq!((header.opcode, header.frame_bytes()), (opcode, sent.len()));
            frame::apply_mask(&mut sent[header.header_bytes..], header.mask.unwrap());
            assert_eq!(sent[header.header_bytes..], expected);
        }
    }
}
