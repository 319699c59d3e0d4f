//! Names in the path and values in the query, held to their rules (`rest-api.md` sections 1.3, 1.4
//! and 4).
//!
//! A parameter that takes one value is refused if it is given twice: which of the two was meant is
//! a guess, and guessing wrong may send a message to everybody. The same holds for a value that is
//! not UTF-8. Unknown parameters are ignored.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use percent_encoding::percent_decode_str;

use super::error::ApiError;
use crate::auth::token::is_valid_user_id;
use crate::protocol::http::query;
use crate::protocol::subprotocol::validate_group_name;

/// Longest group name, in UTF-16 code units (section 4).
const GROUP_NAME_UNITS_MAX: usize = 1024;

/// The query of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters<'a>(pub(super) &'a str);

impl<'a> Parameters<'a> {
    /// Every value of a repeatable parameter.
    pub(super) fn many(self, name: &'static str) -> Result<Vec<String>, ApiError> {
        query::checked_values(self.0, name)
            .map(|value| value.map(Cow::into_owned).ok_or_else(|| ApiError::invalid(name)))
            .collect()
    }

    /// The value of a parameter that may be given once. Without one, `None`; it may be empty.
    pub(super) fn one(self, name: &'static str) -> Result<Option<Cow<'a, str>>, ApiError> {
        let mut values = query::checked_values(self.0, name);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(Some(value)), None) => Ok(Some(value)),
            _ => Err(ApiError::invalid(name)),
        }
    }

    /// The same, an empty value counting as none.
    pub(super) fn text(self, name: &'static str) -> Result<Option<String>, ApiError> {
        Ok(self.one(name)?.filter(|value| !value.is_empty()).map(Cow::into_owned))
    }

    /// A whole number within a range.
    pub(super) fn number(
        self,
        name: &'static str,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>, ApiError> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| ApiError::invalid(name))
    }

    /// `targetName` of the permission operations: a group, or none for all of them.
    pub(super) fn target_group(self) -> Result<Option<String>, ApiError> {
        self.text("targetName")?.map(|name| checked_group(name, "targetName")).transpose()
    }
}

/// A path segment as meant: decoded exactly once.
pub(super) fn decode_segment(segment: &str, name: &'static str) -> Result<String, ApiError> {
    if !has_whole_escapes(segment) {
        return Err(ApiError::bad_request(name, "The path has a malformed percent-escape."));
    }
    match percent_decode_str(segment).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(ApiError::bad_request(name, "The path is not valid UTF-8.")),
    }
}

fn has_whole_escapes(segment: &str) -> bool {
    segment.split('%').skip(1).all(|after| {
        after.as_bytes().first_chunk::<2>().is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    })
}

/// A group's name, if it follows the rules of section 4.
pub(super) fn checked_group(name: String, parameter: &'static str) -> Result<String, ApiError> {
    // Narrower than what clients may join: the pattern of the published API has no line feed in
    // it, and counts as .NET does.
    let is_short =
        name.len() <= GROUP_NAME_UNITS_MAX || name.encode_utf16().count() <= GROUP_NAME_UNITS_MAX;
    if validate_group_name(&name) && is_short && !name.contains('\n') {
        return Ok(name);
    }
    Err(ApiError::bad_request(parameter, "The group name is not valid."))
}

/// A user id, if it follows the rules of section 4.
pub(super) fn checked_user(user_id: String) -> Result<String, ApiError> {
    if user_id.is_empty() || !is_valid_user_id(&user_id) {
        return Err(ApiError::invalid("userId"));
    }
    Ok(user_id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn repeated_values_are_a_list_or_an_error() {
        // A53 (the parsing part): a comma is no separator.
        let query = Parameters("excluded=a,b&excluded=c&excluded=&x=1&x=2&bad=%ff");
        assert_eq!(query.many("excluded").unwrap(), ["a,b", "c", ""]);
        assert_eq!(query.many("none").unwrap(), [""; 0]);
        assert_eq!(query.one("x").unwrap_err().target(), "x");
        assert_eq!(query.one("bad").unwrap_err().target(), "bad");
        assert_eq!(query.many("bad").unwrap_err().target(), "bad");
        assert_eq!(query.one("none"), Ok(None));
    }

    #[test]
    fn numbers_are_whole_and_within_their_range() {
        let number = |text: &str| Parameters(text).number("n", 0..=300);
        assert_eq!(number("n=0"), Ok(Some(0)));
        assert_eq!(number("n=300"), Ok(Some(300)));
        assert_eq!(number("m=1"), Ok(None));
        for text in ["n=-1", "n=301", "n=abc", "n=", "n=1.0", "n=%201", "n=99999999999", "n=1,2"] {
            assert_eq!(number(text).unwrap_err().message(), "Invalid n.", "{text}");
        }
    }

    #[test]
    fn group_names_of_the_api() {
        // A40
        let group = |name: &str| checked_group(name.to_owned(), "group").is_ok();
        assert!(group(&"g".repeat(1024)) && group(&"é".repeat(1024)) && group(&"𝄞".repeat(512)));
        assert!(!group(&"g".repeat(1025)) && !group(&"𝄞".repeat(513)));
        assert!(!group("") && !group("  ") && !group("\u{a0}") && !group("a\nb") && group(" a "));
    }

    #[test]
    fn segments_are_decoded_once_and_strictly() {
        // A42
        let decode = |segment: &str| decode_segment(segment, "group");
        assert_eq!(decode("g%2F1%20x").unwrap(), "g/1 x");
        assert_eq!(decode("a%2Fb%20c%25%C3%A9%2B").unwrap(), "a/b c%é+");
        assert_eq!(decode("a+b%2525").unwrap(), "a+b%25");
        for segment in ["%", "%4", "%zz", "a%2", "%ff", "%e9x", "%%41", "%é"] {
            assert_eq!(decode(segment).unwrap_err().status(), 400, "{segment}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(text: String) {
            let _ = decode_segment(&text, "group");
            let _ = Parameters(&text).many("a");
            let _ = Parameters(&text).number("a", 0..=1);
            let _ = checked_group(text, "group");
        }
    }
}
