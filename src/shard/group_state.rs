//! Group state: what members show of themselves to those who want to see it
//! (`client-json.md` section 9).
//!
//! A state lives on its owner's shard. Subscribers are an audience of the group of their own, so
//! changes reach them like any message, and joining it is confirmed like a join. A snapshot is
//! asked of every shard with members.

use std::collections::{BTreeMap, HashMap};

use super::calls::CallWaiter;
use super::command::{Act, Answer as CallAnswer, Command};
use super::connection::ConnectionHandle;
use super::membership::JoinWaiter;
use super::state::State;
use crate::frame::Queued;
use crate::frame::message::OutgoingState;
use crate::hub::group::{Audience, GroupIndex};
use crate::hub::name::HubName;
use crate::protocol::subprotocol::{AckError, GroupState, GroupStateItem, SetGroupState};

/// States that one snapshot shows at most.
const SNAPSHOT_ITEMS_MAX: usize = 200;

/// One member's state, on its way to a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberState {
    pub connection_id: String,
    pub user: Option<String>,
    pub state: GroupState,
    pub updated_at_ms: u64,
}

impl MemberState {
    fn item(&self) -> GroupStateItem<'_> {
        GroupStateItem {
            connection_id: &self.connection_id,
            user: self.user.as_deref(),
            state: Some(&self.state),
            updated_at_ms: self.updated_at_ms,
        }
    }
}

/// The states of this shard's members, by group and owner's slot.
#[derive(Debug, Default)]
pub struct GroupStates(HashMap<GroupIndex, BTreeMap<u32, (GroupState, u64)>>);

impl GroupStates {
    fn set(&mut self, group: GroupIndex, slot: u32, state: GroupState, updated_at_ms: u64) {
        self.0.entry(group).or_default().insert(slot, (state, updated_at_ms));
    }

    /// Returns whether there was one.
    fn clear(&mut self, group: GroupIndex, slot: u32) -> bool {
        let Some(states) = self.0.get_mut(&group) else { return false };
        let had_state = states.remove(&slot).is_some();
        if states.is_empty() {
            self.0.remove(&group);
        }
        had_state
    }

    fn of(&self, group: GroupIndex) -> impl Iterator<Item = (u32, &GroupState, u64)> {
        let states = self.0.get(&group).into_iter().flatten();
        states.map(|(slot, (state, updated_at_ms))| (*slot, state, *updated_at_ms))
    }
}

impl State {
    pub(super) fn on_set_group_state(&mut self, slot: u32, request: SetGroupState<'_>) {
        let SetGroupState { group, state, ack_id } = request;
        if self.is_duplicate(slot, ack_id) {
            return;
        }
        let Some(index) = self.membership_for(slot, &group, ack_id) else { return };
        let state = match state {
            Ok(state) => state,
            Err(error) => {
                return self.fail(slot, ack_id, AckError::BadRequest, error.to_string());
            }
        };
        let updated_at_ms = self.next_update(slot);
        match &state {
            Some(state) => self.group_states.set(index, slot, state.clone(), updated_at_ms),
            None => {
                self.group_states.clear(index, slot);
            }
        }
        self.announce_state(slot, &group, state.as_ref(), updated_at_ms);
        self.succeed(slot, ack_id);
    }

    pub(super) fn on_subscribe_group_state(&mut self, slot: u32, group: &str, ack: Option<u64>) {
        if self.is_duplicate(slot, ack) || self.membership_for(slot, group, ack).is_none() {
            return;
        }
        self.record(slot, ack);
        let handle = self.handle(slot);
        let waiter = JoinWaiter::Subscription(handle, ack);
        if !self.join_audience(slot, Audience::StateSubscribers, group, waiter) {
            self.on_subscribed(handle, ack, group);
        }
    }

    /// The subscription is known everywhere: it is acknowledged, and a snapshot asked for.
    pub(super) fn on_subscribed(
        &mut self,
        handle: ConnectionHandle,
        ack_id: Option<u64>,
        group: &str,
    ) {
        let Some(slot) = self.resolve(handle) else { return };
        if self.connection(slot).closing.is_some() {
            return;
        }
        self.acknowledge(slot, ack_id);
        let act = Act::States { group: group.to_owned() };
        let command = Command { hub: self.connection(slot).hub.name.clone(), act };
        self.call_for(command, CallWaiter::Snapshot { handle, group: group.into() });
    }

