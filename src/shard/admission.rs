//! Asking the application whether a client may connect (`events-webhook.md` section 8.1).
//!
//! The client's slot is reserved, because the event names the connection's id. When the answer is
//! here, [`super::state::Ready::admissions`] names whoever waits for it: the slot is then either
//! taken ([`State::open_admitted`]) or given up.

use std::rc::Rc;
use std::sync::Arc;

use super::calls::Ticket;
use super::close::CloseReason;
use super::hubs::Hub;
use super::seats::Reservation;
use super::state::State;
use crate::event::call::{Event, EventCall, EventOutcome, ReplyTo, Subject};
use crate::event::gate::{Permit, Urgency};
use crate::event::handlers::SystemEvent;
use crate::event::receivers::Receivers;
use crate::hub::id::ConnectionId;

/// A client that the application is to be asked about.
#[derive(Debug)]
pub struct Applicant {
    pub hub: Rc<Hub>,
    /// As its token says.
    pub user: Option<String>,
    /// See [`Subject::origin`].
    pub origin: Option<Box<str>>,
    /// The finished body of the event.
    pub body: Vec<u8>,
    /// 128 random bits for the connection id.
    pub random: [u8; 16],
    /// Who waits.
    pub ticket: Ticket,
}

/// The answer for whoever waits for an admission.
#[derive(Debug)]
pub struct Admitted {
    pub ticket: Ticket,
    pub slot: u32,
    pub outcome: EventOutcome,
}

/// The handler of `connect` is too far behind, or is none any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CannotAsk;

impl State {
    /// Asks the handler of `connect`.
    ///
    /// # Errors
    /// The client cannot be connected now.
    pub fn ask_to_admit(&mut self, applicant: Applicant) -> Result<(), CannotAsk> {
        let Applicant { hub, user, origin, body, random, ticket } = applicant;
        let handler = hub.handlers().for_system(SystemEvent::Connect).cloned();
        let permit =
            handler.and_then(|handler| Permit::take(&handler, Urgency::Blocking, body.len()));
        let permit = permit.ok_or(CannotAsk)?;
        let serial = self.take_serial();
        let (shard, origin) = (self.shard, origin.unwrap_or_else(|| self.default_origin.clone()));
        let subject = |slot| {
            let connection = ConnectionId::new(shard, slot, random);
            //= section 5.3: no subprotocol on `connect` of WebSocket clients.
            let (hub, user, subprotocol) = (hub.name.clone(), user.map(Box::from), None);
            Arc::new(Subject { hub, connection, user, subprotocol, origin })
        };
        let hub = hub.clone();
        let (slot, subject) = self.connections.reserve(|slot| {
            let subject = subject(slot);
            (Reservation { serial, hub, subject: subject.clone(), random, ticket }, subject)
        });
        let reply_to = ReplyTo { shard, slot, serial, ticket: 0 };
        let event = Event::Connect { body };
        let receivers = Receivers { handler: Some(permit), ..Receivers::default() };
        let reply_to = Some(reply_to);
        self.calls_to_application.push(EventCall { subject, id: 0, event, receivers, reply_to });
        Ok(())
    }

    /// Gives up the slot of a client that is not connected after all. An application that has
    /// admitted it hears of the end (section 8.3.2).
    pub fn cancel_admission(&mut self, slot: u32, outcome: &EventOutcome) {
        let Some(reservation) = self.connections.cancel(slot) else { return };
        if let EventOutcome::Admitted(admission) = outcome {
            let receivers = reservation.hub.receivers(SystemEvent::Disconnected);
            self.end_session(&reservation, admission.user.clone(), receivers);
        }
        self.release_hub(reservation.hub);
    }

    /// Gives up the slot of a client whose admission makes no sense: its `connect` has failed, so
    /// nothing more is told (section 8.1.4).
    pub fn fail_admission(&mut self, slot: u32) {
        if let Some(reservation) = self.connections.cancel(slot) {
            self.end_session(&reservation, None, Receivers::default());
            self.release_hub(reservation.hub);
        }
    }

    fn end_session(
        &mut self,
        Reservation { subject, .. }: &Reservation,
        user: Option<String>,
        receivers: Receivers,
    ) {
        let Subject { hub, connection, origin, .. } = &**subject;
        let subject = Arc::new(Subject {
            hub: hub.clone(),
            connection: *connection,
            user: user.map(Box::from).or_else(|| subject.user.clone()),
            subprotocol: None,
            origin: origin.clone(),
        });
        let reason = CloseReason::TransportLost.for_application().into_owned();
        let event = Event::Disconnected { reason };
        let reply_to = None;
        self.calls_to_application.push(EventCall { subject, id: 1, event, receivers, reply_to });
    }
}
