//! Raising events for the application, and what its answers do to a connection.
//!
//! Every event takes the next number of its connection, whether or not anybody wants it
//! (`events-webhook.md` section 5.4). One that a handler or a listener wants becomes a call for the
//! webhook shard in [`State::calls_to_application`]. A **blocking** event makes its connection wait:
//! what the client sends meanwhile is kept ([`super::waiting`]), and goes on when the answer is
//! here. Nobody waits for a listener's broker; where events are spooled, the answer only says that
//! this one is in the spool, so that no acknowledged event is lost with the process.

use std::sync::Arc;

use tracing::debug;

use super::admission::Admitted;
use super::close::CloseReason;
use super::connection::{ClientKind, ConnectionHandle};
use super::dispatch::{Flow, read};
use super::state::State;
use super::waiting::WaitingMessages;
use crate::event::call::{Event, EventAnswer, EventCall, EventOutcome, Reply, ReplyTo, Subject};
use crate::event::gate::{Permit, Urgency};
use crate::event::handlers::{Presence, SystemEvent};
use crate::event::receivers::Receivers;
use crate::frame::Queued;
use crate::frame::message::{OutgoingMessage, Source};
use crate::hub::group::Audience;
use crate::protocol::subprotocol::{self, AckError, ClientMessage, Metadata, Payload};
use crate::protocol::ws::assembly::Message;

/// The name of a simple client's events (section 8.4.1).
const SIMPLE_EVENT: &str = "message";

/// What one connection has to do with the application.
#[derive(Debug)]
pub struct EventState {
    next_id: u64,
    subject: Option<Arc<Subject>>,
    /// Apart, because nearly all connections are idle, and every one has room for this.
    pending: Option<Box<PendingEvent>>,
    waiting: Option<Box<WaitingMessages>>,
    /// `connected` has been raised; groups are announced from then on.
    is_announced: bool,
    /// The webhook shard keeps something for this connection until its last event.
    has_session: bool,
    /// The client's socket is left alone until what waits is worked off.
    is_held: bool,
}

/// A blocking event that is under way.
#[derive(Clone, Copy, Debug)]
struct PendingEvent {
    ticket: u32,
    ack_id: Option<u64>,
}

impl Default for EventState {
    /// Number 0 is that of `connect`, even if nobody wanted it.
    fn default() -> Self {
        Self {
            next_id: 1,
            subject: None,
            pending: None,
            waiting: None,
            is_announced: false,
            has_session: false,
            is_held: false,
        }
    }
}

impl EventState {
    fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Whether the client's next request has to wait for its turn.
    pub(super) fn must_wait(&self) -> bool {
        self.pending.is_some() || self.waiting.is_some()
    }

    /// Whether the client's socket is to be left alone.
    pub fn is_held(&self) -> bool {
        self.is_held
    }
}

/// What came of raising a user event.
pub(super) enum Raised {
    /// The answer is to come.
    Pending { ticket: u32 },
    /// Only listeners want it, and they have no say (`events-listener.md` section 3.3).
    Heard,
    /// Nobody wants it.
    Unwanted,
    /// Its handler is too far behind.
    NoRoom,
}

impl State {
    /// The connection is established (section 8.2); also tells of the groups it began with.
    pub(super) fn raise_connected(&mut self, slot: u32) {
        let connection = &mut self.connections[slot];
        if connection.events.is_announced || connection.kind == ClientKind::RefusedRecovery {
            return;
        }
        connection.events.is_announced = true;
        let receivers = connection.hub.receivers(SystemEvent::Connected);
        self.notify(slot, receivers, Event::Connected);
        if self.connection(slot).hub.handlers().has_presence() {
            let groups = self.connection(slot).memberships.iter();
            let names = groups.map(|membership| self.groups.get(membership.group).key().clone());
            let names = names.filter(|key| key.audience() == Audience::Members);
            for group in names.collect::<Vec<_>>() {
                self.raise_presence(slot, Presence::Joined, group.name());
            }
        }
    }

    /// A membership has changed (section 10.3).
    pub(super) fn raise_presence(&mut self, slot: u32, presence: Presence, group: &str) {
        let connection = self.connection(slot);
        if !connection.events.is_announced || !connection.hub.handlers().has_presence() {
            return;
        }
        let handlers = connection.hub.handlers();
        let handler = handlers.for_presence(presence, group);
        let handler = handler.and_then(|h| Permit::take(h, Urgency::Notification, 0));
        drop(handlers);
        let group = group.into();
        let event = match presence {
            Presence::Joined => Event::Joined { group },
            Presence::Left => Event::Left { group },
        };
        self.notify(slot, Receivers { handler, ..Receivers::default() }, event);
    }

    /// The connection is no more (section 8.3).
    pub(super) fn raise_disconnected(&mut self, slot: u32, reason: &str) {
        let connection = self.connection(slot);
        if connection.kind == ClientKind::RefusedRecovery {
            return;
        }
        let receivers = connection.hub.receivers(SystemEvent::Disconnected);
        // A session ends with its connection, whether or not anybody wants to hear of it.
        if !receivers.is_empty() || connection.events.has_session {
            let event = Event::Disconnected { reason: reason.to_owned() };
            self.call_application(slot, event, receivers, None);
        }
    }