    /// Every shard has said which states its members have.
    pub(super) fn on_states(&mut self, handle: ConnectionHandle, group: &str, answer: CallAnswer) {
        let Some(slot) = self.resolve(handle) else { return };
        if self.connection(slot).closing.is_some() {
            return;
        }
        let mut states = match answer {
            CallAnswer::States(states) => states,
            _ => Vec::new(),
        };
        states.sort_unstable_by(|a, b| a.connection_id.cmp(&b.connection_id));
        states.truncate(SNAPSHOT_ITEMS_MAX);
        let items: Vec<_> = states.iter().map(MemberState::item).collect();
        let format = self.connection(slot).format;
        let snapshot = OutgoingState::Snapshot(&items);
        if let Some(frame) = snapshot.encode(&mut self.scratch, format, group) {
            self.enqueue(slot, Queued::message(frame, format, 0));
        }
    }

    pub(super) fn on_unsubscribe_group_state(&mut self, slot: u32, group: &str, ack: Option<u64>) {
        if !self.is_duplicate(slot, ack) {
            self.leave_audience(slot, Audience::StateSubscribers, group);
            self.succeed(slot, ack);
        }
    }

    /// What this shard's members show in a group.
    pub(super) fn states_of(&self, hub: &HubName, group: &str) -> Vec<MemberState> {
        let Some(index) = self.groups.find(hub, group) else { return Vec::new() };
        let states = self.group_states.of(index);
        let states = states.map(|(slot, state, updated_at_ms)| MemberState {
            connection_id: self.connection_id(slot).to_string(),
            user: self.connection(slot).user.as_deref().map(str::to_owned),
            state: state.clone(),
            updated_at_ms,
        });
        states.collect()
    }

    /// The connection leaves a group: nothing of it stays (section 9).
    pub(super) fn leave_group_state(&mut self, slot: u32, index: GroupIndex) {
        if self.connection(slot).extras.is_none() {
            return;
        }
        let group = self.groups.get(index).key().clone();
        self.leave_audience(slot, Audience::StateSubscribers, group.name());
        if self.group_states.clear(index, slot) {
            let updated_at_ms = self.next_update(slot);
            self.announce_state(slot, group.name(), None, updated_at_ms);
        }
    }

    fn announce_state(
        &mut self,
        slot: u32,
        group: &str,
        state: Option<&GroupState>,
        updated_at_ms: u64,
    ) {
        let connection_id = self.connection_id(slot).to_string();
        let connection = self.connection(slot);
        let (hub, user) = (connection.hub.name.clone(), connection.user.clone());
        let Some(index) = self.groups.find_of(Audience::StateSubscribers, &hub, group) else {
            return;
        };
        let update = OutgoingState::Update(GroupStateItem {
            connection_id: &connection_id,
            user: user.as_deref(),
            state,
            updated_at_ms,
        });
        self.publish_frames(index, &[], 0, |scratch, format| update.encode(scratch, format, group));
    }

    /// Strictly increasing for every owner, even within a millisecond.
    fn next_update(&mut self, slot: u32) -> u64 {
        let now = self.unix_offset_ms + self.now;
        let updated_at_ms = &mut self.connection_mut(slot).extras_mut().state_updated_at_ms;
        *updated_at_ms = now.max(*updated_at_ms + 1);
        *updated_at_ms
    }

    /// The group, if the connection is a member; otherwise the request has been answered.
    fn membership_for(&mut self, slot: u32, group: &str, ack: Option<u64>) -> Option<GroupIndex> {
        let connection = self.connection_mut(slot);
        // Whoever uses group state at all is looked at when it leaves a group.
        connection.extras_mut();
        let hub = connection.hub.name.clone();
        let index = self.groups.find(&hub, group);
        let index = index.filter(|index| self.connection(slot).membership_of(*index).is_some());
        if index.is_none() {
            self.fail(slot, ack, AckError::BadRequest, "The connection is not in the group.");
        }
        index
    }
}
