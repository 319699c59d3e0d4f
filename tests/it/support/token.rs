//! Access tokens as the published SDKs sign them, and forged ones.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

use super::server::PRIMARY_KEY;

/// May join and leave any group, and send to any.
pub(crate) const EVERYTHING: [&str; 2] = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];

/// A token in the making: valid for one hour unless a test says otherwise.
#[derive(Clone)]
pub(crate) struct Token {
    claims: Map<String, Value>,
    header: Header,
    key: Vec<u8>,
}

impl Token {
    pub(crate) fn for_hub(hub: &str) -> Self {
        Self { claims: Map::new(), header: Header::default(), key: PRIMARY_KEY.into() }
            .claim("aud", format!("http://localhost/client/hubs/{hub}"))
            .claim("exp", now() + 3600)
    }

    /// For a request of the service API; `target` is its path and query.
    pub(crate) fn for_target(target: &str) -> Self {
        Self::for_hub("").claim("aud", format!("http://localhost{target}"))
    }

    pub(crate) fn user(self, user: &str) -> Self {
        self.claim("sub", user)
    }

    pub(crate) fn roles(self, roles: &[impl AsRef<str>]) -> Self {
        let roles: Vec<_> = roles.iter().map(AsRef::as_ref).collect();
        self.claim("role", json!(roles))
    }

    pub(crate) fn groups(self, groups: &[impl AsRef<str>]) -> Self {
        let groups: Vec<_> = groups.iter().map(AsRef::as_ref).collect();
        self.claim("webpubsub.group", json!(groups))
    }

    /// Sets any claim to any value.
    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Signs with this key instead of the primary one.
    pub(crate) fn key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.key = key.into();
        self
    }

    /// Signs with another algorithm than HS256.
    pub(crate) fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.header.alg = algorithm;
        self
    }

    pub(crate) fn key_id(mut self, id: &str) -> Self {
        self.header.kid = Some(id.to_owned());
        self
    }

    pub(crate) fn sign(&self) -> String {
        encode(&self.header, &self.claims, &EncodingKey::from_secret(&self.key)).expect("a token")
    }

    /// `alg: none` and an empty signature.
    pub(crate) fn unsigned(&self) -> String {
        let signed = self.sign();
        let claims = signed.split('.').nth(1).expect("the claims");
        // {"alg":"none","typ":"JWT"}
        format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.")
    }
}

/// Seconds since the Unix epoch, as tokens count them.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}
