//! When a client is in which group, as far as can be told from here, and what it is owed for it.
//!
//! Between a request to join or leave and its answer either may hold: nothing is expected of that
//! time, and nothing refused.

use crate::application::{APPLICATION, EVERYBODY};
use crate::client::Client;

/// A published message: who, where to, its number there, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publish {
    pub(crate) publisher: usize,
    pub(crate) shard: usize,
    pub(crate) number: u64,
    pub(crate) step: usize,
    pub(crate) no_echo: bool,
    pub(crate) ack: u64,
    /// It was not executed at once.
    pub(crate) may_wait: bool,
    /// It has been executed, now if not at once.
    pub(crate) is_done: bool,
}

/// One stay in a group, from the request to join to the request to leave.
#[derive(Clone, Debug)]
pub(crate) struct Stay {
    pub(crate) group: usize,
    pub(crate) join_ack: Option<u64>,
    /// When the join's ack was read; a message published later has to arrive.
    pub(crate) confirmed_at: Option<usize>,
    pub(crate) left_at: Option<usize>,
}

impl Client {
    pub(crate) fn is_in(&self, group: usize) -> bool {
        self.stays.iter().any(|stay| stay.group == group && stay.left_at.is_none())
    }

    pub(crate) fn join(&mut self, group: usize) -> u64 {
        self.note_overlap(group);
        let ack = self.acks.take_id();
        self.requests.push((ack, group, true));
        if !self.is_in(group) {
            let stay = Stay { group, join_ack: Some(ack), confirmed_at: None, left_at: None };
            self.stays.push(stay);
            self.is_out.insert(group, false);
        }
        ack
    }

    pub(crate) fn leave(&mut self, group: usize, step: usize) -> u64 {
        self.note_overlap(group);
        let ack = self.acks.take_id();
        self.end_stays(group, step);
        self.requests.push((ack, group, false));
        ack
    }

    /// The application asks to add or remove this client: messages may come, or end, from now on.
    pub(crate) fn expect_change(&mut self, group: usize, is_join: bool, step: usize) {
        self.outstanding = Some(group);
        if self.acks.may_still_change(group) {
            self.uncertain.insert(group);
        }
        if is_join {
            let place = self.acks.take_id();
            self.requests.push((place, group, true));
            self.is_out.insert(group, false);
        } else {
            self.end_stays(group, step);
        }
    }

    /// The application's request to add this client has been answered.
    pub(crate) fn confirm_join(&mut self, group: usize, step: usize) {
        self.outstanding = None;
        if self.is_in(group) {
            let current = self.stays.iter_mut().filter(|s| s.group == group && s.left_at.is_none());
            current.for_each(|stay| {
                stay.confirmed_at.get_or_insert(step);
            });
        } else {
            let confirmed_at = Some(step);
            self.stays.push(Stay { group, join_ack: None, confirmed_at, left_at: None });
        }
    }

    /// The application's request to remove this client has been answered; whether the client has
    /// read what was queued before that.
    pub(crate) fn confirm_leave(&mut self, group: usize, has_read: bool) {
        self.outstanding = None;
        if has_read {
            self.is_out.insert(group, true);
        }
    }

    /// A request of the client's own while the application's is under way: which of them its shard
    /// executes first is not to be seen from here, so nothing more is expected of that group.
    fn note_overlap(&mut self, group: usize) {
        if self.outstanding == Some(group) {
            self.uncertain.insert(group);
        }
    }

    fn end_stays(&mut self, group: usize, step: usize) {
        for stay in self.stays.iter_mut().filter(|stay| stay.group == group) {
            stay.left_at.get_or_insert(step);
        }
    }

    /// The application was told that its message is in this client's queue.
    pub(crate) fn check_promised(&self, group: usize, number: u64) {
        let received = self.received.get(&(APPLICATION, group));
        assert!(
            received.is_some_and(|numbers| numbers.contains(&number)),
            "client {} lacks {number} of {group}, for which the application has an answer",
            self.index
        );
    }

    /// Whether a message the application sent at `step` is owed to this client.
    pub(crate) fn is_owed(&self, group: usize, step: usize) -> bool {
        if self.is_closing || group == EVERYBODY {
            return !self.is_closing && self.connected_at < step;
        }
        !self.uncertain.contains(&group)
            && self.stays.iter().any(|stay| {
                stay.group == group
                    && stay.left_at.is_none()
                    && stay.confirmed_at.is_some_and(|at| at < step)
            })
    }

    /// Whether this message has arrived.
    pub(crate) fn has(&self, group: usize, publish: &Publish) -> bool {
        let received = self.received.get(&(publish.publisher, group));
        received.is_some_and(|numbers| numbers.binary_search(&publish.number).is_ok())
    }

    /// Whether this message, which has not arrived, came before one that has, and the client was
    /// there for both. What is lost with a leave is lost from the end.
    pub(crate) fn has_skipped(&self, group: usize, publish: &Publish) -> bool {
        let received = self.received.get(&(publish.publisher, group));
        let latest = received.and_then(|numbers| numbers.last());
        let mut stays = self.stays.iter().filter(|stay| stay.group == group);
        let stay = stays.next().filter(|stay| {
            // After a leave, a join that is under way may bring what was published long ago.
            stay.confirmed_at.is_some_and(|at| at < publish.step)
                && (stay.left_at.is_none() || self.outstanding != Some(group))
        });
        latest.is_some_and(|latest| *latest > publish.number)
            && !(self.uncertain.contains(&group)
                || publish.no_echo && publish.publisher == self.index)
            && (stay.is_some() && stays.next().is_none())
    }

    /// Whether this message had to arrive: published to a group this client had read the
    /// confirmation of, and does not leave any more. One that was on its way from another shard
    /// when the client left may or may not have made it.
    pub(crate) fn must_have(&self, group: usize, publish: &Publish) -> bool {
        publish.is_done
            && !(self.uncertain.contains(&group)
                || publish.no_echo && publish.publisher == self.index)
            && self.stays.iter().any(|stay| {
                stay.group == group
                    && stay.confirmed_at.is_some_and(|at| at < publish.step)
                    && stay.left_at.is_none_or(|at| {
                        publish.shard == self.shard && at > publish.step && !publish.may_wait
                    })
            })
    }
}
