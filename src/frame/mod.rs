//! Finished wire bytes, shared by reference.
//!
//! A [`Frame`] is one whole WebSocket frame, header included, immutable from the moment it is
//! built; a [`FrameSet`] is one published message in every format somebody needs. They cross
//! shards as atomic references, once per message and shard. Inside a shard, queues share them
//! through [`Queued`], whose count is not atomic: a delivery touches no other core's cache line.
//! Who receives a frame is not known here.

pub mod message;
pub mod numbered;

use std::rc::Rc;
use std::sync::Arc;

use tungstenite::protocol::frame::coding::OpCode;

use self::numbered::Shared;
use crate::protocol::subprotocol::Encoding;
use crate::protocol::ws::encode::{HEADER_BYTES_MAX, Header};

/// The encodings a message can be needed in. Members of a group are kept apart by it, so that
/// each format in use is encoded once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The JSON subprotocols.
    Json,
    /// The protobuf subprotocols.
    Protobuf,
    /// The bare payload, for simple clients.
    Simple,
}

impl From<Encoding> for Format {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Json => Self::Json,
            Encoding::Protobuf => Self::Protobuf,
        }
    }
}

impl Format {
    pub const COUNT: usize = 3;
    pub const ALL: [Self; Self::COUNT] = [Self::Json, Self::Protobuf, Self::Simple];

    /// Position of this format in arrays of [`Format::COUNT`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// One finished frame.
#[derive(Clone, Debug)]
pub struct Frame(Arc<[u8]>);

impl Frame {
    /// The bytes as they go on the wire.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The buffer frames are built in: one per shard, reused, so that a frame is one allocation.
#[derive(Debug, Default)]
pub struct FrameScratch {
    bytes: Vec<u8>,
}

impl FrameScratch {
    /// Builds a frame from the payload that `write` appends.
    pub fn frame(&mut self, opcode: OpCode, write: impl FnOnce(&mut Vec<u8>)) -> Frame {
        // Room for the longest header comes first; the header is then set right before the
        // payload, whose length is known only afterwards.
        self.bytes.clear();
        self.bytes.resize(HEADER_BYTES_MAX, 0);
        write(&mut self.bytes);
        let header = Header::new(opcode, self.bytes.len() - HEADER_BYTES_MAX);
        let start = HEADER_BYTES_MAX - header.bytes().len();
        self.bytes[start..HEADER_BYTES_MAX].copy_from_slice(header.bytes());
        let frame = Frame(Arc::from(&self.bytes[start..]));
        self.bytes.clear();
        self.bytes.shrink_to(SCRATCH_BYTES_KEPT);
        frame
    }

    /// Raw bytes that are queued like a frame: the answer to an upgrade.
    pub fn raw(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Frame {
        self.bytes.clear();
        write(&mut self.bytes);
        Frame(Arc::from(&self.bytes[..]))
    }
}

/// A scratch that grew for one large message gives the excess back.
const SCRATCH_BYTES_KEPT: usize = 256 * 1024;

/// One published message, encoded at most once per format, only in the formats in use.
#[derive(Clone, Debug, Default)]
pub struct FrameSet {
    frames: [Option<Frame>; Format::COUNT],
    /// Moment on the shards' common clock after which a waiting copy is dropped; 0 for never.
    pub expires_at_ms: u64,
}

impl FrameSet {
    /// An empty set whose frames expire at that moment; see [`Self::expires_at_ms`].
    pub fn expiring_at(expires_at_ms: u64) -> Self {
        Self { expires_at_ms, ..Self::default() }
    }

    pub fn set(&mut self, format: Format, frame: Frame) {
        self.frames[format.index()] = Some(frame);
    }

    pub fn get(&self, format: Format) -> Option<&Frame> {
        self.frames[format.index()].as_ref()
    }
}

/// A frame as the queues of one shard share it.
#[derive(Debug)]
pub struct Queued {
    frame: Frame,
    expires_at_ms: u64,
    /// What numbered receivers share, if this is a message that they number.
    shared: Option<Shared>,
}

impl Queued {
    /// Wraps a frame that nobody numbers: control frames, system messages and answers.
    pub fn new(frame: Frame) -> Rc<Self> {
        Rc::new(Self { frame, expires_at_ms: 0, shared: None })
    }

    /// Wraps a message's frame for the queues of this shard, once per message and format.
    pub fn message(frame: Frame, format: Format, expires_at_ms: u64) -> Rc<Self> {
        let shared = Shared::of(frame.bytes(), format);
        Rc::new(Self { frame, expires_at_ms, shared })
    }

    /// A message without a byte, in the place of one whose time to live has passed.
    pub fn blank() -> Rc<Self> {
        let frame = Frame(Arc::from([]));
        Rc::new(Self { frame, expires_at_ms: 0, shared: Some(Shared::NOTHING) })
    }

    /// The frame as receivers get it that number nothing.
    pub fn bytes(&self) -> &[u8] {
        self.frame.bytes()
    }

    /// Whether reliable receivers get it with a number.
    pub fn is_numbered(&self) -> bool {
        self.shared.is_some()
    }

    /// What a receiver's own number goes around, if receivers number it.
    pub fn shared(&self) -> Option<&Shared> {
        self.shared.as_ref()
    }

    /// Whether it has a time to live at all.
    pub fn may_expire(&self) -> bool {
        self.expires_at_ms != 0
    }

    /// Whether its time to live has passed (`client-json.md` section 2.6).
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at_ms != 0 && now_ms >= self.expires_at_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tungstenite::protocol::frame::coding::Data;

    #[test]
    fn a_frame_is_its_header_and_its_payload_at_every_header_length() {
        let mut scratch = FrameScratch::default();
        for length in [0, 125, 126, 65_535, 65_536, 700_000] {
            let payload = vec![b'x'; length];
            let opcode = OpCode::Data(Data::Binary);
            let frame = scratch.frame(opcode, |out| out.extend_from_slice(&payload));
            let header = Header::new(opcode, length);
            assert_eq!(frame.bytes(), [header.bytes(), &payload].concat());
        }
    }
}
