//! Close codes and close payloads (RFC 6455, section 7.4; `client-connect.md` section 12.1).

use super::ProtocolError;

pub const NORMAL: u16 = 1000;
pub const GOING_AWAY: u16 = 1001;
pub const PROTOCOL_ERROR: u16 = 1002;
pub const UNSUPPORTED: u16 = 1003;
pub const INVALID_PAYLOAD: u16 = 1007;
pub const POLICY: u16 = 1008;
pub const TOO_LARGE: u16 = 1009;
pub const INTERNAL_ERROR: u16 = 1011;

/// Room for a reason: a control frame holds 125 bytes, two of them the code.
pub const REASON_BYTES_MAX: usize = 123;

/// Appends a close payload: the code and as much of `reason` as fits, cut at a character.
pub fn write_payload(out: &mut Vec<u8>, code: u16, reason: &str) {
    out.extend_from_slice(&code.to_be_bytes());
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    out.extend_from_slice(&reason.as_bytes()[..end]);
}

/// Reads a client's close payload: no code when it is empty, else code and reason.
///
/// # Errors
/// One byte only, a code that may not appear on the wire, or a reason that is not UTF-8.
pub fn read_payload(payload: &[u8]) -> Result<(Option<u16>, &str), ProtocolError> {
    let [high, low, reason @ ..] = payload else {
        return if payload.is_empty() {
            Ok((None, ""))
        } else {
            Err(ProtocolError::BadClosePayload)
        };
    };
    let code = u16::from_be_bytes([*high, *low]);
    //= RFC 6455, section 7.4.1 and the registry: 1004 to 1006 and 1015 are never sent; 1012 to
    //= 1014 are registered for servers and harmless here.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(ProtocolError::BadClosePayload);
    }
    match simdutf8::basic::from_utf8(reason) {
        Ok(reason) => Ok((Some(code), reason)),
        Err(_) => Err(ProtocolError::InvalidUtf8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let mut out = Vec::new();
        write_payload(&mut out, NORMAL, &"é".repeat(100));
        assert_eq!(out.len(), 2 + 122);
        assert!(std::str::from_utf8(&out[2..]).is_ok());
    }

    #[test]
    fn codes_that_may_not_be_sent_are_refused() {
        for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
            assert_eq!(read_payload(&code.to_be_bytes()), Err(ProtocolError::BadClosePayload));
        }
        for code in [1000u16, 1003, 1007, 1011, 1014, 3000, 4999] {
            assert_eq!(read_payload(&code.to_be_bytes()), Ok((Some(code), "")));
        }
        assert_eq!(read_payload(&[]), Ok((None, "")));
        assert_eq!(read_payload(&[3]), Err(ProtocolError::BadClosePayload));
        assert_eq!(read_payload(&[3, 232, 0xff]), Err(ProtocolError::InvalidUtf8));
    }
}
