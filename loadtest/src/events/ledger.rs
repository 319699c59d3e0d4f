//! What was sent, and what came back for it: every echo and every ack is checked against it.
//!
//! Events of a client are numbered as they are sent. The server works on one event of a
//! connection at a time (events-webhook.md 13.1), and an event's echo comes before its ack
//! (8.4.3), so all that comes back to a client comes in one order. An event has ended when it has
//! all it is owed: an echo if a handler gets it, and a success if it asked for one; or a failure,
//! after which nothing more.

use std::collections::VecDeque;

use serde::Serialize;

use crate::wire::event::EventKind;
use crate::wire::stamp::narrow;

/// Reasons to distrust a run. All zero in a good one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Faults {
    /// Events whose ack says that they failed.
    pub(crate) failed: u64,
    /// Echoes that never came, of events that did not fail.
    pub(crate) lost: u64,
    /// Events without an ack.
    pub(crate) unacknowledged: u64,
    /// Events that were due, for which no client ever became free.
    pub(crate) unsent: u64,
    /// Echoes and acks that came behind those of a later event, and echoes behind their own ack.
    pub(crate) reordered: u64,
    pub(crate) duplicates: u64,
    /// Echoes of another client's event.
    pub(crate) wrong_client: u64,
    /// Messages that are no answer to anything sent, or damaged, and echoes that nobody owes.
    pub(crate) unreadable: u64,
    /// Clients the server closed during the run.
    pub(crate) clients_closed: u64,
    /// Events that listeners dropped, by the server's own count.
    pub(crate) dropped_by_listeners: u64,
}

impl Faults {
    pub(crate) fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Those that are known before the end.
    pub(crate) fn count_so_far(&self) -> u64 {
        let Self { failed, reordered, duplicates, wrong_client, unreadable, .. } = self;
        failed + reordered + duplicates + wrong_client + unreadable
    }
}

pub(crate) struct Ledger {
    kind: EventKind,
    /// By client.
    flights: Vec<Flight>,
    outstanding: usize,
    pub(crate) sent: u64,
    /// Events that have all they are owed; failed ones are counted there.
    pub(crate) answered: u64,
    pub(crate) faults: Faults,
}

/// Events of one client: from the first that has not ended, ended ones between.
#[derive(Clone, Default)]
struct Flight {
    first_sequence: u32,
    events: VecDeque<Sent>,
    /// The last event for which anything has come.
    newest: u32,
}

#[derive(Clone, Copy)]
struct Sent {
    intended_ns: u64,
    is_echoed: bool,
    is_acknowledged: bool,
}

/// An event to which nothing more has to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was due then, and has all it is owed.
    Answered {
        intended_ns: u64,
    },
    Failed,
}

impl Ledger {
    pub(crate) fn new(clients: usize, kind: EventKind) -> Self {
        Self {
            kind,
            flights: vec![Flight::default(); clients],
            outstanding: 0,
            sent: 0,
            answered: 0,
            faults: Faults::default(),
        }
    }

    /// Events that have not ended.
    pub(crate) fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Notes an event about to be written; the result is its number.
    pub(crate) fn on_send(&mut self, client: usize, intended_ns: u64) -> u32 {
        self.sent += 1;
        self.outstanding += 1;
        let flight = &mut self.flights[client];
        let sequence = flight.next_sequence();
        // What an event is not owed counts as come.
        let (is_echoed, is_acknowledged) = (!self.kind.has_echoes(), !self.kind.has_acks());
        flight.events.push_back(Sent { intended_ns, is_echoed, is_acknowledged });
        sequence
    }

    /// Notes an echo of an event of this client; the event if it has ended thereby.
    #[inline]
    pub(crate) fn on_echo(&mut self, client: usize, sequence: u32) -> Option<Ended> {
        if !self.kind.has_echoes() {
            self.faults.unreadable += 1;
            return None;
        }
        let has_acks = self.kind.has_acks();
        let sent = self.expect(client, sequence, |sent| sent.is_echoed)?;
        sent.is_echoed = true;
        let is_late = has_acks && sent.is_acknowledged;
        self.faults.reordered += u64::from(is_late);
        self.end_answered(client, sequence)
    }

    /// Notes a success; the event if it has ended thereby.
    #[inline]
    pub(crate) fn on_success(&mut self, client: usize, sequence: u32) -> Option<Ended> {
        let sent = self.expect(client, sequence, |sent| sent.is_acknowledged)?;
        sent.is_acknowledged = true;
        self.end_answered(client, sequence)
    }

    /// Notes a failure, which ends its event whatever has come before.
    pub(crate) fn on_failure(&mut self, client: usize, sequence: u32) -> Option<Ended> {
        let sent = self.expect(client, sequence, |sent| sent.is_acknowledged)?;
        (sent.is_echoed, sent.is_acknowledged) = (true, true);
        self.faults.failed += 1;
        self.outstanding -= 1;
        self.flights[client].drop_ended();
        Some(Ended::Failed)
    }

    /// The event that something has come for, unless `has_come` says that it is not the first.
    #[inline]
    fn expect(
        &mut self,
        client: usize,
        sequence: u32,
        has_come: impl FnOnce(&Sent) -> bool,
    ) -> Option<&mut Sent> {
        let flight = &mut self.flights[client];
        if sequence >= flight.next_sequence() {
            self.faults.unreadable += 1;
            return None;
        }
        let place = sequence.checked_sub(flight.first_sequence);
        let sent = place.and_then(|place| flight.events.get_mut(place as usize));
        let Some(sent) = sent.filter(|sent| !has_come(sent)) else {
            self.faults.duplicates += 1;
            return None;
        };
        self.faults.reordered += u64::from(sequence < flight.newest);
        flight.newest = flight.newest.max(sequence);
        Some(sent)
    }

