//! Bytes on the wire, as pure functions: no socket, no clock.
//!
//! The generator brings its own small WebSocket client because it has to check millions of
//! deliveries a second on one core, and because a shared implementation would hide a shared bug.
//! It understands what a server may send it and nothing more: no fragments, no extensions, no
//! chunked answers.

pub(crate) mod envelope;
pub(crate) mod event;
pub(crate) mod frame;
pub(crate) mod handshake;
pub(crate) mod http;
pub(crate) mod number;
pub(crate) mod protobuf;
pub(crate) mod publish;
pub(crate) mod recovery;
pub(crate) mod request;
pub(crate) mod stamp;
pub(crate) mod subprotocol;
