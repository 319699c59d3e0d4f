//! The events of a destination that are not settled: those handed out, and those still to be.
//!
//! Events leave in the order of their numbers and are settled in any. After a link is lost they are
//! handed out again from the first that is not settled (`events-listener.md` section 6.1), without
//! those that were settled behind it.

use std::collections::VecDeque;

/// A queue with numbered places.
#[derive(Debug)]
pub(super) struct Window<T> {
    /// Empty where an event is settled; the first place is not.
    places: VecDeque<Option<T>>,
    first: u64,
    handed_out: usize,
    unsettled: usize,
}

impl<T> Window<T> {
    /// A window whose first event will have this number.
    pub(super) fn new(first: u64) -> Self {
        Self { places: VecDeque::new(), first, handed_out: 0, unsettled: 0 }
    }

    /// Adds the next event.
    pub(super) fn push(&mut self, item: T) {
        self.places.push_back(Some(item));
        self.unsettled += 1;
    }

    /// Adds the event of this number, unless it is known. Numbers left out are of lost events.
    pub(super) fn push_at(&mut self, number: u64, item: T) {
        if number < self.end() {
            return;
        }
        if self.places.is_empty() {
            self.first = number;
        }
        while self.end() < number {
            self.places.push_back(None);
        }
        self.push(item);
    }

    /// Leaves out the event of this number, and all before it that have not come: they are lost.
    pub(super) fn skip_to(&mut self, number: u64) {
        if self.places.is_empty() {
            self.first = self.first.max(number + 1);
        }
        while self.end() <= number {
            self.places.push_back(None);
        }
    }

    /// Hands out the next event with its number.
    pub(super) fn next(&mut self) -> Option<(u64, &T)> {
        let behind = self.places.iter().skip(self.handed_out);
        let settled = behind.take_while(|place| place.is_none()).count();
        let at = self.handed_out + settled;
        let item = self.places.get(at)?.as_ref()?;
        self.handed_out = at + 1;
        Some((self.first + at as u64, item))
    }

    /// Settles an event and gives it back, unless it was settled before.
    pub(super) fn settle(&mut self, number: u64) -> Option<T> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let item = self.places.get_mut(at)?.take()?;
        self.unsettled -= 1;
        while let Some(None) = self.places.front() {
            self.places.pop_front();
            self.first += 1;
            self.handed_out = self.handed_out.saturating_sub(1);
        }
        Some(item)
    }

    /// Everything that is not settled is handed out again.
    pub(super) fn rewind(&mut self) {
        self.handed_out = 0;
    }

    /// The first event that is not settled; all below it are.
    pub(super) fn front(&self) -> Option<(u64, &T)> {
        Some((self.first, self.places.front()?.as_ref()?))
    }

    /// The number of the first event that is not settled, or of the next to be added.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The number of the next event to be added.
    pub(super) fn end(&self) -> u64 {
        self.first + self.places.len() as u64
    }

    pub(super) fn unsettled(&self) -> usize {
        self.unsettled
    }

    /// Takes what is left.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> {
        (self.handed_out, self.unsettled) = (0, 0);
        self.first = self.end();
        std::mem::take(&mut self.places).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn after_a_rewind_only_what_is_not_settled_comes_again() {
        let mut window = Window::new(7);
        (0..4).for_each(|item| window.push(item));
        let all: Vec<_> =
            std::iter::from_fn(|| window.next().map(|(n, item)| (n, *item))).collect();
        assert_eq!(all, [(7, 0), (8, 1), (9, 2), (10, 3)]);
        assert_eq!(window.settle(9), Some(2));
        assert_eq!((window.settle(9), window.first()), (None, 7));
        assert_eq!(window.settle(7), Some(0));
        assert_eq!((window.first(), window.unsettled()), (8, 2));
        window.rewind();
        let again: Vec<_> = std::iter::from_fn(|| window.next().map(|(n, _)| n)).collect();
        assert_eq!(again, [8, 10]);
    }

    #[test]
    fn numbers_of_lost_events_are_left_out() {
        let mut window = Window::new(0);
        window.push_at(3, 'a');
        window.push_at(5, 'b');
        window.push_at(4, 'x');
        window.skip_to(4);
        assert_eq!((window.first(), window.end(), window.unsettled()), (3, 6, 2));
        assert_eq!(window.next(), Some((3, &'a')));
        assert_eq!(window.settle(3), Some('a'));
        assert_eq!(window.first(), 5);
        assert_eq!(window.next(), Some((5, &'b')));
        window.skip_to(6);
        assert_eq!((window.end(), window.next()), (7, None));
        assert_eq!(window.settle(5), Some('b'));
        assert_eq!(window.first(), 7);
        window.skip_to(8);
        assert_eq!((window.first(), window.end()), (9, 9));
    }

    proptest! {
        #[test]
        fn each_event_is_handed_out_in_order_until_it_is_settled(
            steps in prop::collection::vec((0..4_u8, 0..32_u64), 1..300),
        ) {
            let mut window = Window::new(0);
            let (mut pushed, mut settled) = (0, std::collections::BTreeSet::new());
            let mut expected = 0;
            for (step, pick) in steps {
                match step {
                    0 => { window.push(pushed); pushed += 1; }
                    1 => {
                        let due = (expected..pushed).find(|number| !settled.contains(number));
                        let next = window.next().map(|(number, item)| (number, *item));
                        prop_assert_eq!(next, due.map(|number| (number, number)));
                        expected = due.map_or(expected, |number| number + 1);
                    }
                    2 => {
                        let is_new = pick < pushed && settled.insert(pick);
                        prop_assert_eq!(window.settle(pick), is_new.then_some(pick));
                    }
                    _ => { window.rewind(); expected = 0; }
                }
                let first = (0..pushed).find(|n| !settled.contains(n)).unwrap_or(pushed);
                prop_assert_eq!(window.first(), first);
                prop_assert_eq!(window.front().map(|(number, _)| number), (first < pushed).then_some(first));
                prop_assert_eq!(window.unsettled() as u64, pushed - settled.len() as u64);
            }
        }
    }
}
