//! How a shard asks for fresh keys without waiting and without a lock.
//!
//! A request that waits for a key goes through these steps:
//!
//! 1. the verifier says [`UnknownKey`](super::OidcFailure::UnknownKey): hold the request and
//!    [`ask`](KeyRequests::ask);
//! 2. whoever fetches keys [`take`](KeyRequests::take)s the request, fetches once for everybody who
//!    asked meanwhile, and hands out a snapshot, also if it found nothing new;
//! 3. with each snapshot that arrives, verify what is held again: any other outcome is final.
//!
//! A snapshot that was under way before the request may leave the key unknown; then asking again
//! is right and cheap. After the answer to a request the outcome is final by itself, because the
//! snapshot knows when it was asked for. The caller should set a deadline nevertheless.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// One flag for each issuer. Shared by all shards.
pub struct KeyRequests {
    asked: Box<[AtomicBool]>,
    wake: Box<dyn Fn(usize) + Send + Sync>,
}

impl KeyRequests {
    /// `wake` is called with the issuer's index, by any thread, once until the request is taken.
    pub fn new(issuer_count: usize, wake: impl Fn(usize) + Send + Sync + 'static) -> Self {
        let asked = std::iter::repeat_with(AtomicBool::default).take(issuer_count).collect();
        Self { asked, wake: Box::new(wake) }
    }

    /// Asks for the keys of an issuer; once is as good as many times.
    pub fn ask(&self, issuer: usize) {
        if let Some(asked) = self.asked.get(issuer)
            && !asked.swap(true, Ordering::AcqRel)
        {
            (self.wake)(issuer);
        }
    }

    /// Whether somebody has asked since the last call.
    pub fn take(&self, issuer: usize) -> bool {
        self.asked.get(issuer).is_some_and(|asked| asked.swap(false, Ordering::AcqRel))
    }
}

impl fmt::Debug for KeyRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRequests").field("asked", &self.asked).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn wakes_once_until_the_request_is_taken() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&wakes);
        let requests = KeyRequests::new(2, move |issuer| {
            assert_eq!(issuer, 1);
            count.fetch_add(1, Ordering::Relaxed);
        });
        for _ in 0..3 {
            requests.ask(1);
        }
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
        assert!(!requests.take(0) && requests.take(1) && !requests.take(1));
        requests.ask(1);
        assert_eq!(wakes.load(Ordering::Relaxed), 2);
        // No such issuer.
        requests.ask(2);
        assert!(!requests.take(2));
    }

    #[test]
    fn is_shared_between_threads() {
        fn travels<T: Send + Sync + 'static>() {}
        travels::<KeyRequests>();
    }
}