    fn notify(&mut self, slot: u32, receivers: Receivers, event: Event) {
        if receivers.is_empty() {
            self.connection_mut(slot).events.take_id();
        } else {
            self.call_application(slot, event, receivers, None);
        }
    }

    fn call_application(
        &mut self,
        slot: u32,
        event: Event,
        receivers: Receivers,
        reply_to: Option<ReplyTo>,
    ) {
        let subject = self.subject(slot);
        let events = &mut self.connections[slot].events;
        events.has_session |= receivers.handler.is_some();
        let id = events.take_id();
        self.calls_to_application.push(EventCall { subject, id, event, receivers, reply_to });
    }

    /// Notes how the connection presents itself in events.
    pub(super) fn introduce(
        &mut self,
        slot: u32,
        origin: Option<Box<str>>,
        subprotocol: Option<Box<str>>,
        has_session: bool,
    ) {
        let connection = self.connection(slot);
        let subject = connection.hub.has_receivers().then(|| {
            Arc::new(Subject {
                hub: connection.hub.name.clone(),
                connection: self.connection_id(slot),
                user: connection.user.as_deref().map(Box::from),
                subprotocol,
                origin: origin.unwrap_or_else(|| self.default_origin.clone()),
            })
        });
        let events = &mut self.connection_mut(slot).events;
        (events.subject, events.has_session) = (subject, has_session);
    }

    /// What events say of the connection. Made at the handshake where somebody may hear of it, and
    /// otherwise when the first event is raised: the configuration may have changed since.
    fn subject(&mut self, slot: u32) -> Arc<Subject> {
        let connection = self.connection(slot);
        if let Some(subject) = &connection.events.subject {
            return subject.clone();
        }
        let subject = Arc::new(Subject {
            hub: connection.hub.name.clone(),
            connection: self.connection_id(slot),
            user: connection.user.as_deref().map(Box::from),
            subprotocol: connection.kind.subprotocol().map(Box::from),
            origin: self.default_origin.clone(),
        });
        self.connection_mut(slot).events.subject = Some(subject.clone());
        subject
    }

    /// Executes a PubSub client's `event` request (`client-json.md` section 3.4).
    pub(super) fn on_event(&mut self, slot: u32, event: &subprotocol::Event<'_>) -> Flow {
        if self.is_duplicate(slot, event.ack_id) {
            return Flow::Continue;
        }
        let ack_id = event.ack_id;
        let raised = self.raise_user_event(slot, &event.event, &event.payload, &event.metadata);
        let text = match raised {
            Raised::Pending { ticket } => {
                let pending = PendingEvent { ticket, ack_id };
                self.connection_mut(slot).events.pending = Some(pending.into());
                return Flow::Continue;
            }
            Raised::Heard => {
                self.succeed(slot, ack_id);
                return Flow::Continue;
            }
            Raised::Unwanted => "No event handler accepts the event.",
            Raised::NoRoom => "The event handler is too far behind.",
        };
        self.fail_event(slot, ack_id, text);
        Flow::Continue
    }

    /// A frame of a simple client in `sendEvent` mode (`client-connect.md` section 7.2).
    pub(super) fn on_simple_event(&mut self, slot: u32, message: Message<'_>) -> Flow {
        let payload = match message {
            Message::Text(text) => Payload::text(text),
            Message::Binary(bytes) => Payload::binary(bytes),
        };
        match self.raise_user_event(slot, SIMPLE_EVENT, &payload, &Metadata::default()) {
            Raised::Pending { ticket } => {
                let pending = PendingEvent { ticket, ack_id: None };
                self.connection_mut(slot).events.pending = Some(pending.into());
            }
            Raised::Heard => {}
            Raised::Unwanted => self.close(slot, CloseReason::NoEventHandler),
            Raised::NoRoom => self.close(slot, CloseReason::EventFailed),
        }
        Flow::Continue
    }

    pub(super) fn raise_user_event(
        &mut self,
        slot: u32,
        name: &str,
        payload: &Payload<'_>,
        metadata: &Metadata<'_>,
    ) -> Raised {
        let connection = self.connection(slot);
        let handler = connection.hub.handlers().for_user(name).cloned();
        let is_heard = connection.hub.listeners().for_user(name).next().is_some();
        if handler.is_none() && !is_heard {
            debug!(
                "Upstream not found for hub:{},event:{name},type:user,category:messages.",
                connection.hub.name
            );
            self.connection_mut(slot).events.take_id();
            return Raised::Unwanted;
        }
        let payload = payload.to_bytes();
        let bytes = payload.bytes().len();
        let mut receivers = Receivers::of_user(&connection.hub.listeners(), name, bytes);
        let has_handler = handler.is_some();
        receivers.handler = handler.and_then(|h| Permit::take(&h, Urgency::Blocking, bytes));
        let is_full = has_handler && receivers.handler.is_none();
        if receivers.is_empty() {
            self.connection_mut(slot).events.take_id();
            return if is_full { Raised::NoRoom } else { Raised::Heard };
        }
        let is_answered = receivers.handler.is_some() || !is_full && receivers.has_spool();
        let (shard, serial) = (self.shard, connection.serial);
        let ticket = self.next_ticket;
        self.next_ticket = ticket.wrapping_add(1);
        let event = Event::User { name: name.into(), payload, metadata: metadata.to_owned() };
        let reply_to = is_answered.then_some(ReplyTo { shard, slot, serial, ticket });
        self.call_application(slot, event, receivers, reply_to);
        match (is_answered, is_full) {
            (true, _) => Raised::Pending { ticket },
            (false, true) => Raised::NoRoom,
            (false, false) => Raised::Heard,
        }
    }

