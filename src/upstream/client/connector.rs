//! Makes connections: name, address, proxy, TLS, and who speaks which HTTP.
//!
//! HTTP/2 is spoken where TLS has agreed on it, HTTP/1.1 everywhere else (`events-webhook.md`
//! section 5.2.1). Every step has a failure of its own, because an operator mends each elsewhere.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::Full;
use hyper::Uri;
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiResolver, Name};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::error::{Cause, SendError, Unresolved, connect_cause};
use super::route::Route;
use super::tls::{HTTP2, Roots};

/// An idle connection is asked by the kernel whether its peer is still there.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);
/// A shared connection without a sign of life for so long is asked for one, and given up if there
/// is none: all events of a handler hang on it.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);
const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(10);
/// A state of 8 KiB and metadata may come back in headers.
const HTTP2_HEADER_BYTES_MAX: u32 = 64 * 1024;

/// The sending end of a connection. The other end is a task of its own.
pub(super) enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// Makes connections.
pub(super) struct Connector {
    tcp: HttpConnector<Resolver>,
    tls: TlsConnector,
}

impl Connector {
    /// # Errors
    /// See [`Roots::client_config`].
    pub(super) fn new(roots: Roots) -> Result<Self, String> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(TCP_KEEPALIVE));
        Ok(Self { tcp, tls: TlsConnector::from(roots.client_config()?) })
    }

    /// A new connection to `server`, with TLS if it has a name for that.
    pub(super) async fn connect(
        &self,
        server: &Uri,
        tls_name: Option<&ServerName<'static>>,
        route: &Route,
    ) -> Result<Connection, SendError> {
        let tcp = self.reach(server, route).await?;
        let Some(name) = tls_name else { return http1(tcp).await };
        let tls = self.tls.connect(name.clone(), tcp).await;
        let tls = tls.map_err(|error| SendError::new(Cause::Tls, &error))?;
        match tls.get_ref().1.alpn_protocol() {
            Some(HTTP2) => http2(tls).await,
            _ => http1(tls).await,
        }
    }

    async fn reach(&self, server: &Uri, route: &Route) -> Result<TcpStream, SendError> {
        let mut tcp = self.tcp.clone();
        let reached = match route {
            Route::Direct => tcp.call(server.clone()).await,
            Route::Forward(proxy) => tcp.call(proxy.uri.clone()).await,
            Route::Tunnel(proxy) => {
                let mut tunnel = Tunnel::new(proxy.uri.clone(), tcp);
                if let Some(authorization) = &proxy.authorization {
                    tunnel = tunnel.with_auth(authorization.clone());
                }
                let reached = tunnel.call(server.clone()).await;
                let failed = |error| SendError::with_sources(Cause::Proxy, &error);
                return reached.map(TokioIo::into_inner).map_err(failed);
            }
            Route::Unsupported => {
                let reason = "only proxies with an http:// URL are supported";
                return Err(SendError::new(Cause::Proxy, &reason));
            }
        };
        let failed = |error| SendError::with_sources(connect_cause(&error), &error);
        reached.map(TokioIo::into_inner).map_err(failed)
    }
}

async fn http1(io: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Result<Connection, SendError> {
    let mut builder = http1::Builder::new();
    // One buffer and one write per event: measured 0.7 µs less than writing head and body as two
    // slices.
    builder.writev(false);
    let (sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(not_begun)?;
    // How it ends is told to whoever waits for an answer; of idle connections nobody wants to know.
    spawn_local(async { drop(connection.await) });
    Ok(Connection::Http1(sender))
}

async fn http2(io: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Result<Connection, SendError> {
    let mut builder = http2::Builder::new(LocalExecutor);
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_PING_INTERVAL)
        .keep_alive_timeout(HTTP2_PING_TIMEOUT)
        .max_header_list_size(HTTP2_HEADER_BYTES_MAX);
    let (sender, connection) = builder.handshake(TokioIo::new(io)).await.map_err(not_begun)?;
    spawn_local(async { drop(connection.await) });
    Ok(Connection::Http2(sender))
}

#[allow(clippy::needless_pass_by_value, reason = "used in map_err")]
fn not_begun(error: hyper::Error) -> SendError {
    SendError::with_sources(Cause::Connect, &error)
}

/// Tasks of HTTP/2 stay on this thread.
#[derive(Clone)]
pub(super) struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> Executor<F> for LocalExecutor {
    fn execute(&self, task: F) {
        spawn_local(task);
    }
}

/// The system's, with failures that can be told from others.
#[derive(Clone)]
struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = Unresolved;
    type Future = Pin<Box<dyn Future<Output = Result<GaiAddrs, Unresolved>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        self.0.poll_ready(context).map_err(Unresolved)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let addresses = self.0.call(name);
        Box::pin(async { addresses.await.map_err(Unresolved) })
    }
}
