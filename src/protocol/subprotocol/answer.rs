//! What the server tells one PubSub client about itself: system messages and answers to requests.
//!
//! They carry no sequence id, are encoded for one receiver, and are lost with its transport
//! (`client-json.md` section 4.5). Messages to many are [`crate::frame::message`]'s.

use super::{AckError, Encoding, InvocationError, Metadata, Payload, StreamError, json, protobuf};

/// One answer, whatever its encoding.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    Connected {
        user: Option<&'a str>,
        connection_id: &'a str,
        /// Exactly on the reliable subprotocols.
        reconnection_token: Option<&'a str>,
    },
    Disconnected {
        reason: &'a str,
    },
    AckSuccess {
        ack_id: u64,
    },
    AckError {
        ack_id: u64,
        error: AckError,
        text: &'a str,
    },
    Pong,
    StreamAck {
        stream_id: &'a str,
        expected: u64,
    },
    StreamNack {
        stream_id: &'a str,
        expected: u64,
        error: StreamError,
        text: &'a str,
    },
    StreamClosed {
        stream_id: &'a str,
        error: Option<(StreamError, &'a str)>,
    },
    InvokeSuccess {
        invocation_id: &'a str,
        payload: Option<&'a Payload<'a>>,
        metadata: &'a Metadata<'a>,
    },
    InvokeError {
        invocation_id: &'a str,
        error: InvocationError,
        text: &'a str,
    },
}

/// Every answer by the functions of one encoding, which have the same names in each.
macro_rules! write_by {
    ($encoding:ident::encode, $answer:expr, $out:expr) => {{
        use $encoding::encode;
        let out = $out;
        match *$answer {
            Self::Connected { user, connection_id, reconnection_token } => {
                encode::connected(out, user, connection_id, reconnection_token);
            }
            Self::Disconnected { reason } => encode::disconnected(out, reason),
            Self::AckSuccess { ack_id } => encode::ack_success(out, ack_id),
            Self::AckError { ack_id, error, text } => encode::ack_error(out, ack_id, error, text),
            Self::Pong => encode::pong(out),
            Self::StreamAck { stream_id, expected } => encode::stream_ack(out, stream_id, expected),
            Self::StreamNack { stream_id, expected, error, text } => {
                encode::stream_nack(out, stream_id, expected, error, text);
            }
            Self::StreamClosed { stream_id, error } => encode::stream_closed(out, stream_id, error),
            Self::InvokeSuccess { invocation_id, payload, metadata } => {
                encode::invoke_success(out, invocation_id, payload, metadata);
            }
            Self::InvokeError { invocation_id, error, text } => {
                encode::invoke_error(out, invocation_id, error, text);
            }
        }
    }};
}

impl Answer<'_> {
    /// Appends the message.
    pub fn write(&self, encoding: Encoding, out: &mut Vec<u8>) {
        match encoding {
            Encoding::Json => write_by!(json::encode, self, out),
            Encoding::Protobuf => write_by!(protobuf::encode, self, out),
        }
    }
}
