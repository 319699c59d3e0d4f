//! What reliable subscribers owe the server beside reading: sequence acks (client-json.md 6.2),
//! at the times at which the published libraries send them.
//!
//! A library acknowledges once a second if there is anything new, and at once when 300 messages
//! are outstanding. Here each read counts as one moment: what it brought is acknowledged as a
//! whole, when the turn is over. The seconds of the subscribers are spread, as those of clients
//! that came at different times.

use std::ops::Range;

use anyhow::Result;

use crate::clock::{self, NS_PER_S};
use crate::fleet::Fleet;
use crate::wire::subprotocol::Subprotocol;

/// Outstanding messages that are acknowledged at once.
const OUTSTANDING_MAX: u64 = 300;

pub(crate) struct Receipts {
    subprotocol: Subprotocol,
    /// The subscriber of the first receipt.
    first: usize,
    /// By subscriber, from the first on.
    receipts: Vec<Receipt>,
    /// Subscribers with enough outstanding messages, or whose second is over.
    due: Vec<usize>,
    started_ns: u64,
    /// Seconds of subscribers that are over since then.
    seconds_over: u64,
    pub(crate) acks: u64,
}

#[derive(Clone, Copy, Default)]
struct Receipt {
    last: u64,
    acknowledged: u64,
    /// Whether it was recovered and may get again what it has (client-json.md 6.3).
    is_recovering: bool,
}

/// What the number of a delivery says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbered {
    /// It is the one that had to come: 1, 2, 3 and so on.
    Next,
    /// After a recovery, what was not acknowledged in time comes again.
    Again,
    Wrong,
}

impl Receipts {
    /// `None` where nothing is acknowledged.
    pub(crate) fn new(subprotocol: Subprotocol, subscribers: Range<usize>) -> Option<Self> {
        subprotocol.is_reliable().then(|| Self {
            subprotocol,
            first: subscribers.start,
            receipts: vec![Receipt::default(); subscribers.len()],
            due: Vec::new(),
            started_ns: clock::now_ns(),
            seconds_over: 0,
            acks: 0,
        })
    }

    /// Notes a delivery.
    #[inline]
    pub(crate) fn on_delivery(&mut self, subscriber: usize, sequence_id: u64) -> Numbered {
        let receipt = &mut self.receipts[subscriber - self.first];
        if sequence_id != receipt.last + 1 {
            return self.on_irregular(subscriber, sequence_id);
        }
        receipt.is_recovering = false;
        receipt.last = sequence_id;
        // Passed by a gap, it is noticed when the second is over; the run has failed anyway.
        if receipt.last == receipt.acknowledged + OUTSTANDING_MAX {
            self.due.push(subscriber);
        }
        Numbered::Next
    }

    #[cold]
    fn on_irregular(&mut self, subscriber: usize, sequence_id: u64) -> Numbered {
        let receipt = &mut self.receipts[subscriber - self.first];
        if receipt.is_recovering && (1..=receipt.last).contains(&sequence_id) {
            // The server does not know that it has arrived: it is acknowledged once more.
            receipt.acknowledged = receipt.acknowledged.min(sequence_id - 1);
            return Numbered::Again;
        }
        receipt.last = receipt.last.max(sequence_id);
        Numbered::Wrong
    }

    /// Notes that a client takes up its connection again, whose numbers go on.
    pub(crate) fn on_recovery(&mut self, subscriber: usize) {
        self.receipts[subscriber - self.first].is_recovering = true;
    }

    /// Notes that another client follows, whose numbers start anew.
    pub(crate) fn forget(&mut self, subscriber: usize) {
        self.receipts[subscriber - self.first] = Receipt::default();
    }

    /// Sends what is due of those that are open.
    pub(crate) fn write(&mut self, fleet: &mut Fleet) -> Result<()> {
        self.end_seconds(clock::now_ns() - self.started_ns);
        for subscriber in self.due.drain(..) {
            let receipt = &mut self.receipts[subscriber - self.first];
            if receipt.last > receipt.acknowledged && fleet.is_open(subscriber) {
                receipt.acknowledged = receipt.last;
                self.acks += 1;
                let outgoing = &mut fleet.clients[subscriber].socket.outgoing;
                self.subprotocol.put_sequence_ack(outgoing, receipt.last);
                fleet.write(subscriber)?;
            }
        }
        Ok(())
    }

