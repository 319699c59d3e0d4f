//! Client access tokens, verified at the handshake (`client-connect.md` section 4).
//!
//! Signature, times and the types of claims follow the rules of every token of ours
//! (`claims`); what is added here is the audience, which must be the client
//! endpoint of the hub, and the claims that become the connection's: user, roles, groups. The
//! answer differs between a bad credential (401) and a good one that asks for something
//! impossible (400).
//!
//! Order: signature, times, audience, then user and groups. Whatever a token that fails its
//! signature says is not looked at.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::audience::{PublicEndpoint, expected_audiences, names_client_endpoint};
use super::claims::{Claims, SigningKeys, strings, verify_times};
use super::error::TokenError;
use super::key::AccessKeys;
use super::sign::InternalKey;
use crate::hub::name::HubName;
use crate::protocol::subprotocol::validate_group_name;

/// Longest user id: it travels in an HTTP header to event handlers (section 4.3).
pub const USER_ID_BYTES_MAX: usize = 4096;

/// What a valid token says about its client; the default is what an anonymous client has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClientClaims {
    /// `sub`, unless absent or empty.
    pub user_id: Option<String>,
    /// `role`, in the token's order and not judged yet.
    pub roles: Vec<String>,
    /// `webpubsub.group`: the groups to join, all of them valid names.
    pub groups: Vec<String>,
    /// Every claim as it stands in the token, for the `connect` event.
    pub claims: Map<String, Value>,
}

/// Verifies client tokens. Made once at start; each shard has a clone, which shares the keys.
#[derive(Debug, Clone)]
pub struct ClientTokenVerifier(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    keys: SigningKeys,
    public_endpoints: Vec<PublicEndpoint>,
}

impl ClientTokenVerifier {
    /// A verifier that accepts either key, and audiences at these endpoints (at any, if empty).
    pub fn new(keys: &AccessKeys, public_endpoints: Vec<PublicEndpoint>) -> Self {
        Self(Arc::new(Rules { keys: SigningKeys::new(keys.iter()), public_endpoints }))
    }

    /// A verifier for a server without local authentication (`operations.md` section 6.4): it
    /// accepts what this process has signed itself, and no access key.
    pub fn for_internal_key(key: &InternalKey, public_endpoints: Vec<PublicEndpoint>) -> Self {
        let keys = SigningKeys::new([key.as_access_key()]);
        Self(Arc::new(Rules { keys, public_endpoints }))
    }

    /// Checks a token for a new connection to `hub`; `now_unix_s` is the time in seconds since
    /// 1970.
    pub fn verify(
        &self,
        token: &str,
        hub: &HubName,
        now_unix_s: u64,
    ) -> Result<ClientClaims, TokenError> {
        let claims = self.0.keys.verify(token)?;
        verify_times(&claims, now_unix_s)?;
        self.verify_audience(&claims, hub)?;
        let user_id = user_id(&claims)?;
        let roles = strings(&claims, "role")?;
        let groups = strings(&claims, "webpubsub.group")?;
        if !groups.iter().all(|group| validate_group_name(group)) {
            return Err(TokenError::InvalidGroup);
        }
        Ok(ClientClaims { user_id, roles, groups, claims })
    }

    fn verify_audience(&self, claims: &Claims, hub: &HubName) -> Result<(), TokenError> {
        let endpoints = &self.0.public_endpoints;
        let actual = strings(claims, "aud")?;
        if actual.iter().any(|audience| names_client_endpoint(audience, hub, endpoints)) {
            return Ok(());
        }
        Err(TokenError::Audience { expected: expected_audiences(hub, endpoints), actual })
    }
}

fn user_id(claims: &Claims) -> Result<Option<String>, TokenError> {
    match claims.get("sub") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(user_id)) if user_id.is_empty() => Ok(None),
        Some(Value::String(user_id)) if is_valid_user_id(user_id) => Ok(Some(user_id.clone())),
        Some(Value::String(_)) => Err(TokenError::InvalidUserId),
        Some(_) => Err(TokenError::InvalidClaim("sub")),
    }
}

/// Whether a user id may travel in a header: short enough and without control characters.
pub fn is_valid_user_id(user_id: &str) -> bool {
    user_id.len() <= USER_ID_BYTES_MAX && !user_id.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
