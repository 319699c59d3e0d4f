//! The state that a handler keeps at a connection (`events-webhook.md` section 9).
//!
//! It is opaque, and goes back to handlers byte for byte: it is the handler's own encoding, and
//! the .NET library fails on anything it has not written.

use hyper::header::HeaderMap;

use super::InvalidAnswer;
use crate::protocol::cloudevents::attributes::CONNECTION_STATE;

/// Longest state (section 9.1).
const STATE_BYTES_MAX: usize = 8 * 1024;

/// The new state, if the answer has one; empty clears it.
///
/// # Errors
/// It is too long or not ASCII. An answer that loses what its handler wants to keep is refused
/// rather than taken in part.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<String>, InvalidAnswer> {
    // Not allowed more than once; as the reference has it, the last one counts.
    let Some(value) = headers.get_all(CONNECTION_STATE).iter().next_back() else { return Ok(None) };
    match value.to_str() {
        Ok(state) if state.len() <= STATE_BYTES_MAX => Ok(Some(state.to_owned())),
        _ => Err(InvalidAnswer::ConnectionState),
    }
}
