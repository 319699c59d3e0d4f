//! A spool in use: order, batches, bounds, and what is removed when.

use super::*;
use crate::spool::AppendError;

#[test]
fn records_come_back_in_order_with_consecutive_numbers() {
    let temp = TempDirectory::new();
    let (mut spool, recovery) = temp.open(TEN_PER_SEGMENT);
    assert_eq!(recovery, Recovery::default());
    assert!(spool.is_empty());
    fill(&mut spool, 35, 1);
    assert_eq!(temp.segments(), [0, 10, 20, 30]);
    assert_eq!((spool.len(), spool.first_unsettled(), spool.next_sequence()), (35, 0, 35));
    assert_eq!(read_all(&mut spool, 0), ((0..35).collect(), 0));
    assert_eq!(read_all(&mut spool, 17), ((17..35).collect(), 0));
    assert_eq!(read_all(&mut spool, 35), (vec![], 0));
    assert_eq!(read_all(&mut spool, u64::MAX), (vec![], 0));
}

#[test]
fn a_record_can_be_read_once_it_is_flushed() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(ROOMY);
    for sequence in 0..3 {
        spool.append(&record(sequence)).unwrap();
    }
    assert_eq!((spool.len(), spool.next_sequence()), (0, 3));
    assert_eq!(read_all(&mut spool, 0), (vec![], 0));
    spool.flush().unwrap();
    assert_eq!(read_all(&mut spool, 0), (vec![0, 1, 2], 0));
}

#[test]
fn reading_in_portions_sees_each_record_once_also_behind_the_writer() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    let mut next = 0;
    for _ in 0..20 {
        fill(&mut spool, 3, 2);
        // Two records fit.
        for expected in [2, 1, 0] {
            let readout = spool.read(next, 30).unwrap();
            assert_eq!(readout.records.len(), expected);
            for (sequence, payload) in readout.records {
                assert_eq!((sequence, payload), (next, record(next)));
                next += 1;
            }
        }
    }
    assert_eq!(next, 60);
    assert_eq!(spool.read(59, 0).unwrap().records.len(), 1, "at least one");
}

#[test]
fn a_batch_stays_in_one_segment_however_large() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    fill(&mut spool, 4, 4);
    fill(&mut spool, 7, 7);
    fill(&mut spool, 50, 50);
    fill(&mut spool, 1, 1);
    assert_eq!(temp.segments(), [0, 4, 11, 61]);
    assert_eq!(read_all(&mut spool, 0), ((0..62).collect(), 0));
}

#[test]
fn segments_are_removed_once_all_of_them_is_settled() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    fill(&mut spool, 35, 1);
    assert_eq!(spool.bytes(), 4 * 24 + 35 * 20);
    read_all(&mut spool, 0);
    spool.settle(9).unwrap();
    assert_eq!(temp.segments(), [0, 10, 20, 30]);
    spool.settle(20).unwrap();
    assert_eq!(temp.segments(), [20, 30]);
    assert_eq!((spool.len(), spool.bytes()), (15, 2 * 24 + 15 * 20));
    spool.settle(12).unwrap();
    assert_eq!(spool.first_unsettled(), 20, "never back");
    spool.settle(1000).unwrap();
    assert_eq!((spool.first_unsettled(), spool.len()), (35, 0), "never beyond what there is");
    assert_eq!(temp.segments(), [30], "still written to");
    fill(&mut spool, 10, 1);
    assert_eq!(temp.segments(), [30, 40], "filled up first");
    assert_eq!(read_all(&mut spool, 35), ((35..45).collect(), 0));
}

#[test]
fn a_removed_segment_is_not_kept_open() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    fill(&mut spool, 35, 1);
    // Two records: reading stops in the first segment.
    spool.read(0, 24).unwrap();
    spool.settle(35).unwrap();
    for entry in fs::read_dir("/proc/self/fd").unwrap() {
        let target = fs::read_link(entry.unwrap().path()).unwrap_or_default();
        let is_removed = target.starts_with(temp.path()) && !target.exists();
        assert!(!is_removed, "{}", target.display());
    }
}

