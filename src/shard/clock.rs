//! The clock of a turn: read once, in milliseconds, common to all shards.

use rustix::time::{ClockId, clock_gettime};

/// Milliseconds of the monotonic clock. Comparable between the threads of this process.
pub type Millis = u64;

/// Reads the monotonic clock. Called once per turn; everything in the turn uses that value.
pub fn now() -> Millis {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Milliseconds since the Unix epoch, once at start: the shards go on from there.
pub fn unix_millis() -> u64 {
    let now = clock_gettime(ClockId::Realtime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds * 1000 + u64::try_from(now.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Seconds since the Unix epoch, for token lifetimes only.
pub fn unix_seconds() -> u64 {
    u64::try_from(clock_gettime(ClockId::Realtime).tv_sec).unwrap_or(0)
}
