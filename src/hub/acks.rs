//! The ack ids one connection has used (`client-json.md` section 5.3).

use std::collections::VecDeque;

/// Ids remembered per connection; the oldest are forgotten first.
pub const ACK_IDS_MAX: u64 = 1000;

/// The most recently recorded ack ids.
///
/// Clients number their requests upwards, so the ids are kept as runs in the order they were
/// recorded: one run of a thousand ids costs as much as one id. A client that numbers at random
/// costs a scan of at most a thousand runs for each of its own requests. One that has asked for
/// nothing costs a pointer.
#[derive(Debug, Default)]
pub struct AckIds {
    recorded: Option<Box<Recorded>>,
}

#[derive(Debug, Default)]
struct Recorded {
    runs: VecDeque<Run>,
    count: u64,
}

/// Ids that followed each other.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    last: u64,
}

impl AckIds {
    pub fn contains(&self, id: u64) -> bool {
        let runs = self.recorded.iter().flat_map(|recorded| &recorded.runs);
        runs.into_iter().any(|run| (run.first..=run.last).contains(&id))
    }

    /// Remembers `id`, which is not yet contained, and forgets the oldest beyond the limit.
    pub fn record(&mut self, id: u64) {
        let recorded = self.recorded.get_or_insert_default();
        match recorded.runs.back_mut() {
            Some(run) if run.last.checked_add(1) == Some(id) => run.last = id,
            _ => recorded.runs.push_back(Run { first: id, last: id }),
        }
        recorded.count += 1;
        if recorded.count > ACK_IDS_MAX {
            recorded.forget_oldest();
        }
    }
}

impl Recorded {
    fn forget_oldest(&mut self) {
        if let Some(run) = self.runs.front_mut() {
            if run.first == run.last {
                self.runs.pop_front();
            } else {
                run.first += 1;
            }
            self.count -= 1;
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
