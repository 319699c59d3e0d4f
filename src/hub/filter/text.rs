//! String operations as the hosted service's platform defines them: offsets in UTF-16 code units,
//! case mapping by single characters (`rest-api.md` section 7.3).
//!
//! Strings stay UTF-8; an offset is found by walking. Where nothing changes, nothing is copied.

use std::borrow::Cow;
use std::ops::Range;

/// Length in UTF-16 code units.
pub(super) fn utf16_length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Where `part` first occurs, in UTF-16 code units.
pub(super) fn index_of(text: &str, part: &str) -> Option<usize> {
    text.find(part).map(|byte| utf16_length(&text[..byte]))
}

/// `count` code units from `start`, or all from there.
///
/// `None` if that is not inside the text or cuts a character in two: half a character is no text.
/// No code units at all cut nothing.
pub(super) fn substring(
    text: Cow<'_, str>,
    start: i32,
    count: Option<i32>,
) -> Option<Cow<'_, str>> {
    if count == Some(0) {
        let is_inside = usize::try_from(start).is_ok_and(|start| start <= utf16_length(&text));
        return is_inside.then_some(Cow::Borrowed(""));
    }
    let start = byte_at(&text, start)?;
    let end = match count {
        Some(count) => start + byte_at(&text[start..], count)?,
        None => text.len(),
    };
    Some(slice(text, start..end))
}

/// Without leading and trailing whitespace.
pub(super) fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    let start = text.len() - text.trim_start().len();
    let end = start + text[start..].trim_end().len();
    slice(text, start..end)
}

pub(super) fn to_lower(text: Cow<'_, str>) -> Cow<'_, str> {
    map(text, |c| only(c.to_lowercase()).unwrap_or(c))
}

pub(super) fn to_upper(text: Cow<'_, str>) -> Cow<'_, str> {
    map(text, |c| match c {
        // The invariant culture keeps the dotless i apart from i.
        'ı' => c,
        c => only(c.to_uppercase()).unwrap_or(c),
    })
}

/// A character whose other case is several characters keeps its own (`ß` is not `SS`).
fn only(mut mapped: impl ExactSizeIterator<Item = char>) -> Option<char> {
    if mapped.len() == 1 { mapped.next() } else { None }
}

fn map(text: Cow<'_, str>, other_case: impl Fn(char) -> char) -> Cow<'_, str> {
    if text.chars().all(|c| other_case(c) == c) {
        return text;
    }
    Cow::Owned(text.chars().map(other_case).collect())
}

/// The byte at an offset in UTF-16 code units, if a character begins or the text ends there.
fn byte_at(text: &str, units: i32) -> Option<usize> {
    let units = usize::try_from(units).ok()?;
    let mut passed = 0;
    for (byte, c) in text.char_indices() {
        if passed >= units {
            return (passed == units).then_some(byte);
        }
        passed += c.len_utf16();
    }
    (passed == units).then_some(text.len())
}

fn slice(text: Cow<'_, str>, range: Range<usize>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
    }
}
