//! Up to where records are settled, kept on disk.
//!
//! The file `position` has two slots, each a sequence number and its checksum, which are written in
//! turn: a write that is torn by a crash damages the older one. The position only ever grows, so
//! the larger of the intact slots counts and needs no number of its own. The slots are a page
//! apart, because pages are what reaches the disk as a whole or not.
//!
//! A position that is lost, or older than what was last written, only makes the spool deliver
//! again what is still there; that is why it need not be synced before the segments are.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::directory::{Directory, create_file};
use super::error::FileError;
use super::format::SEQUENCE_END;

const SLOT_BYTES: usize = 8 + 4;
const SLOT_OFFSETS: [u64; 2] = [0, 4096];
/// Begins what the checksum covers, and says the version.
const MAGIC: &[u8] = b"ccspool position 1";

/// The first record that is not settled.
#[derive(Debug)]
pub(super) struct Position {
    path: PathBuf,
    file: File,
    value: u64,
    /// The slot to be written next, the one that does not hold `value`.
    slot: usize,
    is_synced: bool,
}

impl Position {
    /// Reads the position; zero if there is none, or none intact.
    pub(super) fn open(directory: &Directory) -> Result<Self, FileError> {
        let path = directory.position_path();
        let file = create_file(&path)?;
        let read = |at| read_slot(&file, at).map_err(FileError::new("read", &path));
        let [a, b] = [read(SLOT_OFFSETS[0])?, read(SLOT_OFFSETS[1])?];
        // `None` is less than any position.
        let slot = usize::from(a > b);
        Ok(Self { value: a.max(b).unwrap_or(0), path, file, slot, is_synced: false })
    }

    pub(super) fn value(&self) -> u64 {
        self.value
    }

    /// Goes on without writing it down.
    pub(super) fn skip_to(&mut self, value: u64) {
        self.value = self.value.max(value);
    }

    /// Goes on, and writes that down. The new value counts in memory even if that fails.
    pub(super) fn advance(&mut self, value: u64) -> Result<(), FileError> {
        self.skip_to(value);
        let slot = encode_slot(self.value);
        let written = self.file.write_all_at(&slot, SLOT_OFFSETS[self.slot]);
        written.map_err(FileError::new("write", &self.path))?;
        self.slot ^= 1;
        self.is_synced = false;
        Ok(())
    }

    pub(super) fn sync(&mut self) -> Result<(), FileError> {
        if !self.is_synced {
            self.file.sync_data().map_err(FileError::new("sync", &self.path))?;
            self.is_synced = true;
        }
        Ok(())
    }
}

fn encode_slot(value: u64) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..8].copy_from_slice(&value.to_le_bytes());
    slot[8..].copy_from_slice(&checksum(value).to_le_bytes());
    slot
}

fn read_slot(file: &File, at: u64) -> io::Result<Option<u64>> {
    let mut slot = [0; SLOT_BYTES];
    match file.read_exact_at(&mut slot, at) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        outcome => outcome?,
    }
    let value = slot.first_chunk().copied().map(u64::from_le_bytes);
    Ok(value.filter(|&value| encode_slot(value) == slot && value < SEQUENCE_END))
}

fn checksum(value: u64) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(MAGIC);
    hasher.update(&value.to_le_bytes());
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::super::tests::TempDirectory;
    use super::*;

    fn value_in(directory: &Directory) -> u64 {
        Position::open(directory).unwrap().value()
    }

    #[test]
    fn is_zero_at_first_and_then_what_was_written_last() {
        let temp = TempDirectory::new();
        let directory = Directory::open(temp.path()).unwrap();
        assert_eq!(value_in(&directory), 0);
        for value in [3, 9, 10, 1 << 40] {
            // Opened again each time, so the next slot is found by reading.
            Position::open(&directory).unwrap().advance(value).unwrap();
            assert_eq!(value_in(&directory), value);
        }
    }

    #[test]
    fn never_goes_back() {
        let temp = TempDirectory::new();
        let directory = Directory::open(temp.path()).unwrap();
        let mut position = Position::open(&directory).unwrap();
        position.advance(8).unwrap();
        position.advance(5).unwrap();
        assert_eq!((position.value(), value_in(&directory)), (8, 8));
    }

    #[test]
    fn a_damaged_slot_costs_one_step_and_two_all() {
        let temp = TempDirectory::new();
        let directory = Directory::open(temp.path()).unwrap();
        let mut position = Position::open(&directory).unwrap();
        for value in [1, 2, 3] {
            position.advance(value).unwrap();
        }
        // Slots hold 3 and 2.
        position.file.write_all_at(b"x", SLOT_OFFSETS[0] + 1).unwrap();
        assert_eq!(value_in(&directory), 2);
        position.file.write_all_at(b"x", SLOT_OFFSETS[1] + 9).unwrap();
        assert_eq!(value_in(&directory), 0);
    }

    #[test]
    fn a_file_of_zeros_or_a_short_one_is_no_position() {
        let temp = TempDirectory::new();
        let directory = Directory::open(temp.path()).unwrap();
        for bytes in [&[0; 8192][..], &[0; 5], &encode_slot(SEQUENCE_END)] {
            std::fs::write(directory.position_path(), bytes).unwrap();
            assert_eq!(value_in(&directory), 0);
        }
    }
}
