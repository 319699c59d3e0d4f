//! Bearer tokens for event handlers (events-webhook.md, section 12.2), from a real token endpoint.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::support::{
    ALL_EVENTS, Answer, ONE_ATTEMPT, Request, Server, Setup, TempFile, Upstream, event, eventually,
};

const MANAGED: &str = "userEventPattern = '*'\nsystemEvents = ['connect']\n\
     auth = { type = 'ManagedIdentity', managedIdentity = { resource = 'api://my-app/' } }\n";

/// A server with an identity whose token endpoint is `/token` of this upstream; `credential` is
/// the rest of the table.
fn server(upstream: &Upstream, credential: &str) -> Server {
    let url = upstream.url();
    let identity =
        format!("[identity]\ntokenEndpoint = '{url}/token'\nclientId = 'me'\n{credential}\n");
    Setup::new().config(ONE_ATTEMPT).config(&identity).config(&upstream.handler(MANAGED)).start()
}

fn token(text: &str, seconds: u32) -> Answer {
    Answer::json(&json!({"token_type": "Bearer", "expires_in": seconds, "access_token": text}))
}

/// The fields of a form.
fn form(request: &Request) -> BTreeMap<String, String> {
    assert_eq!(request.method, "POST");
    assert!(request.expect("Content-Type").starts_with("application/x-www-form-urlencoded"));
    let decoded = |text: &str| {
        percent_decode_str(&text.replace('+', " ")).decode_utf8().expect("UTF-8").into_owned()
    };
    let fields = request.text().split('&');
    fields
        .map(|field| field.split_once('=').expect("a field"))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

#[test]
fn events_carry_a_token_for_the_resource() {
    // E64, E10: validation carries none; one token serves many events.
    let upstream = Upstream::start();
    upstream.always("token", token("the-token", 3600));
    let server = server(&upstream, "clientSecret = 'a secret & more'");
    for _ in 0..5 {
        let mut client = server.client().connect();
        client.succeed(event("e", ""));
    }
    assert_eq!(upstream.next("validate").header("Authorization"), None);
    for request in upstream.events() {
        assert_eq!(request.expect("Authorization"), "Bearer the-token");
    }
    let asked = upstream.all("token");
    assert_eq!(asked.len(), 1);
    let fields = form(&asked[0]);
    assert_eq!(fields["grant_type"], "client_credentials");
    assert_eq!(fields["client_id"], "me");
    assert_eq!(fields["client_secret"], "a secret & more");
    // The resource without its slash.
    assert_eq!(fields["scope"], "api://my-app/.default");
    assert_eq!(asked[0].header("Cookie"), None);
}

#[test]
fn a_handler_without_auth_gets_no_token() {
    // E64
    let upstream = Upstream::start();
    let url = upstream.url();
    let identity =
        format!("[identity]\ntokenEndpoint = '{url}/token'\nclientId = 'me'\nclientSecret = 's'\n");
    let server = Setup::new().config(&identity).config(&upstream.handler(ALL_EVENTS)).start();
    let _client = server.client().connect();
    assert_eq!(upstream.next("connect").header("Authorization"), None);
    assert_eq!(upstream.all("token").len(), 0);
}

#[test]
fn an_assertion_is_read_at_each_fetch() {
    // 12.2: federated credentials; a token that has all but expired is fetched again.
    let upstream = Upstream::start();
    let assertion = TempFile::with("first assertion");
    upstream.once("token", token("first", 1));
    upstream.once("token", token("second", 3600));
    let server = server(&upstream, &format!("clientAssertionFile = '{}'", assertion.path()));
    let mut client = server.client().connect();
    assert_eq!(upstream.next("connect").expect("Authorization"), "Bearer first");
    let fields = form(&upstream.next("token"));
    assert_eq!(fields["client_assertion"], "first assertion");
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(fields["client_assertion_type"], kind);
    assert_eq!(fields.get("client_secret"), None);
    assertion.replace("second assertion");
    eventually("the second token", || {
        client.succeed(event("e", ""));
        (upstream.next("e").expect("Authorization") == "Bearer second").then_some(())
    });
    assert_eq!(form(&upstream.next("token"))["client_assertion"], "second assertion");
    assert_eq!(upstream.all("token").len(), 2);
}

#[test]
fn without_a_token_events_fail() {
    // E64: 12.2; nothing is sent without it, and the secret is not logged.
    let upstream = Upstream::start();
    upstream.always("token", Answer::json(&json!({"error": "invalid_client"})).with_status(401));
    let server = server(&upstream, "clientSecret = 's3cret'");
    assert_eq!(server.client().upgrade().status(&server), 500);
    server.await_events("connect", "failed_token", 1.0);
    assert_eq!(upstream.event_names(), [""; 0]);
    let log = server.await_log("there is no bearer token");
    assert!(!log.contains("s3cret"), "{log}");
}
