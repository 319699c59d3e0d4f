//! What was sent, what the server answered, and what has arrived: every request and every
//! delivery is checked against it.
//!
//! Messages to one target are numbered as they are started. A receiver gets each number once, but
//! not in order: sends that overlap have none (rest-api.md 5.3.3). Order is owed only to a send
//! started after the answer to another (5.3.2), so starts and answers are put on one clock, and a
//! message that comes behind one started after its own answer is late.

use std::collections::{BTreeSet, VecDeque};

use serde::Serialize;

use crate::wire::stamp::{Stamp, narrow};

/// Reasons to distrust a run. All zero in a good one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Faults {
    /// Answers with another status than 202.
    pub(crate) refused: u64,
    /// Requests that were never answered.
    pub(crate) unanswered: u64,
    /// Requests that were due, for which no connection ever became free.
    pub(crate) unsent: u64,
    /// Answers to nothing that was asked.
    pub(crate) unasked: u64,
    /// Deliveries of messages not refused that never came.
    pub(crate) lost: u64,
    /// Deliveries that came after a message whose send was started after their own answer.
    pub(crate) reordered: u64,
    pub(crate) duplicates: u64,
    /// Deliveries to a client that the target does not include.
    pub(crate) wrong_receiver: u64,
    /// Messages that are no delivery of this run, or damaged.
    pub(crate) unreadable: u64,
    /// Clients and HTTP connections the server closed during the run.
    pub(crate) connections_closed: u64,
}

impl Faults {
    pub(crate) fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Those that are known before the end.
    pub(crate) fn count_so_far(&self) -> u64 {
        let Self { refused, unasked, reordered, duplicates, wrong_receiver, unreadable, .. } = self;
        refused + unasked + reordered + duplicates + wrong_receiver + unreadable
    }
}

/// How many of both; client `i` receives what is sent to target `i % targets`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) clients: usize,
    pub(crate) targets: usize,
}

impl Shape {
    pub(crate) fn target_of(&self, client: usize) -> usize {
        client % self.targets
    }

    fn receivers_of(&self, target: usize) -> u32 {
        let rest = usize::from(target < self.clients % self.targets);
        narrow(self.clients / self.targets + rest)
    }
}

pub(crate) struct Ledger {
    shape: Shape,
    flights: Vec<Flight>,
    receivers: Vec<Receiver>,
    /// Counts starts and answers, so that one can be said to be before the other.
    events: u64,
    outstanding: usize,
    pub(crate) accepted: u64,
    pub(crate) delivered: u64,
    pub(crate) faults: Faults,
}

/// Messages to one target: those not answered or not with everyone, and complete ones between.
#[derive(Clone, Default)]
struct Flight {
    first_sequence: u32,
    sent: VecDeque<Sent>,
}

#[derive(Clone, Copy)]
struct Sent {
    started: u64,
    answered: Option<u64>,
    /// Receivers that still have to get it; of a refused message none.
    missing: u32,
}

/// What a client has of its target.
#[derive(Clone, Default)]
struct Receiver {
    /// Has all numbers below this one.
    next: u32,
    /// And of those above it these.
    ahead: BTreeSet<u32>,
    /// When the message was started that was started last.
    newest_started: u64,
}

impl Ledger {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            shape,
            flights: vec![Flight::default(); shape.targets],
            receivers: vec![Receiver::default(); shape.clients],
            events: 0,
            outstanding: 0,
            accepted: 0,
            delivered: 0,
            faults: Faults::default(),
        }
    }

    /// Messages that are not answered or not delivered to all their receivers.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Notes a request about to be written; the result is its message's number.
    pub(crate) fn on_start(&mut self, target: usize) -> u32 {
        self.events += 1;
        self.outstanding += 1;
        let missing = self.shape.receivers_of(target);
        let flight = &mut self.flights[target];
        let sequence = flight.next_sequence();
        flight.sent.push_back(Sent { started: self.events, answered: None, missing });
        sequence
    }

    /// Notes the answer to a request, accepted or refused.
    pub(crate) fn on_answer(&mut self, target: usize, sequence: u32, is_accepted: bool) {
        self.events += 1;
        if is_accepted {
            self.accepted += 1;
        } else {
            self.faults.refused += 1;
        }
        let flight = &mut self.flights[target];
        if let Some(sent) = flight.get_mut(sequence) {
            sent.answered = Some(self.events);
            if !is_accepted {
                sent.missing = 0;
            }
            self.outstanding -= usize::from(sent.is_complete());
            flight.drop_complete();
        }
    }

    /// Notes a delivery to a client that the stamped target includes; whether it is a first one.
    #[inline]
    pub(crate) fn on_delivery(&mut self, client: usize, stamp: Stamp) -> bool {
        let flight = &mut self.flights[stamp.target as usize];
        if stamp.sequence >= flight.next_sequence() {
            self.faults.unreadable += 1;
            return false;
        }
        let receiver = &mut self.receivers[client];
        if !receiver.is_first(stamp.sequence) {
            self.faults.duplicates += 1;
            return false;
        }
        // Only a refused message is gone, or needs nobody, before all its receivers have it.
        let Some(sent) = flight.get_mut(stamp.sequence).filter(|sent| sent.missing > 0) else {
            return false;
        };
        if sent.answered.is_some_and(|answered| answered < receiver.newest_started) {
            self.faults.reordered += 1;
        }
        receiver.newest_started = receiver.newest_started.max(sent.started);
        sent.missing -= 1;
        self.delivered += 1;
        if sent.is_complete() {
            self.outstanding -= 1;
            flight.drop_complete();
        }
        true
    }

    /// Counts what never came; call it when nothing is expected any more.
    pub(crate) fn settle_losses(&mut self) {
        let sent = || self.flights.iter().flat_map(|flight| &flight.sent);
        let unanswered = sent().filter(|sent| sent.answered.is_none()).count();
        self.faults.lost = sent().map(|sent| u64::from(sent.missing)).sum();
        self.faults.unanswered = unanswered as u64;
    }
}

