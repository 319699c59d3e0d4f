//! WebSocket frames as bytes, right and wrong ones, for tests that state what is on the wire.
//!
//! Deliberately apart from the server's codec and from the client library: RFC 6455, section 5.2
//! once more, in the plainest form, with every field free to be wrong.

use std::fmt;

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// Any mask would do; this one changes every byte of ASCII text.
const MASK: [u8; 4] = [0x9d, 0x21, 0xf4, 0x6b];

/// One frame, sent or received.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    /// The three reserved bits, as the low bits of a number.
    pub(crate) reserved: u8,
    pub(crate) opcode: u8,
    pub(crate) masked: bool,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// A whole message in one masked frame, as a client has to send it.
    pub(crate) fn new(opcode: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self { fin: true, reserved: 0, opcode, masked: true, payload: payload.into() }
    }

    /// A close frame with this code and reason.
    pub(crate) fn close(code: u16, reason: impl AsRef<[u8]>) -> Self {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_ref());
        Self::new(CLOSE, payload)
    }

    /// The same frame with more to follow.
    pub(crate) fn unfinished(mut self) -> Self {
        self.fin = false;
        self
    }

    /// The same frame without mask, which a client must never send.
    pub(crate) fn unmasked(mut self) -> Self {
        self.masked = false;
        self
    }

    /// The same frame with reserved bits set.
    pub(crate) fn with_reserved(mut self, bits: u8) -> Self {
        self.reserved = bits;
        self
    }

    /// The bytes of this frame with the shortest length field.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_with_length_of(match self.payload.len() {
            0..=125 => 0,
            126..=0xffff => 2,
            _ => 8,
        })
    }

    /// The bytes of this frame with a length field of 0, 2 or 8 further bytes, shortest or not.
    pub(crate) fn bytes_with_length_of(&self, extra: usize) -> Vec<u8> {
        let mask_bit = if self.masked { 0x80 } else { 0 };
        let length = u64::try_from(self.payload.len()).expect("a length");
        let mut bytes = vec![(u8::from(self.fin) << 7) | (self.reserved << 4) | self.opcode];
        match extra {
            0 => bytes.push(mask_bit | u8::try_from(length).expect("fits seven bits")),
            2 => {
                bytes.push(mask_bit | 126);
                let length = u16::try_from(length).expect("fits 16 bits");
                bytes.extend_from_slice(&length.to_be_bytes());
            }
            _ => {
                bytes.push(mask_bit | 127);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        if self.masked {
            bytes.extend_from_slice(&MASK);
            bytes.extend(self.payload.iter().zip(MASK.iter().cycle()).map(|(byte, m)| byte ^ m));
        } else {
            bytes.extend_from_slice(&self.payload);
        }
        bytes
    }

    /// Takes one frame off the front of `bytes`, if it is whole.
    pub(crate) fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let [first, second] = *bytes.first_chunk::<2>()?;
        let (length, head) = match second & 0x7f {
            126 => {
                let field = bytes.get(2..4)?.try_into().expect("two bytes");
                (u64::from(u16::from_be_bytes(field)), 4)
            }
            127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().expect("eight bytes")), 10),
            short => (u64::from(short), 2),
        };
        assert_eq!(second & 0x80, 0, "a server must not mask");
        let end = head + usize::try_from(length).expect("a length in memory");
        let payload = bytes.get(head..end)?.to_vec();
        bytes.drain(..end);
        Some(Self {
            fin: first & 0x80 != 0,
            reserved: (first >> 4) & 7,
            opcode: first & 0xf,
            masked: false,
            payload,
        })
    }

    /// The payload as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("UTF-8 from the server")
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = String::from_utf8_lossy(&self.payload[..self.payload.len().min(200)]);
        let (opcode, length) = (self.opcode, self.payload.len());
        write!(out, "frame {opcode:#x} fin={} of {length} bytes: {shown:?}", self.fin)
    }
}
