//! Client messages of the JSON subprotocol (client-json.md 3 and 4) in the layout a run uses.
//!
//! A run publishes one shape of message, so everything but the stamp is known beforehand: a
//! delivery is checked by comparing what stands before the stamp and what stands behind it. A
//! message in any other layout is taken apart by a JSON parser: slower, and counted, so that
//! servers which order or space their properties differently can still be measured.

use std::collections::HashMap;

use serde::Deserialize;

use crate::wire::frame;
use crate::wire::stamp::{STAMP_BYTES, Stamp};

pub(crate) const JSON_SUBPROTOCOL: &str = "json.webpubsub.azure.v1";

/// What begins a `connected` message (client-json.md 4.1).
pub(crate) const CONNECTED: &[u8] = br#"{"type":"system","event":"connected""#;
/// The answer to [`join`], which every client asks for once (client-json.md 4.3).
pub(crate) const JOINED: &[u8] = br#"{"type":"ack","ackId":1,"success":true}"#;

pub(crate) const JOIN_HEAD: &[u8] = br#"{"type":"joinGroup","group":""#;
pub(crate) const PUBLISH_HEAD: &[u8] = br#"{"type":"sendToGroup","group":""#;
pub(crate) const DELIVERY_HEAD: &[u8] = br#"{"type":"message","from":"group","group":""#;
const DATA: &[u8] = br#"","dataType":"text","data":""#;
const END: &[u8] = br#""}"#;

/// A masked frame that asks to join `group`.
pub(crate) fn join(group: &str) -> Vec<u8> {
    let text = [JOIN_HEAD, group.as_bytes(), br#"","ackId":1}"#].concat();
    frame::masked(frame::TEXT, &text)
}

/// The one shape of message of a run.
pub(crate) struct Layout {
    group_names: Vec<String>,
    group_of_name: HashMap<String, u32>,
    publish_heads: Vec<Vec<u8>>,
    /// What stands before the stamp in a delivery, by group; empty for simple clients.
    delivery_heads: Vec<Vec<u8>>,
    padding: Vec<u8>,
    delivery_tail: Vec<u8>,
}

/// A delivery that is not in the expected layout, or not of the expected group.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    /// Well formed: another layout, or another group than the reader's.
    Delivery(u32, Stamp),
    /// A message that is not a delivery of this run; the text, for the report.
    Other(String),
}

impl Layout {
    /// Names are unique to the process, so that runs side by side on one hub do not meet.
    pub(crate) fn new(groups: usize, payload_bytes: usize, is_enveloped: bool) -> Self {
        let process = std::process::id();
        let group_names: Vec<_> =
            (0..groups).map(|g| format!("load-{process:08x}-{g:06}")).collect();
        let heads = |first: &[u8]| -> Vec<Vec<u8>> {
            group_names.iter().map(|name| [first, name.as_bytes(), DATA].concat()).collect()
        };
        let letters = (b'a'..=b'z').cycle();
        let padding: Vec<u8> = letters.take(payload_bytes.saturating_sub(STAMP_BYTES)).collect();
        let end: &[u8] = if is_enveloped { END } else { b"" };
        Self {
            group_of_name: group_names.iter().cloned().zip(0..).collect(),
            publish_heads: heads(PUBLISH_HEAD),
            delivery_heads: if is_enveloped { heads(DELIVERY_HEAD) } else { vec![vec![]; groups] },
            delivery_tail: [&padding, end].concat(),
            group_names,
            padding,
        }
    }

    pub(crate) fn group_name(&self, group: usize) -> &str {
        &self.group_names[group]
    }

    /// Appends the masked frame that publishes a message stamped `stamp`.
    #[inline]
    pub(crate) fn put_publish(&self, out: &mut Vec<u8>, stamp: Stamp) {
        let head = &self.publish_heads[stamp.group as usize];
        let payload_bytes = head.len() + STAMP_BYTES + self.padding.len() + END.len();
        frame::put_masked(out, frame::TEXT, payload_bytes, |out| {
            out.extend_from_slice(head);
            stamp.write(out);
            out.extend_from_slice(&self.padding);
            out.extend_from_slice(END);
        });
    }

    /// The unmasked frame a server sends for `stamp`.
    pub(crate) fn delivery_frame(&self, stamp: Stamp) -> Vec<u8> {
        let mut payload = self.delivery_heads[stamp.group as usize].clone();
        stamp.write(&mut payload);
        payload.extend_from_slice(&self.delivery_tail);
        let mut out = Vec::new();
        frame::put_unmasked(&mut out, frame::TEXT, &payload);
        out
    }

