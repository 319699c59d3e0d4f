//! The outbound queue of one connection: references to finished frames, bounded.
//!
//! Bytes are counted per receiver although the frames are shared: the bound protects this
//! client's share of the send path, not the heap. A queue that is over its bound is not yet a
//! slow client: it is offered to the socket first, and only what the kernel refuses counts
//! (`client-connect.md` section 12.3).
//!
//! The queue of a reliable connection numbers its messages and keeps them until they are
//! acknowledged ([`super::replay`]), with or without a transport.

use std::collections::VecDeque;
use std::rc::Rc;

use super::clock::Millis;
use super::replay::Replay;
use crate::frame::Queued;
use crate::frame::numbered::SequenceNumber;

/// The bounds of an outbound queue.
#[derive(Clone, Copy, Debug)]
pub struct OutboundLimits {
    pub messages_max: u32,
    pub bytes_max: u32,
}

/// What a reliable transport may hold beyond its messages, so that a full replay queue loses no
/// answer (`client-connect.md` section 12.3).
const HEADROOM: OutboundLimits = OutboundLimits { messages_max: 32, bytes_max: 64 * 1024 };

/// Which bound has been passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// More is waiting for the socket than may.
    Waiting,
    /// More is waiting for the client's acknowledgement than may: nothing a socket could change.
    Unacknowledged,
}

/// Frames waiting for one connection, oldest first.
#[derive(Debug)]
pub struct OutboundQueue {
    frames: VecDeque<Rc<Queued>>,
    bytes: usize,
    /// Bytes of the oldest frame that the socket has taken already.
    head_sent_bytes: usize,
    /// Whether a frame with a time to live may be among them; nearly always not.
    has_expiring: bool,
    limits: OutboundLimits,
    /// Only of reliable connections.
    replay: Option<Box<Replay>>,
}

impl OutboundQueue {
    pub fn new(limits: OutboundLimits) -> Self {
        let frames = VecDeque::new();
        Self { frames, bytes: 0, head_sent_bytes: 0, has_expiring: false, limits, replay: None }
    }

    /// The queue of a reliable connection, which has a transport.
    pub fn reliable(limits: OutboundLimits) -> Self {
        Self { replay: Some(Box::default()), ..Self::new(limits) }
    }

    pub fn push(&mut self, frame: Rc<Queued>) {
        if let Some(replay) = &mut self.replay {
            if frame.is_numbered() {
                replay.keep(frame.clone());
            }
            if !replay.is_attached() {
                return;
            }
        }
        self.bytes += frame.bytes().len();
        self.has_expiring |= frame.may_expire();
        self.frames.push_back(frame);
    }

    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Bytes still to be written, as plain receivers count them.
    pub fn bytes(&self) -> usize {
        self.bytes.saturating_sub(self.head_sent_bytes)
    }

    /// Whether the socket has taken a part of the oldest frame only.
    pub fn is_mid_frame(&self) -> bool {
        self.head_sent_bytes > 0
    }

    /// Whether messages get a number of this receiver's own: then [`Self::fill`] has the bytes.
    pub fn is_numbered(&self) -> bool {
        self.replay.is_some()
    }

    /// The bound that more is waiting than the hub's settings allow, if there is one.
    pub fn overflow(&self) -> Option<Overflow> {
        let OutboundLimits { mut messages_max, mut bytes_max } = self.limits;
        if let Some(replay) = &self.replay {
            if replay.len() > messages_max as usize || replay.bytes() > bytes_max as usize {
                return Some(Overflow::Unacknowledged);
            }
            messages_max = messages_max.saturating_add(HEADROOM.messages_max);
            bytes_max = bytes_max.saturating_add(HEADROOM.bytes_max);
        }
        let is_over = self.frames.len() > messages_max as usize || self.bytes > bytes_max as usize;
        is_over.then_some(Overflow::Waiting)
    }

