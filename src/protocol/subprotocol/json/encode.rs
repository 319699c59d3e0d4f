//! What the server sends, as compact JSON (`client-json.md` section 4).
//!
//! Each function appends the text of one message, without any WebSocket header, and cannot fail.
//! The order of the properties is part of the contract: client libraries and conformance tests
//! rely on it, above all on `error` being last.
//!
//! A message to many is written once. What differs per receiver comes at its end: the *open*
//! forms leave the closing brace to [`close_message`] or, on the reliable subprotocol, to
//! [`close_numbered_message`], so that the copies of all receivers can share all before it.

mod group_state;
mod invocation;
mod stream;

pub use self::group_state::{open_group_state_snapshot, open_group_state_update};
pub use self::invocation::{invoke_error, invoke_success};
pub use self::stream::{stream_ack, stream_closed, stream_nack, stream_part};
use super::literal::write_literal;
use crate::protocol::subprotocol::{AckError, Metadata, Payload};

/// The most that [`close_numbered_message`] appends.
pub const NUMBERED_END_BYTES_MAX: usize = r#","sequenceId":18446744073709551615}"#.len();

/// Section 4.1. The reconnection token is there exactly on the reliable subprotocol.
pub fn connected(
    out: &mut Vec<u8>,
    user: Option<&str>,
    connection_id: &str,
    reconnection_token: Option<&str>,
) {
    out.extend_from_slice(br#"{"type":"system","event":"connected","userId":"#);
    match user {
        Some(user) => string(out, user),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(br#","connectionId":"#);
    string(out, connection_id);
    if let Some(token) = reconnection_token {
        out.extend_from_slice(br#","reconnectionToken":"#);
        string(out, token);
    }
    out.push(b'}');
}

/// Section 4.2.
pub fn disconnected(out: &mut Vec<u8>, message: &str) {
    out.extend_from_slice(br#"{"type":"system","event":"disconnected","message":"#);
    string(out, message);
    out.push(b'}');
}

/// Section 4.3, executed.
pub fn ack_success(out: &mut Vec<u8>, ack_id: u64) {
    open_ack(out, ack_id);
    out.extend_from_slice(b"true}");
}

/// Section 4.3, failed.
pub fn ack_error(out: &mut Vec<u8>, ack_id: u64, error: AckError, message: &str) {
    open_ack(out, ack_id);
    out.extend_from_slice(b"false");
    close_with_error(out, error.as_str(), message);
}

fn open_ack(out: &mut Vec<u8>, ack_id: u64) {
    out.extend_from_slice(br#"{"type":"ack","ackId":"#);
    integer(out, ack_id);
    out.extend_from_slice(br#","success":"#);
}

/// Section 4.5.
pub fn pong(out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":"pong"}"#);
}

/// Section 4.4, `from` a group. The user is the publisher's, if it is a connection with one.
pub fn group_message(
    out: &mut Vec<u8>,
    group: &str,
    from_user: Option<&str>,
    payload: &Payload<'_>,
    metadata: &Metadata<'_>,
) {
    open_group_message(out, group, from_user, payload, metadata);
    close_message(out);
}

/// Section 4.4, `from` the server.
pub fn server_message(out: &mut Vec<u8>, payload: &Payload<'_>, metadata: &Metadata<'_>) {
    open_server_message(out, payload, metadata);
    close_message(out);
}

/// [`group_message`] up to its closing brace.
pub fn open_group_message(
    out: &mut Vec<u8>,
    group: &str,
    from_user: Option<&str>,
    payload: &Payload<'_>,
    metadata: &Metadata<'_>,
) {
    // All fixed parts of a group message take 87 bytes.
    let names_bytes = group.len() + from_user.map_or(0, str::len);
    out.reserve(96 + names_bytes + payload.json_bytes_estimate());
    out.extend_from_slice(br#"{"type":"message","from":"group","group":"#);
    string(out, group);
    if let Some(user) = from_user {
        out.extend_from_slice(br#","fromUserId":"#);
        string(out, user);
    }
    content(out, payload, metadata);
}

/// [`server_message`] up to its closing brace.
pub fn open_server_message(out: &mut Vec<u8>, payload: &Payload<'_>, metadata: &Metadata<'_>) {
    out.reserve(80 + payload.json_bytes_estimate());
    out.extend_from_slice(br#"{"type":"message","from":"server""#);
    content(out, payload, metadata);
}

/// Ends an open message whose receiver does not number its messages.
pub fn close_message(out: &mut Vec<u8>) {
    out.push(b'}');
}

/// Ends an open message for a receiver that numbers its messages (section 6.1).
pub fn close_numbered_message(out: &mut Vec<u8>, sequence_id: u64) {
    NumberedEnd::new(sequence_id).write(out);
}

/// What goes before the digits of a sequence id.
const NUMBERED_END_NAME: &[u8; 14] = br#","sequenceId":"#;

/// What [`close_numbered_message`] appends, by value: a reliable receiver's messages are numbered
/// one after the other, and to count up costs less than to write a number anew.
#[derive(Clone, Copy, Debug)]
pub struct NumberedEnd {
    bytes: [u8; NUMBERED_END_BYTES_MAX],
    length: usize,
}

impl NumberedEnd {
    pub fn new(sequence_id: u64) -> Self {
        const NAME_BYTES: usize = NUMBERED_END_NAME.len();
        let (digits, start) = decimal(sequence_id);
        let digits = &digits[start..];
        let mut bytes = [b'}'; NUMBERED_END_BYTES_MAX];
        bytes[..NAME_BYTES].copy_from_slice(NUMBERED_END_NAME);
        bytes[NAME_BYTES..NAME_BYTES + digits.len()].copy_from_slice(digits);
        Self { bytes, length: NAME_BYTES + digits.len() + 1 }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Bytes that [`Self::write`] appends.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Appends the bytes.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        // All of the array and then less: a copy of a fixed length takes no call.
        let end = out.len() + self.length;
        out.extend_from_slice(&self.bytes);
        out.truncate(end);
    }

    /// The end with the next number; false if that has one digit more, and nothing is changed.
    #[inline]
    pub fn count_up(&mut self) -> bool {
        let digits = &mut self.bytes[NUMBERED_END_NAME.len()..self.length - 1];
        let Some(last) = digits.iter().rposition(|digit| *digit != b'9') else { return false };
        digits[last] += 1;
        digits[last + 1..].fill(b'0');
        true
    }
}

fn content(out: &mut Vec<u8>, payload: &Payload<'_>, metadata: &Metadata<'_>) {
    out.extend_from_slice(br#","dataType":""#);
    out.extend_from_slice(payload.data_type().as_str().as_bytes());
    out.extend_from_slice(br#"","data":"#);
    payload.write_json(out);
    if !metadata.is_empty() {
        out.extend_from_slice(br#","metadata":"#);
        string_map(out, metadata.iter());
    }
}

/// Ends a message with the error it is about.
fn close_with_error(out: &mut Vec<u8>, name: &str, message: &str) {
    out.extend_from_slice(br#","error":{"name":""#);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(br#"","message":"#);
    string(out, message);
    out.extend_from_slice(b"}}");
}

fn string_map<'a>(out: &mut Vec<u8>, entries: impl Iterator<Item = (&'a str, &'a str)>) {
    out.push(b'{');
    for (index, (key, value)) in entries.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(out, key);
        out.push(b':');
        string(out, value);
    }
    out.push(b'}');
}

fn string(out: &mut Vec<u8>, text: &str) {
    write_literal(out, text.as_bytes());
}

/// Appends all 64 bits in decimal.
fn integer(out: &mut Vec<u8>, number: u64) {
    let (digits, start) = decimal(number);
    out.extend_from_slice(&digits[start..]);
}

/// The digits, and where they begin.
fn decimal(mut number: u64) -> ([u8; 20], usize) {
    // 2^64 − 1 has 20 digits.
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return (digits, start);
        }
    }
}
