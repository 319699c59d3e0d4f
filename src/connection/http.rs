//! Requests on the data-plane port: upgrades, and the answers to what is neither an upgrade nor
//! the API. Requests may be pipelined; each is answered before the next is looked at.

use std::borrow::Cow;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::lifecycle::Sockets;
use super::reader::{Next, Progress};
use super::rest::RestExchange;
use super::transport::{Phase, TransportHandle};
use crate::api::Judged;
use crate::listener::front::{Route, route};
use crate::listener::upgrade::{self, Candidate, RecoveryRequest, Refusal, Rules, judge};
use crate::protocol::http::request::{self, RequestHead};
use crate::protocol::http::response::{PLAIN_TEXT, Response};
use crate::shard::clock;
use crate::shard::state::State;

/// Bytes kept behind a request that waits for an answer from elsewhere; more stay with the kernel.
const PIPELINED_BYTES_MAX: usize = 64 * 1024;

/// What a request came to.
enum Outcome {
    Answer(Answer),
    /// A client may connect, after the application has seen this body if there is one.
    Connect(Box<Candidate>, Option<Vec<u8>>),
    Recover(Box<RecoveryRequest>),
    Api(Judged),
}

pub(super) struct Answer {
    pub status: u16,
    pub content_type: Option<Cow<'static, str>>,
    pub body: Cow<'static, [u8]>,
    pub headers: &'static str,
    pub is_head: bool,
    pub is_keep_alive: bool,
    /// Counted as a client's handshake.
    pub is_client: bool,
}

impl Answer {
    /// A text for a person.
    pub(super) fn text(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        let body = match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        Self {
            status,
            content_type: Some(PLAIN_TEXT.into()),
            body,
            headers: "",
            is_head: false,
            is_keep_alive: false,
            is_client: false,
        }
    }
}

impl From<Refusal> for Answer {
    fn from(Refusal { status, body, headers }: Refusal) -> Self {
        Self { headers, is_client: true, ..Self::text(status, body) }
    }
}

impl Sockets {
    /// Answers every whole request in `buffer`, up to an upgrade.
    pub(super) fn consume_http(
        &mut self,
        state: &mut State,
        slot: u32,
        buffer: &mut [u8],
    ) -> Progress {
        let mut consumed = 0;
        loop {
            let Some(http) = self.http(slot) else {
                return Progress { consumed: buffer.len(), next: Next::Discard };
            };
            if !http.unsent.is_empty() {
                return Progress { consumed, next: Next::Pause };
            }
            let rest = &buffer[consumed..];
            if http.candidate.is_some() || http.recovery.is_some() {
                return Progress { consumed, next: pipelined(rest) };
            }
            match http.rest {
                RestExchange::None => {}
                RestExchange::Reading(_) => {
                    consumed += self.read_body(state, slot, rest);
                    if self.is_reading_body(slot) {
                        return Progress { consumed, next: Next::Read };
                    }
                    continue;
                }
                // What is pipelined behind a request in progress is kept, up to a bound.
                RestExchange::AwaitingKeys => return Progress { consumed, next: Next::Read },
                RestExchange::Waiting(_) => {
                    return Progress { consumed, next: pipelined(rest) };
                }
            }
            if rest.is_empty() {
                return Progress { consumed, next: Next::Read };
            }
            if state.is_turn_spent() {
                return Progress { consumed, next: Next::Yield };
            }
            http.begun_at.get_or_insert(state.now());
            let seen_bytes = std::mem::take(&mut http.seen_bytes);
            let judged = request::parse(rest, seen_bytes, |head| {
                let head_bytes = head.head_bytes;
                (head_bytes, self.judge(&head))
            });
            match judged {
                Ok(None) => {
                    if let Some(http) = self.http(slot) {
                        http.seen_bytes = rest.len();
                    }
                    return Progress { consumed, next: Next::Read };
                }
                Ok(Some((head_bytes, Outcome::Connect(candidate, body)))) => {
                    consumed += head_bytes;
                    if self.connect(state, slot, candidate, body) {
                        return Progress { consumed, next: Next::Read };
                    }
                }
                Ok(Some((head_bytes, Outcome::Recover(request)))) => {
                    consumed += head_bytes;
                    self.begin_recovery(slot, request);
                }
                Ok(Some((head_bytes, Outcome::Answer(answer)))) => {
                    consumed += head_bytes;
                    self.answer(state, slot, &answer);
                }
                Ok(Some((_, Outcome::Api(Judged::UnknownKey { issuer })))) => {
                    self.await_keys(slot, issuer);
                    return Progress { consumed, next: Next::Read };
                }
                Ok(Some((head_bytes, Outcome::Api(judged)))) => {
                    consumed += head_bytes;
                    self.begin_rest(state, slot, judged);
                }
                Err(error) => self.answer_and_end(state, slot, error.answer()),
            }
        }
    }

