//! How a connection ended, as its peer saw it.

use std::fmt;

/// The contents of a close frame. A frame without code counts as 1005 (RFC 6455, section 7.1.5).
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

impl Close {
    pub(crate) fn from_payload(payload: &[u8]) -> Self {
        let Some((code, reason)) = payload.split_first_chunk::<2>() else {
            assert!(payload.is_empty(), "a close frame of one byte");
            return Self { code: 1005, reason: String::new() };
        };
        let reason = String::from_utf8(reason.to_vec()).expect("a reason in UTF-8");
        // client-connect.md, section 12.1: at most 123 bytes, as RFC 6455, section 5.5 has it.
        assert!(reason.len() <= 123, "a reason of {} bytes", reason.len());
        Self { code: u16::from_be_bytes(*code), reason }
    }
}

impl fmt::Debug for Close {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "close {} {:?}", self.code, self.reason)
    }
}
