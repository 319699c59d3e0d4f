//! What a spool that was left behind still holds, whether it was closed or its process killed.
//!
//! Only the last segment can end in the middle of a batch, so only that one is read as a whole; it
//! is cut off behind its last intact record. Of all others the names suffice: a segment ends where
//! the next begins. Thus opening takes the same time whatever the backlog, and what is damaged or
//! missing further ahead is found, passed and reported when reading gets there.
//!
//! The next record's number is never below the position. Otherwise new records would count as
//! settled: the position may have survived a loss of power that the records did not.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::cursor::{Cursor, Peeked};
use super::directory::Directory;
use super::error::{FileError, OpenError};
use super::format::{self, HEADER_BYTES};
use super::segments::{KeepLast, Segment, Segments};

/// No segment is longer, whatever its file says, so the sum of all does not overflow.
const SEGMENT_BYTES_MAX: u64 = 1 << 40;

/// What was found when a spool was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records that are there and not settled. Some may still turn out to be damaged.
    pub records: u64,
    /// What was cut off the end: part of a record that was being written, or damage and whatever
    /// was behind it. How many records that were is not known.
    pub cut_bytes: u64,
}

/// A spool's state on disk.
pub(super) struct Recovered {
    pub(super) segments: Segments,
    /// The file of the last segment, if it may be extended.
    pub(super) last: Option<File>,
    /// The first record that is not settled.
    pub(super) position: u64,
    /// The sequence number of the next new record.
    pub(super) next: u64,
    pub(super) cut_bytes: u64,
}

/// Takes stock of the segments, and removes those below `position`.
pub(super) fn recover(directory: &Directory, position: u64) -> Result<Recovered, OpenError> {
    let firsts = directory.segments()?;
    // All of them, before anything is changed.
    for &first in &firsts {
        check_version(first, directory)?;
    }
    let mut segments = Segments::default();
    for pair in firsts.windows(2) {
        let bytes = bytes_of(&directory.open_segment(pair[0])?, pair[0], directory)?;
        segments.push(Segment { first: pair[0], end: pair[1], bytes, is_synced: false });
    }
    // Segments are removed from the front only, so whatever was before the first one was settled,
    // even if the position that said so is lost.
    let position = position.max(firsts.first().copied().unwrap_or(0));
    let mut recovered = Recovered { segments, last: None, position, next: position, cut_bytes: 0 };
    if let Some(&first) = firsts.last() {
        recovered.take_last(first, directory)?;
    }
    recovered.segments.remove_below(position, KeepLast::No, directory)?;
    if recovered.segments.last().is_none() {
        recovered.last = None;
    }
    Ok(recovered)
}

impl Recovered {
    /// Adds the last segment, cut off where its intact records end; without any it is removed.
    fn take_last(&mut self, first: u64, directory: &Directory) -> Result<(), FileError> {
        let file = directory.open_segment(first)?;
        let bytes = bytes_of(&file, first, directory)?;
        let (end, intact_bytes) = scan(&file, first, bytes, directory)?;
        self.next = self.next.max(end);
        self.cut_bytes = bytes.saturating_sub(intact_bytes);
        if end == first {
            return directory.remove_segment(first);
        }
        if bytes > intact_bytes {
            file.set_len(intact_bytes).map_err(directory.failed("cut", first))?;
        }
        self.segments.push(Segment { first, end, bytes: intact_bytes, is_synced: false });
        self.last = Some(file);
        Ok(())
    }
}

/// The sequence number after a segment's last intact record, and the byte after it.
fn scan(
    file: &File,
    first: u64,
    bytes: u64,
    directory: &Directory,
) -> Result<(u64, u64), FileError> {
    let failed = || directory.failed("read", first);
    let mut cursor = Cursor::new(file.try_clone().map_err(failed())?, first);
    while let Peeked::Record(payload) = cursor.peek(bytes).map_err(failed())? {
        let payload_bytes = payload.len();
        cursor.advance(payload_bytes);
    }
    Ok((cursor.sequence(), cursor.offset()))
}

fn check_version(first: u64, directory: &Directory) -> Result<(), OpenError> {
    let file = directory.open_segment(first)?;
    let mut header = [0; HEADER_BYTES];
    // A file too short for a header stays all zeros here, which is no version.
    let _bytes = file.read_at(&mut header, 0).map_err(directory.failed("read", first))?;
    match format::unknown_version(&header) {
        Some(version) => {
            Err(OpenError::UnknownVersion { path: directory.segment_path(first), version })
        }
        None => Ok(()),
    }
}

fn bytes_of(file: &File, first: u64, directory: &Directory) -> Result<u64, FileError> {
    let bytes = file.metadata().map(|metadata| metadata.len());
    bytes.map(|bytes| bytes.min(SEGMENT_BYTES_MAX)).map_err(directory.failed("read", first))
}
