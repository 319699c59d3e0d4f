//! Once per message, nothing per receiver: how often the main path allocates.
//!
//! A message goes from its masked frame through decoder, parser, permission, encoding and fan-out
//! into the queue of every member, across the mesh if members are there, and out of the queues
//! into write buffers ([`crowd`]). Everything is warm: lists have the size that they need. Then
//! each message of a run must allocate the same number of times ([`counting`]), the number must not
//! depend on how many members there are, and it must be no larger than what is stated here:
//!
//! | Step | Allocations |
//! | --- | --- |
//! | a frame is decoded, parsed and checked | 0 |
//! | the message is encoded, for each format in use | 1: the frame's bytes, which all shards share |
//! | it is queued, on each shard and for each format | 1: what this shard's queues share, with their own count |
//! | it crosses to another shard | 0 |
//! | a member gets it, with or without a number, and acknowledges it | 0 |
//! | an ack is sent | 2: its frame, and what queues keep of it |
//!
//! Left out: the socket, the reactor's channels, and what grows only until it is large enough.

mod counting;
mod crowd;
mod memory;

use std::hint::black_box;

use corecast::protocol::subprotocol::Subprotocol;
use corecast::protocol::ws::assembly::Assembly;
use corecast::protocol::ws::decoder::{Decoded, decode};
use corecast::shard::connection::{ClientKind, FixedGroup};
use tungstenite::protocol::frame::coding::OpCode;

use counting::allocations;
use crowd::{Crowd, GROUP};

/// Messages before counting begins: some more than a thousand, so that also the ack ids that a
/// connection remembers are as many as they get.
const WARM_UP_MESSAGES: usize = 1100;
const COUNTED_MESSAGES: usize = 100;

const JSON: ClientKind = ClientKind::PubSub(Subprotocol::Json);
const JSON_RELIABLE: ClientKind = ClientKind::PubSub(Subprotocol::JsonReliable);
const PROTOBUF: ClientKind = ClientKind::PubSub(Subprotocol::Protobuf);
const PROTOBUF_RELIABLE: ClientKind = ClientKind::PubSub(Subprotocol::ProtobufReliable);
const SIMPLE: ClientKind = ClientKind::SimpleEvent;

/// All kinds of receivers.
const RECEIVERS: [ClientKind; 5] = [JSON, JSON_RELIABLE, PROTOBUF, PROTOBUF_RELIABLE, SIMPLE];

/// A publish of 128 B of text.
fn publish(_number: usize) -> String {
    let data = "x".repeat(128);
    format!(r#"{{"type":"sendToGroup","group":"{GROUP}","dataType":"text","data":"{data}"}}"#)
}

/// A client's frame with this text.
fn masked(text: &str) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let length = u16::try_from(text.len()).expect("a short message");
    assert!(length > 125, "the length takes two bytes");
    let mut frame = vec![0x81, 0x80 | 126];
    frame.extend(length.to_be_bytes());
    frame.extend(mask);
    frame.extend(text.bytes().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// What a shard does with a publisher's frame, and everybody with what becomes of it. Returns how
/// many frames were written.
fn take(crowd: &mut Crowd, assembly: &mut Assembly, frame: &mut [u8]) -> usize {
    let Ok(Decoded::Frame { opcode: OpCode::Data(kind), is_final, payload }) = decode(frame) else {
        panic!("a whole data frame");
    };
    let completed = assembly.push(kind, is_final, &frame[payload]);
    let completed = completed.expect("valid").expect("one frame is the message");
    crowd.send(completed.message().expect("valid"));
    crowd.drain()
}

/// Allocations of each of the publisher's messages, of which every one must lead to so many
/// frames.
fn per_message(crowd: &mut Crowd, message: fn(usize) -> String, frames: usize) -> u64 {
    let mut assembly = Assembly::default();
    let mut counts = Vec::with_capacity(COUNTED_MESSAGES);
    for number in 0..WARM_UP_MESSAGES + COUNTED_MESSAGES {
        let mut frame = masked(&message(number));
        let mut written = 0;
        let count = allocations(|| written = take(crowd, &mut assembly, &mut frame));
        assert_eq!(written, frames, "message {number}");
        if number >= WARM_UP_MESSAGES {
            counts.push(count);
        }
    }
    assert!(counts.iter().all(|count| *count == counts[0]), "not always the same: {counts:?}");
    counts[0]
}

/// Allocations of a message to so many members of this kind on each of so many shards.
fn to_members(kind: &ClientKind, members: usize, shards: usize) -> u64 {
    let mut crowd = Crowd::new(JSON, shards);
    (0..shards).for_each(|shard| crowd.add(shard, kind, members));
    per_message(&mut crowd, publish, members * shards)
}

#[test]
fn what_is_allocated_is_counted() {
    let count = allocations(|| {
        let mut list = black_box(Vec::with_capacity(1));
        list.extend_from_slice(black_box(&[1, 2]));
        drop(black_box(list));
    });
    assert_eq!(count, 2, "a list that had to grow");
}

#[test]
fn a_message_allocates_twice_however_many_members_get_it() {
    for kind in &RECEIVERS {
        let few = to_members(kind, 10, 1);
        assert_eq!(to_members(kind, 1000, 1), few, "{kind:?}: members cost something");
        assert!(few <= 2, "{kind:?}: {few}");
    }
}

#[test]
fn another_shard_with_members_adds_one() {
    for kind in &RECEIVERS {
        let few = to_members(kind, 10, 2);
        assert_eq!(to_members(kind, 1000, 2), few, "{kind:?}: members cost something");
        assert!(few <= 3, "{kind:?}: {few}");
    }
}

#[test]
fn every_format_in_use_costs_the_same_again() {
    let mut crowd = Crowd::new(JSON, 1);
    RECEIVERS.iter().for_each(|kind| crowd.add(0, kind, 10));
    let count = per_message(&mut crowd, publish, 50);
    assert!(count <= 6, "three formats for five kinds of receivers: {count}");
}

#[test]
fn an_ack_adds_two() {
    let message = |number: usize| {
        let publish = publish(number);
        format!(r#"{},"ackId":{}}}"#, publish.trim_end_matches('}'), number + 1)
    };
    let mut crowd = Crowd::new(JSON, 1);
    crowd.add(0, &JSON, 10);
    let count = per_message(&mut crowd, message, 11);
    assert!(count <= 4, "{count}");
}

#[test]
fn a_simple_publisher_adds_none() {
    let mut crowd = Crowd::new(ClientKind::SimpleGroup(FixedGroup(GROUP.into()).into()), 1);
    crowd.add(0, &SIMPLE, 10);
    let count = per_message(&mut crowd, |_| "x".repeat(128), 10);
    assert!(count <= 2, "{count}");
}

#[test]
fn joining_and_leaving_allocate_nothing_where_a_group_has_members() {
    // Spaces, as JSON allows them, make it a message of the length that `masked` writes.
    let message = |number: usize| {
        let verb = if number.is_multiple_of(2) { "joinGroup" } else { "leaveGroup" };
        format!(r#"{{"type":"{verb}","group":"{GROUP}"{}}}"#, " ".repeat(128))
    };
    let mut crowd = Crowd::new(JSON, 2);
    crowd.add(0, &JSON, 10);
    crowd.add(1, &JSON, 10);
    assert_eq!(per_message(&mut crowd, message, 0), 0);
}
