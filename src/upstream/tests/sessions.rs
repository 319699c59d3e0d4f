//! Order, state and cookies.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use tokio::sync::oneshot;

use super::support::*;
use crate::event::call::Event;

type Held = Rc<
    RefCell<VecDeque<oneshot::Sender<hyper::Response<http_body_util::Full<hyper::body::Bytes>>>>>,
>;

/// An application whose answers wait until a test gives them.
async fn holding() -> (Application, Held) {
    let held = Held::default();
    let holds = Rc::clone(&held);
    let application = Application::start(move |_| {
        let (answer, told) = oneshot::channel();
        holds.borrow_mut().push_back(answer);
        Does::Wait(told)
    })
    .await;
    (application, held)
}

fn give(held: &Held, status_code: u16) {
    held.borrow_mut().pop_front().expect("one is held").send(status(status_code)).unwrap();
}

fn names(application: &Application) -> Vec<String> {
    application
        .events()
        .iter()
        .map(|seen| seen.header("ce-eventname").unwrap().to_owned())
        .collect()
}

// E56
#[test]
fn events_of_different_connections_are_posted_concurrently() {
    with_stopped_time(async {
        let (application, held) = holding().await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        let ids: Vec<_> = (0..5).map(|c| rig.send(&handler, c, user_event("a", "x"))).collect();
        soon(|| held.borrow().len() == 5).await;
        (0..5).for_each(|_| give(&held, 204));
        for id in ids {
            rig.answer(id).await;
        }
        assert_eq!(application.connections.get(), 5);
    });
}

// 8.5: invocations of one connection
#[test]
fn events_of_one_connection_may_overlap() {
    with_stopped_time(async {
        let (application, held) = holding().await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        rig.send(&handler, 1, user_event("a", "x"));
        rig.send(&handler, 1, user_event("b", "x"));
        soon(|| held.borrow().len() == 2).await;
        assert_eq!(names(&application), ["a", "b"]);
    });
}

// 13.3
#[test]
fn connected_is_started_before_the_first_event_and_not_awaited() {
    with_stopped_time(async {
        let (application, held) = holding().await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        rig.send(&handler, 1, Event::Connected);
        rig.send(&handler, 1, user_event("a", "x"));
        soon(|| held.borrow().len() == 2).await;
        assert_eq!(names(&application), ["connected", "a"]);
    });
}

// E57
#[test]
fn the_last_event_waits_for_all_others() {
    with_stopped_time(async {
        let (application, held) = holding().await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        rig.send(&handler, 1, Event::Connected);
        let id = rig.send(&handler, 1, user_event("a", "x"));
        rig.send(&handler, 1, disconnected());
        soon(|| held.borrow().len() == 2).await;
        give(&held, 204);
        settle().await;
        assert_eq!(application.events().len(), 2, "one of two is not enough");
        give(&held, 204);
        soon(|| held.borrow().len() == 1).await;
        assert_eq!(names(&application), ["connected", "a", "disconnected"]);
        give(&held, 204);
        drop(rig.answer(id).await);
        soon(|| handler.gate.is_empty()).await;
    });
}

// E57 where nobody wants `disconnected`, and E33.
#[test]
fn a_session_ends_without_a_word_too() {
    with_stopped_time(async {
        let application = Application::start(|seen| {
            let state = with_header(204, "ce-connectionState", "mine");
            Does::Answer(if seen.target == "/connect" { status(403) } else { state })
        })
        .await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await;
        rig.call(1, disconnected(), None);
        rig.answer(rig.send(&handler, 1, user_event("b", "x"))).await;
        rig.answer(rig.send(&handler, 1, connect())).await;
        rig.answer(rig.send(&handler, 1, user_event("c", "x"))).await;
        let events = application.events();
        let states: Vec<_> = events.iter().map(|seen| seen.header("ce-connectionstate")).collect();
        assert_eq!(states, [None, None, Some("mine"), None], "each of them begins anew");
    });
}

// E33
#[test]
fn a_waiting_disconnected_goes_with_a_refused_connect() {
    with_stopped_time(async {
        let (application, held) = holding().await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        let id = rig.send(&handler, 1, connect());
        soon(|| held.borrow().len() == 1).await;
        rig.send(&handler, 1, disconnected());
        settle().await;
        give(&held, 401);
        drop(rig.answer(id).await);
        settle().await;
        assert_eq!(names(&application), ["connect"]);
        assert!(handler.gate.is_empty());
    });
}

// E49
#[test]
fn state_is_kept_until_a_good_answer_changes_it() {
    with_stopped_time(async {
        let application = Application::start(|seen| {
            Does::Answer(match seen.target.as_str() {
                "/set" => with_header(204, "ce-connectionState", "eyJrIjoxfQ=="),
                "/clear" => with_header(204, "ce-connectionState", ""),
                "/fail" => with_header(400, "ce-connectionState", "wrong"),
                _ => status(204),
            })
        })
        .await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        for name in ["set", "fail", "keep", "clear", "none"] {
            rig.answer(rig.send(&handler, 1, user_event(name, "x"))).await;
        }
        rig.answer(rig.send(&handler, 2, user_event("other", "x"))).await;
        let events = application.events();
        let states: Vec<_> = events.iter().map(|seen| seen.header("ce-connectionstate")).collect();
        let state = Some("eyJrIjoxfQ==");
        assert_eq!(states, [None, state, state, state, None, None]);
    });
}

// E54
#[test]
fn cookies_come_back_on_events_of_the_same_connection_only() {
    with_stopped_time(async {
        let application = Application::start(|seen| {
            Does::Answer(match seen.target.as_str() {
                "/set" => {
                    let mut answer = with_header(204, "set-cookie", "node=7; Path=/");
                    let other = "elsewhere=1; Path=/other".parse().unwrap();
                    answer.headers_mut().append("set-cookie", other);
                    answer
                }
                "/fail" => with_header(400, "set-cookie", "node=8; Path=/"),
                _ => status(204),
            })
        })
        .await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        for (connection, name) in [(1, "set"), (1, "fail"), (1, "a"), (2, "b")] {
            rig.answer(rig.send(&handler, connection, user_event(name, "x"))).await;
        }
        let events = application.events();
        let cookies: Vec<_> = events.iter().map(|seen| seen.header("cookie")).collect();
        assert_eq!(cookies, [None, Some("node=7"), Some("node=7"), None]);
        let asked = application.asked();
        assert!(asked.iter().all(|seen| seen.header("cookie").is_none()));
    });
}

// 7.5: can be turned off.
#[test]
fn cookies_are_left_alone_if_the_operator_wants_that() {
    with_stopped_time(async {
        let application =
            Application::start(|_| Does::Answer(with_header(204, "set-cookie", "a=b"))).await;
        let handler = handler(&application.url("/{event}"));
        let rig =
            Rig::with(crate::config::EventSettings { has_cookies: false, ..event_settings() });
        for name in ["a", "b"] {
            rig.answer(rig.send(&handler, 1, user_event(name, "x"))).await;
        }
        assert_eq!(application.events()[1].header("cookie"), None);
    });
}
