//! A reliable queue against a client that follows the rules, over transports that do not last.

use proptest::prelude::*;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::super::joined::Joined;
use super::super::outbound::{OutboundLimits, OutboundQueue, Overflow};
use crate::frame::{Format, FrameScratch, Queued};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A message of about so many bytes.
    Publish(usize),
    /// An answer to the client, which nobody numbers.
    Tell,
    /// The socket takes so many bytes.
    Write(usize),
    /// The client acknowledges what it has.
    Acknowledge,
    /// The transport ends, and the client has nothing of an unfinished frame.
    Cut,
    Recover,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0usize..400).prop_map(Step::Publish),
        1 => Just(Step::Tell),
        5 => (1usize..600).prop_map(Step::Write),
        2 => Just(Step::Acknowledge),
        1 => Just(Step::Cut),
        2 => Just(Step::Recover),
    ];
    proptest::collection::vec(step, 1..200)
}

/// What the client at the other end has seen.
#[derive(Default)]
struct Client {
    unread: Vec<u8>,
    /// The highest sequence id, below which everything is known already.
    seen: u64,
    received: Vec<u64>,
}

impl Client {
    fn read(&mut self, bytes: &[u8]) -> Result<(), TestCaseError> {
        self.unread.extend_from_slice(bytes);
        while let Some((text, length)) = first_frame(&self.unread) {
            self.unread.drain(..length);
            let message: serde_json::Value = serde_json::from_str(&text).expect("whole JSON");
            let Some(number) = message["number"].as_u64() else { continue };
            let sequence_id = message["sequenceId"].as_u64().expect("a number of its own");
            // A gap would be a message that is lost for ever.
            prop_assert!(sequence_id <= self.seen + 1, "{sequence_id} after {}", self.seen);
            if sequence_id > self.seen {
                self.seen = sequence_id;
                self.received.push(number);
            }
        }
        Ok(())
    }
}

/// The text of the first whole frame, and the frame's length.
fn first_frame(bytes: &[u8]) -> Option<(String, usize)> {
    let (start, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        length => (2, usize::from(length)),
    };
    let payload = bytes.get(start..start + length)?;
    Some((String::from_utf8(payload.to_vec()).expect("text"), start + length))
}

fn text(scratch: &mut FrameScratch, text: &str) -> crate::frame::Frame {
    scratch.frame(OpCode::Data(Data::Text), |out| out.extend_from_slice(text.as_bytes()))
}