    /// The stamp of a delivery to a member of `group`, every other byte being as expected.
    #[inline]
    pub(crate) fn read_delivery(&self, group: usize, message: &[u8]) -> Option<Stamp> {
        let rest = message.strip_prefix(self.delivery_heads[group].as_slice())?;
        let (stamp, tail) = rest.split_first_chunk::<STAMP_BYTES>()?;
        let stamp = Stamp::read(stamp)?;
        (tail == self.delivery_tail && stamp.group as usize == group).then_some(stamp)
    }

    /// Second opinion on a message that [`Layout::read_delivery`] did not take.
    #[cold]
    pub(crate) fn read_odd(&self, message: &[u8]) -> Odd {
        self.read_parsed(message)
            .or_else(|| self.read_bare(message))
            .unwrap_or_else(|| Odd::Other(String::from_utf8_lossy(excerpt(message)).into_owned()))
    }

    fn read_parsed(&self, message: &[u8]) -> Option<Odd> {
        let parsed: Parsed = serde_json::from_slice(message).ok()?;
        let group = *self.group_of_name.get(parsed.group)?;
        let stamp = self.read_payload(parsed.data.as_bytes())?;
        let is_delivery = parsed.kind == "message" && parsed.data_type == "text";
        (is_delivery && stamp.group == group).then_some(Odd::Delivery(group, stamp))
    }

    /// Simple clients see no group name: a delivery of another group shows by its stamp alone.
    fn read_bare(&self, message: &[u8]) -> Option<Odd> {
        let stamp = self.read_payload(message)?;
        Some(Odd::Delivery(stamp.group, stamp))
    }

    fn read_payload(&self, payload: &[u8]) -> Option<Stamp> {
        let (stamp, padding) = payload.split_first_chunk::<STAMP_BYTES>()?;
        if padding != self.padding {
            return None;
        }
        Stamp::read(stamp).filter(|stamp| (stamp.group as usize) < self.group_names.len())
    }
}

#[derive(Deserialize)]
struct Parsed<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    group: &'a str,
    #[serde(rename = "dataType")]
    data_type: &'a str,
    data: &'a str,
}

/// Enough of a message to recognise it in a report.
pub(crate) fn excerpt(message: &[u8]) -> &[u8] {
    &message[..message.len().min(160)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { publisher: 3, group: 1, sequence: 9, intended_ns: 77 };

    fn payload_of(frame: &[u8]) -> Vec<u8> {
        frame[frame::parse(frame).unwrap().unwrap().header_bytes..].to_vec()
    }

    #[test]
    fn a_delivery_reads_back_for_members_of_its_group_only() {
        for is_enveloped in [true, false] {
            let layout = Layout::new(2, 64, is_enveloped);
            let delivery = payload_of(&layout.delivery_frame(STAMP));
            assert_eq!(layout.read_delivery(1, &delivery), Some(STAMP));
            assert_eq!(layout.read_delivery(0, &delivery), None);
            assert_eq!(layout.read_odd(&delivery), Odd::Delivery(1, STAMP));
        }
    }

    #[test]
    fn a_damaged_byte_anywhere_is_noticed() {
        let layout = Layout::new(2, 64, true);
        let delivery = payload_of(&layout.delivery_frame(STAMP));
        for place in 0..delivery.len() {
            let mut damaged = delivery.clone();
            damaged[place] = b'!';
            assert_eq!(layout.read_delivery(1, &damaged), None, "{place}");
        }
    }

    #[test]
    fn another_property_order_is_still_a_delivery() {
        let layout = Layout::new(2, STAMP_BYTES, true);
        let text = format!(
            r#"{{"fromUserId":null, "group":"{}", "type":"message","dataType":"text","data":"0003.000001.00000009.000000000000004d."}}"#,
            layout.group_name(1)
        );
        assert_eq!(layout.read_odd(text.as_bytes()), Odd::Delivery(1, STAMP));
        assert!(matches!(layout.read_odd(CONNECTED), Odd::Other(_)));
    }

    #[test]
    fn a_publish_is_one_masked_frame_of_the_asked_payload() {
        let layout = Layout::new(2, 100, true);
        let mut sent = Vec::new();
        layout.put_publish(&mut sent, STAMP);
        let header = frame::parse(&sent).unwrap().unwrap();
        assert_eq!(header.frame_bytes(), sent.len());
        frame::apply_mask(&mut sent[header.header_bytes..], header.mask.unwrap());
        let json: serde_json::Value = serde_json::from_slice(&sent[header.header_bytes..]).unwrap();
        assert_eq!(json["type"], "sendToGroup");
        assert_eq!(json["group"], layout.group_name(1));
        assert_eq!(json["data"].as_str().unwrap().len(), 100);
    }
}
