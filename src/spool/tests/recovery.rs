//! What is there after a restart: a clean one, a killed process, a loss of power, and damage.

use super::*;
use crate::spool::OpenError;
use crate::spool::format::encode_header;

/// A spool with so many records of which those below `settled` are, left behind.
fn left_behind(temp: &TempDirectory, records: u64, settled: u64) {
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    fill(&mut spool, records, 1);
    spool.settle(settled).unwrap();
}

/// Where the n-th record of a segment begins.
fn offset(n: u64) -> u64 {
    24 + n * 20
}

fn cut(path: &Path, bytes: u64) {
    File::options().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

#[test]
fn goes_on_where_it_was() {
    let temp = TempDirectory::new();
    left_behind(&temp, 35, 12);
    let (mut spool, recovery) = temp.open(TEN_PER_SEGMENT);
    assert_eq!(recovery, Recovery { records: 23, cut_bytes: 0 });
    assert_eq!((spool.first_unsettled(), spool.next_sequence(), spool.len()), (12, 35, 23));
    assert_eq!(spool.bytes(), 3 * 24 + 25 * 20);
    fill(&mut spool, 5, 1);
    assert_eq!(temp.segments(), [10, 20, 30], "the last segment is filled up");
    assert_eq!(read_all(&mut spool, 12), ((12..40).collect(), 0));
}

#[test]
fn what_was_not_flushed_is_gone_with_its_process() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(ROOMY);
    fill(&mut spool, 3, 1);
    spool.append(&record(3)).unwrap();
    drop(spool);
    let (mut spool, recovery) = temp.open(ROOMY);
    assert_eq!(recovery, Recovery { records: 3, cut_bytes: 0 });
    assert_eq!(read_all(&mut spool, 0), (vec![0, 1, 2], 0));
    assert_eq!(spool.next_sequence(), 3);
}

#[test]
fn numbers_go_on_after_everything_was_settled_and_removed() {
    let temp = TempDirectory::new();
    left_behind(&temp, 35, 35);
    let (spool, recovery) = temp.open(TEN_PER_SEGMENT);
    assert_eq!(recovery, Recovery::default());
    assert!(temp.segments().is_empty());
    assert_eq!((spool.first_unsettled(), spool.next_sequence()), (35, 35));
    drop(spool);
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    fill(&mut spool, 2, 1);
    assert_eq!(read_all(&mut spool, 0), (vec![35, 36], 0));
}

#[test]
fn the_end_is_cut_off_behind_the_last_whole_record() {
    for bytes in offset(5)..offset(6) {
        let temp = TempDirectory::new();
        left_behind(&temp, 16, 0);
        cut(&temp.segment(10), bytes);
        let (mut spool, recovery) = temp.open(TEN_PER_SEGMENT);
        assert_eq!(recovery, Recovery { records: 15, cut_bytes: bytes - offset(5) });
        assert_eq!(fs::metadata(temp.segment(10)).unwrap().len(), offset(5));
        fill(&mut spool, 2, 1);
        assert_eq!(temp.segments(), [0, 10]);
        assert_eq!(read_all(&mut spool, 0), ((0..17).collect(), 0));
    }
}

#[test]
fn a_last_segment_without_a_record_is_removed() {
    let header = encode_header(20);
    let zeros = [0; 4096];
    for bytes in [&[][..], &header[..10], &header, b"no segment at all, but as long", &zeros] {
        let temp = TempDirectory::new();
        left_behind(&temp, 20, 0);
        fs::write(temp.segment(20), bytes).unwrap();
        let (mut spool, recovery) = temp.open(TEN_PER_SEGMENT);
        assert_eq!(recovery.records, 20);
        assert_eq!(temp.segments(), [0, 10]);
        fill(&mut spool, 3, 1);
        assert_eq!(temp.segments(), [0, 10, 20]);
        assert_eq!(read_all(&mut spool, 0), ((0..23).collect(), 0));
    }
}

#[test]
fn damage_in_the_last_segment_costs_what_is_behind_it() {
    let temp = TempDirectory::new();
    left_behind(&temp, 18, 0);
    flip(&temp.segment(10), offset(4) + 9);
    let (mut spool, recovery) = temp.open(TEN_PER_SEGMENT);
    assert_eq!(recovery, Recovery { records: 14, cut_bytes: 4 * 20 });
    fill(&mut spool, 1, 1);
    assert_eq!(read_all(&mut spool, 0), ((0..15).collect(), 0));
}

#[test]
fn damage_further_ahead_is_passed_and_reported_once() {
    let temp = TempDirectory::new();
    left_behind(&temp, 35, 0);
    flip(&temp.segment(10), offset(4) + 9);
    let (mut spool, recovery) = temp.open(TEN_PER_SEGMENT);
    assert_eq!(recovery, Recovery { records: 35, cut_bytes: 0 });
    let there: Vec<u64> = (0..14).chain(20..35).collect();
    assert_eq!(read_all(&mut spool, 0), (there.clone(), 6));
    assert_eq!(read_all(&mut spool, 0), (there, 0));
    assert_eq!(spool.len(), 29);
    spool.settle(14).unwrap();
    assert_eq!(spool.first_unsettled(), 20, "nobody settles what is lost");
    assert_eq!(temp.segments(), [20, 30]);
}

