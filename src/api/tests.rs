//! Requests as service libraries send them, from the head to the operation or the answer.

mod answers;
mod bodies;
mod checks;
mod operations;

use std::sync::Arc;

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use super::*;
use crate::auth::{
    AccessKey, AccessKeys, AuthFailure, IdentityProvider, RestTokenSettings, RestTokenVerifier,
    Role,
};
use crate::protocol::http::request::parse;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const NOW: u64 = 1_800_000_000;
const MEBIBYTE: usize = 1_048_576;

#[derive(Debug)]
struct Provider(Role);

impl IdentityProvider for Provider {
    fn verify(&self, _token: &str, _now_unix_s: u64) -> Result<Role, AuthFailure> {
        Ok(self.0)
    }
}

/// A request under construction.
#[derive(Clone)]
struct Request {
    method: &'static str,
    target: String,
    headers: String,
    audience: Option<String>,
    body: Vec<u8>,
    provider: Role,
    is_serving: bool,
}

fn request(method: &'static str, target: &str) -> Request {
    Request {
        method,
        target: target.to_owned(),
        headers: String::new(),
        audience: Some(format!("https://example.host{target}")),
        body: Vec::new(),
        provider: Role::Owner,
        is_serving: true,
    }
}

fn send(content_type: &str, body: impl Into<Vec<u8>>) -> Request {
    let request = request("POST", "/api/hubs/chat/:send?api-version=2024-12-01");
    request.header("Content-Type", content_type).body(body)
}

impl Request {
    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn audience(mut self, audience: Option<&str>) -> Self {
        self.audience = audience.map(str::to_owned);
        self
    }

    /// The head as it is sent; a body has a length unless the request frames it itself.
    fn head(&self) -> String {
        let Self { method, target, headers, .. } = self;
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: example.host\r\n{headers}");
        if !self.body.is_empty() && !headers.contains("Transfer-Encoding") {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        if let Some(audience) = &self.audience {
            let claims = json!({ "aud": audience, "exp": NOW + 60 });
            let key = EncodingKey::from_secret(KEY.as_bytes());
            let token = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap();
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        head + "\r\n"
    }

    fn run(&self) -> (Exchange, Result<ApiRequest, Outcome>) {
        let keys = AccessKeys::configured(AccessKey::parse(KEY).unwrap(), None);
        let settings = RestTokenSettings {
            provider: Some(Arc::new(Provider(self.provider))),
            ..RestTokenSettings::default()
        };
        let verifier = RestTokenVerifier::new(&keys, settings);
        let rules = Rules {
            verifier: &verifier,
            now_unix_s: NOW,
            is_tls: true,
            is_serving: self.is_serving,
        };
        let judged = parse(self.head().as_bytes(), 0, |head| judge(&head, &rules));
        match judged.expect("a valid head").expect("a whole head") {
            Judged::Answer { exchange, outcome } => (exchange, Err(outcome)),
            Judged::UnknownKey { .. } => panic!("no issuer is configured"),
            Judged::Pending(mut pending) => match pending.read(&self.body) {
                Err(error) => (pending.exchange, Err(error.into())),
                Ok(_) => {
                    let (exchange, request) = pending.finish();
                    (exchange, request.map_err(Outcome::from))
                }
            },
        }
    }

    fn operation(&self) -> ApiRequest {
        let (exchange, request) = self.run();
        request.unwrap_or_else(|outcome| panic!("{}: {}", self.target, exchange.status(&outcome)))
    }

    /// The operation as text, to compare it in one line.
    fn shown(&self) -> String {
        format!("{:?}", self.operation().operation)
    }

    /// The answer to a request that is not carried out.
    fn refused(&self) -> Answer {
        let (exchange, request) = self.run();
        Answer::of(&exchange, &request.expect_err("refused"))
    }

    fn answer(&self, outcome: &Outcome) -> Answer {
        Answer::of(&self.run().0, outcome)
    }
}

/// An answer taken apart.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn of(exchange: &Exchange, outcome: &Outcome) -> Self {
        let mut bytes = Vec::new();
        exchange.write(outcome, &mut bytes);
        let text = String::from_utf8(bytes).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("status");
        assert_eq!(status, exchange.status(outcome));
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| *found == name).map(|(_, value)| value).next()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Status and the input at fault.
    fn fault(&self) -> (u16, String) {
        (self.status, self.json()["target"].as_str().expect("a target").to_owned())
    }
}
