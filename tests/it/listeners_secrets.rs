//! What logs and metrics say of listeners, and what they keep to themselves (events-listener.md,
//! sections 5.2.3, 7.6 and 9).
//!
//! Every server of these tests is looked at for secrets when it ends (`support/secrets.rs`); here
//! everything is logged, and everything goes wrong.

use serde_json::json;

use crate::support::{Answer, Broker, EventHubs, Setup, USER, Upstream, event, listener};

const CLIENT_SECRET: &str = "client-secret-of-the-tests";
const TOKEN: &str = "e30.eyJleHAiOjQ3MDAwMDAwMDB9.dG9rZW4tb2YtdGhlLXRlc3Rz";
const PAYLOAD: &str = "a payload that is nobody's business";

#[test]
fn no_log_line_has_a_secret_or_a_payload() {
    // L35, 7.6: at the level that says most, with failures of every kind.
    let hubs = EventHubs::start();
    hubs.tell(json!({"do": "refuse-claims", "codes": [401, 500]}));
    hubs.reject_next(1, "amqp:not-allowed");
    let upstream = Upstream::start();
    let token = json!({"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN});
    upstream.once("token", Answer::status(500));
    upstream.always("token", Answer::json(&token));
    let credentials = format!(
        "tokenEndpoint = \"{}/token\", clientId = \"me\", \
         clientSecret = \"{CLIENT_SECRET}\"",
        upstream.url()
    );
    let broker = Broker::shared();
    let endpoint = broker.endpoint(&broker.queue(), "");
    let wrong = endpoint.replace("username = \"corecast\"", "username = \"nobody\"");
    let config = [
        listener("signed", USER, &hubs.endpoint()),
        listener("token", USER, &hubs.claims_endpoint(&credentials)),
        listener("plain", USER, &endpoint),
        listener("wrong", USER, &wrong),
    ];
    let args = ["--shutdown-grace", "0s", "--log", "trace"];
    let mut server = Setup::new().args(&args).config(&config.concat()).start();
    let mut client = server.client().connect();
    client.succeed(event("secretive", PAYLOAD));
    for name in ["signed", "token", "plain"] {
        crate::support::eventually(name, || {
            let sum = server.metrics().sum("corecast_listener_events_total", &[("listener", name)]);
            (sum >= 1.0).then_some(())
        });
    }
    server.await_log("ERROR");
    client.leave_server();
    server.stop();
    let log = server.errors();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the level has no effect");
    for secret in [CLIENT_SECRET, TOKEN, PAYLOAD, "dG9rZW4tb2YtdGhlLXRlc3Rz"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
