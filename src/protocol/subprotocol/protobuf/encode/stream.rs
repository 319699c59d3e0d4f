//! Answers to the publisher of a stream, and the mark its subscribers see
//! (`client-protobuf.md` section 3, `client-json.md` section 7).

use super::{integer, named_error, string};
use crate::protocol::subprotocol::protobuf::wire::{write_integer, write_message};
use crate::protocol::subprotocol::{EndOfStream, StreamError, StreamPart};

/// `StreamAckMessage`: everything before this fragment has been accepted.
pub fn stream_ack(out: &mut Vec<u8>, stream_id: &str, expected_sequence_id: u64) {
    write_message(out, 6, |out| {
        string(out, 1, stream_id);
        integer(out, 2, expected_sequence_id);
    });
}

/// `StreamNackMessage`: a fragment was not accepted, and the stream goes on.
pub fn stream_nack(
    out: &mut Vec<u8>,
    stream_id: &str,
    expected_sequence_id: u64,
    error: StreamError,
    message: &str,
) {
    write_message(out, 7, |out| {
        string(out, 1, stream_id);
        string(out, 2, error.as_str());
        string(out, 3, message);
        integer(out, 4, expected_sequence_id);
    });
}

/// `StreamClosedMessage`: there is no such stream (any more). A normal end has no error.
pub fn stream_closed(out: &mut Vec<u8>, stream_id: &str, error: Option<(StreamError, &str)>) {
    write_message(out, 8, |out| {
        string(out, 1, stream_id);
        if let Some((error, message)) = error {
            named_error(out, 2, error.as_str(), message);
        }
    });
}

/// `StreamInfo`: goes on with the fields of an open message to a group, which is part of a stream.
pub fn stream_part(out: &mut Vec<u8>, part: &StreamPart<'_>) {
    write_message(out, 6, |out| {
        string(out, 1, part.stream_id);
        integer(out, 2, part.sequence_id);
        if part.end.is_some() {
            write_integer(out, 3, 1);
        }
        if let Some(EndOfStream::Failed(failure)) = part.end {
            write_message(out, 4, |out| {
                string(out, 1, failure.error.as_str());
                string(out, 2, failure.message.unwrap_or_default());
                string(out, 3, failure.user_error_code.unwrap_or_default());
            });
        }
    });
}
