//! Repeated keys in a list of entries that a client took for a map.
//!
//! Keys are sorted rather than compared in pairs: some thousand two-letter keys fit into the
//! limits, and millions of comparisons for one message would stall every other client of the
//! shard.

/// Removes the entries that a later one with the same key replaces, and returns whether there
/// were any. The order of the others is kept.
pub(super) fn remove_superseded<K: Ord, V>(entries: &mut Vec<(K, V)>) -> bool {
    let superseded = superseded(entries);
    if superseded.is_empty() {
        return false;
    }
    let mut index = 0..;
    entries.retain(|_| index.next().is_none_or(|index| superseded.binary_search(&index).is_err()));
    true
}

/// Indexes of the entries that a later one repeats, ascending.
fn superseded<K: Ord, V>(entries: &[(K, V)]) -> Vec<usize> {
    if entries.len() < 2 {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&index| &entries[index].0);
    let repeated = order.windows(2).filter(|pair| entries[pair[0]].0 == entries[pair[1]].0);
    let mut superseded: Vec<usize> = repeated.map(|pair| pair[0]).collect();
    superseded.sort_unstable();
    superseded
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_last_entry_of_each_key_stays(keys in proptest::collection::vec(0..20_u8, 0..40)) {
            let mut entries: Vec<_> = keys.iter().copied().zip(0_usize..).collect();
            let last: HashMap<_, _> = entries.iter().copied().collect();
            let expected: Vec<_> =
                entries.iter().copied().filter(|(key, index)| last[key] == *index).collect();
            let is_changed = remove_superseded(&mut entries);
            prop_assert_eq!(is_changed, expected.len() < keys.len());
            prop_assert_eq!(entries, expected);
        }
    }
}
