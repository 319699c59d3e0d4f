//! What the server sends, as `DownstreamMessage`s (`client-protobuf.md` section 3).
//!
//! Each function appends one message, without any WebSocket header, and cannot fail. Fields are in
//! ascending order. One without presence is left out if it has its default value, as parsers
//! expect; one with presence is written if there is something to say.
//!
//! What reliable receivers get numbered has an *open* form: the fields alone, to be completed per
//! receiver or for all by [`Numbered`]. There is no place for the sender's user id.

mod group_state;
mod invocation;
mod stream;

pub use self::group_state::{open_group_state_snapshot, open_group_state_update};
pub use self::invocation::{invoke_error, invoke_success};
pub use self::stream::{stream_ack, stream_closed, stream_nack, stream_part};
use super::Numbered;
use super::wire::{field_bytes, write_bytes, write_integer, write_length, write_message};
use crate::protocol::subprotocol::{AckError, DataType, Metadata, Payload};

/// `SystemMessage` with a `ConnectedMessage`. The reconnection token is there exactly on the
/// reliable subprotocol.
pub fn connected(
    out: &mut Vec<u8>,
    user: Option<&str>,
    connection_id: &str,
    reconnection_token: Option<&str>,
) {
    write_message(out, 3, |out| {
        write_message(out, 1, |out| {
            string(out, 1, connection_id);
            string(out, 2, user.unwrap_or_default());
            if let Some(token) = reconnection_token {
                write_bytes(out, 3, token.as_bytes());
            }
        });
    });
}

/// `SystemMessage` with a `DisconnectedMessage`, which has no first field.
pub fn disconnected(out: &mut Vec<u8>, reason: &str) {
    write_message(out, 3, |out| write_message(out, 2, |out| string(out, 2, reason)));
}

/// `AckMessage`, executed.
pub fn ack_success(out: &mut Vec<u8>, ack_id: u64) {
    write_message(out, 1, |out| {
        integer(out, 1, ack_id);
        integer(out, 2, 1);
    });
}

/// `AckMessage`, failed.
pub fn ack_error(out: &mut Vec<u8>, ack_id: u64, error: AckError, message: &str) {
    write_message(out, 1, |out| {
        integer(out, 1, ack_id);
        named_error(out, 3, error.as_str(), message);
    });
}

/// `PongMessage`.
pub fn pong(out: &mut Vec<u8>) {
    write_message(out, 4, |_| {});
}

/// `DataMessage` from a group, without a number.
pub fn group_message(
    out: &mut Vec<u8>,
    group: &str,
    payload: &Payload<'_>,
    metadata: &Metadata<'_>,
) {
    // Tags, lengths and `from` take 13 bytes, two of which a text has in JSON for its quotes.
    let likely_bytes = 11 + group.len() + payload.json_bytes_estimate();
    Numbered::DataMessage.write_of(out, likely_bytes, None, |out| {
        open_group_message(out, group, payload, metadata);
    });
}

/// `DataMessage` from the server, without a number.
pub fn server_message(out: &mut Vec<u8>, payload: &Payload<'_>, metadata: &Metadata<'_>) {
    let likely_bytes = 10 + payload.json_bytes_estimate();
    Numbered::DataMessage.write_of(out, likely_bytes, None, |out| {
        open_server_message(out, payload, metadata);
    });
}

/// The fields of a [`group_message`]. A [`stream_part`] may follow.
pub fn open_group_message(
    out: &mut Vec<u8>,
    group: &str,
    payload: &Payload<'_>,
    metadata: &Metadata<'_>,
) {
    write_bytes(out, 1, b"group");
    write_bytes(out, 2, group.as_bytes());
    data(out, payload);
    map(out, 5, metadata.iter());
}

/// The fields of a [`server_message`].
pub fn open_server_message(out: &mut Vec<u8>, payload: &Payload<'_>, metadata: &Metadata<'_>) {
    write_bytes(out, 1, b"server");
    data(out, payload);
    map(out, 5, metadata.iter());
}

/// `MessageData` with exactly one member, as field 3 (`client-protobuf.md` section 6.2). An empty
/// one is written too: libraries rely on it.
fn data(out: &mut Vec<u8>, payload: &Payload<'_>) {
    let member = match payload.data_type() {
        DataType::Text => 1,
        DataType::Binary => 2,
        DataType::Protobuf => 3,
        DataType::Json => 4,
    };
    let bytes = payload.bytes();
    write_length(out, 3, field_bytes(bytes.len()));
    write_bytes(out, member, &bytes);
}

/// A `map<string, string>`. Keys and values are written even if empty, as the common encoders do.
fn map<'a>(out: &mut Vec<u8>, field: u8, entries: impl Iterator<Item = (&'a str, &'a str)>) {
    for (key, value) in entries {
        let bytes = field_bytes(key.len()) + field_bytes(value.len());
        write_length(out, field, bytes);
        write_bytes(out, 1, key.as_bytes());
        write_bytes(out, 2, value.as_bytes());
    }
}

/// All error messages have a name and a text.
fn named_error(out: &mut Vec<u8>, field: u8, name: &str, message: &str) {
    write_message(out, field, |out| {
        string(out, 1, name);
        string(out, 2, message);
    });
}

/// A string without presence.
fn string(out: &mut Vec<u8>, field: u8, text: &str) {
    if !text.is_empty() {
        write_bytes(out, field, text.as_bytes());
    }
}

/// An integer without presence.
fn integer(out: &mut Vec<u8>, field: u8, number: u64) {
    if number != 0 {
        write_integer(out, field, number);
    }
}
