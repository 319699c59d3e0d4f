//! How the server proves itself to Event Hubs, or to a broker with claims (events-listener.md,
//! sections 5.1 and 5.2), and what the end of a token costs.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::listeners_order::assert_complete;
use crate::support::{
    Answer, Certificate, EVENT_HUB, EventHubs, Setup, USER, Upstream, await_listener, event,
    eventually, fresh_loopback, listener, listening, now,
};

const SECRET: &str = "client-secret-of-the-tests";

/// An upstream that is a token endpoint at `/token`, whose tokens last for so many seconds.
fn issuer(lifetime: u64) -> Upstream {
    let upstream = Upstream::start();
    upstream.respond("token", move |_| {
        // Its clock counts whole seconds.
        let claims = json!({"exp": now() + lifetime + 1}).to_string();
        let token = format!("e30.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims));
        Answer::json(&json!({
            "token_type": "Bearer", "expires_in": lifetime, "access_token": token
        }))
    });
    upstream
}

/// What a client of the issuer needs, as fields.
fn credentials(issuer: &Upstream) -> String {
    let url = issuer.url();
    format!("tokenEndpoint = \"{url}/token\", clientId = \"me\", clientSecret = \"{SECRET}\"")
}

#[test]
fn tls_needs_a_certificate_that_is_trusted() {
    // 5.1: one that is not trusted gets no event and no signature.
    let host = fresh_loopback();
    let certificate = Certificate::of(host);
    let hubs = EventHubs::with_tls(host, &certificate);
    let endpoint = hubs.endpoint().replace(";UseDevelopmentEmulator=true", "");
    let config = listener("l", USER, &endpoint);
    let setup = Setup::new().args(&["--shutdown-grace", "0s"]).config(&config);

    let server = setup.start();
    server.client().connect().succeed(event("untrusted", ""));
    server.await_log("event listener");
    assert_eq!(hubs.lines("claims"), [] as [Value; 0]);
    drop(server);

    let server = setup.environment("SSL_CERT_FILE", certificate.path()).start();
    server.client().connect().succeed(event("e", ""));
    hubs.next_of("e");
    await_listener(&server, "l", "delivered", 1);
}

#[test]
fn tokens_of_an_issuer_serve_as_well_as_signatures() {
    // 5.2.2: of the server's own identity, and of a client for this listener alone.
    let issuer = issuer(3600);
    let host = fresh_loopback();
    let certificate = Certificate::of(host);
    let own = format!("type = \"ClientCredentials\", {}", credentials(&issuer));
    for auth in ["type = \"ManagedIdentity\"", &own] {
        let hubs = EventHubs::with_tls(host, &certificate);
        let identity = credentials(&issuer).replace(", ", "\n");
        let table = listener("l", USER, &hubs.endpoint_with(EVENT_HUB, auth));
        let server = Setup::new()
            .config(&format!("[identity]\n{identity}\n{table}"))
            .environment("SSL_CERT_FILE", certificate.path())
            .start();
        server.client().connect().succeed(event("e", ""));
        hubs.next_of("e");
        let claims = hubs.await_line("claims", |_| true);
        assert_eq!(claims["type"], "jwt", "{claims}");
        assert_eq!(claims["name"], format!("amqp://{host}/{EVENT_HUB}"), "{claims}");
        let asked = issuer.next("token");
        assert!(
            asked.text().contains("scope=https%3A%2F%2Feventhubs.azure.net%2F.default"),
            "{asked:?}"
        );
    }
}

#[test]
fn a_token_is_renewed_before_it_ends() {
    // L36: on the same connection and link, without a loss, a repetition or another order.
    let hubs = EventHubs::start();
    // The server looks for a new one when four fifths have passed, and a second later.
    let issuer = issuer(6);
    let endpoint = hubs.claims_endpoint(&credentials(&issuer));
    let server = listening(&listener("l", USER, &endpoint));
    let mut client = server.client().connect();
    let mut number = 0;
    let granted = || hubs.lines("claims").iter().filter(|line| line["code"] == 202).count();
    eventually("the third token", || {
        client.succeed(event("e", &number.to_string()));
        number += 1;
        std::thread::park_timeout(Duration::from_millis(20));
        (granted() >= 3).then_some(())
    });
    await_listener(&server, "l", "delivered", number);
    let messages = hubs.messages();
    assert_eq!(messages.len(), number as usize, "a repetition");
    assert_complete(&messages, 1, number);
    assert_eq!(hubs.lines("expired").len(), 0, "renewed too late");
    assert_eq!(hubs.lines("connected").len(), 1);
    for claims in hubs.lines("claims") {
        assert_eq!((&claims["type"], &claims["code"]), (&json!("jwt"), &json!(202)), "{claims}");
    }
}

#[test]
fn a_token_that_ends_early_costs_no_event() {
    // L36: the service ends links whose token is void.
    let hubs = EventHubs::start();
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = server.client().connect();
    for number in 0..60 {
        if number % 20 == 10 {
            hubs.simply("expire");
        }
        client.succeed(event("e", &number.to_string()));
    }
    await_listener(&server, "l", "delivered", 60);
    assert_complete(&hubs.messages(), 1, 60);
}
