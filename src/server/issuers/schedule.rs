//! When the keys of one issuer are fetched.
//!
//! By schedule: at the start, before what was fetched is stale, and with growing pauses after a
//! failure. On request: at once if no request was served within [`ASK_PAUSE`], else as soon as that
//! has passed.
//!
//! Every request is followed by a publish. One that comes during a fetch is not counted if that
//! brings keys: shards judge what they hold again with these, and ask again if they have to,
//! because the fetch may have read the keys of before. If it brings none it is the answer: another
//! one right away would bring none either.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use super::fetch::{FetchError, Fetched};
use super::freshness::backoff;
use crate::auth::oidc::{ASK_INTERVAL_S, KeySet};

/// Least time from the end of one fetch on request to the beginning of the next. Shards do not ask
/// more often than that by themselves; being two seconds shorter, this never makes one wait that
/// measures in whole seconds and saw the last answer a moment later.
pub(super) const ASK_PAUSE: Duration = Duration::from_secs(ASK_INTERVAL_S - 2);

/// What the loop has to know of its issuer.
pub(super) struct Refresh<'a> {
    /// Its name, for the log.
    pub(super) issuer: &'a str,
    /// Whether somebody has asked since the last call.
    pub(super) is_asked: &'a dyn Fn() -> bool,
    /// Rings when somebody asks.
    pub(super) wake: &'a Notify,
}

/// Fetches for ever. `publish` gets new keys, if there are any, and whether they were asked for.
pub(super) async fn keep_fresh(
    refresh: Refresh<'_>,
    fetch: impl AsyncFn() -> Result<Fetched, FetchError>,
    publish: impl Fn(Option<Arc<KeySet>>, bool),
) {
    let mut failures = 0;
    let mut is_on_request = false;
    let mut may_serve = Instant::now();
    loop {
        let outcome = fetch().await;
        let is_asked_meanwhile = (refresh.is_asked)();
        let is_answer = is_on_request || (is_asked_meanwhile && outcome.is_err());
        if is_answer {
            may_serve = Instant::now() + ASK_PAUSE;
        }
        let pause = match outcome {
            Ok(Fetched { keys, pause }) => {
                report_success(refresh.issuer, &keys, failures);
                failures = 0;
                publish(Some(keys), is_answer);
                pause
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                let (issuer, pause) = (refresh.issuer, backoff(failures));
                warn!(issuer, retry_in_s = pause.as_secs(), "no keys from the issuer: {error}");
                if is_answer {
                    publish(None, true);
                }
                pause
            }
        };
        let due = Instant::now() + pause;
        is_on_request = tokio::select! {
            () = next_request(&refresh) => {
                // In here, so that a request that was taken cannot be forgotten for being late.
                sleep_until(may_serve).await;
                // Whoever has asked meanwhile is served by the same fetch.
                (refresh.is_asked)();
                true
            }
            () = sleep_until(due) => false,
        };
    }
}

async fn next_request(refresh: &Refresh<'_>) {
    while !(refresh.is_asked)() {
        refresh.wake.notified().await;
    }
}

/// After failures somebody is waiting for good news; otherwise nobody is.
fn report_success(issuer: &str, keys: &KeySet, failures: u32) {
    if failures > 0 {
        info!(issuer, keys = keys.len(), failures, "the issuer gives keys again");
    } else {
        debug!(issuer, keys = keys.len(), "fetched the issuer's keys");
    }
}

#[cfg(test)]
mod tests;
