//! Access keys: the secrets that applications and this server share (`operations.md` section 6.1).
//!
//! A key is a text, and its UTF-8 bytes are the HMAC key: it is never decoded, even if it looks
//! like Base64. Two keys are valid at the same time and equally, which is what makes rotation
//! possible; what this server signs itself is signed with the primary one.
//!
//! The text leaves this module through [`AccessKey::as_str`] and [`AccessKey::as_bytes`] alone;
//! `Debug` and every error message are silent about it.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Shortest key in bytes: as much as HMAC-SHA256 puts out.
pub const ACCESS_KEY_BYTES_MIN: usize = 32;

/// One access key. Cloning counts a reference.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey(Arc<str>);

impl AccessKey {
    /// Checks the rules of section 6.1: long enough, and fit for a connection string.
    pub fn parse(text: &str) -> Result<Self, InvalidAccessKey> {
        if text.len() < ACCESS_KEY_BYTES_MIN {
            return Err(InvalidAccessKey::TooShort);
        }
        if text.contains(';') {
            return Err(InvalidAccessKey::Semicolon);
        }
        if text.trim().len() != text.len() {
            return Err(InvalidAccessKey::OuterWhiteSpace);
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidAccessKey::ControlCharacter);
        }
        Ok(Self(text.into()))
    }

    /// A new key: 32 random bytes in Base64, which is 44 characters.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; ACCESS_KEY_BYTES_MIN];
        getrandom::fill(&mut bytes)?;
        Ok(Self(STANDARD.encode(bytes).into()))
    }

    /// The key as it is written in a connection string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The HMAC key.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey(not shown)")
    }
}

/// The keys of a server.
#[derive(Debug, Clone)]
pub struct AccessKeys {
    primary: AccessKey,
    secondary: Option<AccessKey>,
    is_generated: bool,
}

impl AccessKeys {
    /// Keys that the operator configured.
    pub fn configured(primary: AccessKey, secondary: Option<AccessKey>) -> Self {
        Self { primary, secondary, is_generated: false }
    }

    /// A primary key that exists for this run only.
    pub fn generate() -> Result<Self, getrandom::Error> {
        Ok(Self { primary: AccessKey::generate()?, secondary: None, is_generated: true })
    }

    /// The key that signs what this server signs.
    pub fn primary(&self) -> &AccessKey {
        &self.primary
    }

    /// The other valid key.
    pub fn secondary(&self) -> Option<&AccessKey> {
        self.secondary.as_ref()
    }

    /// Whether nobody configured a key, so that only this machine may connect.
    pub fn is_generated(&self) -> bool {
        self.is_generated
    }

    /// All valid keys, the primary first.
    pub fn iter(&self) -> impl Iterator<Item = &AccessKey> {
        std::iter::once(&self.primary).chain(&self.secondary)
    }
}

/// Why a text cannot be an access key. The message never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidAccessKey {
    /// Under [`ACCESS_KEY_BYTES_MIN`] bytes.
    TooShort,
    /// A semicolon would end it in a connection string.
    Semicolon,
    /// Probably left over from copying.
    OuterWhiteSpace,
    /// Line breaks and the like.
    ControlCharacter,
}

impl fmt::Display for InvalidAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => write!(f, "it has less than {ACCESS_KEY_BYTES_MIN} bytes"),
            Self::Semicolon => f.write_str("it contains a semicolon"),
            Self::OuterWhiteSpace => f.write_str("it begins or ends with white space"),
            Self::ControlCharacter => f.write_str("it contains a control character"),
        }
    }
}

impl std::error::Error for InvalidAccessKey {}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn any_text_of_32_bytes_is_a_key() {
        assert!(AccessKey::parse(TEXT).is_ok());
        assert!(AccessKey::parse(&"é".repeat(16)).is_ok(), "bytes count, not characters");
        assert!(AccessKey::parse("a key with spaces, = and !, long enough").is_ok());
    }

    #[test]
    fn refuses_what_breaks_a_connection_string() {
        let refused = |text: &str| AccessKey::parse(text).unwrap_err();
        assert_eq!(refused(&TEXT[1..]), InvalidAccessKey::TooShort);
        assert_eq!(refused(&format!("{TEXT};")), InvalidAccessKey::Semicolon);
        assert_eq!(refused(&format!(" {TEXT}")), InvalidAccessKey::OuterWhiteSpace);
        assert_eq!(refused(&format!("{TEXT}\n")), InvalidAccessKey::OuterWhiteSpace);
        assert_eq!(refused(&format!("{TEXT}\0{TEXT}")), InvalidAccessKey::ControlCharacter);
    }

    #[test]
    fn generated_keys_are_44_characters_and_differ() {
        let first = AccessKeys::generate().unwrap();
        let second = AccessKeys::generate().unwrap();
        assert!(first.is_generated() && first.secondary().is_none());
        assert_eq!(first.primary().as_str().len(), 44);
        assert_ne!(first.primary(), second.primary());
        assert!(AccessKey::parse(first.primary().as_str()).is_ok());
    }

    #[test]
    fn debug_output_hides_the_key() {
        // O11 (keys)
        let keys = AccessKeys::configured(AccessKey::parse(TEXT).unwrap(), None);
        assert!(!format!("{keys:?}").contains(TEXT));
    }
}
