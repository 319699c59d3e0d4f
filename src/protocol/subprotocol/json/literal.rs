//! String literals: where one ends, what text it means, and how a text becomes one.
//!
//! Reading and writing meet the same question: how far can bytes be taken as they are? Inside a
//! literal only the quote, the backslash and control characters cannot (RFC 8259, section 7), so
//! one search serves both, and everything between two such bytes is copied or skipped at once.
//!
//! A literal may hold an escape for half a surrogate pair. That is JSON but no text: it can be
//! forwarded inside a JSON value, and cannot be decoded.

use std::borrow::Cow;

/// Which escapes a literal has, the worst kind counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Escapes {
    /// The bytes between the quotes are the text.
    None,
    /// The text has to be decoded.
    Decodable,
    /// There is an escape of a lone surrogate, so the literal means no text.
    LoneSurrogate,
}

/// A complete, valid string literal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Literal<'a> {
    source: &'a str,
    escapes: Escapes,
}

impl<'a> Literal<'a> {
    /// `source` has its quotes and was accepted by the scanner, which noticed its escapes.
    pub(super) fn new(source: &'a str, escapes: Escapes) -> Self {
        debug_assert!(source.len() >= 2 && source.starts_with('"') && source.ends_with('"'));
        Self { source, escapes }
    }

    /// The literal as it came, with its quotes.
    pub(crate) fn source(&self) -> &'a str {
        self.source
    }

    /// What is between the quotes, escapes included.
    pub(crate) fn inner(&self) -> &'a str {
        inner(self.source)
    }

    pub(crate) fn has_escapes(&self) -> bool {
        self.escapes != Escapes::None
    }

    /// Whether the literal means a text, and not half a character.
    pub(crate) fn is_text(&self) -> bool {
        self.escapes != Escapes::LoneSurrogate
    }

    /// The text, if there is one.
    #[inline(always)]
    pub(crate) fn decode(&self) -> Option<Cow<'a, str>> {
        match self.escapes {
            Escapes::None => Some(Cow::Borrowed(self.inner())),
            Escapes::Decodable => Some(Cow::Owned(decode_escapes(self.inner()))),
            Escapes::LoneSurrogate => None,
        }
    }
}

/// The text of a literal that is known to have one, in bytes.
pub(crate) fn unescape(source: &str) -> Cow<'_, [u8]> {
    let inner = inner(source);
    if memchr::memchr(b'\\', inner.as_bytes()).is_some() {
        Cow::Owned(decode_escapes(inner).into_bytes())
    } else {
        Cow::Borrowed(inner.as_bytes())
    }
}

fn inner(source: &str) -> &str {
    source.get(1..source.len() - 1).unwrap_or_default()
}

/// Replaces valid escapes. A lone surrogate would become U+FFFD.
#[inline(never)]
fn decode_escapes(mut rest: &str) -> String {
    let mut text = String::with_capacity(rest.len());
    while let Some((run, escape)) = rest.split_once('\\') {
        text.push_str(run);
        let mut characters = escape.chars();
        rest = match characters.next() {
            Some('u') => decode_units(&mut text, escape),
            Some(letter) => {
                text.push(match letter {
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    // The quote, the backslash and the slash stand for themselves.
                    other => other,
                });
                characters.as_str()
            }
            None => "",
        };
    }
    text.push_str(rest);
    text
}

/// Decodes `u` and four digits, or two of those for a surrogate pair, and returns what follows.
fn decode_units<'a>(text: &mut String, escape: &'a str) -> &'a str {
    let bytes = escape.as_bytes();
    let first = unit_at(bytes, 1).unwrap_or_default();
    let pair = match bytes.get(5..7) {
        Some(br"\u") if is_high_surrogate(first) => unit_at(bytes, 7).map(|low| [first, low]),
        _ => None,
    };
    if let Some(Ok(character)) = pair.and_then(|pair| char::decode_utf16(pair).next()) {
        text.push(character);
        escape.get(11..).unwrap_or_default()
    } else {
        text.push(char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER));
        escape.get(5..).unwrap_or_default()
    }
}

/// The UTF-16 unit that four hexadecimal digits stand for.
pub(super) fn unit_at(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..)?.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit: u16, &digit| {
        let value = u16::try_from(char::from(digit).to_digit(16)?).ok()?;
        Some(unit << 4 | value)
    })
}

