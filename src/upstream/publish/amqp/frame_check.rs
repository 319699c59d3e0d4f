//! Whether what a broker sends is well-formed, before the AMQP library decodes it.
//!
//! The library is written for brokers that keep the rules: it reads the head of a frame that has
//! none, reserves what a length field claims, counts the pairs of a map below zero, and descends as
//! deep as values are nested. Each of these may end the process, so frames are looked at on their
//! way in: they are not too short and not too long, hold nothing but whole values, whose lengths and
//! counts agree, nested within reason. Whether the values make sense is the library's question; it
//! answers with errors.
//!
//! We receive no messages but short replies to token requests, so the bound on frames is low and
//! nothing is ever split over two of them.

/// What we let the broker put into one frame, and announce.
pub(super) const FRAME_BYTES_MAX: u32 = 16 * 1024;
/// Size, data offset, type and channel.
const HEAD_BYTES: usize = 8;
/// Protocol headers are as long as the head of a frame; no frame is as long as this says.
const PROTOCOL_HEADER: &[u8] = b"AMQP";
/// Deeper than any frame or message of AMQP needs.
const DEPTH_MAX: u8 = 16;
/// Elements without bytes of their own, in one array.
const EMPTY_ELEMENTS_MAX: usize = 256;

/// The broker does not keep the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Follows a stream of frames.
#[derive(Debug, Default)]
pub(super) struct FrameCheck {
    /// The frame that is not complete yet.
    frame: Vec<u8>,
}

impl FrameCheck {
    /// Looks at the next bytes of the stream; not all of them may be passed on if there is an error.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            let missing = self.frame_bytes()?.saturating_sub(self.frame.len()).min(bytes.len());
            let (taken, rest) = bytes.split_at(missing);
            self.frame.extend_from_slice(taken);
            bytes = rest;
            // Only now may it be known how long the frame is, and whether it can be.
            let frame_bytes = self.frame_bytes()?;
            if self.frame.len() == frame_bytes {
                check(&self.frame)?;
                self.frame.clear();
            }
        }
        Ok(())
    }

    /// Of the frame that is being read, as far as that is known.
    fn frame_bytes(&self) -> Result<usize, Malformed> {
        match self.frame.first_chunk() {
            None => Ok(HEAD_BYTES),
            Some(start) if start == PROTOCOL_HEADER => Ok(HEAD_BYTES),
            Some(&size) => {
                let size = u32::from_be_bytes(size);
                let is_allowed = (8..=FRAME_BYTES_MAX).contains(&size);
                usize::try_from(size).ok().filter(|_| is_allowed).ok_or(Malformed)
            }
        }
    }
}

/// A whole frame, or a protocol header.
fn check(frame: &[u8]) -> Result<(), Malformed> {
    if frame.starts_with(PROTOCOL_HEADER) {
        return Ok(());
    }
    let mut body = Values(frame.get(HEAD_BYTES..).ok_or(Malformed)?);
    while !body.0.is_empty() {
        body.value(DEPTH_MAX)?;
    }
    Ok(())
}

