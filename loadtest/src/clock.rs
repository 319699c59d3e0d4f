//! The generator's clocks, and the one place that reads them.
//!
//! Every timestamp of a run is nanoseconds of the monotonic clock, which all processes of a
//! machine share: a child started by `limit` can stamp what its parent reads. Wall time is
//! only good for tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

pub(crate) const NS_PER_S: u64 = 1_000_000_000;
pub(crate) const NS_PER_MS: u64 = 1_000_000;

/// Nanoseconds since an arbitrary point, never going back.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * NS_PER_S + now.tv_nsec as u64
}

/// Whole seconds since 1970, for token claims.
pub(crate) fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Seconds given by an operator as nanoseconds.
pub(crate) const fn from_s(seconds: u64) -> u64 {
    seconds.saturating_mul(NS_PER_S)
}

/// A span for rates: never zero, so that no rate is infinite.
pub(crate) fn seconds_between(start_ns: u64, end_ns: u64) -> f64 {
    end_ns.saturating_sub(start_ns).max(1) as f64 / NS_PER_S as f64
}
