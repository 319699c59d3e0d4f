//! Joining and leaving groups, and telling the other shards.
//!
//! The first member of a format on this shard makes the shard announce its **interest** to every
//! other shard, and the join is confirmed only when all of them have answered: from then on a
//! message published anywhere reaches the member. Later joins find the announcement made and cost
//! nothing. The last leave takes the interest back, and nobody waits for that.

use std::sync::Arc;

use super::carry_out::WorkId;
use super::connection::{ConnectionHandle, Membership};
use super::message::ShardMessage;
use super::state::State;
use crate::event::handlers::Presence;
use crate::frame::Format;
use crate::hub::group::{Audience, GroupIndex, GroupKey, JoinToken, Member};
use crate::hub::id::{ShardId, ShardSet};

/// Who waits for a join to be known everywhere.
#[derive(Clone, Copy, Debug)]
pub enum JoinWaiter {
    /// Nobody: the client asked for no ack.
    Nobody,
    /// A client's request with this ack id.
    Ack(ConnectionHandle, u64),
    /// The handshake of a connection with groups in its token.
    Open(ConnectionHandle),
    /// A command of an application server.
    Call(WorkId),
    /// A subscription to group states, with this ack id perhaps.
    Subscription(ConnectionHandle, Option<u64>),
}

/// An announcement of interest that some shards have not answered.
#[derive(Debug)]
pub struct PendingJoin {
    group: Arc<GroupKey>,
    format: Format,
    unheard: ShardSet,
    waiters: Vec<JoinWaiter>,
}

impl State {
    /// Makes the connection a member. Returns whether the join is still being announced; then
    /// `waiter` is told when it is done.
    pub(super) fn join(&mut self, slot: u32, name: &str, waiter: JoinWaiter) -> bool {
        self.join_audience(slot, Audience::Members, name, waiter)
    }

    /// [`Self::join`] for one audience of the group.
    pub(super) fn join_audience(
        &mut self,
        slot: u32,
        audience: Audience,
        name: &str,
        waiter: JoinWaiter,
    ) -> bool {
        let connection = &mut self.connections[slot];
        let format = connection.format;
        let index = self.groups.find_or_create_of(audience, &connection.hub.name, name);
        if connection.membership_of(index).is_none() {
            let group = self.groups.get_mut(index);
            let is_first = group.members(format).is_empty();
            let membership = u32::try_from(connection.memberships.len()).unwrap_or(u32::MAX);
            let position = group.add(format, Member { connection: slot, membership });
            connection.memberships.push(Membership { group: index, position });
            if audience == Audience::Members {
                self.raise_presence(slot, Presence::Joined, name);
            }
            if is_first && !self.outbox.peers().is_empty() {
                self.announce(index, format, waiter);
                return true;
            }
        }
        let group = self.groups.get(index);
        let Some(token) = group.announcing(format) else { return false };
        self.joins[token.0 as usize].waiters.push(waiter);
        true
    }

    /// Tells every other shard of this shard's first member of a format.
    fn announce(&mut self, index: GroupIndex, format: Format, waiter: JoinWaiter) {
        let group = self.groups.get_mut(index);
        let (key, unheard) = (group.key().clone(), self.outbox.peers());
        let waiters = vec![waiter];
        let pending = PendingJoin { group: key.clone(), format, unheard, waiters };
        let token = JoinToken(u32::try_from(self.joins.insert(pending)).unwrap_or(0));
        group.set_announcing(format, Some(token));
        for peer in unheard.iter() {
            let group = key.clone();
            self.outbox.send(peer, ShardMessage::Interest { group, format, token });
        }
    }

    /// Ends the connection's membership, if there is one.
    pub(super) fn leave(&mut self, slot: u32, name: &str) {
        self.leave_audience(slot, Audience::Members, name);
    }

    /// [`Self::leave`] for one audience of the group.
    pub(super) fn leave_audience(&mut self, slot: u32, audience: Audience, name: &str) {
        let connection = &self.connections[slot];
        if let Some(index) = self.groups.find_of(audience, &connection.hub.name, name)
            && let Some(membership) = connection.membership_of(index)
        {
            self.end_membership(slot, membership);
        }
    }