    fn judge(&self, head: &RequestHead<'_>) -> Outcome {
        let is_keep_alive = head.is_keep_alive() && !head.has_body();
        let is_head = head.method == "HEAD";
        let finish = |answer| Outcome::Answer(Answer { is_head, is_keep_alive, ..answer });
        let answer = |status, body: &'static str| finish(Answer::text(status, body));
        //= RFC 9112, section 3.2: HTTP/1.1 without exactly one Host is answered 400.
        if head.is_http_11 && head.values("host").count() != 1 {
            return answer(400, "An HTTP/1.1 request needs exactly one Host header.");
        }
        match route(head) {
            Route::Api => Outcome::Api(self.judge_rest(head)),
            Route::NotFound => answer(404, "There is nothing at this path."),
            Route::Client { .. } if self.is_quiescing => {
                finish(Refusal::new(503, "The server is shutting down.").into())
            }
            Route::Client { path_hub } => {
                let hubs = &self.context.rules.hubs;
                let rules = Rules {
                    verifier: &self.context.rules.verifier,
                    reconnection: &self.context.reconnection,
                    settings_of: &|hub| &hubs.get(hub).settings,
                    now_unix_s: clock::unix_seconds(),
                };
                match judge(head, path_hub, &rules) {
                    Ok(upgrade::Judged::Recovery(request)) => Outcome::Recover(Box::new(request)),
                    Ok(upgrade::Judged::New(candidate)) => {
                        let body = self.connect_event(head, &candidate);
                        Outcome::Connect(Box::new(candidate), body)
                    }
                    Err(refusal) => finish(refusal.into()),
                }
            }
        }
    }

    pub(super) fn answer(&mut self, state: &mut State, slot: u32, answer: &Answer) {
        if answer.is_client {
            state.counters.count_handshake(answer.status);
        }
        let mut bytes = Vec::with_capacity(256);
        Response {
            status: answer.status,
            content_type: answer.content_type.as_deref(),
            body: &answer.body,
            headers: answer.headers,
            is_head: answer.is_head,
            is_keep_alive: answer.is_keep_alive,
        }
        .write(&mut bytes);
        self.queue_http(state, slot, &bytes, answer.is_keep_alive);
    }

    /// Sends an answer, or what the socket takes of it.
    pub(super) fn queue_http(
        &mut self,
        state: &State,
        slot: u32,
        bytes: &[u8],
        is_keep_alive: bool,
    ) {
        if let Some(http) = self.http(slot) {
            http.unsent.extend_from_slice(bytes);
            http.is_last = !is_keep_alive || http.is_half_closed;
            http.has_answered = true;
            http.begun_at = None;
        }
        self.send_http(state, slot);
    }

    /// Answers a request that cannot be understood, or did not come in time, and ends.
    pub(super) fn answer_and_end(
        &mut self,
        state: &mut State,
        slot: u32,
        (status, body): (u16, &'static str),
    ) {
        self.answer(state, slot, &Answer::text(status, body));
    }

    /// The socket of an HTTP exchange takes bytes again.
    pub(super) fn on_http_writable(&mut self, state: &mut State, handle: TransportHandle) {
        self.send_http(state, handle.slot);
        if self.http(handle.slot).is_some_and(|http| http.unsent.is_empty()) {
            self.resume(state, handle.slot);
        }
    }

    pub(super) fn send_http(&mut self, state: &State, slot: u32) {
        let transport = &mut self.transports[slot as usize];
        let Phase::Http(http) = &mut transport.phase else { return };
        let sent = match send(&transport.fd, &http.unsent, SendFlags::NOSIGNAL) {
            Ok(sent) => sent,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(_) => return self.doom(slot),
        };
        http.unsent.drain(..sent);
        let (is_sent, is_last) = (http.unsent.is_empty(), http.is_last);
        if transport.awaits_writable == is_sent {
            transport.awaits_writable = !is_sent;
            if transport.update_interest(&self.epoll, slot).is_err() {
                return self.doom(slot);
            }
        }
        if is_sent && is_last {
            self.linger(state.now(), slot);
        }
    }
}

/// What is sent behind a request in progress is kept, up to a bound.
fn pipelined(rest: &[u8]) -> Next {
    if rest.len() > PIPELINED_BYTES_MAX { Next::Pause } else { Next::Read }
}
