//! What a client's message does: permission, act, answer.
//!
//! One `match`, one arm per kind of message, no waiting: state cannot change between the check and
//! the act. Requests of one connection are executed in the order received
//! (`client-json.md` section 10); only the ack of a join may come later than what follows it.

use std::borrow::Cow;

use super::close::CloseReason;
use super::connection::ClientKind;
use super::fanout::GroupMessage;
use super::membership::JoinWaiter;
use super::state::State;
use crate::hub::permission::Action;
use crate::protocol::subprotocol::{
    AckError, Answer, ClientMessage, Encoding, Metadata, Payload, SendToGroup, json, protobuf,
};
use crate::protocol::ws::ProtocolError;
use crate::protocol::ws::assembly::Message;

/// Whether the client's next message may be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    /// A shard this client produces for is not keeping up: read no more from the client until
    /// [`super::outbox::Outbox::blocked`] is empty.
    Pause,
    /// As much as may waits behind an event: read no more from the client until
    /// [`super::state::Ready::released`] names it.
    Hold,
}

impl State {
    /// Takes one data message of the connection, which is not closing: it is executed, or waits
    /// behind an event.
    pub fn on_message(&mut self, slot: u32, message: Message<'_>) -> Flow {
        self.counters.inbound_messages += 1;
        self.counters.inbound_bytes += match message {
            Message::Text(text) => text.len() as u64,
            Message::Binary(bytes) => bytes.len() as u64,
        };
        if self.connection(slot).events.must_wait() {
            return self.defer(slot, message);
        }
        self.execute(slot, message)
    }

    pub(super) fn execute(&mut self, slot: u32, message: Message<'_>) -> Flow {
        match &self.connection(slot).kind {
            ClientKind::PubSub(subprotocol) => {
                let encoding = subprotocol.encoding();
                match read(encoding, message) {
                    Ok(message) => self.on_client_message(slot, message),
                    Err(reason) => {
                        self.close(slot, reason);
                        Flow::Continue
                    }
                }
            }
            ClientKind::SimpleEvent => self.on_simple_event(slot, message),
            ClientKind::SimpleGroup(group) => {
                let group = group.clone();
                self.on_simple_publish(slot, &group.0, message)
            }
            // Closing since it was opened: nothing it sends is executed.
            ClientKind::RefusedRecovery => Flow::Continue,
        }
    }

    pub(super) fn on_client_message(&mut self, slot: u32, message: ClientMessage<'_>) -> Flow {
        match message {
            ClientMessage::JoinGroup { group, ack_id } => self.on_join(slot, &group, ack_id),
            ClientMessage::LeaveGroup { group, ack_id } => {
                if self.may_execute(slot, ack_id, Action::JoinLeaveGroup, &group) {
                    self.leave(slot, &group);
                    self.succeed(slot, ack_id);
                }
                Flow::Continue
            }
            ClientMessage::SendToGroup(send) => self.on_send_to_group(slot, &send),
            ClientMessage::Event(event) => self.on_event(slot, &event),
            // Accepted and ignored where nothing is numbered (section 3.5).
            ClientMessage::SequenceAck { sequence_id } => {
                self.connection_mut(slot).outbound.acknowledge(sequence_id);
                Flow::Continue
            }
            ClientMessage::Ping => {
                self.tell(slot, &Answer::Pong);
                Flow::Continue
            }
            ClientMessage::StreamStart(start) => {
                self.on_stream_start(slot, &start);
                Flow::Continue
            }
            ClientMessage::EventWithStream { stream_id, ack_id } => {
                self.on_event_with_stream(slot, &stream_id, ack_id);
                Flow::Continue
            }
            ClientMessage::StreamData(data) => self.on_stream_data(slot, &data),
            ClientMessage::StreamEnd(end) => self.on_stream_end(slot, &end),
            ClientMessage::Invoke(invoke) => {
                self.on_invoke(slot, &invoke);
                Flow::Continue
            }
            ClientMessage::CancelInvocation { invocation_id } => {
                if let Some(extras) = &mut self.connection_mut(slot).extras {
                    extras.invocations.cancel(&invocation_id);
                }
                Flow::Continue
            }
            // Nobody has asked for it (section 3.9).
            ClientMessage::InvokeResponse => Flow::Continue,
            ClientMessage::SetGroupState(request) => {
                self.on_set_group_state(slot, request);
                Flow::Continue
            }
            ClientMessage::SubscribeGroupState { group, ack_id } => {
                self.on_subscribe_group_state(slot, &group, ack_id);
                self.flow(!self.outbox.blocked().is_empty())
            }
            ClientMessage::UnsubscribeGroupState { group, ack_id } => {
                self.on_unsubscribe_group_state(slot, &group, ack_id);
                Flow::Continue
            }
        }
    }

