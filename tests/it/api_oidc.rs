//! Callers known by an identity provider (rest-api.md, section 3.4), with a real issuer over HTTP.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::support::{Call, Client, JSON, Server, Setup, Token, Upgrade, now};

#[allow(dead_code, reason = "the unit tests of the verifier use more kinds of keys")]
#[path = "../../src/auth/oidc/test_issuer.rs"]
mod test_issuer;

use test_issuer::{TestKey, key_set};

const OLD: &str = "key-1";
const NEW: &str = "key-2";

/// Publishes one key, and another one instead after a rotation.
struct Issuer {
    address: SocketAddr,
    is_rotated: Arc<AtomicBool>,
}

impl Issuer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let is_rotated = Arc::new(AtomicBool::new(false));
        let rotated = is_rotated.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
                lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
                let key = match rotated.load(Ordering::SeqCst) {
                    false => TestKey::Rsa.public(OLD),
                    true => TestKey::P256.public(NEW),
                };
                let body = key_set(&[key]);
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n",
                    body.len()
                );
                // The server that asked may be gone by the end of its test.
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        Self { address, is_rotated }
    }

    fn name(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A server that trusts this issuer; `settings` come before the issuer's tables.
    fn server(&self, settings: &str) -> Server {
        let name = self.name();
        let config = format!(
            "{settings}\n[[issuers]]\nissuer = \"{name}\"\njwksUri = \"{name}/keys\"\n\
             [[issuers.roles]]\nclaim = \"roles\"\nvalue = \"owners\"\nrole = \"Owner\"\n\
             [[issuers.roles]]\nclaim = \"roles\"\nvalue = \"readers\"\nrole = \"Reader\"\n"
        );
        Setup::new().shards(2).config(&config).start()
    }

    fn claims(&self, role: &str) -> Value {
        json!({
            "iss": self.name(),
            "aud": "https://webpubsub.azure.com",
            "exp": now() + 600,
            "roles": [role, "somebody-else"],
        })
    }

    fn token(&self, role: &str) -> String {
        TestKey::Rsa.sign(Algorithm::RS256, Some(OLD), &self.claims(role))
    }
}

fn send(token: &str) -> Call {
    Call::text("groups/g/:send", "hello").signed_as(token.to_owned())
}

#[test]
fn roles_of_an_issuer_decide_what_a_caller_may_do() {
    // A33, A34
    let issuer = Issuer::start();
    let server = issuer.server("");
    let owner = issuer.token("owners");
    send(&owner).expect(&server, 202);
    Call::post(":generateToken").signed_as(owner.clone()).expect(&server, 200);
    Call::new("HEAD", "groups/g").signed_as(owner).expect(&server, 404);
    let reader = issuer.token("readers");
    send(&reader).expect(&server, 403);
    Call::new("HEAD", "users/u").signed_as(reader.clone()).expect(&server, 404);
    Call::new("GET", "groups/g/connections").signed_as(reader.clone()).expect(&server, 200);
    Call::post(":generateToken").signed_as(reader).expect(&server, 403);
    send(&issuer.token("strangers")).expect(&server, 403);
    // Access keys go on working beside it.
    Call::text(":send", "hello").expect(&server, 202);
}

#[test]
fn a_token_that_an_issuer_did_not_sign_is_refused() {
    let issuer = Issuer::start();
    let server = issuer.server("");
    let mut elsewhere = issuer.claims("owners");
    elsewhere["iss"] = json!("http://127.0.0.1:1");
    let mut expired = issuer.claims("owners");
    expired["exp"] = json!(now() - 400);
    for claims in [elsewhere, expired] {
        let token = TestKey::Rsa.sign(Algorithm::RS256, Some(OLD), &claims);
        send(&token).expect(&server, 401);
    }
    let other_key = TestKey::P256.sign(Algorithm::ES256, Some(OLD), &issuer.claims("owners"));
    send(&other_key).expect(&server, 401);
}

#[test]
fn the_first_token_after_a_rotation_is_accepted() {
    let issuer = Issuer::start();
    let server = issuer.server("");
    send(&issuer.token("owners")).expect(&server, 202);
    issuer.is_rotated.store(true, Ordering::SeqCst);
    let token = TestKey::P256.sign(Algorithm::ES256, Some(NEW), &issuer.claims("owners"));
    send(&token).expect(&server, 202);
    // A key that nobody has published is not waited for over and over.
    let unknown = TestKey::OtherP256.sign(Algorithm::ES256, Some("none"), &issuer.claims("owners"));
    send(&unknown).expect(&server, 401);
}

#[test]
fn without_local_auth_clients_get_their_tokens_from_the_server() {
    // O19, O20, A32
    let issuer = Issuer::start();
    let server = issuer.server("disableLocalAuth = true");
    Call::text(":send", "hello").expect(&server, 401);
    assert_eq!(Upgrade::to_hub("chat", &Token::for_hub("chat").sign()).status(&server), 401);
    let call = Call::post(":generateToken").query("userId", "ana");
    let answer = call.signed_as(issuer.token("owners")).expect(&server, 200).json();
    let token = answer["token"].as_str().expect("a token").to_owned();
    let upgrade = Upgrade::to_hub("chat", &token).offer(JSON);
    let _client = Client::greeted(upgrade.accepted(&server));
    Call::new("HEAD", "users/ana").signed_as(issuer.token("readers")).expect(&server, 200);
    // O21: it is a client's token and nothing else.
    Call::text(":send", "hello").signed_as(token).expect(&server, 401);
}

#[test]
fn without_aad_auth_an_issuers_tokens_are_refused() {
    // O22
    let issuer = Issuer::start();
    let server = issuer.server("disableAadAuth = true");
    send(&issuer.token("owners")).expect(&server, 401);
    Call::text(":send", "hello").expect(&server, 202);
}
