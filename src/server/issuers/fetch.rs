//! One fetch of one issuer's keys: discovery document, then key set.
//!
//! Keys are trusted because of where they come from. So: TLS with the system's root certificates
//! (plain HTTP on loopback addresses only, and then past every proxy), no redirects, a discovery
//! document that names the very issuer it was asked about (OpenID Connect Discovery 1.0, section
//! 4.3), and a distant issuer cannot send us to an address of this machine. Both requests are
//! bounded in time and size. `HTTPS_PROXY` and `NO_PROXY` are honoured.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, redirect};
use serde::Deserialize;

use super::freshness::pause_after;
use crate::auth::oidc::{InvalidKeySet, KeySet};
use crate::config::{InvalidKeyUrl, IssuerSettings, KeySource, KeyUrl};

/// For a whole request, from the name of the host to the end of the body.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest document; real ones have about 20 KiB.
pub(super) const BODY_BYTES_MAX: usize = 1 << 20;

/// Keys, and how long to be content with them.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) keys: Arc<KeySet>,
    pub(super) pause: Duration,
}

/// Why an issuer gave no keys, for the log.
#[derive(Debug)]
pub(super) enum FetchError {
    /// Network, TLS, timeout.
    Http(reqwest::Error),
    /// Anything but 200.
    Status(u16),
    /// Over [`BODY_BYTES_MAX`].
    TooLarge,
    /// No JSON object with `issuer` and `jwks_uri`.
    Discovery,
    /// The document is about another issuer.
    WrongIssuer(String),
    /// `jwks_uri` is a place that keys must not come from.
    KeyUrl(InvalidKeyUrl),
    /// It is on this machine, and the issuer is not.
    PointsHere,
    Keys(InvalidKeySet),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => {
                write!(f, "{error}")?;
                // The library says "error sending request"; the cause is further down.
                let mut cause = error.source();
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
            Self::Status(status) => write!(f, "the answer has status {status}"),
            Self::TooLarge => write!(f, "the answer has more than {BODY_BYTES_MAX} bytes"),
            Self::Discovery => f.write_str("the discovery document has no issuer and jwks_uri"),
            Self::WrongIssuer(name) => {
                write!(f, "the discovery document is that of the issuer {name:?}")
            }
            Self::KeyUrl(invalid) => write!(f, "jwks_uri is not usable: {invalid}"),
            Self::PointsHere => f.write_str("jwks_uri is an address of this machine"),
            Self::Keys(invalid) => write!(f, "the key set is not usable: {invalid}"),
        }
    }
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error.without_url())
    }
}

/// The HTTP clients.
pub(super) struct Fetcher {
    remote: Client,
    /// Goes through no proxy.
    local: Client,
}

impl Fetcher {
    pub(super) fn new() -> Result<Self, FetchError> {
        let client = || {
            Client::builder()
                .user_agent(concat!("corecast/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .timeout(REQUEST_TIMEOUT)
        };
        Ok(Self { remote: client().build()?, local: client().no_proxy().build()? })
    }

    /// Fetches the keys of an issuer.
    pub(super) async fn keys(&self, issuer: &IssuerSettings) -> Result<Fetched, FetchError> {
        let url = match &issuer.keys {
            KeySource::Direct(url) => url.clone(),
            KeySource::Discovery(url) => self.discover(url, &issuer.trusted.issuer).await?,
        };
        let (body, pause) = self.get(url.as_str(), url.is_loopback()).await?;
        let keys = KeySet::parse(&body).map_err(FetchError::Keys)?;
        Ok(Fetched { keys: Arc::new(keys), pause })
    }

    async fn discover(&self, url: &KeyUrl, issuer: &str) -> Result<KeyUrl, FetchError> {
        let (body, _) = self.get(&url.discovery_document(), url.is_loopback()).await?;
        read_discovery(&body, issuer, url.is_loopback())
    }

    /// The body, and when to fetch it again.
    async fn get(&self, url: &str, is_local: bool) -> Result<(Vec<u8>, Duration), FetchError> {
        let client = if is_local { &self.local } else { &self.remote };
        let mut response = client.get(url).header("Accept", "application/json").send().await?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let pause = pause_after(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((body, pause))
    }
}

/// Where the keys are, if the document is that of this issuer.
pub(super) fn read_discovery(
    document: &[u8],
    issuer: &str,
    is_local: bool,
) -> Result<KeyUrl, FetchError> {
    #[derive(Deserialize)]
    struct Document {
        issuer: String,
        jwks_uri: String,
    }
    let found: Document = serde_json::from_slice(document).map_err(|_| FetchError::Discovery)?;
    if found.issuer != issuer {
        return Err(FetchError::WrongIssuer(found.issuer));
    }
    let keys = KeyUrl::parse(&found.jwks_uri).map_err(FetchError::KeyUrl)?;
    if keys.is_loopback() && !is_local {
        return Err(FetchError::PointsHere);
    }
    Ok(keys)
}
