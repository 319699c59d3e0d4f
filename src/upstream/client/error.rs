//! Why a request brought no answer, in words for the log and as a value for retries.
//!
//! Neither shows anything of the request: no path, no query, no header.

use std::error::Error;
use std::fmt;
use std::io;
use std::rc::Rc;

use crate::upstream::retry::AttemptEnd;

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The URL is none that can be requested.
    Url,
    /// The host has no address.
    Dns,
    /// Nobody listens there.
    Refused,
    /// There is no way there, or the way is too long.
    Connect,
    /// The proxy does not let us through.
    Proxy,
    /// No secure connection: usually a certificate that nobody here trusts.
    Tls,
    /// The connection ended before the answer did.
    Closed,
    /// What came back is not HTTP.
    Malformed,
    /// The body is larger than was allowed.
    TooLarge,
}

impl Cause {
    fn as_str(self) -> &'static str {
        match self {
            Self::Url => "the URL cannot be requested",
            Self::Dns => "the name of the host was not resolved",
            Self::Refused => "the connection was refused",
            Self::Connect => "no connection was made",
            Self::Proxy => "the proxy made no connection",
            Self::Tls => "no TLS connection was made",
            Self::Closed => "the connection was closed before the answer was complete",
            Self::Malformed => "the answer is not HTTP",
            Self::TooLarge => "the answer is too large",
        }
    }
}

/// A request that brought no answer. Cloning counts a reference: many may wait for one connection.
#[derive(Clone, Debug)]
pub struct SendError {
    pub cause: Cause,
    /// What the libraries say of it; may be empty.
    detail: Rc<str>,
}

impl SendError {
    pub(super) fn new(cause: Cause, detail: &dyn fmt::Display) -> Self {
        Self { cause, detail: detail.to_string().into() }
    }

    pub(super) fn bare(cause: Cause) -> Self {
        Self { cause, detail: "".into() }
    }

    /// As [`Self::new`], with everything below the error: the libraries' uppermost one says that
    /// something failed, the lowest one what.
    pub(super) fn with_sources(cause: Cause, error: &(dyn Error + 'static)) -> Self {
        let mut detail = error.to_string();
        for source in sources(error).skip(1).map(ToString::to_string) {
            // Some repeat what is below them.
            if !detail.contains(&source) {
                detail = format!("{detail}: {source}");
            }
        }
        Self { cause, detail: detail.into() }
    }

    /// The end of an exchange that had begun.
    pub(super) fn exchange(error: &hyper::Error) -> Self {
        let cause = if error.is_parse() { Cause::Malformed } else { Cause::Closed };
        Self::with_sources(cause, error)
    }

    /// For the retry rules.
    pub fn end(&self) -> AttemptEnd {
        match self.cause {
            Cause::Url | Cause::Malformed | Cause::TooLarge => AttemptEnd::Unreadable,
            Cause::Dns
            | Cause::Refused
            | Cause::Connect
            | Cause::Proxy
            | Cause::Tls
            | Cause::Closed => AttemptEnd::Unreachable,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.cause.as_str())?;
        match &*self.detail {
            "" => Ok(()),
            detail => write!(f, " ({detail})"),
        }
    }
}

impl Error for SendError {}

/// An error and everything below it.
fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The name of a host was not resolved: told apart from other failures to connect by its type.
#[derive(Debug)]
pub(super) struct Unresolved(pub(super) io::Error);

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Unresolved {}

/// Why a TCP connection was not made.
pub(super) fn connect_cause(error: &(dyn Error + 'static)) -> Cause {
    for source in sources(error) {
        if source.is::<Unresolved>() {
            return Cause::Dns;
        }
        let kind = source.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::ConnectionRefused) {
            return Cause::Refused;
        }
    }
    Cause::Connect
}