#[test]
fn a_full_spool_takes_records_again_once_some_are_settled() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(SpoolLimits { bytes_max: 1000, segment_bytes: 1 << 20 });
    let mut appended = 0;
    while spool.append(&record(appended)).is_ok() {
        spool.flush().unwrap();
        appended += 1;
        assert!(spool.bytes() <= 1000);
    }
    assert_eq!(spool.append(&record(appended)), Err(AppendError::Full));
    assert!(appended > 40);
    assert!(temp.segments().len() >= 4, "a segment is a quarter at most");
    assert_eq!(read_all(&mut spool, 0), ((0..appended).collect(), 0));
    let second = temp.segments()[1];
    spool.settle(second).unwrap();
    assert_eq!(spool.append(&record(appended)), Ok(appended));
}

#[test]
fn records_in_a_batch_count_towards_the_bound() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(SpoolLimits { bytes_max: 24 + 20 * 3, segment_bytes: 1 << 20 });
    for sequence in 0..3 {
        assert_eq!(spool.append(&record(sequence)), Ok(sequence));
    }
    assert_eq!(spool.append(&record(3)), Err(AppendError::Full));
    spool.flush().unwrap();
    assert_eq!(spool.bytes(), 84);
    assert_eq!(spool.append(&record(3)), Err(AppendError::Full));
}

#[test]
fn with_everything_settled_all_of_the_room_is_there() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(SpoolLimits { bytes_max: 24 + 20 * 3, segment_bytes: 1 << 20 });
    for round in 0..20 {
        fill(&mut spool, 3, 3);
        assert_eq!(spool.bytes(), 84, "what was settled made way");
        assert_eq!(read_all(&mut spool, round * 3).0.len(), 3);
        spool.settle(u64::MAX).unwrap();
    }
    assert_eq!(spool.next_sequence(), 60);
    assert_eq!(temp.segments(), [57]);
}

#[test]
fn a_record_that_can_never_fit_is_told_from_a_full_spool() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(SpoolLimits { bytes_max: 100, segment_bytes: 100 });
    assert_eq!(spool.append(&[0; 69]), Err(AppendError::TooLarge));
    assert_eq!(spool.append(&[7; 68]), Ok(0));
    assert_eq!(spool.append(b""), Err(AppendError::Full));
    spool.flush().unwrap();
    assert_eq!(spool.read(0, 1).unwrap().records, [(0, vec![7; 68])]);

    let limits = SpoolLimits { bytes_max: u64::MAX, segment_bytes: u64::MAX };
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(limits);
    let beyond = vec![0; crate::spool::RECORD_BYTES_MAX + 1];
    assert_eq!(spool.append(&beyond), Err(AppendError::TooLarge));
}

#[test]
fn a_spool_without_room_refuses_everything() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(SpoolLimits { bytes_max: 0, segment_bytes: 0 });
    assert_eq!(spool.append(b""), Err(AppendError::TooLarge));
    spool.flush().unwrap();
    spool.sync().unwrap();
}

#[test]
fn empty_records_and_an_empty_batch_are_nothing_special() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(ROOMY);
    spool.flush().unwrap();
    assert!(temp.segments().is_empty());
    spool.append(b"").unwrap();
    spool.append(b"").unwrap();
    spool.flush().unwrap();
    let readout = spool.read(0, 0).unwrap();
    assert_eq!(readout.records, [(0, vec![]), (1, vec![])]);
}

#[test]
fn syncing_works_at_any_time() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    spool.sync().unwrap();
    fill(&mut spool, 25, 1);
    spool.settle(12).unwrap();
    spool.sync().unwrap();
    assert_eq!(spool.segments.unsynced().count(), 0);
    fill(&mut spool, 1, 1);
    assert_eq!(spool.segments.unsynced().count(), 1);
    spool.sync().unwrap();
}
