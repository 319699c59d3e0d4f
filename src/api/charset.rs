//! Charsets of message bodies (`rest-api.md` section 5.7).
//!
//! What is passed on is UTF-8, so other charsets are converted. Offered are those that the
//! reference's platform knows without extensions and that text is sent in: ASCII, Latin-1 and
//! UTF-16. A table-driven one has not been asked for by any service library.

/// How the text of a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    Utf8,
    Ascii,
    Latin1,
    /// The byte order is that of the mark in front, or little-endian without one.
    Utf16,
    Utf16LittleEndian,
    Utf16BigEndian,
}

impl Charset {
    /// The charset of that name, in any case.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Self::Utf8,
            "us-ascii" | "ascii" => Self::Ascii,
            "iso-8859-1" | "latin1" => Self::Latin1,
            "utf-16" => Self::Utf16,
            "utf-16le" => Self::Utf16LittleEndian,
            "utf-16be" => Self::Utf16BigEndian,
            _ => return None,
        })
    }

    /// The bytes as UTF-8, or `None` if they are no text in this charset. UTF-8 itself is passed
    /// through: whoever takes the bytes checks it anyway.
    pub(super) fn to_utf8(self, bytes: Vec<u8>) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(bytes),
            Self::Ascii => bytes.is_ascii().then_some(bytes),
            Self::Latin1 => Some(bytes.into_iter().map(char::from).collect::<String>().into()),
            Self::Utf16 => match bytes.split_first_chunk::<2>() {
                Some(([0xfe, 0xff], text)) => from_utf16(text, u16::from_be_bytes),
                Some(([0xff, 0xfe], text)) => from_utf16(text, u16::from_le_bytes),
                _ => from_utf16(&bytes, u16::from_le_bytes),
            },
            Self::Utf16LittleEndian => from_utf16(&bytes, u16::from_le_bytes),
            Self::Utf16BigEndian => from_utf16(&bytes, u16::from_be_bytes),
        }
    }
}

fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Vec<u8>> {
    let (units, rest) = bytes.as_chunks::<2>();
    let text = char::decode_utf16(units.iter().map(|pair| unit(*pair)));
    let text: String = text.collect::<Result<_, _>>().ok()?;
    rest.is_empty().then(|| text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(name: &str, bytes: &[u8]) -> Option<String> {
        let utf8 = Charset::from_name(name).expect("known").to_utf8(bytes.to_vec())?;
        Some(String::from_utf8(utf8).unwrap())
    }

    #[test]
    fn every_charset_becomes_utf_8() {
        // A46 (charsets)
        assert_eq!(convert("UTF-8", "é".as_bytes()).as_deref(), Some("é"));
        assert_eq!(convert("ISO-8859-1", b"\xe9\xff").as_deref(), Some("éÿ"));
        assert_eq!(convert("us-ascii", b"a").as_deref(), Some("a"));
        assert_eq!(convert("us-ascii", b"\xe9"), None);
        assert_eq!(convert("utf-16le", b"\xe9\0").as_deref(), Some("é"));
        assert_eq!(convert("utf-16be", b"\0\xe9\xd8\x34\xdd\x1e").as_deref(), Some("é𝄞"));
        assert_eq!(convert("utf-16", b"\xff\xfe\xe9\0").as_deref(), Some("é"));
        assert_eq!(convert("utf-16", b"\xfe\xff\0\xe9").as_deref(), Some("é"));
        assert_eq!(convert("utf-16", b"\xe9\0").as_deref(), Some("é"));
        assert_eq!(convert("utf-16", b"").as_deref(), Some(""));
        assert_eq!(convert("utf-16", b"\xe9"), None);
        assert_eq!(convert("utf-16be", b"\xd8\x34"), None);
        assert_eq!(Charset::from_name("klingon"), None);
    }
}
