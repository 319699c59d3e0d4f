//! The name of a hub, checked once and folded once.
//!
//! A hub is a named, isolated space of connections and groups. Its name comes from outside (a
//! request target, a configuration file, a command line) and is compared everywhere, so it is
//! turned into a [`HubName`] at the edge; whoever holds one holds a valid, lower-case name and
//! compares it as plain text (`client-connect.md` section 2).
//!
//! Percent-decoding is the caller's business: [`HubName::parse`] takes the name as meant.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest name, in characters; all of them are ASCII, so in bytes as well.
pub const HUB_NAME_CHARS_MAX: usize = 128;

/// A valid hub name in lower case, which is the hub's identity (`client-connect.md` section 2).
///
/// Cloning counts a reference. It may travel between shards.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubName(Arc<str>);

impl HubName {
    /// Checks `name` against ``^[A-Za-z][A-Za-z0-9_`,.\[\]]{0,127}$`` and folds it to lower case.
    pub fn parse(name: &str) -> Result<Self, InvalidHubName> {
        let (first, rest) = name.as_bytes().split_first().ok_or(InvalidHubName)?;
        let is_valid = first.is_ascii_alphabetic()
            && rest.iter().copied().all(is_name_byte)
            && name.len() <= HUB_NAME_CHARS_MAX;
        if !is_valid {
            return Err(InvalidHubName);
        }
        // Nearly every client sends the name in lower case: then one allocation is enough.
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Ok(Self(name.to_ascii_lowercase().into()));
        }
        Ok(Self(name.into()))
    }

    /// The folded name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'`' | b',' | b'.' | b'[' | b']')
}

impl Borrow<str> for HubName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HubName({})", self.0)
    }
}

/// The text is not a hub name. Its message is fit for an error body: it repeats nothing of the
/// text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidHubName;

impl fmt::Display for InvalidHubName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a hub name is a letter followed by up to 127 letters, digits, underscores, \
             back-ticks, commas, dots or square brackets",
        )
    }
}

impl std::error::Error for InvalidHubName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_to_one_identity() {
        // C19 (the pure part): hub names are case-insensitive.
        assert_eq!(HubName::parse("CHAT").unwrap(), HubName::parse("chat").unwrap());
        assert_eq!(HubName::parse("Chat").unwrap().as_str(), "chat");
    }

    #[test]
    fn accepts_the_whole_alphabet_and_128_characters() {
        assert!(HubName::parse("a").is_ok());
        assert!(HubName::parse("Z9_`,.[]").is_ok());
        assert!(HubName::parse(&"a".repeat(128)).is_ok());
    }

    #[test]
    fn refuses_what_the_pattern_excludes() {
        // C5
        for name in ["", "1abc", "a-b", "_a", "a b", "a/b", "é", "aé", " a", "a\n"] {
            assert_eq!(HubName::parse(name), Err(InvalidHubName), "{name:?}");
        }
        assert!(HubName::parse(&"a".repeat(129)).is_err());
    }

    #[test]
    fn is_found_by_its_text() {
        let hubs = std::collections::BTreeMap::from([(HubName::parse("Chat").unwrap(), 7)]);
        assert_eq!(hubs.get("chat"), Some(&7));
    }
}
