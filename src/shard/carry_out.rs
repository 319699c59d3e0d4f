//! A command on one shard: what it does to this shard's connections.
//!
//! What concerns one connection, or only queues frames for a group or user, is done at once. What
//! may concern very many connections becomes a [`Sweep`](super::sweep): a bounded number of them
//! per turn. Either way the answer leaves when all is done, the announcements of joins included.

use super::calls::Caller;
use super::close::CloseReason;
use super::command::{Act, Answer, ListedMember, SharedCommand, Target};
use super::connection::{Connection, ConnectionHandle};
use super::fanout::deliver;
use super::membership::JoinWaiter;
use super::state::State;
use super::sweep::{Candidates, Sweep};
use crate::frame::{Format, FrameSet, Queued};
use crate::hub::filter::{Filter, Subject};
use crate::hub::group::{GroupIndex, Groups, Member};
use crate::hub::id::ConnectionId;
use crate::hub::name::HubName;

/// A command that this shard has not finished.
#[derive(Debug)]
pub struct Work {
    caller: Caller,
    /// The sweep, and every join that other shards have not confirmed.
    unfinished: u32,
    answer: Answer,
}

/// A [`Work`] of this shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkId(pub u32);

impl State {
    pub(super) fn carry_out(&mut self, caller: Caller, command: SharedCommand) {
        let work = Work { caller, unfinished: 1, answer: Answer::Nothing };
        let work = WorkId(u32::try_from(self.works.insert(work)).unwrap_or(u32::MAX));
        let hub = &command.hub;
        match &command.act {
            Act::Exists { target } => {
                if self.exists(hub, target) {
                    self.note(work, Answer::Found);
                }
            }
            Act::List { group, after, limit } => {
                let members = self.list(hub, group, after.as_deref(), *limit);
                self.note(work, Answer::Listed(members));
            }
            Act::States { group } => {
                let states = self.states_of(hub, group);
                self.note(work, Answer::States(states));
            }
            // One pass over dense lists, a few tens of nanoseconds per member.
            Act::Send { to: Target::Group(name), frames, excluded, filter: None } => {
                self.send_to_listed(Listed::Group, (hub, name), frames, excluded);
            }
            Act::Send { to: Target::User(name), frames, excluded, filter: None } => {
                self.send_to_listed(Listed::User, (hub, name), frames, excluded);
            }
            act => {
                let candidates = self.candidates(hub, &act.target());
                let sweep = Sweep { work, command: command.clone(), candidates };
                self.sweeps.push_back(sweep);
                return self.start_sweep();
            }
        }
        self.finish_part(work);
    }

    /// What the command does to one connection of its target, which exists and is not closing.
    pub(super) fn apply(&mut self, work: WorkId, command: &SharedCommand, slot: u32) {
        let id = self.connection_id(slot);
        match &command.act {
            Act::Send { frames, excluded, filter, .. } => {
                if !excluded.contains(&id) && self.accepts(filter.as_ref(), slot) {
                    self.send_to(slot, frames);
                }
            }
            Act::Close { excluded, reason, .. } => {
                if !excluded.contains(&id) {
                    self.close_with(slot, CloseReason::ClosedByAppServer, reason, reason);
                }
            }
            Act::Join { filter, groups, .. } => {
                self.note(work, Answer::Found);
                if self.accepts(filter.as_ref(), slot) {
                    self.add_to_groups(work, slot, groups);
                }
            }
            Act::Leave { filter, groups, .. } => {
                if self.accepts(filter.as_ref(), slot) {
                    match groups {
                        Some(groups) => groups.iter().for_each(|group| self.leave(slot, group)),
                        None => self.leave_all_groups(slot),
                    }
                }
            }
            Act::Grant { action, group, .. } => {
                let permissions = &mut self.connection_mut(slot).permissions;
                let is_granted = permissions.grant(*action, group.as_deref()).is_ok();
                self.note(work, if is_granted { Answer::Found } else { Answer::LimitReached });
            }
            Act::Revoke { action, group, .. } => {
                let permissions = &mut self.connection_mut(slot).permissions;
                if permissions.revoke(*action, group.as_deref()).is_err() {
                    self.note(work, Answer::LimitReached);
                }
            }
            Act::Check { action, group, .. } => {
                let permissions = &self.connection(slot).permissions;
                let is_allowed = match group {
                    Some(group) => permissions.allows(*action, group),
                    None => permissions.allows_everything(*action),
                };
                if is_allowed {
                    self.note(work, Answer::Found);
                }
            }
            Act::Exists { .. } | Act::List { .. } | Act::States { .. } => {}
        }
    }

    fn add_to_groups(&mut self, work: WorkId, slot: u32, groups: &[String]) {
        for group in groups {
            let connection = self.connection(slot);
            let max = connection.hub.settings().groups_per_connection_max;
            if connection.memberships.len() >= max && !self.is_member(slot, group) {
                self.note(work, Answer::LimitReached);
            } else if self.join(slot, group, JoinWaiter::Call(work)) {
                self.works[work.0 as usize].unfinished += 1;
            }
        }
    }

    /// Adds to what this shard will answer.
    fn note(&mut self, work: WorkId, answer: Answer) {
        self.works[work.0 as usize].answer.merge(answer);
    }

    /// One part of the work is done; with the last one the answer leaves.
    pub(super) fn finish_part(&mut self, work: WorkId) {
        let Some(found) = self.works.get_mut(work.0 as usize) else { return };
        found.unfinished -= 1;
        if found.unfinished == 0 {
            let Work { caller, answer, .. } = self.works.remove(work.0 as usize);
            self.answer(caller, answer);
        }
    }

