//! The sequence id of a delivery to a reliable receiver (client-json.md 6.1), read around a body
//! that is the same for all:
//!
//! ```text
//! JSON      {… "data":"…"  | ,"sequenceId":7}
//! protobuf  12 length | fields … | 20 sequence_id
//! ```
//!
//! Numbers start with 1, so 0 stands for none.

use crate::wire::protobuf;

pub(crate) const JSON_HEAD: &[u8] = br#","sequenceId":"#;

/// Where the number of a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// Nowhere: what is plain has none.
    None,
    Json,
    Protobuf,
}

impl Numbering {
    /// The message from its first byte on that does not depend on the number.
    #[inline]
    pub(crate) fn strip_length(self, message: &[u8]) -> Option<&[u8]> {
        if self != Self::Protobuf {
            return Some(message);
        }
        let rest = message.strip_prefix(&[protobuf::DATA_MESSAGE_TAG])?;
        let (length, rest) = protobuf::take_varint(rest)?;
        (length == rest.len() as u64).then_some(rest)
    }

    /// What stands between the body and the digits or bytes of the number.
    pub(crate) fn head(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::Json => JSON_HEAD,
            Self::Protobuf => &[protobuf::SEQUENCE_ID_TAG],
        }
    }

    /// The number, from everything behind its head.
    #[inline]
    pub(crate) fn read(self, end: &[u8]) -> Option<u64> {
        match self {
            Self::None => end.is_empty().then_some(0),
            Self::Json => decimal(end.strip_suffix(b"}")?),
            Self::Protobuf => {
                let (number, rest) = protobuf::take_varint(end)?;
                rest.is_empty().then_some(number)
            }
        }
    }
}

/// A decimal number of few enough digits that it cannot overflow; a run never comes that far.
#[inline]
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    let mut value = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(digit - b'0');
    }
    Some(value)
}

const DIGITS_MAX: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_whole_or_not_at_all() {
        let json = |end: &str| Numbering::Json.read(end.as_bytes());
        assert_eq!(json("1}"), Some(1));
        assert_eq!(json("123456789012345678}"), Some(123_456_789_012_345_678));
        for bad in ["", "}", "1", "-1}", "1 }", "1x}", "99999999999999999999}"] {
            assert_eq!(json(bad), None, "{bad}");
        }
        assert_eq!(Numbering::Protobuf.read(&[0xac, 0x02]), Some(300));
        for bad in [&[][..], &[0xac], &[0x01, 0x00]] {
            assert_eq!(Numbering::Protobuf.read(bad), None);
        }
        assert_eq!(Numbering::None.read(b""), Some(0));
        assert_eq!(Numbering::None.read(b"1"), None);
    }

    #[test]
    fn the_length_of_a_protobuf_message_has_to_be_right() {
        let strip = |message| Numbering::Protobuf.strip_length(message);
        assert_eq!(strip(&[0x12, 0x01, 7]), Some(&[7][..]));
        for bad in [&[][..], &[0x12], &[0x12, 0x02, 7], &[0x12, 0x00, 7], &[0x1a, 0x01, 7]] {
            assert_eq!(strip(bad), None);
        }
        assert_eq!(Numbering::Json.strip_length(b"{"), Some(&b"{"[..]));
    }
}
