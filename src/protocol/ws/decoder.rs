//! One client frame out of a byte buffer, unmasked in place.
//!
//! The decoder keeps nothing between calls: it is given everything not yet consumed and answers
//! with a frame, or with how many bytes the frame needs in all. Fragments are the business of
//! [`super::assembly`]. Every rule that can be checked from the header is checked before the
//! payload has arrived, so an oversized frame is refused without being buffered.

use std::ops::Range;

use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::{MESSAGE_BYTES_MAX, ProtocolError, mask};

/// The header of one client frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    pub opcode: OpCode,
    pub is_final: bool,
    pub payload_bytes: usize,
    mask: [u8; 4],
    head_bytes: usize,
}

/// What [`decode`] found at the start of a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// Not a whole frame yet: it needs `bytes` in all, as far as can be told so far.
    Incomplete { bytes: usize },
    /// A frame, its payload unmasked; the next frame starts at `payload.end`.
    Frame { opcode: OpCode, is_final: bool, payload: Range<usize> },
}

/// Reads the frame at the start of `buffer`.
///
/// # Errors
/// Whatever of RFC 6455, section 5, can be judged from one frame, as soon as its header says so.
pub fn decode(buffer: &mut [u8]) -> Result<Decoded, ProtocolError> {
    let head = match read_head(buffer)? {
        Ok(head) => head,
        Err(bytes) => return Ok(Decoded::Incomplete { bytes }),
    };
    let payload = head.head_bytes..head.head_bytes + head.payload_bytes;
    if buffer.len() < payload.end {
        return Ok(Decoded::Incomplete { bytes: payload.end });
    }
    mask::unmask(&mut buffer[payload.clone()], head.mask);
    Ok(Decoded::Frame { opcode: head.opcode, is_final: head.is_final, payload })
}

/// The header, or (inner `Err`) the number of bytes it needs.
fn read_head(buffer: &[u8]) -> Result<Result<FrameHead, usize>, ProtocolError> {
    let [first, second, rest @ ..] = buffer else { return Ok(Err(2)) };
    let is_final = first & 0x80 != 0;
    //= RFC 6455, section 5.2: reserved bits must be 0 unless an extension gives them a meaning.
    if first & 0x70 != 0 {
        return Err(ProtocolError::ReservedBits);
    }
    let opcode = match first & 0x0f {
        0 => OpCode::Data(Data::Continue),
        1 => OpCode::Data(Data::Text),
        2 => OpCode::Data(Data::Binary),
        8 => OpCode::Control(Control::Close),
        9 => OpCode::Control(Control::Ping),
        10 => OpCode::Control(Control::Pong),
        _ => return Err(ProtocolError::UnknownOpcode),
    };
    //= RFC 6455, section 5.1: a server must close the connection upon an unmasked frame.
    if second & 0x80 == 0 {
        return Err(ProtocolError::Unmasked);
    }
    let short = usize::from(second & 0x7f);
    //= RFC 6455, section 5.5: control frames carry at most 125 bytes and are never fragmented.
    if matches!(opcode, OpCode::Control(_)) && (short > 125 || !is_final) {
        return Err(ProtocolError::BadControlFrame);
    }
    let (payload_bytes, length_bytes) = match short {
        126 => {
            let [a, b, ..] = rest else { return Ok(Err(8)) };
            let long = usize::from(u16::from_be_bytes([*a, *b]));
            if long < 126 {
                return Err(ProtocolError::BadLength);
            }
            (long, 2)
        }
        127 => {
            let Some(eight) = rest.first_chunk::<8>() else { return Ok(Err(14)) };
            let long = u64::from_be_bytes(*eight);
            if long < 65_536 || long >> 63 != 0 {
                return Err(ProtocolError::BadLength);
            }
            //= client-connect.md section 8: stop as soon as the size passes the limit.
            let Ok(long) = usize::try_from(long) else { return Err(ProtocolError::TooLarge) };
            (long, 8)
        }
        short => (short, 0),
    };
    if payload_bytes > MESSAGE_BYTES_MAX {
        return Err(ProtocolError::TooLarge);
    }
    let head_bytes = 2 + length_bytes + 4;
    let Some(mask) = rest.get(length_bytes..).and_then(|tail| tail.first_chunk::<4>()) else {
        return Ok(Err(head_bytes + payload_bytes));
    };
    Ok(Ok(FrameHead { opcode, is_final, payload_bytes, mask: *mask, head_bytes }))
}

#[cfg(test)]
mod tests;
