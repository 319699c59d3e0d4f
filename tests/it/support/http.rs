//! HTTP answers as bytes, and the request that turns a connection into a WebSocket.
//!
//! Not a client library: libraries repair requests and hide answers, and both are under test.

use super::server::Endpoint;
use super::wire::Wire;

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    /// The value of a header, if it occurs; more than once is a failure.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| &**v);
        let value = values.next();
        assert_eq!(values.next(), None, "header {name} occurs twice");
        value
    }

    /// Takes one answer off the front of `bytes`, if it is whole.
    pub(crate) fn take(bytes: &mut Vec<u8>, has_body: bool) -> Option<Self> {
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&bytes[..head_end]).expect("an answer in ASCII");
        let mut lines = head.split("\r\n");
        let mut status_line = lines.next().expect("a status line").splitn(3, ' ');
        assert_eq!(status_line.next(), Some("HTTP/1.1"), "{head}");
        let status = status_line.next().expect("a status").parse().expect("a numeric status");
        let headers = lines
            .take_while(|line| !line.is_empty())
            .map(|line| line.split_once(':').unwrap_or_else(|| panic!("header {line:?}")))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let mut response = Self { status, headers, body: String::new() };
        // RFC 9110, section 6.4.1: these never have one.
        if has_body && !matches!(status, 100 | 101 | 204) {
            let length = response.header("content-length").expect("a stated length");
            let length: usize = length.parse().expect("a numeric length");
            let body = bytes.get(head_end..head_end + length)?.to_vec();
            response.body = String::from_utf8(body).expect("a readable body");
        }
        bytes.drain(..head_end + response.body.len());
        Some(response)
    }
}

/// A WebSocket handshake, correct unless a test takes something away.
#[derive(Clone)]
pub(crate) struct Upgrade {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
}

impl Upgrade {
    /// The nonce of RFC 6455, section 1.3, and the answer it has to get.
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

    /// A handshake for this request target.
    pub(crate) fn new(target: impl Into<String>) -> Self {
        Self { method: "GET", target: target.into(), headers: Vec::new() }
            .header("Host", "localhost")
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", Self::KEY)
    }

    /// A handshake for a hub with a token in the query.
    pub(crate) fn to_hub(hub: &str, token: &str) -> Self {
        Self::new(format!("/client/hubs/{hub}?access_token={token}"))
    }

    pub(crate) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    /// Adds a header, even if there is one of that name already.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Takes a header away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
        self
    }

    /// Adds an offer of subprotocols.
    pub(crate) fn offer(self, subprotocols: &str) -> Self {
        self.header("Sec-WebSocket-Protocol", subprotocols)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut request = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.into_bytes()
    }

    /// Sends the handshake and reads the answer, whatever it is.
    pub(crate) fn send(&self, endpoint: &Endpoint) -> (Response, Wire) {
        let mut wire = Wire::connect(endpoint.address);
        wire.send(self.bytes());
        let response = wire.response(true);
        if response.status == 101 {
            check_acceptance(&response);
        }
        (response, wire)
    }

    /// The status of the answer.
    pub(crate) fn status(&self, endpoint: &Endpoint) -> u16 {
        self.send(endpoint).0.status
    }

    /// The connection of a handshake that has to succeed.
    pub(crate) fn accepted(&self, endpoint: &Endpoint) -> Wire {
        let (response, wire) = self.send(endpoint);
        assert_eq!(response.status, 101, "{response:?}");
        wire
    }
}

/// RFC 6455, section 4.2.2: what an acceptance has to carry.
pub(crate) fn check_acceptance(response: &Response) {
    let token = |name: &str| response.header(name).unwrap_or_default().to_ascii_lowercase();
    assert_eq!(token("upgrade"), "websocket", "{response:?}");
    assert_eq!(token("connection"), "upgrade", "{response:?}");
    assert_eq!(response.header("sec-websocket-accept"), Some(Upgrade::ACCEPT), "{response:?}");
    assert_eq!(response.header("sec-websocket-extensions"), None, "{response:?}");
}

/// One request on a connection of its own.
pub(crate) fn request(endpoint: &Endpoint, method: &str, target: &str) -> Response {
    let mut wire = Wire::connect(endpoint.address);
    wire.send(format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    wire.response(method != "HEAD")
}
