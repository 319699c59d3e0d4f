//! Records on disk, in order, until they are settled: what outlives the process that wrote them.
//!
//! A [`Spool`] is a bounded queue of byte records in a directory of its own. Records are
//! [appended](Spool::append) to a batch, [flushed](Spool::flush) in one write, [read](Spool::read)
//! back as often as need be and [settled](Spool::settle) in order. It is synchronous, starts no
//! thread, and knows nothing of what is in the records.
//!
//! # Promises
//!
//! - A flushed record is there after the process was killed, and a [synced](Spool::sync) one after
//!   a loss of power. It is read back exactly as it was, in order, or reported as lost.
//! - Sequence numbers are consecutive, but for those of settled records that a loss of power took;
//!   a number is given anew only if its record was not kept.
//! - Only what is settled is removed. After a loss of power a few settled records may be delivered
//!   again; one that is not settled is never passed over.
//! - Segments never take more than [`SpoolLimits::bytes_max`] on disk.
//! - Nothing that can be in the directory makes it panic, or allocate more than one record's worth.
//!
//! # On disk
//!
//! | File | Holds |
//! | --- | --- |
//! | `lock` | nothing; locked while the spool is open |
//! | `position` | the first record that is not settled, twice: `position.rs` says how |
//! | `00000000000000000042.spool` | a segment: records from number 42 on |
//!
//! A segment is a header of 24 bytes, and records one after the other. Numbers are little-endian,
//! checksums are CRC-32.
//!
//! | Header | | Record | |
//! | --- | --- | --- | --- |
//! | 8 bytes | `ccspool\n` | u32 | length of the payload |
//! | u32 | version, 1 | u32 | checksum of length, sequence number (u64) and payload |
//! | u64 | number of the first record | | payload |
//! | u32 | checksum of the above | | |

mod batch;
mod cursor;
mod directory;
mod error;
mod format;
mod position;
mod reader;
mod recovery;
mod segments;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;

use self::batch::Batch;
use self::directory::Directory;
pub use self::error::{AppendError, FileError, FlushError, OpenError};
pub use self::format::RECORD_BYTES_MAX;
use self::format::{HEADER_BYTES, record_bytes};
use self::position::Position;
use self::reader::Reader;
pub use self::reader::Readout;
pub use self::recovery::Recovery;
use self::segments::{KeepLast, Segments};
use self::writer::Writer;

/// How large a spool may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Of all segments together, headers included. Beyond it records are refused.
    pub bytes_max: u64,
    /// Of one segment, and so of what is given back to the disk at a time; a quarter of `bytes_max`
    /// if that is less, so that settled records never take most of the room. A batch that is larger
    /// makes a larger segment.
    pub segment_bytes: u64,
}

/// An append-only queue of records in a directory.
#[derive(Debug)]
pub struct Spool {
    bytes_max: u64,
    directory: Directory,
    segments: Segments,
    writer: Writer,
    reader: Reader,
    position: Position,
    /// Its first record is the one after the last flushed.
    batch: Batch,
}

impl Spool {
    /// Opens the spool in a directory, which is created if it is missing.
    ///
    /// # Errors
    /// The directory is another spool's, or cannot be used.
    pub fn open(directory: &Path, limits: SpoolLimits) -> Result<(Self, Recovery), OpenError> {
        let directory = Directory::open(directory)?;
        let mut position = Position::open(&directory)?;
        let recovered = recovery::recover(&directory, position.value())?;
        position.skip_to(recovered.position);
        let segment_bytes = limits.segment_bytes.min(limits.bytes_max / 4);
        let spool = Self {
            bytes_max: limits.bytes_max,
            segments: recovered.segments,
            writer: Writer::new(recovered.last, segment_bytes),
            reader: Reader::default(),
            batch: Batch::new(recovered.next),
            position,
            directory,
        };
        let recovery = Recovery { records: spool.len(), cut_bytes: recovered.cut_bytes };
        Ok((spool, recovery))
    }