pub(super) fn is_high_surrogate(unit: u16) -> bool {
    (0xd800..0xdc00).contains(&unit)
}

pub(super) fn is_low_surrogate(unit: u16) -> bool {
    (0xdc00..0xe000).contains(&unit)
}

/// Appends UTF-8 text as a literal, with its quotes.
pub(crate) fn write_literal(out: &mut Vec<u8>, mut text: &[u8]) {
    out.push(b'"');
    loop {
        let (run, rest) = text.split_at(plain_run_len(text));
        out.extend_from_slice(run);
        let Some((&byte, after)) = rest.split_first() else { break };
        write_escape(out, byte);
        text = after;
    }
    out.push(b'"');
}

fn write_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            out.extend_from_slice(br"\u00");
            out.extend_from_slice(&digits);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// How many bytes come before the first quote, backslash or control character, if that is among
/// the next eight.
#[inline(always)]
pub(super) fn short_run_len(bytes: &[u8]) -> Option<usize> {
    let found = special_bytes(u64::from_le_bytes(*bytes.first_chunk()?));
    (found != 0).then_some(found.trailing_zeros() as usize / 8)
}

/// Bytes before whole blocks are worth their while.
const HEAD_BYTES: usize = 32;

/// How many bytes come before the first quote, backslash or control character.
pub(super) fn plain_run_len(bytes: &[u8]) -> usize {
    let (head, rest) = bytes.split_at(bytes.len().min(HEAD_BYTES));
    let run = plain_words_len(head);
    if run < HEAD_BYTES {
        return run;
    }
    let (blocks, _) = rest.as_chunks::<64>();
    let clean = blocks.iter().take_while(|block| is_plain_block(block)).count() * 64;
    HEAD_BYTES + clean + plain_words_len(&rest[clean..])
}

fn plain_words_len(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = special_bytes(u64::from_le_bytes(*word));
        if found != 0 {
            return index * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let plain = tail.iter().take_while(|byte| !is_special(**byte)).count();
    words.len() * 8 + plain
}

/// Marks special bytes of a word in their highest bit. Only the lowest mark is exact: a borrow may
/// run from a special byte into those above it.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    // Flipping one bit moves the quote (0x22) next to the control characters and the space away
    // from them, so that one comparison finds both.
    let control_or_quote = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
    (control_or_quote | backslash) & !word & (ONES * 0x80)
}

/// No way out of the loop, so that the compiler turns it into vector code
/// (bench `subprotocol_json`, long text).
fn is_plain_block(block: &[u8; 64]) -> bool {
    !block.iter().fold(false, |found, &byte| found | is_special(byte))
}

fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_byte_is_found_at_every_place() {
        for length in 0..200 {
            for special in [0x00, 0x1f, b'"', b'\\'] {
                for at in 0..length {
                    // Neighbours of the special values, and bytes of non-ASCII text.
                    let mut bytes = [b' ', b'!', b'#', b'[', b']', 0x7f, 0xc3, 0xa0].repeat(25);
                    bytes.truncate(length);
                    assert_eq!(plain_run_len(&bytes), length);
                    bytes[at] = special;
                    bytes[length - 1] = special;
                    assert_eq!(plain_run_len(&bytes), at, "{special:#x} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn all_bytes_are_told_apart() {
        for byte in 0..=255 {
            let expected = if is_special(byte) { 3 } else { 8 };
            let bytes = [b'a', b'a', b'a', byte, b'a', b'a', b'a', b'a'];
            assert_eq!(plain_run_len(&bytes), expected, "{byte:#x}");
            assert_eq!(short_run_len(&bytes), Some(expected).filter(|run| *run < 8));
            assert_eq!(short_run_len(&bytes[..7]), None);
        }
    }

    #[test]
    fn escapes_are_decoded_and_written() {
        assert_eq!(
            decode_escapes(r#"\"\\\/\b\f\n\r\t\u0041\u00e9\uD834\uDD1e."#),
            "\"\\/\u{8}\u{c}\n\r\tAé𝄞."
        );
        let mut out = Vec::new();
        write_literal(&mut out, "a\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}é𝄞".as_bytes());
        let expected = r#""a\"\\/\b\f\n\r\t\u0001\u001f"#.to_owned() + "\u{7f}é𝄞\"";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
