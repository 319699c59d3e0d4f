//! Who calls the REST API (`rest-api.md` section 3).
//!
//! Each request carries a token of its own. Most are signed with an access key for exactly the URL
//! of the request, and whoever has the key may do everything. The others come from an identity
//! provider and have one of its fixed audiences; they are handed to an [`IdentityProvider`], which
//! knows the issuers' keys and maps claims to a [`Role`]. The audience alone decides which way a
//! token goes, before anything is verified: a token never gets a second chance on the other way
//! (section 3.4.2).
//!
//! A generated client token is not good here: its audience is a client endpoint.

use std::fmt;
use std::sync::Arc;

use super::audience::{PublicEndpoint, expected_request_audiences, names_request};
use super::claims::{Claims, SigningKeys, strings, unverified, verify_times};
use super::error::TokenError;
use super::key::AccessKeys;

/// The audience of the tokens that service libraries request from an identity provider.
pub const DEFAULT_PROVIDER_AUDIENCE: &str = "https://webpubsub.azure.com";

/// What a caller may do (section 3.4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Owner,
    /// Existence and permission checks, and lists.
    Reader,
}

/// Verifies the tokens of configured issuers (section 3.4.2): signature by a published key, issuer,
/// times; and finds the caller's role.
pub trait IdentityProvider: fmt::Debug + Send + Sync {
    /// # Errors
    /// [`AuthFailure::ProviderToken`], or [`AuthFailure::NoRole`] for a valid token that no rule
    /// maps to a role.
    fn verify(&self, token: &str, now_unix_s: u64) -> Result<Role, AuthFailure>;
}

/// What decides about tokens besides the keys.
#[derive(Clone, Debug)]
pub struct RestTokenSettings {
    /// Where audiences may point; anywhere, if empty (section 3.3, rule 4).
    pub public_endpoints: Vec<PublicEndpoint>,
    /// `disableLocalAuth`: no access key is good (`operations.md` section 6.4).
    pub is_local_auth_disabled: bool,
    /// `disableAadAuth`: no token of an identity provider is good.
    pub is_provider_auth_disabled: bool,
    /// Audiences of tokens that go to the identity provider.
    pub provider_audiences: Vec<String>,
    /// `None` while no issuer is configured.
    pub provider: Option<Arc<dyn IdentityProvider>>,
}

impl Default for RestTokenSettings {
    fn default() -> Self {
        Self {
            public_endpoints: Vec::new(),
            is_local_auth_disabled: false,
            is_provider_auth_disabled: false,
            provider_audiences: vec![DEFAULT_PROVIDER_AUDIENCE.to_owned()],
            provider: None,
        }
    }
}

/// Verifies REST tokens. Made once at start; each shard has a clone, which shares the keys.
#[derive(Clone, Debug)]
pub struct RestTokenVerifier(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    keys: Arc<SigningKeys>,
    settings: RestTokenSettings,
}

impl RestTokenVerifier {
    pub fn new(keys: &AccessKeys, settings: RestTokenSettings) -> Self {
        Self(Arc::new(Rules { keys: Arc::new(SigningKeys::new(keys.iter())), settings }))
    }

    /// The same with another provider: the current one once its issuers' keys have changed.
    #[must_use]
    pub fn with_provider(&self, provider: Arc<dyn IdentityProvider>) -> Self {
        let keys = self.0.keys.clone();
        let settings = RestTokenSettings { provider: Some(provider), ..self.0.settings.clone() };
        Self(Arc::new(Rules { keys, settings }))
    }

    /// The same with the provider of another one, whose issuers' keys are the latest.
    #[must_use]
    pub fn with_provider_of(&self, other: &Self) -> Self {
        match &other.0.settings.provider {
            Some(provider) => self.with_provider(provider.clone()),
            None => self.clone(),
        }
    }

