//! The way to a server: direct, or through a proxy that the environment names.
//!
//! `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in upper or lower case, are understood
//! as curl understands them. This machine's own addresses are never asked for elsewhere.

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;

/// How a server is reached.
#[derive(Debug)]
pub(super) enum Route {
    Direct,
    /// Plain HTTP: the proxy gets the request itself.
    Forward(Proxy),
    /// TLS: the proxy connects us and sees no more.
    Tunnel(Proxy),
    /// A proxy of a kind that is not spoken here. Going round it is not what the operator wants.
    Unsupported,
}

#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) uri: Uri,
    pub(super) authorization: Option<HeaderValue>,
}

impl Route {
    pub(super) fn to(server: &Uri, is_loopback: bool, proxies: &Matcher) -> Self {
        if is_loopback {
            return Self::Direct;
        }
        let Some(found) = proxies.intercept(server) else { return Self::Direct };
        if found.uri().scheme_str() != Some("http") {
            return Self::Unsupported;
        }
        let authorization = found.basic_auth().cloned().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        let proxy = Proxy { uri: found.uri().clone(), authorization };
        match server.scheme_str() {
            Some("https") => Self::Tunnel(proxy),
            _ => Self::Forward(proxy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(server: &'static str, is_loopback: bool, proxy: &str) -> Route {
        let proxies = Matcher::builder().all(proxy.to_owned()).no("in.example".to_owned()).build();
        Route::to(&Uri::from_static(server), is_loopback, &proxies)
    }

    #[test]
    fn only_distant_servers_are_reached_through_a_proxy() {
        let proxy = "http://me:secret@proxy.example:3128";
        let Route::Forward(found) = route("http://a.example", false, proxy) else { panic!() };
        assert_eq!(found.uri, "http://proxy.example:3128/");
        assert_eq!(found.authorization.expect("given"), "Basic bWU6c2VjcmV0");
        assert!(matches!(route("https://a.example", false, proxy), Route::Tunnel(_)));
        assert!(matches!(route("https://in.example", false, proxy), Route::Direct));
        assert!(matches!(route("http://127.0.0.1", true, proxy), Route::Direct));
        let socks = "socks5://proxy.example";
        assert!(matches!(route("http://a.example", false, socks), Route::Unsupported));
    }
}
