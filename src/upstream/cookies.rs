//! The cookies of one connection (`events-webhook.md` section 7.5): they lead all its events to the
//! same machine behind an application's load balancer.
//!
//! Few applications set any, so there is no jar before the first one. Which cookie belongs to which
//! URL is decided by the library, as browsers do (RFC 6265).

use cookie_store::CookieStore;
use hyper::header::{HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

/// Most cookies of a connection, as RFC 6265, section 6.1, asks for at least.
const COOKIES_MAX: usize = 50;
/// Longest `Set-Cookie`; the same section.
const COOKIE_BYTES_MAX: usize = 4096;

/// The jar of a connection.
#[derive(Default)]
pub(super) struct Cookies(Option<Box<CookieStore>>);

impl Cookies {
    /// Keeps what an answer from `url` sets; beyond the bounds it is ignored.
    pub(super) fn keep(&mut self, headers: &HeaderMap, url: &Url) {
        for line in headers.get_all(SET_COOKIE) {
            let Ok(line) = line.to_str() else { continue };
            let name = line.split('=').next().unwrap_or_default().trim();
            let jar = self.0.get_or_insert_default();
            // A full jar still takes other values for the cookies in it.
            let has_room = jar.iter_any().count() < COOKIES_MAX
                || jar.iter_any().any(|cookie| cookie.name() == name);
            if line.len() <= COOKIE_BYTES_MAX && has_room {
                // One that is not valid, or not for this host, is none.
                drop(jar.parse(line, url));
            }
        }
    }

    /// The value of `Cookie` for a request to `url`.
    pub(super) fn header(&self, url: &Url) -> Option<HeaderValue> {
        let mut text = String::new();
        for (name, value) in self.0.as_ref()?.get_request_values(url) {
            let separator = if text.is_empty() { "" } else { "; " };
            text.extend([separator, name, "=", value]);
        }
        let mut header = HeaderValue::try_from(text).ok().filter(|value| !value.is_empty())?;
        header.set_sensitive(true);
        Some(header)
    }
}
