//! From a valid request to a command for the shards, and from their answer to an outcome.
//!
//! A message is encoded here, once, in every format a receiver may need: which of them are in use
//! on other shards is known for groups only, and a send to a user or to everybody goes to all.

use super::answer::Outcome;
use super::error::ApiError;
use super::operation::Target as Named;
use super::operation::{
    ApiRequest, BulkMembership, ClientTokenRequest, Member, Operation, SendMessage,
};
use super::page::{PageEntry, PageRequest};
use crate::frame::message::{OutgoingMessage, Source};
use crate::frame::{Format, FrameScratch, FrameSet};
use crate::hub::id::ConnectionId;
use crate::shard::clock::Millis;
use crate::shard::command::{Act, Answer, Command, Target};

/// What a request needs.
#[derive(Debug)]
pub enum Carried {
    /// The shards have to do something, and their answer is read so.
    Call(Command, Reading),
    /// It names a connection this server never had: the answer is that of nobody.
    Nobody(Reading),
    /// A client token is to be signed.
    Token(ClientTokenRequest),
}

/// How an answer of the shards becomes an outcome.
#[derive(Debug)]
pub enum Reading {
    /// Done, whoever was concerned.
    Always,
    /// Absent unless somebody was found.
    MustExist,
    /// One page of a list.
    Page(PageRequest),
}

impl Reading {
    /// The outcome of `answer`.
    pub fn outcome(self, answer: Answer) -> Outcome {
        match (self, answer) {
            (Self::Page(page), Answer::Listed(members)) => Outcome::Json(
                page.render(
                    members
                        .into_iter()
                        .map(|member| PageEntry {
                            connection_id: member.connection_id,
                            user_id: member.user_id,
                        })
                        .collect(),
                ),
            ),
            (Self::Page(page), _) => Outcome::Json(page.render(Vec::new())),
            (_, Answer::LimitReached) => {
                let text = "The connection has reached its limit of groups or permissions.";
                Outcome::Failed(ApiError::bad_request("Request", text))
            }
            (Self::MustExist, Answer::Nothing) => Outcome::Absent,
            (Self::MustExist | Self::Always, _) => Outcome::Done,
        }
    }
}

/// Turns a request into what it needs. `now` is the shards' clock.
pub fn carry(request: ApiRequest, now: Millis) -> Carried {
    let ApiRequest { hub, operation, .. } = request;
    let (act, reading) = match operation {
        Operation::GenerateToken(token) => return Carried::Token(token),
        Operation::Send { target, message } => (send(target, message, now), Reading::Always),
        Operation::Exists { target } => {
            (target_of(target).map(|target| Act::Exists { target }), Reading::MustExist)
        }
        Operation::Close { target, excluded, reason } => {
            let act = |target| Act::Close { target, excluded: ids(&excluded), reason };
            (target_of(target).map(act), Reading::Always)
        }
        Operation::AddToGroup { member, group } => {
            let act = |target| Act::Join { target, filter: None, groups: vec![group] };
            (member_of(member).map(act), Reading::MustExist)
        }
        Operation::RemoveFromGroup { member, group } => {
            let groups = group.map(|group| vec![group]);
            let act = |target| Act::Leave { target, filter: None, groups };
            (member_of(member).map(act), Reading::Always)
        }
        Operation::AddToGroups(BulkMembership { groups, filter }) => {
            (Some(Act::Join { target: Target::All, filter, groups }), Reading::Always)
        }
        Operation::RemoveFromGroups(BulkMembership { groups, filter }) => {
            let groups = Some(groups);
            (Some(Act::Leave { target: Target::All, filter, groups }), Reading::Always)
        }
        Operation::ListGroup { group, page } => {
            let (after, limit) = (page.after().map(str::to_owned), page.fetch_max());
            (Some(Act::List { group, after, limit }), Reading::Page(page))
        }
        Operation::Grant { action, connection, group } => {
            let act = |connection| Act::Grant { connection, action, group };
            (ConnectionId::parse(&connection).map(act), Reading::MustExist)
        }
        Operation::Revoke { action, connection, group } => {
            let act = |connection| Act::Revoke { connection, action, group };
            (ConnectionId::parse(&connection).map(act), Reading::Always)
        }
        Operation::Check { action, connection, group } => {
            let act = |connection| Act::Check { connection, action, group };
            (ConnectionId::parse(&connection).map(act), Reading::MustExist)
        }
    };
    match act {
        Some(act) => Carried::Call(Command { hub, act }, reading),
        None => Carried::Nobody(reading),
    }
}

fn send(to: Named, message: SendMessage, now: Millis) -> Option<Act> {
    let group = match &to {
        Named::Group(group) => Some(group.as_str()),
        Named::All | Named::User(_) | Named::Connection(_) => None,
    };
    let frames = encode(group, &message, now);
    let excluded = ids(&message.excluded);
    target_of(to).map(|to| Act::Send { to, frames, excluded, filter: message.filter })
}

/// The message in every format (`rest-api.md` section 5.8).
fn encode(group: Option<&str>, message: &SendMessage, now: Millis) -> FrameSet {
    let SendMessage { payload, metadata, ttl_seconds, .. } = message;
    let expires_at_ms = match ttl_seconds {
        0 => 0,
        seconds => now + u64::from(*seconds) * 1000,
    };
    let source = match group {
        Some(name) => Source::Group { name, from_user: None },
        None => Source::Server,
    };
    let outgoing = OutgoingMessage { source, payload, metadata, stream: None };
    let mut frames = FrameSet::expiring_at(expires_at_ms);
    let mut scratch = FrameScratch::default();
    for format in Format::ALL {
        if let Some(frame) = outgoing.encode(&mut scratch, format) {
            frames.set(format, frame);
        }
    }
    frames
}

/// `None` for a connection id that this server cannot have issued.
fn target_of(named: Named) -> Option<Target> {
    Some(match named {
        Named::All => Target::All,
        Named::Group(name) => Target::Group(name),
        Named::User(name) => Target::User(name),
        Named::Connection(id) => Target::Connection(ConnectionId::parse(&id)?),
    })
}

fn member_of(member: Member) -> Option<Target> {
    target_of(match member {
        Member::Connection(id) => Named::Connection(id),
        Member::User(user) => Named::User(user),
    })
}

/// Ids this server never issued exclude nobody.
fn ids(texts: &[String]) -> Vec<ConnectionId> {
    texts.iter().filter_map(|text| ConnectionId::parse(text)).collect()
}
