//! The connections to one server.
//!
//! HTTP/1.1 connections carry one request at a time and rest here between two; the latest is used
//! again first, so that what a burst has left over ages and is closed. Of HTTP/2 there is one
//! connection for everybody. Which of both a server speaks is known only after TLS with it, so as
//! long as it may be HTTP/2, all wait for one attempt.
//!
//! Bounded by the requests that may be under way: a connection rests only if its request is over.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use http_body_util::Full;
use hyper::Uri;
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use rustls::pki_types::ServerName;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout};

use super::connector::{Connection, Connector};
use super::error::{Cause, SendError};
use super::route::Route;
use crate::upstream::flight::Flight;

/// A connection that rested for so long is closed. Servers close them after 5 to 75 seconds
/// themselves, which is noticed.
const REST_MAX: Duration = Duration::from_secs(60);
/// How long a connection may take to become ready after an answer, before it is given up: a server
/// that has answered without reading the request to its end may never do that.
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// Longest time for name, address, proxy and TLS together, so that a server that swallows what is
/// sent to it counts as unreachable and not as slow.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// One server, and the connections to it.
pub(super) struct Origin {
    connector: Rc<Connector>,
    server: Uri,
    tls_name: Option<ServerName<'static>>,
    pub(super) route: Route,
    resting: RefCell<Vec<Resting>>,
    shared: RefCell<Option<http2::SendRequest<Full<Bytes>>>>,
    /// Whether TLS with this server has ended without HTTP/2.
    is_http1: Cell<bool>,
    opening: Flight<Result<(), SendError>>,
}

struct Resting {
    sender: http1::SendRequest<Full<Bytes>>,
    since: Instant,
}

/// A connection for one request.
pub(super) struct Lease {
    pub(super) connection: Connection,
    /// It has carried a request before, so the server may just be closing it for its age.
    pub(super) is_reused: bool,
}

impl Origin {
    /// `server` is scheme and authority; with TLS there is a name to verify.
    pub(super) fn new(
        connector: Rc<Connector>,
        server: Uri,
        tls_name: Option<ServerName<'static>>,
        route: Route,
    ) -> Self {
        Self {
            connector,
            server,
            is_http1: Cell::new(tls_name.is_none()),
            tls_name,
            route,
            resting: RefCell::default(),
            shared: RefCell::default(),
            opening: Flight::default(),
        }
    }

    /// A connection that is ready, or a new one.
    pub(super) async fn lease(self: &Rc<Self>) -> Result<Lease, SendError> {
        loop {
            if let Some(connection) = self.take() {
                return Ok(Lease { connection, is_reused: true });
            }
            if self.is_http1.get() {
                // Rare and large: in a box it costs the others nothing.
                return Box::pin(self.lease_fresh()).await;
            }
            let origin = Rc::clone(self);
            let opened = self.opening.join(|| async move { origin.open().await });
            opened.await.unwrap_or_else(|_| Err(SendError::bare(Cause::Closed)))?;
        }
    }

    async fn lease_fresh(&self) -> Result<Lease, SendError> {
        Ok(Lease { connection: self.connect().await?, is_reused: false })
    }

    /// Makes a connection for whoever takes it first, or for all if it is HTTP/2.
    async fn open(&self) -> Result<(), SendError> {
        match self.connect().await? {
            Connection::Http2(sender) => drop(self.shared.replace(Some(sender))),
            Connection::Http1(mut sender) => {
                let ready = sender.ready().await;
                ready.map_err(|error| SendError::exchange(&error))?;
                self.rest(sender);
            }
        }
        Ok(())
    }

    /// A connection in place of one that was dead. What else rests is most likely dead as well, so
    /// for HTTP/1.1 it is a new one.
    pub(super) async fn lease_again(self: &Rc<Self>) -> Result<Lease, SendError> {
        match self.is_http1.get() {
            true => self.lease_fresh().await,
            false => self.lease().await,
        }
    }

    async fn connect(&self) -> Result<Connection, SendError> {
        let connected = self.connector.connect(&self.server, self.tls_name.as_ref(), &self.route);
        let connection = timeout(CONNECT_MAX, connected)
            .await
            .unwrap_or_else(|elapsed| Err(SendError::new(Cause::Connect, &elapsed)))?;
        self.is_http1.set(matches!(connection, Connection::Http1(_)));
        Ok(connection)
    }

    fn take(&self) -> Option<Connection> {
        let mut shared = self.shared.borrow_mut();
        if let Some(sender) = &*shared {
            if sender.is_ready() {
                return Some(Connection::Http2(sender.clone()));
            }
            *shared = None;
        }
        let mut resting = self.resting.borrow_mut();
        while let Some(rested) = resting.pop() {
            if rested.sender.is_ready() {
                return Some(Connection::Http1(rested.sender));
            }
        }
        None
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(super) fn give_back(self: &Rc<Self>, connection: Connection) {
        let Connection::Http1(mut sender) = connection else { return };
        if sender.is_ready() {
            self.rest(sender);
        } else if !sender.is_closed() {
            let origin = Rc::clone(self);
            spawn_local(async move {
                if let Ok(Ok(())) = timeout(SETTLE_MAX, sender.ready()).await {
                    origin.rest(sender);
                }
            });
        }
    }

    fn rest(&self, sender: http1::SendRequest<Full<Bytes>>) {
        self.resting.borrow_mut().push(Resting { sender, since: Instant::now() });
    }

    /// Closes what has rested for long.
    pub(super) fn sweep(&self, now: Instant) {
        let is_kept = |rested: &Resting| {
            now.duration_since(rested.since) < REST_MAX && rested.sender.is_ready()
        };
        self.resting.borrow_mut().retain(is_kept);
    }
}
