//! Who is where while clients come and go: which slots are free, whose turn it is to leave, and
//! how.
//!
//! The population is steady: whoever is in longest leaves when a newcomer is in, so that the
//! clients are never fewer than they are to be. No sockets, no clock.

use std::collections::VecDeque;

use crate::fleet::Leave;

pub(crate) struct Crowd {
    /// How many are to stay.
    size: usize,
    /// Slots without a client, longest free first.
    free: VecDeque<usize>,
    opening: usize,
    /// Those that may stay, in the order in which they came.
    members: VecDeque<usize>,
}

impl Crowd {
    /// `slots`, the first `size` of which will be filled first.
    pub(crate) fn new(size: usize, slots: usize) -> Self {
        Self { size, free: (0..slots).collect(), opening: 0, members: VecDeque::new() }
    }

    pub(crate) fn opening(&self) -> usize {
        self.opening
    }

    pub(crate) fn members(&self) -> &VecDeque<usize> {
        &self.members
    }

    /// How many more have to start until all are in.
    pub(crate) fn lacking(&self) -> usize {
        self.size.saturating_sub(self.members.len() + self.opening)
    }

    pub(crate) fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// A slot for a client that starts now.
    pub(crate) fn take_slot(&mut self) -> Option<usize> {
        let slot = self.free.pop_front()?;
        self.opening += 1;
        Some(slot)
    }

    pub(crate) fn on_opened(&mut self, slot: usize) {
        self.opening -= 1;
        self.members.push_back(slot);
    }

    /// The next member that is one too many.
    pub(crate) fn next_to_leave(&mut self) -> Option<usize> {
        (self.members.len() > self.size).then(|| self.members.pop_front()).flatten()
    }

    /// All members at once.
    pub(crate) fn leave_all(&mut self) -> Vec<usize> {
        self.members.drain(..).collect()
    }

    /// Notes that the client of a slot is gone, having left.
    pub(crate) fn on_gone(&mut self, slot: usize) {
        self.free.push_back(slot);
    }
}

/// How each of the clients that leave does it.
pub(crate) struct Goodbyes {
    abrupt_percent: u64,
    count: u64,
    abrupt: u64,
}

impl Goodbyes {
    pub(crate) fn new(abrupt_percent: u64) -> Self {
        Self { abrupt_percent, count: 0, abrupt: 0 }
    }

    /// Abrupt ones are spread evenly; every second of them resets its connection.
    pub(crate) fn next(&mut self) -> Leave {
        self.count += 1;
        if self.count * self.abrupt_percent / 100 == self.abrupt {
            return Leave::Orderly;
        }
        self.abrupt += 1;
        if self.abrupt.is_multiple_of(2) { Leave::Reset } else { Leave::Ended }
    }

    pub(crate) fn orderly(&self) -> u64 {
        self.count - self.abrupt
    }

    pub(crate) fn abrupt(&self) -> u64 {
        self.abrupt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_in_leaves_when_a_newcomer_is_in() {
        let mut crowd = Crowd::new(2, 3);
        for expected in [0, 1] {
            assert_eq!(crowd.take_slot(), Some(expected));
            crowd.on_opened(expected);
        }
        assert_eq!(crowd.next_to_leave(), None);
        assert_eq!((crowd.take_slot(), crowd.has_room(), crowd.opening()), (Some(2), false, 1));
        assert_eq!(crowd.next_to_leave(), None);
        crowd.on_opened(2);
        assert_eq!(crowd.next_to_leave(), Some(0));
        assert_eq!((crowd.next_to_leave(), crowd.take_slot()), (None, None));
        crowd.on_gone(0);
        assert_eq!(crowd.take_slot(), Some(0));
        assert_eq!(crowd.leave_all(), [1, 2]);
        assert_eq!(crowd.lacking(), 1);
    }

    #[test]
    fn abrupt_leaves_have_their_share_and_are_of_both_kinds() {
        let mut goodbyes = Goodbyes::new(30);
        let left: Vec<_> = (0..100).map(|_| goodbyes.next()).collect();
        let count = |kind| left.iter().filter(|&&leave| leave == kind).count();
        assert_eq!((count(Leave::Ended), count(Leave::Reset)), (15, 15));
        assert_eq!((goodbyes.orderly(), goodbyes.abrupt()), (70, 30));
        let mut never = Goodbyes::new(0);
        assert!((0..9).all(|_| never.next() == Leave::Orderly));
        let mut always = Goodbyes::new(100);
        assert!((0..9).all(|_| always.next() != Leave::Orderly));
    }
}
