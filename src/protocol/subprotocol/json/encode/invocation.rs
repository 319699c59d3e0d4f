//! Answers to invocations (`client-json.md` sections 4.5 and 8).

use super::{close_with_error, content, string, string_map};
use crate::protocol::subprotocol::{InvocationError, Metadata, Payload};

/// The event handler's answer, which may have no body.
pub fn invoke_success(
    out: &mut Vec<u8>,
    invocation_id: &str,
    payload: Option<&Payload<'_>>,
    metadata: &Metadata<'_>,
) {
    open(out, invocation_id);
    out.extend_from_slice(b"true");
    match payload {
        Some(payload) => content(out, payload, metadata),
        None if metadata.is_empty() => {}
        None => {
            out.extend_from_slice(br#","metadata":"#);
            string_map(out, metadata.iter());
        }
    }
    out.push(b'}');
}

/// There is no answer, and this is why.
pub fn invoke_error(out: &mut Vec<u8>, invocation_id: &str, error: InvocationError, message: &str) {
    open(out, invocation_id);
    out.extend_from_slice(b"false");
    close_with_error(out, error.as_str(), message);
}

fn open(out: &mut Vec<u8>, invocation_id: &str) {
    out.extend_from_slice(br#"{"type":"invokeResponse","invocationId":"#);
    string(out, invocation_id);
    out.extend_from_slice(br#","success":"#);
}
