//! A REST request on its way: head judged, body read, command called, answer written.
//!
//! The API's own rules are in [`crate::api`]; this is the part that knows a socket. While the
//! shards carry a command out, the connection keeps what is pipelined behind it.

use std::sync::Arc;

use super::lifecycle::Sockets;
use super::transport::{Phase, TransportHandle};
use crate::api::carry::{Carried, Reading, carry};
use crate::api::operation::ClientTokenRequest;
use crate::api::{self, Exchange, Judged, Outcome, Pending};
use crate::auth::NewClientToken;
use crate::auth::oidc::OidcProvider;
use crate::protocol::http::body::CONTINUE;
use crate::protocol::http::request::RequestHead;
use crate::shard::calls::Ticket;
use crate::shard::clock;
use crate::shard::command::Answer;
use crate::shard::state::State;

/// Where a REST request stands.
#[derive(Debug, Default)]
pub enum RestExchange {
    /// There is none.
    #[default]
    None,
    /// Its token cannot be judged before its issuer's keys have come; the head is kept unread.
    AwaitingKeys,
    /// Its body is coming.
    Reading(Box<Pending>),
    /// The shards are carrying it out.
    Waiting(Box<Waiting>),
}

impl RestExchange {
    /// Whether the request is complete and its answer is to come.
    pub(super) fn is_in_progress(&self) -> bool {
        matches!(self, Self::Waiting(_) | Self::AwaitingKeys)
    }
}

/// A request whose command is under way.
#[derive(Debug)]
pub struct Waiting {
    exchange: Exchange,
    reading: Reading,
}

impl Sockets {
    pub(super) fn judge_rest(&self, head: &RequestHead<'_>) -> Judged {
        let rules = api::Rules {
            verifier: &self.context.rules.rest_verifier,
            now_unix_s: clock::unix_seconds(),
            is_tls: false,
            is_serving: !self.is_quiescing,
        };
        api::judge(head, &rules)
    }

    /// A head has been judged: answer, or begin with the body.
    pub(super) fn begin_rest(&mut self, state: &mut State, slot: u32, judged: Judged) {
        match judged {
            Judged::Answer { exchange, outcome } => {
                self.answer_rest(state, slot, &exchange, &outcome);
            }
            // Held back by the caller.
            Judged::UnknownKey { .. } => {}
            Judged::Pending(pending) => {
                let expects_continue = pending.expects_continue();
                let Some(http) = self.http(slot) else { return };
                http.rest = RestExchange::Reading(pending);
                if expects_continue {
                    http.unsent.extend_from_slice(CONTINUE);
                    self.send_http(state, slot);
                }
                // A request without a body is complete already.
                self.read_body(state, slot, &[]);
            }
        }
    }

    /// Holds a request until the issuer's keys have been fetched again.
    pub(super) fn await_keys(&mut self, slot: u32, issuer: usize) {
        if let Some(requests) = &self.context.key_requests {
            requests.ask(issuer);
        }
        if let Some(http) = self.http(slot) {
            http.rest = RestExchange::AwaitingKeys;
        }
        self.awaiting_keys.push(self.handle(slot));
    }

    /// Keys have come: what was held is judged again.
    pub fn on_provider(&mut self, state: &mut State, provider: Arc<OidcProvider>) {
        self.context.rules.rest_verifier = self.context.rules.rest_verifier.with_provider(provider);
        for handle in std::mem::take(&mut self.awaiting_keys) {
            if self.get(handle).is_none() {
                continue;
            }
            if let Some(http) = self.http(handle.slot)
                && matches!(http.rest, RestExchange::AwaitingKeys)
            {
                http.rest = RestExchange::None;
                self.proceed(state, handle.slot);
            }
        }
    }

    pub(super) fn is_reading_body(&mut self, slot: u32) -> bool {
        self.http(slot).is_some_and(|http| matches!(http.rest, RestExchange::Reading(_)))
    }

