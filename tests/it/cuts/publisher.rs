//! A client that publishes numbered messages and says again what was not acknowledged.
//!
//! After a cut every pending request is sent once more, in order and under its old id: the server
//! executes those it has not executed, and calls the others duplicates (client-json.md 5.3).

use std::collections::VecDeque;

use super::line::{Line, News};
use super::speech::Heard;
use super::{GROUP, subscriber};

/// Requests under way. Together with the pace of the test this keeps queues far from full.
const PENDING_MAX: usize = 16;

pub(super) struct Publisher {
    pub(super) line: Line,
    number: usize,
    /// The count of publications; as an ack id it begins with 0.
    pub(super) published: usize,
    pending: VecDeque<Pending>,
    pub(super) duplicates: usize,
}

/// A publication without ack.
struct Pending {
    index: usize,
    /// Said on more than one transport.
    is_repeated: bool,
}

impl Publisher {
    pub(super) fn new(line: Line, number: usize) -> Self {
        Self { line, number, published: 0, pending: VecDeque::new(), duplicates: 0 }
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Publishes the next message unless too many are pending.
    pub(super) fn publish(&mut self) {
        if self.pending.len() < PENDING_MAX {
            let index = self.published;
            self.published += 1;
            self.pending.push_back(Pending { index, is_repeated: false });
            self.say(index);
        }
    }

    pub(super) fn turn(&mut self) {
        for news in self.line.turn() {
            match news {
                // At once, as the libraries do: before the `connected` message has come.
                News::Attached => {
                    for position in 0..self.pending.len() {
                        let pending = &mut self.pending[position];
                        pending.is_repeated = true;
                        let index = pending.index;
                        self.say(index);
                    }
                }
                News::Heard(Heard::Connected { .. }) => {}
                News::Heard(Heard::Ack { id, is_duplicate }) => self.take_in(id, is_duplicate),
                News::Heard(other) => panic!("publisher {}: unasked: {other:?}", self.number),
            }
        }
    }

    fn take_in(&mut self, id: u64, is_duplicate: bool) {
        let number = self.number;
        let position = self.pending.iter().position(|pending| pending.index as u64 == id);
        let position = position.unwrap_or_else(|| panic!("publisher {number}: ack {id} unasked"));
        let pending = self.pending.remove(position).expect("found");
        assert!(pending.is_repeated || !is_duplicate, "publisher {number}: {id} was said once");
        self.duplicates += usize::from(is_duplicate);
    }

    fn say(&mut self, index: usize) {
        let text = subscriber::write((self.number, index));
        let frame = self.line.speech.publication(GROUP, &text, index as u64);
        self.line.say(&frame);
    }
}
