//! `ce-signature`: shows an event handler that an event comes from here (`events-webhook.md`
//! section 5.5).
//!
//! It covers the connection's id alone, so it is made once per connection; neither body nor event
//! are protected by it.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};

use super::key::AccessKeys;

/// Signs connection ids with all access keys, so that handlers may know either. Cloning counts a
/// reference.
#[derive(Clone, Debug)]
pub struct EventSigner(Arc<[EncodingKey]>);

impl EventSigner {
    /// With the primary key first.
    pub fn new(keys: &AccessKeys) -> Self {
        Self(keys.iter().map(|key| EncodingKey::from_secret(key.as_bytes())).collect())
    }

    /// The value of the header for all events of this connection.
    ///
    /// No space follows the comma: the .NET library splits there and does not trim.
    pub fn sign(&self, connection_id: &str) -> String {
        let mut signatures = String::new();
        for key in &*self.0 {
            let separator = if signatures.is_empty() { "" } else { "," };
            signatures.push_str(separator);
            signatures.push_str("sha256=");
            push_hex(&mut signatures, &hmac_sha256(key, connection_id.as_bytes()));
        }
        signatures
    }
}

/// HMAC-SHA256 of a text, by a key that is the text itself.
pub fn sign_text(key: &str, message: &str) -> Vec<u8> {
    hmac_sha256(&EncodingKey::from_secret(key.as_bytes()), message.as_bytes())
}

/// By way of the token library, whose cryptography is here anyway.
fn hmac_sha256(key: &EncodingKey, message: &[u8]) -> Vec<u8> {
    let base64 = sign(message, key, Algorithm::HS256).expect("HMAC takes a key of any length");
    URL_SAFE_NO_PAD.decode(base64).expect("the library writes what RFC 7515 calls BASE64URL")
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::AccessKey;

    // E19: the test vector of section 5.5, whose key is shorter than those of servers.
    #[test]
    fn a_signature_is_the_hmac_of_the_connection_id() {
        let signer = EventSigner(Arc::new([EncodingKey::from_secret(b"secret")]));
        let hex = "9946dad4e00e913fc8be8e5d3f7e110a4a9e832f83fb09c345285d78638d8a0e";
        assert_eq!(signer.sign("abc"), format!("sha256={hex}"));
    }

    // E19
    #[test]
    fn both_keys_sign_and_nothing_but_a_comma_is_between() {
        let key = |text: &str| AccessKey::parse(&text.repeat(32)).unwrap();
        let both = EventSigner::new(&AccessKeys::configured(key("a"), Some(key("é"))));
        let first = EventSigner::new(&AccessKeys::configured(key("a"), None));
        let second = EventSigner::new(&AccessKeys::configured(key("é"), None));
        assert_eq!(both.sign("id"), format!("{},{}", first.sign("id"), second.sign("id")));
        assert_eq!(first.sign("id").len(), "sha256=".len() + 64);
        assert_ne!(first.sign("id"), first.sign("di"));
        assert!(!format!("{both:?}").contains("aaaa"));
    }
}