    fn on_join(&mut self, slot: u32, group: &str, ack_id: Option<u64>) -> Flow {
        if !self.may_execute(slot, ack_id, Action::JoinLeaveGroup, group) {
            return Flow::Continue;
        }
        let connection = self.connection(slot);
        if connection.memberships.len() >= connection.hub.settings().groups_per_connection_max {
            let text = "The connection is in as many groups as it may be.";
            self.fail(slot, ack_id, AckError::BadRequest, text);
            return Flow::Continue;
        }
        let waiter = match ack_id {
            Some(ack_id) => JoinWaiter::Ack(self.handle(slot), ack_id),
            None => JoinWaiter::Nobody,
        };
        if self.join(slot, group, waiter) {
            // Executed: the id counts as used although its ack waits for the other shards.
            self.record(slot, ack_id);
            return self.flow(!self.outbox.blocked().is_empty());
        }
        self.succeed(slot, ack_id);
        Flow::Continue
    }

    fn on_send_to_group(&mut self, slot: u32, send: &SendToGroup<'_>) -> Flow {
        if !self.may_execute(slot, send.ack_id, Action::SendToGroup, &send.group) {
            return Flow::Continue;
        }
        let message = GroupMessage {
            group: &send.group,
            payload: &send.payload,
            metadata: &send.metadata,
            ttl_seconds: send.ttl_seconds,
            no_echo: send.no_echo,
            stream: None,
        };
        let sent_to = self.publish(slot, &message);
        self.succeed(slot, send.ack_id);
        self.flow(sent_to.intersects(self.outbox.blocked()))
    }

    fn on_simple_publish(&mut self, slot: u32, group: &str, message: Message<'_>) -> Flow {
        if !self.connection(slot).permissions.allows(Action::SendToGroup, group) {
            self.close(slot, CloseReason::Forbidden);
            return Flow::Continue;
        }
        let payload = match message {
            Message::Text(text) => Payload::text(text),
            Message::Binary(bytes) => Payload::binary(bytes),
        };
        let metadata = Metadata::default();
        let message = GroupMessage {
            group,
            payload: &payload,
            metadata: &metadata,
            ttl_seconds: 0,
            no_echo: false,
            stream: None,
        };
        let sent_to = self.publish(slot, &message);
        self.flow(sent_to.intersects(self.outbox.blocked()))
    }

    pub(super) fn flow(&self, is_blocked: bool) -> Flow {
        if is_blocked { Flow::Pause } else { Flow::Continue }
    }

    /// Whether a request is new and permitted; otherwise it has been answered.
    fn may_execute(&mut self, slot: u32, ack: Option<u64>, action: Action, group: &str) -> bool {
        if self.is_duplicate(slot, ack) {
            return false;
        }
        if self.connection(slot).permissions.allows(action, group) {
            return true;
        }
        let verb = match action {
            Action::JoinLeaveGroup => "Joining or leaving",
            Action::SendToGroup => "Sending to",
        };
        if ack.is_some() {
            let text = format!("{verb} group '{group}' is not permitted.");
            self.fail(slot, ack, AckError::Forbidden, text);
        }
        false
    }

    /// Whether the id was used by a request that succeeded; then it has been answered
    /// (`client-json.md` section 5.3).
    pub(super) fn is_duplicate(&mut self, slot: u32, ack: Option<u64>) -> bool {
        let Some(id) = ack.filter(|id| self.connection(slot).acks.contains(*id)) else {
            return false;
        };
        let text = format!("Message with ack-id: {id} has been processed");
        self.fail(slot, ack, AckError::Duplicate, text);
        true
    }

    pub(super) fn record(&mut self, slot: u32, ack: Option<u64>) {
        if let Some(id) = ack {
            self.connection_mut(slot).acks.record(id);
        }
    }

    pub(super) fn succeed(&mut self, slot: u32, ack: Option<u64>) {
        self.record(slot, ack);
        self.acknowledge(slot, ack);
    }

    /// Acknowledges a request whose id has been recorded.
    pub(super) fn acknowledge(&mut self, slot: u32, ack: Option<u64>) {
        if let Some(ack_id) = ack {
            self.tell(slot, &Answer::AckSuccess { ack_id });
        }
    }

    pub(super) fn fail<'a>(
        &mut self,
        slot: u32,
        ack: Option<u64>,
        error: AckError,
        text: impl Into<Cow<'a, str>>,
    ) {
        if let Some(ack_id) = ack {
            let text = text.into();
            self.tell(slot, &Answer::AckError { ack_id, error, text: &text });
        }
    }
}

/// What a PubSub client means.
pub(super) fn read(
    encoding: Encoding,
    message: Message<'_>,
) -> Result<ClientMessage<'_>, CloseReason> {
    let decoded = match (encoding, message) {
        (Encoding::Json, Message::Text(text)) => json::decode(text),
        //= client-connect.md section 8: JSON may also come as UTF-8 in a binary frame.
        (Encoding::Json, Message::Binary(bytes)) => match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => json::decode(text),
            Err(_) => return Err(CloseReason::Protocol(ProtocolError::InvalidUtf8)),
        },
        (Encoding::Protobuf, Message::Binary(bytes)) => protobuf::decode(bytes),
        (Encoding::Protobuf, Message::Text(_)) => return Err(CloseReason::WrongFrame),
    };
    decoded.map_err(CloseReason::Malformed)
}
