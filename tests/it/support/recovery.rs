//! Coming back after the loss of a transport (client-connect.md, section 11).
//!
//! A [`Pass`] is what a client library keeps of a reliable connection. Nothing says on which shard
//! the recovering socket ends: the kernel chooses, and tests recover often enough to hit all.

use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::client::{Client, Guest};
use super::close::Close;
use super::server::Endpoint;

/// What recovers a connection.
#[derive(Clone)]
pub(crate) struct Pass {
    pub(crate) id: String,
    pub(crate) token: String,
    last_ack_id: u64,
}

impl Pass {
    pub(crate) fn new(id: impl Into<String>, token: impl Into<String>) -> Self {
        Self { id: id.into(), token: token.into(), last_ack_id: 0 }
    }

    /// As parameters of the query.
    pub(crate) fn query(&self) -> String {
        let Self { id, token, .. } = self;
        format!("&awps_connection_id={id}&awps_reconnection_token={token}")
    }
}

impl Client {
    /// What recovers this connection.
    pub(crate) fn pass(&self) -> Pass {
        let token = self.reconnection_token.clone().expect("a reliable connection");
        Pass { id: self.id.clone(), token, last_ack_id: self.last_ack_id }
    }

    /// Loses the connection without a word.
    pub(crate) fn lose(self) -> Pass {
        self.pass()
    }

    /// Loses the connection by a reset.
    pub(crate) fn abort(self) -> Pass {
        set_socket_linger(self.stream(), Some(Duration::ZERO)).expect("a TCP socket");
        self.pass()
    }
}

impl Guest {
    /// The same client, about to come back.
    pub(crate) fn with(&self, pass: &Pass) -> Self {
        self.clone().asking(&pass.query())
    }

    /// Comes back. The `connected` message has to be first, with a token (C41).
    pub(crate) fn recover(&self, pass: &Pass) -> Client {
        let mut client = self.with(pass).connect();
        client.last_ack_id = pass.last_ack_id;
        assert_eq!(client.id, pass.id, "another connection instead of the old one");
        assert_ne!(client.reconnection_token, Some(String::new()), "no token");
        client
    }

    /// Tries to come back, which has to be refused: never by an HTTP status, and without a message
    /// before the close frame (C43).
    pub(crate) fn refused(&self, pass: &Pass) {
        let mut client = Client::on(self.with(pass).wire());
        let close = client.closed();
        assert_eq!(close.code, 1008, "{close:?}");
        assert_ne!(close, Close { code: 1008, reason: String::new() }, "a short reason");
    }
}

impl Endpoint {
    /// Waits until exactly so many connections are in their recovery window.
    pub(crate) fn await_detached(&self, count: u32) {
        self.await_metric("corecast_detached_connections", &[], f64::from(count));
    }
}
