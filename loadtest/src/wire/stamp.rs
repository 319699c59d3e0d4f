//! What a payload begins with: who sent it, to which target, as which message, and when due.
//!
//! Fixed-width lower-case hexadecimal with a dot behind each field, so that it is text in every
//! subprotocol and is read without searching: `pppp.tttttt.ssssssss.dddddddddddddddd.`

const DIGITS: &[u8; 16] = b"0123456789abcdef";
const NOT_A_DIGIT: u8 = 0xFF;

/// Widths of the four fields, in digits.
const PUBLISHER: usize = 4;
const TARGET: usize = 6;
const SEQUENCE: usize = 8;
const INTENDED: usize = 16;

/// Length of a stamp; no payload is shorter.
pub(crate) const STAMP_BYTES: usize = PUBLISHER + TARGET + SEQUENCE + INTENDED + 4;

pub(crate) const PUBLISHERS_MAX: u64 = 1 << (4 * PUBLISHER);
pub(crate) const TARGETS_MAX: u64 = 1 << (4 * TARGET);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) publisher: u32,
    /// The group or user it is for, by index.
    pub(crate) target: u32,
    /// Counts per publisher and target, from 0: what order and loss are judged by.
    pub(crate) sequence: u32,
    /// When the schedule wanted it sent; latency counts from here (`clock::now_ns`).
    pub(crate) intended_ns: u64,
}

impl Stamp {
    #[inline]
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let mut text = [b'.'; STAMP_BYTES];
        let mut at = 0;
        at = put(&mut text, at, PUBLISHER, u64::from(self.publisher));
        at = put(&mut text, at, TARGET, u64::from(self.target));
        at = put(&mut text, at, SEQUENCE, u64::from(self.sequence));
        put(&mut text, at, INTENDED, self.intended_ns);
        out.extend_from_slice(&text);
    }

    #[inline]
    pub(crate) fn read(text: &[u8; STAMP_BYTES]) -> Option<Self> {
        let mut at = 0;
        let publisher = take(text, &mut at, PUBLISHER)?;
        let target = take(text, &mut at, TARGET)?;
        let sequence = take(text, &mut at, SEQUENCE)?;
        let intended_ns = take(text, &mut at, INTENDED)?;
        Some(Self {
            publisher: u32::try_from(publisher).ok()?,
            target: u32::try_from(target).ok()?,
            sequence: u32::try_from(sequence).ok()?,
            intended_ns,
        })
    }
}

/// An index as a stamp carries it; the counts of a run are bounded by the width of its field.
pub(crate) fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Writes `width` digits at `at` and returns where the next field starts, behind the dot.
#[inline]
fn put(text: &mut [u8; STAMP_BYTES], at: usize, width: usize, mut value: u64) -> usize {
    for place in text[at..at + width].iter_mut().rev() {
        *place = DIGITS[(value & 0xF) as usize];
        value >>= 4;
    }
    at + width + 1
}

#[inline]
fn take(text: &[u8; STAMP_BYTES], at: &mut usize, width: usize) -> Option<u64> {
    let mut value = 0_u64;
    let mut seen = 0_u8;
    for &byte in &text[*at..*at + width] {
        let digit = VALUES[usize::from(byte)];
        seen |= digit;
        value = value << 4 | u64::from(digit & 0xF);
    }
    let is_closed = text[*at + width] == b'.';
    *at += width + 1;
    (seen <= 0xF && is_closed).then_some(value)
}

/// Value of each digit character; `seen` above collects them, so that one test at the end of a
/// field finds a character that is none.
static VALUES: [u8; 256] = {
    let mut values = [NOT_A_DIGIT; 256];
    let mut digit = 0_u8;
    while digit < 16 {
        values[DIGITS[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_reads_back_and_damage_is_noticed() {
        let stamp = Stamp {
            publisher: 0xFFFF,
            target: 12,
            sequence: u32::MAX,
            intended_ns: 0x1234_5678_9ABC,
        };
        let mut text = Vec::new();
        stamp.write(&mut text);
        assert_eq!(text, b"ffff.00000c.ffffffff.0000123456789abc.");
        let text: [u8; STAMP_BYTES] = text.try_into().unwrap();
        assert_eq!(Stamp::read(&text), Some(stamp));
        for place in 0..STAMP_BYTES {
            let mut damaged = text;
            damaged[place] = b'!';
            assert_eq!(Stamp::read(&damaged), None, "{place}");
        }
    }
}
