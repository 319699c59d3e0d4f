//! Invocations: user events whose answer goes to the client by a name that it has chosen
//! (`client-json.md` section 8).
//!
//! An invocation does not make its connection wait: the client may have many under way, and send
//! what it likes meanwhile. Which are under way is in [`super::invocations`].

use super::events::Raised;
use super::state::State;
use crate::event::call::{EventFailure, EventOutcome, Reply};
use crate::protocol::subprotocol::{Answer, InvocationError, Invoke, Metadata, Payload};

impl State {
    /// Asks the application and goes on (`client-json.md` section 8).
    pub(super) fn on_invoke(&mut self, slot: u32, invoke: &Invoke<'_>) {
        let id = &*invoke.invocation_id;
        let request = match &invoke.request {
            Ok(request) => request,
            Err(error) => {
                let text = error.to_string();
                return self.fail_invocation(slot, id, InvocationError::BadRequest, &text);
            }
        };
        if !self.connection_mut(slot).extras_mut().invocations.has_room_for(id) {
            let text = "The invocation is pending, or too many are.";
            return self.fail_invocation(slot, id, InvocationError::BadRequest, text);
        }
        let nothing = Payload::text("");
        let payload = request.payload.as_ref().unwrap_or(&nothing);
        let hub = &self.connection(slot).hub;
        let can_be_answered = hub.handlers().for_user(&request.event).is_some();
        match self.raise_user_event(slot, &request.event, payload, &request.metadata) {
            Raised::Pending { ticket } if can_be_answered => {
                self.connection_mut(slot).extras_mut().invocations.begin(ticket, id);
            }
            // Listeners get it, a spool may even keep it, and none of them answers.
            Raised::Pending { .. } | Raised::Heard | Raised::Unwanted => {
                let text = format!("No event handler accepts '{}'.", request.event);
                self.fail_invocation(slot, id, InvocationError::NotFound, &text);
            }
            Raised::NoRoom => {
                let text = "The event handler is too far behind.";
                self.fail_invocation(slot, id, InvocationError::InternalServerError, text);
            }
        }
    }

    /// The client may have cancelled it meanwhile, or lost its transport.
    pub(super) fn on_invocation_answer(&mut self, slot: u32, ticket: u32, outcome: EventOutcome) {
        let extras = self.connection_mut(slot).extras.as_mut();
        let Some(id) = extras.and_then(|extras| extras.invocations.end(ticket)) else { return };
        let (error, text) = match outcome {
            EventOutcome::Answered(reply) => {
                let nothing = Metadata::default();
                let (payload, metadata) = match &reply {
                    Some(Reply { payload, metadata }) => (Some(payload), metadata),
                    None => (None, &nothing),
                };
                let answer = Answer::InvokeSuccess { invocation_id: &id, payload, metadata };
                return self.tell(slot, &answer);
            }
            EventOutcome::Failed(EventFailure::TimedOut) => {
                (InvocationError::Timeout, "The event handler did not answer in time.")
            }
            _ => (InvocationError::InternalServerError, "The event handler failed."),
        };
        self.fail_invocation(slot, &id, error, text);
    }

    fn fail_invocation(&mut self, slot: u32, id: &str, error: InvocationError, text: &str) {
        self.tell(slot, &Answer::InvokeError { invocation_id: id, error, text });
    }
}