#[test]
fn damage_where_reading_begins_is_passed_too() {
    let temp = TempDirectory::new();
    left_behind(&temp, 35, 0);
    flip(&temp.segment(10), offset(4));
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    assert_eq!(read_all(&mut spool, 17), ((20..35).collect(), 3));
    assert_eq!(spool.len(), 29);
    assert_eq!(read_all(&mut spool, 0).1, 0, "those before it were not asked for, and are known");
}

#[test]
fn a_damaged_header_costs_nothing() {
    let temp = TempDirectory::new();
    left_behind(&temp, 15, 0);
    for at in 0..24 {
        flip(&temp.segment(0), at);
        flip(&temp.segment(10), at);
    }
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    fill(&mut spool, 2, 1);
    assert_eq!(read_all(&mut spool, 0), ((0..17).collect(), 0));
}

#[test]
fn a_missing_segment_is_reported_and_later_ones_delivered() {
    let temp = TempDirectory::new();
    left_behind(&temp, 35, 0);
    fs::remove_file(temp.segment(10)).unwrap();
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    let there: Vec<u64> = (0..10).chain(20..35).collect();
    assert_eq!(read_all(&mut spool, 0), (there, 10));
}

#[test]
fn a_segment_that_goes_missing_in_use_is_reported_too() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    fill(&mut spool, 35, 1);
    fs::remove_file(temp.segment(10)).unwrap();
    let there: Vec<u64> = (0..10).chain(20..35).collect();
    assert_eq!(read_all(&mut spool, 0), (there, 10));
}

#[test]
fn damage_met_in_the_segment_in_use_leaves_room_for_new_records() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(ROOMY);
    fill(&mut spool, 6, 1);
    flip(&temp.segment(0), offset(2) + 8);
    assert_eq!(read_all(&mut spool, 0), (vec![0, 1], 4));
    fill(&mut spool, 2, 1);
    assert_eq!(temp.segments(), [0, 6]);
    assert_eq!(read_all(&mut spool, 0), (vec![0, 1, 6, 7], 0));
    spool.settle(2).unwrap();
    assert_eq!((spool.first_unsettled(), spool.len()), (6, 2));
}

#[test]
fn a_spool_of_nothing_but_damage_is_empty_once_that_is_reported() {
    let temp = TempDirectory::new();
    left_behind(&temp, 20, 0);
    flip(&temp.segment(0), offset(0));
    cut(&temp.segment(10), 0);
    let (mut spool, recovery) = temp.open(TEN_PER_SEGMENT);
    assert_eq!(recovery, Recovery { records: 10, cut_bytes: 0 });
    assert_eq!(read_all(&mut spool, 0), (vec![], 10));
    assert_eq!((spool.len(), spool.first_unsettled(), spool.next_sequence()), (0, 10, 10));
}

#[test]
fn a_lost_position_makes_repeats_and_loses_nothing() {
    let temp = TempDirectory::new();
    left_behind(&temp, 35, 24);
    fs::remove_file(temp.path().join("position")).unwrap();
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    assert_eq!(spool.first_unsettled(), 20);
    assert_eq!(read_all(&mut spool, 0), ((20..35).collect(), 0));
}

#[test]
fn new_records_are_never_below_a_position_that_outlived_the_old_ones() {
    let temp = TempDirectory::new();
    left_behind(&temp, 35, 33);
    cut(&temp.segment(30), offset(1) + 3);
    let (mut spool, recovery) = temp.open(TEN_PER_SEGMENT);
    assert_eq!(recovery, Recovery { records: 0, cut_bytes: 3 });
    assert_eq!((spool.first_unsettled(), spool.next_sequence()), (33, 33));
    fill(&mut spool, 2, 1);
    assert_eq!(temp.segments(), [33]);
    assert_eq!(read_all(&mut spool, 0), (vec![33, 34], 0));
}

#[test]
fn foreign_files_are_left_alone() {
    let temp = TempDirectory::new();
    left_behind(&temp, 5, 0);
    for name in ["notes.txt", "5.spool", "18446744073709551615.spool"] {
        fs::write(temp.path().join(name), "mine").unwrap();
    }
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    assert_eq!(read_all(&mut spool, 0), ((0..5).collect(), 0));
    spool.settle(5).unwrap();
    drop(spool);
    temp.open(TEN_PER_SEGMENT);
    for name in ["notes.txt", "5.spool", "18446744073709551615.spool"] {
        assert_eq!(fs::read(temp.path().join(name)).unwrap(), b"mine");
    }
}

#[test]
fn a_segment_of_another_version_is_refused_and_left_as_it_is() {
    let temp = TempDirectory::new();
    left_behind(&temp, 15, 0);
    let mut newer = encode_header(0);
    newer[8] = 2;
    let checksum = crc32fast::hash(&newer[..20]);
    newer[20..].copy_from_slice(&checksum.to_le_bytes());
    let file = File::options().write(true).open(temp.segment(0)).unwrap();
    file.write_all_at(&newer, 0).unwrap();
    cut(&temp.segment(10), offset(2) + 1);
    let refused = Spool::open(temp.path(), TEN_PER_SEGMENT).unwrap_err();
    let OpenError::UnknownVersion { path, version: 2 } = &refused else { panic!("{refused}") };
    assert_eq!(path, &temp.segment(0));
    assert_eq!(fs::metadata(temp.segment(10)).unwrap().len(), offset(2) + 1);
}
