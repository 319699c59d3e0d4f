//! Bearer tokens.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::advance;

use super::support::*;
use crate::config::{EventSettings, IdentityCredential, IdentitySettings, KeyUrl, Secret};
use crate::event::handlers::{Handler, HandlerAuth};
use std::sync::Arc;

fn with_token(application: &Application, resource: &str) -> Arc<Handler> {
    let auth = HandlerAuth::ManagedIdentity { resource: resource.to_owned() };
    handler_with(&application.url("/{event}"), auth)
}

fn rig(issuer: &Application, credential: IdentityCredential) -> Rig {
    let identity = IdentitySettings {
        token_endpoint: KeyUrl::parse(&issuer.url("/tenant/token")).unwrap(),
        client_id: "corecast".to_owned(),
        credential,
    };
    Rig::with(EventSettings { identity: Some(identity), ..event_settings() })
}

fn secret() -> IdentityCredential {
    IdentityCredential::Secret(Secret::new("s&cret"))
}

/// Issues token 1, 2 and so on, each for a thousand seconds.
async fn issuer() -> Application {
    let issued = Cell::new(0);
    Application::start(move |_| {
        issued.set(issued.get() + 1);
        let token = format!(
            r#"{{"access_token":"token-{}","token_type":"Bearer","expires_in":1000}}"#,
            issued.get()
        );
        let mut answer = status(200);
        *answer.body_mut() = token.into();
        Does::Answer(answer)
    })
    .await
}

async fn no_content() -> Application {
    Application::start(|_| Does::Answer(status(204))).await
}

// E64
#[test]
fn events_carry_a_token_for_the_resource_and_requests_that_ask_do_not() {
    with_stopped_time(async {
        let (issuer, application) = (issuer().await, no_content().await);
        let rig = rig(&issuer, secret());
        let first = with_token(&application, "api://my-app/");
        let ids: Vec<_> = (0..8).map(|c| rig.send(&first, c, user_event("a", "x"))).collect();
        for id in ids {
            rig.answer(id).await;
        }
        let [fetched] = &issuer.seen.borrow()[..] else { panic!("one fetch for all") };
        assert_eq!(fetched.target, "/tenant/token");
        assert_eq!(
            fetched.body,
            "grant_type=client_credentials&client_id=corecast&\
             scope=api%3A%2F%2Fmy-app%2F.default&client_secret=s%26cret"
        );
        let events = application.events();
        assert!(events.iter().all(|seen| seen.header("authorization") == Some("Bearer token-1")));
        let asked = application.asked();
        assert!(asked.iter().all(|seen| seen.header("authorization").is_none()));
    });
}

#[test]
fn every_resource_has_a_token_of_its_own() {
    with_stopped_time(async {
        let (issuer, application) = (issuer().await, no_content().await);
        let rig = rig(&issuer, secret());
        for resource in ["api://a", "api://b", "api://a"] {
            let handler = with_token(&application, resource);
            rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await;
        }
        let events = application.events();
        let tokens: Vec<_> = events.iter().map(|seen| seen.header("authorization")).collect();
        assert_eq!(
            tokens,
            [Some("Bearer token-1"), Some("Bearer token-2"), Some("Bearer token-1")]
        );
    });
}

#[test]
fn a_token_is_renewed_beside_events_before_it_ends() {
    with_stopped_time(async {
        let (issuer, application) = (issuer().await, no_content().await);
        let rig = rig(&issuer, secret());
        let handler = with_token(&application, "api://a");
        for wait in [0, 799, 2, 1] {
            advance(Duration::from_secs(wait)).await;
            rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await;
            settle().await;
        }
        let events = application.events();
        let tokens: Vec<_> = events.iter().map(|seen| seen.header("authorization")).collect();
        let (old, new) = (Some("Bearer token-1"), Some("Bearer token-2"));
        assert_eq!(tokens, [old, old, old, new]);
        assert_eq!(issuer.seen.borrow().len(), 2);
    });
}

#[test]
fn a_failed_fetch_fails_the_event_and_is_forgotten_soon() {
    with_stopped_time(async {
        let is_down = Rc::new(Cell::new(true));
        let down = Rc::clone(&is_down);
        let issuer = Application::start(move |_| {
            let (code, body) = match down.get() {
                true => (401, r#"{"error":"invalid_client"}"#),
                false => (200, r#"{"access_token":"t","expires_in":"3600"}"#),
            };
            let mut answer = status(code);
            *answer.body_mut() = body.into();
            Does::Answer(answer)
        })
        .await;
        let application = no_content().await;
        let rig = rig(&issuer, secret());
        let handler = with_token(&application, "api://a");
        for _ in 0..3 {
            drop(rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await);
        }
        assert_eq!(issuer.seen.borrow().len(), 1, "not asked again within a second");
        assert_eq!(rig.counted(), [("user", "failed_token", 3)]);
        assert!(application.events().is_empty());
        is_down.set(false);
        advance(Duration::from_secs(1)).await;
        drop(rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await);
        assert_eq!(application.events().len(), 1);
    });
}

#[test]
fn an_assertion_is_read_anew_for_every_fetch() {
    with_stopped_time(async {
        let (issuer, application) = (issuer().await, no_content().await);
        let path = std::env::temp_dir().join(format!("corecast-assertion-{}", std::process::id()));
        let rig = rig(&issuer, IdentityCredential::AssertionFile(path.clone()));
        for (resource, assertion) in [("api://a", "one\n"), ("api://b", "two")] {
            std::fs::write(&path, assertion).unwrap();
            let handler = with_token(&application, resource);
            rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await;
        }
        std::fs::remove_file(path).unwrap();
        let bodies = issuer.seen.borrow();
        let bodies: Vec<_> = bodies.iter().map(|seen| seen.body.clone()).collect();
        let kind = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A\
                    client-assertion-type%3Ajwt-bearer&client_assertion=";
        for (body, assertion) in bodies.iter().zip(["one", "two"]) {
            let body = std::str::from_utf8(body).unwrap();
            assert!(body.ends_with(&format!("{kind}{assertion}")), "{body}");
        }
    });
}

#[test]
fn without_an_identity_there_is_no_token() {
    with_stopped_time(async {
        let application = no_content().await;
        let rig = Rig::new();
        let handler = with_token(&application, "api://a");
        drop(rig.answer(rig.send(&handler, 1, user_event("a", "x"))).await);
        assert_eq!(rig.counted(), [("user", "failed_token", 1)]);
    });
}
