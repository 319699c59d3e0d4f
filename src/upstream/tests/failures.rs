//! Retries, timeouts, and what is counted.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, advance};

use super::support::*;
use crate::config::EventSettings;
use crate::event::call::{EventFailure, EventOutcome};

fn pauses(events: &[Seen]) -> Vec<u64> {
    events.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs()).collect()
}

// E51, E52
#[test]
fn passing_failures_are_retried_with_the_same_request() {
    with_stopped_time(async {
        for code in [408, 500, 503] {
            let application = Application::start(move |_| Does::Answer(status(code))).await;
            let handler = handler(&application.url("/{event}"));
            let rig = Rig::new();
            let id = rig.send(&handler, 1, user_event("a", "same"));
            let answer = rig.late_answer(id).await;
            assert!(matches!(answer.outcome, EventOutcome::Failed(EventFailure::Failed)));
            let events = application.events();
            assert_eq!(pauses(&events), [1, 3, 5], "{code}");
            for again in &events[1..] {
                assert_eq!((&again.headers, &again.body), (&events[0].headers, &events[0].body));
            }
            assert_eq!(rig.counted(), [("user", "failed_status", 1)]);
        }
    });
}

// E51, E53
#[test]
fn answers_that_mean_it_are_not_retried() {
    with_stopped_time(async {
        for code in [301, 307, 400, 401, 404, 429] {
            let application =
                Application::start(move |_| Does::Answer(with_header(code, "location", "/"))).await;
            let handler = handler(&application.url("/{event}"));
            let rig = Rig::new();
            drop(rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await);
            advance(Duration::from_secs(20)).await;
            settle().await;
            assert_eq!(application.events().len(), 1, "{code}");
        }
    });
}

// E51
#[test]
fn an_application_that_returns_gets_the_event() {
    with_stopped_time(async {
        let left = Rc::new(Cell::new(2));
        let application = Application::start(move |_| match left.replace(left.get().max(1) - 1) {
            0 => Does::Answer(status(204)),
            _ => Does::Close,
        })
        .await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        let answer = rig.late_answer(rig.send(&handler, 1, user_event("a", "x"))).await;
        assert!(matches!(answer.outcome, EventOutcome::Answered(None)), "{answer:?}");
        assert_eq!(rig.counted(), [("user", "delivered", 1)]);
    });
}

// E51, E32
#[test]
fn refused_connections_are_retried_and_then_fail() {
    with_stopped_time(async {
        let application = Application::start(|_| Does::Answer(status(204))).await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await;
        drop(application);
        settle().await;
        let began = Instant::now();
        let answer = rig.late_answer(rig.send(&handler, 1, user_event("a", "x"))).await;
        assert!(matches!(answer.outcome, EventOutcome::Failed(EventFailure::Failed)));
        assert_eq!((Instant::now() - began).as_secs(), 9);
        let counted = rig.counted();
        assert_eq!(counted, [("user", "delivered", 1), ("user", "failed_unreachable", 1)]);
    });
}

// The number of attempts MUST be configurable down to 1 (7.3).
#[test]
fn one_attempt_is_one_attempt() {
    with_stopped_time(async {
        let application = Application::start(|_| Does::Answer(status(500))).await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::with(EventSettings { attempts: 1, ..event_settings() });
        drop(rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await);
        assert_eq!(application.events().len(), 1);
    });
}

// 7.2
#[test]
fn a_hung_application_costs_its_timeout_and_no_more() {
    with_stopped_time(async {
        let held = Rc::new(Cell::new(Vec::new()));
        let holds = Rc::clone(&held);
        let application = Application::start(move |_| {
            let (answer, told) = oneshot::channel();
            let mut all = holds.take();
            all.push(answer);
            holds.set(all);
            Does::Wait(told)
        })
        .await;
        let handler = handler(&application.url("/{event}"));
        let timeout = Duration::from_secs(7);
        let rig = Rig::with(EventSettings { timeout, ..event_settings() });
        let began = Instant::now();
        let answer = rig.late_answer(rig.send(&handler, 1, user_event("a", "x"))).await;
        assert!(matches!(answer.outcome, EventOutcome::Failed(EventFailure::TimedOut)));
        let waited = (Instant::now() - began).as_millis();
        assert!((7_000..7_500).contains(&waited), "{waited}");
        assert_eq!(rig.counted(), [("user", "failed_timeout", 1)]);
        assert_eq!(application.events().len(), 1, "a timeout is final");
    });
}

// One deadline for all attempts.
#[test]
fn a_retry_that_would_come_too_late_is_not_waited_for() {
    with_stopped_time(async {
        let application = Application::start(|_| Does::Answer(status(503))).await;
        let handler = handler(&application.url("/{event}"));
        let timeout = Duration::from_secs(3);
        let rig = Rig::with(EventSettings { timeout, ..event_settings() });
        let began = Instant::now();
        drop(rig.late_answer(rig.send(&handler, 1, user_event("a", "x"))).await);
        assert!((Instant::now() - began).as_millis() < 1_500);
        assert_eq!(application.events().len(), 2);
        assert_eq!(rig.counted(), [("user", "failed_status", 1)]);
    });
}

#[test]
fn requests_under_way_are_bounded_and_pauses_are_not_among_them() {
    with_stopped_time(async {
        let most = Rc::new(Cell::new(0));
        let at_once = Rc::new(Cell::new(0));
        let held = Rc::new(std::cell::RefCell::new(Vec::new()));
        let (counts, holds) = (Rc::clone(&at_once), Rc::clone(&held));
        let top = Rc::clone(&most);
        let application = Application::start(move |seen| {
            if seen.target == "/busy" {
                return Does::Answer(status(503));
            }
            counts.set(counts.get() + 1);
            top.set(top.get().max(counts.get()));
            let (answer, told) = oneshot::channel();
            holds.borrow_mut().push(answer);
            Does::Wait(told)
        })
        .await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::with(EventSettings { concurrency: 2, ..event_settings() });
        // These two soon wait for their next attempt.
        for connection in 0..2 {
            rig.send(&handler, connection, user_event("busy", "x"));
        }
        soon(|| application.events().len() == 2).await;
        let ids: Vec<_> = (2..7).map(|c| rig.send(&handler, c, user_event("a", "x"))).collect();
        for _ in &ids {
            soon(|| !held.borrow().is_empty()).await;
            settle().await;
            at_once.set(at_once.get() - 1);
            held.borrow_mut().remove(0).send(status(204)).unwrap();
        }
        for id in ids {
            rig.answer(id).await;
        }
        assert_eq!(most.get(), 2);
    });
}

#[test]
fn causes_are_counted_apart() {
    with_stopped_time(async {
        let rig = Rig::with(EventSettings { attempts: 1, ..event_settings() });
        let application = Application::start(|_| {
            let mut large = status(200);
            *large.body_mut() = vec![b'x'; crate::upstream::client::BODY_BYTES_MAX + 1].into();
            Does::Answer(large)
        })
        .await;
        let large = handler(&application.url("/{event}"));
        drop(rig.answer(rig.send(&large, 1, user_event("a", "x"))).await);
        assert_eq!(rig.counted(), [("user", "failed_answer", 1)]);

        let application = Application::start(|_| Does::Close).await;
        let closing = handler(&application.url("/{event}"));
        drop(rig.answer(rig.send(&closing, 1, user_event("a", "x"))).await);
        let unreachable = ("user", "failed_unreachable", 1);
        assert!(rig.counted().contains(&unreachable), "{:?}", rig.counted());
    });
}
