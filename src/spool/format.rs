//! The bytes of a segment: its header and its records, and the name of its file.
//!
//! A record's checksum covers its sequence number although that is not stored: it follows from the
//! segment's first one and the record's place. So bytes that are intact but stand where they do not
//! belong (left of a batch that was cut off, a segment under another's name) are no record. This
//! file reads and writes nothing; [`super`] shows the layout.

use std::ffi::OsStr;

use crc32fast::Hasher;

/// The largest record. A length beyond it is damage and is never believed, let alone allocated.
pub const RECORD_BYTES_MAX: usize = 64 << 20;

/// Magic, version, first sequence number, checksum of these.
pub(super) const HEADER_BYTES: usize = 8 + 4 + 8 + 4;

/// Length and checksum, in front of every record's payload.
pub(super) const RECORD_HEAD_BYTES: usize = 4 + 4;

/// No sequence number reaches this; one that does was not written by a spool. Half the range, so
/// that adding a count of records to one that was read cannot overflow.
pub(super) const SEQUENCE_END: u64 = 1 << 63;

const MAGIC: [u8; 8] = *b"ccspool\n";
const VERSION: u32 = 1;
const SUFFIX: &str = ".spool";
const NAME_DIGITS: usize = 20;

/// The name of the segment that begins with record `first`. Names sort as their numbers do.
pub(super) fn segment_name(first: u64) -> String {
    format!("{first:0NAME_DIGITS$}{SUFFIX}")
}

/// The inverse of [`segment_name`]; `None` for a file that is none of the spool's segments.
pub(super) fn first_in_name(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_suffix(SUFFIX)?;
    if digits.len() != NAME_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|&first| first < SEQUENCE_END)
}

pub(super) fn encode_header(first: u64) -> [u8; HEADER_BYTES] {
    header_of_version(VERSION, first)
}

fn header_of_version(version: u32, first: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&version.to_le_bytes());
    header[12..20].copy_from_slice(&first.to_le_bytes());
    let checksum = crc32fast::hash(&header[..20]);
    header[20..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// The version of an intact header that this code cannot read.
///
/// A damaged header says nothing and stands in nobody's way: every record proves itself.
pub(super) fn unknown_version(header: &[u8]) -> Option<u32> {
    let version = read_u32(header, 8)?;
    let checksum = read_u32(header, 20)?;
    let is_intact = header.starts_with(&MAGIC) && crc32fast::hash(&header[..20]) == checksum;
    (is_intact && version != VERSION).then_some(version)
}

/// How many bytes a payload of so many takes in a segment.
pub(super) const fn record_bytes(payload_bytes: usize) -> usize {
    RECORD_HEAD_BYTES + payload_bytes
}

/// Appends a record. The payload is at most [`RECORD_BYTES_MAX`] long.
pub(super) fn encode_record(sequence: u64, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(payload.len() <= RECORD_BYTES_MAX);
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    out.reserve(record_bytes(payload.len()));
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(length, sequence, payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// What some bytes begin with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// An intact record with a payload of so many bytes, after [`RECORD_HEAD_BYTES`].
    Record { payload_bytes: usize },
    /// The beginning of a record that is so many bytes long in all.
    Incomplete { record_bytes: usize },
    /// Not the record with this sequence number.
    Damaged,
}

/// Looks for the record with this sequence number at the beginning of `bytes`.
pub(super) fn decode_record(bytes: &[u8], sequence: u64) -> Decoded {
    let (Some(length), Some(expected)) = (read_u32(bytes, 0), read_u32(bytes, 4)) else {
        return Decoded::Incomplete { record_bytes: RECORD_HEAD_BYTES };
    };
    let payload_bytes = length as usize;
    if payload_bytes > RECORD_BYTES_MAX {
        return Decoded::Damaged;
    }
    let Some(payload) = bytes.get(RECORD_HEAD_BYTES..record_bytes(payload_bytes)) else {
        return Decoded::Incomplete { record_bytes: record_bytes(payload_bytes) };
    };
    if checksum(length.to_le_bytes(), sequence, payload) == expected {
        Decoded::Record { payload_bytes }
    } else {
        Decoded::Damaged
    }
}

fn checksum(length: [u8; 4], sequence: u64, payload: &[u8]) -> u32 {
    let mut head = [0; 12];
    head[..4].copy_from_slice(&length);
    head[4..].copy_from_slice(&sequence.to_le_bytes());
    let mut hasher = Hasher::new();
    hasher.update(&head);
    hasher.update(payload);
    hasher.finalize()
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_the_documented_one() {
        let header = encode_header(7);
        assert_eq!(&header[..20], b"ccspool\n\x01\0\0\0\x07\0\0\0\0\0\0\0");
        assert_eq!(header[20..], crc32fast::hash(&header[..20]).to_le_bytes());

        let mut record = Vec::new();
        encode_record(9, b"abc", &mut record);
        let covered = b"\x03\0\0\0\x09\0\0\0\0\0\0\0abc";
        assert_eq!(record[..4], [3, 0, 0, 0]);
        assert_eq!(record[4..8], crc32fast::hash(covered).to_le_bytes());
        assert_eq!(&record[8..], b"abc");
    }

    #[test]
    fn a_record_is_read_back_only_whole_unchanged_and_in_its_place() {
        let mut record = Vec::new();
        encode_record(9, b"payload", &mut record);
        assert_eq!(decode_record(&record, 9), Decoded::Record { payload_bytes: 7 });
        assert_eq!(decode_record(&record, 10), Decoded::Damaged);
        for cut in 0..record.len() {
            let record_bytes = if cut < RECORD_HEAD_BYTES { RECORD_HEAD_BYTES } else { 15 };
            assert_eq!(decode_record(&record[..cut], 9), Decoded::Incomplete { record_bytes });
        }
        for at in 0..record.len() {
            record[at] ^= 0x10;
            assert!(!matches!(decode_record(&record, 9), Decoded::Record { .. }), "byte {at}");
            record[at] ^= 0x10;
        }
    }

    #[test]
    fn zeros_are_no_record_and_no_length_is_believed_beyond_the_largest() {
        assert_eq!(decode_record(&[0; 64], 0), Decoded::Damaged);
        assert_eq!(decode_record(&[0xff; 64], 0), Decoded::Damaged);
    }

    #[test]
    fn an_empty_record_is_a_record() {
        let mut record = Vec::new();
        encode_record(0, b"", &mut record);
        assert_eq!(decode_record(&record, 0), Decoded::Record { payload_bytes: 0 });
    }

    #[test]
    fn only_an_intact_header_of_another_version_is_in_the_way() {
        assert_eq!(unknown_version(&encode_header(3)), None);
        let mut newer = header_of_version(2, 3);
        assert_eq!(unknown_version(&newer), Some(2));
        newer[15] ^= 1;
        assert_eq!(unknown_version(&newer), None);
        assert_eq!(unknown_version(&newer[..10]), None);
        assert_eq!(unknown_version(b""), None);
    }

    #[test]
    fn a_name_says_the_first_record_and_foreign_names_say_nothing() {
        assert_eq!(segment_name(42), "00000000000000000042.spool");
        for first in [0, 42, SEQUENCE_END - 1] {
            assert_eq!(first_in_name(OsStr::new(&segment_name(first))), Some(first));
        }
        for name in [
            "lock",
            "42.spool",
            "+0000000000000000042.spool",
            "00000000000000000042.spool.bak",
            "000000000000000000042.spool",
            "99999999999999999999.spool",
            "18446744073709551615.spool",
        ] {
            assert_eq!(first_in_name(OsStr::new(name)), None, "{name}");
        }
    }
}
