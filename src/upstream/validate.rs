//! Asks an application whether events are welcome (`events-webhook.md` section 4).
//!
//! When to ask, and who waits for it, is kept by [`validation`](super::validation); this does it, and tells everybody.
//! A request names this server and nothing else: no signature, no token, no cookie.

use std::rc::Rc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use hyper::{Method, Request};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::answer::Answer;
use super::client::{BODY_BYTES_MAX, Client, SendError, Target};
use super::endpoint::Endpoint;
use super::headers::header_map;
use super::retry::{self, AttemptEnd};
use super::validation::{ValidationError, ValidationTarget, is_asked_again_by_get, judge};
use super::worker::Worker;
use crate::protocol::cloudevents::attributes::validation_headers;

/// For each of both requests (section 4.3.3).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why events are not welcome, or nobody knows.
enum Refusal {
    Answer(ValidationError),
    Unreachable(SendError),
    TimedOut,
}

impl Worker {
    /// Whether events of this origin may be posted to the handler. Waits only if that has never
    /// been asked; a refresh goes on beside the events.
    pub(super) async fn is_welcome(self: &Rc<Self>, endpoint: &Rc<Endpoint>, origin: &str) -> bool {
        let target = endpoint.validation(origin);
        let mut verdict = None;
        let look = self.validations.borrow_mut().look(&target, now(), || {
            let (waiter, told) = oneshot::channel();
            verdict = Some(told);
            waiter
        });
        if look.must_ask {
            spawn_local(validate(Rc::clone(self), Rc::clone(endpoint), target));
        }
        match (look.is_allowed, verdict) {
            (Some(is_allowed), _) => is_allowed,
            (None, Some(told)) => told.await.unwrap_or(false),
            (None, None) => false,
        }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn validate(worker: Rc<Worker>, endpoint: Rc<Endpoint>, target: Rc<ValidationTarget>) {
    let attempts_max = worker.settings().attempts_max();
    let outcome = match worker.client.target(&target.url) {
        Ok(url) => ask_until_answered(&worker.client, &url, &target.origin, attempts_max).await,
        Err(error) => Err(Refusal::Unreachable(error)),
    };
    if let Err(refusal) = &outcome {
        report(&endpoint, refusal);
    }
    let waiters = worker.validations.borrow_mut().finish(&target, outcome.is_ok(), now());
    for waiter in waiters {
        // Whoever has run out of time does not want to know.
        let _ = waiter.send(outcome.is_ok());
    }
}

/// The retry rules hold for these requests too, but a timeout is final.
async fn ask_until_answered(
    client: &Client,
    url: &Target,
    origin: &str,
    attempts_max: u32,
) -> Result<(), Refusal> {
    let mut attempts = 0;
    loop {
        let asked = ask(client, url, origin).await;
        attempts += 1;
        let end = match &asked {
            Ok(answer) => AttemptEnd::Status(answer.status),
            Err(Refusal::Unreachable(error)) => error.end(),
            Err(_) => AttemptEnd::TimedOut,
        };
        let Some(pause) = retry::pause(end, attempts, attempts_max, Duration::MAX) else {
            let answer = asked?;
            return judge(answer.status, &answer.headers, origin).map_err(Refusal::Answer);
        };
        sleep(pause).await;
    }
}

/// `OPTIONS`, and `GET` where that is not known.
async fn ask(client: &Client, url: &Target, origin: &str) -> Result<Answer, Refusal> {
    let answer = send(client, url, origin, Method::OPTIONS).await?;
    match is_asked_again_by_get(answer.status) {
        true => send(client, url, origin, Method::GET).await,
        false => Ok(answer),
    }
}

async fn send(
    client: &Client,
    url: &Target,
    origin: &str,
    method: Method,
) -> Result<Answer, Refusal> {
    let answer = client.send(url, BODY_BYTES_MAX, || {
        let mut request = Request::new(Full::<Bytes>::default());
        *request.method_mut() = method.clone();
        *request.headers_mut() = headers(origin);
        request
    });
    let answer = timeout(REQUEST_TIMEOUT, answer).await.map_err(|_| Refusal::TimedOut)?;
    answer.map_err(Refusal::Unreachable)
}

fn headers(origin: &str) -> HeaderMap {
    let headers = validation_headers(origin);
    header_map(headers.into_iter().map(|(name, value)| (name.into(), value.into())))
}

/// In the words of section 15. The URL is shown as it is configured, without query.
fn report(endpoint: &Endpoint, refusal: &Refusal) {
    let handler = &endpoint.handler;
    let (hub, host) = (handler.hub.as_str(), handler.settings.url.host());
    let url = handler.settings.url.redacted();
    let url = url.split('?').next().unwrap_or_default();
    match refusal {
        Refusal::Answer(error @ ValidationError::MissingOrigin(_)) => warn!(
            hub,
            host,
            event = "validate",
            kind = "AbuseProtectionResponseMissingAllowedOrigin",
            "Abuse protection for '{url}' {error}."
        ),
        Refusal::Answer(error @ ValidationError::Status(_)) => warn!(
            hub,
            host,
            event = "validate",
            kind = "AbuseProtectionResponseInvalidStatusCode",
            "Abuse protection for '{url}' {error}."
        ),
        Refusal::Unreachable(error) => warn!(
            hub,
            host,
            event = "validate",
            kind = "AbuseProtectionResponseFailed",
            "Abuse protection for '{url}' failed: {error}."
        ),
        Refusal::TimedOut => warn!(
            hub,
            host,
            event = "validate",
            kind = "AbuseProtectionResponseFailed",
            "Abuse protection for '{url}' failed: no answer within {} seconds.",
            REQUEST_TIMEOUT.as_secs()
        ),
    }
}
