//! One event, from the moment it is taken until its outcome is told.
//!
//! Validation, token, request, pauses and further attempts share one deadline
//! (`events-webhook.md` section 7.2). Only a request on the wire holds one of its handler's slots:
//! who waits for a second attempt is in nobody's way. All attempts are the same request (section
//! 7.3), and nothing of a failing answer is kept (section 8.4.7).
//!
//! However an event ends, it is counted once, its permit goes on, and its connection's shard is
//! told if it waits: [`Delivery`] sees to that even if its task is dropped.

use std::rc::Rc;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use hyper::{Method, Request};
use tokio::time::{Instant, sleep, timeout_at};

use super::answer::{self, Accepted, Answer};
use super::client::{BODY_BYTES_MAX, Target};
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::headers::header_map;
use super::publish::Receipts;
use super::request::{EventRequest, RequestContext};
use super::retry::{self, AttemptEnd};
use super::session::Session;
use super::settings::UpstreamSettings;
use super::token::TokenError;
use super::worker::Worker;
use crate::event::call::{Event, EventAnswer, EventCall, EventFailure, EventOutcome};
use crate::event::handlers::HandlerAuth;
use crate::metrics::upstream::CallResult;
use crate::shard::clock;

/// An event on its way.
pub(super) struct Delivery {
    worker: Rc<Worker>,
    settings: Arc<UpstreamSettings>,
    endpoint: Rc<Endpoint>,
    session: Rc<Session>,
    call: EventCall,
    /// Whoever is told that the event was taken may rely on its being in the spools.
    receipts: Receipts,
    began: Instant,
    is_over: bool,
}

/// What all attempts have in common.
struct Prepared {
    target: Rc<Target>,
    authorization: Option<HeaderValue>,
    signature: Option<Rc<str>>,
    state: Rc<str>,
    request_id: String,
    now_unix_s: u64,
    body: Bytes,
}

impl Delivery {
    pub(super) fn new(
        worker: Rc<Worker>,
        endpoint: Rc<Endpoint>,
        session: Rc<Session>,
        call: EventCall,
        receipts: Receipts,
    ) -> Self {
        let (settings, began) = (worker.settings(), Instant::now());
        Self { worker, settings, endpoint, session, call, receipts, began, is_over: false }
    }

    pub(super) async fn run(mut self) {
        let deadline = self.began + self.settings.events.timeout;
        let delivered = timeout_at(deadline, self.deliver(deadline)).await;
        let delivered = delivered.unwrap_or(Err(Failure::TimedOut));
        if self.call.reply_to.is_some() {
            std::mem::take(&mut self.receipts).wait().await;
        }
        self.end(delivered);
    }

    async fn deliver(&self, deadline: Instant) -> Result<Accepted, Failure> {
        if !self.worker.is_welcome(&self.endpoint, &self.call.subject.origin).await {
            return Err(Failure::Validation);
        }
        let target = self.endpoint.target(&self.worker.client, self.call.event.name())?;
        let authorization = self.authorization().await?;
        let prepared = self.prepare(target, authorization);
        let answer = self.attempt(&prepared, deadline).await?;
        self.accept(answer, &prepared.target)
    }

    async fn authorization(&self) -> Result<Option<HeaderValue>, TokenError> {
        let HandlerAuth::ManagedIdentity { resource } = &self.endpoint.handler.settings.auth else {
            return Ok(None);
        };
        let tokens = self.worker.tokens().ok_or(TokenError::NoIdentity)?;
        tokens.authorization(resource).await.map(Some)
    }

    fn prepare(&self, target: Rc<Target>, authorization: Option<HeaderValue>) -> Prepared {
        let mut prepared = Prepared {
            target,
            authorization,
            signature: self.worker.signature(&self.session),
            state: self.session.state(),
            request_id: self.worker.request_ids.next(),
            now_unix_s: clock::unix_seconds(),
            body: Bytes::new(),
        };
        prepared.body = Bytes::from(self.event_request(&prepared).body.into_owned());
        prepared
    }