    /// Gives the body what has come of it; returns how much that was.
    pub(super) fn read_body(&mut self, state: &mut State, slot: u32, bytes: &[u8]) -> usize {
        let Some(http) = self.http(slot) else { return bytes.len() };
        let RestExchange::Reading(mut pending) = std::mem::take(&mut http.rest) else { return 0 };
        match pending.read(bytes) {
            Ok(progress) if progress.is_done => {
                self.submit(state, slot, *pending);
                progress.consumed
            }
            Ok(progress) => {
                http.rest = RestExchange::Reading(pending);
                progress.consumed
            }
            Err(error) => {
                let exchange = pending.exchange;
                self.answer_rest(state, slot, &exchange, &Outcome::Failed(error));
                bytes.len()
            }
        }
    }

    fn submit(&mut self, state: &mut State, slot: u32, pending: Pending) {
        let (exchange, request) = pending.finish();
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                return self.answer_rest(state, slot, &exchange, &Outcome::Failed(error));
            }
        };
        match carry(request, state.now()) {
            Carried::Call(command, reading) => {
                let Some(http) = self.http(slot) else { return };
                http.rest = RestExchange::Waiting(Box::new(Waiting { exchange, reading }));
                let ticket = Ticket::from(self.handle(slot));
                state.call(command, ticket);
                // With one shard, or nobody concerned, the answer is there already.
                self.answer_calls_of(state, ticket);
            }
            Carried::Nobody(reading) => {
                let outcome = reading.outcome(Answer::Nothing);
                self.answer_rest(state, slot, &exchange, &outcome);
            }
            Carried::Token(request) => {
                let outcome = self.sign(&request);
                self.answer_rest(state, slot, &exchange, &outcome);
            }
        }
    }

    fn sign(&self, request: &ClientTokenRequest) -> Outcome {
        let new = NewClientToken {
            audience: &request.audience,
            user_id: request.user_id.as_deref(),
            roles: &request.roles,
            groups: &request.groups,
            ttl: request.ttl,
        };
        Outcome::token(&self.context.rules.signer.sign(&new, clock::unix_seconds()))
    }

    /// Answers the exchanges whose commands are carried out, and goes on with what came meanwhile.
    pub fn answer_calls(&mut self, state: &mut State) {
        while let Some((ticket, answer)) = state.ready.answers.pop() {
            let handle = TransportHandle::from(ticket);
            if self.answer_call(state, handle, answer) {
                self.proceed(state, handle.slot);
            }
        }
    }

    /// Answers one exchange at once if its answer has come.
    fn answer_calls_of(&mut self, state: &mut State, ticket: Ticket) {
        if let Some((_, answer)) = state.ready.answers.pop_if(|(found, _)| *found == ticket) {
            self.answer_call(state, TransportHandle::from(ticket), answer);
        }
    }

    /// Returns whether the exchange was still there to be answered.
    fn answer_call(&mut self, state: &mut State, handle: TransportHandle, answer: Answer) -> bool {
        let Some(transport) = self.get(handle) else { return false };
        let Phase::Http(http) = &mut transport.phase else { return false };
        let RestExchange::Waiting(waiting) = std::mem::take(&mut http.rest) else { return false };
        let Waiting { exchange, reading } = *waiting;
        let outcome = reading.outcome(answer);
        self.answer_rest(state, handle.slot, &exchange, &outcome);
        true
    }

    fn answer_rest(
        &mut self,
        state: &mut State,
        slot: u32,
        exchange: &Exchange,
        outcome: &Outcome,
    ) {
        let begun_at = self.http(slot).and_then(|http| http.begun_at);
        let duration = state.now().saturating_sub(begun_at.unwrap_or(state.now()));
        let (category, status) = (exchange.category() as usize, exchange.status(outcome));
        self.context.metrics.rest().count(category, status, duration);
        let mut bytes = Vec::with_capacity(512);
        exchange.write(outcome, &mut bytes);
        self.queue_http(state, slot, &bytes, exchange.is_keep_alive());
    }
}
