//! An event on its way to the webhook shard, and the answer on its way back.
//!
//! | Value | From | To | Bounded by |
//! | --- | --- | --- | --- |
//! | [`EventCall`] with receivers | a shard | the webhook shard | their gates |
//! | [`EventCall`] without any | a shard | the webhook shard | one per connection: its last event |
//! | [`EventAnswer`] | the webhook shard | the shard of the call | the same gates: it holds the permit |

use std::sync::Arc;

use super::gate::Permit;
use super::handlers::Handler;
use super::receivers::Receivers;
use crate::hub::id::{ConnectionId, ShardId};
use crate::hub::name::HubName;
use crate::protocol::subprotocol::{Metadata, Payload};

/// Whom events are about: what they all say of one connection (`events-webhook.md` section 5.3).
#[derive(Debug, PartialEq, Eq)]
pub struct Subject {
    pub hub: HubName,
    pub connection: ConnectionId,
    pub user: Option<Box<str>>,
    /// As agreed in the handshake, in the client's spelling.
    pub subprotocol: Option<Box<str>>,
    /// Host by which the client knows this server, without port: `WebHook-Request-Origin`.
    pub origin: Box<str>,
}

/// What has happened.
#[derive(Debug)]
pub enum Event {
    /// Somebody wants to connect (section 8.1). The body is finished JSON.
    Connect {
        body: Vec<u8>,
    },
    Connected,
    /// A client's own event (section 8.4).
    User {
        name: Box<str>,
        payload: Payload<'static>,
        metadata: Metadata<'static>,
    },
    Joined {
        group: Box<str>,
    },
    Left {
        group: Box<str>,
    },
    /// The connection is no more; always the last event about it.
    Disconnected {
        reason: String,
    },
}

impl Event {
    /// `ce-eventName`, and what `{event}` in a URL template stands for.
    pub fn name(&self) -> &str {
        match self {
            Self::Connect { .. } => "connect",
            Self::Connected => "connected",
            Self::User { name, .. } => name,
            Self::Joined { .. } => "joined",
            Self::Left { .. } => "left",
            Self::Disconnected { .. } => "disconnected",
        }
    }

    pub fn kind(&self) -> EventKind {
        match self {
            Self::Connect { .. } => EventKind::Connect,
            Self::Connected => EventKind::Connected,
            Self::User { .. } => EventKind::User,
            Self::Joined { .. } | Self::Left { .. } => EventKind::Presence,
            Self::Disconnected { .. } => EventKind::Disconnected,
        }
    }
}

/// The label of an event in metrics: names are the clients' own and would not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    Connect,
    Connected,
    User,
    Presence,
    Disconnected,
}

impl EventKind {
    pub const COUNT: usize = 5;
    pub const ALL: [Self; Self::COUNT] =
        [Self::Connect, Self::Connected, Self::User, Self::Presence, Self::Disconnected];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Connected => "connected",
            Self::User => "user",
            Self::Presence => "presence",
            Self::Disconnected => "disconnected",
        }
    }
}

/// Which event of which connection is answered, in the words of the shard that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    pub shard: ShardId,
    pub slot: u32,
    pub serial: u32,
    /// Tells invocations of one connection apart.
    pub ticket: u32,
}

/// An event for the webhook shard.
#[derive(Debug)]
pub struct EventCall {
    pub subject: Arc<Subject>,
    /// `ce-id` (section 5.4).
    pub id: u64,
    pub event: Event,
    /// Without any nobody is told: the call only ends the session.
    pub receivers: Receivers,
    /// Where the answer goes, if somebody waits for the handler, or for a spool.
    pub reply_to: Option<ReplyTo>,
}

/// What came of a blocking event.
#[derive(Debug)]
pub struct EventAnswer {
    pub to: ReplyTo,
    pub outcome: EventOutcome,
    /// Given back when the shard has taken the answer.
    pub permit: Option<Permit<Handler>>,
}

/// The outcome of a blocking event.
#[derive(Debug)]
pub enum EventOutcome {
    /// The client may connect, with these changes.
    Admitted(Admission),
    /// The client is refused with this answer.
    Refused(Refused),
    /// The event was taken; `None` without anything to tell the client (section 8.4.3).
    Answered(Option<Reply>),
    Failed(EventFailure),
}

/// What a `connect` handler changes (section 8.1.3). Absent means: as the token says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Never empty, and valid as a header.
    pub user: Option<String>,
    /// Never empty, all of them valid names.
    pub groups: Option<Vec<String>>,
    pub roles: Option<Vec<String>>,
    pub subprotocol: Option<String>,
}

/// A refusal of `connect` that is passed on to the client (section 8.1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// 400 to 599.
    pub status: u16,
    /// At most 64 KiB.
    pub body: Vec<u8>,
    /// Printable ASCII.
    pub content_type: Option<String>,
}

/// A message for the client that raised the event.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub payload: Payload<'static>,
    pub metadata: Metadata<'static>,
}

/// Why an event failed, as far as its connection is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFailure {
    TimedOut,
    /// Everything else; the log knows more.
    Failed,
}
