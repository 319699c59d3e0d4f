//! Signing client tokens (`client-connect.md` section 4.3, `rest-api.md` section 6.10).
//!
//! With local authentication the primary access key signs. Without it there is no access key, but
//! `:generateToken` goes on working for callers of an identity provider: then an [`InternalKey`]
//! signs, which only this process knows and only its client endpoints accept
//! (`operations.md` section 6.4).

use std::fmt;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, json};

use super::key::AccessKey;

/// The `kid` of tokens that the internal key has signed. Others have none.
const INTERNAL_KEY_ID: &str = "corecast-internal";

/// A key that is no access key: made at start, never shown, never configured.
#[derive(Clone)]
pub struct InternalKey(AccessKey);

impl InternalKey {
    /// A new key. Tokens that it signs end with this process.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<Self, getrandom::Error> {
        AccessKey::generate().map(Self)
    }

    pub(super) fn as_access_key(&self) -> &AccessKey {
        &self.0
    }
}

impl fmt::Debug for InternalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InternalKey(not shown)")
    }
}

/// Signs what `:generateToken` gives out.
#[derive(Clone, Debug)]
pub enum ClientTokenSigner {
    /// With the primary access key.
    AccessKey(AccessKey),
    /// With the internal key, while local authentication is disabled.
    Internal(InternalKey),
}

impl ClientTokenSigner {
    /// Signs a client token that begins to be valid at `now_unix_s`.
    pub fn sign(&self, new: &NewClientToken<'_>, now_unix_s: u64) -> String {
        match self {
            Self::AccessKey(key) => sign_client_token(key, new, now_unix_s),
            Self::Internal(InternalKey(key)) => sign(key, Some(INTERNAL_KEY_ID), new, now_unix_s),
        }
    }
}

/// What a new client token shall say.
#[derive(Debug, Clone, Copy)]
pub struct NewClientToken<'a> {
    /// The endpoint it is for, `http(s)://{host}/client/hubs/{hub}`.
    pub audience: &'a str,
    /// The user id, if any.
    pub user_id: Option<&'a str>,
    /// Roles; an empty list leaves the claim out.
    pub roles: &'a [String],
    /// Groups to join; an empty list leaves the claim out.
    pub groups: &'a [String],
    /// How long it is valid.
    pub ttl: Duration,
}

/// Signs a client token that begins to be valid at `now_unix_s`.
pub fn sign_client_token(key: &AccessKey, new: &NewClientToken<'_>, now_unix_s: u64) -> String {
    sign(key, None, new, now_unix_s)
}

fn sign(
    key: &AccessKey,
    key_id: Option<&str>,
    new: &NewClientToken<'_>,
    now_unix_s: u64,
) -> String {
    let expires = now_unix_s.saturating_add(new.ttl.as_secs());
    let mut claims = Map::new();
    claims.insert("aud".into(), json!(new.audience));
    claims.insert("iat".into(), json!(now_unix_s));
    claims.insert("nbf".into(), json!(now_unix_s));
    claims.insert("exp".into(), json!(expires));
    if let Some(user_id) = new.user_id {
        claims.insert("sub".into(), json!(user_id));
    }
    if !new.roles.is_empty() {
        claims.insert("role".into(), json!(new.roles));
    }
    if !new.groups.is_empty() {
        claims.insert("webpubsub.group".into(), json!(new.groups));
    }
    let mut header = Header::new(Algorithm::HS256);
    header.kid = key_id.map(str::to_owned);
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&header, &claims, &key)
        .expect("HMAC takes a key of any length, and a map of JSON values is JSON")
}
