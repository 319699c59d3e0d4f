//! The opaque content of a message, kept in the form it came in.
//!
//! A message is stored once and converted per receiver (`client-protobuf.md` section 6). What a JSON
//! client sent goes to JSON clients as it stands, so its payload stays the source text of the
//! value, and nothing is decoded or encoded on that way. What came as bytes stays bytes.
//!
//! A payload fits its data type: text is UTF-8, JSON is one JSON value, base64 decodes, protobuf
//! is well-formed wire data. The constructors check that or take types that guarantee it, and
//! receivers rely on it. Borrowed for as long as the message that is being published.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::json::{self, Literal};
use super::protobuf;

/// What kind of data a payload is (`client-json.md` section 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    Json,
    Text,
    Binary,
    /// A serialized `google.protobuf.Any`.
    Protobuf,
}

impl DataType {
    pub const ALL: [Self; 4] = [Self::Json, Self::Text, Self::Binary, Self::Protobuf];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Protobuf => "protobuf",
        }
    }

    /// The data type of that name, in any case (`client-json.md` section 1).
    // Inlined, like `from_literal`: calls cost a 128 B message 4 % (bench `subprotocol_json`).
    #[inline(always)]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|data_type| data_type.as_str().eq_ignore_ascii_case(name))
    }
}

/// The data of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    data_type: DataType,
    source: Source<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source<'a> {
    /// The value of `data` as JSON receivers get it: any value for [`DataType::Json`], otherwise a
    /// string literal. A literal of base64 has no escapes.
    Json(&'a str),
    /// The stored bytes of `client-protobuf.md` section 6.1.
    Bytes(Cow<'a, [u8]>),
}

impl<'a> Payload<'a> {
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        let bytes = match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        Self { data_type: DataType::Text, source: Source::Bytes(bytes) }
    }

    pub fn binary(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { data_type: DataType::Binary, source: Source::Bytes(bytes.into()) }
    }

    /// The bytes of a request or answer, if they are what their data type says.
    ///
    /// `null` is JSON here: only clients may not publish it, REST may.
    pub fn from_bytes(data_type: DataType, bytes: impl Into<Cow<'a, [u8]>>) -> Option<Self> {
        let bytes = bytes.into();
        let is_valid = match data_type {
            DataType::Json => simdutf8::basic::from_utf8(&bytes).is_ok_and(json::is_value),
            DataType::Text => simdutf8::basic::from_utf8(&bytes).is_ok(),
            DataType::Binary => true,
            DataType::Protobuf => protobuf::is_any(&bytes),
        };
        is_valid.then_some(Self { data_type, source: Source::Bytes(bytes) })
    }

    /// A JSON value that the scanner has accepted, as its source text.
    pub(super) fn from_json_value(source: &'a str) -> Self {
        Self { data_type: DataType::Json, source: Source::Json(source) }
    }

    /// A string literal as the data of the given type, if it can be that.
    #[inline(always)]
    pub(super) fn from_literal(data_type: DataType, literal: &Literal<'a>) -> Option<Self> {
        let source = match data_type {
            DataType::Json => Source::Json(literal.source()),
            DataType::Text => literal.is_text().then_some(Source::Json(literal.source()))?,
            DataType::Binary => {
                if literal.has_escapes() {
                    Source::Bytes(Cow::Owned(decode_base64(literal)?))
                } else {
                    is_base64(literal.inner()).then_some(Source::Json(literal.source()))?
                }
            }
            // To be checked it has to be decoded, and then it stays so.
            DataType::Protobuf => {
                let bytes = decode_base64(literal)?;
                protobuf::is_any(&bytes).then_some(Source::Bytes(Cow::Owned(bytes)))?
            }
        };
        Some(Self { data_type, source })
    }

    /// The same content on its own, in the form of [`Self::bytes`].
    pub fn to_bytes(&self) -> Payload<'static> {
        let bytes = Cow::Owned(self.bytes().into_owned());
        Payload { data_type: self.data_type, source: Source::Bytes(bytes) }
    }

    pub fn data_type(&self) -> DataType {
        self.data_type
    }

    /// What simple, protobuf and other byte-oriented receivers get: the text, the JSON source, or
    /// the decoded bytes (`client-protobuf.md` section 6.2).
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match (&self.source, self.data_type) {
            (Source::Bytes(bytes), _) => Cow::Borrowed(bytes),
            (Source::Json(source), DataType::Json) => Cow::Borrowed(source.as_bytes()),
            (Source::Json(source), DataType::Text) => json::unescape(source),
            (Source::Json(source), DataType::Binary | DataType::Protobuf) => {
                let decoded = STANDARD.decode(source.trim_matches('"'));
                debug_assert!(decoded.is_ok(), "base64 is checked before it is kept");
                Cow::Owned(decoded.unwrap_or_default())
            }
        }
    }

    /// Appends the value of `data` as JSON receivers get it (`client-protobuf.md` section 6.2).
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match (&self.source, self.data_type) {
            (Source::Json(source), _) => out.extend_from_slice(source.as_bytes()),
            (Source::Bytes(bytes), DataType::Json) => out.extend_from_slice(bytes),
            (Source::Bytes(bytes), DataType::Text) => json::write_literal(out, bytes),
            (Source::Bytes(bytes), DataType::Binary | DataType::Protobuf) => {
                write_base64(out, bytes);
            }
        }
    }

    /// Bytes that [`Self::write_json`] appends, except for escapes.
    pub(super) fn json_bytes_estimate(&self) -> usize {
        match &self.source {
            Source::Json(source) => source.len(),
            Source::Bytes(bytes) if self.data_type == DataType::Json => bytes.len(),
            Source::Bytes(bytes) if self.data_type == DataType::Text => bytes.len() + 2,
            Source::Bytes(bytes) => base64_len(bytes) + 2,
        }
    }
}

