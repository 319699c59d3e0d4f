//! One token by OAuth 2.0 client credentials (RFC 6749, section 4.4).
//!
//! The client shows a secret, or an assertion that something beside us keeps fresh in a file (RFC
//! 7523, section 2.2); that file is read for every fetch. Neither they nor tokens are ever shown.

use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request};
use serde::Deserialize;
use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use url::form_urlencoded::Serializer;

use crate::config::{IdentityCredential, IdentitySettings};
use crate::upstream::answer::Answer;
use crate::upstream::client::{Client, SendError, Target};

/// For one fetch, from the file to the end of the answer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer, and largest assertion; real ones have a few KiB.
const BYTES_MAX: usize = 1 << 20;
/// Life of a token whose answer does not say it, and the longest that is believed.
const LIFE_DEFAULT: Duration = Duration::from_secs(300);
const LIFE_MAX: Duration = Duration::from_secs(86_400);
/// How much of the endpoint's `error` the log shows.
const SHOWN_CHARS_MAX: usize = 64;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token that was just issued.
pub(super) struct Fetched {
    /// `Bearer TOKEN`
    pub(super) authorization: HeaderValue,
    pub(super) life: Duration,
}

/// Why there is no token.
#[derive(Clone, Debug)]
pub(in crate::upstream) enum TokenError {
    /// A handler asks for tokens, and nobody said where they come from.
    NoIdentity,
    /// The assertion's file cannot be read.
    Assertion(Rc<str>),
    Unreachable(SendError),
    TimedOut,
    /// The endpoint refuses; its `error`, if it has one.
    Refused {
        status: u16,
        error: Rc<str>,
    },
    /// 200, but not with a bearer token.
    NoToken,
    /// The server ends.
    Abandoned,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIdentity => f.write_str("no identity is configured"),
            Self::Assertion(error) => write!(f, "clientAssertionFile cannot be read: {error}"),
            Self::Unreachable(error) => write!(f, "the token endpoint: {error}"),
            Self::TimedOut => f.write_str("the token endpoint did not answer in time"),
            Self::Refused { status, error } => {
                write!(f, "the token endpoint answered with status {status} {error}")
            }
            Self::NoToken => f.write_str("the token endpoint's answer has no bearer token"),
            Self::Abandoned => f.write_str("the server ends"),
        }
    }
}

impl std::error::Error for TokenError {}

/// Asks the token endpoint.
pub(super) struct Fetcher {
    client: Rc<Client>,
    endpoint: Target,
    client_id: String,
    credential: IdentityCredential,
}

impl Fetcher {
    /// # Errors
    /// The endpoint is no URL.
    pub(super) fn new(client: Rc<Client>, identity: &IdentitySettings) -> Result<Self, SendError> {
        let endpoint = client.target(identity.token_endpoint.as_str())?;
        let (client_id, credential) = (identity.client_id.clone(), identity.credential.clone());
        Ok(Self { client, endpoint, client_id, credential })
    }

    /// A new token for `resource`.
    pub(super) async fn fetch(&self, resource: &str) -> Result<Fetched, TokenError> {
        timeout(FETCH_TIMEOUT, self.ask(resource)).await.unwrap_or(Err(TokenError::TimedOut))
    }

    async fn ask(&self, resource: &str) -> Result<Fetched, TokenError> {
        let form = Bytes::from(self.form(resource).await?);
        let answer = self.client.send(&self.endpoint, BYTES_MAX, || request(form.clone())).await;
        read(&answer.map_err(TokenError::Unreachable)?)
    }

    async fn form(&self, resource: &str) -> Result<String, TokenError> {
        let resource = resource.strip_suffix('/').unwrap_or(resource);
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id)
            .append_pair("scope", &format!("{resource}/.default"));
        match &self.credential {
            IdentityCredential::Secret(secret) => {
                form.append_pair("client_secret", secret.as_str())
            }
            IdentityCredential::AssertionFile(path) => {
                let assertion = read_assertion(path.clone()).await;
                let assertion =
                    assertion.map_err(|error| TokenError::Assertion(error.to_string().into()))?;
                form.append_pair("client_assertion_type", ASSERTION_TYPE)
                    .append_pair("client_assertion", assertion.trim())
            }
        };
        Ok(form.finish())
    }
}

async fn read_assertion(path: PathBuf) -> io::Result<String> {
    let read = move || {
        let mut text = String::new();
        let bytes_max = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX);
        std::fs::File::open(path)?.take(bytes_max).read_to_string(&mut text)?;
        Ok(text)
    };
    spawn_blocking(read).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn request(form: Bytes) -> Request<Full<Bytes>> {
    let length = HeaderValue::from(form.len());
    let mut request = Request::new(Full::new(form));
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, form_type);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, length);
    request
}

fn read(answer: &Answer) -> Result<Fetched, TokenError> {
    #[derive(Deserialize)]
    struct Issued {
        access_token: String,
        token_type: Option<String>,
        expires_in: Option<Value>,
    }
    #[derive(Default, Deserialize)]
    struct Refusal {
        error: String,
    }
    if answer.status != 200 {
        let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
        let is_shown = |c: &char| c.is_ascii_graphic();
        let error: String = refusal.error.chars().filter(is_shown).take(SHOWN_CHARS_MAX).collect();
        return Err(TokenError::Refused { status: answer.status, error: error.into() });
    }
    let issued: Issued = serde_json::from_slice(&answer.body).map_err(|_| TokenError::NoToken)?;
    if issued.token_type.is_some_and(|name| !name.eq_ignore_ascii_case("bearer")) {
        return Err(TokenError::NoToken);
    }
    let authorization = HeaderValue::try_from(format!("Bearer {}", issued.access_token));
    let mut authorization = authorization.map_err(|_| TokenError::NoToken)?;
    authorization.set_sensitive(true);
    Ok(Fetched { authorization, life: life(issued.expires_in.as_ref()) })
}

/// Seconds as a number or, as some endpoints have it, as a text.
fn life(expires_in: Option<&Value>) -> Duration {
    let seconds = match expires_in {
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_u64(),
        None => None,
    };
    seconds.map_or(LIFE_DEFAULT, |seconds| Duration::from_secs(seconds).min(LIFE_MAX))
}
