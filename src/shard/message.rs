//! The only type that crosses cores.
//!
//! | Message | From | To | If it were lost |
//! | --- | --- | --- | --- |
//! | `Publish` | a publisher's shard | each shard with members | its members miss the message |
//! | `Interest` | a shard with its first member | every other shard | a join is never acknowledged |
//! | `InterestNoted` | the shard that was told | the one that told | the same |
//! | `NoInterest` | a shard whose last member left | every other shard | needless publishes |
//! | `Call` | the shard that took a request | each shard concerned | the request hangs |
//! | `Answer` | a shard that has carried out a call | the one that made it | the same |
//! | `Recover` | the shard a socket has landed on | the one it has asked for | the client tries again |
//!
//! Nothing is lost: a full channel makes the sender keep the message (see [`super::outbox`]).
//! Between two shards messages keep their order, so a leave can never overtake a join.

use std::sync::Arc;

use super::calls::CallId;
use super::command::{Answer, SharedCommand};
use super::recovery::Newcomer;
use crate::frame::{Format, FrameSet};
use crate::hub::group::{GroupKey, JoinToken};

/// A message from one shard to another. What the control thread has to say is
/// [`crate::reactor::mesh::ControlMessage`].
#[derive(Debug)]
pub enum ShardMessage {
    /// Deliver to this shard's members of the group.
    Publish { group: Arc<GroupKey>, frames: FrameSet },
    /// The sender now has members of this format; answer with `InterestNoted`.
    Interest { group: Arc<GroupKey>, format: Format, token: JoinToken },
    /// From now on the sender's publishes reach the shard that announced `token`.
    InterestNoted { token: JoinToken },
    /// The sender has no more members of these; leaves of one turn travel together.
    NoInterest { left: Vec<(Arc<GroupKey>, Format)> },
    /// Carry the command out and answer the call.
    Call { call: CallId, command: SharedCommand },
    /// What the sender has to say about a call of the receiver.
    Answer { call: CallId, answer: Answer },
    /// A socket that wants to carry a connection of the receiver again.
    Recover(Box<Newcomer>),
}

/// A mesh channel is an array of these; growing it is a decision, not an accident.
const _: () = assert!(size_of::<ShardMessage>() <= 80);
