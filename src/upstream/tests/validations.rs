//! Who is asked first.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, advance};

use super::support::*;
use crate::event::call::EventOutcome;

// E9, E10, E13
#[test]
fn events_wait_for_one_request_that_asks() {
    with_stopped_time(async {
        let asks = Rc::<RefCell<Option<oneshot::Sender<_>>>>::default();
        let held = Rc::clone(&asks);
        let application = Application::start_asked(move |seen| {
            if seen.is_event() {
                return Does::Answer(status(204));
            }
            let (answer, told) = oneshot::channel();
            assert!(held.borrow_mut().replace(answer).is_none(), "only one");
            Does::Wait(told)
        })
        .await;
        let handler = handler(&application.url("/api/{hub}/{event}?code=1"));
        let rig = Rig::new();
        let ids: Vec<_> = (0..8).map(|c| rig.send(&handler, c, user_event("a", "x"))).collect();
        soon(|| asks.borrow().is_some()).await;
        settle().await;
        assert_eq!(application.events().len(), 0);
        asks.take().unwrap().send(welcome()).unwrap();
        for id in ids {
            rig.answer(id).await;
        }
        let [asked] = &application.asked()[..] else { panic!("one request") };
        assert_eq!(asked.method, "OPTIONS");
        assert_eq!(asked.target, "/api/chat/validate?code=1");
        let mut names: Vec<_> = asked.headers.keys().map(|name| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["ce-awpsversion", "host", "webhook-request-origin"]);
        assert_eq!(asked.header("ce-awpsversion"), Some("1.0"));
        assert_eq!(asked.header("webhook-request-origin"), Some(ORIGIN));
    });
}

/// How an application that answers like this is judged: whether the event arrives, and with which
/// methods it was asked.
async fn judged(
    answer: impl Fn(&Seen) -> hyper::Response<http_body_util::Full<hyper::body::Bytes>> + 'static,
) -> (bool, Vec<String>) {
    let application = Application::start_asked(move |seen| {
        Does::Answer(if seen.is_event() { status(204) } else { answer(seen) })
    })
    .await;
    let handler = handler(&application.url("/{event}"));
    let rig = Rig::new();
    let answer = rig.answer(rig.send(&handler, 1, connect())).await;
    let is_admitted = matches!(answer.outcome, EventOutcome::Admitted(_));
    assert_eq!(application.events().len(), usize::from(is_admitted), "E16");
    let result = if is_admitted { "delivered" } else { "failed_validation" };
    assert_eq!(rig.counted(), [("connect", result, 1)]);
    (is_admitted, application.asked().iter().map(|seen| seen.method.to_string()).collect())
}

// E11, E16
#[test]
fn only_who_names_us_gets_events() {
    with_stopped_time(async {
        let named =
            |value: &'static str| move |_: &Seen| with_header(200, "WebHook-Allowed-Origin", value);
        assert!(judged(named("*")).await.0);
        assert!(judged(named("CORECAST.example.com")).await.0);
        assert!(!judged(named("other.example.com")).await.0);
        assert!(!judged(|_| status(200)).await.0);
        let asked = judged(|_| with_header(405, "WebHook-Allowed-Origin", "*")).await;
        assert_eq!(asked, (false, vec!["OPTIONS".to_owned()]));
    });
}

// E12
#[test]
fn an_application_without_options_is_asked_by_get() {
    with_stopped_time(async {
        let by_get = |seen: &Seen| if seen.method == "GET" { welcome() } else { status(404) };
        let both = vec!["OPTIONS".to_owned(), "GET".to_owned()];
        assert_eq!(judged(by_get).await, (true, both.clone()));
        assert_eq!(judged(|_| status(404)).await, (false, both));
    });
}

// E14
#[test]
fn a_success_is_good_for_a_minute_and_then_renewed_beside_events() {
    with_stopped_time(async {
        let is_silent = Rc::new(Cell::new(false));
        let silent = Rc::clone(&is_silent);
        let application = Application::start_asked(move |seen| match seen.is_event() {
            true => Does::Answer(status(204)),
            false if silent.get() => Does::Wait(oneshot::channel().1),
            false => Does::Answer(welcome()),
        })
        .await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await;
        advance(Duration::from_secs(59)).await;
        rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await;
        assert_eq!(application.asked().len(), 1);
        is_silent.set(true);
        advance(Duration::from_secs(2)).await;
        rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await;
        soon(|| application.asked().len() == 2).await;
        assert_eq!(application.events().len(), 3, "nobody waited for that");
    });
}

// E15, E16
#[test]
fn after_a_failure_the_pauses_grow() {
    with_stopped_time(async {
        let application = Application::start_asked(|seen| {
            assert!(!seen.is_event());
            Does::Answer(status(400))
        })
        .await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        let began = Instant::now();
        while application.asked().len() < 9 {
            rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await;
            settle().await;
            advance(Duration::from_millis(500)).await;
        }
        let asked = application.asked();
        let pauses: Vec<_> =
            asked.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60], "since {began:?}");
        assert!(application.events().is_empty());
    });
}

// 4.3.3
#[test]
fn silence_is_a_failure_after_ten_seconds() {
    with_stopped_time(async {
        // Connections are made, and nobody accepts them.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let handler = handler(&format!("http://{}/", listener.local_addr().unwrap()));
        let rig = Rig::new();
        let began = Instant::now();
        let id = rig.send(&handler, 1, user_event("a", "x"));
        drop(rig.late_answer(id).await);
        let waited = (Instant::now() - began).as_millis();
        assert!((10_000..10_500).contains(&waited), "{waited}");
        assert_eq!(rig.counted(), [("user", "failed_validation", 1)]);
    });
}

// 4.3.3 with 7.3
#[test]
fn requests_that_ask_are_retried_like_events() {
    with_stopped_time(async {
        let application = Application::start_asked(|_| Does::Answer(status(503))).await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        drop(rig.late_answer(rig.send(&handler, 1, connect())).await);
        let asked = application.asked();
        let pauses: Vec<_> =
            asked.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs()).collect();
        assert_eq!(pauses, [1, 3, 5]);
    });
}
