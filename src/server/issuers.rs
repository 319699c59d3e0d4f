//! Fetches the keys of the configured issuers, off the shards (`rest-api.md` section 3.4).
//!
//! One task per issuer on the control thread: discovery document, key set, wait, again. Keys are
//! fetched before they are due, so no request waits for that; a shard that meets a key it does not
//! know asks for a refresh through [`KeyRequests`]. Whatever came out is published as the next
//! [`IssuerKeys`] snapshot; in what order shards receive it is the mesh's business.
//!
//! An issuer that cannot be reached keeps the keys it last had, and is tried again with growing
//! pauses. Each issuer has one fetch in flight at most, and cannot delay another's.

mod fetch;
mod freshness;
mod schedule;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::auth::oidc::{IssuerKeys, KeyRequests, KeySet};
use crate::config::{IssuerSettings, StartError};
use fetch::Fetcher;
use schedule::{Refresh, keep_fresh};

/// Everything it takes to keep keys; runs once [`IssuerTask::run`] is called.
pub(super) struct IssuerTask {
    issuers: Vec<IssuerSettings>,
    fetcher: Fetcher,
    wakes: Arc<[Notify]>,
    requests: Arc<KeyRequests>,
    unix_now: fn() -> u64,
}

impl IssuerTask {
    /// Prepares the client. `unix_now` reads the clock that the shards compare tokens with.
    ///
    /// # Errors
    /// There are issuers, and TLS is not to be had; usually the machine has no root certificates.
    pub(super) fn new(
        issuers: &[IssuerSettings],
        unix_now: fn() -> u64,
    ) -> Result<Self, StartError> {
        let fetcher = Fetcher::new().map_err(|error| {
            let reason = format!("keys cannot be fetched: {error}");
            let fix = "install the system's root certificates (package ca-certificates)";
            StartError::new("issuers", reason, fix)
        })?;
        let wakes: Arc<[Notify]> = issuers.iter().map(|_| Notify::new()).collect();
        let woken = Arc::clone(&wakes);
        let requests = KeyRequests::new(issuers.len(), move |issuer| {
            if let Some(wake) = woken.get(issuer) {
                wake.notify_one();
            }
        });
        let (issuers, requests) = (issuers.to_vec(), Arc::new(requests));
        Ok(Self { issuers, fetcher, wakes, requests, unix_now })
    }

    /// For the shards.
    pub(super) fn requests(&self) -> Arc<KeyRequests> {
        Arc::clone(&self.requests)
    }

    /// Fetches until it is dropped, and publishes each new snapshot. Needs a local task set.
    pub(super) async fn run(self, publish: impl Fn(Arc<IssuerKeys>) + 'static) {
        let board = Rc::new(Board {
            keys: RefCell::new(IssuerKeys::none(self.issuers.len())),
            publish: Box::new(publish),
        });
        let fetcher = Rc::new(self.fetcher);
        let mut tasks = JoinSet::new();
        for (index, issuer) in self.issuers.into_iter().enumerate() {
            let (board, fetcher) = (Rc::clone(&board), Rc::clone(&fetcher));
            let (wakes, requests) = (Arc::clone(&self.wakes), Arc::clone(&self.requests));
            let unix_now = self.unix_now;
            tasks.spawn_local(async move {
                let name = issuer.trusted.issuer.clone();
                let is_asked = || requests.take(index);
                let refresh = Refresh { issuer: &name, is_asked: &is_asked, wake: &wakes[index] };
                let fetch = || fetcher.keys(&issuer);
                let publish = |keys, is_answer: bool| {
                    board.update(index, keys, is_answer.then(unix_now));
                };
                keep_fresh(refresh, fetch, publish).await;
            });
        }
        while tasks.join_next().await.is_some() {}
    }
}

/// The current snapshot.
struct Board {
    keys: RefCell<IssuerKeys>,
    publish: Box<dyn Fn(Arc<IssuerKeys>)>,
}

impl Board {
    /// `answered_unix_s`: the fetch that brought this was asked for.
    fn update(&self, issuer: usize, keys: Option<Arc<KeySet>>, answered_unix_s: Option<u64>) {
        let mut next = self.keys.borrow().clone();
        if let Some(keys) = keys {
            next = next.with_keys(issuer, keys);
        }
        if let Some(now) = answered_unix_s {
            next = next.with_answer(issuer, now);
        }
        self.keys.replace(next.clone());
        (self.publish)(Arc::new(next));
    }
}

#[cfg(test)]
mod tests;
