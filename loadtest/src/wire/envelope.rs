//! Client messages of the JSON subprotocol (client-json.md 3 and 4) in the layout a run uses.
//!
//! A run sends one shape of message, so everything but the stamp is known beforehand: a
//! delivery is checked by comparing what stands before the stamp and what stands behind it. A
//! message in any other layout is taken apart by a JSON parser: slower, and counted, so that
//! servers which order or space their properties differently can still be measured.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

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
/// Of what the REST API sends to users and to all (rest-api.md 5.8).
const SERVER_DELIVERY_HEAD: &[u8] =
    br#"{"type":"message","from":"server","dataType":"text","data":""#;
const DATA: &[u8] = br#"","dataType":"text","data":""#;
const END: &[u8] = br#""}"#;

/// A masked frame that asks to join `group`.
pub(crate) fn join(group: &str) -> Vec<u8> {
    let text = [JOIN_HEAD, group.as_bytes(), br#"","ackId":1}"#].concat();
    frame::masked(frame::TEXT, &text)
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
    /// A message of a group, with its name.
    Group,
    /// A message of the server, which names no target.
    Server,
}

/// The one shape of message of a run. Its targets are groups or, in the REST scenario, users.
pub(crate) struct Layout {
    envelope: Envelope,
    target_names: Vec<String>,
    target_of_name: HashMap<String, u32>,
    /// What stands before the stamp in a delivery, by target; empty for simple clients.
    delivery_heads: Vec<Vec<u8>>,
    padding: Vec<u8>,
    delivery_tail: Vec<u8>,
}

/// A delivery that is not in the expected layout, or not of the expected target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    /// Well formed: another layout, or another target than the reader's.
    Delivery(u32, Stamp),
    /// A message that is not a delivery of this run; the text, for the report.
    Other(String),
}

impl Layout {
    pub(crate) fn new(targets: usize, payload_bytes: usize, envelope: Envelope) -> Self {
        let target_names: Vec<_> = (0..targets).map(name).collect();
        let delivery_head = |name: &String| match envelope {
            Envelope::Bare => Vec::new(),
            Envelope::Group => [DELIVERY_HEAD, name.as_bytes(), DATA].concat(),
            Envelope::Server => SERVER_DELIVERY_HEAD.to_vec(),
        };
        let letters = (b'a'..=b'z').cycle();
        let padding: Vec<u8> = letters.take(payload_bytes.saturating_sub(STAMP_BYTES)).collect();
        let end: &[u8] = if envelope == Envelope::Bare { b"" } else { END };
        Self {
            envelope,
            target_of_name: target_names.iter().cloned().zip(0..).collect(),
            delivery_heads: target_names.iter().map(delivery_head).collect(),
            delivery_tail: [&padding, end].concat(),
            target_names,
            padding,
        }
    }

