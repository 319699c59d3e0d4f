//! What a token signed with an access key says, and whether it may say so now: the part that
//! client tokens (`client-connect.md` section 4) and REST tokens (`rest-api.md` section 3.2) share.
//!
//! Such a token is a JWS in compact form, signed with HS256 by one of the two access keys. The
//! library reads the header and checks the signature; times and the types of claims are checked
//! here, because their rules are the protocol's and not the library's: a tolerance of five minutes
//! against a clock that is passed in.
//!
//! Whom a token is meant for, and what an unverified token may decide, is left to the verifiers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::verify as verify_hmac;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::error::TokenError;
use super::key::AccessKey;

/// How far a signer's clock may be off, in both directions (`client-connect.md` section 4.3).
pub(super) const CLOCK_TOLERANCE_S: f64 = 300.0;

/// The claims of a token by name.
pub(super) type Claims = Map<String, Value>;

/// The keys that a token may be signed with.
#[derive(Debug)]
pub(super) struct SigningKeys(Vec<DecodingKey>);

impl SigningKeys {
    pub(super) fn new<'a>(keys: impl IntoIterator<Item = &'a AccessKey>) -> Self {
        let secret = |key: &AccessKey| DecodingKey::from_secret(key.as_bytes());
        Self(keys.into_iter().map(secret).collect())
    }

    /// The claims, if form, algorithm and signature are right.
    pub(super) fn verify(&self, token: &str) -> Result<Claims, TokenError> {
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
        // The library compares in constant time. Which of two keys was tried first is no secret.
        let is_signed_by = |key| verify_hmac(signature, message.as_bytes(), key, Algorithm::HS256);
        if !self.0.iter().any(|key| is_signed_by(key).unwrap_or(false)) {
            return Err(TokenError::Signature);
        }
        unverified(token)
    }
}

/// What a token says, whoever signed it. Good for choosing who shall verify it, and nothing else.
pub(super) fn unverified(token: &str) -> Result<Claims, TokenError> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Malformed);
    };
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&claims).map_err(|_| TokenError::Malformed)
}

/// `exp` is required, `nbf` is not (`client-connect.md` section 4.3, `rest-api.md` section 3.2.3).
pub(super) fn verify_times(claims: &Claims, now_unix_s: u64) -> Result<(), TokenError> {
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

/// A claim that is a string or an array of strings; absent is an empty list.
pub(super) fn strings(claims: &Claims, name: &'static str) -> Result<Vec<String>, TokenError> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match claims.get(name) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(values)) => values.iter().map(text).collect(),
        Some(value) => text(value).map(|text| vec![text]),
    }
    .ok_or(TokenError::InvalidClaim(name))
}

fn number(claims: &Claims, name: &'static str) -> Result<Option<f64>, TokenError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(TokenError::InvalidClaim(name)),
    }
}