/// What is left of a row of encoded values (AMQP 1.0, part 1, section 1.2).
struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(byte)
    }

    /// A size or a count, one byte wide or four.
    fn number(&mut self, is_wide: bool) -> Result<usize, Malformed> {
        if !is_wide {
            return self.byte().map(usize::from);
        }
        let bytes = self.take(4)?.try_into().map_err(|_| Malformed)?;
        usize::try_from(u32::from_be_bytes(bytes)).map_err(|_| Malformed)
    }

    fn value(&mut self, depth: u8) -> Result<(), Malformed> {
        let code = self.constructor(depth)?;
        self.content(code, depth)
    }

    /// The code of a type, after its descriptors.
    fn constructor(&mut self, depth: u8) -> Result<u8, Malformed> {
        let code = self.byte()?;
        if code != 0 {
            return Ok(code);
        }
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        self.value(depth)?;
        self.constructor(depth)
    }

    fn content(&mut self, code: u8, depth: u8) -> Result<(), Malformed> {
        match code >> 4 {
            0x4..=0x9 => self.take(fixed_width(code)).map(drop),
            0xa | 0xb => {
                let bytes = self.number(code >= 0xb0)?;
                self.take(bytes).map(drop)
            }
            0xc | 0xd => self.compound(code, depth),
            0xe | 0xf => self.array(code >= 0xf0, depth),
            _ => Err(Malformed),
        }
    }

    /// A list, or a map: keys and values by turns.
    fn compound(&mut self, code: u8, depth: u8) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        let is_wide = code >= 0xd0;
        let bytes = self.number(is_wide)?;
        let mut content = Values(self.take(bytes)?);
        let count = content.number(is_wide)?;
        let is_map = code & 0x0f == 1;
        if is_map && !count.is_multiple_of(2) {
            return Err(Malformed);
        }
        // Every value has a byte at least, so the count is bounded by what is there.
        for _ in 0..count {
            content.value(depth)?;
        }
        content.is_used_up()
    }

    fn array(&mut self, is_wide: bool, depth: u8) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        let bytes = self.number(is_wide)?;
        let mut content = Values(self.take(bytes)?);
        let count = content.number(is_wide)?;
        let code = content.constructor(depth)?;
        if code >> 4 == 0x4 && count > EMPTY_ELEMENTS_MAX {
            return Err(Malformed);
        }
        for _ in 0..count {
            content.content(code, depth)?;
        }
        content.is_used_up()
    }

    fn is_used_up(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// Of the types whose values all have the same width.
fn fixed_width(code: u8) -> usize {
    match code >> 4 {
        0x5 => 1,
        0x6 => 2,
        0x7 => 4,
        0x8 => 8,
        0x9 => 16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"AMQP\x00\x01\x00\x00";
    /// `end` without fields.
    const END: &[u8] = &[0, 0, 0, 12, 2, 0, 0, 0, 0x00, 0x53, 0x17, 0x45];
    /// `close` with an error in a list, in a list of 8-bit sizes.
    const CLOSE: &[u8] = &[
        0, 0, 0, 26, 2, 0, 0, 0, 0x00, 0x53, 0x18, 0xc0, 12, 1, 0x00, 0x53, 0x1d, 0xc0, 6, 1, 0xa3,
        3, b'a', b':', b'b', 0x40,
    ];

    fn frame(body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(HEAD_BYTES + body.len()).unwrap();
        [&size.to_be_bytes(), [2, 0, 0, 0].as_slice(), body].concat()
    }

    #[test]
    fn streams_pass_whole_byte_by_byte_and_cut_anywhere() {
        let empty = frame(&[]);
        let array = frame(&[0xe0, 8, 2, 0xa3, 2, b'a', b'b', 1, b'c', 0]);
        assert_eq!(FrameCheck::default().push(&array), Err(Malformed), "a byte too many");
        let array = frame(&[0xe0, 7, 2, 0xa3, 2, b'a', b'b', 1, b'c']);
        let stream = [HEADER, END, &empty, HEADER, &array, END].concat();
        for cut in 0..=stream.len() {
            let mut check = FrameCheck::default();
            assert_eq!(check.push(&stream[..cut]), Ok(()), "{cut}");
            assert_eq!(check.push(&stream[cut..]), Ok(()), "{cut}");
            assert!(check.frame.is_empty());
        }
        let mut check = FrameCheck::default();
        assert!(stream.iter().all(|byte| check.push(&[*byte]).is_ok()));
    }

    #[test]
    fn frames_without_a_head_or_longer_than_announced_are_refused() {
        for size in [0, 1, 4, 7, FRAME_BYTES_MAX + 1, u32::MAX] {
            // Nothing more has to come: the library reads on at once.
            let mut check = FrameCheck::default();
            assert_eq!(check.push(HEADER), Ok(()));
            assert_eq!(check.push(&size.to_be_bytes()), Err(Malformed), "{size}");
        }
    }

    #[test]
    fn lengths_counts_and_depths_that_cannot_be_are_refused() {
        let mut nested = vec![0x45];
        for _ in 0..=DEPTH_MAX {
            let size = u8::try_from(nested.len() + 1).unwrap();
            nested = [&[0xc0, size, 1], nested.as_slice()].concat();
        }
        for body in [
            &[0xb1, 0xff, 0xff, 0xff, 0xff][..],
            &[0xa1, 2, b'a'],
            &[0xd0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff],
            &[0xc0, 0],
            &[0xc1, 4, 2, 0x40, 0x40, 0x40],
            &[0xc1, 2, 1, 0x40],
            &[0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40],
            &[0x00, 0x53],
            &[0x30],
            &[0; 64],
            &nested,
        ] {
            assert_eq!(FrameCheck::default().push(&frame(body)), Err(Malformed), "{body:x?}");
        }
    }

    #[test]
    fn changing_any_byte_never_panics() {
        for stream in [END, CLOSE] {
            for at in 0..stream.len() {
                for byte in 0..=u8::MAX {
                    let mut stream = stream.to_vec();
                    stream[at] = byte;
                    let _either = FrameCheck::default().push(&stream);
                }
            }
        }
    }
}
