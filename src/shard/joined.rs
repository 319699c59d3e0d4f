//! The bytes of one write: waiting frames of a connection, joined.
//!
//! Members of one group mostly wait for the same frames. What was joined for one of them is then
//! what the next one needs too, and it is not copied a second time: once per message, not once per
//! receiver. Which frames are joined is remembered by reference, so they cannot have become others
//! in the meantime.

use std::rc::Rc;

use crate::frame::Queued;
use crate::frame::numbered::SequenceNumber;

/// Frames in the order of one connection, as bytes for its socket.
#[derive(Debug, Default)]
pub struct Joined {
    bytes: Vec<u8>,
    frames: Vec<Rc<Queued>>,
    /// Bytes of the first frame that were left out.
    skipped: usize,
    /// The number of the first message, for a receiver that has them numbered.
    number: Option<u64>,
    /// Whether the last frame is there to its end.
    is_whole: bool,
    /// The next frame, which found no room.
    refused: Option<Rc<Queued>>,
}

impl Joined {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many frames these bytes end, if the last of them ends with a frame.
    pub fn whole_frames(&self) -> Option<usize> {
        self.is_whole.then_some(self.frames.len())
    }

    /// Forgets everything, so that no frame lives on for this.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.frames.clear();
        self.refused = None;
    }

    /// Joins `waiting` without the first `skip` bytes, and at most `bytes_max`; messages with their
    /// numbers, if the receiver has numbers and this is the first message's.
    pub(super) fn join<'q>(
        &mut self,
        waiting: impl Iterator<Item = &'q Rc<Queued>> + Clone,
        skip: usize,
        number: Option<SequenceNumber>,
        bytes_max: usize,
    ) {
        let first = number.map(|number| number.id());
        if (self.skipped, self.number) == (skip, first) && self.is_of(waiting.clone()) {
            return;
        }
        self.clear();
        (self.skipped, self.number) = (skip, first);
        self.append(waiting, skip, number, bytes_max);
    }

    fn append<'q>(
        &mut self,
        waiting: impl Iterator<Item = &'q Rc<Queued>>,
        mut skip: usize,
        mut number: Option<SequenceNumber>,
        bytes_max: usize,
    ) {
        self.is_whole = true;
        for frame in waiting {
            let skip = std::mem::take(&mut skip);
            let room = bytes_max - self.bytes.len();
            let numbered = number.as_mut().zip(frame.shared());
            let length = match &numbered {
                Some((number, shared)) => shared.numbered_bytes(number) - skip,
                None => frame.bytes().len() - skip,
            };
            let is_cut = length > room;
            if is_cut && !self.frames.is_empty() {
                self.refused = Some(frame.clone());
                return;
            }
            match numbered {
                Some((number, shared)) if skip > 0 || is_cut => {
                    shared.numbered(frame.bytes(), number).append(&mut self.bytes, skip, room);
                    number.next();
                }
                Some((number, shared)) => {
                    shared.write(frame.bytes(), number, &mut self.bytes);
                    number.next();
                }
                None => {
                    let end = frame.bytes().len().min(skip + room);
                    self.bytes.extend_from_slice(&frame.bytes()[skip..end]);
                }
            }
            self.frames.push(frame.clone());
            if is_cut {
                self.is_whole = false;
                return;
            }
        }
    }

    /// Whether these are the first of the waiting frames, and as many as there is room for.
    fn is_of<'q>(&self, mut waiting: impl Iterator<Item = &'q Rc<Queued>>) -> bool {
        let mut is_first = |joined| waiting.next().is_some_and(|frame| Rc::ptr_eq(joined, frame));
        if self.frames.is_empty() || !self.frames.iter().all(&mut is_first) {
            return false;
        }
        let is_refused = |frame| self.refused.iter().any(|refused| Rc::ptr_eq(refused, frame));
        !self.is_whole || waiting.next().is_none_or(is_refused)
    }
}

#[cfg(test)]
mod tests;
