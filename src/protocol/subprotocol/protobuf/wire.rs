//! The protobuf wire format: tagged fields, varints and length-delimited bytes, both ways.
//!
//! Reading hands out the fields of one message in their order, as slices of it, and knows nothing
//! of their meaning: embedded messages are read by reading their bytes again. Any bytes can be
//! read; what is not wire data is [`Malformed`]. Groups are deprecated, yet every parser must still
//! skip them, so they are skipped, to a bounded depth.
//!
//! Writing appends to a buffer and cannot fail. All fields that this server writes have numbers
//! below 16, whose tags take one byte.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

/// Largest field number the format knows.
const FIELD_NUMBER_MAX: u64 = (1 << 29) - 1;

/// Groups that may be open at once. Common parsers give up at 100 levels, counted from the
/// outermost message, and a serialized `Any` is relayed inside of three.
const GROUP_DEPTH_MAX: u32 = 64;

/// Longest varint: ten times seven bits hold 64.
const VARINT_BYTES_MAX: usize = 10;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;
const GROUP_START: u8 = 3;
const GROUP_END: u8 = 4;
const FIXED32: u8 = 5;

/// The bytes are not wire data, or a string in them is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What a field holds, as far as the format tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// An integer or boolean.
    Number(u64),
    /// A string, bytes or an embedded message.
    Bytes(&'a [u8]),
    /// Of a wire type that no field of ours has: always unknown.
    Skipped,
}

