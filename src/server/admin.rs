//! The administrative listener: metrics and liveness, never on the data-plane port.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tracing::warn;

use super::cannot_bind;
use crate::config::StartError;
use crate::metrics::ServerMetrics;

/// Connections served at the same time; further ones wait in the kernel.
const CONNECTIONS_MAX: usize = 32;
/// How long a request head may take.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept, so that a lack of descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The bound administrative address.
pub(super) struct AdminListener {
    pub address: SocketAddr,
    socket: TcpListener,
}

/// Binds the address, if one is set.
///
/// # Errors
/// Names the setting, the address and the system's reason.
pub(super) fn bind(address: Option<SocketAddr>) -> Result<Option<AdminListener>, StartError> {
    let Some(wanted) = address else { return Ok(None) };
    let open = || {
        let socket = TcpListener::bind(wanted)?;
        socket.set_nonblocking(true)?;
        Ok(AdminListener { address: socket.local_addr()?, socket })
    };
    open().map(Some).map_err(|error| cannot_bind("adminListen", wanted, &error))
}

/// Serves until the process ends.
pub(super) async fn serve(listener: AdminListener, metrics: Rc<ServerMetrics>) {
    let listener = match tokio::net::TcpListener::from_std(listener.socket) {
        Ok(listener) => listener,
        Err(error) => return warn!("the administrative listener does not start: {error}"),
    };
    let places = std::sync::Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!("the administrative listener cannot accept: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let metrics = metrics.clone();
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request| {
                let response = answer(&request, &metrics);
                async move { Ok::<_, Infallible>(response) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
            // A scraper that goes away in the middle is its own affair.
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
            drop(place);
        });
    }
}

fn answer(request: &Request<Incoming>, metrics: &ServerMetrics) -> Response<Full<Bytes>> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let (status, kind, body) = match request.uri().path() {
        _ if !is_read => (StatusCode::METHOD_NOT_ALLOWED, TEXT, "use GET\n".to_owned()),
        "/health" => (StatusCode::OK, TEXT, "alive\n".to_owned()),
        "/metrics" => match metrics.render() {
            Ok(text) => (StatusCode::OK, OPEN_METRICS, text),
            Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, TEXT, "no metrics\n".to_owned()),
        },
        _ => (StatusCode::NOT_FOUND, TEXT, "see /metrics and /health\n".to_owned()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    response
}

const TEXT: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
