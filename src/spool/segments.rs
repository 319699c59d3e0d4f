//! Which segments there are, what each holds, and how many bytes that takes: a list in memory.
//!
//! Segments are in order and do not overlap. Between the end of one and the beginning of the next
//! there is a gap where records were found damaged: nothing is read from there and nothing counted
//! twice. The end of a segment that was not scanned is taken from the name of the next, and
//! corrected when reading shows otherwise ([`Segments::cut`]).

use std::collections::VecDeque;

use super::directory::Directory;
use super::error::FileError;

/// One file of records with consecutive sequence numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Of its first record, and the name of its file.
    pub(super) first: u64,
    /// The sequence number after its last readable record.
    pub(super) end: u64,
    /// Of the file, with the header. What lies beyond is left of a failed write.
    pub(super) bytes: u64,
    pub(super) is_synced: bool,
}

/// The segments of a spool, oldest first. Only the last one grows.
#[derive(Debug, Default)]
pub(super) struct Segments {
    list: VecDeque<Segment>,
    /// The sum of theirs.
    bytes: u64,
}

impl Segments {
    /// Bytes on disk of all segments.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn first(&self) -> Option<&Segment> {
        self.list.front()
    }

    pub(super) fn last(&self) -> Option<&Segment> {
        self.list.back()
    }

    /// Adds a segment behind all others. One that begins at the same record has none and makes way.
    pub(super) fn push(&mut self, segment: Segment) {
        if let Some(replaced) = self.last().filter(|last| last.first == segment.first) {
            self.bytes -= replaced.bytes;
            self.list.pop_back();
        }
        debug_assert!(self.last().is_none_or(|last| last.end <= segment.first));
        self.bytes += segment.bytes;
        self.list.push_back(segment);
    }

    /// Notes what was written to the last segment.
    pub(super) fn extend_last(&mut self, records: u64, bytes: u64) {
        if let Some(last) = self.list.back_mut() {
            last.end += records;
            last.bytes += bytes;
            last.is_synced = false;
            self.bytes += bytes;
        }
    }

    /// The segment with record `sequence`, or the next one if that record is in a gap.
    pub(super) fn at_or_after(&self, sequence: u64) -> Option<&Segment> {
        let at = self.list.partition_point(|segment| segment.end <= sequence);
        // None of its records may be left, and those of the next ones neither.
        self.list.range(at..).find(|segment| segment.first < segment.end)
    }

    /// Notes that the segment beginning at `first` ends before record `end`.
    pub(super) fn cut(&mut self, first: u64, end: u64) {
        if let Some(segment) = self.list.iter_mut().find(|segment| segment.first == first) {
            segment.end = segment.end.min(end);
        }
    }

    /// Records from `sequence` on.
    pub(super) fn records_from(&self, sequence: u64) -> u64 {
        // From the back: at most those segments are looked at that hold some.
        let unsettled = self.list.iter().rev().take_while(|segment| segment.end > sequence);
        unsettled.map(|segment| segment.end - segment.first.max(sequence)).sum()
    }

    /// Those that have to be synced, oldest first.
    pub(super) fn unsynced(&mut self) -> impl Iterator<Item = &mut Segment> {
        self.list.iter_mut().filter(|segment| !segment.is_synced)
    }

    /// Removes segments of which all records are below `sequence`, and their files, oldest first.
    pub(super) fn remove_below(
        &mut self,
        sequence: u64,
        last: KeepLast,
        directory: &Directory,
    ) -> Result<(), FileError> {
        while let Some(segment) = self.list.front() {
            if segment.end > sequence || (last == KeepLast::Yes && self.list.len() == 1) {
                break;
            }
            directory.remove_segment(segment.first)?;
            self.bytes -= segment.bytes;
            self.list.pop_front();
        }
        Ok(())
    }
}

/// Whether the last segment stays even if it is settled: it is still written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeepLast {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::super::tests::TempDirectory;
    use super::*;

    fn segment(first: u64, end: u64) -> Segment {
        Segment { first, end, bytes: 100, is_synced: true }
    }

    /// Records 10 to 19, 30 to 39 and 40 to 44; 20 to 29 are lost.
    fn with_gap() -> Segments {
        let mut segments = Segments::default();
        for (first, end) in [(10, 30), (30, 40), (40, 45)] {
            segments.push(segment(first, end));
        }
        segments.cut(10, 20);
        segments
    }

    #[test]
    fn a_record_in_a_gap_is_looked_for_in_the_next_segment() {
        let segments = with_gap();
        let found = |at| segments.at_or_after(at).map(|segment| segment.first);
        assert_eq!(found(0), Some(10));
        assert_eq!(found(19), Some(10));
        assert_eq!(found(20), Some(30));
        assert_eq!(found(44), Some(40));
        assert_eq!(found(45), None);
    }

    #[test]
    fn segments_without_a_readable_record_are_passed() {
        let mut segments = with_gap();
        segments.cut(30, 30);
        segments.push(segment(45, 45));
        let found = |at| segments.at_or_after(at).map(|segment| segment.first);
        assert_eq!(found(20), Some(40));
        assert_eq!(found(45), None);
    }

    #[test]
    fn records_in_gaps_do_not_count() {
        let segments = with_gap();
        assert_eq!(segments.records_from(0), 25);
        assert_eq!(segments.records_from(15), 20);
        assert_eq!(segments.records_from(25), 15);
        assert_eq!(segments.records_from(45), 0);
    }

    #[test]
    fn removing_goes_up_to_the_first_with_an_unsettled_record() {
        let temp = TempDirectory::new();
        let directory = Directory::open(temp.path()).unwrap();
        let mut segments = with_gap();
        segments.remove_below(39, KeepLast::Yes, &directory).unwrap();
        assert_eq!(segments.first(), Some(&segment(30, 40)));
        assert_eq!(segments.bytes(), 200);
        segments.remove_below(45, KeepLast::Yes, &directory).unwrap();
        assert_eq!(segments.first(), Some(&segment(40, 45)));
        segments.remove_below(45, KeepLast::No, &directory).unwrap();
        assert_eq!((segments.last(), segments.bytes()), (None, 0));
    }

    #[test]
    fn an_empty_segment_is_replaced_by_one_that_begins_at_the_same_record() {
        let mut segments = with_gap();
        segments.push(segment(45, 45));
        segments.push(segment(45, 45));
        assert_eq!(segments.bytes(), 400);
        segments.extend_last(2, 50);
        assert_eq!(
            segments.last(),
            Some(&Segment { bytes: 150, is_synced: false, ..segment(45, 47) })
        );
        assert_eq!(segments.bytes(), 450);
    }
}
