//! How a receiver's own number gets into a message that all receivers share.
//!
//! A reliable receiver's copy differs by its sequence id, and with that by the lengths in front
//! (`client-json.md` section 6.1). The message is encoded once, as plain receivers get it; for a
//! reliable one a small head and tail are written around what is [`Shared`] of it:
//!
//! ```text
//! plain:    header | {…  | }                      header | tag, length | fields |
//! reliable: header | {…  | ,"sequenceId":7}       header | tag, length | fields | sequence_id
//! ```

use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::Format;
use crate::protocol::subprotocol::json::encode::{NUMBERED_END_BYTES_MAX, NumberedEnd};
use crate::protocol::subprotocol::protobuf::Numbered;
use crate::protocol::ws::encode::{HEADER_BYTES_MAX, Header};

/// The longest head: a header, and the tag and length of a protobuf message.
const HEAD_BYTES_MAX: usize = HEADER_BYTES_MAX + 11;

/// The part of a finished frame that numbered receivers share with all others.
#[derive(Clone, Copy, Debug)]
pub struct Shared {
    encoding: SharedEncoding,
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug)]
enum SharedEncoding {
    Json,
    Protobuf(Numbered),
    /// Of a message that is not sent any more.
    Nothing,
}

impl Shared {
    /// No byte goes around nothing.
    pub const NOTHING: Self = Self { encoding: SharedEncoding::Nothing, start: 0, end: 0 };

    /// What a message's frame of this format shares; nothing where nobody numbers.
    pub fn of(frame: &[u8], format: Format) -> Option<Self> {
        let header_bytes = match frame.get(1)? & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        let (encoding, start, end) = match format {
            Format::Simple => return None,
            Format::Json => (SharedEncoding::Json, header_bytes, frame.len().checked_sub(1)?),
            Format::Protobuf => {
                let numbered = match *frame.get(header_bytes)? {
                    0x12 => Numbered::DataMessage,
                    0x4a => Numbered::GroupStateUpdate,
                    0x52 => Numbered::GroupStateSnapshot,
                    _ => return None,
                };
                let length = &frame[header_bytes + 1..];
                let length_bytes = 1 + length.iter().take_while(|byte| **byte >= 0x80).count();
                let start = header_bytes + 1 + length_bytes;
                (SharedEncoding::Protobuf(numbered), start, frame.len())
            }
        };
        let start = u32::try_from(start).ok()?;
        Some(Self { encoding, start, end: u32::try_from(end).ok()? })
    }

    /// Appends the frame as the receiver gets it for which it has this number.
    ///
    /// This is what a reliable delivery costs beyond a plain one, so it writes where the bytes are
    /// wanted, and in fixed lengths wherever it can.
    #[inline]
    pub fn write(&self, frame: &[u8], number: &SequenceNumber, out: &mut Vec<u8>) {
        let shared = &frame[self.start as usize..self.end as usize];
        match self.encoding {
            SharedEncoding::Json => {
                let payload_bytes = shared.len() + number.json_end.length();
                Header::write(out, OpCode::Data(Data::Text), payload_bytes);
                out.extend_from_slice(shared);
                number.json_end.write(out);
            }
            SharedEncoding::Protobuf(numbered) => {
                let head = numbered.head(shared.len(), Some(number.id));
                let tail = numbered.tail(number.id);
                let payload_bytes = numbered.bytes(shared.len(), number.id);
                Header::write(out, OpCode::Data(Data::Binary), payload_bytes);
                head.write(out);
                out.extend_from_slice(shared);
                tail.write(out);
            }
            SharedEncoding::Nothing => {}
        }
    }

    /// Bytes that [`Self::write`] appends.
    #[inline]
    pub fn numbered_bytes(&self, number: &SequenceNumber) -> usize {
        let shared_bytes = (self.end - self.start) as usize;
        let payload_bytes = match self.encoding {
            SharedEncoding::Json => shared_bytes + number.json_end.length(),
            SharedEncoding::Protobuf(numbered) => numbered.bytes(shared_bytes, number.id),
            SharedEncoding::Nothing => return 0,
        };
        let header_bytes = match payload_bytes {
            0..126 => 2,
            126..=0xffff => 4,
            _ => HEADER_BYTES_MAX,
        };
        header_bytes + payload_bytes
    }

