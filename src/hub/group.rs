//! The groups this shard knows: its own members of each, and which other shards have some.
//!
//! A group exists here as long as anybody anywhere is in it. Members are kept apart by format, so
//! a fan-out walks one dense list per format. **Interest** is what other shards have told us:
//! `interest(format)` holds every shard that has members of that format. Joining, leaving and
//! interest never allocate per message; a name is hashed once per publish, on the publisher's
//! shard, and the hash travels with the message.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use slab::Slab;

use super::id::{ShardId, ShardSet};
use super::name::HubName;
use crate::frame::Format;

/// Who of a group is meant: they are kept apart, each with members and interest of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Everybody in it.
    Members,
    /// Those of them that want to hear of group states (`client-json.md` section 9).
    StateSubscribers,
}

/// A group's name with its hub and the hash of both, shared between shards.
#[derive(Debug)]
pub struct GroupKey {
    hash: u64,
    hub: HubName,
    audience: Audience,
    name: Box<str>,
}

impl GroupKey {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn audience(&self) -> Audience {
        self.audience
    }

    fn is(&self, audience: Audience, hub: &HubName, name: &str) -> bool {
        *self.name == *name && self.hub == *hub && self.audience == audience
    }
}

/// A group in this shard's table. Valid while the group exists; see [`Groups::release`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupIndex(u32);

/// One local member: which connection, and where that connection lists this group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub connection: u32,
    pub membership: u32,
}

/// A join that waits until the other shards have heard of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinToken(pub u32);

/// One group, as this shard sees it.
#[derive(Debug)]
pub struct Group {
    key: Arc<GroupKey>,
    members: [Vec<Member>; Format::COUNT],
    interest: [ShardSet; Format::COUNT],
    announcing: [Option<JoinToken>; Format::COUNT],
}

impl Group {
    pub fn key(&self) -> &Arc<GroupKey> {
        &self.key
    }

    /// This shard's members that receive `format`.
    pub fn members(&self, format: Format) -> &[Member] {
        &self.members[format.index()]
    }

    /// The other shards that have members of `format`.
    pub fn interest(&self, format: Format) -> ShardSet {
        self.interest[format.index()]
    }

    /// The join that is still announcing `format` to the other shards.
    pub fn announcing(&self, format: Format) -> Option<JoinToken> {
        self.announcing[format.index()]
    }

    pub fn set_announcing(&mut self, format: Format, token: Option<JoinToken>) {
        self.announcing[format.index()] = token;
    }

    /// Whether somebody, here or elsewhere, needs `format`.
    pub fn needs(&self, format: Format) -> bool {
        !self.members(format).is_empty() || !self.interest(format).is_empty()
    }

    /// Adds a member and returns its position.
    pub fn add(&mut self, format: Format, member: Member) -> u32 {
        let members = &mut self.members[format.index()];
        members.push(member);
        u32::try_from(members.len() - 1).unwrap_or(u32::MAX)
    }

    /// Removes the member at `position`; returns the one that took its place, if any.
    pub fn remove(&mut self, format: Format, position: u32) -> Option<Member> {
        let members = &mut self.members[format.index()];
        members.swap_remove(position as usize);
        // A group that was large once does not keep its list for ever.
        if members.len() * 4 < members.capacity() && members.capacity() > 64 {
            members.shrink_to(members.len() * 2);
        }
        members.get(position as usize).copied()
    }

    /// Notes that the member at `position` now lists this group in another place.
    pub fn move_membership(&mut self, format: Format, position: u32, membership: u32) {
        self.members[format.index()][position as usize].membership = membership;
    }

    fn is_unused(&self) -> bool {
        Format::ALL.iter().all(|format| !self.needs(*format))
    }
}

/// All groups of all hubs on one shard.
#[derive(Debug)]
pub struct Groups {
    hasher: RandomState,
    table: HashTable<u32>,
    groups: Slab<Group>,
}

impl Groups {
    /// All shards must be given the same `hasher`, as keys carry their hash from one to another.
    pub fn new(hasher: RandomState) -> Self {
        Self { hasher, table: HashTable::new(), groups: Slab::new() }
    }

    pub fn len(&self) -> usize {
        self.groups.len()
    }

    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub fn get(&self, index: GroupIndex) -> &Group {
        &self.groups[index.0 as usize]
    }

    pub fn get_mut(&mut self, index: GroupIndex) -> &mut Group {
        &mut self.groups[index.0 as usize]
    }

    /// The group of that name, if anybody anywhere is in it.
    pub fn find(&self, hub: &HubName, name: &str) -> Option<GroupIndex> {
        self.find_of(Audience::Members, hub, name)
    }

    /// The audience of the group of that name, if anybody anywhere belongs to it.
    pub fn find_of(&self, audience: Audience, hub: &HubName, name: &str) -> Option<GroupIndex> {
        let hash = self.hash(audience, hub, name);
        let is_it = |index: &u32| self.groups[*index as usize].key.is(audience, hub, name);
        self.table.find(hash, is_it).copied().map(GroupIndex)
    }

