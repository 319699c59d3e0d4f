//! One simulated client: what it asked for, and whether what it reads is allowed.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::application::EVERYBODY;

/// A published message: who, where to, its number there, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publish {
    pub(crate) publisher: usize,
    pub(crate) shard: usize,
    pub(crate) number: u64,
    pub(crate) step: usize,
    pub(crate) no_echo: bool,
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

pub(crate) struct Client {
    pub(crate) index: usize,
    pub(crate) shard: usize,
    pub(crate) slot: u32,
    pub(crate) is_paused: bool,
    pub(crate) next_ack: u64,
    pub(crate) stays: Vec<Stay>,
    pub(crate) connected_at: usize,
    /// The group of the application's request about this client, until it is answered.
    outstanding: Option<usize>,
    uncertain: HashSet<usize>,
    /// Every request to join or leave, in order: ack id, group, whether it was a join.
    requests: Vec<(u64, usize, bool)>,
    /// Whether the client, by what it has read so far, is out of the group.
    is_out: HashMap<usize, bool>,
    /// Numbers received, by publisher and group, in order.
    pub(crate) received: HashMap<(usize, usize), Vec<u64>>,
    /// Whether the `connected` message has been read.
    is_connected: bool,
}

impl Client {
    pub(crate) fn new(
        index: usize,
        (shard, slot): (usize, u32),
        groups: &[usize],
        step: usize,
    ) -> Self {
        let stay = |group: &usize| Stay {
            group: *group,
            join_ack: None,
            confirmed_at: None,
            left_at: None,
        };
        Self {
            index,
            shard,
            slot,
            is_paused: false,
            next_ack: 1,
            stays: groups.iter().map(stay).collect(),
            connected_at: step,
            outstanding: None,
            uncertain: HashSet::new(),
            requests: Vec::new(),
            is_out: groups.iter().map(|group| (*group, false)).collect(),
            received: HashMap::new(),
            is_connected: false,
        }
    }

    pub(crate) fn is_in(&self, group: usize) -> bool {
        self.stays.iter().any(|stay| stay.group == group && stay.left_at.is_none())
    }

    pub(crate) fn join(&mut self, group: usize) -> u64 {
        self.note_overlap(group);
        let ack = self.take_ack();
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
        let ack = self.take_ack();
        self.end_stays(group, step);
        self.requests.push((ack, group, false));
        ack
    }

    pub(crate) fn take_ack(&mut self) -> u64 {
        self.next_ack += 1;
        self.next_ack - 1
    }

    /// The client reads one message of its socket at `step`.
    pub(crate) fn read(&mut self, text: &str, step: usize) {
        let message: Value = serde_json::from_str(text).expect("the server writes JSON");
        let kind = message["type"].as_str().expect("a type");
        if !self.is_connected {
            assert_eq!(message["event"], "connected", "the first message (C28)");
            self.is_connected = true;
            // Groups of the token are known everywhere before the client hears anything.
            let of_token = self.stays.iter_mut().filter(|stay| stay.join_ack.is_none());
            of_token.for_each(|stay| {
                stay.confirmed_at.get_or_insert(step);
            });
            return;
        }
        match kind {
            "ack" => {
                assert_eq!(message["success"], true, "{text}");
                let ack = message["ackId"].as_u64().expect("an ack id");
                if let Some(stay) = self.stays.iter_mut().find(|s| s.join_ack == Some(ack)) {
                    stay.confirmed_at = Some(step);
                }
                self.read_leave_ack(ack);
            }
            "message" => self.read_message(&message),
            other => panic!("unexpected {other}: {text}"),
        }
    }

    /// After the ack of a leave nothing of the group may follow, unless a join was requested
    /// between that leave and the next.
    fn read_leave_ack(&mut self, ack: u64) {
        let Some(&(_, group, false)) = self.requests.iter().find(|request| request.0 == ack) else {
            return;
        };
        let mut later = self.requests.iter().filter(|r| r.0 > ack && r.1 == group);
        let has_joined_again = later.next().is_some_and(|(_, _, is_join)| *is_join);
        self.is_out.insert(group, !has_joined_again);
    }

    fn read_message(&mut self, message: &Value) {
        // The application sends its numbers as text, clients send theirs as JSON.
        let data: Value = match &message["data"] {
            Value::String(text) => serde_json::from_str(text).expect("ours"),
            data => data.clone(),
        };
        let number = |field: &str| data[field].as_u64().expect("a number");
        let group: usize = match message["group"].as_str() {
            Some(group) => group.parse().expect("ours"),
            None => EVERYBODY,
        };
        let publisher = usize::try_from(number("publisher")).expect("small");
        assert!(
            group == EVERYBODY
                || self.uncertain.contains(&group)
                || self.is_out.get(&group) == Some(&false),
            "client {} got a message of group {group} before a join or after a leave's ack",
            self.index
        );
        let seen = self.received.entry((publisher, group)).or_default();
        let latest = number("number");
        assert!(
            seen.last().is_none_or(|last| *last < latest),
            "client {} got {latest} of publisher {publisher} after {seen:?}",
            self.index
        );
        seen.push(latest);
    }

    /// The application asks to add or remove this client: messages may come, or end, from now on.
    pub(crate) fn expect_change(&mut self, group: usize, is_join: bool, step: usize) {
        self.outstanding = Some(group);
        if is_join {
            let place = self.take_ack();
            self.requests.push((place, group, true));
            self.is_out.insert(group, false);
        } else {
            self.end_stays(group, step);
        }
    }

    /// The application's request has been answered.
    pub(crate) fn confirm_change(&mut self, group: usize, is_join: bool, step: usize) {
        self.outstanding = None;
        if is_join && !self.is_in(group) {
            let confirmed_at = Some(step);
            self.stays.push(Stay { group, join_ack: None, confirmed_at, left_at: None });
        } else if is_join {
            let current = self.stays.iter_mut().filter(|s| s.group == group && s.left_at.is_none());
            current.for_each(|stay| {
                stay.confirmed_at.get_or_insert(step);
            });
        } else {
            // What was queued before the answer has been read.
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

    pub(crate) fn has(&self, publisher: usize, group: usize, number: u64) -> bool {
        self.received.get(&(publisher, group)).is_some_and(|seen| seen.contains(&number))
    }

    /// Whether a message the application sent at `step` is owed to this client.
    pub(crate) fn is_owed(&self, group: usize, step: usize) -> bool {
        if group == EVERYBODY {
            return self.connected_at < step;
        }
        !self.uncertain.contains(&group)
            && self.stays.iter().any(|stay| {
                stay.group == group
                    && stay.left_at.is_none()
                    && stay.confirmed_at.is_some_and(|at| at < step)
            })
    }

    /// Whether this message had to arrive: published to a group this client had read the
    /// confirmation of, and does not leave any more. One that was on its way from another shard
    /// when the client left may or may not have made it.
    pub(crate) fn must_have(&self, group: usize, publish: &Publish, gone_at: usize) -> bool {
        !(self.uncertain.contains(&group) || publish.no_echo && publish.publisher == self.index)
            && self.stays.iter().any(|stay| {
                stay.group == group
                    && stay.confirmed_at.is_some_and(|at| at < publish.step)
                    && stay
                        .left_at
                        .is_none_or(|at| publish.shard == self.shard && at > publish.step)
                    && publish.step < gone_at
            })
    }
}
