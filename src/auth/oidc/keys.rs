//! The keys of all issuers at one moment.
//!
//! A snapshot never changes. Whoever fetches keys makes the next one from the last and gives it to
//! every shard; until then the old one goes on being good. Making one shares the key sets that did
//! not change.

use std::sync::Arc;

use super::set::KeySet;

/// For how long after a refresh that was asked for an unknown key stays unknown, in seconds.
///
/// Anybody can make up key ids, so this bounds what they cost an issuer: one refresh each time. It
/// delays an honest caller only if an issuer changes its key within this time after such a refresh.
/// Refreshes by schedule do not count: the first unknown key after a change always asks at once.
pub const ASK_INTERVAL_S: u64 = 10;

/// An immutable snapshot, by index of the issuer.
#[derive(Clone, Debug)]
pub struct IssuerKeys(Box<[OneIssuer]>);

#[derive(Clone, Debug, Default)]
struct OneIssuer {
    /// The last that were fetched, however long ago: an issuer that cannot be reached has not
    /// changed its keys. `None` before the first success.
    keys: Option<Arc<KeySet>>,
    /// When a refresh last ended that somebody asked for, well or not.
    asked_unix_s: Option<u64>,
}

impl IssuerKeys {
    /// Before anything was fetched.
    pub fn none(issuer_count: usize) -> Self {
        Self(std::iter::repeat_with(OneIssuer::default).take(issuer_count).collect())
    }

    /// The next snapshot, in which an issuer has these keys.
    pub fn with_keys(&self, issuer: usize, keys: Arc<KeySet>) -> Self {
        self.with(issuer, |one| one.keys = Some(keys))
    }

    /// The next snapshot, in which a refresh that was asked for has just ended.
    pub fn with_answer(&self, issuer: usize, now_unix_s: u64) -> Self {
        self.with(issuer, |one| one.asked_unix_s = Some(now_unix_s))
    }

    fn with(&self, issuer: usize, change: impl FnOnce(&mut OneIssuer)) -> Self {
        let mut next = self.clone();
        if let Some(one) = next.0.get_mut(issuer) {
            change(one);
        }
        next
    }

    /// The keys of an issuer, unless none were ever fetched.
    pub fn of(&self, issuer: usize) -> Option<&KeySet> {
        self.0.get(issuer)?.keys.as_deref()
    }

    /// Whether a refresh was asked for so recently that another one makes no sense.
    pub(super) fn is_just_refreshed(&self, issuer: usize, now_unix_s: u64) -> bool {
        let asked = self.0.get(issuer).and_then(|one| one.asked_unix_s);
        // In both directions: a clock that was set back must not silence an issuer for long.
        asked.is_some_and(|asked| now_unix_s.abs_diff(asked) < ASK_INTERVAL_S)
    }
}
