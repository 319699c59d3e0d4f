//! The ack ids one connection has used (`client-json.md` section 5.3).

use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// Ids remembered per connection; the oldest are forgotten first.
pub const ACK_IDS_MAX: u64 = 1000;

/// The most recently recorded ack ids.
///
/// Clients number their requests upwards, so the ids are kept as runs in the order they were
/// recorded: one run of a thousand ids costs as much as one id. A client that numbers at random
/// costs a scan of at most a thousand runs for each of its own requests.
#[derive(Debug, Default)]
pub struct AckIds {
    runs: VecDeque<RangeInclusive<u64>>,
    recorded: u64,
}

impl AckIds {
    pub fn contains(&self, id: u64) -> bool {
        self.runs.iter().any(|run| run.contains(&id))
    }

    /// Remembers `id`, which is not yet contained, and forgets the oldest beyond the limit.
    pub fn record(&mut self, id: u64) {
        match self.runs.back_mut() {
            Some(run) if run.end().checked_add(1) == Some(id) => *run = *run.start()..=id,
            _ => self.runs.push_back(id..=id),
        }
        self.recorded += 1;
        if self.recorded > ACK_IDS_MAX {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(run) = self.runs.front_mut() {
            if run.start() == run.end() {
                self.runs.pop_front();
            } else {
                *run = run.start() + 1..=*run.end();
            }
            self.recorded -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        // J10, J13: exactly the latest 1,000 ids, by a plain queue's account.
        #[test]
        fn equals_a_plain_queue(
            steps in proptest::collection::vec((0u64..3000, 1u64..400), 1..30),
        ) {
            let mut ids = AckIds::default();
            let mut model = VecDeque::new();
            for (start, count) in steps {
                for id in start..start + count {
                    prop_assert_eq!(ids.contains(id), model.contains(&id));
                    if !model.contains(&id) {
                        ids.record(id);
                        model.push_back(id);
                        if model.len() > 1000 {
                            model.pop_front();
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_id_is_an_id_like_any_other() {
        let mut ids = AckIds::default();
        ids.record(u64::MAX - 1);
        ids.record(u64::MAX);
        ids.record(0);
        assert!(ids.contains(u64::MAX) && ids.contains(0) && !ids.contains(1));
    }
}
