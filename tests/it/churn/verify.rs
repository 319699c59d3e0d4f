//! What a log of the churn must show; the rules are at the head of the parent module.

use std::collections::HashMap;

use super::IN_FLIGHT;
use super::client::{Log, Membership, Publication};

/// The publications of one group: by publisher, then by number.
type Stream<'log> = HashMap<u32, Vec<&'log Publication>>;

/// Panics at the first membership that got too much, too little or in the wrong order; hands back
/// the number of deliveries.
pub(super) fn verify(log: &Log) -> usize {
    let streams = streams(log);
    let nothing = Stream::new();
    log.memberships
        .iter()
        .map(|membership| {
            verify_membership(membership, streams.get(&membership.group).unwrap_or(&nothing));
            membership.received.len()
        })
        .sum()
}

fn streams(log: &Log) -> HashMap<usize, Stream<'_>> {
    let mut streams: HashMap<usize, Stream<'_>> = HashMap::new();
    for publication in &log.publications {
        let stream = streams.entry(publication.group).or_default();
        let sent = stream.entry(publication.publisher).or_default();
        // Each publisher writes its own log in order, so an index is a number.
        assert_eq!(usize::try_from(publication.number), Ok(sent.len()));
        sent.push(publication);
    }
    streams
}

fn verify_membership(membership: &Membership, stream: &Stream<'_>) {
    let Membership { receiver, group, requested, joined, leaving, .. } = membership;
    let stay = format!(
        "client {receiver} in group {group}, requested {requested:?}, joined {joined:?}, \
         leaving {leaving:?}"
    );
    let mut received: HashMap<u32, Vec<u32>> = HashMap::new();
    for &(publisher, number) in &membership.received {
        received.entry(publisher).or_default().push(number);
    }
    for (publisher, numbers) in &received {
        for pair in numbers.windows(2) {
            assert_eq!(pair[1], pair[0] + 1, "{stay}: from {publisher} came {numbers:?}");
        }
        let sent = &stream[publisher];
        let first = sent[numbers[0] as usize];
        let stale = first.acked.is_some_and(|acked| acked + IN_FLIGHT < *requested);
        assert!(!stale, "{stay}: {} of {publisher} was acked at {:?}", first.number, first.acked);
    }
    let Some(joined) = *joined else { return };
    for (publisher, sent) in stream {
        // Ascending and without gaps, so the ends decide.
        let ends = received.get(publisher).map(|numbers| numbers[0]..=numbers[numbers.len() - 1]);
        for publication in sent.iter().filter(|publication| publication.sent > joined) {
            let Some(acked) = publication.acked else { continue };
            if leaving.is_none_or(|leaving| acked + IN_FLIGHT < leaving) {
                let number = publication.number;
                assert!(
                    ends.as_ref().is_some_and(|ends| ends.contains(&number)),
                    "{stay}: {number} of {publisher}, sent at {:?} and acked at {acked:?}, is \
                     missing; {ends:?} came",
                    publication.sent,
                );
            }
        }
    }
}