    /// Keeps a message that came while an event is under way, unless it is one that may not wait.
    pub(super) fn defer(&mut self, slot: u32, message: Message<'_>) -> Flow {
        if let Some(encoding) = self.connection(slot).kind.encoding()
            && let Ok(urgent) = read(encoding, message)
            && matches!(
                urgent,
                ClientMessage::Ping
                    | ClientMessage::SequenceAck { .. }
                    | ClientMessage::CancelInvocation { .. }
            )
        {
            return self.on_client_message(slot, urgent);
        }
        let events = &mut self.connections[slot].events;
        let waiting = events.waiting.get_or_insert_default();
        waiting.push(message);
        events.is_held = waiting.is_full();
        if events.is_held { Flow::Hold } else { Flow::Continue }
    }

    /// Takes an answer of the webhook shard.
    pub fn on_event_answer(&mut self, answer: EventAnswer) {
        let EventAnswer { to, outcome, permit } = answer;
        // The room is free before what waits is executed: it may be the next event.
        drop(permit);
        if let Some(reservation) = self.connections.reservation(to.slot, to.serial) {
            let (ticket, slot) = (reservation.ticket, to.slot);
            self.ready.admissions.push(Admitted { ticket, slot, outcome });
            return;
        }
        let handle = ConnectionHandle { slot: to.slot, serial: to.serial };
        let Some(slot) = self.resolve(handle) else { return };
        let connection = self.connection_mut(slot);
        if connection.closing.is_some() {
            return;
        }
        let Some(pending) = connection.events.pending.take_if(|found| found.ticket == to.ticket)
        else {
            return self.on_invocation_answer(slot, to.ticket, outcome);
        };
        match outcome {
            EventOutcome::Answered(reply) => {
                if let Some(reply) = reply {
                    self.reply(slot, &reply);
                }
                self.succeed(slot, pending.ack_id);
            }
            EventOutcome::Failed(_) | EventOutcome::Admitted(_) | EventOutcome::Refused(_) => {
                self.fail_event(slot, pending.ack_id, "The event handler failed.");
            }
        }
        self.proceed(slot);
    }

    /// Sends the application's answer to the client that raised the event (section 8.4.3).
    fn reply(&mut self, slot: u32, reply: &Reply) {
        let Reply { payload, metadata } = reply;
        let message = OutgoingMessage { source: Source::Server, payload, metadata, stream: None };
        let format = self.connections[slot].format;
        if let Some(frame) = message.encode(&mut self.scratch, format) {
            self.enqueue(slot, Queued::message(frame, format, 0));
        }
    }

    /// Section 8.4.5.
    fn fail_event(&mut self, slot: u32, ack_id: Option<u64>, text: &str) {
        let connection = self.connection(slot);
        let drops = connection.hub.settings().drop_pubsub_clients_on_event_failure;
        if !connection.kind.is_pubsub() || drops {
            return self.close(slot, CloseReason::EventFailed);
        }
        self.fail(slot, ack_id, AckError::InternalServerError, text);
    }

    /// Executes what waited behind an event, up to the next one.
    pub(super) fn proceed(&mut self, slot: u32) {
        loop {
            let connection = &mut self.connections[slot];
            if connection.closing.is_some() || connection.events.pending.is_some() {
                break;
            }
            let Some(waiting) = &mut connection.events.waiting else { break };
            let Some(message) = waiting.pop() else {
                connection.events.waiting = None;
                break;
            };
            if self.execute(slot, message.as_message()) == Flow::Pause {
                self.stalled.push(self.handle(slot));
                break;
            }
        }
        let events = &mut self.connections[slot].events;
        let is_full = events.waiting.as_ref().is_some_and(|waiting| waiting.is_full());
        if events.is_held && !is_full {
            events.is_held = false;
            self.ready.released.push(slot);
        }
    }

    /// Goes on with connections whose waiting messages had to stop for a peer that was behind.
    pub fn proceed_stalled(&mut self) {
        if self.stalled.is_empty() || !self.outbox.blocked().is_empty() {
            return;
        }
        for handle in std::mem::take(&mut self.stalled) {
            if let Some(slot) = self.resolve(handle) {
                self.proceed(slot);
            }
        }
    }
}
