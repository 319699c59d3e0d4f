//! Client messages of the protobuf subprotocols (client-protobuf.md 2 and 3), written by hand.
//!
//! Only what a run sends and receives, always in ascending order of fields. What comes in is
//! compared with what is expected first; [`fields`] takes apart what did not compare equal, in
//! any order that proto3 allows.

/// The answer to [`join`]: an ack of success.
pub(crate) const JOINED: &[u8] = &[0x0a, 0x04, 0x08, super::subprotocol::JOIN_ACK_ID, 0x10, 0x01];

// Field numbers: of `UpstreamMessage`,
const SEND_TO_GROUP: u8 = 1;
const JOIN_GROUP: u8 = 6;
const SEQUENCE_ACK: u8 = 8;
// of `DownstreamMessage`,
pub(crate) const DATA_MESSAGE: u8 = 2;
const SYSTEM_MESSAGE: u8 = 3;
// of `DataMessage`,
pub(crate) const FROM: u8 = 1;
pub(crate) const GROUP: u8 = 2;
pub(crate) const DATA: u8 = 3;
pub(crate) const SEQUENCE_ID: u8 = 4;
// and of `MessageData`.
pub(crate) const TEXT_DATA: u8 = 1;

const VARINT: u8 = 0;
const LENGTH_DELIMITED: u8 = 2;

/// What an `UpstreamMessage` asks: to be in `group`.
pub(crate) fn join(group: &str) -> Vec<u8> {
    let mut asked = field(1, group.as_bytes());
    asked.extend_from_slice(&[tag(2, VARINT), super::subprotocol::JOIN_ACK_ID]);
    field(JOIN_GROUP, &asked)
}

/// An acknowledgement of everything up to `sequence_id`.
pub(crate) fn sequence_ack(sequence_id: u64) -> Vec<u8> {
    let mut acknowledged = vec![tag(1, VARINT)];
    put_varint(&mut acknowledged, sequence_id);
    field(SEQUENCE_ACK, &acknowledged)
}

/// What stands before the text of a publish to `group`, `more_bytes` of other fields standing
/// behind it: none, or [`NO_ECHO`].
pub(crate) fn publish_head(group: &str, text_bytes: usize, more_bytes: usize) -> Vec<u8> {
    let inner = text_head(field(1, group.as_bytes()), text_bytes);
    length_head(SEND_TO_GROUP, inner, text_bytes + more_bytes)
}

/// The field of a publish that keeps it from its publisher.
pub(crate) const NO_ECHO: &[u8] = &[tag(4, VARINT), 1];

/// What stands before the text of a delivery without a number from `group`.
pub(crate) fn delivery_head(group: &str, text_bytes: usize) -> Vec<u8> {
    length_head(DATA_MESSAGE, data_message_head(group, text_bytes), text_bytes)
}

/// As [`delivery_head`], without the tag and the length of the `DataMessage`: that length
/// depends on the number behind the text.
pub(crate) fn data_message_head(group: &str, text_bytes: usize) -> Vec<u8> {
    let names = [field(FROM, b"group"), field(GROUP, group.as_bytes())].concat();
    text_head(names, text_bytes)
}

/// The tag that stands before a sequence id.
pub(crate) const SEQUENCE_ID_TAG: u8 = tag(SEQUENCE_ID, VARINT);
/// The tag that stands before a `DataMessage`.
pub(crate) const DATA_MESSAGE_TAG: u8 = tag(DATA_MESSAGE, LENGTH_DELIMITED);

/// Whether a message is a `ConnectedMessage` that names a connection.
pub(crate) fn is_connected(message: &[u8]) -> bool {
    let connection_id = connected_message(message).and_then(|connected| bytes_of(connected, 1));
    connection_id.is_some_and(|id| !id.is_empty())
}

/// Connection id and reconnection token of a `ConnectedMessage` that has both.
pub(crate) fn connected(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let connected = connected_message(message)?;
    bytes_of(connected, 1).zip(bytes_of(connected, 3))
}

fn connected_message(message: &[u8]) -> Option<&[u8]> {
    bytes_of(bytes_of(message, SYSTEM_MESSAGE)?, 1)
}

