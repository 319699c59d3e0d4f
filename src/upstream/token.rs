//! Bearer tokens for handlers that ask for one (`events-webhook.md` section 12.2).
//!
//! A token is fetched for a resource when the first event needs it, and renewed in the background
//! when [`RENEW_PERCENT`] of its life have passed, so that no event waits again. There is one fetch
//! per resource at a time, however many wait. A failed one fails everybody who waits, and whoever
//! comes within [`FAILURE_PAUSE`].
//!
//! Resources come from the configuration, so it bounds them.

mod fetch;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::time::Instant;
use tracing::warn;

pub(super) use fetch::TokenError;
use fetch::{Fetched, Fetcher};

use super::client::{Client, SendError};
use super::flight::Flight;
use crate::config::IdentitySettings;

/// When a token is renewed, of its life.
const RENEW_PERCENT: u32 = 80;
/// A token is not used for so much of the end of its life, at most: it has to arrive as well.
const MARGIN_MAX: Duration = Duration::from_secs(60);
/// Least time from one failure to the next attempt.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Tokens of one identity.
pub(super) struct Tokens {
    fetcher: Rc<Fetcher>,
    identity: IdentitySettings,
    entries: RefCell<HashMap<String, Rc<Entry>>>,
}

/// The token for one resource.
#[derive(Default)]
struct Entry {
    token: RefCell<Option<Token>>,
    failure: RefCell<Option<(TokenError, Instant)>>,
    flight: Flight<Result<HeaderValue, TokenError>>,
}

struct Token {
    authorization: HeaderValue,
    renew_at: Instant,
    end: Instant,
}

impl Tokens {
    /// # Errors
    /// The identity's token endpoint is no URL.
    pub(super) fn new(client: Rc<Client>, identity: &IdentitySettings) -> Result<Self, SendError> {
        let fetcher = Rc::new(Fetcher::new(client, identity)?);
        Ok(Self { fetcher, identity: identity.clone(), entries: RefCell::default() })
    }

    /// Whether these are tokens of this identity.
    pub(super) fn are_of(&self, identity: &IdentitySettings) -> bool {
        self.identity == *identity
    }

    /// The value of `Authorization` for requests to `resource`.
    ///
    /// # Errors
    /// There is no token to be had.
    pub(super) async fn authorization(&self, resource: &str) -> Result<HeaderValue, TokenError> {
        let entry = self.entry(resource);
        let now = Instant::now();
        if let Some((authorization, is_due)) = entry.usable(now) {
            if is_due && entry.failed_since(now).is_none() && !entry.flight.is_under_way() {
                drop(self.fetch(&entry, resource));
            }
            return Ok(authorization);
        }
        if let Some(error) = entry.failed_since(now) {
            return Err(error);
        }
        self.fetch(&entry, resource).await.unwrap_or(Err(TokenError::Abandoned))
    }

    /// The token itself, and how long it is until the next one is due.
    ///
    /// # Errors
    /// There is no token to be had.
    pub(super) async fn token(&self, resource: &str) -> Result<(String, Duration), TokenError> {
        let authorization = self.authorization(resource).await?;
        let text = authorization.to_str().map_err(|_| TokenError::NoToken)?;
        let text = text.strip_prefix("Bearer ").unwrap_or(text).to_owned();
        let due = self.entry(resource).token.borrow().as_ref().map(|token| token.renew_at);
        let now = Instant::now();
        Ok((text, due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now))))
    }

    fn entry(&self, resource: &str) -> Rc<Entry> {
        if let Some(entry) = self.entries.borrow().get(resource) {
            return Rc::clone(entry);
        }
        let entry = Rc::<Entry>::default();
        self.entries.borrow_mut().insert(resource.to_owned(), Rc::clone(&entry));
        entry
    }

    fn fetch(
        &self,
        entry: &Rc<Entry>,
        resource: &str,
    ) -> tokio::sync::oneshot::Receiver<Result<HeaderValue, TokenError>> {
        entry.flight.join(|| {
            let (fetcher, entry) = (Rc::clone(&self.fetcher), Rc::clone(entry));
            let resource = resource.to_owned();
            async move { entry.take(fetcher.fetch(&resource).await, &resource) }
        })
    }
}

impl Entry {
    /// The token if it is good, and whether it is time to renew it.
    fn usable(&self, now: Instant) -> Option<(HeaderValue, bool)> {
        let token = self.token.borrow();
        let token = token.as_ref().filter(|token| now < token.end)?;
        Some((token.authorization.clone(), now >= token.renew_at))
    }

    /// The last failure, if it was a moment ago.
    fn failed_since(&self, now: Instant) -> Option<TokenError> {
        let failure = self.failure.borrow();
        let (error, at) = failure.as_ref()?;
        (now.duration_since(*at) < FAILURE_PAUSE).then(|| error.clone())
    }

    fn take(
        &self,
        fetched: Result<Fetched, TokenError>,
        resource: &str,
    ) -> Result<HeaderValue, TokenError> {
        let now = Instant::now();
        match fetched {
            Ok(Fetched { authorization, life }) => {
                self.failure.take();
                let renew_at = now + life * RENEW_PERCENT / 100;
                let end = now + life.saturating_sub(MARGIN_MAX.min(life / 10));
                let token = Token { authorization: authorization.clone(), renew_at, end };
                self.token.replace(Some(token));
                Ok(authorization)
            }
            Err(error) => {
                warn!(resource, "no bearer token: {error}");
                self.failure.replace(Some((error.clone(), now)));
                Err(error)
            }
        }
    }
}
