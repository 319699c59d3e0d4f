//! HTTP to application servers: one request, one answer, over connections that are kept.
//!
//! | File | Answers |
//! | --- | --- |
//! | `target` | What does a URL say? |
//! | `route` | Is there a proxy on the way? |
//! | `origin` | Which connection is free? |
//! | `connector` | How is one made? |
//! | `tls` | Whom do we trust? |
//! | `error` | What went wrong? |
//!
//! Redirects are not followed, bodies are not decompressed, and every body has a bound. Deadlines
//! are the callers': dropping a request ends it.
//!
//! Connections are pooled here and driven by hyper. Measured per POST of 128 B, 64 under way, on
//! one thread: 9.2 µs like this, 10.7 with hyper-util's pool, 17.2 with reqwest, 6.5 with nothing
//! but the system calls.

mod connector;
mod error;
mod origin;
mod route;
mod target;
#[cfg(test)]
mod tests;
mod tls;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::{Request, Response, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::ServerName;
use tokio::time::Instant;
use url::{Host, Url};

pub use error::{Cause, SendError};
pub use target::Target;
pub use tls::Roots;

use self::connector::{Connection, Connector};
use self::origin::{Lease, Origin};
use self::route::Route;
use super::answer::Answer;

/// Largest body of an answer (`events-webhook.md` section 7.2).
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// The HTTP client of the webhook shard.
pub struct Client {
    connector: Rc<Connector>,
    proxies: Matcher,
    /// By scheme and authority. Those that no [`Target`] names any more go with the next sweep.
    origins: RefCell<HashMap<String, Rc<Origin>>>,
}

/// An exchange that brought no answer.
struct Failure {
    error: SendError,
    /// Not even the head of an answer came.
    is_unanswered: bool,
    /// The request, if the server has certainly not seen it.
    unsent: Option<Request<Full<Bytes>>>,
}

impl Client {
    /// # Errors
    /// TLS is not to be had; the text says why.
    pub fn new(roots: Roots, proxies: Matcher) -> Result<Self, String> {
        let connector = Rc::new(Connector::new(roots)?);
        Ok(Self { connector, proxies, origins: RefCell::default() })
    }

    /// Prepares a URL for requests.
    ///
    /// # Errors
    /// It is not one that can be requested.
    pub fn target(&self, url: &str) -> Result<Target, SendError> {
        let no_url = || SendError::bare(Cause::Url);
        let url = Url::parse(url).map_err(|_| no_url())?;
        let server = url.origin().ascii_serialization();
        let known = self.origins.borrow().get(&server).cloned();
        let origin = match known {
            Some(origin) => origin,
            None => {
                let origin = Rc::new(self.origin(&url, &server).ok_or_else(no_url)?);
                self.origins.borrow_mut().insert(server, Rc::clone(&origin));
                origin
            }
        };
        Target::new(url, origin).ok_or_else(no_url)
    }

    fn origin(&self, url: &Url, server: &str) -> Option<Origin> {
        let is_tls = url.scheme() == "https";
        let host = url.host()?;
        let is_loopback = match &host {
            Host::Domain(name) => *name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.to_canonical().is_loopback(),
        };
        let tls_name = match host {
            Host::Domain(name) => ServerName::try_from(name.to_owned()).ok()?,
            Host::Ipv4(address) => ServerName::from(std::net::IpAddr::from(address)),
            Host::Ipv6(address) => ServerName::from(std::net::IpAddr::from(address)),
        };
        let server: Uri = format!("{server}/").parse().ok()?;
        let route = Route::to(&server, is_loopback, &self.proxies);
        let tls_name = is_tls.then_some(tls_name);
        Some(Origin::new(Rc::clone(&self.connector), server, tls_name, route))
    }

    /// Sends what `request` makes to `target` and reads the answer, of at most `body_bytes_max`.
    ///
    /// A connection that has been used before may be closed by the server at the very moment it is
    /// used again. Such a request was most likely never seen, so it is made again at once, on a new
    /// connection; only what fails there is an error.
    ///
    /// # Errors
    /// There is no complete answer.
    pub async fn send(
        &self,
        target: &Target,
        body_bytes_max: usize,
        request: impl Fn() -> Request<Full<Bytes>>,
    ) -> Result<Answer, SendError> {
        let origin = &target.origin;
        let Lease { connection, is_reused } = origin.lease().await?;
        let failure = match exchange(target, connection, request(), body_bytes_max).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        if !is_reused || !failure.is_unanswered || failure.error.cause != Cause::Closed {
            return Err(failure.error);
        }
        let request = failure.unsent.unwrap_or_else(request);
        let again = async {
            let Lease { connection, .. } = origin.lease_again().await?;
            let answer = exchange(target, connection, request, body_bytes_max).await;
            answer.map_err(|failure| failure.error)
        };
        // Rare and large: in a box it costs the others nothing.
        Box::pin(again).await
    }

    /// Forgets what nobody needs any more. To be called every few seconds.
    pub fn sweep(&self) {
        let now = Instant::now();
        let mut origins = self.origins.borrow_mut();
        origins.retain(|_, origin| Rc::strong_count(origin) > 1);
        origins.values().for_each(|origin| origin.sweep(now));
    }
}

async fn exchange(
    target: &Target,
    mut connection: Connection,
    mut request: Request<Full<Bytes>>,
    body_bytes_max: usize,
) -> Result<Answer, Failure> {
    target.address(&mut request, &connection);
    let response = match &mut connection {
        Connection::Http1(sender) => sender.try_send_request(request).await,
        Connection::Http2(sender) => sender.try_send_request(request).await,
    };
    let response = response.map_err(|mut failed| Failure {
        unsent: failed.take_message(),
        is_unanswered: true,
        error: SendError::exchange(failed.error()),
    })?;
    let answer = read(response, body_bytes_max).await;
    let answer = answer.map_err(|error| Failure { error, is_unanswered: false, unsent: None })?;
    target.origin.give_back(connection);
    Ok(answer)
}

async fn read(response: Response<Incoming>, bytes_max: usize) -> Result<Answer, SendError> {
    let (head, mut incoming) = response.into_parts();
    let announced = incoming.size_hint().lower();
    if usize::try_from(announced).map_or(true, |bytes| bytes > bytes_max) {
        return Err(SendError::bare(Cause::TooLarge));
    }
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| SendError::exchange(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        if body.len() + data.len() > bytes_max {
            return Err(SendError::bare(Cause::TooLarge));
        }
        body.extend_from_slice(data);
    }
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}