    fn end_seconds(&mut self, elapsed_ns: u64) {
        let count = self.receipts.len() as u64;
        let over = u128::from(elapsed_ns) * u128::from(count) / u128::from(NS_PER_S);
        let over = u64::try_from(over).unwrap_or(u64::MAX);
        // After a long pause everyone is due once.
        let first = self.seconds_over.max(over.saturating_sub(count));
        // A remainder of a length is an index.
        let due = (first..over).map(|second| usize::try_from(second % count).unwrap_or(0));
        self.due.extend(due.map(|place| self.first + place));
        self.seconds_over = over;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipts(subscribers: usize) -> Receipts {
        Receipts::new(Subprotocol::JsonReliable, 0..subscribers).unwrap()
    }

    fn is_next(receipts: &mut Receipts, subscriber: usize, sequence_id: u64) -> bool {
        receipts.on_delivery(subscriber, sequence_id) == Numbered::Next
    }

    #[test]
    fn numbers_start_with_one_and_have_no_gap() {
        // J44
        let mut receipts = receipts(2);
        assert!([1, 2, 3].into_iter().all(|number| is_next(&mut receipts, 1, number)));
        assert!(!is_next(&mut receipts, 1, 3));
        assert!(!is_next(&mut receipts, 1, 5));
        assert!(is_next(&mut receipts, 1, 6));
        assert!(!is_next(&mut receipts, 0, 0));
        assert!(!is_next(&mut receipts, 0, 2));
    }

    #[test]
    fn the_three_hundredth_outstanding_message_makes_an_ack_due_once() {
        let mut receipts = receipts(2);
        (1..OUTSTANDING_MAX).for_each(|number| assert!(is_next(&mut receipts, 1, number)));
        assert!(receipts.due.is_empty());
        (0..9).for_each(|more| assert!(is_next(&mut receipts, 1, OUTSTANDING_MAX + more)));
        assert_eq!(receipts.due, [1]);
    }

    #[test]
    fn after_a_recovery_what_was_not_acknowledged_may_come_again_once() {
        let mut receipts = receipts(2);
        assert!((1..=5).all(|number| is_next(&mut receipts, 1, number)));
        assert_eq!(receipts.on_delivery(1, 4), Numbered::Wrong);
        receipts.receipts[1].acknowledged = 5;
        receipts.on_recovery(1);
        assert_eq!([4, 5].map(|number| receipts.on_delivery(1, number)), [Numbered::Again; 2]);
        assert_eq!(receipts.receipts[1].acknowledged, 3);
        assert_eq!(receipts.on_delivery(1, 6), Numbered::Next);
        assert_eq!(receipts.on_delivery(1, 5), Numbered::Wrong);
        receipts.on_recovery(1);
        assert_eq!(receipts.on_delivery(1, 8), Numbered::Wrong);
    }

    #[test]
    fn subscribers_may_begin_anywhere() {
        let mut receipts = Receipts::new(Subprotocol::ProtobufReliable, 5..7).unwrap();
        assert!(is_next(&mut receipts, 6, 1) && is_next(&mut receipts, 5, 1));
        receipts.end_seconds(NS_PER_S);
        assert_eq!(receipts.due, [5, 6]);
        receipts.forget(6);
        assert!(is_next(&mut receipts, 6, 1) && is_next(&mut receipts, 5, 2));
    }

    #[test]
    fn everyone_is_due_once_a_second() {
        let mut receipts = receipts(4);
        for elapsed_ms in [0, 100, 249, 251, 700, 1000, 1010] {
            receipts.end_seconds(elapsed_ms * NS_PER_S / 1000);
        }
        assert_eq!(receipts.due, [0, 1, 2, 3]);
        receipts.due.clear();
        receipts.end_seconds(100 * NS_PER_S);
        receipts.due.sort_unstable();
        assert_eq!(receipts.due, [0, 1, 2, 3]);
    }
}