impl Flight {
    fn next_sequence(&self) -> u32 {
        self.first_sequence + narrow(self.sent.len())
    }

    #[inline]
    fn get_mut(&mut self, sequence: u32) -> Option<&mut Sent> {
        self.sent.get_mut(sequence.checked_sub(self.first_sequence)? as usize)
    }

    #[inline]
    fn drop_complete(&mut self) {
        while self.sent.front().is_some_and(Sent::is_complete) {
            self.sent.pop_front();
            self.first_sequence += 1;
        }
    }
}

impl Sent {
    fn is_complete(&self) -> bool {
        self.missing == 0 && self.answered.is_some()
    }
}

impl Receiver {
    #[inline]
    fn is_first(&mut self, sequence: u32) -> bool {
        if sequence != self.next {
            return sequence > self.next && self.ahead.insert(sequence);
        }
        self.next += 1;
        while !self.ahead.is_empty() && self.ahead.remove(&self.next) {
            self.next += 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Target 0 includes the clients 0 and 2.
    fn ledger() -> Ledger {
        Ledger::new(Shape { clients: 3, targets: 2 })
    }

    fn stamp(sequence: u32) -> Stamp {
        Stamp { publisher: 0, target: 0, sequence, intended_ns: 0 }
    }

    fn deliver(ledger: &mut Ledger, client: usize, sequences: &[u32]) {
        for &sequence in sequences {
            ledger.on_delivery(client, stamp(sequence));
        }
    }

    #[test]
    fn a_message_is_outstanding_until_answered_and_with_every_receiver() {
        let mut ledger = ledger();
        assert_eq!((ledger.on_start(0), ledger.on_start(0), ledger.on_start(1)), (0, 1, 0));
        deliver(&mut ledger, 0, &[0, 1]);
        deliver(&mut ledger, 2, &[0, 1]);
        assert_eq!(ledger.outstanding(), 3);
        ledger.on_answer(0, 1, true);
        ledger.on_answer(0, 0, true);
        ledger.on_answer(1, 0, true);
        assert_eq!(ledger.outstanding(), 1);
        ledger.on_delivery(1, Stamp { target: 1, ..stamp(0) });
        assert_eq!((ledger.outstanding(), ledger.accepted, ledger.delivered), (0, 3, 5));
        ledger.settle_losses();
        assert!(ledger.faults.is_clean());
    }

    #[test]
    fn order_is_owed_to_a_send_started_after_the_other_was_answered_only() {
        // A74
        let mut ledger = ledger();
        ledger.on_start(0);
        ledger.on_start(0);
        ledger.on_answer(0, 0, true);
        ledger.on_answer(0, 1, true);
        ledger.on_start(0);
        deliver(&mut ledger, 0, &[1, 0, 2]);
        assert_eq!(ledger.faults.reordered, 0);
        // To the other client 2 comes first, which was started after both had been answered.
        deliver(&mut ledger, 2, &[2, 1, 0]);
        assert_eq!(ledger.faults, Faults { reordered: 2, ..Faults::default() });
    }

    #[test]
    fn loss_duplicates_and_silence_are_told_apart() {
        let mut ledger = ledger();
        (0..4).for_each(|_| {
            ledger.on_start(0);
        });
        (0..3).for_each(|sequence| ledger.on_answer(0, sequence, true));
        deliver(&mut ledger, 0, &[0, 2, 2, 0, 3]);
        deliver(&mut ledger, 2, &[0, 1, 2, 3, 4]);
        ledger.settle_losses();
        let expected =
            Faults { lost: 1, duplicates: 2, unanswered: 1, unreadable: 1, ..Faults::default() };
        assert_eq!(ledger.faults, expected);
        assert_eq!(ledger.outstanding(), 2);
    }

    #[test]
    fn a_refused_message_is_owed_to_nobody() {
        let mut ledger = ledger();
        ledger.on_start(0);
        ledger.on_answer(0, 0, false);
        assert_eq!(ledger.outstanding(), 0);
        assert!(!ledger.on_delivery(0, stamp(0)));
        ledger.settle_losses();
        assert_eq!(ledger.faults, Faults { refused: 1, ..Faults::default() });
    }
}
