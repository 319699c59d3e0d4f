//! Sequence numbers that were jumped over, so that one which comes late can be told from one that
//! comes twice.

use std::collections::HashSet;

/// Gaps remembered one by one. Beyond, a late message counts as a duplicate; the run has failed
/// long before.
const GAPS_MAX: usize = 1 << 20;

/// By line of messages, whatever the owner counts as one.
#[derive(Default)]
pub(crate) struct Gaps {
    missed: HashSet<(usize, u32)>,
    count: u64,
}

impl Gaps {
    /// Notes that `came` has come where `expected` should have.
    pub(crate) fn open(&mut self, line: usize, expected: u32, came: u32) {
        self.count += u64::from(came - expected);
        let room = GAPS_MAX.saturating_sub(self.missed.len());
        self.missed.extend((expected..came).take(room).map(|missed| (line, missed)));
    }

    /// Notes a number below the expected one; whether it had been jumped over.
    pub(crate) fn fill(&mut self, line: usize, sequence: u32) -> bool {
        let is_late = self.missed.remove(&(line, sequence));
        self.count -= u64::from(is_late);
        is_late
    }

    /// How many have not come.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_filled_once_and_in_its_own_line() {
        let mut gaps = Gaps::default();
        gaps.open(1, 5, 8);
        assert_eq!(gaps.count(), 3);
        assert!(gaps.fill(1, 6) && !gaps.fill(1, 6));
        assert!(!gaps.fill(2, 5) && !gaps.fill(1, 8));
        assert_eq!(gaps.count(), 2);
    }
}
