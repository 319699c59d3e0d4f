//! Whether bytes can be passed on as a serialized `google.protobuf.Any`.
//!
//! The server relays an `Any` without knowing the type inside. What it must not relay is a text
//! of bytes that every receiver's parser stumbles over (`client-json.md` section 2.4): broken wire
//! data, or a type URL that is not UTF-8. The value inside is opaque and is not looked at.

use super::wire::{Fields, Malformed, Value, text};

/// The field of `Any` that is a string.
const TYPE_URL: u32 = 1;

/// Whether `bytes` are well-formed wire data with a readable type URL. No bytes are, as an empty
/// `Any`.
pub(crate) fn is_any(bytes: &[u8]) -> bool {
    check(bytes).is_ok()
}

fn check(bytes: &[u8]) -> Result<(), Malformed> {
    for field in Fields::new(bytes) {
        if let (TYPE_URL, Value::Bytes(url)) = field? {
            text(url)?;
        }
    }
    Ok(())
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
        let cases: [&[u8]; 4] = [b"\x0a", b"\x0a\x05a/b", b"\x12\xff\xff\xff\xff\x0f", b"\x1b"];
        for bytes in cases {
            assert!(!is_any(bytes), "{bytes:x?}");
        }
        assert!(!is_any(b"\x0a\x01\xff"), "type URL that is not UTF-8");
        assert!(!is_any(b"\x0a\x01\xff\x0a\x01a"), "replaced, yet parsers read it");
    }
}