    fn exists(&self, hub: &HubName, target: &Target) -> bool {
        match target {
            Target::All => self.connections.iter().any(|(_, c)| is_open_in(c, hub)),
            Target::Group(name) => has_members(&self.groups, hub, name),
            Target::User(name) => has_members(&self.users, hub, name),
            Target::Connection(id) => self.find(hub, id).is_some(),
        }
    }

    /// The connection with this id, if it is in this hub and has not begun to close.
    pub(super) fn find(&self, hub: &HubName, id: &ConnectionId) -> Option<u32> {
        let slot = id.slot();
        let connection = self.connections.get(slot)?;
        (is_open_in(connection, hub) && self.connection_id(slot) == *id).then_some(slot)
    }

    /// The connections a sweep has to look at.
    fn candidates(&self, hub: &HubName, target: &Target) -> Candidates {
        let listed = |names: &Groups, name: &str| {
            let members = names.find(hub, name).map(|index| all_members(names, index));
            members.into_iter().flatten().map(|member| self.handle(member.connection)).collect()
        };
        match target {
            Target::All => Candidates::All { next: 0, newest: self.newest_serial() },
            Target::Group(name) => Candidates::Listed(listed(&self.groups, name)),
            Target::User(name) => Candidates::Listed(listed(&self.users, name)),
            Target::Connection(id) => {
                let found = self.find(hub, id).map(|slot| self.handle(slot));
                Candidates::Listed(found.into_iter().collect::<Vec<ConnectionHandle>>())
            }
        }
    }

    /// Sends to a group or user without looking at each connection.
    fn send_to_listed(
        &mut self,
        listed: Listed,
        (hub, name): (&HubName, &str),
        frames: &FrameSet,
        excluded: &[ConnectionId],
    ) {
        let excluded: Vec<u32> = excluded.iter().filter_map(|id| self.find(hub, id)).collect();
        let names = match listed {
            Listed::Group => &self.groups,
            Listed::User => &self.users,
        };
        let Some(index) = names.find(hub, name) else { return };
        let found = names.get(index);
        for format in Format::ALL {
            if let Some(frame) = frames.get(format)
                && !found.members(format).is_empty()
            {
                let queued = Queued::message(frame.clone(), format, frames.expires_at_ms);
                deliver(
                    found.members(format),
                    &excluded,
                    &queued,
                    &mut self.connections,
                    &mut self.ready,
                    &mut self.counters,
                );
            }
        }
    }

    fn send_to(&mut self, slot: u32, frames: &FrameSet) {
        let format = self.connection(slot).format;
        if let Some(frame) = frames.get(format) {
            let queued = Queued::message(frame.clone(), format, frames.expires_at_ms);
            self.enqueue(slot, queued);
        }
    }

    fn list(
        &self,
        hub: &HubName,
        group: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<ListedMember> {
        let Some(index) = self.groups.find(hub, group) else { return Vec::new() };
        let mut slots: Vec<(String, u32)> = all_members(&self.groups, index)
            .map(|member| (self.connection_id(member.connection).to_string(), member.connection))
            .filter(|(id, _)| after.is_none_or(|after| id.as_str() > after))
            .collect();
        if slots.len() > limit {
            slots.select_nth_unstable(limit);
            slots.truncate(limit);
        }
        let listed = slots.into_iter().map(|(connection_id, slot)| {
            let user_id = self.connection(slot).user.as_deref().map(str::to_owned);
            ListedMember { connection_id, user_id }
        });
        listed.collect()
    }

    fn accepts(&self, filter: Option<&Filter>, slot: u32) -> bool {
        filter.is_none_or(|filter| filter.matches(&Candidate::new(self, slot)))
    }

    fn is_member(&self, slot: u32, group: &str) -> bool {
        let connection = self.connection(slot);
        let index = self.groups.find(&connection.hub.name, group);
        index.is_some_and(|index| connection.membership_of(index).is_some())
    }
}

/// Which table a name is looked up in.
#[derive(Clone, Copy)]
enum Listed {
    Group,
    User,
}

/// A connection as filters see it (`rest-api.md` section 7.2).
struct Candidate<'a> {
    state: &'a State,
    connection: &'a Connection,
    slot: u32,
    id: String,
}

impl<'a> Candidate<'a> {
    fn new(state: &'a State, slot: u32) -> Self {
        let id = state.connection_id(slot).to_string();
        Self { state, connection: state.connection(slot), slot, id }
    }
}

impl Subject for Candidate<'_> {
    fn connection_id(&self) -> &str {
        &self.id
    }

    fn user_id(&self) -> Option<&str> {
        self.connection.user.as_deref()
    }

    fn protocol(&self) -> Option<&str> {
        self.connection.kind.subprotocol()
    }

    fn is_in_group(&self, name: &str) -> bool {
        self.state.is_member(self.slot, name)
    }

    fn group_count(&self) -> usize {
        self.connection.memberships.len()
    }
}

fn is_open_in(connection: &Connection, hub: &HubName) -> bool {
    connection.closing.is_none() && connection.hub.name == *hub
}

fn has_members(names: &Groups, hub: &HubName, name: &str) -> bool {
    names.find(hub, name).is_some_and(|index| all_members(names, index).next().is_some())
}

fn all_members(names: &Groups, index: GroupIndex) -> impl Iterator<Item = &Member> {
    Format::ALL.iter().flat_map(move |format| names.get(index).members(*format))
}