fn bytes_of(message: &[u8], number: u8) -> Option<&[u8]> {
    match last(message, number)? {
        Value::Bytes(bytes) => Some(bytes),
        Value::Varint(_) => None,
    }
}

/// Both `group` and `data` are fields of a message whose third is a `MessageData`.
fn text_head(mut names: Vec<u8>, text_bytes: usize) -> Vec<u8> {
    let text = length_head(TEXT_DATA, Vec::new(), text_bytes);
    names.extend_from_slice(&length_head(DATA, text, text_bytes));
    names
}

/// Tag and length of a field that starts with `start` and has `more_bytes` behind it.
fn length_head(number: u8, start: Vec<u8>, more_bytes: usize) -> Vec<u8> {
    let mut out = vec![tag(number, LENGTH_DELIMITED)];
    put_varint(&mut out, (start.len() + more_bytes) as u64);
    out.extend_from_slice(&start);
    out
}

fn field(number: u8, value: &[u8]) -> Vec<u8> {
    length_head(number, value.to_vec(), 0)
}

const fn tag(number: u8, wire_type: u8) -> u8 {
    number << 3 | wire_type
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// The varint at the start of `bytes`, and what follows it.
#[inline]
pub(crate) fn take_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    // Ten groups of seven bits hold every 64-bit number.
    for (place, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Some((value, &bytes[place + 1..]));
        }
    }
    None
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message in their order on the wire; `None` in the place of what cannot be
/// read, and then nothing more.
pub(crate) fn fields(mut bytes: &[u8]) -> impl Iterator<Item = Option<(u64, Value<'_>)>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let read = take_field(bytes);
        bytes = read.map_or(&[], |(_, rest)| rest);
        Some(read.map(|(field, _)| field))
    })
}

fn take_field(bytes: &[u8]) -> Option<((u64, Value<'_>), &[u8])> {
    let (key, rest) = take_varint(bytes)?;
    let (value, rest) = match key & 0x7 {
        0 => take_varint(rest).map(|(value, rest)| (Value::Varint(value), rest))?,
        2 => {
            let (length, rest) = take_varint(rest)?;
            let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Value::Bytes(value), rest)
        }
        // The subprotocol has no field of another wire type.
        _ => return None,
    };
    Some(((key >> 3, value), rest))
}

/// The last field of this number: the one that counts (client-protobuf.md 1).
pub(crate) fn last(message: &[u8], number: u8) -> Option<Value<'_>> {
    let mut found = None;
    for field in fields(message) {
        let (at, value) = field?;
        if at == u64::from(number) {
            found = Some(value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    // The vectors of client-protobuf.md 5, with other ackIds (P1).
    #[test]
    fn messages_are_those_of_the_specification() {
        assert_eq!(hex(&join("room")), "32080a04726f6f6d1001");
        assert_eq!(hex(&sequence_ack(300)), "420308ac02");
        assert_eq!(hex(&publish_head("room", 2, 0)) + "6869", "0a0c0a04726f6f6d1a040a026869");
        let delivery = hex(&delivery_head("room", 2)) + "6869";
        assert_eq!(delivery, "12130a0567726f75701204726f6f6d1a040a026869");
        assert_eq!(hex(JOINED), "0a0408011001");
    }

    #[test]
    fn a_greeting_names_a_connection() {
        assert!(is_connected(&[0x1a, 0x06, 0x0a, 0x04, 0x0a, 0x02, b'c', b'1']));
        let disconnected = [0x1a, 0x07, 0x12, 0x05, 0x12, 0x03, b'b', b'y', b'e'];
        for other in [&[][..], &[0x1a], &[0x22, 0x00], JOINED, &disconnected] {
            assert!(!is_connected(other));
        }
    }

    #[test]
    fn varints_of_every_length_read_back_and_cut_ones_do_not() {
        for value in (0..64).map(|bits| 1_u64 << bits).chain([0, u64::MAX]) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(take_varint(&out), Some((value, &[][..])));
            assert_eq!(take_varint(&out[..out.len() - 1]), None);
        }
    }
}
