//! Query strings: names compare without case, values are percent-decoded.
//!
//! A plus sign means a space, as the reference implementation's query parser and every browser's
//! `URLSearchParams` have it.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The decoded values of `name`, in order. A value that is not UTF-8 after decoding is skipped.
pub fn values<'a>(query: &'a str, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
    checked_values(query, name).flatten()
}

/// The same, for callers that must not overlook a value that is not UTF-8: it is `None`.
pub fn checked_values<'a>(
    query: &'a str,
    name: &str,
) -> impl Iterator<Item = Option<Cow<'a, str>>> {
    query.split('&').filter_map(move |pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        decode(key)?.eq_ignore_ascii_case(name).then(|| decode(value))
    })
}

/// All names and values, decoded, in order; without pairs that are not UTF-8 after decoding.
pub fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decode(name)?, decode(value)?))
    })
}

/// The first non-empty value of `name`.
pub fn value<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    values(query, name).find(|value| !value.is_empty())
}

fn decode(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned().into());
    }
    percent_decode_str(text).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ignore_case_and_values_are_decoded() {
        let query = "HUB=chat&group=a%20b&group=c+d&empty=&access_token=x";
        assert_eq!(value(query, "hub").as_deref(), Some("chat"));
        assert_eq!(values(query, "group").collect::<Vec<_>>(), ["a b", "c d"]);
        assert_eq!(value(query, "empty"), None);
        assert_eq!(values(query, "empty").collect::<Vec<_>>(), [""]);
        assert_eq!(value(query, "access_tok"), None);
        assert_eq!(value("group=%ff", "group"), None);
        assert_eq!(checked_values("group=%ff&group=a", "group").flatten().count(), 1);
        assert_eq!(checked_values("group=%ff&group=a", "group").count(), 2);
    }

    #[test]
    fn pairs_are_all_there_is() {
        let found: Vec<_> = pairs("a=1&A%3d=b+c&&flag&=x&bad=%ff&%ff=bad&a=2").collect();
        let expected = [("a", "1"), ("A=", "b c"), ("flag", ""), ("", "x"), ("a", "2")];
        assert_eq!(found, expected.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(pairs("").count(), 0);
    }
}
