//! The messages of a reliable connection that its client has not acknowledged
//! (`client-json.md` section 6).
//!
//! Every numbered message is kept here from the moment it is queued. What the socket gets comes
//! from the outbound queue; this side only knows which numbers that will be. After a loss of the
//! transport everything kept is queued again, oldest first and with its old number.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::frame::Queued;

/// Numbered messages, oldest first.
#[derive(Debug)]
pub struct Replay {
    kept: VecDeque<Rc<Queued>>,
    bytes: usize,
    /// The number of the oldest message that is kept, or of the next one.
    first: u64,
    /// The number of the next message that the current transport gets.
    next_unwritten: u64,
    /// The highest number that any transport has got whole.
    written_max: u64,
    is_attached: bool,
}

impl Default for Replay {
    /// Of a new connection, which has a transport.
    fn default() -> Self {
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            first: 1,
            next_unwritten: 1,
            written_max: 0,
            is_attached: true,
        }
    }
}

impl Replay {
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Bytes of the kept messages as plain receivers get them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_attached(&self) -> bool {
        self.is_attached
    }

    pub fn next_unwritten(&self) -> u64 {
        self.next_unwritten
    }

    /// Gives the message the next number.
    pub fn keep(&mut self, frame: Rc<Queued>) {
        self.bytes += frame.bytes().len();
        self.kept.push_back(frame);
    }

    /// The transport has got the next message whole.
    pub fn on_written(&mut self) {
        self.written_max = self.written_max.max(self.next_unwritten);
        self.next_unwritten += 1;
    }

    /// Releases everything up to and including `sequence_id`, but nothing that was never sent.
    pub fn acknowledge(&mut self, sequence_id: u64) {
        let last = sequence_id.min(self.written_max);
        while self.first <= last
            && let Some(frame) = self.kept.pop_front()
        {
            self.bytes -= frame.bytes().len();
            self.first += 1;
        }
        // One burst does not keep its memory for ever.
        if self.kept.is_empty() && self.kept.capacity() > MESSAGES_KEPT {
            self.kept.shrink_to(MESSAGES_KEPT);
        }
    }

    pub fn detach(&mut self) {
        self.is_attached = false;
    }

    pub fn attach(&mut self) {
        self.is_attached = true;
    }

    /// Goes back to the oldest message that is kept, and gives all of them to be sent again.
    pub fn rewind(&mut self) -> impl Iterator<Item = &Rc<Queued>> {
        self.next_unwritten = self.first;
        self.kept.iter()
    }
}

/// Messages of capacity that an empty queue keeps.
const MESSAGES_KEPT: usize = 64;

#[cfg(test)]
mod tests;
