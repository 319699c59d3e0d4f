//! Random operations, restarts and damage, against a map of what should be there.
//!
//! 1. The model keeps every record that was flushed, and forgets none.
//! 2. Damage is done while the spool is closed, to a byte whose record the model works out from the
//!    documented layout and the segments' names: that record and those behind it in its segment
//!    become "damaged". Of the last segment these are cut off by recovery.
//! 3. After every restart everything is read, in portions: exactly the records from the position on
//!    that are not damaged have to come, in order, and the damaged ones have to be counted. Only
//!    if the position was lost may they begin earlier than at the last one settled.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::spool::format::{HEADER_BYTES, record_bytes};
use crate::spool::{AppendError, Readout};

const LIMITS: SpoolLimits = SpoolLimits { bytes_max: 4000, segment_bytes: 400 };

#[derive(Clone, Debug)]
enum Step {
    Append {
        payload_bytes: usize,
        fill: u8,
    },
    Flush,
    Settle(Index),
    Read {
        from: Index,
        bytes_max: usize,
    },
    /// Ends the process, and does this to the directory.
    Restart(Vec<Harm>),
}

#[derive(Clone, Debug)]
enum Harm {
    /// The last segment loses its end.
    Truncate(Index),
    /// The last segment gets something behind its end.
    Garbage(Vec<u8>),
    /// Any segment, any byte.
    Flip(Index, Index),
    LosePosition,
    /// What a crash leaves of a segment that was just created.
    EmptySegment,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let harm = prop_oneof![
        3 => any::<Index>().prop_map(Harm::Truncate),
        2 => prop::collection::vec(any::<u8>(), 1..40).prop_map(Harm::Garbage),
        4 => any::<(Index, Index)>().prop_map(|(segment, byte)| Harm::Flip(segment, byte)),
        1 => Just(Harm::LosePosition),
        1 => Just(Harm::EmptySegment),
    ];
    let step = prop_oneof![
        12 => (0..120_usize, any::<u8>())
            .prop_map(|(payload_bytes, fill)| Step::Append { payload_bytes, fill }),
        6 => Just(Step::Flush),
        3 => any::<Index>().prop_map(Step::Settle),
        3 => (any::<Index>(), 0..600_usize)
            .prop_map(|(from, bytes_max)| Step::Read { from, bytes_max }),
        2 => prop::collection::vec(harm, 0..3).prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 1..80)
}

/// What should be in the spool.
#[derive(Default)]
struct Model {
    flushed: BTreeMap<u64, Vec<u8>>,
    batch: Vec<Vec<u8>>,
    damaged: BTreeSet<u64>,
    /// Segments with a changed byte, which is not changed back.
    flipped: BTreeSet<u64>,
    settled: u64,
    next: u64,
    /// The spool's, when it was looked at last.
    position: u64,
    /// Until it moves, and is written anew.
    is_position_lost: bool,
}

impl Model {
    fn is_there(&self, sequence: u64) -> bool {
        self.flushed.contains_key(&sequence) && !self.damaged.contains(&sequence)
    }

    /// What should be read from there on.
    fn records_from(&self, from: u64) -> Vec<(u64, Vec<u8>)> {
        let range = self.flushed.range(from..);
        let there = range.filter(|(sequence, _)| !self.damaged.contains(sequence));
        there.map(|(&sequence, payload)| (sequence, payload.clone())).collect()
    }

    fn append(&mut self, spool: &mut Spool, payload: Vec<u8>) {
        let sequence = self.next + self.batch.len() as u64;
        let in_batch: usize = self.batch.iter().map(|payload| record_bytes(payload.len())).sum();
        match spool.append(&payload) {
            Ok(appended) => {
                assert_eq!(appended, sequence);
                self.batch.push(payload);
            }
            Err(refused) => {
                assert_eq!(refused, AppendError::Full);
                let bytes = in_batch + record_bytes(payload.len()) + HEADER_BYTES;
                let kept = if self.settled == self.next { 0 } else { spool.bytes() };
                assert!(kept + bytes as u64 > LIMITS.bytes_max, "refused with room for it");
            }
        }
    }

    fn flush(&mut self, spool: &mut Spool) {
        spool.flush().unwrap();
        for payload in self.batch.drain(..) {
            self.flushed.insert(self.next, payload);
            self.next += 1;
        }
        assert!(spool.bytes() <= LIMITS.bytes_max);
    }

    /// The position may be ahead of what was settled, by lost records only.
    fn check_position(&mut self, spool: &Spool) {
        let position = spool.first_unsettled();
        let is_nothing_skipped = (self.settled..position).all(|sequence| !self.is_there(sequence));
        assert!(position >= self.settled && is_nothing_skipped, "{position}");
        self.settled = position;
        self.is_position_lost &= position == self.position;
        self.position = position;
        assert_eq!(spool.next_sequence(), self.next + self.batch.len() as u64);
    }