    /// Adds a record to the batch and says its sequence number. It is kept once the batch is
    /// flushed. The batch is in memory: flush it before it becomes too large for that.
    ///
    /// # Errors
    /// There is no room for it, or never will be.
    pub fn append(&mut self, record: &[u8]) -> Result<u64, AppendError> {
        // The batch may need a segment of its own.
        let bytes = (HEADER_BYTES + record_bytes(record.len())) as u64;
        if record.len() > RECORD_BYTES_MAX || bytes > self.bytes_max {
            return Err(AppendError::TooLarge);
        }
        // What is settled makes way in `flush` if need be.
        let kept_bytes = if self.is_all_settled() { 0 } else { self.segments.bytes() };
        if kept_bytes + self.batch.bytes().len() as u64 + bytes > self.bytes_max {
            return Err(AppendError::Full);
        }
        Ok(self.batch.push(record))
    }

    /// Writes the batch, in one write. From here on its records can be read, and survive the
    /// process.
    ///
    /// # Errors
    /// The batch was not written, as when the disk is full. It is gone as a whole: a part of it
    /// would be a surprise, and kept in memory it would grow without bound.
    pub fn flush(&mut self) -> Result<(), FlushError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.make_room();
        let not_kept = self.batch.first()..self.batch.end();
        let written = self.writer.write(&self.batch, &mut self.segments, &self.directory);
        let next = if written.is_ok() { not_kept.end } else { not_kept.start };
        self.batch.restart(next);
        written.map_err(|error| FlushError { not_kept, error })
    }

    /// Makes what was flushed and settled so far survive a loss of power. This waits for the disk.
    ///
    /// # Errors
    /// The system refuses, and what is not yet safe may be lost.
    pub fn sync(&mut self) -> Result<(), FileError> {
        self.writer.sync(&mut self.segments, &self.directory)?;
        self.position.sync()
    }

    /// Flushed records from number `from` on, in order, until their payloads would exceed
    /// `bytes_max`; at least one if there is one. Damaged ones are passed and counted.
    ///
    /// # Errors
    /// A file cannot be read now. Nothing is passed over for that.
    pub fn read(&mut self, from: u64, bytes_max: usize) -> Result<Readout, FileError> {
        let readout = self.reader.read(from, bytes_max, &mut self.segments, &self.directory)?;
        if readout.lost > 0 {
            // Nobody will settle a lost record. That the position cannot be written shows at the
            // next record's settling; this call has something else to say.
            let _ = self.settle(self.first_unsettled());
        }
        Ok(readout)
    }

    /// Notes that all records below this sequence number are done, and removes segments that hold
    /// no others.
    ///
    /// # Errors
    /// The position could not be written or a segment not removed. The records count as settled
    /// all the same, until a restart; a later call tries again.
    pub fn settle(&mut self, below: u64) -> Result<(), FileError> {
        // A position in front of lost records goes on to the next that is there.
        let next = self.batch.first();
        let below = below.max(self.first_unsettled()).min(next);
        let below =
            self.segments.at_or_after(below).map_or(next, |segment| segment.first.max(below));
        if below == self.first_unsettled() {
            return Ok(());
        }
        // On a full disk removing may work where writing does not, so both are tried.
        let written = self.position.advance(below);
        written.and(self.remove_settled(KeepLast::Yes))
    }

    /// The sequence number below which everything is settled.
    pub fn first_unsettled(&self) -> u64 {
        self.position.value()
    }

    /// The sequence number of the next record to be appended.
    pub fn next_sequence(&self) -> u64 {
        self.batch.end()
    }

    /// Bytes that all segments take on disk, settled records in them included.
    pub fn bytes(&self) -> u64 {
        self.segments.bytes()
    }

    /// Flushed records that are not settled and not known to be lost.
    pub fn len(&self) -> u64 {
        self.segments.records_from(self.first_unsettled())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn is_all_settled(&self) -> bool {
        self.first_unsettled() == self.batch.first()
    }

    /// Ends the last segment if the batch needs a new one. If all is settled the old one goes first,
    /// so that both together are never too much.
    fn make_room(&mut self) {
        if !self.writer.may_extend(&self.segments, &self.batch) {
            self.writer.seal();
            // What cannot be removed now is tried again, and reported, when more is settled.
            let _ = self.remove_settled(KeepLast::No);
        }
    }

    fn remove_settled(&mut self, last: KeepLast) -> Result<(), FileError> {
        let removed = self.segments.remove_below(self.first_unsettled(), last, &self.directory);
        let first = self.segments.first().map_or(u64::MAX, |segment| segment.first);
        self.reader.forget_before(first);
        removed
    }
}
