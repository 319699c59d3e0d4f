//! Writing batches to the last segment: each in one write, whole or not at all.
//!
//! A batch never spans two segments. Writes say their offset, so what a failed one left behind is
//! overwritten by the next; it is cut off as well, lest a shorter batch leave some of it standing.
//! If even that fails the segment is given up: the next batch begins a new one, and the name of
//! that says where this one ends.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::batch::Batch;
use super::directory::Directory;
use super::error::FileError;
use super::format::{self, HEADER_BYTES};
use super::segments::{Segment, Segments};

/// The file of the last segment, if that is still written to.
#[derive(Debug)]
pub(super) struct Writer {
    file: Option<File>,
    /// A segment is not extended beyond this; a batch that is larger gets one for itself.
    segment_bytes: u64,
    /// Segments were created that a loss of power might take the names of.
    has_new_names: bool,
}

impl Writer {
    /// `file` is that of the last segment.
    pub(super) fn new(file: Option<File>, segment_bytes: u64) -> Self {
        Self { file, segment_bytes, has_new_names: true }
    }

    /// Whether the batch may go to the last segment.
    pub(super) fn may_extend(&self, segments: &Segments, batch: &Batch) -> bool {
        let Some(last) = segments.last().filter(|_| self.file.is_some()) else {
            return false;
        };
        // It does not end there if its last records are lost or were settled before they were.
        let is_next = last.end == batch.first();
        let bytes = last.bytes + batch.bytes().len() as u64;
        is_next && (last.first == last.end || bytes <= self.segment_bytes)
    }

    /// Writes no more to the last segment: the next batch begins a new one.
    pub(super) fn seal(&mut self) {
        self.file = None;
    }

    /// Writes a batch, to a new segment if the last one may not be extended.
    ///
    /// # Errors
    /// Nothing of the batch is kept.
    pub(super) fn write(
        &mut self,
        batch: &Batch,
        segments: &mut Segments,
        directory: &Directory,
    ) -> Result<(), FileError> {
        if !self.may_extend(segments, batch) {
            self.seal();
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => self.begin_segment(batch.first(), segments, directory)?,
        };
        let (end, first) = segments.last().map_or((0, 0), |last| (last.bytes, last.first));
        let written = file.write_all_at(batch.bytes(), end);
        if written.is_ok() || file.set_len(end).is_ok() {
            self.file = Some(file);
        }
        written.map_err(directory.failed("write", first))?;
        segments.extend_last(batch.records(), batch.bytes().len() as u64);
        Ok(())
    }

    fn begin_segment(
        &mut self,
        first: u64,
        segments: &mut Segments,
        directory: &Directory,
    ) -> Result<File, FileError> {
        let file = directory.create_segment(first)?;
        self.has_new_names = true;
        // Without its header the file stays: the next attempt begins the same segment.
        let written = file.write_all_at(&format::encode_header(first), 0);
        written.map_err(directory.failed("write", first))?;
        segments.push(Segment { first, end: first, bytes: HEADER_BYTES as u64, is_synced: false });
        Ok(file)
    }

    /// Syncs what was written since the last time, also by those who had the spool before.
    pub(super) fn sync(
        &mut self,
        segments: &mut Segments,
        directory: &Directory,
    ) -> Result<(), FileError> {
        for segment in segments.unsynced() {
            // Opened once more: keeping the files of those that are full would be as many open
            // files as there are segments, for somebody who never syncs. The kernel reports an
            // error of writing back that nobody has seen yet to this file as well.
            let file = directory.open_segment(segment.first)?;
            file.sync_data().map_err(directory.failed("sync", segment.first))?;
            segment.is_synced = true;
        }
        if self.has_new_names {
            directory.sync()?;
            self.has_new_names = false;
        }
        Ok(())
    }
}
