//! Changes of settings, and the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, advance};

use super::support::*;
use crate::auth::{AccessKey, AccessKeys, EventSigner};
use crate::config::EventSettings;
use crate::event::call::{EventFailure, EventOutcome};
use crate::upstream::UpstreamSettings;

// 5.5: the signature changes when keys rotate; E20.
#[test]
fn later_events_are_signed_with_the_new_keys() {
    with_stopped_time(async {
        let application = Application::start(|_| Does::Answer(status(204))).await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        let new = AccessKey::parse(&"n".repeat(32)).unwrap();
        let old = AccessKey::parse(KEY).unwrap();
        let signer = EventSigner::new(&AccessKeys::configured(new, Some(old)));
        for signer in [None, Some(signer), None] {
            if signer.is_some() || application.events().len() == 2 {
                let settings = UpstreamSettings { signer, ..settings(event_settings()) };
                rig.changes.send(Arc::new(settings)).unwrap();
                settle().await;
            }
            rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await;
        }
        let events = application.events();
        let signatures: Vec<_> =
            events.iter().map(|seen| seen.header("ce-signature").unwrap_or_default()).collect();
        assert!(!signatures[0].is_empty() && !signatures[0].contains(','));
        assert!(signatures[1].ends_with(&format!(",{}", signatures[0])));
        assert_eq!(signatures[2], "", "without local authentication");
    });
}

#[test]
fn a_new_timeout_is_for_later_events() {
    with_stopped_time(async {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let handler = handler(&format!("http://{}/", silent.local_addr().unwrap()));
        let rig = Rig::new();
        let timeout = Duration::from_secs(2);
        let events = EventSettings { timeout, ..event_settings() };
        rig.changes.send(Arc::new(settings(events))).unwrap();
        settle().await;
        let began = Instant::now();
        drop(rig.late_answer(rig.send(&handler, 1, user_event("a", "x"))).await);
        assert!((Instant::now() - began).as_millis() < 2_500);
    });
}

#[test]
fn the_end_waits_for_what_is_under_way() {
    with_stopped_time(async {
        let application = Application::start(|seen| match seen.target.as_str() {
            "/a" if seen.header("ce-id") == Some("0") => Does::Answer(status(503)),
            _ => Does::Answer(status(204)),
        })
        .await;
        let handler = handler(&application.url("/{event}"));
        let mut rig = Rig::with(EventSettings { attempts: 3, ..event_settings() });
        rig.send(&handler, 1, user_event("a", "x"));
        rig.send(&handler, 1, disconnected());
        rig.calls = None;
        settle().await;
        assert!(!rig.is_over.get());
        until(|| rig.is_over.get()).await;
        let counted = rig.counted();
        assert_eq!(counted, [("user", "failed_status", 1), ("disconnected", "delivered", 1)]);
    });
}

#[test]
fn what_takes_too_long_is_given_up_in_the_end() {
    with_stopped_time(async {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (_answer, told) = oneshot::channel();
        let told = std::cell::RefCell::new(Some(told));
        let application =
            Application::start(move |_| Does::Wait(told.borrow_mut().take().unwrap())).await;
        let slow = handler(&application.url("/{event}"));
        let unasked = handler(&format!("http://{}/", silent.local_addr().unwrap()));
        let mut rig = Rig::new();
        let id = rig.send(&slow, 1, user_event("a", "x"));
        rig.send(&slow, 1, disconnected());
        rig.send(&unasked, 2, crate::event::call::Event::Connected);
        soon(|| application.events().len() == 1).await;
        rig.calls = None;
        settle().await;
        advance(Duration::from_secs(5)).await;
        settle().await;
        assert!(!rig.is_over.get());
        let began = Instant::now();
        until(|| rig.is_over.get()).await;
        assert!((Instant::now() - began).as_secs() <= 16);
        let answer = rig.answer(id).await;
        assert!(matches!(answer.outcome, EventOutcome::Failed(EventFailure::Failed)));
        drop(answer);
        assert!(slow.gate.is_empty());
        let counted = rig.counted();
        assert!(counted.contains(&("user", "abandoned", 1)), "{counted:?}");
        assert!(counted.contains(&("disconnected", "abandoned", 1)), "{counted:?}");
    });
}

#[test]
fn without_anything_under_way_the_end_comes_at_once() {
    with_stopped_time(async {
        let mut rig = Rig::new();
        settle().await;
        rig.calls = None;
        soon(|| rig.is_over.get()).await;
    });
}
