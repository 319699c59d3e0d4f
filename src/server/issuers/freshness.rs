//! How long fetched keys are good for, and how long to leave a failing issuer alone.

use std::time::Duration;

use reqwest::header::{AGE, CACHE_CONTROL, HeaderMap};

/// Least time between two refreshes by schedule, whatever an issuer says.
const PAUSE_MIN: Duration = Duration::from_secs(5 * 60);
/// Most: a key that an issuer has withdrawn is not trusted for longer than this.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Without a word from the issuer.
const LIFETIME_DEFAULT: Duration = Duration::from_secs(3600);

/// Pause after the first failure; it doubles with each further one.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// Longest pause between two attempts at an issuer that fails.
const BACKOFF_MAX: Duration = Duration::from_secs(5 * 60);

/// When to fetch again after an answer with these headers: when nine tenths of its lifetime have
/// passed, so that there is time for another attempt.
pub(super) fn pause_after(headers: &HeaderMap) -> Duration {
    (lifetime(headers) / 10 * 9).clamp(PAUSE_MIN, PAUSE_MAX)
}

/// When to try again after so many failures in a row.
pub(super) fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (BACKOFF_MIN * (1 << doublings)).min(BACKOFF_MAX)
}

/// RFC 9111, section 4.2: `max-age` less `Age`. Nothing else is looked at: `Expires` is for caches
/// of another age, and `s-maxage` for those that many share.
fn lifetime(headers: &HeaderMap) -> Duration {
    let texts = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut lifetime = None;
    for directive in texts.flat_map(|text| text.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let name = name.trim();
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return Duration::ZERO;
        }
        if name.eq_ignore_ascii_case("max-age") {
            // RFC 9111, section 4.2.1: what cannot be read counts as stale.
            lifetime = Some(value.trim().trim_matches('"').parse().unwrap_or(0));
        }
    }
    let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    let left = |seconds: u64| Duration::from_secs(seconds.saturating_sub(age.unwrap_or(0)));
    lifetime.map_or(LIFETIME_DEFAULT, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause_s(headers: &[(&'static str, &str)]) -> u64 {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        pause_after(&headers).as_secs()
    }

    #[test]
    fn follows_the_issuer_within_bounds() {
        let max_age = |value: &str| pause_s(&[("cache-control", value)]);
        assert_eq!(max_age("max-age=3600"), 3240);
        assert_eq!(max_age("private, Max-Age=\"86400\""), 77_760);
        assert_eq!(max_age("max-age=604800"), 24 * 3600);
        assert_eq!(max_age("max-age=18446744073709551615"), 24 * 3600);
        for short in ["max-age=0", "max-age=60", "no-store", "no-cache, max-age=9999", "max-age=x"]
        {
            assert_eq!(max_age(short), 300, "{short}");
        }
        for silent in ["", "public", "s-maxage=9", "must-revalidate,"] {
            assert_eq!(max_age(silent), 3240, "{silent}");
        }
        assert_eq!(pause_s(&[]), 3240);
        let twice = [("cache-control", "public"), ("cache-control", "max-age=7200")];
        assert_eq!(pause_s(&twice), 6480);
    }

    #[test]
    fn an_age_on_the_way_counts() {
        let aged = |age| pause_s(&[("cache-control", "max-age=7200"), ("age", age)]);
        assert_eq!(aged("3600"), 3240);
        assert_eq!(aged("9999"), 300);
        assert_eq!(aged("soon"), 6480);
    }

    #[test]
    fn pauses_after_failures_double_up_to_a_bound() {
        let pauses: Vec<u64> = (1..=10).map(|failures| backoff(failures).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!(backoff(u32::MAX), BACKOFF_MAX);
    }
}
