//! Answers to invocations (`client-protobuf.md` section 3, `client-json.md` section 8).

use super::{data, integer, map, named_error, string};
use crate::protocol::subprotocol::protobuf::wire::write_message;
use crate::protocol::subprotocol::{InvocationError, Metadata, Payload};

/// `InvokeResponseMessage` with the event handler's answer, which may have no body.
pub fn invoke_success(
    out: &mut Vec<u8>,
    invocation_id: &str,
    payload: Option<&Payload<'_>>,
    metadata: &Metadata<'_>,
) {
    write_message(out, 5, |out| {
        string(out, 1, invocation_id);
        integer(out, 2, 1);
        if let Some(payload) = payload {
            data(out, payload);
        }
        map(out, 5, metadata.iter());
    });
}

/// `InvokeResponseMessage`: there is no answer, and this is why.
pub fn invoke_error(out: &mut Vec<u8>, invocation_id: &str, error: InvocationError, message: &str) {
    write_message(out, 5, |out| {
        string(out, 1, invocation_id);
        named_error(out, 4, error.as_str(), message);
    });
}
