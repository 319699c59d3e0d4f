//! Answers to the publisher of a stream, and the mark its subscribers see
//! (`client-json.md` sections 4.5 and 7).

use super::{close_with_error, integer, string};
use crate::protocol::subprotocol::{EndOfStream, StreamError, StreamPart};

/// Section 7.2: everything before this fragment has been accepted.
pub fn stream_ack(out: &mut Vec<u8>, stream_id: &str, expected_sequence_id: u64) {
    open_ack(out, "streamAck", stream_id, expected_sequence_id);
    out.push(b'}');
}

/// Section 7.2: a fragment was not accepted, and the stream goes on.
pub fn stream_nack(
    out: &mut Vec<u8>,
    stream_id: &str,
    expected_sequence_id: u64,
    error: StreamError,
    message: &str,
) {
    open_ack(out, "streamNack", stream_id, expected_sequence_id);
    out.extend_from_slice(br#","name":""#);
    out.extend_from_slice(error.as_str().as_bytes());
    out.extend_from_slice(br#"","message":"#);
    string(out, message);
    out.push(b'}');
}

/// Sections 7.1 to 7.3: there is no such stream (any more). A normal end has no error.
pub fn stream_closed(out: &mut Vec<u8>, stream_id: &str, error: Option<(StreamError, &str)>) {
    open(out, "streamClosed", stream_id);
    match error {
        Some((error, message)) => close_with_error(out, error.as_str(), message),
        None => out.push(b'}'),
    }
}

/// Section 7.4: continues an open message to a group, which is part of a stream.
pub fn stream_part(out: &mut Vec<u8>, part: &StreamPart<'_>) {
    out.extend_from_slice(br#","stream":{"streamId":"#);
    string(out, part.stream_id);
    out.extend_from_slice(br#","streamSequenceId":"#);
    integer(out, part.sequence_id);
    if part.end.is_some() {
        out.extend_from_slice(br#","endOfStream":true"#);
    }
    if let Some(EndOfStream::Failed(failure)) = part.end {
        out.extend_from_slice(br#","error":{"name":""#);
        out.extend_from_slice(failure.error.as_str().as_bytes());
        out.push(b'"');
        if let Some(message) = failure.message {
            out.extend_from_slice(br#","message":"#);
            string(out, message);
        }
        if let Some(code) = failure.user_error_code {
            out.extend_from_slice(br#","userErrorCode":"#);
            string(out, code);
        }
        out.push(b'}');
    }
    out.push(b'}');
}

fn open_ack(out: &mut Vec<u8>, message_type: &str, stream_id: &str, expected_sequence_id: u64) {
    open(out, message_type, stream_id);
    out.extend_from_slice(br#","expectedSequenceId":"#);
    integer(out, expected_sequence_id);
}

fn open(out: &mut Vec<u8>, message_type: &str, stream_id: &str) {
    out.extend_from_slice(br#"{"type":""#);
    out.extend_from_slice(message_type.as_bytes());
    out.extend_from_slice(br#"","streamId":"#);
    string(out, stream_id);
}