    /// The unwritten parts of the waiting frames, oldest first, for a receiver without numbers.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        debug_assert!(self.replay.is_none(), "a reliable connection's frames are not these");
        let mut skip = self.head_sent_bytes;
        self.frames.iter().map(move |frame| &frame.bytes()[std::mem::take(&mut skip)..])
    }

    /// Appends unwritten bytes of the waiting frames, oldest first and at most `bytes_max`.
    pub fn fill(&self, out: &mut Vec<u8>, bytes_max: usize) {
        let end = out.len() + bytes_max;
        let mut skip = self.head_sent_bytes;
        let mut number = self.next_number();
        for frame in &self.frames {
            let room = end - out.len();
            if room == 0 {
                break;
            }
            let skip = std::mem::take(&mut skip);
            match (&mut number, frame.shared()) {
                (Some(number), Some(shared)) => {
                    if skip == 0 && shared.numbered_bytes(number) <= room {
                        shared.write(frame.bytes(), number, out);
                    } else {
                        shared.numbered(frame.bytes(), number).append(out, skip, room);
                    }
                    number.next();
                }
                _ => {
                    let rest = &frame.bytes()[skip..];
                    out.extend_from_slice(&rest[..rest.len().min(room)]);
                }
            }
        }
    }

    /// The number of the next message that the socket gets, if this receiver has numbers.
    fn next_number(&self) -> Option<SequenceNumber> {
        self.replay.as_ref().map(|replay| SequenceNumber::new(replay.next_unwritten()))
    }

    /// Drops what the socket has taken; returns how many frames are finished.
    pub fn advance(&mut self, written_bytes: usize) -> usize {
        let mut left = self.head_sent_bytes + written_bytes;
        let mut finished = 0;
        let mut number = self.next_number();
        while let Some(head) = self.frames.front() {
            let numbered = number.as_mut().zip(head.shared());
            let length = match &numbered {
                Some((number, shared)) => shared.numbered_bytes(number),
                None => head.bytes().len(),
            };
            if left < length {
                break;
            }
            left -= length;
            self.bytes -= head.bytes().len();
            if let (Some((number, _)), Some(replay)) = (numbered, &mut self.replay) {
                number.next();
                replay.on_written();
            }
            self.frames.pop_front();
            finished += 1;
        }
        self.head_sent_bytes = left;
        finished
    }

    /// Drops waiting frames whose time to live has passed; returns how many. A frame that is
    /// partly written must be finished, or the stream would be torn. On a reliable connection the
    /// number of a dropped message stays used (`client-json.md` section 6.1).
    pub fn drop_expired(&mut self, now: Millis) -> usize {
        if !self.has_expiring {
            return 0;
        }
        if self.replay.is_some() {
            return self.blank_expired(now);
        }
        let before = self.frames.len();
        let (mut is_started, mut dropped_bytes) = (self.head_sent_bytes > 0, 0);
        self.frames.retain(|frame| {
            let keep = std::mem::take(&mut is_started) || !frame.is_expired(now);
            if !keep {
                dropped_bytes += frame.bytes().len();
            }
            keep
        });
        self.bytes -= dropped_bytes;
        self.has_expiring = self.frames.iter().any(|frame| frame.may_expire());
        before - self.frames.len()
    }

    /// Puts blanks, which have no bytes but a number, in the places of expired messages.
    fn blank_expired(&mut self, now: Millis) -> usize {
        let started = usize::from(self.head_sent_bytes > 0);
        let mut dropped = 0;
        for frame in self.frames.iter_mut().skip(started).filter(|frame| frame.is_expired(now)) {
            self.bytes -= frame.bytes().len();
            *frame = Queued::blank();
            dropped += 1;
        }
        self.has_expiring = self.frames.iter().any(|frame| frame.may_expire());
        // Blanks at the front would be a write of nothing.
        self.advance(0);
        dropped
    }

    /// Drops everything that is not partly written already; returns how many frames.
    pub fn discard(&mut self) -> usize {
        let started = usize::from(self.head_sent_bytes > 0);
        let discarded = self.frames.len().saturating_sub(started);
        self.frames.truncate(started);
        self.bytes = self.frames.iter().map(|frame| frame.bytes().len()).sum();
        discarded
    }

    /// Takes a client's cumulative acknowledgement (`client-json.md` section 6.2).
    pub fn acknowledge(&mut self, sequence_id: u64) {
        if let Some(replay) = &mut self.replay {
            replay.acknowledge(sequence_id);
        }
    }

    /// The transport is gone: what was on its way is lost with it, what is numbered is kept.
    pub fn detach(&mut self) {
        (self.frames, self.bytes, self.head_sent_bytes) = (VecDeque::new(), 0, 0);
        self.has_expiring = false;
        if let Some(replay) = &mut self.replay {
            replay.detach();
        }
    }

    /// There is a transport again; [`Self::replay`] follows when it has been greeted.
    pub fn attach(&mut self) {
        if let Some(replay) = &mut self.replay {
            replay.attach();
        }
    }

    /// Queues every unacknowledged message again, with its number.
    pub fn replay(&mut self) {
        let Some(replay) = &mut self.replay else { return };
        for frame in replay.rewind() {
            self.bytes += frame.bytes().len();
            self.has_expiring |= frame.may_expire();
            self.frames.push_back(frame.clone());
        }
    }

    /// Bytes kept until they are acknowledged.
    pub fn unacknowledged_bytes(&self) -> usize {
        self.replay.as_ref().map_or(0, |replay| replay.bytes())
    }

    /// Messages kept until they are acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.replay.as_ref().map_or(0, |replay| replay.len())
    }

    /// Gives the queue's memory back. Called now and then, not after every burst: a queue that
    /// is used again at once would only grow again.
    pub fn shrink(&mut self) {
        if self.frames.is_empty() {
            self.frames = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{Format, FrameScratch};

    fn frame(bytes: &[u8], expires_at_ms: u64) -> Rc<Queued> {
        let raw = FrameScratch::default().raw(|out| out.extend_from_slice(bytes));
        Queued::message(raw, Format::Simple, expires_at_ms)
    }

    fn queue() -> OutboundQueue {
        OutboundQueue::new(OutboundLimits { messages_max: 3, bytes_max: 10 })
    }

    #[test]
    fn the_limit_is_passed_by_messages_or_by_bytes() {
        let mut many = queue();
        (0..3).for_each(|_| many.push(frame(b"x", 0)));
        assert_eq!(many.overflow(), None);
        many.push(frame(b"x", 0));
        assert_eq!(many.overflow(), Some(Overflow::Waiting));
        let mut large = queue();
        large.push(frame(&[0; 10], 0));
        assert_eq!(large.overflow(), None);
        large.push(frame(b"x", 0));
        assert_eq!(large.overflow(), Some(Overflow::Waiting));
    }

    #[test]
    fn a_started_frame_is_finished_whatever_is_dropped() {
        let mut queue = queue();
        for _ in 0..3 {
            queue.push(frame(b"abc", 5));
        }
        queue.advance(1);
        assert_eq!(queue.drop_expired(4), 0);
        assert_eq!(queue.drop_expired(5), 2);
        assert_eq!(queue.slices().collect::<Vec<_>>(), [b"bc"]);
        queue.push(frame(b"d", 0));
        assert_eq!(queue.discard(), 1);
        assert_eq!((queue.len(), queue.bytes()), (1, 2));
    }

    proptest! {
        /// Frames in, arbitrary partial writes out: the byte stream is the frames in order.
        #[test]
        fn writes_are_the_frames_in_order(
            frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 1..40),
            writes in proptest::collection::vec(1usize..60, 1..80),
        ) {
            let mut queue = queue();
            let mut waiting = frames.iter();
            let (mut sent, mut finished) = (Vec::new(), 0);
            for write in writes {
                if let Some(next) = waiting.next() {
                    queue.push(frame(next, 0));
                }
                let flat: Vec<u8> = queue.slices().flatten().copied().collect();
                prop_assert_eq!(flat.len(), queue.bytes());
                let taken = write.min(flat.len());
                sent.extend_from_slice(&flat[..taken]);
                finished += queue.advance(taken);
            }
            sent.extend(queue.slices().flatten());
            let pushed = frames.len() - waiting.len();
            prop_assert_eq!(sent, frames[..pushed].concat());
            prop_assert_eq!(finished + queue.len(), pushed);
        }
    }
}
