//! What was published and what has arrived: every delivery is checked against it.
//!
//! For each subscriber and publisher of its group the next sequence number is expected; anything
//! else goes the slow way, which tells loss, reordering and duplicates apart. For each message in
//! flight the ledger knows how many deliveries are missing. A publisher's message is under way
//! until it has come back, to a publisher that receives its own, and else until all have it.

use std::collections::VecDeque;

use serde::Serialize;

use super::shape::{Publishing, Shape};
use crate::gaps::Gaps;
use crate::wire::stamp::Stamp;

/// Reasons to distrust a run. All zero in a good one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Faults {
    /// Deliveries that never came.
    pub(crate) lost: u64,
    /// Deliveries that came after a later message of the same publisher and group.
    pub(crate) reordered: u64,
    pub(crate) duplicates: u64,
    /// Deliveries of a group the subscriber is not in.
    pub(crate) wrong_group: u64,
    /// Deliveries to a member that has published the message and asked not to get it.
    pub(crate) echoed: u64,
    /// Deliveries to reliable subscribers whose sequence id is not the next one.
    pub(crate) misnumbered: u64,
    /// Messages that are no delivery of this run, or damaged.
    pub(crate) unreadable: u64,
    /// Clients the server closed during the run.
    pub(crate) clients_closed: u64,
}

impl Faults {
    pub(crate) fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Those beside loss, which is only known at the end.
    pub(crate) fn count_so_far(&self) -> u64 {
        self.reordered
            + self.duplicates
            + self.wrong_group
            + self.echoed
            + self.misnumbered
            + self.unreadable
            + self.clients_closed
    }
}

pub(crate) struct Ledger {
    shape: Shape,
    /// By subscriber, then lane: the sequence number that has to come next.
    expected: Vec<u32>,
    /// By group, then lane.
    flights: Vec<Flight>,
    /// Messages not yet delivered to all who are owed them.
    outstanding: usize,
    /// By publisher.
    under_way: Vec<usize>,
    /// Publishers with fewer messages under way since the owner last cleared this, some of them
    /// repeatedly.
    pub(crate) freed: Vec<usize>,
    pub(crate) published: u64,
    pub(crate) delivered: u64,
    /// Sequence numbers jumped over, by cell of `expected`.
    gaps: Gaps,
    pub(crate) faults: Faults,
}

/// Messages of one publisher to one group that have not reached everyone.
#[derive(Clone, Default)]
struct Flight {
    first_sequence: u32,
    /// Missing deliveries of `first_sequence` and those after it.
    missing: VecDeque<u32>,
}

impl Ledger {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            shape,
            expected: vec![0; shape.subscribers * shape.lanes()],
            flights: vec![Flight::default(); shape.groups * shape.lanes()],
            outstanding: 0,
            under_way: vec![0; shape.publishers],
            freed: Vec::new(),
            published: 0,
            delivered: 0,
            gaps: Gaps::default(),
            faults: Faults::default(),
        }
    }

    pub(crate) fn under_way_of(&self, publisher: usize) -> usize {
        self.under_way[publisher]
    }

    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Notes a message about to be published; the result is its sequence number.
    pub(crate) fn on_publish(&mut self, publisher: usize, group: usize) -> u32 {
        let lane = self.shape.lane_of(publisher);
        let flight = &mut self.flights[group * self.shape.lanes() + lane];
        let sequence = flight.next_sequence();
        flight.missing.push_back(self.shape.receivers_of(group));
        self.outstanding += 1;
        self.under_way[publisher] += 1;
        self.published += 1;
        sequence
    }

    /// Notes a delivery to a subscriber that is a member of the stamped group.
    #[inline]
    pub(crate) fn on_delivery(&mut self, subscriber: usize, stamp: Stamp) {
        let (publisher, group) = (stamp.publisher as usize, stamp.target as usize);
        if !self.shape.publishes_to(publisher, group) {
            self.faults.unreadable += 1;
            return;
        }
        let lane = self.shape.lane_of(publisher);
        if !self.shape.is_owed(subscriber, lane) {
            self.faults.echoed += 1;
            return;
        }
        let flight = group * self.shape.lanes() + lane;
        let cell = subscriber * self.shape.lanes() + lane;
        let next = self.flights[flight].next_sequence();
        if stamp.sequence == self.expected[cell] && stamp.sequence < next {
            self.expected[cell] += 1;
        } else if !self.on_irregular(cell, stamp.sequence, next) {
            return;
        }
        self.delivered += 1;
        let completed = self.flights[flight].on_delivery(stamp.sequence);
        self.outstanding -= completed;
        let ended = match self.shape.publishing {
            Publishing::Members { is_echoed: true } => usize::from(subscriber == publisher),
            Publishing::Members { is_echoed: false } | Publishing::Apart => completed,
        };
        if ended > 0 {
            self.under_way[publisher] -= ended;
            self.freed.push(publisher);
        }
    }

    /// A sequence number out of turn, `next` being the first that was not published; whether the
    /// delivery is a first one.
    #[cold]
    fn on_irregular(&mut self, cell: usize, sequence: u32, next: u32) -> bool {
        if sequence >= next {
            self.faults.unreadable += 1;
            return false;
        }
        let expected = self.expected[cell];
        if sequence > expected {
            self.gaps.open(cell, expected, sequence);
            self.expected[cell] = sequence + 1;
            return true;
        }
        let is_late = self.gaps.fill(cell, sequence);
        if is_late {
            self.faults.reordered += 1;
        } else {
            self.faults.duplicates += 1;
        }
        is_late
    }

    /// Counts what never came; call it when nothing is expected any more.
    pub(crate) fn settle_losses(&mut self) {
        let lanes = self.shape.lanes();
        let mut lost = self.gaps.count();
        for subscriber in 0..self.shape.subscribers {
            let group = self.shape.group_of(subscriber);
            for lane in (0..lanes).filter(|&lane| self.shape.is_owed(subscriber, lane)) {
                let published = self.flights[group * lanes + lane].next_sequence();
                lost += u64::from(published - self.expected[subscriber * lanes + lane]);
            }
        }
        self.faults.lost = lost;
    }
}

