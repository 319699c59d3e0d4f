//! Reading records in order, over the borders of segments and over damage.
//!
//! Whoever goes on where it stopped pays for the new records only: the place is kept in a
//! [`Cursor`]. Going elsewhere (once after a link is lost) walks from the beginning of a segment.
//!
//! A damaged record hides the ones behind it in its segment, so all of these are lost and reading
//! goes on in the next. They are reported once: the list of segments remembers that they are gone.
//! A file that cannot be read at all is an error and not damage, because the next attempt may
//! succeed; only one that does not exist any more is lost.

use std::io::ErrorKind;

use super::cursor::{Cursor, Peeked};
use super::directory::Directory;
use super::error::FileError;
use super::segments::{Segment, Segments};

/// What [`Spool::read`](super::Spool::read) found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Readout {
    /// Sequence numbers and payloads, in order; with gaps where records are lost.
    pub records: Vec<(u64, Vec<u8>)>,
    /// Of all payloads.
    pub bytes: usize,
    /// Damaged records that were passed and will not be reported again.
    pub lost: u64,
}

/// Where reading goes on.
#[derive(Debug, Default)]
pub(super) struct Reader {
    cursor: Option<Cursor>,
}

/// Why reading one segment stopped.
enum Stop {
    /// There is as much as was asked for.
    Enough,
    /// The next record is in the next segment.
    End,
    Damaged,
}

impl Reader {
    /// Records from `from` on, until their payloads exceed `bytes_max`; at least one.
    ///
    /// # Errors
    /// A segment cannot be read, and there was nothing to be read before it.
    pub(super) fn read(
        &mut self,
        from: u64,
        bytes_max: usize,
        segments: &mut Segments,
        directory: &Directory,
    ) -> Result<Readout, FileError> {
        let mut readout = Readout::default();
        let mut from = from;
        while let Some(segment) = segments.at_or_after(from) {
            let segment = segment.clone();
            from = from.max(segment.first);
            let records = readout.records.len();
            let outcome = self.read_segment(&segment, from, bytes_max, &mut readout, directory);
            from += (readout.records.len() - records) as u64;
            match outcome {
                Ok(Stop::Enough) => break,
                Ok(Stop::End) => {}
                Ok(Stop::Damaged) => {
                    readout.lost += segment.end - from;
                    let end = self.cursor.take().map_or(segment.first, |cursor| cursor.sequence());
                    segments.cut(segment.first, end);
                }
                // What was read so far is not lost by it; the next call comes here again.
                Err(_) if readout != Readout::default() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(readout)
    }

    /// Lets go of a segment that is removed, and thus of its place on the disk.
    pub(super) fn forget_before(&mut self, first: u64) {
        self.cursor.take_if(|cursor| cursor.first() < first);
    }

    fn read_segment(
        &mut self,
        segment: &Segment,
        from: u64,
        bytes_max: usize,
        readout: &mut Readout,
        directory: &Directory,
    ) -> Result<Stop, FileError> {
        let Some(cursor) = self.cursor_before(segment, from, directory)? else {
            return Ok(Stop::Damaged);
        };
        while cursor.sequence() < segment.end {
            let sequence = cursor.sequence();
            let peeked = cursor.peek(segment.bytes);
            let Peeked::Record(payload) =
                peeked.map_err(directory.failed("read", segment.first))?
            else {
                return Ok(Stop::Damaged);
            };
            let payload_bytes = payload.len();
            if sequence >= from {
                let bytes = readout.bytes.saturating_add(payload_bytes);
                if bytes > bytes_max && !readout.records.is_empty() {
                    return Ok(Stop::Enough);
                }
                readout.records.push((sequence, payload.to_vec()));
                readout.bytes = bytes;
            }
            cursor.advance(payload_bytes);
        }
        Ok(Stop::End)
    }

    /// A cursor in this segment, at `from` or before it; `None` if there is no such file.
    fn cursor_before(
        &mut self,
        segment: &Segment,
        from: u64,
        directory: &Directory,
    ) -> Result<Option<&mut Cursor>, FileError> {
        let is_on_the_way =
            |cursor: &Cursor| cursor.first() == segment.first && cursor.sequence() <= from;
        let cursor = match self.cursor.take().filter(is_on_the_way) {
            Some(cursor) => cursor,
            None => match directory.open_segment(segment.first) {
                Ok(file) => Cursor::new(file, segment.first),
                Err(error) if error.source.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        Ok(Some(self.cursor.insert(cursor)))
    }
}