    pub(crate) fn target_name(&self, target: usize) -> &str {
        &self.target_names[target]
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

    /// Appends the masked frame that publishes a message stamped `stamp` to its group.
    #[inline]
    pub(crate) fn put_publish(&self, out: &mut Vec<u8>, stamp: Stamp) {
        let name = self.target_names[stamp.target as usize].as_bytes();
        let envelope_bytes = PUBLISH_HEAD.len() + name.len() + DATA.len() + END.len();
        frame::put_masked(out, frame::TEXT, envelope_bytes + self.payload_bytes(), |out| {
            out.extend_from_slice(PUBLISH_HEAD);
            out.extend_from_slice(name);
            out.extend_from_slice(DATA);
            self.put_payload(out, stamp);
            out.extend_from_slice(END);
        });
    }

    /// The unmasked frame a server sends for `stamp`.
    pub(crate) fn delivery_frame(&self, stamp: Stamp) -> Vec<u8> {
        let mut payload = self.delivery_heads[stamp.target as usize].clone();
        stamp.write(&mut payload);
        payload.extend_from_slice(&self.delivery_tail);
        let mut out = Vec::new();
        frame::put_unmasked(&mut out, frame::TEXT, &payload);
        out
    }

    /// The stamp of a delivery to a receiver of `target`, every other byte being as expected.
    #[inline]
    pub(crate) fn read_delivery(&self, target: usize, message: &[u8]) -> Option<Stamp> {
        let rest = message.strip_prefix(self.delivery_heads[target].as_slice())?;
        let (stamp, tail) = rest.split_first_chunk::<STAMP_BYTES>()?;
        let stamp = Stamp::read(stamp)?;
        (tail == self.delivery_tail && stamp.target as usize == target).then_some(stamp)
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
        let stamp = self.read_payload(parsed.data.as_bytes())?;
        let is_right_envelope = match (self.envelope, parsed.group) {
            (Envelope::Server, group) => group.is_none() && parsed.from == Some("server"),
            (_, Some(group)) => self.target_of_name.get(group) == Some(&stamp.target),
            (_, None) => false,
        };
        // Every sender here is anonymous: a publisher without `sub`, or the server (A50).
        let is_anonymous = parsed.from_user_id.is_none();
        let is_delivery = parsed.kind == "message" && parsed.data_type == "text";
        (is_delivery && is_anonymous && is_right_envelope)
            .then_some(Odd::Delivery(stamp.target, stamp))
    }

    /// Simple clients see no group name: a delivery of another group shows by its stamp alone.
    fn read_bare(&self, message: &[u8]) -> Option<Odd> {
        let stamp = self.read_payload(message).filter(|_| self.envelope == Envelope::Bare)?;
        Some(Odd::Delivery(stamp.target, stamp))
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
}

/// Enough of a message to recognise it in a report.
pub(crate) fn excerpt(message: &[u8]) -> &[u8] {
    &message[..message.len().min(160)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { publisher: 3, target: 1, sequence: 9, intended_ns: 77 };

    fn payload_of(frame: &[u8]) -> Vec<u8> {
        frame[frame::parse(frame).unwrap().unwrap().header_bytes..].to_vec()
    }

    #[test]
    fn a_delivery_reads_back_for_receivers_of_its_target_only() {
        for envelope in [Envelope::Bare, Envelope::Group, Envelope::Server] {
            let layout = Layout::new(2, 64, envelope);
            let delivery = payload_of(&layout.delivery_frame(STAMP));
            assert_eq!(layout.read_delivery(1, &delivery), Some(STAMP));
            assert_eq!(layout.read_delivery(0, &delivery), None);
            assert_eq!(layout.read_odd(&delivery), Odd::Delivery(1, STAMP));
        }
    }

    #[test]
    fn a_payload_without_its_envelope_is_a_delivery_to_simple_clients_only() {
        let mut payload = Vec::new();
        Layout::new(2, 64, Envelope::Bare).put_payload(&mut payload, STAMP);
        for envelope in [Envelope::Bare, Envelope::Group, Envelope::Server] {
            let read = Layout::new(2, 64, envelope).read_odd(&payload);
            assert_eq!(read == Odd::Delivery(1, STAMP), envelope == Envelope::Bare);
        }
    }

    #[test]
    fn a_damaged_byte_anywhere_is_noticed() {
        let layout = Layout::new(2, 64, Envelope::Group);
        let delivery = payload_of(&layout.delivery_frame(STAMP));
        for place in 0..delivery.len() {
            let mut damaged = delivery.clone();
            damaged[place] = b'!';
            assert_eq!(layout.read_delivery(1, &damaged), None, "{place}");
        }
    }

    #[test]
    fn another_property_order_is_still_a_delivery() {
        let layout = Layout::new(2, STAMP_BYTES, Envelope::Group);
        let text = format!(
            r#"{{"fromUserId":null, "group":"{}", "type":"message","dataType":"text","data":"0003.000001.00000009.000000000000004d."}}"#,
            layout.target_name(1)
        );
        assert_eq!(layout.read_odd(text.as_bytes()), Odd::Delivery(1, STAMP));
        assert!(matches!(layout.read_odd(CONNECTED), Odd::Other(_)));
    }

    #[test]
    fn a_message_of_the_server_names_no_group_and_no_user() {
        // A50, A51
        let layout = Layout::new(2, STAMP_BYTES, Envelope::Server);
        let message = |more: &str| {
            let data = "0003.000001.00000009.000000000000004d.";
            format!(r#"{{"type":"message",{more},"dataType":"text","data":"{data}"}}"#).into_bytes()
        };
        let spaced = message(r#" "from":"server""#);
        assert_eq!(layout.read_odd(&spaced), Odd::Delivery(1, STAMP));
        for more in [
            r#""from":"group""#,
            r#""from":"server","group":"g""#,
            r#""from":"server","fromUserId":"u""#,
        ] {
            assert!(matches!(layout.read_odd(&message(more)), Odd::Other(_)), "{more}");
        }
    }

    #[test]
    fn a_publish_is_one_masked_frame_of_the_asked_payload() {
        let layout = Layout::new(2, 100, Envelope::Group);
        let mut sent = Vec::new();
        layout.put_publish(&mut sent, STAMP);
        let header = frame::parse(&sent).unwrap().unwrap();
        assert_eq!(header.frame_bytes(), sent.len());
        frame::apply_mask(&mut sent[header.header_bytes..], header.mask.unwrap());
        let json: serde_json::Value = serde_json::from_slice(&sent[header.header_bytes..]).unwrap();
        assert_eq!(json["type"], "sendToGroup");
        assert_eq!(json["group"], layout.target_name(1));
        assert_eq!(json["data"].as_str().unwrap().len(), 100);
    }
}
