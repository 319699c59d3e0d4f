//! Which attempts are followed by another, and after which pause (`events-webhook.md` section
//! 7.3).
//!
//! The same for blocking events, notifications and validation requests. What an attempt's end was
//! is for the client to say; this knows neither network nor clock.

use std::time::Duration;

/// Pauses before the second, third and fourth attempt.
const PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(5)];

/// Most attempts that may be configured.
pub const ATTEMPTS_MAX: u32 = 4;

/// How one attempt to send a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// There is an answer, of this status.
    Status(u16),
    /// Refused, reset, or failed by DNS or TLS.
    Unreachable,
    /// No answer within the time for all attempts.
    TimedOut,
    /// An answer that cannot be read: its body is too large, say.
    Unreadable,
}

impl AttemptEnd {
    /// Whether another attempt may end better: failures of the connection, 408, and all of 5xx.
    fn is_passing(self) -> bool {
        match self {
            Self::Status(status) => status == 408 || (500..600).contains(&status),
            Self::Unreachable => true,
            Self::TimedOut | Self::Unreadable => false,
        }
    }
}

/// How long to wait before the next attempt, when `attempts_made` have ended and the last of them
/// like this; `None` if there shall be no other.
///
/// A pause that would outlast the `time_left` is not begun: whoever waits hears of the failure at
/// once.
pub fn pause(
    end: AttemptEnd,
    attempts_made: u32,
    attempts_max: u32,
    time_left: Duration,
) -> Option<Duration> {
    if !end.is_passing() || attempts_made >= attempts_max {
        return None;
    }
    let pause = *PAUSES.get(usize::try_from(attempts_made).ok()?.checked_sub(1)?)?;
    (pause < time_left).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(100);

    fn pauses(end: AttemptEnd, attempts_max: u32) -> Vec<u64> {
        let pause_after = |attempts| pause(end, attempts, attempts_max, LONG);
        (1..10).map_while(pause_after).map(|pause| pause.as_secs()).collect()
    }

    // E51
    #[test]
    fn passing_failures_are_retried_after_one_three_and_five_seconds() {
        for status in [408, 500, 503, 599] {
            assert_eq!(pauses(AttemptEnd::Status(status), ATTEMPTS_MAX), [1, 3, 5], "{status}");
        }
        assert_eq!(pauses(AttemptEnd::Unreachable, ATTEMPTS_MAX), [1, 3, 5]);
    }

    // E51, E53
    #[test]
    fn answers_that_mean_it_and_timeouts_are_not_retried() {
        for status in [100, 200, 204, 301, 302, 307, 308, 400, 401, 404, 429, 499, 600] {
            assert!(pauses(AttemptEnd::Status(status), ATTEMPTS_MAX).is_empty(), "{status}");
        }
        assert!(pauses(AttemptEnd::TimedOut, ATTEMPTS_MAX).is_empty());
        assert!(pauses(AttemptEnd::Unreadable, ATTEMPTS_MAX).is_empty());
    }

    #[test]
    fn the_number_of_attempts_can_be_lowered_to_one() {
        assert!(pauses(AttemptEnd::Unreachable, 1).is_empty());
        assert_eq!(pauses(AttemptEnd::Unreachable, 2), [1]);
        assert_eq!(pauses(AttemptEnd::Unreachable, u32::MAX), [1, 3, 5]);
        assert_eq!(pause(AttemptEnd::Unreachable, 0, 4, LONG), None);
    }

    #[test]
    fn a_pause_that_ends_too_late_is_not_begun() {
        let end = AttemptEnd::Status(503);
        assert_eq!(pause(end, 2, 4, Duration::from_secs(3)), None);
        assert!(pause(end, 2, 4, Duration::from_millis(3001)).is_some());
    }
}
