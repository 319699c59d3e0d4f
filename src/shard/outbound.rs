//! The outbound queue of one connection: references to finished frames, bounded.
//!
//! Bytes are counted per receiver although the frames are shared: the bound protects this
//! client's share of the send path, not the heap. A queue that is over its bound is not yet a
//! slow client: it is offered to the socket first, and only what the kernel refuses counts
//! (`client-connect.md` section 12.3).
//!
//! A reliable connection has one queue for both of its duties: what its socket has still to get,
//! and in front of that what its client has still to acknowledge ([`super::replay`]). A delivery
//! to it is one reference like any other.
//!
//! ```text
//! frames:  unacknowledged, written | waiting for the socket
//!          numbered messages only  | messages, answers, control frames
//! ```

use std::collections::VecDeque;
use std::rc::Rc;

use super::clock::Millis;
use super::joined::Joined;
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

/// Frames of one connection, oldest first.
///
/// All that a delivery touches of its receiver, but for the place of the reference: one cache line.
#[derive(Debug)]
#[repr(align(64))]
pub struct OutboundQueue {
    frames: VecDeque<Rc<Queued>>,
    /// Bytes of all of them, as plain receivers get them. Settings allow 1 GiB, and a turn adds
    /// much less before the excess is noticed.
    bytes: u32,
    /// Bytes of the oldest waiting frame that the socket has taken already.
    head_sent_bytes: u32,
    limits: OutboundLimits,
    /// How many frames in front wait for an acknowledgement only; of a plain connection none do.
    written: u32,
    /// A write is already arranged: the connection is listed as dirty, or its socket's writability
    /// is awaited, or its upgrade is held back.
    pub is_scheduled: bool,
    /// Whether a frame with a time to live may be among those that wait; nearly always not.
    has_expiring: bool,
    /// Whether there is no socket: numbered messages are kept, and everything else is dropped.
    is_detached: bool,
    /// Only of reliable connections.
    replay: Option<Box<Replay>>,
}

const _: () = assert!(size_of::<OutboundQueue>() == 64, "one cache line");

impl OutboundQueue {
    /// The queue of a new connection, whose first write is arranged by whoever opens it.
    pub fn new(limits: OutboundLimits) -> Self {
        Self {
            frames: VecDeque::new(),
            bytes: 0,
            head_sent_bytes: 0,
            limits,
            written: 0,
            is_scheduled: true,
            has_expiring: false,
            is_detached: false,
            replay: None,
        }
    }

    /// The queue of a reliable connection, which has a transport.
    pub fn reliable(limits: OutboundLimits) -> Self {
        Self { replay: Some(Box::default()), ..Self::new(limits) }
    }

    #[inline]
    pub fn push(&mut self, frame: Rc<Queued>) {
        if self.is_detached {
            if !frame.is_numbered() {
                return;
            }
            self.written += 1;
        }
        self.bytes += bytes_of(&frame);
        self.has_expiring |= frame.may_expire();
        self.frames.push_back(frame);
    }

    /// Whether nothing waits for the socket.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Frames that wait for the socket.
    pub fn len(&self) -> usize {
        self.frames.len() - self.written()
    }

    /// Whether the socket has taken a part of the oldest waiting frame only.
    pub fn is_mid_frame(&self) -> bool {
        self.head_sent_bytes > 0
    }

    /// Whether messages get a number of this receiver's own: then [`Self::join`] has the bytes.
    pub fn is_numbered(&self) -> bool {
        self.replay.is_some()
    }

    /// The bound that more is waiting than the hub's settings allow, if there is one.
    #[inline]
    pub fn overflow(&self) -> Option<Overflow> {
        let OutboundLimits { messages_max, bytes_max } = self.limits;
        let is_over = self.frames.len() > messages_max as usize || self.bytes > bytes_max;
        if is_over { self.overflow_of_what() } else { None }
    }

