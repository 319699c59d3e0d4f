//! What members that come and go are owed: everything published to their group from the ack of
//! their join until they leave, in order and once.
//!
//! A stay is one client from its start to its end; many follow each other in one slot. What is
//! published before the ack may arrive or not, but nothing may be missing behind the first
//! delivery. A member is told to leave some time before it does: what was published until then
//! has to arrive first.

use serde::{Deserialize, Serialize};

use crate::gaps::Gaps;
use crate::wire::stamp::Stamp;

/// Reasons to distrust a run. All zero in a good one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Faults {
    /// Deliveries that never came to a member that was owed them.
    pub(crate) lost: u64,
    /// Deliveries that came after a later message of the same group.
    pub(crate) reordered: u64,
    pub(crate) duplicates: u64,
    /// Deliveries of a group the member is not in.
    pub(crate) wrong_group: u64,
    /// Deliveries to reliable members whose sequence id is not the next one.
    pub(crate) misnumbered: u64,
    /// Messages that are no delivery of this run, or damaged.
    pub(crate) unreadable: u64,
    /// Clients the server closed.
    pub(crate) clients_closed: u64,
    /// Close frames the server did not answer.
    pub(crate) unanswered_closes: u64,
    /// Clients that were due for a second and had no slot, or were still on their way at the end.
    pub(crate) not_in: u64,
}

impl Faults {
    pub(crate) fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let Self { lost, reordered, duplicates, wrong_group, misnumbered, unreadable, .. } = other;
        self.lost += lost;
        self.reordered += reordered;
        self.duplicates += duplicates;
        self.wrong_group += wrong_group;
        self.misnumbered += misnumbered;
        self.unreadable += unreadable;
        self.clients_closed += other.clients_closed;
        self.unanswered_closes += other.unanswered_closes;
        self.not_in += other.not_in;
    }

    /// Those that are known before the end.
    pub(crate) fn count_so_far(&self) -> u64 {
        self.lost
            + self.reordered
            + self.duplicates
            + self.wrong_group
            + self.misnumbered
            + self.unreadable
    }
}

pub(crate) struct Ledger {
    /// By group: how many have been published, which is the next sequence number.
    published_to: Vec<u32>,
    /// By slot; slot `i` is in group `i % groups`.
    stays: Vec<Stay>,
    /// By stay.
    gaps: Gaps,
    stays_begun: usize,
    pub(crate) published: u64,
    pub(crate) delivered: u64,
    pub(crate) faults: Faults,
}

#[derive(Clone, Default)]
struct Stay {
    number: usize,
    /// The first sequence number it is owed, once its join is acknowledged.
    owed_from: Option<u32>,
    /// The number that has to come next, once one has come.
    expected: Option<u32>,
    /// The first number it is not owed, once it is to leave.
    owed_until: Option<u32>,
}

impl Ledger {
    pub(crate) fn new(slots: usize, groups: usize) -> Self {
        Self {
            published_to: vec![0; groups],
            stays: vec![Stay::default(); slots],
            gaps: Gaps::default(),
            stays_begun: 0,
            published: 0,
            delivered: 0,
            faults: Faults::default(),
        }
    }

    /// Notes a message about to be published; the result is its sequence number.
    pub(crate) fn on_publish(&mut self, group: usize) -> u32 {
        let sequence = self.published_to[group];
        self.published_to[group] += 1;
        self.published += 1;
        sequence
    }

    /// Notes that a client starts in a slot.
    pub(crate) fn on_start(&mut self, slot: usize) {
        self.stays_begun += 1;
        self.stays[slot] = Stay { number: self.stays_begun, ..Stay::default() };
    }

    /// Notes the ack of a join. Nothing must have been published since it arrived.
    pub(crate) fn on_joined(&mut self, slot: usize) {
        let published = self.published_to[self.group_of(slot)];
        self.stays[slot].owed_from.get_or_insert(published);
    }

    /// Notes a delivery of its own group to a member.
    #[inline]
    pub(crate) fn on_delivery(&mut self, slot: usize, stamp: Stamp) {
        // The ack came in the same turn, in which nothing is published.
        self.on_joined(slot);
        let group = self.group_of(slot);
        let published = self.published_to[group];
        let stay = &mut self.stays[slot];
        let sequence = stamp.sequence;
        if sequence >= published {
            self.faults.unreadable += 1;
            return;
        }
        // The first may be one published before the ack; all behind that are owed too.
        let owed_from = stay.owed_from.unwrap_or(published);
        let expected = stay.expected.unwrap_or(sequence.min(owed_from));
        if sequence < expected {
            if self.gaps.fill(stay.number, sequence) {
                self.faults.reordered += 1;
                self.delivered += 1;
            } else {
                self.faults.duplicates += 1;
            }
            return;
        }
        if sequence > expected {
            self.gaps.open(stay.number, expected, sequence);
        }
        stay.expected = Some(sequence + 1);
        self.delivered += 1;
    }

