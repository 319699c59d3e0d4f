//! Against a small real issuer on a loopback address, which does what each test tells it to.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jsonwebtoken::Algorithm::ES256;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

use super::fetch::{BODY_BYTES_MAX, FetchError, read_discovery};
use super::*;
use crate::auth::Role;
use crate::auth::oidc::test_issuer::{TestKey, key_set};
use crate::auth::oidc::{OidcFailure, OidcVerifier, RoleRule, TrustedIssuer};
use crate::config::{KeySource, KeyUrl};

const NOW: u64 = 1_800_000_000;
const DISCOVERY: &str = "/.well-known/openid-configuration";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the issuer says to a request for a path; 404 without an entry.
type Page = (u16, Vec<u8>);

struct TestIssuer {
    address: SocketAddr,
    pages: RefCell<HashMap<String, Page>>,
    hits: Cell<usize>,
}

impl TestIssuer {
    async fn start() -> Rc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Rc::new(Self {
            address: listener.local_addr().unwrap(),
            pages: RefCell::default(),
            hits: Cell::default(),
        });
        let own = Rc::clone(&issuer);
        spawn_local(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let own = Rc::clone(&own);
                spawn_local(async move {
                    let service = service_fn(|request: Request<Incoming>| {
                        let response = own.answer(request.uri().path());
                        async move { Ok::<_, Infallible>(response) }
                    });
                    let _ =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        issuer
    }

    fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        self.hits.set(self.hits.get() + 1);
        let page = self.pages.borrow().get(path).cloned();
        let (status, body) = page.unwrap_or((404, Vec::new()));
        let response = Response::builder().status(status).header("Location", "/keys");
        response.body(Full::from(body)).unwrap()
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn serve(&self, path: &str, status: u16, body: impl Into<Vec<u8>>) {
        self.pages.borrow_mut().insert(path.into(), (status, body.into()));
    }

    fn serve_discovery(&self, document: &Value) {
        self.serve(DISCOVERY, 200, document.to_string());
    }

    /// A discovery document and these keys.
    fn serve_keys(&self, keys: &[Value]) {
        let url = self.url();
        self.serve_discovery(&json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }));
        self.serve("/keys", 200, key_set(keys));
    }

    fn settings(&self) -> IssuerSettings {
        let keys = KeySource::Discovery(KeyUrl::parse(&self.url()).unwrap());
        IssuerSettings { trusted: trusted(&self.url()), keys }
    }

    fn token(&self, key: TestKey, id: &str) -> String {
        let claims = json!({ "iss": self.url(), "aud": "a", "sub": "s", "exp": NOW + 60 });
        key.sign(ES256, Some(id), &claims)
    }
}

fn trusted(issuer: &str) -> TrustedIssuer {
    let rule = RoleRule { claim: "sub".into(), value: "s".into(), role: Role::Owner };
    TrustedIssuer { issuer: issuer.into(), audiences: vec!["a".into()], roles: vec![rule] }
}

/// A shard's view: the verifier, the handle to ask with, and the snapshots that arrive.
struct Shard {
    verifier: OidcVerifier,
    requests: Arc<KeyRequests>,
    snapshots: mpsc::UnboundedReceiver<Arc<IssuerKeys>>,
    keys: Arc<IssuerKeys>,
}

impl Shard {
    fn start(issuers: &[IssuerSettings]) -> Self {
        let task = IssuerTask::new(issuers, || NOW).unwrap();
        let requests = task.requests();
        let (sender, snapshots) = mpsc::unbounded_channel();
        spawn_local(task.run(move |keys| sender.send(keys).unwrap_or_default()));
        let keys = Arc::new(IssuerKeys::none(issuers.len()));
        let verifier = OidcVerifier::new(issuers.iter().map(|issuer| issuer.trusted.clone()));
        Self { verifier, requests, snapshots, keys }
    }