    #[inline]
    fn end_answered(&mut self, client: usize, sequence: u32) -> Option<Ended> {
        let flight = &mut self.flights[client];
        let sent = *flight.events.get((sequence - flight.first_sequence) as usize)?;
        if !sent.has_ended() {
            return None;
        }
        self.answered += 1;
        self.outstanding -= 1;
        flight.drop_ended();
        Some(Ended::Answered { intended_ns: sent.intended_ns })
    }

    /// Counts what never came; call it when nothing is expected any more.
    pub(crate) fn settle_losses(&mut self) {
        let sent = || self.flights.iter().flat_map(|flight| &flight.events);
        self.faults.lost = sent().filter(|sent| !sent.is_echoed).count() as u64;
        self.faults.unacknowledged = sent().filter(|sent| !sent.is_acknowledged).count() as u64;
    }
}

impl Flight {
    fn next_sequence(&self) -> u32 {
        self.first_sequence + narrow(self.events.len())
    }

    #[inline]
    fn drop_ended(&mut self) {
        while self.events.front().is_some_and(Sent::has_ended) {
            self.events.pop_front();
            self.first_sequence += 1;
        }
    }
}

impl Sent {
    fn has_ended(&self) -> bool {
        self.is_echoed && self.is_acknowledged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three events of the only client, due at 0, 1 and 2.
    fn ledger(kind: EventKind) -> Ledger {
        let mut ledger = Ledger::new(1, kind);
        (0..3).for_each(|at| assert_eq!(u64::from(ledger.on_send(0, at)), at));
        ledger
    }

    fn answered(intended_ns: u64) -> Option<Ended> {
        Some(Ended::Answered { intended_ns })
    }

    #[test]
    fn an_event_ends_with_its_echo_or_with_the_ack_behind_it() {
        let mut simple = ledger(EventKind::Simple);
        assert_eq!(simple.on_echo(0, 0), answered(0));
        assert_eq!((simple.outstanding(), simple.answered), (2, 1));
        let mut json = ledger(EventKind::Json);
        assert_eq!((json.on_echo(0, 0), json.on_success(0, 0)), (None, answered(0)));
        assert_eq!((json.on_echo(0, 1), json.on_success(0, 1)), (None, answered(1)));
        assert_eq!((json.on_echo(0, 2), json.on_success(0, 2)), (None, answered(2)));
        json.settle_losses();
        assert_eq!((json.outstanding(), json.sent, json.answered), (0, 3, 3));
        assert!(json.faults.is_clean());
    }

    #[test]
    fn an_event_for_listeners_is_owed_one_success_and_no_echo() {
        // L24
        let mut ledger = ledger(EventKind::Listened);
        assert_eq!(ledger.on_success(0, 0), answered(0));
        assert_eq!(ledger.on_success(0, 1), answered(1));
        assert!(ledger.faults.is_clean());
        assert_eq!((ledger.on_success(0, 1), ledger.on_echo(0, 2)), (None, None));
        assert_eq!((ledger.outstanding(), ledger.answered), (1, 2));
        ledger.settle_losses();
        let expected =
            Faults { unacknowledged: 1, duplicates: 1, unreadable: 1, ..Faults::default() };
        assert_eq!(ledger.faults, expected);
    }

    #[test]
    fn a_failure_ends_an_event_that_then_owes_no_echo() {
        // E46
        let mut ledger = ledger(EventKind::Json);
        assert_eq!(ledger.on_failure(0, 0), Some(Ended::Failed));
        assert_eq!(ledger.on_echo(0, 1), None);
        assert_eq!(ledger.on_failure(0, 1), Some(Ended::Failed));
        assert_eq!((ledger.outstanding(), ledger.answered), (1, 0));
        ledger.settle_losses();
        let expected = Faults { failed: 2, lost: 1, unacknowledged: 1, ..Faults::default() };
        assert_eq!(ledger.faults, expected);
    }

    #[test]
    fn an_echo_behind_its_ack_or_behind_a_later_event_is_late() {
        // E44, E55
        let mut ledger = ledger(EventKind::Json);
        assert_eq!((ledger.on_success(0, 0), ledger.on_echo(0, 0)), (None, answered(0)));
        assert_eq!(ledger.faults.reordered, 1);
        assert_eq!((ledger.on_echo(0, 2), ledger.on_success(0, 2)), (None, answered(2)));
        assert_eq!((ledger.on_echo(0, 1), ledger.on_success(0, 1)), (None, answered(1)));
        ledger.settle_losses();
        assert_eq!(ledger.faults, Faults { reordered: 3, ..Faults::default() });
    }

    #[test]
    fn loss_silence_duplicates_and_strangers_are_told_apart() {
        let mut ledger = ledger(EventKind::Json);
        ledger.on_success(0, 0);
        ledger.on_echo(0, 1);
        ledger.on_echo(0, 1);
        ledger.on_echo(0, 2);
        ledger.on_success(0, 2);
        ledger.on_success(0, 2);
        ledger.on_success(0, 3);
        ledger.settle_losses();
        let expected = Faults {
            lost: 1,
            unacknowledged: 1,
            duplicates: 2,
            unreadable: 1,
            ..Faults::default()
        };
        assert_eq!(ledger.faults, expected);
        assert_eq!((ledger.outstanding(), ledger.answered), (2, 1));
    }
}
