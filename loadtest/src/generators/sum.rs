//! What several processes saw of one or several servers, as one figure.
//!
//! Parts of one run can have the same server: what each read of it is then one thing seen twice,
//! while figures of different servers add up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::meter::Usage;
use crate::procfs::Memory;
use crate::target::Target;

/// The server of a part, and what is to be said about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Site {
    pid: Option<u32>,
    cores: Vec<usize>,
    pub(crate) notes: Vec<String>,
}

impl Site {
    pub(crate) fn of(target: &Target) -> Self {
        let pid = target.process.map(|process| process.pid);
        Self { pid, cores: target.cores(), notes: target.notes.clone() }
    }
}

/// Where the servers may run.
pub(crate) fn cores<'a>(sites: impl Iterator<Item = &'a Site>) -> Vec<usize> {
    let mut cores: Vec<_> = sites.flat_map(|site| &site.cores).copied().collect();
    cores.sort_unstable();
    cores.dedup();
    cores
}

/// What there is to be said, once each.
pub(crate) fn notes<'a>(sites: impl Iterator<Item = &'a Site>) -> Vec<String> {
    let mut notes = Vec::new();
    for note in sites.flat_map(|site| &site.notes) {
        if !notes.contains(note) {
            notes.push(note.clone());
        }
    }
    notes
}

/// The cost of one span that all parts have measured. Of a server that several have seen, the
/// longest look counts; without one of the servers there is no figure for them.
pub(crate) fn usage<'a>(parts: impl Iterator<Item = (&'a Site, Usage)>) -> Usage {
    let mut by_server = BTreeMap::new();
    let (mut seconds, mut generator_cpu_ns, mut is_generator_bound) = (0.0_f64, 0, false);
    for (site, usage) in parts {
        seconds = seconds.max(usage.seconds);
        generator_cpu_ns += usage.generator_cpu_ns;
        is_generator_bound |= usage.is_generator_bound;
        let seen = by_server.entry(site.pid).or_insert(usage.server_cpu_ns);
        *seen = (*seen).max(usage.server_cpu_ns);
    }
    Usage::of(seconds, by_server.into_values().sum(), generator_cpu_ns, is_generator_bound)
}

/// The memory of all servers at one moment.
pub(crate) fn memory<'a>(parts: impl Iterator<Item = (&'a Site, Memory)>) -> Memory {
    let by_server: BTreeMap<_, _> = parts.map(|(site, memory)| (site.pid, memory)).collect();
    let sum = |field: fn(&Memory) -> u64| by_server.values().map(field).sum();
    Memory {
        rss_bytes: sum(|memory| memory.rss_bytes),
        anonymous_bytes: sum(|memory| memory.anonymous_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(pid: Option<u32>) -> Site {
        Site { pid, cores: vec![3, 1], notes: vec!["once".into()] }
    }

    fn used(seconds: f64, server_cpu_ns: Option<u64>) -> Usage {
        Usage::of(seconds, server_cpu_ns, 500_000_000, false)
    }

    #[test]
    fn a_server_seen_by_two_parts_counts_once_and_two_servers_add_up() {
        let (a, b) = (site(Some(1)), site(Some(2)));
        let parts = [
            (&a, used(2.0, Some(1_000_000_000))),
            (&a, used(1.0, Some(900_000_000))),
            (&b, used(1.5, Some(500_000_000))),
        ];
        let sum = usage(parts.into_iter());
        assert_eq!((sum.seconds, sum.server_cpu_ns), (2.0, Some(1_500_000_000)));
        assert_eq!((sum.server_cpu_share, sum.generator_cpu_share), (Some(0.75), 0.75));

        let memory_of = |rss_bytes| Memory { rss_bytes, anonymous_bytes: 1 };
        let sum = memory([(&a, memory_of(7)), (&a, memory_of(7)), (&b, memory_of(9))].into_iter());
        assert_eq!((sum.rss_bytes, sum.anonymous_bytes), (16, 2));
        assert_eq!(cores([&a, &b].into_iter()), [1, 3]);
        assert_eq!(notes([&a, &b].into_iter()), ["once"]);
    }

    #[test]
    fn a_server_out_of_sight_leaves_no_sum() {
        let (a, b) = (site(Some(1)), site(None));
        let sum = usage([(&a, used(1.0, Some(5))), (&b, used(1.0, None))].into_iter());
        assert_eq!(sum.server_cpu_ns, None);
    }
}
