//! Why a token of an issuer is refused, and which of that may change in a moment.

use std::fmt;

use crate::auth::error::TokenError;
use crate::auth::rest_token::AuthFailure;

/// Why a token is refused. All but [`OidcFailure::UnknownKey`] is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OidcFailure {
    /// What tokens of every kind can have wrong: form, signature, times, claims, audience.
    Token(TokenError),
    /// An `iss` that nobody configured.
    UnknownIssuer(String),
    /// The issuer is known and its key is not, and nobody has looked for it lately: the issuer may
    /// have begun to use a new one. Ask for a refresh ([`KeyRequests`](super::KeyRequests)), hold
    /// the request, and judge it again with the next snapshot.
    UnknownKey {
        /// Index of the issuer.
        issuer: usize,
    },
    /// The same, and somebody has just looked.
    NoSuchKey,
    /// The token names no key and the issuer has several that could be meant.
    NoKeyId,
    /// An algorithm that the key is not for.
    Algorithm,
    /// Everything is right, and no rule gives the bearer a role.
    NoRole,
}

impl fmt::Display for OidcFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => error.fmt(f),
            Self::UnknownIssuer(issuer) => write!(f, "the issuer {issuer} is not configured"),
            Self::UnknownKey { .. } => f.write_str("the issuer's key is not known yet"),
            Self::NoSuchKey => f.write_str("the issuer has no such key, or gives none out"),
            Self::NoKeyId => f.write_str("the token names none of the issuer's keys"),
            Self::Algorithm => f.write_str("the issuer's key is not for this algorithm"),
            Self::NoRole => f.write_str("no rule gives the bearer a role"),
        }
    }
}

impl std::error::Error for OidcFailure {}

impl From<TokenError> for OidcFailure {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<OidcFailure> for AuthFailure {
    fn from(failure: OidcFailure) -> Self {
        match failure {
            OidcFailure::Token(error) => Self::Token(error),
            OidcFailure::UnknownKey { issuer } => Self::UnknownKey { issuer },
            OidcFailure::NoRole => Self::NoRole,
            other => Self::ProviderToken(other.to_string()),
        }
    }
}
