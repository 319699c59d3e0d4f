//! Requests of an application's server: the REST API as bytes.
//!
//! [`Call`] is one request, correct and signed unless a test takes something away. [`Lines`] are
//! kept connections that end on every shard, for what has to be true on all of them at once.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::http::{Response, Upgrade};
use super::server::Endpoint;
use super::token::Token;
use super::wire::Wire;
use super::{Client, JSON};

/// One value of a path or query, encoded as the published libraries do it.
pub(crate) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

/// One request.
#[derive(Clone)]
pub(crate) struct Call {
    method: &'static str,
    path: String,
    query: Vec<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    authorization: Authorization,
}

#[derive(Clone)]
enum Authorization {
    /// A token for exactly this request, as the libraries sign it (A19).
    Signed,
    Token(String),
    Header(String),
    None,
}

impl Call {
    /// A request below the hub `chat`: `path` begins with `:send`, `groups/...` and so on.
    pub(crate) fn new(method: &'static str, path: impl AsRef<str>) -> Self {
        Self::to(method, format!("/api/hubs/chat/{}", path.as_ref()))
    }

    /// A request with a whole path.
    pub(crate) fn to(method: &'static str, path: impl Into<String>) -> Self {
        let (headers, body) = (Vec::new(), Vec::new());
        let authorization = Authorization::Signed;
        Self { method, path: path.into(), query: Vec::new(), headers, body, authorization }
            .query("api-version", "2024-12-01")
    }

    /// A text for everybody in the hub.
    pub(crate) fn text(path: impl AsRef<str>, text: &str) -> Self {
        Self::new("POST", path).body("text/plain", text)
    }

    pub(crate) fn post(path: impl AsRef<str>) -> Self {
        Self::new("POST", path)
    }

    pub(crate) fn query(self, name: &str, value: &str) -> Self {
        self.raw_query(format!("{name}={}", encoded(value)))
    }

    /// Anything between two `&`.
    pub(crate) fn raw_query(mut self, parameter: impl Into<String>) -> Self {
        self.query.push(parameter.into());
        self
    }

    pub(crate) fn without_version(mut self) -> Self {
        self.query.retain(|parameter| !parameter.starts_with("api-version="));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.header("Content-Type", content_type).bare_body(body)
    }

    /// A body whose type is not told.
    pub(crate) fn bare_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        let length = self.body.len().to_string();
        self.header("Content-Length", length)
    }

    /// Changes the token that would be signed for this request; comes after path and query.
    pub(crate) fn token(self, change: impl FnOnce(Token) -> Token) -> Self {
        let token = change(Token::for_target(&self.target())).sign();
        self.signed_as(token)
    }

    pub(crate) fn signed_as(mut self, token: String) -> Self {
        self.authorization = Authorization::Token(token);
        self
    }

    pub(crate) fn authorization(mut self, header: impl Into<String>) -> Self {
        self.authorization = Authorization::Header(header.into());
        self
    }

    pub(crate) fn unauthorized(mut self) -> Self {
        self.authorization = Authorization::None;
        self
    }

    /// Path and query.
    pub(crate) fn target(&self) -> String {
        let separator = if self.query.is_empty() { "" } else { "?" };
        format!("{}{separator}{}", self.path, self.query.join("&"))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&self.head()[..], &self.body].concat()
    }

    /// Everything before the body.
    pub(crate) fn head(&self) -> Vec<u8> {
        let target = self.target();
        let mut head = format!("{} {target} HTTP/1.1\r\n", self.method);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str("Host: localhost\r\n");
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match &self.authorization {
            Authorization::Signed => {
                let token = Token::for_target(&target).sign();
                head.push_str(&format!("Authorization: Bearer {token}\r\n"));
            }
            Authorization::Token(token) => {
                head.push_str(&format!("Authorization: Bearer {token}\r\n"));
            }
            Authorization::Header(value) => head.push_str(&format!("Authorization: {value}\r\n")),
            Authorization::None => {}
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// Sends the request on a connection that is kept.
    pub(crate) fn over(&self, wire: &mut Wire) -> Response {
        wire.send_regardless(self.bytes());
        self.answer(wire)
    }

    /// The answer to this request, which was sent before.
    pub(crate) fn answer(&self, wire: &mut Wire) -> Response {
        wire.response(self.method != "HEAD")
    }

    /// Sends the request on a connection of its own.
    pub(crate) fn send(&self, endpoint: &Endpoint) -> Response {
        self.over(&mut Wire::connect(endpoint.address))
    }

    pub(crate) fn status(&self, endpoint: &Endpoint) -> u16 {
        self.send(endpoint).status
    }

    /// Sends the request, which has to be answered with this status.
    pub(crate) fn expect(&self, endpoint: &Endpoint, status: u16) -> Response {
        let response = self.send(endpoint);
        assert_eq!(response.status, status, "{} {}: {response:?}", self.method, self.target());
        response
    }

    /// Sends the request, which has to be refused as a bad one; `target` is what it blames.
    pub(crate) fn refused(&self, endpoint: &Endpoint, target: &str) -> Value {
        let error = self.expect(endpoint, 400).error();
        assert_eq!(error["target"], target, "{}: {error}", self.target());
        error
    }
}

impl Response {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A43: the body of an error is one flat object, and a header has its code too.
    pub(crate) fn error(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        let error = self.json();
        assert_eq!(error["code"].as_str(), self.header("x-ms-error-code"), "{self:?}");
        assert!(error["code"].is_string() && error["message"].is_string(), "{error}");
        assert_eq!(error.get("error"), None, "{error}");
        error
    }
}

/// Kept connections, at least one on each shard.
pub(crate) struct Lines(Vec<Wire>);

impl Lines {
    /// The kernel spreads connections by a hash of their ports, and an HTTP connection does not
    /// say where it is. So many that a shard of four has none once in 10^7 runs.
    const COUNT: usize = 64;

    pub(crate) fn to(endpoint: &Endpoint) -> Self {
        Self((0..Self::COUNT).map(|_| Wire::connect(endpoint.address)).collect())
    }

    /// One after the other, in turns.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Wire> {
        self.0.iter_mut()
    }

    /// Asks the same over every connection; each answer has to be this status.
    pub(crate) fn all_answer(&mut self, call: &Call, status: u16) {
        for wire in self.iter_mut() {
            let response = call.over(wire);
            assert_eq!(response.status, status, "{}: {response:?}", call.target());
        }
    }

    /// Turns every connection into a client, whose id says the shard: all have to be there.
    pub(crate) fn were_on_every_shard(self, endpoint: &Endpoint) {
        let upgrade = Upgrade::to_hub("lines", &Token::for_hub("lines").sign()).offer(JSON);
        let shards: BTreeSet<_> = self
            .0
            .into_iter()
            .map(|mut wire| {
                wire.send(upgrade.bytes());
                assert_eq!(wire.response(true).status, 101);
                Client::greeted(wire).shard()
            })
            .collect();
        assert_eq!(shards.len(), usize::from(endpoint.shards), "{shards:?}");
    }
}
