//! Client access tokens: verifying them at the handshake, and signing them (`client-connect.md`
//! section 4).
//!
//! A token is a JWS in compact form, signed with HS256 by one of the two access keys. The library
//! reads the header and checks the signature; times, audience and the claims that matter here are
//! checked by this module, because their rules are the protocol's and not the library's: a
//! tolerance of five minutes against a clock that is passed in, audiences compared as URIs, and an
//! answer that differs between a bad credential (401) and a good one that asks for something
//! impossible (400).
//!
//! Order: signature, times, audience, then user and groups. Whatever a token that fails its
//! signature says is not looked at.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::verify as verify_hmac;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde_json::{Map, Value, json};

use super::audience::{PublicEndpoint, expected_audiences, names_client_endpoint};
use super::key::{AccessKey, AccessKeys};
use crate::hub::name::HubName;
use crate::protocol::subprotocol::validate_group_name;

/// How far a signer's clock may be off, in both directions (section 4.3).
pub const CLOCK_TOLERANCE_S: f64 = 300.0;

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
    keys: Vec<DecodingKey>,
    public_endpoints: Vec<PublicEndpoint>,
}

impl ClientTokenVerifier {
    /// A verifier that accepts either key, and audiences at these endpoints (at any, if empty).
    pub fn new(keys: &AccessKeys, public_endpoints: Vec<PublicEndpoint>) -> Self {
        let keys = keys.iter().map(|key| DecodingKey::from_secret(key.as_bytes())).collect();
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
        let claims = self.verify_signature(token)?;
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

    /// The claims, if form, algorithm and signature are right.
    fn verify_signature(&self, token: &str) -> Result<Map<String, Value>, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.alg != Algorithm::HS256 {
            return Err(TokenError::Algorithm);
        }
        //= RFC 7515, section 4.1.11: a token with critical extensions that are not understood is
        // invalid. None is understood here.
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (_, claims) = message.split_once('.').ok_or(TokenError::Malformed)?;
        // The library compares in constant time. Which of two keys was tried first is no secret.
        let is_signed_by = |key| verify_hmac(signature, message.as_bytes(), key, Algorithm::HS256);
        if !self.0.keys.iter().any(|key| is_signed_by(key).unwrap_or(false)) {
            return Err(TokenError::Signature);
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| TokenError::Malformed)?;
        serde_json::from_slice(&claims).map_err(|_| TokenError::Malformed)
    }

    fn verify_audience(
        &self,
        claims: &Map<String, Value>,
        hub: &HubName,
    ) -> Result<(), TokenError> {
        let endpoints = &self.0.public_endpoints;
        let actual = strings(claims, "aud")?;
        if actual.iter().any(|audience| names_client_endpoint(audience, hub, endpoints)) {
            return Ok(());
        }
        Err(TokenError::Audience { expected: expected_audiences(hub, endpoints), actual })
    }
}

/// `exp` is required, `nbf` is not (section 4.3).
fn verify_times(claims: &Map<String, Value>, now_unix_s: u64) -> Result<(), TokenError> {
    // A NumericDate may have a fraction (RFC 7519, section 2); seconds since 1970 are exact in a
    // double for some 285 million years.
    let now = now_unix_s as f64;
    let expires = number(claims, "exp")?.ok_or(TokenError::InvalidClaim("exp"))?;
    if now >= expires + CLOCK_TOLERANCE_S {
        return Err(TokenError::Expired);
    }
    match number(claims, "nbf")? {
        Some(starts) if now < starts - CLOCK_TOLERANCE_S => Err(TokenError::NotYetValid),
        _ => Ok(()),
    }
}

fn user_id(claims: &Map<String, Value>) -> Result<Option<String>, TokenError> {
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

fn number(claims: &Map<String, Value>, name: &'static str) -> Result<Option<f64>, TokenError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(TokenError::InvalidClaim(name)),
    }
}

/// A claim that is a string or an array of strings; absent is an empty list.
fn strings(claims: &Map<String, Value>, name: &'static str) -> Result<Vec<String>, TokenError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match claims.get(name) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(values)) => values.iter().map(text).collect(),
        Some(value) => text(value).map(|text| vec![text]),
    }
    .ok_or(TokenError::InvalidClaim(name))
}

/// Why a token is refused. `Display` is the body of the answer: one line, nothing of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenError {
    /// Not a JWS in compact form with an object of claims.
    Malformed,
    /// Another algorithm than HS256.
    Algorithm,
    /// Signed with neither key.
    Signature,
    /// `exp` has passed, tolerance included.
    Expired,
    /// `nbf` is ahead, tolerance included.
    NotYetValid,
    /// A claim is missing or has the wrong type.
    InvalidClaim(&'static str),
    /// Meant for another endpoint.
    Audience {
        /// What would have been accepted.
        expected: Vec<String>,
        /// What the token says. For the log only.
        actual: Vec<String>,
    },
    /// Too long, or with control characters.
    InvalidUserId,
    /// A `webpubsub.group` that is not a group name.
    InvalidGroup,
}

impl TokenError {
    /// The status of the answer (section 3.1).
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidUserId | Self::InvalidGroup => 400,
            _ => 401,
        }
    }

    /// What the operator's log should say: the same, with the audiences (`operations.md` 3.4).
    pub fn log_message(&self) -> String {
        match self {
            // As `Debug`, so that an audience cannot break the line.
            Self::Audience { expected, actual } => format!(
                "Failed to validate audience. Expected Audiences: {expected:?}. \
                 Actual Audiences: {actual:?}"
            ),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("The access token is malformed."),
            Self::Algorithm => f.write_str("The access token is not signed with HS256."),
            Self::Signature => f.write_str("The access token's signature is wrong."),
            Self::Expired => f.write_str("The access token has expired."),
            Self::NotYetValid => f.write_str("The access token is not valid yet."),
            Self::InvalidClaim(name) => {
                write!(f, "The access token's claim '{name}' is missing or has the wrong type.")
            }
            Self::Audience { .. } => {
                f.write_str("The access token's audience is not this hub's client endpoint.")
            }
            Self::InvalidUserId => f.write_str("The access token's user id is invalid."),
            Self::InvalidGroup => f.write_str("The access token names an invalid group."),
        }
    }
}

impl std::error::Error for TokenError {}

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
    let expires = now_unix_s.saturating_add(new.ttl.as_secs());
    let mut claims = Map::new();
    claims.insert("aud".into(), json!(new.audience));
    claims.insert("iat".into(), json!(now_unix_s));
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
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
        .expect("HMAC takes a key of any length, and a map of JSON values is JSON")
}

#[cfg(test)]
mod tests;