/// The fields of one message: numbers and values, in the order they came.
///
/// Ends after the first error.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline(always)]
    fn field(&mut self) -> Result<(u32, Value<'a>), Malformed> {
        let (number, wire_type) = self.tag()?;
        let value = match wire_type {
            VARINT => Value::Number(self.varint()?),
            LENGTH_DELIMITED => Value::Bytes(self.length_delimited()?),
            _ => {
                self.skip(number, wire_type, GROUP_DEPTH_MAX)?;
                Value::Skipped
            }
        };
        Ok((number, value))
    }

    #[inline(always)]
    fn tag(&mut self) -> Result<(u32, u8), Malformed> {
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || number > FIELD_NUMBER_MAX {
            return Err(Malformed);
        }
        Ok(((number & FIELD_NUMBER_MAX) as u32, (tag & 7) as u8))
    }

    #[inline(always)]
    fn length_delimited(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.varint()?;
        self.take(usize::try_from(length).map_err(|_| Malformed)?)
    }

    #[inline(always)]
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, Malformed> {
        match *self.rest {
            [byte, ref rest @ ..] if byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for index in 0..VARINT_BYTES_MAX {
            let (&byte, rest) = self.rest.split_first().ok_or(Malformed)?;
            self.rest = rest;
            // The tenth byte has room for the topmost bit only.
            if index == VARINT_BYTES_MAX - 1 && byte > 1 {
                return Err(Malformed);
            }
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    /// Skips a value, with at most so many groups inside each other.
    #[cold]
    fn skip(&mut self, number: u32, wire_type: u8, depth_max: u32) -> Result<(), Malformed> {
        match wire_type {
            VARINT => drop(self.varint()?),
            FIXED64 => drop(self.take(8)?),
            LENGTH_DELIMITED => drop(self.length_delimited()?),
            GROUP_START => {
                let depth_max = depth_max.checked_sub(1).ok_or(Malformed)?;
                loop {
                    match self.tag()? {
                        (end, GROUP_END) if end == number => break,
                        // An end without its group is an error of the wire type.
                        (inner, wire_type) => self.skip(inner, wire_type, depth_max)?,
                    }
                }
            }
            FIXED32 => drop(self.take(4)?),
            _ => return Err(Malformed),
        }
        Ok(())
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// The value of a string field.
#[inline(always)]
pub(super) fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| Malformed)
}

/// A tag of one byte and a number: a whole integer field, or all of a length-delimited field
/// before its bytes. Held by value, so that it can be written without a buffer.
#[derive(Clone, Copy, Debug)]
pub struct TaggedNumber {
    bytes: [u8; TAGGED_BYTES_MAX],
    length: u8,
}

/// A tag and the longest varint.
const TAGGED_BYTES_MAX: usize = 1 + VARINT_BYTES_MAX;

impl TaggedNumber {
    /// A field that holds an integer.
    #[inline]
    pub(super) fn integer(field: u8, number: u64) -> Self {
        Self::new(field << 3 | VARINT, number)
    }

    /// What precedes so many bytes of a string or an embedded message.
    #[inline]
    pub(super) fn length(field: u8, bytes: usize) -> Self {
        Self::new(field << 3 | LENGTH_DELIMITED, bytes as u64)
    }

    #[inline]
    fn new(tag: u8, number: u64) -> Self {
        debug_assert!((8..0x80).contains(&tag), "only field numbers below 16 fit into one byte");
        let mut bytes = [0; TAGGED_BYTES_MAX];
        bytes[0] = tag;
        let (mut rest, mut length) = (number, 1);
        for byte in &mut bytes[1..] {
            length += 1;
            if rest < 0x80 {
                *byte = (rest & 0x7f) as u8;
                break;
            }
            *byte = (rest & 0x7f) as u8 | 0x80;
            rest >>= 7;
        }
        Self { bytes, length }
    }

    /// The bytes as they are sent, 2 to 11.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Appends the bytes.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        // All of the array and then less: a copy of a fixed length takes no call.
        let end = out.len() + usize::from(self.length);
        out.extend_from_slice(&self.bytes);
        out.truncate(end);
    }
}

/// Bytes that an integer field takes.
pub(super) fn integer_bytes(number: u64) -> usize {
    // Seven bits to a byte, and one byte for zero.
    1 + (number | 1).ilog2() as usize / 7 + 1
}

/// Bytes that a string or an embedded message of so many takes as a field.
pub(super) fn field_bytes(content_bytes: usize) -> usize {
    integer_bytes(content_bytes as u64) + content_bytes
}

/// Appends an integer.
pub(super) fn write_integer(out: &mut Vec<u8>, field: u8, number: u64) {
    TaggedNumber::integer(field, number).write(out);
}

/// Appends what precedes so many bytes.
#[inline]
pub(super) fn write_length(out: &mut Vec<u8>, field: u8, bytes: usize) {
    // Most lengths take one byte, and for those there is nothing to work out.
    if let Ok(short @ 0..0x80) = u8::try_from(bytes) {
        out.extend_from_slice(&[field << 3 | LENGTH_DELIMITED, short]);
    } else {
        TaggedNumber::length(field, bytes).write(out);
    }
}

/// Appends a string, or the bytes of a message.
#[inline]
pub(super) fn write_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    write_length(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends an embedded message whose fields `write` appends, and which is probably short.
pub(super) fn write_message(out: &mut Vec<u8>, field: u8, write: impl FnOnce(&mut Vec<u8>)) {
    write_message_of(out, field, 0, write);
}

/// Appends an embedded message of about so many bytes.
///
/// If that is so wrong that the length takes more or fewer bytes, the message is moved, which for
/// 16 KiB doubles the time (bench `subprotocol_protobuf`).
pub(super) fn write_message_of(
    out: &mut Vec<u8>,
    field: u8,
    likely_bytes: usize,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    write_length(out, field, likely_bytes);
    let content_start = out.len();
    write(out);
    let head = TaggedNumber::length(field, out.len() - content_start);
    match out.get_mut(start..content_start) {
        Some(room) if room.len() == head.bytes().len() => room.copy_from_slice(head.bytes()),
        _ => drop(out.splice(start..content_start, head.bytes().iter().copied())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(u32, Value<'_>)>, Malformed> {
        Fields::new(bytes).collect()
    }

    #[test]
    fn fields_come_in_their_order() {
        let bytes = b"\x08\x96\x01\x12\x02hi\x19\0\0\0\0\0\0\0\0\x1d\0\0\0\0\x08\x00";
        let expected = [
            (1, Value::Number(150)),
            (2, Value::Bytes(b"hi")),
            (3, Value::Skipped),
            (3, Value::Skipped),
            (1, Value::Number(0)),
        ];
        assert_eq!(read(bytes).unwrap(), expected);
        assert_eq!(read(b""), Ok(Vec::new()));
        assert_eq!(read(b"\xf8\xff\xff\xff\x0f\x01"), Ok(vec![((1 << 29) - 1, Value::Number(1))]));
        // More bytes than needed are legal, in tags as well.
        assert_eq!(read(b"\x88\x80\x00\x81\x80\x00"), Ok(vec![(1, Value::Number(1))]));
        let bytes = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(read(bytes), Ok(vec![(1, Value::Number(u64::MAX))]));
    }

    #[test]
    fn groups_are_skipped_as_a_whole() {
        // P4
        for bytes in [&b"\x1b\x1c"[..], b"\x1b\x0a\x01\xff\x1c", b"\x1b\x23\x1d\0\0\0\0\x24\x1c"] {
            assert_eq!(read(bytes), Ok(vec![(3, Value::Skipped)]), "{bytes:x?}");
        }
        let nested = |levels| [[0x1b].repeat(levels), [0x1c].repeat(levels)].concat();
        assert!(read(&nested(64)).is_ok());
        assert!(read(&nested(65)).is_err());
        assert!(read(&[0x1b; 100_000]).is_err());
    }

    #[test]
    fn what_is_no_wire_data_is_malformed() {
        // P2
        let cases: [&[u8]; 15] = [
            b"\x0a",
            b"\x0a\x05a/b",
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x80",
            b"\x18",
            b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x19\0\0\0",
            b"\x1d\0\0",
            // Field 0, field 2^29, wire types 6 and 7.
            b"\x02\x00",
            b"\x80\x80\x80\x80\x10\x00",
            b"\x0e",
            b"\x0f",
            // A group without an end, an end without its group.
            b"\x1b",
            b"\x1b\x24",
        ];
        for bytes in cases {
            assert_eq!(read(bytes), Err(Malformed), "{bytes:x?}");
            assert!(Fields::new(bytes).count() <= 1, "nothing follows an error");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for number in (0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit]).chain([u64::MAX]) {
            let mut out = Vec::new();
            write_integer(&mut out, 4, number);
            assert_eq!(read(&out), Ok(vec![(4, Value::Number(number))]));
            assert_eq!(out.len(), integer_bytes(number));
        }
        for bytes in [0, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            let content = vec![b'x'; bytes];
            let mut expected = Vec::new();
            write_bytes(&mut expected, 15, &content);
            assert_eq!(read(&expected), Ok(vec![(15, Value::Bytes(&content))]));
            assert_eq!(expected.len(), field_bytes(bytes));
            for likely_bytes in [0, 127, 128, bytes, 20_000] {
                let mut out = b"before".to_vec();
                write_message_of(&mut out, 15, likely_bytes, |out| out.extend_from_slice(&content));
                assert_eq!(out, [b"before", &expected[..]].concat());
            }
        }
    }
}