    /// Checks the token of a request for `path`, which is as it came: not decoded, without query.
    ///
    /// # Errors
    /// The first rule that fails; see [`AuthFailure`].
    pub fn verify(&self, token: &str, path: &str, now_unix_s: u64) -> Result<Role, AuthFailure> {
        let audiences = strings(&unverified(token)?, "aud")?;
        if audiences.iter().any(|audience| self.is_for_provider(audience)) {
            return self.verify_provider_token(token, now_unix_s);
        }
        if self.0.settings.is_local_auth_disabled {
            return Err(AuthFailure::LocalAuthDisabled);
        }
        let claims = self.0.keys.verify(token)?;
        verify_times(&claims, now_unix_s)?;
        self.verify_audience(&claims, path)?;
        Ok(Role::Owner)
    }

    fn is_for_provider(&self, audience: &str) -> bool {
        let without_slash = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
        let audience = without_slash(audience);
        self.0.settings.provider_audiences.iter().any(|known| without_slash(known) == audience)
    }

    fn verify_provider_token(&self, token: &str, now_unix_s: u64) -> Result<Role, AuthFailure> {
        if self.0.settings.is_provider_auth_disabled {
            return Err(AuthFailure::ProviderAuthDisabled);
        }
        match &self.0.settings.provider {
            Some(provider) => provider.verify(token, now_unix_s),
            None => Err(AuthFailure::ProviderToken("no issuer is configured".into())),
        }
    }

    fn verify_audience(&self, claims: &Claims, path: &str) -> Result<(), TokenError> {
        let endpoints = &self.0.settings.public_endpoints;
        let actual = strings(claims, "aud")?;
        if actual.iter().any(|audience| names_request(audience, path, endpoints)) {
            return Ok(());
        }
        Err(TokenError::Audience { expected: expected_request_audiences(path, endpoints), actual })
    }
}

/// The token of an `Authorization` header, if its scheme is Bearer, in any case (section 3.1).
pub fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Why a caller is turned away. `Display` is fit for the answer: nothing of the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthFailure {
    /// No `Authorization`, or another scheme than Bearer.
    Missing,
    /// A token of an access key that is wrong.
    Token(TokenError),
    /// A token of an access key, while those are disabled.
    LocalAuthDisabled,
    /// A token of an identity provider, while those are disabled.
    ProviderAuthDisabled,
    /// A token of an identity provider that is wrong. The text says why, for the log.
    ProviderToken(String),
    /// A token of an identity provider, signed with a key that is not known yet. The caller may
    /// hold the request until the next keys have come and judge it again.
    UnknownKey {
        /// Which issuer's, by its place in the configuration.
        issuer: usize,
    },
    /// A good token of somebody with no role here.
    NoRole,
    /// A good token of somebody whose role is not enough.
    ReadOnly,
}

impl AuthFailure {
    /// The status of the answer (section 3.5).
    pub fn status(&self) -> u16 {
        match self {
            Self::NoRole | Self::ReadOnly => 403,
            _ => 401,
        }
    }

    /// What the operator's log should say: the same with the details.
    pub fn log_message(&self) -> String {
        match self {
            Self::Token(error) => error.log_message(),
            // As `Debug`, so that what a token says cannot break the line.
            Self::ProviderToken(reason) => format!("{self} ({reason:?})"),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for AuthFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("A bearer token is required."),
            Self::Token(error) => error.fmt(f),
            Self::LocalAuthDisabled => {
                f.write_str("Tokens signed with an access key are disabled.")
            }
            Self::ProviderAuthDisabled => {
                f.write_str("Tokens of an identity provider are disabled.")
            }
            Self::ProviderToken(_) | Self::UnknownKey { .. } => {
                f.write_str("The access token of the identity provider is not valid.")
            }
            Self::NoRole => f.write_str("The caller has no role on this server."),
            Self::ReadOnly => f.write_str("The caller's role only allows reading."),
        }
    }
}

impl std::error::Error for AuthFailure {}

impl From<TokenError> for AuthFailure {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

#[cfg(test)]
mod tests;
