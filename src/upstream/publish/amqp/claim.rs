//! Tokens for the node `$cbs` (`events-listener.md` section 5.2.2).
//!
//! A shared access key signs its own, here; tokens of an identity come from elsewhere as they are.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::auth::sign_text;
use crate::event::destination::SharedAccessKey;
use crate::event::secret::Secret;

/// RFC 3986, unreserved: what the signed text keeps of an audience.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How long a signature is good for.
const SIGNATURE_VALID: Duration = Duration::from_secs(3600);
/// When the next one is put: a quarter of an hour is left for a broker that is hard to reach.
const SIGNATURE_RENEWED: Duration = Duration::from_secs(2700);

/// A token that says what its bearer may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub kind: ClaimKind,
    pub token: Secret,
    /// Counted from when it was made: the time to put the next one.
    pub renew_after: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimKind {
    /// An identity provider's token.
    Jwt,
    /// A shared access signature.
    Sas,
}

impl ClaimKind {
    /// The put-token `type` (section 5.1).
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Sas => "servicebus.windows.net:sastoken",
        }
    }
}

impl Claim {
    /// A signature for `audience`, good for one hour from `now_unix_s`.
    pub fn sign(key: &SharedAccessKey, audience: &str, now_unix_s: u64) -> Self {
        let expiry = now_unix_s.saturating_add(SIGNATURE_VALID.as_secs());
        let token = shared_access_signature(key, audience, expiry);
        let token = Secret::new(&token);
        Self { kind: ClaimKind::Sas, token, renew_after: SIGNATURE_RENEWED }
    }
}

fn shared_access_signature(key: &SharedAccessKey, audience: &str, expiry_unix_s: u64) -> String {
    let audience = encoded(audience);
    // The key is the text itself, which only looks like Base64.
    let hmac = sign_text(key.key.as_str(), &format!("{audience}\n{expiry_unix_s}"));
    let signature = encoded(&STANDARD.encode(hmac));
    let name = encoded(&key.name);
    format!("SharedAccessSignature sr={audience}&sig={signature}&se={expiry_unix_s}&skn={name}")
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SharedAccessKey {
        let key = Secret::new("SAS+key/with=signs");
        SharedAccessKey { name: "Root Manage".to_owned(), key }
    }

    // Computed with Python's hmac, base64 and urllib.parse.quote(safe='').
    #[test]
    fn a_signature_is_that_of_the_encoded_audience_and_the_expiry() {
        let claim = Claim::sign(&key(), "amqp://ns.servicebus.windows.net/hub", 1_700_000_000);
        assert_eq!(claim.token.as_str(), VECTOR);
        assert_eq!(claim.kind.name(), "servicebus.windows.net:sastoken");
        assert!(claim.renew_after < SIGNATURE_VALID);
    }

    const VECTOR: &str = "SharedAccessSignature sr=amqp%3A%2F%2Fns.servicebus.windows.net%2Fhub&sig=PX4Mgkonw7D%2F4wsZ9iTBh1VQoiX5kZJj6rD0FLTp47c%3D&se=1700003600&skn=Root%20Manage";

    // L35
    #[test]
    fn a_claim_is_not_shown() {
        let claim = Claim::sign(&key(), "amqp://ns/hub", 0);
        let shown = format!("{claim:?}");
        assert!(!shown.contains("SharedAccessSignature") && !shown.contains("sig="));
    }
}
