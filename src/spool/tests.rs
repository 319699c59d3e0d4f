//! Tests of the spool as a whole, on real files: its use as a queue, what it recovers, what it does
//! when files fail it, and random operations against a model.

mod failures;
mod model;
mod queue;
mod recovery;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Recovery, Spool, SpoolLimits};

/// A directory that is removed with all that is in it.
pub(super) struct TempDirectory(PathBuf);

impl TempDirectory {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("corecast-spool-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn open(&self, limits: SpoolLimits) -> (Spool, Recovery) {
        Spool::open(self.path(), limits).unwrap()
    }

    fn segment(&self, first: u64) -> PathBuf {
        self.0.join(super::format::segment_name(first))
    }

    /// The numbers in the segments' names.
    fn segments(&self) -> Vec<u64> {
        let names = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name());
        let mut firsts: Vec<u64> =
            names.filter_map(|name| super::format::first_in_name(&name)).collect();
        firsts.sort_unstable();
        firsts
    }
}

impl Drop for TempDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Room for everything in one segment.
const ROOMY: SpoolLimits = SpoolLimits { bytes_max: 1 << 20, segment_bytes: 1 << 18 };

/// Ten records of [`record`] fill a segment: 24 + 10 * (8 + 12) bytes.
const TEN_PER_SEGMENT: SpoolLimits = SpoolLimits { bytes_max: 1 << 20, segment_bytes: 224 };

/// A payload of twelve bytes that says its sequence number.
fn record(sequence: u64) -> Vec<u8> {
    format!("record {sequence:05}").into_bytes()
}

/// Appends so many records and flushes after each `batch` of them.
fn fill(spool: &mut Spool, records: u64, batch: u64) {
    for n in 1..=records {
        let sequence = spool.next_sequence();
        assert_eq!(spool.append(&record(sequence)), Ok(sequence));
        if n % batch == 0 {
            spool.flush().unwrap();
        }
    }
    spool.flush().unwrap();
}

/// The sequence numbers of everything from there on, whose payloads are right, and how many are
/// lost.
fn read_all(spool: &mut Spool, from: u64) -> (Vec<u64>, u64) {
    let readout = spool.read(from, usize::MAX).unwrap();
    for (sequence, payload) in &readout.records {
        assert_eq!(payload, &record(*sequence));
    }
    (readout.records.into_iter().map(|(sequence, _)| sequence).collect(), readout.lost)
}

/// Changes a byte of a file.
fn flip(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
}
