//! Publishes to groups (client-json.md 3.3, client-protobuf.md 2), in the one shape a run sends.
//!
//! As with deliveries, everything but the stamp is known beforehand. Nobody asks for an ack.

use crate::wire::envelope::{DATA, END, Layout, NO_ECHO_END, PUBLISH_HEAD};
use crate::wire::stamp::{STAMP_BYTES, Stamp};
use crate::wire::subprotocol::Encoding;
use crate::wire::{frame, protobuf};

/// Makes the publishes of a run.
pub(crate) struct Publishes {
    opcode: u8,
    /// What stands before the stamp, by group.
    heads: Vec<Vec<u8>>,
    tail: Vec<u8>,
}

impl Publishes {
    /// To the targets of `layout`, of its payload; a publisher that is a member of its group gets
    /// its own messages too if `is_echoed`.
    pub(crate) fn new(layout: &Layout, encoding: Encoding, is_echoed: bool) -> Self {
        let payload_bytes = layout.payload_bytes();
        let (opcode, end) = match (encoding, is_echoed) {
            (Encoding::Json, true) => (frame::TEXT, END),
            (Encoding::Json, false) => (frame::TEXT, NO_ECHO_END),
            (Encoding::Protobuf, true) => (frame::BINARY, &[][..]),
            (Encoding::Protobuf, false) => (frame::BINARY, protobuf::NO_ECHO),
        };
        let head = |group: &str| match encoding {
            Encoding::Json => [PUBLISH_HEAD, group.as_bytes(), DATA].concat(),
            Encoding::Protobuf => protobuf::publish_head(group, payload_bytes, end.len()),
        };
        Self {
            opcode,
            heads: layout.target_names().iter().map(|name| head(name)).collect(),
            tail: [layout.padding(), end].concat(),
        }
    }

    /// Appends the masked frame that publishes a message stamped `stamp` to its group.
    #[inline]
    pub(crate) fn put(&self, out: &mut Vec<u8>, stamp: Stamp) {
        let head = &self.heads[stamp.target as usize];
        let payload_bytes = head.len() + STAMP_BYTES + self.tail.len();
        frame::put_masked(out, self.opcode, payload_bytes, |out| {
            out.extend_from_slice(head);
            stamp.write(out);
            out.extend_from_slice(&self.tail);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::envelope::Envelope;
    use crate::wire::protobuf::{DATA as DATA_FIELD, TEXT_DATA, Value, last};

    const STAMP: Stamp = Stamp { publisher: 3, target: 1, sequence: 9, intended_ns: 77 };

    fn published(layout: &Layout, encoding: Encoding, is_echoed: bool) -> (u8, Vec<u8>) {
        let mut sent = Vec::new();
        Publishes::new(layout, encoding, is_echoed).put(&mut sent, STAMP);
        let header = frame::parse(&sent).unwrap().unwrap();
        assert_eq!(header.frame_bytes(), sent.len());
        frame::apply_mask(&mut sent[header.header_bytes..], header.mask.unwrap());
        (header.opcode, sent.split_off(header.header_bytes))
    }

    #[test]
    fn a_publish_is_one_masked_frame_of_the_asked_payload() {
        for (payload_bytes, is_echoed) in [(STAMP_BYTES, true), (100, false), (20_000, true)] {
            let layout = Layout::new(2, payload_bytes, Envelope::JSON_GROUP);
            let (opcode, message) = published(&layout, Encoding::Json, is_echoed);
            let json: serde_json::Value = serde_json::from_slice(&message).unwrap();
            assert_eq!((opcode, &json["type"]), (frame::TEXT, &"sendToGroup".into()));
            assert_eq!(json["group"], layout.target_name(1));
            assert_eq!(json["data"].as_str().unwrap().len(), payload_bytes);
            assert_eq!(json["noEcho"].as_bool().unwrap_or_default(), !is_echoed); // J23

            let (opcode, message) = published(&layout, Encoding::Protobuf, is_echoed);
            let inner = |message, number| match last(message, number) {
                Some(Value::Bytes(bytes)) => bytes,
                other => panic!("{other:?}"),
            };
            let request = inner(&message, 1);
            assert_eq!(opcode, frame::BINARY);
            assert_eq!(inner(request, 1), layout.target_name(1).as_bytes());
            assert_eq!(last(request, 4), (!is_echoed).then_some(Value::Varint(1)));
            assert_eq!(inner(inner(request, DATA_FIELD), TEXT_DATA).len(), payload_bytes);
        }
    }
}
