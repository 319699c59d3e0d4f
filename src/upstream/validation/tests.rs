//! The cache of section 4.3.2 point by point, and against a plain model under a virtual clock.

use proptest::prelude::*;

use super::*;

#[allow(clippy::disallowed_methods, reason = "only where the virtual clock begins")]
fn start() -> Instant {
    Instant::now()
}

fn target(url: &str) -> ValidationTarget {
    ValidationTarget { url: url.to_owned(), origin: "corecast.example.com".into() }
}

const WAITS_AND_ASKS: Look = Look { is_allowed: None, must_ask: true };
const WAITS: Look = Look { is_allowed: None, must_ask: false };

fn known(is_allowed: bool, must_ask: bool) -> Look {
    Look { is_allowed: Some(is_allowed), must_ask }
}

// E13
#[test]
fn the_first_of_eight_asks_and_all_wait_for_the_answer() {
    let (mut cache, now) = (Validations::new(8), start());
    assert_eq!(cache.look(&target("a"), now, || 0), WAITS_AND_ASKS);
    for waiter in 1..8 {
        assert_eq!(cache.look(&target("a"), now, || waiter), WAITS);
    }
    assert_eq!(cache.look(&target("b"), now, || 8), WAITS_AND_ASKS);
    assert_eq!(cache.finish(&target("a"), true, now), (0..8).collect::<Vec<_>>());
    assert_eq!(cache.look(&target("a"), now, || unreachable!()), known(true, false));
}

// E14
#[test]
fn a_success_is_good_for_a_minute_and_then_refreshed_behind_events() {
    let (mut cache, now) = (Validations::new(8), start());
    let (target, after) = (target("a"), |ms| now + Duration::from_millis(ms));
    cache.look(&target, now, || ());
    cache.finish(&target, true, now);
    assert_eq!(cache.look(&target, after(59_999), || ()), known(true, false));
    assert_eq!(cache.look(&target, after(60_000), || ()), known(true, true));
    assert_eq!(cache.look(&target, after(90_000), || ()), known(true, false), "one asks already");
    assert_eq!(cache.finish(&target, false, after(90_000)), []);
    assert_eq!(cache.look(&target, after(90_999), || ()), known(false, false));
    assert_eq!(cache.look(&target, after(91_000), || ()), known(false, true));
}

// E15
#[test]
fn failures_are_asked_again_after_growing_pauses() {
    let (mut cache, mut now) = (Validations::new(8), start());
    let target = target("a");
    cache.look(&target, now, || ());
    for pause_s in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        cache.finish(&target, false, now);
        let due = now + Duration::from_secs(pause_s);
        let before = due - Duration::from_millis(1);
        assert_eq!(cache.look(&target, before, || ()), known(false, false), "{pause_s}");
        assert_eq!(cache.look(&target, due, || ()), known(false, true), "{pause_s}");
        now = due;
    }
    cache.finish(&target, true, now);
    cache.look(&target, now + SUCCESS_FOR, || ());
    cache.finish(&target, false, now);
    assert_eq!(cache.look(&target, now + Duration::from_secs(1), || ()), known(false, true));
}

#[test]
fn origins_are_judged_apart() {
    let (mut cache, now) = (Validations::new(8), start());
    let other = ValidationTarget { origin: "evil.example.com".into(), ..target("a") };
    cache.look(&other, now, || ());
    cache.finish(&other, false, now);
    assert_eq!(cache.look(&target("a"), now, || ()), WAITS_AND_ASKS);
}

#[test]
fn what_was_not_used_for_longest_is_forgotten_but_never_what_is_being_asked() {
    let (mut cache, now) = (Validations::new(2), start());
    let at = |s| now + Duration::from_secs(s);
    cache.look(&target("asked"), now, || "waits");
    for (second, url) in [(1, "a"), (2, "b"), (3, "c")] {
        cache.look(&target(url), at(second), || "");
        cache.finish(&target(url), true, at(second));
        assert!(cache.entries.len() <= 2, "{url}");
    }
    assert_eq!(cache.look(&target("c"), at(4), || ""), known(true, false));
    assert_eq!(cache.look(&target("b"), at(4), || ""), WAITS_AND_ASKS);
    assert_eq!(cache.finish(&target("asked"), true, at(5)), ["waits"]);
    assert_eq!(cache.finish(&target("never"), true, at(5)), Vec::<&str>::new());
}

#[derive(Clone, Debug)]
enum Step {
    Pass { ms: u64 },
    Look,
    Finish { is_allowed: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        // Around the pauses that count, and anything.
        (0_u64..=60, 0_u64..=2).prop_map(|(s, ms)| Step::Pass { ms: (s * 1000 + ms).max(1) - 1 }),
        Just(Step::Look),
        Just(Step::Look),
        any::<bool>().prop_map(|is_allowed| Step::Finish { is_allowed }),
        Just(Step::Finish { is_allowed: false }),
    ]
}

proptest! {
    // E13-E15: whatever happens, the table of section 4.3.2 holds.
    #[test]
    fn the_cache_follows_the_table(steps in prop::collection::vec(step(), 0..200)) {
        let (mut cache, begin, target) = (Validations::new(8), start(), target("a"));
        let mut now_ms = 0_u64;
        // The whole history: when each validation ended, and how.
        let mut ends: Vec<(u64, bool)> = Vec::new();
        let mut is_asking = false;
        let mut waiting = Vec::new();
        for (index, step) in steps.into_iter().enumerate() {
            let now = begin + Duration::from_millis(now_ms);
            match step {
                Step::Pass { ms } => now_ms += ms,
                Step::Look => {
                    let look = cache.look(&target, now, || index);
                    let is_due = match ends.last() {
                        None => true,
                        Some((end_ms, true)) => now_ms >= end_ms + 60_000,
                        Some((end_ms, false)) => {
                            let failures = ends.iter().rev().take_while(|(_, ok)| !ok).count();
                            let pauses = [1, 2, 4, 8, 16, 32, 60];
                            now_ms >= end_ms + pauses[(failures - 1).min(6)] * 1000
                        }
                    };
                    prop_assert_eq!(look.is_allowed, ends.last().map(|(_, ok)| *ok));
                    prop_assert_eq!(look.must_ask, is_due && !is_asking);
                    is_asking |= look.must_ask;
                    if look.is_allowed.is_none() {
                        waiting.push(index);
                    }
                }
                Step::Finish { is_allowed } if is_asking => {
                    let told = cache.finish(&target, is_allowed, now);
                    prop_assert_eq!(told, std::mem::take(&mut waiting));
                    ends.push((now_ms, is_allowed));
                    is_asking = false;
                }
                Step::Finish { .. } => {}
            }
        }
    }
}