    /// Ends all memberships of a connection.
    pub(super) fn leave_all_groups(&mut self, slot: u32) {
        while let Some(last) = self.connection(slot).memberships.len().checked_sub(1) {
            self.end_membership(slot, last);
        }
        self.connection_mut(slot).memberships = Vec::new();
    }

    /// Lists the connection under its user, if it has one.
    pub(super) fn enter_user(&mut self, slot: u32) {
        let connection = &mut self.connections[slot];
        let Some(user) = &connection.user else { return };
        let index = self.users.find_or_create(&connection.hub.name, user);
        let member = Member { connection: slot, membership: 0 };
        let position = self.users.get_mut(index).add(connection.format, member);
        connection.user_entry = Some(Membership { group: index, position });
    }

    /// Takes the connection out of the table of users.
    pub(super) fn leave_user(&mut self, slot: u32) {
        let connection = &mut self.connections[slot];
        let Some(Membership { group: index, position }) = connection.user_entry.take() else {
            return;
        };
        if let Some(moved) = self.users.get_mut(index).remove(connection.format, position) {
            let other = &mut self.connections[moved.connection];
            other.user_entry = Some(Membership { group: index, position });
        }
        self.users.release(index);
    }

    /// Removes one entry of the connection's list and its counterpart in the group. Both lists
    /// fill the hole with their last entry, so both entries that moved are told where they are.
    fn end_membership(&mut self, slot: u32, mut at: usize) {
        let ended = self.connections[slot].memberships[at].group;
        let audience = self.groups.get(ended).key().audience();
        if audience == Audience::Members {
            self.leave_group_state(slot, ended);
            // Leaving the subscribers may have moved the entry.
            at = self.connections[slot].membership_of(ended).unwrap_or(at);
        }
        let connection = &mut self.connections[slot];
        let format = connection.format;
        let Membership { group: index, position } = connection.memberships.swap_remove(at);
        if let Some(moved) = connection.memberships.get(at) {
            let membership = u32::try_from(at).unwrap_or(u32::MAX);
            self.groups.get_mut(moved.group).move_membership(format, moved.position, membership);
        }
        if audience == Audience::Members && self.connection(slot).hub.handlers().has_presence() {
            let key = self.groups.get(index).key().clone();
            self.raise_presence(slot, Presence::Left, key.name());
        }
        let group = self.groups.get_mut(index);
        if let Some(moved) = group.remove(format, position) {
            let other = &mut self.connections[moved.connection];
            other.memberships[moved.membership as usize].position = position;
        }
        if group.members(format).is_empty() {
            group.set_announcing(format, None);
            self.outbox.send_no_interest(group.key(), format);
            self.groups.release(index);
        }
    }

    pub(super) fn on_interest_noted(&mut self, from: ShardId, token: JoinToken) {
        let Some(pending) = self.joins.get_mut(token.0 as usize) else { return };
        pending.unheard.remove(from);
        if !pending.unheard.is_empty() {
            return;
        }
        let pending = self.joins.remove(token.0 as usize);
        if let Some(index) = self.groups.find_key(&pending.group) {
            let group = self.groups.get_mut(index);
            if group.announcing(pending.format) == Some(token) {
                group.set_announcing(pending.format, None);
            }
        }
        for waiter in pending.waiters {
            self.confirm(waiter, pending.group.name());
        }
    }

    fn confirm(&mut self, waiter: JoinWaiter, group: &str) {
        match waiter {
            JoinWaiter::Nobody => {}
            JoinWaiter::Call(work) => self.finish_part(work),
            JoinWaiter::Ack(handle, ack_id) => {
                if let Some(slot) = self.resolve(handle)
                    && self.connection(slot).closing.is_none()
                {
                    self.acknowledge(slot, Some(ack_id));
                }
            }
            JoinWaiter::Subscription(handle, ack_id) => self.on_subscribed(handle, ack_id, group),
            JoinWaiter::Open(handle) => {
                if let Some(slot) = self.resolve(handle)
                    && self.connection(slot).held_joins > 0
                {
                    self.connection_mut(slot).held_joins -= 1;
                    self.release_if_unheld(slot);
                }
            }
        }
    }
}