    async fn next_snapshot(&mut self) {
        self.keys = timeout(PATIENCE, self.snapshots.recv()).await.unwrap().unwrap();
    }

    /// As a shard does it: hold and ask while the key is unknown.
    async fn judge(&mut self, token: &str) -> Result<Role, OidcFailure> {
        loop {
            match self.verifier.verify(token, &self.keys, NOW) {
                Err(OidcFailure::UnknownKey { issuer }) => self.requests.ask(issuer),
                outcome => return outcome,
            }
            self.next_snapshot().await;
        }
    }
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

#[test]
fn a_request_that_comes_before_the_keys_waits_for_them() {
    // A33 (fetching)
    run(async {
        let issuer = TestIssuer::start().await;
        issuer.serve_keys(&[TestKey::P256.public("1")]);
        let mut shard = Shard::start(&[issuer.settings()]);
        assert_eq!(shard.judge(&issuer.token(TestKey::P256, "1")).await, Ok(Role::Owner));
    });
}

#[test]
fn a_rotated_key_is_found_at_once_and_the_old_one_goes() {
    run(async {
        let issuer = TestIssuer::start().await;
        issuer.serve_keys(&[TestKey::P256.public("1")]);
        let mut shard = Shard::start(&[issuer.settings()]);
        shard.next_snapshot().await;
        let (old, new) = (issuer.token(TestKey::P256, "1"), issuer.token(TestKey::OtherP256, "2"));
        assert_eq!(shard.judge(&old).await, Ok(Role::Owner));
        issuer.serve_keys(&[TestKey::OtherP256.public("2")]);
        assert_eq!(shard.judge(&new).await, Ok(Role::Owner));
        assert_eq!(shard.judge(&old).await, Err(OidcFailure::NoSuchKey));
    });
}

#[test]
fn made_up_key_ids_cost_the_issuer_one_refresh() {
    run(async {
        let issuer = TestIssuer::start().await;
        issuer.serve_keys(&[TestKey::P256.public("1")]);
        let mut shard = Shard::start(&[issuer.settings()]);
        shard.next_snapshot().await;
        for id in 0..50 {
            let token = issuer.token(TestKey::P256, &format!("made up {id}"));
            assert_eq!(shard.judge(&token).await, Err(OidcFailure::NoSuchKey));
        }
        assert_eq!(issuer.hits.get(), 4, "twice a discovery document and a key set");
    });
}

#[test]
fn the_last_good_keys_outlive_every_failure() {
    run(async {
        let issuer = TestIssuer::start().await;
        issuer.serve_keys(&[TestKey::P256.public("1")]);
        let mut shard = Shard::start(&[issuer.settings()]);
        shard.next_snapshot().await;
        issuer.serve("/keys", 503, "");
        let unknown = issuer.token(TestKey::OtherP256, "2");
        assert_eq!(shard.judge(&unknown).await, Err(OidcFailure::NoSuchKey));
        assert_eq!(shard.judge(&issuer.token(TestKey::P256, "1")).await, Ok(Role::Owner));
    });
}

#[test]
fn an_issuer_that_is_down_delays_no_other() {
    run(async {
        let down = TestIssuer::start().await;
        let good = TestIssuer::start().await;
        good.serve_keys(&[TestKey::P256.public("1")]);
        let mut shard = Shard::start(&[down.settings(), good.settings()]);
        assert_eq!(shard.judge(&good.token(TestKey::P256, "1")).await, Ok(Role::Owner));
        let token = down.token(TestKey::P256, "1");
        assert_eq!(shard.judge(&token).await, Err(OidcFailure::NoSuchKey));
        // It recovers; the pause after failures is short at first.
        down.serve_keys(&[TestKey::P256.public("1")]);
        while shard.judge(&token).await != Ok(Role::Owner) {
            shard.next_snapshot().await;
        }
    });
}

async fn fetch(settings: &IssuerSettings) -> Result<usize, String> {
    let fetched = Fetcher::new().unwrap().keys(settings).await;
    fetched.map(|fetched| fetched.keys.len()).map_err(|error| error.to_string())
}

#[test]
fn keys_at_a_configured_place_need_no_discovery() {
    run(async {
        let issuer = TestIssuer::start().await;
        issuer.serve("/k", 200, key_set(&[TestKey::P256.public("1")]));
        let keys = KeySource::Direct(KeyUrl::parse(&format!("{}/k", issuer.url())).unwrap());
        let settings = IssuerSettings { trusted: trusted("any text"), keys };
        assert_eq!(fetch(&settings).await, Ok(1));
        assert_eq!(issuer.hits.get(), 1);
    });
}

#[test]
fn what_an_issuer_says_is_not_believed_blindly() {
    run(async {
        let issuer = TestIssuer::start().await;
        let settings = issuer.settings();
        let (url, keys) = (issuer.url(), format!("{}/keys", issuer.url()));
        let refused = async || fetch(&settings).await.unwrap_err();
        assert_eq!(refused().await, "the answer has status 404");
        for document in ["", "[]", "{}", r#"{"issuer":1}"#, "<html>"] {
            issuer.serve(DISCOVERY, 200, document);
            assert_eq!(refused().await, "the discovery document has no issuer and jwks_uri");
        }
        issuer.serve_discovery(&json!({ "issuer": format!("{url}/"), "jwks_uri": keys }));
        assert!(refused().await.starts_with("the discovery document is that of the issuer"));
        for elsewhere in ["http://192.0.2.1/keys", "/keys", "file:///keys"] {
            issuer.serve_discovery(&json!({ "issuer": url, "jwks_uri": elsewhere }));
            assert!(refused().await.starts_with("jwks_uri is not usable"), "{elsewhere}");
        }
        issuer.serve_keys(&[]);
        assert!(refused().await.starts_with("the key set is not usable: it has no RSA"));
        for status in [204, 302, 304, 401, 500] {
            issuer.serve("/keys", status, "");
            assert_eq!(refused().await, format!("the answer has status {status}"));
        }
        issuer.serve("/keys", 200, vec![b' '; BODY_BYTES_MAX + 1]);
        assert_eq!(refused().await, FetchError::TooLarge.to_string());
        issuer.serve("/keys", 200, vec![b' '; BODY_BYTES_MAX]);
        assert!(refused().await.starts_with("the key set is not usable"));
    });
}

#[test]
fn the_log_says_why_an_issuer_cannot_be_reached() {
    run(async {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let url = format!("http://{address}");
        let keys = KeySource::Direct(KeyUrl::parse(&url).unwrap());
        let error = fetch(&IssuerSettings { trusted: trusted(&url), keys }).await.unwrap_err();
        assert!(error.contains("refused") && error.lines().count() == 1, "{error}");
    });
}

#[test]
fn an_issuer_that_never_answers_is_given_up() {
    run(async {
        // It accepts, because the kernel does, and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let keys = KeySource::Direct(KeyUrl::parse(&url).unwrap());
        let settings = IssuerSettings { trusted: trusted(&url), keys };
        let error = timeout(PATIENCE, fetch(&settings)).await.unwrap().unwrap_err();
        assert!(error.contains("timed out"), "{error}");
    });
}

#[test]
fn a_distant_issuer_cannot_point_at_this_machine() {
    let keys_at = |url: &str, is_local| {
        let document = json!({ "issuer": "i", "jwks_uri": url }).to_string();
        read_discovery(document.as_bytes(), "i", is_local).map(|url| url.to_string())
    };
    let own = "https://localhost/keys";
    assert!(matches!(keys_at(own, false), Err(FetchError::PointsHere)));
    assert_eq!(keys_at(own, true).unwrap(), own);
    let other = "https://keys.example/";
    assert_eq!(keys_at(other, false).unwrap(), other);
}
