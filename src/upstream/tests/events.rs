//! What arrives, and what comes of the answer.

use super::support::*;
use crate::event::call::{Event, EventFailure, EventOutcome};
use crate::protocol::subprotocol::DataType;

fn reply(
    content_type: &str,
    body: &'static str,
) -> hyper::Response<http_body_util::Full<hyper::body::Bytes>> {
    let mut response = with_header(200, "content-type", content_type);
    *response.body_mut() = body.into();
    response
}

// E8, E17, E18, E19, E22
#[test]
fn an_event_arrives_with_its_attributes_and_its_answer_comes_back() {
    with_stopped_time(async {
        let application = Application::start(|_| Does::Answer(reply("text/plain", "pong"))).await;
        let handler = handler(&application.url("/api/{hub}/{event}?code=a%2Fb"));
        let rig = Rig::new();
        let id = rig.send(&handler, 1, user_event("order.new", "ping"));
        let answer = rig.answer(id).await;
        let EventOutcome::Answered(Some(reply)) = answer.outcome else { panic!("{answer:?}") };
        assert_eq!(reply.payload.data_type(), DataType::Text);
        assert_eq!(&*reply.payload.bytes(), b"pong");
        assert!(answer.permit.is_some(), "the permit goes on with the answer");

        let [event] = &application.events()[..] else { panic!("one event") };
        assert_eq!(event.target, "/api/chat/order.new?code=a%2Fb");
        assert_eq!(event.body, "ping");
        let source = format!("/hubs/chat/client/{}", connection_id(1));
        for (name, value) in [
            ("host", application.address.to_string().as_str()),
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", "4"),
            ("webhook-request-origin", ORIGIN),
            ("ce-specversion", "1.0"),
            ("ce-awpsversion", "1.0"),
            ("ce-type", "azure.webpubsub.user.order.new"),
            ("ce-source", &source),
            ("ce-id", "0"),
            ("ce-hub", "chat"),
            ("ce-eventname", "order.new"),
            ("ce-userid", "Jürgen"),
            ("ce-subprotocol", "json.webpubsub.azure.v1"),
        ] {
            assert_eq!(event.header(name), Some(value), "{name}");
        }
        assert!(event.header("ce-signature").is_some_and(|text| text.starts_with("sha256=")));
        assert_eq!(event.header("x-ms-client-request-id").map(str::len), Some(36));
        assert!(event.header("ce-time").is_some_and(|time| time.ends_with('Z')));
        for absent in ["transfer-encoding", "authorization", "cookie", "ce-connectionstate"] {
            assert_eq!(event.header(absent), None, "{absent}");
        }
        assert_eq!(rig.counted(), [("user", "delivered", 1)]);
    });
}

// 5.2.2
#[test]
fn an_empty_body_has_a_content_length_too() {
    with_stopped_time(async {
        let application = Application::start(|_| Does::Answer(status(204))).await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        rig.answer(rig.send(&handler, 1, user_event("a", ""))).await;
        assert_eq!(application.events()[0].header("content-length"), Some("0"));
    });
}

// E31
#[test]
fn a_refused_client_gets_the_applications_answer() {
    with_stopped_time(async {
        let application = Application::start(|_| {
            let mut refusal = with_header(401, "content-type", "text/plain");
            *refusal.body_mut() = "no".into();
            Does::Answer(refusal)
        })
        .await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        let answer = rig.answer(rig.send(&handler, 1, connect())).await;
        let EventOutcome::Refused(refused) = answer.outcome else { panic!("{answer:?}") };
        assert_eq!((refused.status, &*refused.body), (401, &b"no"[..]));
        assert_eq!(rig.counted(), [("connect", "failed_status", 1)]);
    });
}

// E38, E50
#[test]
fn nobody_hears_of_a_notifications_answer() {
    with_stopped_time(async {
        let application = Application::start(|seen| {
            let state = with_header(200, "ce-connectionState", "x");
            Does::Answer(if seen.target == "/connected" { state } else { status(400) })
        })
        .await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        rig.send(&handler, 1, Event::Connected);
        rig.send(&handler, 1, disconnected());
        soon(|| application.events().len() == 2).await;
        settle().await;
        assert!(rig.answers.borrow().is_empty());
        assert_eq!(handler.gate.len(), 0, "permits are given back");
        let counted = rig.counted();
        assert_eq!(counted, [("connected", "delivered", 1), ("disconnected", "failed_status", 1)]);
        assert_eq!(application.events()[1].header("ce-connectionstate"), None);
    });
}

#[test]
fn an_answer_against_the_rules_fails_the_event() {
    with_stopped_time(async {
        let application = Application::start(|_| Does::Answer(reply("text/html", "<p>"))).await;
        let handler = handler(&application.url("/{event}"));
        let rig = Rig::new();
        let answer = rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await;
        let failed = EventOutcome::Failed(EventFailure::Failed);
        assert_eq!(format!("{:?}", answer.outcome), format!("{failed:?}"));
        assert_eq!(rig.counted(), [("user", "failed_answer", 1)]);
    });
}