proptest! {
    // J44, J45: whatever is cut, every message arrives once and in order, with its number.
    #[test]
    fn every_message_arrives_once_and_in_order(steps in steps()) {
        let limits = OutboundLimits { messages_max: 1_000, bytes_max: 1 << 20 };
        let mut queue = OutboundQueue::reliable(limits);
        let (mut scratch, mut client) = (FrameScratch::default(), Client::default());
        let (mut published, mut acknowledged, mut is_attached) = (0, 0, true);
        let write = |queue: &mut OutboundQueue, client: &mut Client, bytes| {
            let mut joined = Joined::default();
            queue.join(&mut joined, bytes);
            match joined.whole_frames() {
                Some(frames) => queue.finish(frames),
                None => assert_eq!(queue.advance(joined.bytes().len()), 0),
            }
            client.read(joined.bytes())
        };
        let recover = |queue: &mut OutboundQueue, scratch: &mut FrameScratch| {
            queue.attach();
            queue.push(Queued::new(text(scratch, r#"{"type":"system"}"#)));
            queue.replay();
        };
        for step in steps {
            match step {
                Step::Publish(bytes) => {
                    published += 1;
                    let padding = "x".repeat(bytes);
                    let json = format!(r#"{{"number":{published},"padding":"{padding}"}}"#);
                    let frame = text(&mut scratch, &json);
                    queue.push(Queued::message(frame, Format::Json, 0));
                }
                Step::Tell => queue.push(Queued::new(text(&mut scratch, r#"{"type":"ack"}"#))),
                Step::Write(bytes) if is_attached => write(&mut queue, &mut client, bytes)?,
                Step::Acknowledge if is_attached => {
                    queue.acknowledge(client.seen);
                    acknowledged = client.seen;
                }
                Step::Cut if is_attached => {
                    queue.detach();
                    client.unread.clear();
                    is_attached = false;
                }
                Step::Recover if !is_attached => {
                    recover(&mut queue, &mut scratch);
                    is_attached = true;
                }
                _ => {}
            }
            prop_assert_eq!(queue.unacknowledged() as u64, published - acknowledged);
            prop_assert_eq!(queue.overflow(), None);
        }
        if !is_attached {
            recover(&mut queue, &mut scratch);
        }
        while !queue.is_empty() {
            write(&mut queue, &mut client, 10_000)?;
        }
        prop_assert_eq!(client.received, (1..=published).collect::<Vec<_>>());
        queue.acknowledge(u64::MAX);
        prop_assert_eq!((queue.unacknowledged(), queue.unacknowledged_bytes()), (0, 0));
    }
}

#[test]
fn an_acknowledgement_releases_nothing_that_was_never_sent() {
    // J46
    let mut queue = OutboundQueue::reliable(OutboundLimits { messages_max: 9, bytes_max: 9_999 });
    let mut scratch = FrameScratch::default();
    for _ in 0..3 {
        let frame = text(&mut scratch, r#"{"number":1}"#);
        queue.push(Queued::message(frame, Format::Json, 0));
    }
    queue.advance(1);
    queue.acknowledge(9);
    assert_eq!(queue.unacknowledged(), 3);
    let mut joined = Joined::default();
    queue.join(&mut joined, 9_999);
    assert_eq!(queue.advance(joined.bytes().len()), 3);
    queue.acknowledge(0);
    assert_eq!(queue.unacknowledged(), 3);
    queue.acknowledge(u64::MAX);
    assert_eq!(queue.unacknowledged(), 0);
}

#[test]
fn what_is_acknowledged_while_it_is_written_again_goes_when_it_has_been() {
    let mut queue = OutboundQueue::reliable(OutboundLimits { messages_max: 9, bytes_max: 9_999 });
    let mut scratch = FrameScratch::default();
    for _ in 0..3 {
        let frame = text(&mut scratch, r#"{"number":1}"#);
        queue.push(Queued::message(frame, Format::Json, 0));
    }
    queue.finish(3);
    queue.detach();
    queue.attach();
    queue.replay();
    queue.acknowledge(2);
    assert_eq!((queue.len(), queue.unacknowledged()), (3, 1));
    queue.finish(3);
    assert_eq!((queue.len(), queue.unacknowledged()), (0, 1));
}

#[test]
fn a_message_that_expires_keeps_its_number() {
    let mut queue = OutboundQueue::reliable(OutboundLimits { messages_max: 9, bytes_max: 9_999 });
    let mut scratch = FrameScratch::default();
    for (number, expires_at_ms) in [(1, 5), (2, 0), (3, 5), (4, 0)] {
        let frame = text(&mut scratch, &format!(r#"{{"number":{number}}}"#));
        queue.push(Queued::message(frame, Format::Json, expires_at_ms));
    }
    assert_eq!(queue.drop_expired(5), 2);
    let mut joined = Joined::default();
    queue.join(&mut joined, 9_999);
    let mut out = joined.bytes().to_vec();
    let mut found = Vec::new();
    while let Some((text, length)) = first_frame(&out) {
        out.drain(..length);
        found.push(text);
    }
    assert_eq!(found, [r#"{"number":2,"sequenceId":2}"#, r#"{"number":4,"sequenceId":4}"#]);
    let frame_bytes = found.iter().map(|text| text.len() + 2).sum();
    assert_eq!(queue.advance(frame_bytes), 3);
    assert!(queue.is_empty());
}

#[test]
fn a_message_that_expires_without_a_transport_is_not_written_again() {
    let mut queue = OutboundQueue::reliable(OutboundLimits { messages_max: 9, bytes_max: 9_999 });
    let mut scratch = FrameScratch::default();
    for (number, expires_at_ms) in [(1, 5), (2, 0)] {
        let frame = text(&mut scratch, &format!(r#"{{"number":{number}}}"#));
        queue.push(Queued::message(frame, Format::Json, expires_at_ms));
    }
    queue.finish(2);
    assert_eq!((queue.drop_expired(5), queue.unacknowledged()), (0, 2));
    queue.detach();
    queue.attach();
    queue.replay();
    assert_eq!((queue.drop_expired(5), queue.len()), (1, 1));
}

#[test]
fn the_bounds_count_what_is_not_acknowledged() {
    // J48, J49
    let limits = OutboundLimits { messages_max: 2, bytes_max: 1_000 };
    let mut scratch = FrameScratch::default();
    for is_attached in [true, false] {
        let mut queue = OutboundQueue::reliable(limits);
        if !is_attached {
            queue.detach();
        }
        for _ in 0..2 {
            let frame = text(&mut scratch, r#"{"number":1}"#);
            queue.push(Queued::message(frame, Format::Json, 0));
        }
        if is_attached {
            queue.finish(2);
        }
        assert_eq!(queue.overflow(), None);
        let frame = text(&mut scratch, r#"{"number":1}"#);
        queue.push(Queued::message(frame, Format::Json, 0));
        assert_eq!(queue.overflow(), Some(Overflow::Unacknowledged));
    }
}
