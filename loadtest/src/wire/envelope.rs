//! Deliveries as a run expects them (client-json.md 4.4, client-protobuf.md 3), and the JSON
//! messages of every client (client-json.md 3 and 4).
//!
//! A run sends one shape of message, so everything but the stamp is known beforehand: a
//! delivery is checked by comparing what stands before the stamp and what stands behind it, up to
//! the number of a reliable receiver. A message in any other layout is taken apart by a parser
//! ([`Layout::read_odd`]): slower, and counted, so that servers which order or space their
//! properties differently can still be measured.

mod odd;

use std::collections::HashMap;

pub(crate) use self::odd::Odd;
use crate::wire::number::Numbering;
use crate::wire::stamp::{STAMP_BYTES, Stamp};
use crate::wire::subprotocol::{Encoding, Subprotocol};
use crate::wire::{frame, protobuf};

/// What begins a `connected` message (client-json.md 4.1).
pub(crate) const CONNECTED: &[u8] = br#"{"type":"system","event":"connected""#;
/// The answer to [`join`], which every client asks for once (client-json.md 4.3).
pub(crate) const JOINED: &[u8] = br#"{"type":"ack","ackId":1,"success":true}"#;

pub(crate) const JOIN_HEAD: &[u8] = br#"{"type":"joinGroup","group":""#;
pub(crate) const PUBLISH_HEAD: &[u8] = br#"{"type":"sendToGroup","group":""#;
pub(crate) const DELIVERY_HEAD: &[u8] = br#"{"type":"message","from":"group","group":""#;
/// Of what the REST API sends to users and to all (rest-api.md 5.8).
const SERVER_DELIVERY_HEAD: &[u8] =
    br#"{"type":"message","from":"server","dataType":"text","data":""#;
pub(crate) const DATA: &[u8] = br#"","dataType":"text","data":""#;
pub(crate) const END: &[u8] = br#""}"#;
/// Of a publish that its publisher does not get (client-json.md 3.3).
pub(crate) const NO_ECHO_END: &[u8] = br#"","noEcho":true}"#;

/// A message that asks to join `group`.
pub(crate) fn join(group: &str) -> Vec<u8> {
    [JOIN_HEAD, group.as_bytes(), br#"","ackId":1}"#].concat()
}

/// A message that acknowledges everything up to `sequence_id` (client-json.md 3.5).
pub(crate) fn sequence_ack(sequence_id: u64) -> Vec<u8> {
    format!(r#"{{"type":"sequenceAck","sequenceId":{sequence_id}}}"#).into_bytes()
}

/// What a run calls its group or user of this index. Unique to the process, so that runs side by
/// side on one hub do not meet.
pub(crate) fn name(index: usize) -> String {
    format!("load-{:08x}-{index:06}", std::process::id())
}

/// What a payload is wrapped in on its way to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// Nothing: simple clients.
    Bare,
    /// A message of a group, with its name; reliable receivers get it with a number.
    Group { encoding: Encoding, is_numbered: bool },
    /// A message of the server in JSON, which names no target.
    Server,
}

impl Envelope {
    pub(crate) const JSON_GROUP: Self =
        Self::Group { encoding: Encoding::Json, is_numbered: false };

    /// What a member of a group receives.
    pub(crate) fn of_group(subprotocol: Subprotocol) -> Self {
        let is_numbered = subprotocol.is_reliable();
        let group = |encoding| Self::Group { encoding, is_numbered };
        subprotocol.encoding().map_or(Self::Bare, group)
    }

    fn numbering(self) -> Numbering {
        match self {
            Self::Group { encoding: Encoding::Json, is_numbered: true } => Numbering::Json,
            Self::Group { encoding: Encoding::Protobuf, is_numbered: true } => Numbering::Protobuf,
            Self::Bare | Self::Group { is_numbered: false, .. } | Self::Server => Numbering::None,
        }
    }

    /// What stands before the payload.
    fn head(self, name: &str, payload_bytes: usize) -> Vec<u8> {
        match self {
            Self::Bare => Vec::new(),
            Self::Server => SERVER_DELIVERY_HEAD.to_vec(),
            Self::Group { encoding: Encoding::Json, .. } => {
                [DELIVERY_HEAD, name.as_bytes(), DATA].concat()
            }
            Self::Group { encoding: Encoding::Protobuf, is_numbered: false } => {
                protobuf::delivery_head(name, payload_bytes)
            }
            Self::Group { encoding: Encoding::Protobuf, is_numbered: true } => {
                protobuf::data_message_head(name, payload_bytes)
            }
        }
    }

    /// What stands behind the payload, before a number's own bytes.
    fn end(self) -> Vec<u8> {
        let end: &[u8] = match self {
            Self::Bare | Self::Group { encoding: Encoding::Protobuf, .. } => b"",
            Self::Group { encoding: Encoding::Json, is_numbered: true } => b"\"",
            Self::Group { encoding: Encoding::Json, is_numbered: false } | Self::Server => END,
        };
        [end, self.numbering().head()].concat()
    }
}

/// The one shape of message of a run. Its targets are groups or, in the REST scenario, users.
pub(crate) struct Layout {
    envelope: Envelope,
    numbering: Numbering,
    target_names: Vec<String>,
    target_of_name: HashMap<String, u32>,
    /// What stands before the stamp in a delivery, by target; empty for simple clients.
    delivery_heads: Vec<Vec<u8>>,
    padding: Vec<u8>,
    /// What stands behind the stamp, but for a number.
    delivery_tail: Vec<u8>,
}

/// A message of the run at one of its receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) stamp: Stamp,
    /// From 1 on for reliable receivers, 0 for all others.
    pub(crate) sequence_id: u64,
}