fn base64_len(bytes: &[u8]) -> usize {
    bytes.len().div_ceil(3) * 4
}

fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + base64_len(bytes), 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]);
    debug_assert_eq!(written, Ok(out.len() - start), "the room is exactly what base64 takes");
    out.push(b'"');
}

fn decode_base64(literal: &Literal<'_>) -> Option<Vec<u8>> {
    let text = literal.decode()?;
    STANDARD.decode(text.as_bytes()).ok()
}

/// Whether a text is padded standard base64, without decoding it.
///
/// As strict as the decoder: bits that no byte uses must be zero, or receivers with a strict
/// decoder could not read what is forwarded to them.
fn is_base64(text: &str) -> bool {
    let (quads, rest) = text.as_bytes().as_chunks::<4>();
    let Some((last, quads)) = quads.split_last() else { return rest.is_empty() };
    let is_last_valid = match *last {
        [a, b, b'=', b'='] => is_sextet(a) && matches!(b, b'A' | b'Q' | b'g' | b'w'),
        [a, b, c, b'='] => is_sextet(a) && is_sextet(b) && b"AEIMQUYcgkosw048".contains(&c),
        quad => quad.into_iter().all(is_sextet),
    };
    // Without a way out of the loop the compiler turns it into vector code.
    let is_rest_valid = quads.as_flattened().iter().fold(true, |valid, &b| valid & is_sextet(b));
    rest.is_empty() && is_last_valid && is_rest_valid
}

fn is_sextet(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let is_digit = byte.wrapping_sub(b'0') < 10;
    is_letter | is_digit | (byte == b'+') | (byte == b'/')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(payload: &Payload<'_>) -> String {
        let mut out = Vec::new();
        payload.write_json(&mut out);
        assert!(payload.json_bytes_estimate() <= out.len());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bytes_become_the_json_of_their_type() {
        // P12, P13, P17 (the pure parts)
        assert_eq!(json(&Payload::text("say \"hi\"\n")), r#""say \"hi\"\n""#);
        assert_eq!(json(&Payload::binary(&[1, 2, 3][..])), r#""AQID""#);
        assert_eq!(json(&Payload::binary(&[][..])), r#""""#);
        let value = Payload::from_bytes(DataType::Json, b"{\"a\": 1.0}".as_slice()).unwrap();
        assert_eq!(json(&value), "{\"a\": 1.0}");
        assert_eq!(&*value.bytes(), b"{\"a\": 1.0}");
        let any = Payload::from_bytes(DataType::Protobuf, b"\x12\x01a".as_slice()).unwrap();
        assert_eq!(json(&any), r#""EgFh""#);
    }

    #[test]
    fn bytes_must_be_what_their_type_says() {
        let refused: [(DataType, &[u8]); 5] = [
            (DataType::Json, b"{"),
            (DataType::Json, b"\"\xff\""),
            (DataType::Json, b""),
            (DataType::Text, b"\xff"),
            (DataType::Protobuf, b"\xff"),
        ];
        for (data_type, bytes) in refused {
            assert_eq!(Payload::from_bytes(data_type, bytes), None, "{data_type:?} {bytes:?}");
        }
        assert!(Payload::from_bytes(DataType::Json, b" null ".as_slice()).is_some());
        assert!(Payload::from_bytes(DataType::Binary, b"\xff".as_slice()).is_some());
    }

    proptest! {
        // J19
        #[test]
        fn base64_is_accepted_exactly_if_it_decodes(
            text in "([A-Za-z0-9+/]{4}){0,20}([A-Za-z0-9+/=_ é-]{0,4})",
        ) {
            prop_assert_eq!(is_base64(&text), STANDARD.decode(&text).is_ok());
        }

        #[test]
        fn base64_is_written_as_the_library_would(bytes: Vec<u8>) {
            let expected = format!("\"{}\"", STANDARD.encode(&bytes));
            prop_assert_eq!(json(&Payload::binary(&bytes[..])), expected);
            prop_assert!(is_base64(&STANDARD.encode(&bytes)));
        }
    }
}
