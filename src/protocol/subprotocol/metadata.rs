//! Metadata of a message: a short list of texts beside the payload.
//!
//! Metadata becomes HTTP headers at event handlers, hence its narrow alphabet and limits
//! (`client-json.md` section 2.5). A [`Metadata`] keeps them all; empty means the message has none.
//! The order is the sender's and is kept.
//!
//! Every source of metadata (a JSON object, a protobuf map, response headers, query parameters)
//! goes through a [`MetadataBuilder`]. How entries are written is left to each encoding, and what
//! a violation leads to is left to the caller.

use std::borrow::Cow;
use std::fmt;

use super::repeated::remove_superseded;

/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 256;

/// Longest value, in bytes.
const VALUE_BYTES_MAX: usize = 1024;

/// All keys and values together, in bytes.
const TOTAL_BYTES_MAX: usize = 8192;

type Entry<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The valid, possibly empty metadata of one message (`client-json.md` section 2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata<'a> {
    entries: Vec<Entry<'a>>,
}

impl Metadata<'_> {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The same entries on their own.
    pub fn to_owned(&self) -> Metadata<'static> {
        let own = |text: &Cow<'_, str>| Cow::Owned(text.as_ref().to_owned());
        Metadata {
            entries: self.entries.iter().map(|(key, value)| (own(key), own(value))).collect(),
        }
    }

    /// Keys and values in the sender's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }
}

/// Collects entries and holds them to the limits as they come.
#[derive(Debug, Default)]
pub struct MetadataBuilder<'a> {
    entries: Vec<Entry<'a>>,
    bytes: usize,
}

impl<'a> MetadataBuilder<'a> {
    /// Adds one entry. Whatever was refused, the message as a whole is.
    pub fn push(
        &mut self,
        key: impl Into<Cow<'a, str>>,
        value: impl Into<Cow<'a, str>>,
    ) -> Result<(), MetadataError> {
        let (key, value) = (key.into(), value.into());
        check_key(&key)?;
        check_value(&value)?;
        self.bytes += key.len() + value.len();
        if self.bytes > TOTAL_BYTES_MAX {
            return Err(MetadataError::TotalTooLong);
        }
        self.entries.push((key, value));
        Ok(())
    }

    /// The metadata, with repeated keys treated as the encoding wants it.
    pub fn finish(mut self, repeated: RepeatedKey) -> Result<Metadata<'a>, MetadataError> {
        let is_repeated = remove_superseded(&mut self.entries);
        if is_repeated && repeated == RepeatedKey::Refused {
            return Err(MetadataError::RepeatedKey);
        }
        Ok(Metadata { entries: self.entries })
    }
}

/// What a second entry with the same key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatedKey {
    /// JSON (`client-json.md` section 2.5).
    Refused,
    /// Protobuf maps (`client-protobuf.md` section 2). Replaced entries count towards the total.
    LastWins,
}

fn check_key(key: &str) -> Result<(), MetadataError> {
    if key.len() > KEY_BYTES_MAX {
        return Err(MetadataError::KeyTooLong);
    }
    // RFC 9110, section 5.6.2: a token.
    let is_token =
        key.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if key.is_empty() || !is_token { Err(MetadataError::InvalidKey) } else { Ok(()) }
}

fn check_value(value: &str) -> Result<(), MetadataError> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(MetadataError::ValueTooLong);
    }
    let is_printable = value.bytes().all(|b| matches!(b, b' '..=b'~'));
    if is_printable { Ok(()) } else { Err(MetadataError::InvalidValue) }
}

/// Which rule of `client-json.md` section 2.5 is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataError {
    InvalidKey,
    KeyTooLong,
    InvalidValue,
    ValueTooLong,
    TotalTooLong,
    RepeatedKey,
}

impl MetadataError {
    #[cfg(test)]
    pub(super) const ALL: [Self; 6] = [
        Self::InvalidKey,
        Self::KeyTooLong,
        Self::InvalidValue,
        Self::ValueTooLong,
        Self::TotalTooLong,
        Self::RepeatedKey,
    ];
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidKey => "a key of 'metadata' is not a token.",
            Self::KeyTooLong => "a key of 'metadata' is too long.",
            Self::InvalidValue => "a value of 'metadata' is not printable ASCII.",
            Self::ValueTooLong => "a value of 'metadata' is too long.",
            Self::TotalTooLong => "'metadata' is too long.",
            Self::RepeatedKey => "'metadata' repeats a key.",
        })
    }
}

impl std::error::Error for MetadataError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(key: &str, value: &str) -> Result<(), MetadataError> {
        MetadataBuilder::default().push(key, value)
    }

    fn build<'a>(
        entries: &[(&'a str, &'a str)],
        repeated: RepeatedKey,
    ) -> Result<Vec<(String, String)>, MetadataError> {
        let mut builder = MetadataBuilder::default();
        for &(key, value) in entries {
            builder.push(key, value)?;
        }
        let metadata = builder.finish(repeated)?;
        Ok(metadata.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn keys_are_tokens_of_at_most_256_bytes() {
        // J41
        assert_eq!(push("a9Z!#$%&'*+-.^_`|~", ""), Ok(()));
        assert_eq!(push(&"k".repeat(256), ""), Ok(()));
        assert_eq!(push(&"k".repeat(257), ""), Err(MetadataError::KeyTooLong));
        for key in ["", "a b", "a:b", "é", "a\"", "a\\", "a,b", "a\u{7f}", "(", "/"] {
            assert_eq!(push(key, ""), Err(MetadataError::InvalidKey), "{key:?}");
        }
    }

    #[test]
    fn values_are_printable_ascii_of_at_most_1024_bytes() {
        // J41
        assert_eq!(push("k", " ~\"\\"), Ok(()));
        assert_eq!(push("k", &"v".repeat(1024)), Ok(()));
        assert_eq!(push("k", &"v".repeat(1025)), Err(MetadataError::ValueTooLong));
        for value in ["é", "\u{1f}", "\u{7f}", "a\nb", "\0"] {
            assert_eq!(push("k", value), Err(MetadataError::InvalidValue), "{value:?}");
        }
    }

    #[test]
    fn keys_and_values_together_are_limited() {
        // J41: seven entries of 1,024 + 2 bytes leave 1,010.
        let mut builder = MetadataBuilder::default();
        let value = "v".repeat(1024);
        for key in ["k0", "k1", "k2", "k3", "k4", "k5", "k6"] {
            assert_eq!(builder.push(key, value.as_str()), Ok(()));
        }
        assert_eq!(builder.push("k7", "v".repeat(1008)), Ok(()));
        assert_eq!(builder.bytes, TOTAL_BYTES_MAX);
        assert_eq!(builder.push("k", ""), Err(MetadataError::TotalTooLong));
    }

    #[test]
    fn repeated_keys_are_refused_or_replaced() {
        let entries = [("a", "1"), ("b", "2"), ("a", "3"), ("A", "4"), ("a", "5")];
        assert_eq!(build(&entries, RepeatedKey::Refused), Err(MetadataError::RepeatedKey));
        let kept = [("b", "2"), ("A", "4"), ("a", "5")];
        let kept = kept.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(build(&entries, RepeatedKey::LastWins).unwrap(), kept);
    }
}