impl Flight {
    fn next_sequence(&self) -> u32 {
        // The window of a run is bounded far below 32 bits.
        self.first_sequence + u32::try_from(self.missing.len()).unwrap_or(u32::MAX)
    }

    /// How many messages this delivery completed, in order: 0 or more.
    #[inline]
    fn on_delivery(&mut self, sequence: u32) -> usize {
        let place = sequence.checked_sub(self.first_sequence).map_or(usize::MAX, |at| at as usize);
        let Some(missing) = self.missing.get_mut(place) else { return 0 };
        *missing = missing.saturating_sub(1);
        let mut completed = 0;
        while self.missing.front() == Some(&0) {
            self.missing.pop_front();
            self.first_sequence += 1;
            completed += 1;
        }
        completed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape =
        Shape { subscribers: 3, publishers: 2, groups: 2, publishing: Publishing::Apart };

    fn stamp(publisher: u32, target: u32, sequence: u32) -> Stamp {
        Stamp { publisher, target, sequence, intended_ns: 0 }
    }

    /// Group 0 has the members 0 and 2; publisher 1 sends it `count` messages.
    fn published(count: u32) -> Ledger {
        let mut ledger = Ledger::new(SHAPE);
        for sequence in 0..count {
            assert_eq!(ledger.on_publish(1, 0), sequence);
        }
        ledger
    }

    #[test]
    fn a_message_is_outstanding_until_every_member_has_it() {
        let mut ledger = published(2);
        assert_eq!((ledger.under_way_of(1), ledger.outstanding()), (2, 2));
        ledger.on_delivery(0, stamp(1, 0, 0));
        assert_eq!(ledger.outstanding(), 2);
        ledger.on_delivery(2, stamp(1, 0, 0));
        assert_eq!(ledger.outstanding(), 1);
        ledger.on_delivery(2, stamp(1, 0, 1));
        ledger.on_delivery(0, stamp(1, 0, 1));
        assert_eq!((ledger.outstanding(), ledger.delivered), (0, 4));
        assert_eq!((ledger.under_way_of(1), &ledger.freed[..]), (0, &[1, 1][..]));
        ledger.settle_losses();
        assert!(ledger.faults.is_clean());
    }

    #[test]
    fn loss_reordering_and_duplicates_are_told_apart() {
        let mut ledger = published(4);
        for sequence in [0, 2, 1, 1] {
            ledger.on_delivery(0, stamp(1, 0, sequence));
        }
        for sequence in [0, 1, 3] {
            ledger.on_delivery(2, stamp(1, 0, sequence));
        }
        ledger.settle_losses();
        let expected = Faults { lost: 2, reordered: 1, duplicates: 1, ..Faults::default() };
        assert_eq!(ledger.faults, expected);
    }

    /// Members 0, 2 and 4 are group 0; member 2 publishes one message.
    fn published_by_member(is_echoed: bool) -> Ledger {
        let publishing = Publishing::Members { is_echoed };
        let mut ledger =
            Ledger::new(Shape { subscribers: 6, publishers: 6, groups: 2, publishing });
        assert_eq!(ledger.on_publish(2, 0), 0);
        ledger
    }

    #[test]
    fn a_member_may_publish_again_when_its_own_message_has_come_back() {
        let mut ledger = published_by_member(true);
        ledger.on_delivery(0, stamp(2, 0, 0));
        assert_eq!((ledger.under_way_of(2), ledger.freed.is_empty()), (1, true));
        ledger.on_delivery(2, stamp(2, 0, 0));
        assert_eq!((ledger.under_way_of(2), &ledger.freed[..]), (0, &[2][..]));
        assert_eq!(ledger.outstanding(), 1);
        ledger.settle_losses();
        assert_eq!(ledger.faults, Faults { lost: 1, ..Faults::default() });
        ledger.on_delivery(4, stamp(2, 0, 0));
        ledger.settle_losses();
        assert_eq!((ledger.outstanding(), ledger.faults.is_clean()), (0, true));
    }

    #[test]
    fn a_member_that_asked_for_no_echo_must_not_get_one() {
        let mut ledger = published_by_member(false);
        ledger.on_delivery(0, stamp(2, 0, 0));
        assert_eq!(ledger.under_way_of(2), 1);
        ledger.on_delivery(4, stamp(2, 0, 0));
        assert_eq!((ledger.under_way_of(2), ledger.outstanding(), ledger.delivered), (0, 0, 2));
        ledger.settle_losses();
        assert!(ledger.faults.is_clean());
        ledger.on_delivery(2, stamp(2, 0, 0));
        assert_eq!(ledger.faults, Faults { echoed: 1, ..Faults::default() });
    }

    #[test]
    fn members_of_other_groups_publish_nothing_to_this_one() {
        let mut ledger = published_by_member(true);
        ledger.on_delivery(0, stamp(1, 0, 0));
        assert_eq!((ledger.faults.unreadable, ledger.delivered), (1, 0));
    }

    #[test]
    fn deliveries_that_nobody_published_are_unreadable() {
        let mut ledger = published(1);
        ledger.on_delivery(0, stamp(1, 0, 1));
        ledger.on_delivery(0, stamp(7, 0, 0));
        assert_eq!(ledger.faults.unreadable, 2);
        assert_eq!(ledger.delivered, 0);
    }
}
