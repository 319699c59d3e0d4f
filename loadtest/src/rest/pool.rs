//! Which HTTP connection may carry the next request, and whose answer comes next on each.
//!
//! Each connection has a fixed number of places; a request takes one until it is answered. On one
//! connection answers come in the order of the requests (RFC 9112, section 9.3.2). Places are
//! taken longest-free first, so that all connections, and with them all shards, are used alike.

use std::collections::VecDeque;

/// A request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) target: usize,
    pub(crate) sequence: u32,
    /// When it was due, which may be before it was sent.
    pub(crate) intended_ns: u64,
}

/// Room for one request on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) connection: usize,
    /// Before that it could not have been used, however late its request then was.
    pub(crate) free_since_ns: u64,
}

pub(crate) struct Pool {
    free: VecDeque<Place>,
    /// By connection: requests without an answer, oldest first.
    unanswered: Vec<VecDeque<Request>>,
}

impl Pool {
    pub(crate) fn new(connections: usize, places_each: usize) -> Self {
        let round = (0..connections).map(|connection| Place { connection, free_since_ns: 0 });
        Self {
            free: (0..places_each).flat_map(|_| round.clone()).collect(),
            unanswered: vec![VecDeque::with_capacity(places_each); connections],
        }
    }

    pub(crate) fn has_place(&self) -> bool {
        !self.free.is_empty()
    }

    /// The next place, for the caller to fill by [`Pool::on_sent`].
    pub(crate) fn take(&mut self) -> Option<Place> {
        self.free.pop_front()
    }

    pub(crate) fn on_sent(&mut self, place: Place, request: Request) {
        self.unanswered[place.connection].push_back(request);
    }

    /// The request that an answer on `connection` is for; `None` when nothing was asked.
    pub(crate) fn on_answer(&mut self, connection: usize, now_ns: u64) -> Option<Request> {
        let request = self.unanswered[connection].pop_front()?;
        self.free.push_back(Place { connection, free_since_ns: now_ns });
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: usize) -> Request {
        Request { target, sequence: 0, intended_ns: 0 }
    }

    #[test]
    fn connections_are_used_in_turn_and_answers_belong_to_the_oldest_request() {
        let mut pool = Pool::new(2, 2);
        let mut used = Vec::new();
        while let Some(place) = pool.take() {
            pool.on_sent(place, request(used.len()));
            used.push(place.connection);
        }
        assert_eq!(used, [0, 1, 0, 1]);
        assert!(!pool.has_place());
        assert_eq!(pool.on_answer(1, 7), Some(request(1)));
        assert_eq!(pool.on_answer(1, 8), Some(request(3)));
        assert_eq!(pool.on_answer(1, 9), None);
        assert_eq!(pool.take(), Some(Place { connection: 1, free_since_ns: 7 }));
    }
}
