//! How long a destination is left alone after a failure (`events-listener.md` section 7.3): 1, 2, 4,
//! 8, 16 and then 30 seconds, each give or take a quarter, so that servers do not come back to a
//! broker all at once.

use std::time::Duration;

const LONGEST: Duration = Duration::from_secs(30);

/// The pauses of one destination.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The pause after one more failure; `random` is any number.
    pub(super) fn next(&mut self, random: u32) -> Duration {
        let seconds = 1_u64 << self.failures.min(5);
        self.failures = self.failures.saturating_add(1);
        let pause = Duration::from_secs(seconds).min(LONGEST);
        pause * (75 + random % 51) / 100
    }

    /// Something has gone well.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute_with_a_quarter_of_play() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..8).map(|_| backoff.next(25).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next(0), Duration::from_millis(750));
        assert_eq!(backoff.next(50), Duration::from_millis(2500));
    }
}
