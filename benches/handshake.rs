//! What does a client cost until it is let in?
//!
//! `parse` reads the head of an upgrade as the published JavaScript client sends it, token in the
//! query; `judge` does that and everything up to the decision: route, hub, token, roles' claims,
//! subprotocol. `verify` is the token alone, `hmac` the one thing in it that cannot be spared, and
//! `accept` the hash that the answer has to carry.
//!
//! Left out: the system calls of a new connection, and its place in the shard's tables, which
//! `loadtest connect` has.

use std::hint::black_box;
use std::time::Duration;

use corecast::auth::{
    AccessKey, AccessKeys, ClientTokenVerifier, NewClientToken, ReconnectionTokens,
    sign_client_token,
};
use corecast::config::HubSettings;
use corecast::hub::name::HubName;
use corecast::listener::front::{Route, route};
use corecast::listener::upgrade::{Judged, Rules, judge};
use corecast::protocol::http::request::{RequestHead, parse};
use criterion::{Criterion, criterion_group, criterion_main};
use tungstenite::handshake::derive_accept_key;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW_UNIX_S: u64 = 1_764_000_000;
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn head(token: &str) -> String {
    format!(
        "GET /client/hubs/chat?access_token={token} HTTP/1.1\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {KEY}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
         Sec-WebSocket-Protocol: json.webpubsub.azure.v1\r\nHost: 127.0.0.1:8080\r\n\r\n"
    )
}

fn handshake(c: &mut Criterion) {
    let key = AccessKey::parse("0123456789abcdef0123456789abcdef").expect("a valid key");
    let new = NewClientToken {
        audience: "http://127.0.0.1:8080/client/hubs/chat",
        user_id: Some("ana"),
        roles: &["webpubsub.joinLeaveGroup".to_owned(), "webpubsub.sendToGroup".to_owned()],
        groups: &["building-7".to_owned()],
        ttl: Duration::from_secs(3600),
    };
    let token = sign_client_token(&key, &new, NOW_UNIX_S);
    let head = head(&token);
    let keys = AccessKeys::configured(key, None);
    let verifier = ClientTokenVerifier::new(&keys, Vec::new());
    let reconnection = ReconnectionTokens::generate().expect("random numbers");
    let settings = HubSettings::default();
    let rules = Rules {
        verifier: &verifier,
        reconnection: &reconnection,
        settings_of: &|_| &settings,
        now_unix_s: NOW_UNIX_S,
    };

    let mut group = c.benchmark_group("handshake");
    group.bench_function("parse", |b| {
        b.iter(|| {
            let bytes = parse(black_box(head.as_bytes()), 0, |head| head.head_bytes);
            assert_eq!(bytes, Ok(Some(head.len())));
        });
    });
    group.bench_function("judge", |b| {
        let judge_it = |head: RequestHead<'_>| match route(&head) {
            Route::Client { path_hub } => judge(&head, path_hub, &rules),
            other => panic!("{other:?}"),
        };
        b.iter(|| {
            let judged = parse(black_box(head.as_bytes()), 0, judge_it);
            assert!(matches!(judged, Ok(Some(Ok(Judged::New(_))))), "it is let in");
        });
    });
    let hub = HubName::parse("chat").expect("a valid name");
    group.bench_function("verify", |b| {
        b.iter(|| {
            let claims = verifier.verify(black_box(&token), &hub, NOW_UNIX_S);
            assert!(claims.is_ok());
        });
    });
    let (signed, _) = token.rsplit_once('.').expect("three parts");
    group.bench_function("hmac", |b| {
        b.iter(|| corecast::auth::sign_text(keys.primary().as_str(), black_box(signed)));
    });
    group.bench_function("accept", |b| b.iter(|| derive_accept_key(black_box(KEY.as_bytes()))));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = handshake
}
criterion_main!(benches);
