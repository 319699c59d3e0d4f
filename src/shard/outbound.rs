//! The outbound queue of one connection: references to finished frames, bounded.
//!
//! Bytes are counted per receiver although the frames are shared: the bound protects this
//! client's share of the send path, not the heap. A queue that is over its bound is not yet a
//! slow client: it is offered to the socket first, and only what the kernel refuses counts
//! (`client-connect.md` section 12.3).

use std::collections::VecDeque;
use std::rc::Rc;

use super::clock::Millis;
use crate::frame::Queued;

/// The bounds of an outbound queue.
#[derive(Clone, Copy, Debug)]
pub struct OutboundLimits {
    pub messages_max: u32,
    pub bytes_max: u32,
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
}

impl OutboundQueue {
    pub fn new(limits: OutboundLimits) -> Self {
        let frames = VecDeque::new();
        Self { frames, bytes: 0, head_sent_bytes: 0, has_expiring: false, limits }
    }

    pub fn push(&mut self, frame: Rc<Queued>) {
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

    /// Bytes still to be written.
    pub fn bytes(&self) -> usize {
        self.bytes - self.head_sent_bytes
    }

    /// Whether more is waiting than the hub's settings allow.
    pub fn is_over_limit(&self) -> bool {
        self.frames.len() > self.limits.messages_max as usize
            || self.bytes > self.limits.bytes_max as usize
    }

    /// The unwritten parts of the waiting frames, oldest first.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut skip = self.head_sent_bytes;
        self.frames.iter().map(move |frame| &frame.bytes()[std::mem::take(&mut skip)..])
    }

    /// Drops what the socket has taken; returns how many frames are finished.
    pub fn advance(&mut self, written_bytes: usize) -> usize {
        let mut left = self.head_sent_bytes + written_bytes;
        let mut finished = 0;
        while let Some(head) = self.frames.front() {
            let length = head.bytes().len();
            if left < length {
                break;
            }
            left -= length;
            self.bytes -= length;
            self.frames.pop_front();
            finished += 1;
        }
        self.head_sent_bytes = left;
        finished
    }

    /// Drops waiting frames whose time to live has passed; returns how many. A frame that is
    /// partly written must be finished, or the stream would be torn.
    pub fn drop_expired(&mut self, now: Millis) -> usize {
        if !self.has_expiring {
            return 0;
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

    /// Drops everything that is not partly written already; returns how many frames.
    pub fn discard(&mut self) -> usize {
        let started = usize::from(self.head_sent_bytes > 0);
        let discarded = self.frames.len().saturating_sub(started);
        self.frames.truncate(started);
        self.bytes = self.frames.iter().map(|frame| frame.bytes().len()).sum();
        discarded
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
    use crate::frame::FrameScratch;

    fn frame(bytes: &[u8], expires_at_ms: u64) -> Rc<Queued> {
        let raw = FrameScratch::default().raw(|out| out.extend_from_slice(bytes));
        Queued::new(raw, expires_at_ms)
    }

    fn queue() -> OutboundQueue {
        OutboundQueue::new(OutboundLimits { messages_max: 3, bytes_max: 10 })
    }

    #[test]
    fn the_limit_is_passed_by_messages_or_by_bytes() {
        let mut many = queue();
        (0..3).for_each(|_| many.push(frame(b"x", 0)));
        assert!(!many.is_over_limit());
        many.push(frame(b"x", 0));
        assert!(many.is_over_limit());
        let mut large = queue();
        large.push(frame(&[0; 10], 0));
        assert!(!large.is_over_limit());
        large.push(frame(b"x", 0));
        assert!(large.is_over_limit());
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
