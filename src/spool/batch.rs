//! The records that were appended and not flushed: already as they will be in the segment.

use super::format;

/// Beyond this, memory that a large batch needed is given back after it.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Records with consecutive sequence numbers that go to disk in one write.
#[derive(Debug)]
pub(super) struct Batch {
    first: u64,
    records: u64,
    bytes: Vec<u8>,
}

impl Batch {
    /// Empty; its first record will have this sequence number.
    pub(super) fn new(first: u64) -> Self {
        Self { first, records: 0, bytes: Vec::new() }
    }

    /// The sequence number of its first record, or of the one to come.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The sequence number of the next record to be pushed.
    pub(super) fn end(&self) -> u64 {
        self.first + self.records
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes a record and says its sequence number.
    pub(super) fn push(&mut self, record: &[u8]) -> u64 {
        let sequence = self.end();
        format::encode_record(sequence, record, &mut self.bytes);
        self.records += 1;
        sequence
    }

    /// Starts the next batch, with the record of this sequence number.
    pub(super) fn restart(&mut self, first: u64) {
        self.first = first;
        self.records = 0;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
    }
}
