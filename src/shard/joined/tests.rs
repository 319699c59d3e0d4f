//! What is joined for one connection serves another only if it is the same.

use std::rc::Rc;

use proptest::prelude::*;
use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::Joined;
use crate::frame::{Format, FrameScratch, Queued};
use crate::shard::outbound::{OutboundLimits, OutboundQueue};

/// Two plain connections and two reliable ones.
const QUEUES: usize = 4;
const LIMITS: OutboundLimits = OutboundLimits { messages_max: 1_000, bytes_max: 1 << 20 };

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// A message of so many bytes to the queues of these bits.
    Publish { bytes: usize, queues: u8 },
    /// An answer to one client.
    Tell(usize),
    /// One socket takes at most so many bytes.
    Write { queue: usize, bytes: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let publish = (0..90usize, prop_oneof![3 => Just(0b1111), 1 => 0..16u8]);
    prop_oneof![
        6 => publish.prop_map(|(bytes, queues)| Step::Publish { bytes, queues }),
        1 => (0..QUEUES).prop_map(Step::Tell),
        6 => (0..QUEUES, 1..800usize).prop_map(|(queue, bytes)| Step::Write { queue, bytes }),
    ]
}

fn frame(scratch: &mut FrameScratch, bytes: usize) -> crate::frame::Frame {
    scratch.frame(OpCode::Data(Data::Text), |out| {
        out.extend_from_slice(format!("{{{}}}", "x".repeat(bytes)).as_bytes());
    })
}

proptest! {
    #[test]
    fn bytes_are_the_same_whoever_waited_before(
        steps in proptest::collection::vec(step(), 1..120),
        bytes_max in 60..600usize,
    ) {
        let mut scratch = FrameScratch::default();
        let mut queues: [OutboundQueue; QUEUES] = std::array::from_fn(|index| match index {
            0 | 1 => OutboundQueue::new(LIMITS),
            _ => OutboundQueue::reliable(LIMITS),
        });
        let mut joined = Joined::default();
        for step in steps {
            match step {
                Step::Publish { bytes, queues: to } => {
                    let message = Queued::message(frame(&mut scratch, bytes), Format::Json, 0);
                    let is_to = |index: usize| to >> index & 1 == 1;
                    let receivers = queues.iter_mut().enumerate();
                    receivers
                        .filter(|(index, _)| is_to(*index))
                        .for_each(|(_, queue)| queue.push(message.clone()));
                }
                Step::Tell(queue) => queues[queue].push(Queued::new(frame(&mut scratch, 5))),
                Step::Write { queue, bytes } => {
                    let queue = &mut queues[queue];
                    let mut alone = Joined::default();
                    queue.join(&mut alone, bytes_max);
                    queue.join(&mut joined, bytes_max);
                    prop_assert_eq!(joined.bytes(), alone.bytes());
                    prop_assert_eq!(joined.whole_frames(), alone.whole_frames());
                    match joined.whole_frames() {
                        Some(frames) if bytes >= joined.bytes().len() => queue.finish(frames),
                        _ => drop(queue.advance(bytes.min(joined.bytes().len()))),
                    }
                }
            }
        }
    }
}

#[test]
fn frames_that_were_joined_before_are_not_copied_again() {
    let message = Queued::message(frame(&mut FrameScratch::default(), 9), Format::Json, 0);
    let (mut first, mut second) = (OutboundQueue::new(LIMITS), OutboundQueue::new(LIMITS));
    for _ in 0..3 {
        first.push(message.clone());
        second.push(message.clone());
    }
    let mut joined = Joined::default();
    first.join(&mut joined, 1_000);
    let held = Rc::strong_count(&message);
    second.join(&mut joined, 1_000);
    assert_eq!((Rc::strong_count(&message), joined.whole_frames()), (held, Some(3)));
    joined.clear();
    assert_eq!(Rc::strong_count(&message), held - 3);
}