    /// The same frame in pieces, of which a socket may take a part.
    pub fn numbered<'f>(&self, frame: &'f [u8], number: &SequenceNumber) -> NumberedFrame<'f> {
        let shared = &frame[self.start as usize..self.end as usize];
        let mut tail = Piece::default();
        let mut inner = Piece::<11>::default();
        let opcode = match self.encoding {
            SharedEncoding::Json => {
                tail.push(number.json_end.bytes());
                Data::Text
            }
            SharedEncoding::Protobuf(numbered) => {
                inner.push(numbered.head(shared.len(), Some(number.id)).bytes());
                tail.push(numbered.tail(number.id).bytes());
                Data::Binary
            }
            SharedEncoding::Nothing => {
                return NumberedFrame { head: Piece::default(), shared, tail };
            }
        };
        let payload_bytes = inner.bytes().len() + shared.len() + tail.bytes().len();
        let header = Header::new(OpCode::Data(opcode), payload_bytes);
        let mut head = Piece::default();
        head.push(header.bytes());
        head.push(inner.bytes());
        NumberedFrame { head, shared, tail }
    }
}

/// A receiver's sequence id, as its encodings write it.
#[derive(Clone, Copy, Debug)]
pub struct SequenceNumber {
    id: u64,
    json_end: NumberedEnd,
}

impl SequenceNumber {
    pub fn new(id: u64) -> Self {
        Self { id, json_end: NumberedEnd::new(id) }
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// The number of the receiver's next message.
    #[inline]
    pub fn next(&mut self) {
        self.id += 1;
        if !self.json_end.count_up() {
            self.json_end = NumberedEnd::new(self.id);
        }
    }
}

/// One receiver's frame, in three pieces.
#[derive(Debug)]
pub struct NumberedFrame<'f> {
    head: Piece<HEAD_BYTES_MAX>,
    shared: &'f [u8],
    tail: Piece<NUMBERED_END_BYTES_MAX>,
}

impl NumberedFrame<'_> {
    /// Bytes of the whole frame.
    pub fn len(&self) -> usize {
        self.head.bytes().len() + self.shared.len() + self.tail.bytes().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the frame without its first `skip` bytes, and at most `bytes_max` of it.
    pub fn append(&self, out: &mut Vec<u8>, mut skip: usize, mut bytes_max: usize) {
        for piece in [self.head.bytes(), self.shared, self.tail.bytes()] {
            let rest = piece.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(piece.len());
            let taken = rest.len().min(bytes_max);
            out.extend_from_slice(&rest[..taken]);
            bytes_max -= taken;
        }
    }
}

/// A few bytes by value.
#[derive(Debug)]
struct Piece<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Default for Piece<N> {
    fn default() -> Self {
        Self { bytes: [0; N], length: 0 }
    }
}

impl<const N: usize> Piece<N> {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Both ways to write a frame, and the length that is told beforehand.
    fn check(frame: &[u8], format: Format, id: u64) {
        let shared = Shared::of(frame, format).expect("a message");
        let number = SequenceNumber::new(id);
        let mut whole = Vec::new();
        shared.write(frame, &number, &mut whole);
        assert_eq!(whole.len(), shared.numbered_bytes(&number));
        let pieces = shared.numbered(frame, &number);
        let mut parts = Vec::new();
        for start in (0..pieces.len()).step_by(7) {
            pieces.append(&mut parts, start, 7);
        }
        assert_eq!(parts, whole);
    }

    proptest! {
        #[test]
        fn a_frame_is_the_same_whole_and_in_pieces(
            payload_bytes in prop_oneof![0..400_usize, 65_400..65_700_usize],
            id in prop_oneof![1..2000_u64, any::<u64>()],
        ) {
            let mut scratch = crate::frame::FrameScratch::default();
            let json = scratch.frame(OpCode::Data(Data::Text), |out| {
                out.push(b'{');
                out.resize(out.len() + payload_bytes, b' ');
                out.push(b'}');
            });
            check(json.bytes(), Format::Json, id);
            let protobuf = scratch.frame(OpCode::Data(Data::Binary), |out| {
                Numbered::DataMessage.write(out, None, |out| out.resize(out.len() + payload_bytes, 0));
            });
            check(protobuf.bytes(), Format::Protobuf, id);
        }
    }

    #[test]
    fn counting_up_is_writing_anew() {
        for start in [1, 8, 9, 98, 99, 109, 199, 998, 999_999, u64::MAX - 3] {
            let mut number = SequenceNumber::new(start);
            for id in start + 1..=start.saturating_add(3) {
                number.next();
                assert_eq!(number.id, id);
                assert_eq!(number.json_end.bytes(), NumberedEnd::new(id).bytes());
            }
        }
    }
}