    /// The group a message from another shard means.
    pub fn find_key(&self, key: &GroupKey) -> Option<GroupIndex> {
        let is_it =
            |index: &u32| self.groups[*index as usize].key.is(key.audience, &key.hub, &key.name);
        self.table.find(key.hash, is_it).copied().map(GroupIndex)
    }

    /// The group of that name, created if there is none.
    pub fn find_or_create(&mut self, hub: &HubName, name: &str) -> GroupIndex {
        self.find_or_create_of(Audience::Members, hub, name)
    }

    /// The audience of the group of that name, created if there is none.
    pub fn find_or_create_of(
        &mut self,
        audience: Audience,
        hub: &HubName,
        name: &str,
    ) -> GroupIndex {
        self.find_of(audience, hub, name).unwrap_or_else(|| {
            let hash = self.hash(audience, hub, name);
            let key = GroupKey { hash, hub: hub.clone(), audience, name: name.into() };
            self.create(Arc::new(key))
        })
    }

    /// Records that `shard` has members of `format`.
    pub fn add_interest(&mut self, key: Arc<GroupKey>, format: Format, shard: ShardId) {
        let index = self.find_key(&key).unwrap_or_else(|| self.create(key));
        self.get_mut(index).interest[format.index()].insert(shard);
    }

    /// Records that `shard` has no more members of `format`.
    pub fn remove_interest(&mut self, key: &GroupKey, format: Format, shard: ShardId) {
        if let Some(index) = self.find_key(key) {
            self.get_mut(index).interest[format.index()].remove(shard);
            self.release(index);
        }
    }

    /// Forgets the group if nobody anywhere is in it any more; `index` is invalid then.
    pub fn release(&mut self, index: GroupIndex) {
        let group = &self.groups[index.0 as usize];
        if !group.is_unused() {
            return;
        }
        let hash = group.key.hash;
        if let Ok(entry) = self.table.find_entry(hash, |found| *found == index.0) {
            entry.remove();
        }
        self.groups.remove(index.0 as usize);
    }

    fn create(&mut self, key: Arc<GroupKey>) -> GroupIndex {
        let hash = key.hash;
        let index = self.groups.insert(Group {
            key,
            members: Default::default(),
            interest: Default::default(),
            announcing: Default::default(),
        });
        let index = u32::try_from(index).expect("four billion groups do not fit in memory");
        let groups = &self.groups;
        self.table.insert_unique(hash, index, |index| groups[*index as usize].key.hash);
        GroupIndex(index)
    }

    fn hash(&self, audience: Audience, hub: &HubName, name: &str) -> u64 {
        self.hasher.hash_one((audience, hub.as_str(), name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(name: &str) -> HubName {
        HubName::parse(name).expect("valid")
    }

    #[test]
    fn a_group_lives_as_long_as_somebody_is_in_it() {
        let mut groups = Groups::new(RandomState::default());
        let chat = hub("chat");
        let index = groups.find_or_create(&chat, "g");
        let member = Member { connection: 7, membership: 0 };
        assert_eq!(groups.get_mut(index).add(Format::Json, member), 0);
        let key = groups.get(index).key().clone();
        groups.add_interest(key.clone(), Format::Simple, ShardId::new(3));
        assert_eq!(groups.get_mut(index).remove(Format::Json, 0), None);
        groups.release(index);
        assert_eq!(groups.find(&chat, "g"), Some(index), "shard 3 still has a member");
        groups.remove_interest(&key, Format::Json, ShardId::new(3));
        assert_eq!(groups.find(&chat, "g"), Some(index), "of another format");
        groups.remove_interest(&key, Format::Simple, ShardId::new(3));
        assert_eq!(groups.find(&chat, "g"), None);
        assert!(groups.is_empty());
    }

    // C19's other half: names are apart by hub, and by case within one.
    #[test]
    fn names_are_apart_by_hub_and_by_case() {
        let mut groups = Groups::new(RandomState::default());
        let indices = [
            groups.find_or_create(&hub("a"), "g"),
            groups.find_or_create(&hub("b"), "g"),
            groups.find_or_create(&hub("a"), "G"),
        ];
        assert_eq!(groups.len(), 3);
        assert_eq!(groups.find_or_create(&hub("a"), "g"), indices[0]);
    }

    #[test]
    fn removing_a_member_says_who_took_its_place() {
        let mut groups = Groups::new(RandomState::default());
        let index = groups.find_or_create(&hub("a"), "g");
        let group = groups.get_mut(index);
        for connection in 0..3 {
            group.add(Format::Json, Member { connection, membership: 0 });
        }
        let moved = group.remove(Format::Json, 0);
        assert_eq!(moved.map(|member| member.connection), Some(2));
        assert_eq!(group.remove(Format::Json, 1), None);
    }
}
