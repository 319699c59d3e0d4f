//! What a client has asked for and not heard of, and in what order it may hear.
//!
//! Requests are executed in the order received (`client-json.md` section 10), so an ack says that
//! everything asked before is done, apart from joins, which wait for other shards. A client that
//! has recovered asks again for what it has not heard of, with the same ids (section 5.3).

use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Join(usize),
    Leave(usize),
    Publish,
    Event,
}

struct Request {
    asked: Asked,
    text: String,
    /// It was not answered at once: it may wait behind an event.
    may_wait: bool,
}

#[derive(Default)]
pub(crate) struct Acks {
    latest: u64,
    open: BTreeMap<u64, Request>,
    /// Asked again before anything new is.
    again: VecDeque<u64>,
    /// Everything after this was asked once only.
    asked_again_to: u64,
}

impl Acks {
    /// The next id, also for what is only to have a place among the requests.
    pub(crate) fn take_id(&mut self) -> u64 {
        self.latest += 1;
        self.latest
    }

    /// The request is made.
    pub(crate) fn ask(&mut self, id: u64, asked: Asked, text: String, may_wait: bool) {
        self.open.insert(id, Request { asked, text, may_wait });
    }

    /// Whether a change of the client's own in this group may still be waiting.
    pub(crate) fn may_still_change(&self, group: usize) -> bool {
        let changes = [Asked::Join(group), Asked::Leave(group)];
        self.open.values().any(|request| request.may_wait && changes.contains(&request.asked))
    }

    /// An ack is here: what was asked, unless that has been answered before.
    pub(crate) fn hear(&mut self, id: u64, is_duplicate: bool) -> Option<Asked> {
        let is_repeated = id <= self.asked_again_to;
        assert!(is_repeated || !is_duplicate, "request {id} was made once");
        let Some(Request { asked, .. }) = self.open.remove(&id) else {
            assert!(is_repeated, "request {id} is answered twice");
            return None;
        };
        if !is_repeated {
            let earlier = self.open.range(self.asked_again_to + 1..id);
            for (earlier, Request { asked, .. }) in earlier {
                assert!(matches!(asked, Asked::Join(_)), "{id} is answered before {earlier}");
            }
        }
        Some(asked)
    }

    /// There is a new transport: whatever has not been heard of is asked again.
    pub(crate) fn ask_again(&mut self) {
        self.again = self.open.keys().copied().collect();
        self.asked_again_to = self.latest;
    }

    /// The next request to be made again.
    pub(crate) fn next_again(&mut self) -> Option<String> {
        while let Some(id) = self.again.pop_front() {
            if let Some(request) = self.open.get(&id) {
                return Some(request.text.clone());
            }
        }
        None
    }

    /// Whether everything has been answered.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(crate) fn is_open(&self, id: u64) -> bool {
        self.open.contains_key(&id)
    }
}
