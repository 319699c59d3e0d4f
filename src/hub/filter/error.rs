//! Why a filter is refused, in the words that SDK tests compare (`rest-api.md` section 7.4.3).
//!
//! The message quotes the filter, or the part of it that is at fault. A filter beyond a limit is
//! quoted only in part, so a message stays below twice [`FILTER_BYTES_MAX`] and a sentence. Quoted
//! text is as the caller wrote it: whoever puts it into JSON or a log line escapes it.

use std::fmt;
use std::ops::Range;

use super::value::TypeError;
use super::{FILTER_BYTES_MAX, FILTER_NESTING_MAX, FILTER_NODES_MAX};

/// How much of a filter beyond a limit its message quotes, in characters.
const EXCERPT_CHARS_MAX: usize = 64;

/// A filter that is not accepted. Displays the `message` of the `400` answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// The filter, or the part of it that the message is about.
    text: String,
    position: usize,
    detail: Detail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Syntax,
    /// The text is a name or a number that the language does not have.
    Unsupported,
    Arguments {
        function: &'static str,
        count: usize,
    },
    Type(TypeError),
    TooLong,
    TooDeep,
    TooManyNodes,
}

impl FilterError {
    /// Where in the filter, in UTF-16 code units from 0, as the hosted service counts.
    ///
    /// For a syntax error just past the token that could not be accepted, otherwise where the
    /// faulty part begins. Never past the end of the filter.
    pub fn position(&self) -> usize {
        self.position
    }

    /// A token that ends at byte `end` could not be accepted.
    pub(super) fn syntax(filter: &str, end: usize) -> Self {
        Self { text: filter.to_owned(), position: position(filter, end), detail: Detail::Syntax }
    }

    pub(super) fn unsupported(filter: &str, token: Range<usize>) -> Self {
        Self::about(filter, token, Detail::Unsupported)
    }

    pub(super) fn arguments(
        filter: &str,
        call: Range<usize>,
        function: &'static str,
        count: usize,
    ) -> Self {
        Self::about(filter, call, Detail::Arguments { function, count })
    }

    pub(super) fn wrong_type(filter: &str, part: Range<usize>, error: TypeError) -> Self {
        Self::about(filter, part, Detail::Type(error))
    }

    pub(super) fn too_long(filter: &str) -> Self {
        let past_limit = |(index, c): &(usize, char)| index + c.len_utf8() > FILTER_BYTES_MAX;
        let end = filter.char_indices().find(past_limit).map_or(filter.len(), |(index, _)| index);
        Self::beyond_limit(filter, end, Detail::TooLong)
    }

    pub(super) fn too_deep(filter: &str, start: usize) -> Self {
        Self::beyond_limit(filter, start, Detail::TooDeep)
    }

    pub(super) fn too_many_nodes(filter: &str, start: usize) -> Self {
        Self::beyond_limit(filter, start, Detail::TooManyNodes)
    }

    fn about(filter: &str, part: Range<usize>, detail: Detail) -> Self {
        let position = position(filter, part.start);
        Self { text: filter[part].to_owned(), position, detail }
    }

    fn beyond_limit(filter: &str, start: usize, detail: Detail) -> Self {
        let mut text: String = filter.chars().take(EXCERPT_CHARS_MAX).collect();
        if text.len() < filter.len() {
            text.push('…');
        }
        Self { text, position: position(filter, start), detail }
    }
}

fn position(filter: &str, byte: usize) -> usize {
    filter[..byte].encode_utf16().count()
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        write!(f, "Invalid syntax for '{text}': ")?;
        match self.detail {
            Detail::Syntax => write!(f, "Syntax error at position {} in '{text}'.", self.position),
            Detail::Unsupported => write!(f, "Token '{text}' is not supported."),
            Detail::Arguments { function, count } => {
                write!(f, "Function '{function}' does not take {count} argument(s).")
            }
            Detail::Type(TypeError { actual, expected }) => {
                write!(f, "Type '{actual}', expect '{expected}'.")
            }
            Detail::TooLong => write!(f, "It is longer than {FILTER_BYTES_MAX} bytes."),
            Detail::TooDeep => write!(f, "It nests deeper than {FILTER_NESTING_MAX} levels."),
            Detail::TooManyNodes => {
                write!(f, "It has more than {FILTER_NODES_MAX} operands and operators.")
            }
        }?;
        f.write_str(" (Parameter 'filter')")
    }
}

impl std::error::Error for FilterError {}