impl Layout {
    pub(crate) fn new(targets: usize, payload_bytes: usize, envelope: Envelope) -> Self {
        let target_names: Vec<_> = (0..targets).map(name).collect();
        let letters = (b'a'..=b'z').cycle();
        let padding: Vec<u8> = letters.take(payload_bytes.saturating_sub(STAMP_BYTES)).collect();
        let payload_bytes = STAMP_BYTES + padding.len();
        let delivery_head = |name: &String| envelope.head(name, payload_bytes);
        Self {
            envelope,
            numbering: envelope.numbering(),
            target_of_name: target_names.iter().cloned().zip(0..).collect(),
            delivery_heads: target_names.iter().map(delivery_head).collect(),
            delivery_tail: [&padding[..], &envelope.end()].concat(),
            target_names,
            padding,
        }
    }

    pub(crate) fn target_name(&self, target: usize) -> &str {
        &self.target_names[target]
    }

    pub(crate) fn target_names(&self) -> &[String] {
        &self.target_names
    }

    /// Appends the payload of a message stamped `stamp`.
    #[inline]
    pub(crate) fn put_payload(&self, out: &mut Vec<u8>, stamp: Stamp) {
        stamp.write(out);
        out.extend_from_slice(&self.padding);
    }

    pub(crate) fn payload_bytes(&self) -> usize {
        STAMP_BYTES + self.padding.len()
    }

    /// What stands behind the stamp of each payload.
    pub(crate) fn padding(&self) -> &[u8] {
        &self.padding
    }

    /// The unmasked frame a server sends to plain JSON and simple receivers for `stamp`.
    pub(crate) fn delivery_frame(&self, stamp: Stamp) -> Vec<u8> {
        let mut payload = self.delivery_heads[stamp.target as usize].clone();
        stamp.write(&mut payload);
        payload.extend_from_slice(&self.delivery_tail);
        let mut out = Vec::new();
        frame::put_unmasked(&mut out, frame::TEXT, &payload);
        out
    }

    /// A delivery to a receiver of `target`, every byte but stamp and number being as expected.
    // A call, and a result through memory, take half again of what a plain delivery costs here.
    #[inline(always)]
    pub(crate) fn read_delivery(&self, target: usize, message: &[u8]) -> Option<Delivery> {
        let body = self.numbering.strip_length(message)?;
        let rest = body.strip_prefix(self.delivery_heads[target].as_slice())?;
        let (stamp, rest) = rest.split_first_chunk::<STAMP_BYTES>()?;
        let stamp = Stamp::read(stamp)?;
        let number = rest.strip_prefix(self.delivery_tail.as_slice())?;
        let sequence_id = self.numbering.read(number)?;
        (stamp.target as usize == target).then_some(Delivery { stamp, sequence_id })
    }
}

/// Enough of a message to recognise it in a report.
pub(crate) fn excerpt(message: &[u8]) -> &[u8] {
    &message[..message.len().min(160)]
}

#[cfg(test)]
mod tests;
