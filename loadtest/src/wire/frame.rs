//! WebSocket frame headers (RFC 6455, section 5.2) in both directions.
//!
//! Fragmented messages and reserved bits are errors: no server under test sends them here, and
//! one that did would not be measured by the layout this generator checks.

pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// One key for all frames. Random keys defend proxies against scripts in browsers; here the
/// server only has to do the work of unmasking.
const MASK: [u8; 4] = [0x5A, 0x17, 0xC3, 0x88];

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) opcode: u8,
    pub(crate) mask: Option<[u8; 4]>,
    pub(crate) header_bytes: usize,
    pub(crate) payload_bytes: usize,
}

impl Header {
    pub(crate) fn frame_bytes(&self) -> usize {
        self.header_bytes + self.payload_bytes
    }
}

/// The header at the start of `bytes`; `None` when more bytes are needed.
#[inline]
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Header>, &'static str> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    if first & RESERVED != 0 {
        return Err("a frame has reserved bits set");
    }
    if first & FINAL == 0 || first & 0x0F == 0 {
        return Err("a message is fragmented, which this generator does not read");
    }
    let (length_bytes, payload_bytes) = match second & 0x7F {
        126 => match rest.first_chunk() {
            Some(&length) => (2, usize::from(u16::from_be_bytes(length))),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(&length) => (8, usize::try_from(u64::from_be_bytes(length)).unwrap_or(usize::MAX)),
            None => return Ok(None),
        },
        short => (0, usize::from(short)),
    };
    if payload_bytes > PAYLOAD_BYTES_MAX {
        return Err("a frame is larger than anything this generator asked for");
    }
    let mut header_bytes = 2 + length_bytes;
    let mask = if second & MASKED == 0 {
        None
    } else {
        let Some(&mask) = rest.get(length_bytes..).and_then(<[u8]>::first_chunk) else {
            return Ok(None);
        };
        header_bytes += 4;
        Some(mask)
    };
    Ok(Some(Header { opcode: first & 0x0F, mask, header_bytes, payload_bytes }))
}

/// Largest payload either side accepts: the largest client message and its envelope.
pub(crate) const PAYLOAD_BYTES_MAX: usize = (1 << 20) + (1 << 16);

/// Appends an unmasked frame, as servers send it.
pub(crate) fn put_unmasked(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    put_header(out, opcode, payload.len(), 0);
    out.extend_from_slice(payload);
}

/// Appends a masked frame whose payload `write` appends; `payload_bytes` must be its length.
#[inline]
pub(crate) fn put_masked(
    out: &mut Vec<u8>,
    opcode: u8,
    payload_bytes: usize,
    write: impl FnOnce(&mut Vec<u8>),
) {
    put_header(out, opcode, payload_bytes, MASKED);
    out.extend_from_slice(&MASK);
    let start = out.len();
    write(out);
    debug_assert_eq!(out.len() - start, payload_bytes, "the announced length is the written one");
    apply_mask(&mut out[start..], MASK);
}

/// A masked frame of its own.
pub(crate) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 14);
    put_masked(&mut out, opcode, payload.len(), |out| out.extend_from_slice(payload));
    out
}

/// RFC 6455, section 5.3; the same operation masks and unmasks.
pub(crate) fn apply_mask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from(u32::from_ne_bytes(mask));
    let wide = wide | wide << 32;
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        if let Some(chunk) = chunk.first_chunk_mut::<8>() {
            *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
        }
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

#[inline]
fn put_header(out: &mut Vec<u8>, opcode: u8, payload_bytes: usize, masked: u8) {
    out.push(FINAL | opcode);
    if let Ok(short @ 0..126) = u8::try_from(payload_bytes) {
        out.push(masked | short);
    } else if let Ok(medium) = u16::try_from(payload_bytes) {
        out.push(masked | 126);
        out.extend_from_slice(&medium.to_be_bytes());
    } else {
        out.push(masked | 127);
        out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_class_read_back_unmasked_and_masked() {
        for payload_bytes in [0, 1, 7, 125, 126, 65_535, 65_536, 70_003] {
            let payload: Vec<u8> =
                (0..payload_bytes).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let mut plain = Vec::new();
            put_unmasked(&mut plain, TEXT, &payload);
            let header = parse(&plain).unwrap().unwrap();
            assert_eq!((header.opcode, header.mask), (TEXT, None));
            assert_eq!(&plain[header.header_bytes..], payload);

            let mut sent = masked(BINARY, &payload);
            let header = parse(&sent).unwrap().unwrap();
            assert_eq!(header.frame_bytes(), sent.len());
            apply_mask(&mut sent[header.header_bytes..], header.mask.unwrap());
            assert_eq!(&sent[header.header_bytes..], payload);
        }
    }

    #[test]
    fn every_cut_of_a_header_asks_for_more() {
        let frame = masked(TEXT, &[0; 70_000]);
        for cut in 0..14 {
            assert_eq!(parse(&frame[..cut]), Ok(None), "{cut}");
        }
        assert!(parse(&frame[..14]).unwrap().is_some());
    }

    #[test]
    fn fragments_reserved_bits_and_absurd_lengths_are_errors() {
        assert!(parse(&[TEXT, 0]).is_err());
        assert!(parse(&[0x80, 0]).is_err());
        assert!(parse(&[0xC1, 0]).is_err());
        assert!(parse(&[0x81, 127, 1, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
