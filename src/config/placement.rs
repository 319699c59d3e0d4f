//! Which cores this process may use, and which shard goes where.
//!
//! Usable are the cores of the affinity mask, but no more of them than the CPU quota pays for:
//! pinning four shards to four cores under a quota of two would have them wait for each other. With
//! fewer than four usable cores each gets a shard and the administrative thread is left to the
//! kernel; from four on the last one is kept free for it.

use std::num::NonZero;

use super::table;

/// From this many cores on, one stays without a shard.
const CORES_MIN_FOR_A_SPARE: usize = 4;

/// The cores that shards may be pinned to, by the kernel's numbers. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsableCores(Vec<usize>);

impl UsableCores {
    /// Asks the kernel.
    pub fn detect() -> Self {
        // Takes the mask and the quota of the control groups into account, as a number only.
        let count = std::thread::available_parallelism().map_or(1, NonZero::get);
        match rustix::thread::sched_getaffinity(None) {
            Ok(mask) => Self::new(core_ids(&mask), count),
            // More cores than the mask has bits: then there is no quota worth speaking of either.
            Err(_) => Self::new((0..count).collect(), count),
        }
    }

    /// The first `count` of `ids`. If there is nothing to choose from, the first core.
    pub fn new(mut ids: Vec<usize>, count: usize) -> Self {
        ids.truncate(count.max(1));
        if ids.is_empty() {
            ids.push(0);
        }
        Self(ids)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// How many shards to start if nobody says.
    pub fn default_shards(&self) -> usize {
        let spare = usize::from(self.count() >= CORES_MIN_FOR_A_SPARE);
        let (_, max) = table::SHARDS.allowed.bounds();
        (self.count() - spare).min(usize::try_from(max).unwrap_or(usize::MAX))
    }

    /// The core of a shard. More shards than cores share them in turn.
    pub fn core_of(&self, shard: usize) -> usize {
        self.0[shard % self.0.len()]
    }
}

fn core_ids(mask: &rustix::thread::CpuSet) -> Vec<usize> {
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| mask.is_set(*core)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_one_core_free_from_four_on() {
        let shards = |cores: usize| UsableCores::new((0..cores).collect(), cores).default_shards();
        assert_eq!([1, 2, 3, 4, 5, 64, 500].map(shards), [1, 2, 3, 3, 4, 63, 128]);
    }

    #[test]
    fn a_quota_shortens_the_mask() {
        let cores = UsableCores::new(vec![2, 3, 6, 7], 2);
        assert_eq!((cores.count(), cores.default_shards()), (2, 2));
        assert_eq!([0, 1, 2, 3].map(|shard| cores.core_of(shard)), [2, 3, 2, 3]);
    }

    #[test]
    fn there_is_always_a_core() {
        assert_eq!(UsableCores::new(Vec::new(), 0).core_of(5), 0);
        let cores = UsableCores::detect();
        assert!(cores.count() >= 1 && cores.default_shards() >= 1);
    }
}
