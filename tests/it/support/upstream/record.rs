//! What an upstream was asked and what it is to answer.

use std::collections::{HashMap, VecDeque};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use super::answer::Answer;
use super::request::Request;
use crate::support::deadline::PATIENCE;

/// Shared by the test and the threads of the connections.
#[derive(Default)]
pub(super) struct Record {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    requests: Vec<Arc<Request>>,
    /// By name, how many of them the test has taken.
    taken: HashMap<String, usize>,
    scripts: HashMap<String, Script>,
    connections: usize,
    streams: Vec<Weak<TcpStream>>,
}

pub(super) type Respond = dyn Fn(&Request) -> Answer + Send + Sync;

/// The answers to requests of one name.
#[derive(Default)]
pub(super) struct Script {
    pub(super) queue: VecDeque<Answer>,
    pub(super) standing: Option<Arc<Respond>>,
}

impl Record {
    pub(super) fn script(&self, name: &str, change: impl FnOnce(&mut Script)) {
        change(self.lock().scripts.entry(name.to_owned()).or_default());
    }

    /// A connection has come; its number is the result.
    pub(super) fn connected(&self, stream: &Arc<TcpStream>) -> usize {
        let mut inner = self.lock();
        inner.streams.retain(|known| known.strong_count() > 0);
        inner.streams.push(Arc::downgrade(stream));
        inner.connections += 1;
        inner.connections - 1
    }

    /// Writes a request down and looks up its answer.
    pub(super) fn requested(&self, request: &Arc<Request>) -> Answer {
        let standing = {
            let mut inner = self.lock();
            inner.requests.push(request.clone());
            self.changed.notify_all();
            let script = inner.scripts.get_mut(request.name());
            if let Some(answer) = script.and_then(|script| script.queue.pop_front()) {
                return answer;
            }
            let script = inner.scripts.get(request.name());
            script.and_then(|script| script.standing.clone())
        };
        // Not under the lock: the answer may look at the record.
        standing.map_or_else(|| unscripted(request), |respond| respond(request))
    }

    /// Ends every connection.
    pub(super) fn cut(&self) {
        for stream in self.lock().streams.drain(..) {
            if let Some(stream) = stream.upgrade() {
                // The other side may have ended it first.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    pub(super) fn next(&self, name: &str) -> Arc<Request> {
        let taken = *self.lock().taken.entry(name.to_owned()).or_default();
        let request = self.await_all(name, taken + 1)[taken].clone();
        self.lock().taken.insert(name.to_owned(), taken + 1);
        request
    }

    pub(super) fn await_all(&self, name: &str, count: usize) -> Vec<Arc<Request>> {
        let is_early = |inner: &mut Inner| of_name(&inner.requests, name).count() < count;
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, is_early);
        let (inner, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        let found: Vec<_> = of_name(&inner.requests, name).cloned().collect();
        if timeout.timed_out() {
            let names: Vec<_> = inner.requests.iter().map(|request| request.name()).collect();
            panic!("{} of {count} requests {name:?} after {PATIENCE:?}: {names:?}", found.len());
        }
        found
    }

    pub(super) fn all(&self, name: &str) -> Vec<Arc<Request>> {
        of_name(&self.lock().requests, name).cloned().collect()
    }

    pub(super) fn events(&self) -> Vec<Arc<Request>> {
        let inner = self.lock();
        let is_event = |request: &&Arc<Request>| request.header("ce-eventName").is_some();
        inner.requests.iter().filter(is_event).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A test that fails while it looks here must still be able to end.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_name<'r>(
    requests: &'r [Arc<Request>],
    name: &'r str,
) -> impl Iterator<Item = &'r Arc<Request>> {
    requests.iter().filter(move |request| request.name() == name)
}

fn unscripted(request: &Request) -> Answer {
    match &*request.method {
        "OPTIONS" => Answer::status(200).header("WebHook-Allowed-Origin", "*"),
        _ => Answer::status(204),
    }
}
