//! Who publishes to which group, and who is owed what.
//!
//! Subscriber `i` is in group `i % groups`. Publishers stand apart, as further clients that
//! publish to every group in turn, or the members are the publishers, each of its own group. The
//! publishers of one group have *lanes*, numbered from 0: order and loss are judged by subscriber
//! and lane, so that tables do not grow with publishers that never meet.

#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) subscribers: usize,
    pub(crate) publishers: usize,
    pub(crate) groups: usize,
    pub(crate) publishing: Publishing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Publishing {
    /// The clients behind the subscribers publish, to every group.
    Apart,
    /// Every subscriber publishes to its group, and gets its own messages too if `is_echoed`.
    Members { is_echoed: bool },
}

impl Shape {
    pub(crate) fn clients(&self) -> usize {
        match self.publishing {
            Publishing::Apart => self.subscribers + self.publishers,
            Publishing::Members { .. } => self.subscribers,
        }
    }

    pub(crate) fn group_of(&self, subscriber: usize) -> usize {
        subscriber % self.groups
    }

    pub(crate) fn client_of(&self, publisher: usize) -> usize {
        match self.publishing {
            Publishing::Apart => self.subscribers + publisher,
            Publishing::Members { .. } => publisher,
        }
    }

    /// Where a publisher begins. Those of all groups start apart, so that they do not all meet in
    /// one.
    pub(crate) fn first_group(&self, publisher: usize) -> usize {
        match self.publishing {
            Publishing::Apart => publisher * self.groups / self.publishers,
            Publishing::Members { .. } => self.group_of(publisher),
        }
    }

    /// Where a publisher goes on.
    pub(crate) fn next_group(&self, group: usize) -> usize {
        match self.publishing {
            Publishing::Apart => (group + 1) % self.groups,
            Publishing::Members { .. } => group,
        }
    }

    #[inline]
    pub(crate) fn is_echoed(&self) -> bool {
        self.publishing != Publishing::Members { is_echoed: false }
    }

    /// How many publishers a group has.
    pub(crate) fn lanes(&self) -> usize {
        match self.publishing {
            Publishing::Apart => self.publishers,
            Publishing::Members { .. } => self.publishers / self.groups,
        }
    }

    #[inline]
    pub(crate) fn lane_of(&self, publisher: usize) -> usize {
        match self.publishing {
            Publishing::Apart => publisher,
            Publishing::Members { .. } => publisher / self.groups,
        }
    }

    /// Whether there is such a publisher and it publishes to `group`.
    #[inline]
    pub(crate) fn publishes_to(&self, publisher: usize, group: usize) -> bool {
        publisher < self.publishers
            && (self.publishing == Publishing::Apart || self.group_of(publisher) == group)
    }

    /// Whether a subscriber is owed what the publisher of this lane of its group publishes.
    #[inline]
    pub(crate) fn is_owed(&self, subscriber: usize, lane: usize) -> bool {
        self.is_echoed() || self.lane_of(subscriber) != lane
    }

    /// How many receive a message to `group`.
    pub(crate) fn receivers_of(&self, group: usize) -> u32 {
        let rest = usize::from(group < self.subscribers % self.groups);
        let members = self.subscribers / self.groups + rest;
        u32::try_from(members - usize::from(!self.is_echoed())).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishers_apart_visit_every_group_and_are_further_clients() {
        let shape =
            Shape { subscribers: 7, publishers: 2, groups: 3, publishing: Publishing::Apart };
        assert_eq!((shape.clients(), shape.lanes()), (9, 2));
        assert_eq!((shape.client_of(1), shape.lane_of(1)), (8, 1));
        assert_eq!([0, 1].map(|publisher| shape.first_group(publisher)), [0, 1]);
        assert_eq!([0, 1, 2].map(|group| shape.next_group(group)), [1, 2, 0]);
        assert_eq!([0, 1, 2].map(|group| shape.receivers_of(group)), [3, 2, 2]);
        assert!(shape.publishes_to(1, 2) && !shape.publishes_to(2, 2));
        assert!((0..7).all(|subscriber| shape.is_owed(subscriber, 0)));
    }

    #[test]
    fn members_publish_to_their_own_group_each_in_a_lane_of_its_own() {
        for is_echoed in [true, false] {
            let publishing = Publishing::Members { is_echoed };
            let shape = Shape { subscribers: 6, publishers: 6, groups: 2, publishing };
            assert_eq!((shape.clients(), shape.lanes()), (6, 3));
            assert_eq!((shape.client_of(5), shape.first_group(5), shape.next_group(1)), (5, 1, 1));
            let group_1: Vec<_> = (0..6).filter(|&p| shape.publishes_to(p, 1)).collect();
            assert_eq!(group_1, [1, 3, 5]);
            assert_eq!([1, 3, 5].map(|publisher| shape.lane_of(publisher)), [0, 1, 2]);
            assert_eq!(shape.receivers_of(1), if is_echoed { 3 } else { 2 });
            assert_eq!(shape.is_owed(3, 1), is_echoed);
            assert!(shape.is_owed(3, 0));
        }
    }
}
