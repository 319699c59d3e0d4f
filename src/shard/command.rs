//! What an application server can ask of the shards, free of HTTP.
//!
//! A [`Command`] is made once, on the shard that took the request, and travels to every shard that
//! may be concerned; each carries it out on its own connections ([`super::carry_out`]) and answers
//! ([`super::calls`]). Messages in it are finished frames already.

use std::sync::Arc;

use super::group_state::MemberState;
use crate::frame::FrameSet;
use crate::hub::filter::Filter;
use crate::hub::id::ConnectionId;
use crate::hub::name::HubName;
use crate::hub::permission::Action;

/// One operation on one hub.
#[derive(Debug)]
pub struct Command {
    pub hub: HubName,
    pub act: Act,
}

/// Whom an operation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every connection of the hub.
    All,
    Group(String),
    User(String),
    Connection(ConnectionId),
}

/// What is to be done.
#[derive(Debug)]
pub enum Act {
    /// Queue the frames for every connection of the target that is not excluded and that the
    /// filter accepts.
    Send {
        to: Target,
        frames: FrameSet,
        excluded: Vec<ConnectionId>,
        filter: Option<Filter>,
    },
    /// Is there such a connection, user, or group with members?
    Exists {
        target: Target,
    },
    /// Close all of them; the reason is what PubSub clients are told.
    Close {
        target: Target,
        excluded: Vec<ConnectionId>,
        reason: String,
    },
    /// Make members of all groups.
    Join {
        target: Target,
        filter: Option<Filter>,
        groups: Vec<String>,
    },
    /// End memberships; `None` means all groups.
    Leave {
        target: Target,
        filter: Option<Filter>,
        groups: Option<Vec<String>>,
    },
    /// The first `limit` members whose id comes after `after`, in the order of their ids.
    List {
        group: String,
        after: Option<String>,
        limit: usize,
    },
    /// What members show of themselves in the group (`client-json.md` section 9).
    States {
        group: String,
    },
    Grant {
        connection: ConnectionId,
        action: Action,
        group: Option<String>,
    },
    Revoke {
        connection: ConnectionId,
        action: Action,
        group: Option<String>,
    },
    /// May the connection do it?
    Check {
        connection: ConnectionId,
        action: Action,
        group: Option<String>,
    },
}

impl Act {
    /// Whose connections are concerned.
    pub fn target(&self) -> Target {
        match self {
            Self::Send { to: target, .. }
            | Self::Exists { target }
            | Self::Close { target, .. }
            | Self::Join { target, .. }
            | Self::Leave { target, .. } => target.clone(),
            Self::List { group, .. } | Self::States { group } => Target::Group(group.clone()),
            Self::Grant { connection, .. }
            | Self::Revoke { connection, .. }
            | Self::Check { connection, .. } => Target::Connection(*connection),
        }
    }
}

/// One member of a listed group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedMember {
    pub connection_id: String,
    pub user_id: Option<String>,
}

/// What a shard, or all of them together, has to say about a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// Nothing here was concerned.
    #[default]
    Nothing,
    /// Somebody was: a connection was found, or the check is positive.
    Found,
    Listed(Vec<ListedMember>),
    States(Vec<MemberState>),
    /// The connection holds as many named permissions, or is in as many groups, as it may.
    LimitReached,
}

impl Answer {
    /// Takes the answer of one more shard.
    pub fn merge(&mut self, other: Self) {
        *self = match (std::mem::take(self), other) {
            (Self::Listed(mut members), Self::Listed(more)) => {
                members.extend(more);
                Self::Listed(members)
            }
            (Self::States(mut states), Self::States(more)) => {
                states.extend(more);
                Self::States(states)
            }
            (Self::LimitReached, _) | (_, Self::LimitReached) => Self::LimitReached,
            (one, Self::Nothing) => one,
            (_, other) => other,
        };
    }
}

/// A command as the shards share it.
pub type SharedCommand = Arc<Command>;
