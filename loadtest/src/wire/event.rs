//! User events as clients send them (client-json.md 3.4, client-connect.md 7.2), and their acks.
//!
//! The echo that comes back is a message of the server, which [`Layout`] reads. An ack in another
//! layout than the specification's goes through the JSON parser, as there.

use std::io::Write;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::wire::envelope::{Envelope, Layout};
use crate::wire::frame;
use crate::wire::stamp::Stamp;

const EVENT_HEAD: &[u8] = br#"{"type":"event","event":"echo","ackId":"#;
const DATA: &[u8] = br#","dataType":"text","data":""#;
const END: &[u8] = br#""}"#;

const ACK_HEAD: &[u8] = br#"{"type":"ack","ackId":"#;
const SUCCESS: &[u8] = br#","success":true}"#;

/// Who sends the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EventKind {
    /// Clients of the JSON subprotocol: an event with an ackId, answered by a message and an ack
    Json,
    /// Simple clients: a text frame, answered by a text frame
    Simple,
    /// As json, but heard by event listeners only: answered by an ack and nothing else
    Listened,
}

impl EventKind {
    /// What echoes come in. Those that nobody owes would too.
    pub(crate) fn envelope(self) -> Envelope {
        match self {
            Self::Json | Self::Listened => Envelope::Server,
            Self::Simple => Envelope::Bare,
        }
    }

    pub(crate) fn has_acks(self) -> bool {
        self != Self::Simple
    }

    /// Whether an event handler gets the events and sends them back. Listeners answer nothing
    /// (events-listener.md 3.3).
    pub(crate) fn has_echoes(self) -> bool {
        self != Self::Listened
    }
}

/// Appends the masked frame of an event; its ackId is the sequence of its stamp.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, kind: EventKind, layout: &Layout, stamp: Stamp) {
    let payload_bytes = layout.payload_bytes();
    match kind {
        EventKind::Simple => {
            frame::put_masked(out, frame::TEXT, payload_bytes, |out| {
                layout.put_payload(out, stamp);
            });
        }
        EventKind::Json | EventKind::Listened => {
            let (digits, count) = digits(stamp.sequence);
            let envelope_bytes = EVENT_HEAD.len() + count + DATA.len() + END.len();
            frame::put_masked(out, frame::TEXT, envelope_bytes + payload_bytes, |out| {
                out.extend_from_slice(EVENT_HEAD);
                out.extend_from_slice(&digits[..count]);
                out.extend_from_slice(DATA);
                layout.put_payload(out, stamp);
                out.extend_from_slice(END);
            });
        }
    }
}

/// A number in decimal, and how many digits that takes.
fn digits(number: u32) -> ([u8; 10], usize) {
    let mut text = [0; 10];
    let mut rest = text.as_mut_slice();
    // Ten digits hold every 32-bit number.
    let _ = write!(rest, "{number}");
    let left = rest.len();
    (text, text.len() - left)
}

/// What the server says about an event as a whole (client-json.md 4.3).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ack {
    Success(u32),
    /// With the error's name and message.
    Failure(u32, String),
}

/// The ack that a message is; `None` when it is something else.
#[inline]
pub(crate) fn read_ack(message: &[u8]) -> Option<Ack> {
    let count = message.len().checked_sub(ACK_HEAD.len() + SUCCESS.len());
    let digits = count.and_then(|_| message.strip_prefix(ACK_HEAD)?.strip_suffix(SUCCESS));
    match digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok()) {
        Some(id) => Some(Ack::Success(id)),
        None => read_parsed(message),
    }
}

#[cold]
fn read_parsed(message: &[u8]) -> Option<Ack> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Parsed<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
        ack_id: u32,
        success: bool,
        error: Option<serde_json::Value>,
    }
    let parsed: Parsed<'_> = serde_json::from_slice(message).ok()?;
    let Parsed { ack_id, error, .. } = parsed;
    (parsed.kind == "ack").then(|| match parsed.success {
        true => Ack::Success(ack_id),
        false => Ack::Failure(ack_id, error.unwrap_or_default().to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp = Stamp { publisher: 0, target: 1, sequence: 10, intended_ns: 77 };

    fn unmasked(mut sent: Vec<u8>) -> Vec<u8> {
        let header = frame::parse(&sent).unwrap().unwrap();
        assert_eq!((header.opcode, header.frame_bytes()), (frame::TEXT, sent.len()));
        let mut payload = sent.split_off(header.header_bytes);
        frame::apply_mask(&mut payload, header.mask.unwrap());
        payload
    }

    #[test]
    fn an_event_is_one_masked_frame_of_the_asked_payload() {
        let layout = Layout::new(2, 100, EventKind::Json.envelope());
        let kinds = [EventKind::Json, EventKind::Listened];
        let sequences = [0, 9, 10, u32::MAX];
        for (kind, sequence) in kinds.into_iter().flat_map(|kind| sequences.map(|at| (kind, at))) {
            let mut sent = Vec::new();
            put(&mut sent, kind, &layout, Stamp { sequence, ..STAMP });
            let json: serde_json::Value = serde_json::from_slice(&unmasked(sent)).unwrap();
            assert_eq!((&json["type"], &json["dataType"]), (&"event".into(), &"text".into()));
            assert_eq!(json["ackId"], sequence);
            assert_eq!(json["data"].as_str().unwrap().len(), 100);
        }
    }

    #[test]
    fn what_a_simple_client_sends_is_what_it_expects_back() {
        let layout = Layout::new(2, 100, EventKind::Simple.envelope());
        let mut sent = Vec::new();
        put(&mut sent, EventKind::Simple, &layout, STAMP);
        let read = layout.read_delivery(1, &unmasked(sent)).map(|delivery| delivery.stamp);
        assert_eq!(read, Some(STAMP));
    }

    #[test]
    fn acks_are_read_in_any_layout_and_nothing_else_is_one() {
        let read = |text: &str| read_ack(text.as_bytes());
        assert_eq!(
            read(r#"{"type":"ack","ackId":4294967295,"success":true}"#),
            Some(Ack::Success(u32::MAX))
        );
        assert_eq!(read(r#"{"ackId":7, "success":true,"type":"ack"}"#), Some(Ack::Success(7)));
        let error = r#"{"message":"m","name":"InternalServerError"}"#;
        let failure = format!(r#"{{"type":"ack","ackId":0,"success":false,"error":{error}}}"#);
        assert_eq!(read(&failure), Some(Ack::Failure(0, error.into())));
        for other in [
            "",
            r#"{"type":"ack","ackId":,"success":true}"#,
            r#"{"type":"ack","ackId":-1,"success":true}"#,
            r#"{"type":"ack","ackId":"success":true}"#,
            r#"{"type":"message","ackId":1,"success":true}"#,
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
