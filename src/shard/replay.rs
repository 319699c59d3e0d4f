//! The numbers of a reliable connection's messages, and how far either side is
//! (`client-json.md` section 6).
//!
//! A message gets the next number when it is queued, and is kept in the outbound queue until the
//! client acknowledges that number. After a loss of the transport everything kept is written again,
//! oldest first and with its old number. Here are the numbers only; the messages are in
//! [`super::outbound`].

/// Numbers count from 1.
#[derive(Debug)]
pub struct Replay {
    /// The number of the oldest message that is kept, or of the next one.
    first: u64,
    /// The number of the next message that the current transport gets.
    next_unwritten: u64,
    /// The highest number that any transport has got whole.
    written_max: u64,
    /// The highest number that the client has acknowledged.
    acknowledged: u64,
}

impl Default for Replay {
    fn default() -> Self {
        Self { first: 1, next_unwritten: 1, written_max: 0, acknowledged: 0 }
    }
}

impl Replay {
    pub fn next_unwritten(&self) -> u64 {
        self.next_unwritten
    }

    /// The transport has got so many more messages whole. Returns how many of the oldest are not
    /// needed any more: those that the client has from an earlier transport.
    pub fn on_written(&mut self, messages: usize) -> usize {
        self.next_unwritten += messages as u64;
        self.written_max = self.written_max.max(self.next_unwritten - 1);
        self.release()
    }

    /// Takes an acknowledgement of everything up to and including `sequence_id`, but of nothing
    /// that was never sent. Returns how many of the oldest messages are not needed any more.
    pub fn acknowledge(&mut self, sequence_id: u64) -> usize {
        self.acknowledged = self.acknowledged.max(sequence_id.min(self.written_max));
        self.release()
    }

    /// What still waits for the current transport stays until that has got it.
    fn release(&mut self) -> usize {
        let first = self.first;
        self.first = first.max(self.next_unwritten.min(self.acknowledged + 1));
        usize::try_from(self.first - first).expect("no more than one queue holds")
    }

    /// Messages that are kept only because they wait to be written again, and that the client has
    /// acknowledged meanwhile.
    pub fn superfluous(&self) -> usize {
        usize::try_from((self.acknowledged + 1).saturating_sub(self.first)).unwrap_or(usize::MAX)
    }

    /// Goes back to the oldest message that is kept.
    pub fn rewind(&mut self) {
        self.next_unwritten = self.first;
    }
}

#[cfg(test)]
mod tests;