    /// As [`Self::overflow`], of a queue that is over the bounds of a plain one.
    #[cold]
    fn overflow_of_what(&self) -> Option<Overflow> {
        let OutboundLimits { messages_max, bytes_max } = self.limits;
        if !self.is_numbered() {
            return Some(Overflow::Waiting);
        }
        let is_over = |messages: usize, bytes: usize, headroom: OutboundLimits| {
            messages > messages_max.saturating_add(headroom.messages_max) as usize
                || bytes > bytes_max.saturating_add(headroom.bytes_max) as usize
        };
        let none = OutboundLimits { messages_max: 0, bytes_max: 0 };
        if is_over(self.unacknowledged(), self.unacknowledged_bytes(), none) {
            return Some(Overflow::Unacknowledged);
        }
        is_over(self.len(), self.waiting_bytes(), HEADROOM).then_some(Overflow::Waiting)
    }

    /// Bytes that wait for the socket, as plain receivers count them.
    pub fn waiting_bytes(&self) -> usize {
        // Those of a plain queue are what is counted.
        let written = self.frames.range(..self.written());
        let bytes = self.bytes - written.map(bytes_of).sum::<u32>();
        bytes.saturating_sub(self.head_sent_bytes) as usize
    }

    /// The unwritten parts of the waiting frames, oldest first, for a receiver without numbers.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        debug_assert!(!self.is_numbered(), "a reliable connection's frames are not these");
        let mut skip = self.head_sent_bytes as usize;
        self.frames.iter().map(move |frame| &frame.bytes()[std::mem::take(&mut skip)..])
    }

    /// Joins the unwritten bytes of the waiting frames, oldest first and at most `bytes_max`,
    /// unless that is what is joined already.
    pub fn join(&self, joined: &mut Joined, bytes_max: usize) {
        let waiting = self.frames.range(self.written()..);
        joined.join(waiting, self.head_sent_bytes as usize, self.next_number(), bytes_max);
    }

    /// The number of the next message that the socket gets, if this receiver has numbers.
    fn next_number(&self) -> Option<SequenceNumber> {
        self.replay.as_ref().map(|replay| SequenceNumber::new(replay.next_unwritten()))
    }

    /// Drops what the socket has taken; returns how many frames are finished.
    pub fn advance(&mut self, written_bytes: usize) -> usize {
        let mut left = self.head_sent_bytes as usize + written_bytes;
        let mut finished = 0;
        let mut number = self.next_number();
        while let Some(head) = self.frames.get(self.written()) {
            let length = match number.as_mut().zip(head.shared()) {
                Some((number, shared)) => {
                    let length = shared.numbered_bytes(number);
                    number.next();
                    length
                }
                None => head.bytes().len(),
            };
            if left < length {
                break;
            }
            left -= length;
            self.finish(1);
            finished += 1;
        }
        self.head_sent_bytes = u32::try_from(left).expect("less than one frame");
        finished
    }

    /// The socket has taken so many of the waiting frames, to the end of the last.
    pub fn finish(&mut self, frames: usize) {
        self.head_sent_bytes = 0;
        if self.is_numbered() {
            return self.finish_numbered(frames);
        }
        if frames == self.frames.len() {
            self.frames.clear();
            self.bytes = 0;
        } else {
            self.drop_front(frames);
        }
    }

    /// Messages stay until they are acknowledged; the few other frames go.
    fn finish_numbered(&mut self, frames: usize) {
        let start = self.written();
        let is_message = |frame: &Rc<Queued>| frame.is_numbered();
        let mut messages = frames;
        if !self.frames.range(start..start + frames).all(is_message) {
            // From behind, so that the positions of the others hold.
            for at in (start..start + frames).rev() {
                if let Some(other) = self.frames.get(at).filter(|frame| !is_message(frame)) {
                    self.bytes -= bytes_of(other);
                    self.frames.remove(at);
                    messages -= 1;
                }
            }
        }
        self.written += u32::try_from(messages).expect("as many as one queue holds");
        if let Some(replay) = &mut self.replay {
            let released = replay.on_written(messages);
            self.release(released);
        }
    }

    /// Lets the oldest written messages go.
    fn release(&mut self, messages: usize) {
        self.drop_front(messages);
        self.written -= u32::try_from(messages).expect("no more than are written");
    }

    fn drop_front(&mut self, frames: usize) {
        self.bytes -= self.frames.drain(..frames).map(|frame| bytes_of(&frame)).sum::<u32>();
    }

    /// Drops waiting frames whose time to live has passed; returns how many. A frame that is
    /// partly written must be finished, or the stream would be torn. On a reliable connection the
    /// number of a dropped message stays used (`client-json.md` section 6.1).
    pub fn drop_expired(&mut self, now: Millis) -> usize {
        if !self.has_expiring {
            return 0;
        }
        if self.is_numbered() {
            return self.blank_expired(now);
        }
        let before = self.frames.len();
        let mut is_started = self.is_mid_frame();
        self.frames.retain(|frame| std::mem::take(&mut is_started) || !frame.is_expired(now));
        self.recount();
        before - self.frames.len()
    }

    /// Puts blanks, which have no bytes but a number, in the places of expired messages.
    fn blank_expired(&mut self, now: Millis) -> usize {
        let first = self.written() + usize::from(self.is_mid_frame());
        let mut dropped = 0;
        for frame in self.frames.range_mut(first..).filter(|frame| frame.is_expired(now)) {
            self.bytes -= bytes_of(frame);
            *frame = Queued::blank();
            dropped += 1;
        }
        self.look_for_expiring();
        // Blanks at the front would be a write of nothing.
        self.advance(0);
        dropped
    }

    /// Drops everything waiting that is not partly written already; returns how many frames.
    pub fn discard(&mut self) -> usize {
        let kept = self.written() + usize::from(self.is_mid_frame());
        let discarded = self.frames.len().saturating_sub(kept);
        self.frames.truncate(kept);
        self.recount();
        discarded
    }

    /// Takes a client's cumulative acknowledgement (`client-json.md` section 6.2).
    pub fn acknowledge(&mut self, sequence_id: u64) {
        if let Some(replay) = &mut self.replay {
            let released = replay.acknowledge(sequence_id);
            self.release(released);
        }
    }

    /// The transport is gone: what was on its way is lost with it, what is numbered is kept.
    pub fn detach(&mut self) {
        self.is_detached = true;
        self.head_sent_bytes = 0;
        self.frames.retain(|frame| frame.is_numbered());
        self.written = u32::try_from(self.frames.len()).expect("as many as one queue holds");
        self.recount();
    }

    /// There is a transport again. Only its greeting may be queued before [`Self::replay`].
    pub fn attach(&mut self) {
        self.is_detached = false;
    }

    /// Has every unacknowledged message written again, with its number, after the greeting.
    pub fn replay(&mut self) {
        let Some(replay) = &mut self.replay else { return };
        replay.rewind();
        let kept = self.written();
        self.frames.rotate_left(kept);
        self.written = 0;
        self.look_for_expiring();
    }

    /// Bytes kept until they are acknowledged.
    pub fn unacknowledged_bytes(&self) -> usize {
        self.messages().map(bytes_of).sum::<u32>() as usize
    }

    /// Messages kept until they are acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.messages().count()
    }

    fn messages(&self) -> impl Iterator<Item = &Rc<Queued>> {
        let superfluous = self.replay.as_ref().map(|replay| replay.superfluous());
        let is_message = move |frame: &&Rc<Queued>| superfluous.is_some() && frame.is_numbered();
        self.frames.iter().filter(is_message).skip(superfluous.unwrap_or_default())
    }

    /// Whether there is no socket to write to.
    pub fn is_detached(&self) -> bool {
        self.is_detached
    }

    fn written(&self) -> usize {
        self.written as usize
    }

    /// After frames have gone from anywhere.
    fn recount(&mut self) {
        self.bytes = self.frames.iter().map(bytes_of).sum();
        self.look_for_expiring();
    }

    /// What has been written is not dropped any more, so it is not looked at.
    fn look_for_expiring(&mut self) {
        self.has_expiring = self.frames.range(self.written()..).any(|frame| frame.may_expire());
    }

    /// Gives memory back that a burst has taken. Called now and then, not after every burst: a
    /// queue that is used again at once would only grow again.
    pub fn shrink(&mut self) {
        self.frames.shrink_to(2 * self.frames.len());
    }
}

fn bytes_of(frame: &Rc<Queued>) -> u32 {
    u32::try_from(frame.bytes().len()).expect("messages are far shorter")
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
        assert_eq!((queue.len(), queue.waiting_bytes()), (1, 2));
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
                prop_assert_eq!(flat.len(), queue.waiting_bytes());
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
