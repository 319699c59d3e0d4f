//! One connection as its shard knows it, apart from its socket.

use std::rc::Rc;

use super::clock::Millis;
use super::close::CloseReason;
use super::events::EventState;
use super::hubs::Hub;
use super::invocations::Invocations;
use super::outbound::{OutboundLimits, OutboundQueue};
use super::streams::Streams;
use crate::frame::{Format, Frame};
use crate::hub::acks::AckIds;
use crate::hub::group::GroupIndex;
use crate::hub::permission::Permissions;
use crate::protocol::subprotocol::{Encoding, Subprotocol};

/// What the client speaks, fixed by its handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// A client that speaks one of our subprotocols.
    PubSub(Subprotocol),
    /// A simple client whose frames are events.
    SimpleEvent,
    /// A simple client whose frames are published to one fixed group.
    SimpleGroup(Rc<FixedGroup>),
    /// A request to recover a connection that cannot be recovered: answered, then closed
    /// (`client-connect.md` section 11.3).
    RefusedRecovery,
}

/// The name of a group, behind a thin pointer: every connection has room for one.
#[derive(Debug, PartialEq, Eq)]
pub struct FixedGroup(pub Box<str>);

impl ClientKind {
    /// The format this client receives.
    pub fn format(&self) -> Format {
        match self {
            Self::PubSub(subprotocol) => subprotocol.encoding().into(),
            Self::SimpleEvent | Self::SimpleGroup(_) | Self::RefusedRecovery => Format::Simple,
        }
    }

    /// The subprotocol by its name; simple clients have none of ours.
    pub fn subprotocol(&self) -> Option<&'static str> {
        match self {
            Self::PubSub(subprotocol) => Some(subprotocol.name()),
            Self::SimpleEvent | Self::SimpleGroup(_) | Self::RefusedRecovery => None,
        }
    }

    /// Whether it speaks a subprotocol of the service, with system messages and acks.
    pub fn is_pubsub(&self) -> bool {
        matches!(self, Self::PubSub(_))
    }

    /// How its messages are written, if it is a PubSub client.
    pub fn encoding(&self) -> Option<Encoding> {
        match self {
            Self::PubSub(subprotocol) => Some(subprotocol.encoding()),
            _ => None,
        }
    }

    /// Whether the connection outlives its transport.
    pub fn is_reliable(&self) -> bool {
        matches!(self, Self::PubSub(subprotocol) if subprotocol.is_reliable())
    }
}

/// Everything a handshake decided about a new connection.
#[derive(Debug)]
pub struct NewConnection {
    pub hub: Rc<Hub>,
    pub kind: ClientKind,
    pub user: Option<String>,
    pub permissions: Permissions,
    /// Groups of the token, joined before the client hears that it is connected.
    pub groups: Vec<String>,
    /// The answer to the upgrade, sent before anything else.
    pub accept: Frame,
    /// The socket's slot in the transport table.
    pub transport: u32,
    /// 128 random bits for the connection id.
    pub random: [u8; 16],
    /// The subprotocol as agreed, also one that is not ours.
    pub subprotocol: Option<Box<str>>,
    /// Host by which the client knows this server, without port.
    pub origin: Option<Box<str>>,
}

/// One group this connection is in: the group, and this member's position there.
#[derive(Clone, Copy, Debug)]
pub struct Membership {
    pub group: GroupIndex,
    pub position: u32,
}

/// A connection that is surely still the one meant: slots are reused, serials are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnectionHandle {
    pub slot: u32,
    pub serial: u32,
}

/// What only few connections ever have.
#[derive(Debug, Default)]
pub struct Extras {
    /// Streams it publishes.
    pub streams: Streams,
    /// Invocations that wait for the application.
    pub invocations: Invocations,
    /// The time of its last change of a group state, Unix milliseconds.
    pub state_updated_at_ms: u64,
    /// When the transport was lost.
    pub detached_at: Option<Millis>,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Connection {
    pub outbound: OutboundQueue,
    pub format: Format,
    /// Joins of the handshake that other shards have not confirmed yet.
    pub held_joins: u16,
    pub serial: u32,
    /// The socket's slot in the transport table; none while it waits to be recovered.
    pub transport: Option<u32>,
    /// Set once the connection is ending; nothing the client sends is executed any more.
    pub closing: Option<CloseReason>,
    pub permissions: Permissions,
    pub memberships: Vec<Membership>,
    /// Where the shard's table of users lists this connection.
    pub user_entry: Option<Membership>,
    pub acks: AckIds,
    pub events: EventState,
    /// What only few connections ever have.
    pub extras: Option<Box<Extras>>,
    pub kind: ClientKind,
    pub user: Option<Rc<str>>,
    pub hub: Rc<Hub>,
    pub random: [u8; 16],
}

const _: () = assert!(size_of::<Connection>() <= 256, "memory of every idle client");

impl Connection {
    pub fn new(new: NewConnection, serial: u32) -> Self {
        let limit = |max: usize| u32::try_from(max).unwrap_or(u32::MAX);
        let settings = new.hub.settings();
        let limits = OutboundLimits {
            messages_max: limit(settings.outbound_messages_max),
            bytes_max: limit(settings.outbound_bytes_max),
        };
        drop(settings);
        Self {
            outbound: match new.kind.is_reliable() {
                true => OutboundQueue::reliable(limits),
                false => OutboundQueue::new(limits),
            },
            format: new.kind.format(),
            held_joins: 0,
            serial,
            transport: Some(new.transport),
            closing: None,
            permissions: new.permissions,
            memberships: Vec::new(),
            user_entry: None,
            acks: AckIds::default(),
            events: EventState::default(),
            extras: None,
            kind: new.kind,
            user: new.user.map(Rc::from),
            hub: new.hub,
            random: new.random,
        }
    }

    /// When the transport was lost, if there is none.
    pub fn detached_at(&self) -> Option<Millis> {
        self.extras.as_ref()?.detached_at
    }

    /// Whether its client is to be left alone until what it has sent is worked off.
    pub fn is_held(&self) -> bool {
        self.events.is_held() && self.closing.is_none()
    }

    /// What only few connections have, made when first needed.
    pub fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Where this connection lists the group, if it is a member.
    pub fn membership_of(&self, group: GroupIndex) -> Option<usize> {
        self.memberships.iter().position(|membership| membership.group == group)
    }
}
