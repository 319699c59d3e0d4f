//! Second opinion on a message that [`Layout::read_delivery`] did not take: parsers that accept
//! any order of properties, any spacing and any order of fields.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Delivery, Envelope, Layout, excerpt};
use crate::wire::number::Numbering;
use crate::wire::protobuf::{self, Value};
use crate::wire::stamp::{STAMP_BYTES, Stamp};
use crate::wire::subprotocol::Encoding;

/// A message that is not in the expected layout, or not for its receiver.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    /// Well formed: another layout, or another target than the receiver's.
    Delivery(Delivery),
    /// A message that is not a delivery of this run; the text, for the report.
    Other(String),
}

impl Layout {
    #[cold]
    pub(crate) fn read_odd(&self, message: &[u8]) -> Odd {
        let delivery = match self.envelope {
            Envelope::Bare => self.read_bare(message),
            Envelope::Group { encoding: Encoding::Protobuf, .. } => self.read_fields(message),
            Envelope::Group { encoding: Encoding::Json, .. } | Envelope::Server => {
                self.read_parsed(message)
            }
        };
        // A number has to be there for reliable receivers, and must not be for others.
        let is_numbered = self.numbering != Numbering::None;
        delivery
            .filter(|delivery| (delivery.sequence_id > 0) == is_numbered)
            .map(Odd::Delivery)
            .unwrap_or_else(|| Odd::Other(String::from_utf8_lossy(excerpt(message)).into_owned()))
    }

    fn read_parsed(&self, message: &[u8]) -> Option<Delivery> {
        let parsed: Parsed = serde_json::from_slice(message).ok()?;
        let stamp = self.read_payload(parsed.data.as_bytes())?;
        let is_right_envelope = match (self.envelope, parsed.from, parsed.group) {
            (Envelope::Server, Some("server"), None) => true,
            (Envelope::Group { .. }, Some("group"), Some(group)) => {
                self.target_of_name.get(group) == Some(&stamp.target)
            }
            _ => false,
        };
        // Every sender here is anonymous: a publisher without `sub`, or the server (A50).
        let is_anonymous = parsed.from_user_id.is_none();
        let is_delivery = parsed.kind == "message" && parsed.data_type == "text";
        let sequence_id = parsed.sequence_id.unwrap_or(0);
        (is_delivery && is_anonymous && is_right_envelope)
            .then_some(Delivery { stamp, sequence_id })
    }

    fn read_fields(&self, message: &[u8]) -> Option<Delivery> {
        let Value::Bytes(data_message) = protobuf::last(message, protobuf::DATA_MESSAGE)? else {
            return None;
        };
        let bytes = |message, number| match protobuf::last(message, number)? {
            Value::Bytes(bytes) => Some(bytes),
            Value::Varint(_) => None,
        };
        let group = std::str::from_utf8(bytes(data_message, protobuf::GROUP)?).ok()?;
        let payload = bytes(bytes(data_message, protobuf::DATA)?, protobuf::TEXT_DATA)?;
        let stamp = self.read_payload(payload)?;
        let sequence_id = match protobuf::last(data_message, protobuf::SEQUENCE_ID) {
            Some(Value::Varint(sequence_id)) => sequence_id,
            Some(Value::Bytes(_)) => return None,
            None => 0,
        };
        let is_right_envelope = bytes(data_message, protobuf::FROM)? == b"group"
            && self.target_of_name.get(group) == Some(&stamp.target);
        is_right_envelope.then_some(Delivery { stamp, sequence_id })
    }

    /// Simple clients see no group name: a delivery of another group shows by its stamp alone.
    fn read_bare(&self, message: &[u8]) -> Option<Delivery> {
        let stamp = self.read_payload(message)?;
        Some(Delivery { stamp, sequence_id: 0 })
    }

    fn read_payload(&self, payload: &[u8]) -> Option<Stamp> {
        let (stamp, padding) = payload.split_first_chunk::<STAMP_BYTES>()?;
        if padding != self.padding {
            return None;
        }
        Stamp::read(stamp).filter(|stamp| (stamp.target as usize) < self.target_names.len())
    }
}

#[derive(Deserialize)]
struct Parsed<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    from: Option<&'a str>,
    #[serde(rename = "fromUserId")]
    from_user_id: Option<IgnoredAny>,
    group: Option<&'a str>,
    #[serde(rename = "dataType")]
    data_type: &'a str,
    data: &'a str,
    #[serde(rename = "sequenceId")]
    sequence_id: Option<u64>,
}
