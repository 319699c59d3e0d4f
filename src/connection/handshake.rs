//! A client's handshake on its socket: ask the application if it wants to be asked, then upgrade.
//!
//! While the application decides, the transport keeps the [`Candidate`] and what the client sends
//! behind its request; the shard keeps the slot. Either may end first.

use tracing::warn;

use super::http::Answer;
use super::lifecycle::Sockets;
use super::transport::{Phase, TransportHandle};
use crate::event::call::{Admission, EventOutcome, Refused};
use crate::event::handlers::SystemEvent;
use crate::frame::FrameScratch;
use crate::listener::upgrade::{Candidate, Refusal, Upgrade};
use crate::protocol::cloudevents::connect_body::ConnectRequest;
use crate::protocol::http::request::RequestHead;
use crate::protocol::ws::assembly::Assembly;
use crate::shard::admission::{Admitted, Applicant};
use crate::shard::calls::Ticket;
use crate::shard::connection::NewConnection;
use crate::shard::state::State;

const NO_RANDOM: &str = "The server cannot take connections now.";

impl Sockets {
    /// The body of the `connect` event, if a handler wants it (`events-webhook.md` section 8.1).
    pub(super) fn connect_event(
        &self,
        head: &RequestHead<'_>,
        candidate: &Candidate,
    ) -> Option<Vec<u8>> {
        let hub = self.context.rules.hubs.get(&candidate.hub);
        let is_wanted = hub.handlers.for_system(SystemEvent::Connect).is_some();
        is_wanted.then(|| {
            let headers: Vec<_> = head.headers().collect();
            let offered: Vec<_> = candidate.offered().iter().map(String::as_str).collect();
            let request = ConnectRequest {
                claims: &candidate.claims,
                has_name_identifier: self.context.rules.settings.events.has_name_identifier_claim,
                query: head.query(),
                headers: &headers,
                subprotocols: &offered,
            };
            let mut body = Vec::with_capacity(1024);
            request.write(&mut body);
            body
        })
    }

    /// Connects the client, or asks the application first. Returns whether that is under way:
    /// otherwise the client has its answer.
    pub(super) fn connect(
        &mut self,
        state: &mut State,
        slot: u32,
        mut candidate: Box<Candidate>,
        body: Option<Vec<u8>>,
    ) -> bool {
        if let Some(host) = &self.context.rules.public_host {
            candidate.origin = Some(host.clone());
        }
        let Some(random) = random() else {
            self.answer(state, slot, &Refusal::new(503, NO_RANDOM).into());
            return false;
        };
        let Some(body) = body else {
            return self.admit(state, slot, *candidate, Admission::default(), |state, new| {
                Some(state.open(NewConnection { random, ..new }))
            });
        };
        let hub = state.hub(&candidate.hub, || self.context.rules.hubs.get(&candidate.hub).clone());
        let applicant = Applicant {
            hub,
            user: candidate.user.clone(),
            origin: candidate.origin.clone(),
            body,
            random,
            ticket: Ticket::from(self.handle(slot)),
        };
        if state.ask_to_admit(applicant).is_err() {
            let refusal = Refusal::new(500, "The event handler is too far behind.");
            self.answer(state, slot, &refusal.into());
            return false;
        }
        if let Some(http) = self.http(slot) {
            http.candidate = Some(candidate);
        }
        true
    }

    /// Goes on with clients whose application has answered.
    pub fn take_admissions(&mut self, state: &mut State) {
        while let Some(Admitted { ticket, slot: seat, outcome }) = state.ready.admissions.pop() {
            let handle = TransportHandle::from(ticket);
            let candidate = self.get(handle).and_then(|transport| match &mut transport.phase {
                Phase::Http(http) => http.candidate.take(),
                Phase::WebSocket { .. } | Phase::Lingering => None,
            });
            let Some(candidate) = candidate else {
                state.cancel_admission(seat, &outcome);
                continue;
            };
            match outcome {
                EventOutcome::Admitted(admission) => {
                    let open = |state: &mut State, new| state.open_admitted(seat, new);
                    if !self.admit(state, handle.slot, *candidate, admission, open) {
                        state.fail_admission(seat);
                    }
                }
                outcome => {
                    state.cancel_admission(seat, &outcome);
                    self.answer(state, handle.slot, &refusal_of(outcome));
                }
            }
            self.proceed(state, handle.slot);
        }
    }

    /// Answers the upgrade, with 101 if the admission makes sense. Returns whether it does.
    fn admit(
        &mut self,
        state: &mut State,
        slot: u32,
        candidate: Candidate,
        admission: Admission,
        open: impl FnOnce(&mut State, NewConnection) -> Option<u32>,
    ) -> bool {
        let upgrade = match candidate.admit(admission) {
            Ok(upgrade) => upgrade,
            Err(refusal) => {
                self.answer(state, slot, &refusal.into());
                return false;
            }
        };
        let Upgrade { hub, kind, user, permissions, groups, subprotocol, origin, accept } = upgrade;
        let hub = state.hub(&hub, || self.context.rules.hubs.get(&hub).clone());
        let accept = FrameScratch::default().raw(|out| out.extend_from_slice(&accept));
        let new = NewConnection {
            hub,
            kind,
            user,
            permissions,
            groups,
            accept,
            transport: slot,
            random: [0; 16],
            subprotocol: subprotocol.map(Box::from),
            origin,
        };
        let Some(connection) = open(state, new) else { return false };
        state.counters.count_handshake(101);
        let assembly = Assembly::default();
        self.transports[slot as usize].phase = Phase::WebSocket { connection, assembly };
        self.arm_keep_alive(state, slot, connection);
        true
    }
}

/// What the client hears of a refusal (section 8.1.4).
fn refusal_of(outcome: EventOutcome) -> Answer {
    match outcome {
        EventOutcome::Refused(Refused { status, body, content_type }) => Answer {
            content_type: content_type.map(Into::into),
            body: body.into(),
            ..Refusal::new(status, "").into()
        },
        _ => Refusal::new(500, "The event handler failed.").into(),
    }
}

/// 128 random bits for a connection id.
pub(super) fn random() -> Option<[u8; 16]> {
    let mut random = [0; 16];
    match getrandom::fill(&mut random) {
        Ok(()) => Some(random),
        Err(error) => {
            warn!("no connection without random numbers: {error}");
            None
        }
    }
}