    fn event_request<'a>(&'a self, prepared: &'a Prepared) -> EventRequest<'a> {
        let context = RequestContext {
            connection_id: &self.session.connection_id,
            signature: prepared.signature.as_deref(),
            connection_state: &prepared.state,
            request_id: &prepared.request_id,
            now_unix_s: prepared.now_unix_s,
        };
        EventRequest::new(&self.call.subject, self.call.id, &self.call.event, &context)
    }

    /// Sends the request until it is answered for good.
    async fn attempt(&self, prepared: &Prepared, deadline: Instant) -> Result<Answer, Failure> {
        let mut attempts = 0;
        loop {
            let slot = self.endpoint.slots.acquire().await;
            let client = &self.worker.client;
            let request = || self.request(prepared);
            let sent = client.send(&prepared.target, BODY_BYTES_MAX, request).await;
            drop(slot);
            attempts += 1;
            let end = match &sent {
                Ok(answer) => AttemptEnd::Status(answer.status),
                Err(error) => error.end(),
            };
            let time_left = deadline.duration_since(Instant::now());
            match retry::pause(end, attempts, self.settings.attempts_max(), time_left) {
                Some(pause) => sleep(pause).await,
                None => return Ok(sent?),
            }
        }
    }

    fn request(&self, prepared: &Prepared) -> Request<Full<Bytes>> {
        let mut headers = header_map(self.event_request(prepared).headers.into_iter());
        headers.insert(CONTENT_LENGTH, prepared.body.len().into());
        if let Some(authorization) = &prepared.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if let Some(cookies) = self.session.cookies().borrow().header(prepared.target.url()) {
            headers.insert(COOKIE, cookies);
        }
        let mut request = Request::new(Full::new(prepared.body.clone()));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        request
    }

    fn accept(&self, answer: Answer, target: &Target) -> Result<Accepted, Failure> {
        let cookies = self.cookies_of(&answer);
        let accepted = answer::judge(self.call.event.kind(), answer)?;
        if let Some(cookies) = cookies {
            self.session.cookies().borrow_mut().keep(&cookies, target.url());
        }
        if let Some(state) = &accepted.connection_state {
            self.session.set_state(state);
        }
        Ok(accepted)
    }

    /// What is kept of an answer if it turns out to be good.
    fn cookies_of(&self, answer: &Answer) -> Option<HeaderMap> {
        let has_any = self.settings.events.has_cookies && answer.headers.contains_key(SET_COOKIE);
        has_any.then(|| {
            let lines = answer.headers.get_all(SET_COOKIE).iter();
            lines.map(|line| (SET_COOKIE, line.clone())).collect()
        })
    }

    fn end(mut self, delivered: Result<Accepted, Failure>) {
        self.is_over = true;
        let result = delivered.as_ref().map_or_else(Failure::result, |_| CallResult::Delivered);
        if let Err(failure) = &delivered {
            failure.report(&self.endpoint.handler, &self.call.event);
        }
        let outcome = match delivered {
            Ok(accepted) => accepted.outcome,
            Err(failure) => failure.into_outcome(),
        };
        let is_refused = matches!(self.call.event, Event::Connect { .. })
            && !matches!(outcome, EventOutcome::Admitted(_));
        self.settle(result, outcome);
        self.worker.finish(&self.call, &self.session, is_refused);
    }

    fn settle(&mut self, result: CallResult, outcome: EventOutcome) {
        let kind = self.call.event.kind();
        self.worker.metrics.record(&self.call.subject.hub, kind, result, self.began.elapsed());
        let permit = self.call.receivers.handler.take();
        if let Some(to) = self.call.reply_to {
            (self.worker.answer)(EventAnswer { to, outcome, permit });
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.is_over {
            self.settle(CallResult::Abandoned, EventOutcome::Failed(EventFailure::Failed));
            self.worker.abandon_last(&self.session);
        }
        self.worker.leave();
    }
}
