//! Where a request goes: a URL, taken apart once for as many requests as it takes.

use std::rc::Rc;

use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use hyper::{Request, Uri};
use url::Url;

use super::connector::Connection;
use super::origin::Origin;
use super::route::Route;

/// A prepared URL and the server it is on.
pub struct Target {
    pub(super) origin: Rc<Origin>,
    url: Url,
    /// HTTP/2 names the server here.
    absolute: Uri,
    /// HTTP/1.1 has a header for it; only a proxy has to see the whole URL.
    http1: Uri,
    host: HeaderValue,
}

impl Target {
    /// `None` if the libraries disagree on what is a URL.
    pub(super) fn new(url: Url, origin: Rc<Origin>) -> Option<Self> {
        let absolute: Uri = url.as_str().parse().ok()?;
        let http1 = match &origin.route {
            Route::Forward(_) => absolute.clone(),
            _ => absolute.path_and_query()?.clone().into(),
        };
        let host = HeaderValue::from_str(absolute.authority()?.as_str()).ok()?;
        Some(Self { origin, url, absolute, http1, host })
    }

    /// For cookies. Its query may hold a code: never log it.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Writes on a request where it goes.
    pub(super) fn address<B>(&self, request: &mut Request<B>, connection: &Connection) {
        if let Connection::Http2(_) = connection {
            request.uri_mut().clone_from(&self.absolute);
            return;
        }
        request.uri_mut().clone_from(&self.http1);
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        if let Route::Forward(proxy) = &self.origin.route
            && let Some(authorization) = &proxy.authorization
        {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
    }
}
