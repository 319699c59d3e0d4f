//! Abuse protection: an application is asked before events are posted to it (`events-webhook.md`
//! section 4).
//!
//! [`Validations`] remembers what was answered, and says when somebody has to ask again;
//! [`judge`] reads an answer. Both are without network and clock: time is an argument, and who
//! waits is a value that is given back.
//!
//! Outcomes are kept per URL *and* origin. Unless the operator has configured a public host, the
//! origin is what the client wrote as `Host`; one that is refused must not stop the events of
//! others.

mod judgement;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

pub use judgement::{ValidationError, is_asked_again_by_get, judge};

/// Most outcomes that are remembered.
pub const ENTRIES_MAX: usize = 1024;

/// How long a success counts as fresh.
const SUCCESS_FOR: Duration = Duration::from_secs(60);
/// Longest pause after a failure.
const FAILURE_PAUSE_MAX: Duration = Duration::from_secs(60);

/// What is validated: the URL with `{event}` = `validate`, for requests of one origin.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ValidationTarget {
    pub url: String,
    pub origin: Box<str>,
}

impl fmt::Debug for ValidationTarget {
    /// Without the URL, whose query often holds what applications know requests by.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ValidationTarget").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// What an event has to do before it may be posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whether events are welcome; `None` if nobody knows yet and the event waits.
    pub is_allowed: Option<bool>,
    /// The caller has to ask the application now, and report to [`Validations::finish`].
    pub must_ask: bool,
}

/// The outcomes of validations (section 4.3.2). `W` is whoever waits for the first one.
#[derive(Debug)]
pub struct Validations<W> {
    entries: HashMap<ValidationTarget, Entry<W>>,
    entries_max: usize,
}

#[derive(Debug)]
struct Entry<W> {
    /// The last one, if there is any.
    outcome: Option<Outcome>,
    /// Somebody is asking: nobody else does.
    is_asking: bool,
    /// Only while there is no outcome.
    waiters: Vec<W>,
    last_used: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Outcome {
    is_allowed: bool,
    /// In a row.
    failures: u32,
    /// The first event after this asks again.
    due: Instant,
}

impl<W> Validations<W> {
    /// Remembers so many outcomes, then forgets those that have not been used for longest.
    ///
    /// What is being asked is never forgotten: somebody waits for it, so it is bounded by what may
    /// wait.
    pub fn new(entries_max: usize) -> Self {
        Self { entries: HashMap::new(), entries_max }
    }

    /// What an event to `target` has to do. If it has to wait, `waiter` is kept until
    /// [`Self::finish`] gives it back.
    pub fn look(
        &mut self,
        target: &ValidationTarget,
        now: Instant,
        waiter: impl FnOnce() -> W,
    ) -> Look {
        // Asked for every event: what is known already costs a look and nothing else.
        if !self.entries.contains_key(target) {
            self.make_room();
            let entry =
                Entry { outcome: None, is_asking: false, waiters: Vec::new(), last_used: now };
            self.entries.insert(target.clone(), entry);
        }
        let entry = self.entries.get_mut(target).expect("it was put there if it was not");
        entry.last_used = now;
        if entry.outcome.is_none() {
            entry.waiters.push(waiter());
        }
        let is_due = entry.outcome.is_none_or(|outcome| now >= outcome.due);
        let must_ask = is_due && !entry.is_asking;
        entry.is_asking |= must_ask;
        Look { is_allowed: entry.outcome.map(|outcome| outcome.is_allowed), must_ask }
    }

    /// Takes the end of a validation that [`Look::must_ask`] has called for. Everybody who waited
    /// for it is given back, to be told `is_allowed`.
    pub fn finish(&mut self, target: &ValidationTarget, is_allowed: bool, now: Instant) -> Vec<W> {
        let Some(entry) = self.entries.get_mut(target) else { return Vec::new() };
        let outcome = match entry.outcome {
            _ if is_allowed => Outcome { is_allowed, failures: 0, due: now + SUCCESS_FOR },
            last => {
                let failures = last.map_or(0, |last| last.failures).saturating_add(1);
                Outcome { is_allowed, failures, due: now + failure_pause(failures) }
            }
        };
        entry.outcome = Some(outcome);
        entry.is_asking = false;
        std::mem::take(&mut entry.waiters)
    }

    fn make_room(&mut self) {
        while self.entries.len() >= self.entries_max {
            let idle = self.entries.iter().filter(|(_, entry)| !entry.is_asking);
            let oldest = idle.min_by_key(|(_, entry)| entry.last_used);
            let Some(oldest) = oldest.map(|(target, _)| target.clone()) else { return };
            self.entries.remove(&oldest);
        }
    }
}

/// 1, 2, 4, 8, 16, 32 and then 60 seconds.
fn failure_pause(failures: u32) -> Duration {
    let doubled = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_secs(doubled).min(FAILURE_PAUSE_MAX)
}
