//! Reconnection tokens: what a reliable client shows to have its connection back
//! (`client-connect.md` section 11.4).
//!
//! A token is an expiry in Unix seconds, some random bits that make it a fresh one, and a signature
//! over both and the connection's id, with dots between. The key is made at start and known to this process alone: connections do not outlive it, and
//! the rotation of access keys must not end them.

use std::sync::Arc;

use jsonwebtoken::crypto::{sign, verify};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};

use super::key::AccessKey;

/// How long a token can be used: about a week.
const LIFETIME_S: u64 = 7 * 24 * 60 * 60;

/// Issues and verifies reconnection tokens. Cloning counts a reference.
#[derive(Clone)]
pub struct ReconnectionTokens(Arc<Keys>);

struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl ReconnectionTokens {
    /// With a new key.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let key = AccessKey::generate()?;
        let encoding = EncodingKey::from_secret(key.as_bytes());
        let decoding = DecodingKey::from_secret(key.as_bytes());
        Ok(Self(Arc::new(Keys { encoding, decoding })))
    }

    /// A token for this connection.
    pub fn issue(&self, connection_id: &str, now_unix_s: u64) -> String {
        let expires = now_unix_s + LIFETIME_S;
        // The bits protect nothing, so their lack is not a failure.
        let nonce = getrandom::u64().unwrap_or_default();
        let claims = format!("{expires}.{nonce:x}");
        let message = format!("{connection_id}.{claims}");
        // Only asymmetric keys of another algorithm could fail here.
        let signature = sign(message.as_bytes(), &self.0.encoding, Algorithm::HS256);
        format!("{claims}.{}", signature.unwrap_or_default())
    }

    /// Whether the token was issued for this connection and is still good.
    pub fn verify(&self, token: &str, connection_id: &str, now_unix_s: u64) -> bool {
        let Some((claims, signature)) = token.rsplit_once('.') else { return false };
        let expires = claims.split('.').next().and_then(|expires| expires.parse::<u64>().ok());
        let Some(expires) = expires else { return false };
        let message = format!("{connection_id}.{claims}");
        let is_ours = verify(signature, message.as_bytes(), &self.0.decoding, Algorithm::HS256);
        is_ours.unwrap_or(false) && now_unix_s < expires
    }
}

impl std::fmt::Debug for ReconnectionTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReconnectionTokens(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_its_connection_and_a_week() {
        // C52
        let tokens = ReconnectionTokens::generate().unwrap();
        let token = tokens.issue("abc", 1_000);
        assert!(
            token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)),
            "{token}"
        );
        assert!(tokens.verify(&token, "abc", 1_000 + LIFETIME_S - 1));
        assert!(!tokens.verify(&token, "abc", 1_000 + LIFETIME_S));
        assert!(!tokens.verify(&token, "abd", 1_000));
        let later = token.replacen("605800", "605801", 1);
        assert_ne!(later, token);
        assert!(!tokens.verify(&later, "abc", 1_000));
        for text in ["", ".", "1", "605800.", "x.y", &token[1..], &format!("{token}x")] {
            assert!(!tokens.verify(text, "abc", 1_000), "{text}");
        }
        assert_ne!(tokens.issue("abc", 1_000), token, "a fresh one");
        assert!(!ReconnectionTokens::generate().unwrap().verify(&token, "abc", 1_000));
    }
}
