//! Whether bytes can be passed on as a serialized `google.protobuf.Any`.
//!
//! The server relays an `Any` without knowing the type inside. What it must not relay is a text
//! of bytes that every receiver's parser stumbles over (`client-json.md` section 2.4): broken wire
//! data, or a type URL that is not UTF-8. The value inside is opaque and is not looked at.

/// Largest field number the wire format knows.
const FIELD_NUMBER_MAX: u64 = (1 << 29) - 1;

/// Groups that may be open at once; parsers commonly give up at 100 levels.
const GROUP_DEPTH_MAX: usize = 100;

/// The field of `Any` that is a string.
const TYPE_URL: u64 = 1;

/// Whether `bytes` are well-formed wire data with a readable type URL. No bytes are: an empty `Any`.
pub(super) fn is_any(bytes: &[u8]) -> bool {
    read_fields(bytes).is_some()
}

fn read_fields(mut rest: &[u8]) -> Option<()> {
    let mut open_groups = Vec::new();
    while !rest.is_empty() {
        let tag = take_varint(&mut rest)?;
        let (field, wire_type) = (tag >> 3, tag & 7);
        if field == 0 || field > FIELD_NUMBER_MAX {
            return None;
        }
        match wire_type {
            0 => drop(take_varint(&mut rest)?),
            1 => drop(take(&mut rest, 8)?),
            2 => {
                let length = take_varint(&mut rest)?;
                let content = take(&mut rest, usize::try_from(length).ok()?)?;
                if field == TYPE_URL && open_groups.is_empty() {
                    simdutf8::basic::from_utf8(content).ok()?;
                }
            }
            // Groups are deprecated, yet every parser must still skip them.
            3 if open_groups.len() < GROUP_DEPTH_MAX => open_groups.push(field),
            4 => (open_groups.pop()? == field).then_some(())?,
            5 => drop(take(&mut rest, 4)?),
            _ => return None,
        }
    }
    open_groups.is_empty().then_some(())
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

/// A base-128 number of at most 64 bits in at most ten bytes.
fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for index in 0..10 {
        let (&byte, left) = rest.split_first()?;
        *rest = left;
        // The tenth byte has room for the topmost bit only.
        if index == 9 && byte > 1 {
            return None;
        }
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_well_formed_data() {
        // J21
        let cases: [&[u8]; 9] = [
            b"",
            b"\x0a\x03a/b\x12\x02\x08\x01",
            // The value is opaque, even where it looks broken.
            b"\x12\x02\xff\xff",
            // Unknown fields: varint, 64 bit, 32 bit, a group with a field inside.
            b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x19\0\0\0\0\0\0\0\0",
            b"\x1d\0\0\0\0",
            b"\x1b\x0a\x01\xff\x1c",
            b"\x1b\x23\x24\x1c",
            // Field 1 as a number is an unknown field to a parser.
            b"\x08\x01",
        ];
        for bytes in cases {
            assert!(is_any(bytes), "{bytes:x?}");
        }
    }

    #[test]
    fn refuses_what_breaks_parsers() {
        let cases: [&[u8]; 14] = [
            b"\x0a",
            b"\x0a\x05a/b",
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x80",
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
            assert!(!is_any(bytes), "{bytes:x?}");
        }
        assert!(!is_any(b"\x0a\x01\xff"), "type URL that is not UTF-8");
        assert!(!is_any(&[0x1b; 101]), "groups without end");
    }
}
