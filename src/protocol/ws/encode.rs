//! Frame headers of the server's own frames: never masked, never fragmented.

use tungstenite::protocol::frame::coding::OpCode;

/// The longest header the server writes: two bytes and a 64-bit length.
pub const HEADER_BYTES_MAX: usize = 10;

/// A finished header; `bytes()` is what goes on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    bytes: [u8; HEADER_BYTES_MAX],
    length: u8,
}

impl Header {
    /// The header of an unfragmented, unmasked frame (RFC 6455, section 5.2), with the payload
    /// length in its shortest form.
    pub fn new(opcode: OpCode, payload_bytes: usize) -> Self {
        let mut bytes = [0; HEADER_BYTES_MAX];
        bytes[0] = 0x80 | u8::from(opcode);
        let length = if let Ok(short @ 0..126) = u8::try_from(payload_bytes) {
            bytes[1] = short;
            2
        } else if let Ok(medium) = u16::try_from(payload_bytes) {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&medium.to_be_bytes());
            4
        } else {
            bytes[1] = 127;
            bytes[2..10].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
            10
        };
        Self { bytes, length }
    }

    /// Appends the header for so many bytes of payload.
    #[inline]
    pub fn write(out: &mut Vec<u8>, opcode: OpCode, payload_bytes: usize) {
        let first = 0x80 | u8::from(opcode);
        // Copies of fixed lengths: the common headers take no call.
        if let Ok(short @ 0..126) = u8::try_from(payload_bytes) {
            out.extend_from_slice(&[first, short]);
        } else if let Ok(medium) = u16::try_from(payload_bytes) {
            let [high, low] = medium.to_be_bytes();
            out.extend_from_slice(&[first, 126, high, low]);
        } else {
            out.extend_from_slice(Self::new(opcode, payload_bytes).bytes());
        }
    }

    /// The header as it is sent, 2, 4 or 10 bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tungstenite::protocol::frame::{FrameHeader, coding::Data};

    #[test]
    fn equals_tungstenites_header_at_every_length_class() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 1 << 20] {
            let opcode = OpCode::Data(Data::Text);
            let mut theirs = Vec::new();
            FrameHeader { opcode, ..FrameHeader::default() }
                .format(length as u64, &mut theirs)
                .expect("a vector takes any write");
            assert_eq!(Header::new(opcode, length).bytes(), theirs);
            let mut written = Vec::new();
            Header::write(&mut written, opcode, length);
            assert_eq!(written, theirs);
        }
    }
}
