//! Files that cannot be written or read, in use: what is kept, what is reported, and that it goes
//! on when they can be again.

use std::os::unix::fs::symlink;

use super::*;
use crate::spool::{OpenError, Writer};

#[test]
fn a_directory_has_one_spool() {
    let temp = TempDirectory::new();
    let (spool, _) = temp.open(ROOMY);
    assert!(matches!(Spool::open(temp.path(), ROOMY), Err(OpenError::InUse { .. })));
    drop(spool);
    temp.open(ROOMY);
}

#[test]
fn a_path_that_cannot_be_a_directory_is_named() {
    let error = Spool::open(Path::new("/dev/null/spool"), ROOMY).unwrap_err();
    assert_eq!(error.to_string(), "cannot create /dev/null/spool: Not a directory (os error 20)");
}

#[test]
fn a_full_disk_costs_the_batch_and_nothing_else() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    fill(&mut spool, 10, 10);
    // Where the next segment will be, so that writing it fails as on a full disk.
    symlink("/dev/full", temp.segment(10)).unwrap();
    for sequence in 10..13 {
        spool.append(&record(sequence)).unwrap();
    }
    let failed = spool.flush().unwrap_err();
    assert_eq!(failed.not_kept, 10..13);
    assert_eq!(failed.error.path, temp.segment(10));
    assert_eq!((spool.len(), spool.next_sequence(), spool.bytes()), (10, 10, 224));
    fs::remove_file(temp.segment(10)).unwrap();
    fill(&mut spool, 5, 5);
    assert_eq!(read_all(&mut spool, 0), ((0..15).collect(), 0));
}

#[test]
fn a_segment_that_can_neither_be_written_nor_cut_is_given_up() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(ROOMY);
    fill(&mut spool, 4, 4);
    spool.writer = Writer::new(Some(File::open(temp.segment(0)).unwrap()), 1 << 20);
    spool.append(&record(4)).unwrap();
    assert_eq!(spool.flush().unwrap_err().not_kept, 4..5);
    // What a failed write may have left standing, with the number of a record that is kept.
    let mut left = Vec::new();
    crate::spool::format::encode_record(4, b"not kept", &mut left);
    let file = File::options().write(true).open(temp.segment(0)).unwrap();
    file.write_all_at(&left, spool.bytes()).unwrap();
    fill(&mut spool, 2, 2);
    assert_eq!(temp.segments(), [0, 4]);
    assert_eq!(read_all(&mut spool, 0), ((0..6).collect(), 0));
    drop(spool);
    let (mut spool, _) = temp.open(ROOMY);
    assert_eq!(read_all(&mut spool, 0), ((0..6).collect(), 0));
}

#[test]
fn an_empty_segment_that_is_given_up_makes_way() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(ROOMY);
    let failing = |spool: &mut Spool| {
        spool.writer = Writer::new(Some(File::open(temp.segment(3)).unwrap()), 1 << 20);
        spool.append(b"not kept").unwrap();
        spool.flush().unwrap_err()
    };
    fill(&mut spool, 3, 3);
    spool.writer.seal();
    // A segment with a header and no record.
    spool
        .writer
        .write(&crate::spool::Batch::new(3), &mut spool.segments, &spool.directory)
        .unwrap();
    assert_eq!(failing(&mut spool).not_kept, 3..4);
    fill(&mut spool, 2, 2);
    assert_eq!(temp.segments(), [0, 3]);
    assert_eq!(spool.bytes(), 2 * 24 + 5 * 20);
    assert_eq!(read_all(&mut spool, 0), ((0..5).collect(), 0));
}

#[test]
fn a_segment_that_cannot_be_read_now_is_not_passed_over() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    fill(&mut spool, 35, 1);
    let (path, aside) = (temp.segment(10), temp.path().join("aside"));
    fs::rename(&path, &aside).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(read_all(&mut spool, 0), ((0..10).collect(), 0), "what is before it");
    assert_eq!(spool.read(10, usize::MAX).unwrap_err().path, path);
    fs::remove_dir(&path).unwrap();
    fs::rename(&aside, &path).unwrap();
    assert_eq!(read_all(&mut spool, 10), ((10..35).collect(), 0));
}

#[test]
fn a_segment_that_cannot_be_removed_is_tried_again() {
    let temp = TempDirectory::new();
    let (mut spool, _) = temp.open(TEN_PER_SEGMENT);
    fill(&mut spool, 35, 1);
    let (path, aside) = (temp.segment(10), temp.path().join("aside"));
    fs::rename(&path, &aside).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(spool.settle(25).unwrap_err().path, path);
    assert_eq!((spool.first_unsettled(), spool.len()), (25, 10));
    assert_eq!(spool.bytes(), 3 * 24 + 25 * 20);
    fs::remove_dir(&path).unwrap();
    spool.settle(26).unwrap();
    assert_eq!(temp.segments(), [20, 30]);
}