    /// Marks the record at byte `at` of a segment, and those behind it.
    fn damage(&mut self, segments: &[u64], index: usize, at: u64) {
        let end = segments.get(index + 1).copied().unwrap_or(self.next);
        let mut offset = HEADER_BYTES as u64;
        for sequence in segments[index]..end {
            let Some(payload) = self.flushed.get(&sequence) else { return };
            offset += record_bytes(payload.len()) as u64;
            if offset > at && at >= HEADER_BYTES as u64 {
                self.damaged.extend(sequence..end);
                return;
            }
        }
    }

    fn harm(&mut self, temp: &TempDirectory, harm: Harm) {
        let segments = temp.segments();
        let Some((&last, last_index)) = segments.last().zip(segments.len().checked_sub(1)) else {
            return;
        };
        match harm {
            Harm::Truncate(index) => {
                let file = File::options().write(true).open(temp.segment(last)).unwrap();
                let bytes = file.metadata().unwrap().len();
                let left = index.index(usize::try_from(bytes).unwrap() + 1) as u64;
                file.set_len(left).unwrap();
                if left < bytes {
                    // Cut in the header there is no record left, not even the first.
                    self.damage(&segments, last_index, left.max(HEADER_BYTES as u64));
                }
            }
            Harm::Garbage(bytes) => {
                let file = File::options().write(true).open(temp.segment(last)).unwrap();
                file.write_all_at(&bytes, file.metadata().unwrap().len()).unwrap();
            }
            Harm::Flip(segment, byte) => {
                let index = segment.index(segments.len());
                let first = segments[index];
                let path = temp.segment(first);
                let bytes = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
                if bytes > 0 && self.flipped.insert(first) {
                    let at = byte.index(bytes) as u64;
                    flip(&path, at);
                    self.damage(&segments, index, at);
                }
            }
            Harm::LosePosition => {
                let _ = fs::remove_file(temp.path().join("position"));
                self.is_position_lost = true;
            }
            Harm::EmptySegment => {
                if last < self.next {
                    File::create(temp.segment(self.next)).unwrap();
                }
            }
        }
    }

    /// What recovery is to make of the directory.
    fn restart(&mut self, spool: &Spool, segments: &[u64]) {
        self.batch.clear();
        if self.is_position_lost {
            // Everything that is there is delivered again; if nothing is, numbers begin anew.
            self.settled = segments.first().copied().unwrap_or(0);
        }
        // The last segment ends before its first damaged record.
        let end = segments
            .last()
            .map_or(0, |&last| self.damaged.range(last..).next().copied().unwrap_or(self.next));
        self.next = end.max(self.settled);
        self.position = spool.first_unsettled();
        assert_eq!(self.position, self.settled);
        assert_eq!(spool.next_sequence(), self.next);
        self.flushed.split_off(&self.next);
        self.damaged.split_off(&self.next);
    }

    /// Reads everything that is not settled, in portions of about so many bytes.
    fn check_all(&mut self, spool: &mut Spool, bytes_max: usize) {
        let expected = self.records_from(self.settled);
        let lost_expected = self.damaged.range(self.settled..).count() as u64;
        let (mut records, mut lost, mut from) = (Vec::new(), 0, self.settled);
        loop {
            let readout = spool.read(from, bytes_max).unwrap();
            lost += readout.lost;
            let Some((last, _)) = readout.records.last() else { break };
            from = last + 1;
            records.extend(readout.records);
        }
        assert_eq!(records, expected);
        assert_eq!(lost, lost_expected);
        assert_eq!(spool.len(), expected.len() as u64);
    }
}

fn run(steps: Vec<Step>) {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(LIMITS);
    let mut model = Model::default();
    for step in steps.into_iter().chain([Step::Flush, Step::Restart(vec![])]) {
        match step {
            Step::Append { payload_bytes, fill } => {
                model.append(&mut spool, vec![fill; payload_bytes]);
            }
            Step::Flush => model.flush(&mut spool),
            Step::Settle(index) => {
                let unsettled = usize::try_from(model.next - model.settled).unwrap();
                let below = model.settled + index.index(unsettled + 1) as u64;
                spool.settle(below).unwrap();
                model.settled = below;
            }
            Step::Read { from, bytes_max } => {
                let unsettled = usize::try_from(model.next - model.settled).unwrap();
                let from = model.settled + from.index(unsettled + 1) as u64;
                let Readout { records, bytes, .. } = spool.read(from, bytes_max).unwrap();
                let expected = model.records_from(from);
                assert_eq!(records, expected[..records.len()]);
                let sum: usize = records.iter().map(|(_, payload)| payload.len()).sum();
                assert_eq!(bytes, sum);
                assert!(records.len() <= 1 || bytes <= bytes_max);
                assert!(!records.is_empty() || expected.is_empty());
            }
            Step::Restart(harms) => {
                drop(spool);
                for harm in harms {
                    model.harm(&temp, harm);
                }
                let segments = temp.segments();
                spool = temp.open(LIMITS).0;
                model.restart(&spool, &segments);
                let left = temp.segments();
                model.flipped.retain(|first| left.contains(first));
                model.check_all(&mut spool, 200);
            }
        }
        model.check_position(&spool);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn every_flushed_record_comes_back_until_it_is_settled(steps in steps()) {
        run(steps);
    }
}
