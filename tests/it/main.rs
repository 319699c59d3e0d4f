//! Black-box tests of the real binary over real sockets.
//!
//! One module per feature. A test's first comment names the conformance points it shows, so that
//! `grep -rhoE '\b[CJPRMAELO][0-9]+\b' tests` can be compared with the specification's lists.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "bans for the shards of the server; tests block, share and read clocks freely"
)]

mod support;

// Connecting.
mod handshake;
mod subprotocols;
mod tokens;

// Talking.
mod acks;
mod bad_messages;
mod delivery;
mod envelope;
mod events;
mod payloads;
mod roles;
mod simple;

// Limits and time.
mod flood;
mod keepalive;
mod sizes;
mod slow_clients;

// Bytes.
mod http;
mod websocket;

// Operation.
mod cli;
mod metrics;
mod shutdown;

// Everything at once.
mod churn;
mod sdk;
