//! Tokens of OpenID Connect issuers, Entra ID among them (`rest-api.md` section 3.4).
//!
//! A self-hosted server trusts whom its operator names: each [`TrustedIssuer`] says which `iss`,
//! which audiences and which claims make a caller Owner or Reader. The keys that an issuer signs
//! with change; the current ones are in an [`IssuerKeys`] snapshot that is replaced as a whole.
//! Nothing here fetches anything, reads a clock or waits: whoever fetches keys hands the next
//! snapshot to every shard as an [`OidcProvider`].
//!
//! Order of checks: form, issuer, key, algorithm, signature, times, audience, role. The issuer is
//! read from claims that nobody has vouched for yet; it only chooses the keys that must then vouch
//! for those same claims. Which algorithms are good is decided by the key and never by the token,
//! and a shared secret is never a key, so an issuer's public key cannot be used as one.
//!
//! A token may be newer than the snapshot: its key id is unknown although its issuer is not. That
//! is [`OidcFailure::UnknownKey`], the only outcome that is not final; see [`KeyRequests`].

mod failure;
mod keys;
mod provider;
mod requests;
mod role_rule;
mod set;

use std::sync::Arc;

use jsonwebtoken::crypto;

use super::claims::{Claims, strings, unverified, verify_times};
use super::error::TokenError;
use super::rest_token::{DEFAULT_PROVIDER_AUDIENCE, Role};

pub use failure::OidcFailure;
pub use keys::{ASK_INTERVAL_S, IssuerKeys};
pub use provider::OidcProvider;
pub use requests::KeyRequests;
pub use role_rule::RoleRule;
pub use set::{InvalidKeySet, KeySet};

use set::Choice;

/// An issuer whose tokens are good here, as the operator configured it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedIssuer {
    /// Equal to a token's `iss`, letter by letter.
    pub issuer: String,
    /// One of them must be in `aud`; a slash at the end makes no difference.
    pub audiences: Vec<String>,
    /// Who may do what.
    pub roles: Vec<RoleRule>,
}

/// Verifies tokens of trusted issuers. A clone shares the rules.
#[derive(Clone, Debug)]
pub struct OidcVerifier(Arc<[TrustedIssuer]>);

impl OidcVerifier {
    /// The order of the issuers is their index in [`IssuerKeys`] and [`KeyRequests`].
    pub fn new(issuers: impl IntoIterator<Item = TrustedIssuer>) -> Self {
        Self(issuers.into_iter().collect())
    }

    /// How many issuers there are.
    pub fn issuer_count(&self) -> usize {
        self.0.len()
    }

    /// Every audience with which a token is meant for this way and no other (section 3.4.2). The
    /// service libraries' own is always among them: a token that has it is no access-key token,
    /// whether somebody here trusts its issuer or not.
    pub fn audiences(&self) -> Vec<String> {
        let mut audiences = vec![DEFAULT_PROVIDER_AUDIENCE.to_owned()];
        for audience in self.0.iter().flat_map(|issuer| &issuer.audiences) {
            if !audiences.contains(audience) {
                audiences.push(audience.clone());
            }
        }
        audiences
    }

    /// The role of the token's bearer.
    ///
    /// # Errors
    /// The first rule that fails; [`OidcFailure::UnknownKey`] may be judged again with a newer
    /// snapshot.
    pub fn verify(
        &self,
        token: &str,
        keys: &IssuerKeys,
        now_unix_s: u64,
    ) -> Result<Role, OidcFailure> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        //= RFC 7515, section 4.1.11: critical extensions that are not understood make it invalid.
        if header.crit.is_some() {
            return Err(TokenError::Malformed.into());
        }
        let claims = unverified(token)?;
        let (index, issuer) = self.issuer_of(&claims)?;
        let unknown_key = || match keys.is_just_refreshed(index, now_unix_s) {
            true => OidcFailure::NoSuchKey,
            false => OidcFailure::UnknownKey { issuer: index },
        };
        let choice = keys.of(index).map(|set| set.choose(header.kid.as_deref(), header.alg));
        let key = match choice {
            Some(Choice::Key(key)) => key,
            Some(Choice::WrongAlgorithm) => return Err(OidcFailure::Algorithm),
            Some(Choice::Ambiguous) => return Err(OidcFailure::NoKeyId),
            Some(Choice::Unknown) | None => return Err(unknown_key()),
        };
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        if !crypto::verify(signature, message.as_bytes(), key, header.alg).unwrap_or(false) {
            // An issuer that does not name its only key has perhaps replaced it.
            let is_named = header.kid.is_some();
            return Err(if is_named { TokenError::Signature.into() } else { unknown_key() });
        }
        verify_times(&claims, now_unix_s)?;
        verify_audience(&claims, &issuer.audiences)?;
        role_rule::role_of(&claims, &issuer.roles).ok_or(OidcFailure::NoRole)
    }

    fn issuer_of(&self, claims: &Claims) -> Result<(usize, &TrustedIssuer), OidcFailure> {
        let name = claims.get("iss").and_then(|name| name.as_str());
        let name = name.ok_or(TokenError::InvalidClaim("iss"))?;
        let known = self.0.iter().enumerate().find(|(_, known)| known.issuer == name);
        known.ok_or_else(|| OidcFailure::UnknownIssuer(name.to_owned()))
    }
}

fn verify_audience(claims: &Claims, accepted: &[String]) -> Result<(), TokenError> {
    let without_slash = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
    let actual = strings(claims, "aud")?;
    let is_accepted = |audience: &String| {
        accepted.iter().any(|known| without_slash(known) == without_slash(audience))
    };
    if actual.iter().any(is_accepted) {
        return Ok(());
    }
    Err(TokenError::Audience { expected: accepted.to_vec(), actual })
}

#[cfg(test)]
pub(crate) mod test_issuer;
#[cfg(test)]
mod tests;
