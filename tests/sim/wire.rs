//! A client's end of one socket: bytes arrive in any pieces, frames come out whole.

/// Stands for the answer to the upgrade.
pub(crate) const ACCEPT: &[u8] = b"accept";

/// What a client makes of a frame.
pub(crate) enum Received {
    Text(String),
    /// With the code of the close.
    Close(u16),
}

#[derive(Default)]
pub(crate) struct Wire {
    bytes: Vec<u8>,
    is_upgraded: bool,
}

impl Wire {
    pub(crate) fn arrive(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// How many of the bytes that come next make so many frames and a part of the one after them.
    pub(crate) fn length_of(&self, next: &[u8], frames: usize, part_bytes: usize) -> usize {
        let all = [&self.bytes, next].concat();
        let mut end = if self.is_upgraded { 0 } else { ACCEPT.len() };
        for _ in 0..frames {
            end += all.get(end..).and_then(read).map_or(0, |(_, length)| length);
        }
        (end + part_bytes).saturating_sub(self.bytes.len()).min(next.len())
    }

    /// Takes what has arrived whole.
    pub(crate) fn take(&mut self) -> Vec<Received> {
        let mut start = 0;
        if !self.is_upgraded {
            if self.bytes.len() < ACCEPT.len() {
                return Vec::new();
            }
            assert!(self.bytes.starts_with(ACCEPT), "the answer to the upgrade comes first");
            (self.is_upgraded, start) = (true, ACCEPT.len());
        }
        let mut received = Vec::new();
        while let Some((frame, length)) = read(&self.bytes[start..]) {
            received.push(frame);
            start += length;
        }
        self.bytes.drain(..start);
        received
    }
}

/// The first frame and its length, if it is there.
fn read(bytes: &[u8]) -> Option<(Received, usize)> {
    let (header, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        length => (2, usize::from(length)),
    };
    assert!(length <= 0xffff && bytes[1] < 127, "masked, or larger than anything sent here");
    let payload = bytes.get(header..header + length)?;
    let frame = match bytes[0] {
        0x81 => Received::Text(String::from_utf8(payload.to_vec()).expect("text is UTF-8")),
        0x88 => Received::Close(u16::from_be_bytes([payload[0], payload[1]])),
        other => panic!("a frame that begins with {other:#x}"),
    };
    Some((frame, header + length))
}