    /// Notes that a member is to leave: what is published from now on need not arrive.
    pub(crate) fn on_told_to_leave(&mut self, slot: usize) {
        let published = self.published_to[self.group_of(slot)];
        self.stays[slot].owed_until.get_or_insert(published);
    }

    /// How many messages a member still has to get, beside those jumped over.
    pub(crate) fn missing(&self, slot: usize) -> u32 {
        let stay = &self.stays[slot];
        let until = stay.owed_until.unwrap_or(self.published_to[self.group_of(slot)]);
        let next = stay.expected.or(stay.owed_from).unwrap_or(until);
        until.saturating_sub(next)
    }

    /// Notes the end of a stay; what is missing is lost.
    pub(crate) fn on_left(&mut self, slot: usize) {
        self.faults.lost += u64::from(self.missing(slot));
        self.stays[slot] = Stay::default();
    }

    /// Notes that a member was cut off: what was on its way may be missing.
    pub(crate) fn on_cut(&mut self, slot: usize) {
        self.stays[slot] = Stay::default();
    }

    /// Counts what members that stayed never got; call it when nothing is expected any more.
    pub(crate) fn settle_losses(&mut self) {
        for slot in 0..self.stays.len() {
            self.faults.lost += u64::from(self.missing(slot));
        }
        self.faults.lost += self.gaps.count();
    }

    pub(crate) fn group_of(&self, slot: usize) -> usize {
        slot % self.published_to.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slot 3 is in group 1 of 2, which has had `published` messages when its client joins.
    fn joined_after(published: u32) -> Ledger {
        let mut ledger = Ledger::new(4, 2);
        ledger.on_start(3);
        publish(&mut ledger, published);
        ledger.on_joined(3);
        ledger
    }

    fn publish(ledger: &mut Ledger, count: u32) {
        (0..count).for_each(|_| {
            ledger.on_publish(1);
        });
    }

    fn deliver(ledger: &mut Ledger, sequences: &[u32]) {
        for &sequence in sequences {
            let stamp = Stamp { publisher: 0, target: 1, sequence, intended_ns: 0 };
            ledger.on_delivery(3, stamp);
        }
    }

    #[test]
    fn a_member_is_owed_all_from_its_ack_on_and_may_get_some_from_before() {
        for first in [2, 5] {
            let mut ledger = joined_after(5);
            publish(&mut ledger, 3);
            deliver(&mut ledger, &(first..8).collect::<Vec<_>>());
            assert_eq!(ledger.missing(3), 0);
            ledger.settle_losses();
            assert!(ledger.faults.is_clean());
        }
        let mut ledger = joined_after(5);
        publish(&mut ledger, 3);
        deliver(&mut ledger, &[6, 7]);
        ledger.settle_losses();
        assert_eq!(ledger.faults.lost, 1);
    }

    #[test]
    fn nothing_may_be_missing_behind_the_first_delivery_even_before_the_ack() {
        let mut ledger = Ledger::new(4, 2);
        ledger.on_start(3);
        publish(&mut ledger, 5);
        deliver(&mut ledger, &[2, 4]);
        ledger.settle_losses();
        assert_eq!(ledger.faults.lost, 1);
    }

    #[test]
    fn a_leaving_member_is_owed_what_was_published_before_it_was_told() {
        let mut ledger = joined_after(0);
        publish(&mut ledger, 2);
        ledger.on_told_to_leave(3);
        publish(&mut ledger, 2);
        assert_eq!(ledger.missing(3), 2);
        deliver(&mut ledger, &[0, 1, 2]);
        assert_eq!(ledger.missing(3), 0);
        ledger.on_left(3);
        ledger.settle_losses();
        assert!(ledger.faults.is_clean());
    }

    #[test]
    fn a_member_that_never_hears_anything_has_lost_it() {
        let mut ledger = joined_after(1);
        publish(&mut ledger, 4);
        ledger.on_told_to_leave(3);
        ledger.on_left(3);
        assert_eq!(ledger.faults.lost, 4);
    }

    #[test]
    fn late_double_and_unpublished_deliveries_are_told_apart() {
        let mut ledger = joined_after(0);
        publish(&mut ledger, 4);
        deliver(&mut ledger, &[0, 2, 1, 1, 3, 4]);
        ledger.settle_losses();
        let expected = Faults { reordered: 1, duplicates: 1, unreadable: 1, ..Faults::default() };
        assert_eq!((ledger.faults, ledger.delivered), (expected, 4));
    }

    #[test]
    fn the_next_client_in_a_slot_begins_anew() {
        let mut ledger = joined_after(0);
        publish(&mut ledger, 3);
        deliver(&mut ledger, &[0]);
        ledger.on_cut(3);
        ledger.on_start(3);
        ledger.on_joined(3);
        publish(&mut ledger, 1);
        deliver(&mut ledger, &[3]);
        ledger.settle_losses();
        assert!(ledger.faults.is_clean());
    }
}
