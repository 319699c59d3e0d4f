//! From a request head to a request that may go on (`rest-api.md` section 3.6).
//!
//! The first check that fails answers, in this order: route and method, path and query, API
//! version, token, role, framing and length of the body. What follows (content type, body,
//! metadata, filter) is [`Pending`]'s. Network access control comes before all of it and is the
//! caller's, as throttling is, whose place is between the role and the body: a
//! [`Judged::Pending`] that is over a limit is answered with
//! [`ApiError::too_many_requests`](super::error::ApiError::too_many_requests).

use tracing::info;

use super::answer::{Exchange, Outcome};
use super::category::Category;
use super::content::ContentHeaders;
use super::draft::{self, Called};
use super::error::ApiError;
use super::parameters::Parameters;
use super::pending::Pending;
use super::route::{self, NoRoute, Route};
use super::version;
use crate::auth::audience::is_authority;
use crate::auth::{AuthFailure, RestTokenVerifier, Role, bearer_token};
use crate::protocol::http::body::{BodyReader, expects_continue};
use crate::protocol::http::request::RequestHead;

/// How soon a caller may try again while the node starts or drains.
const RETRY_AFTER_SECONDS: u32 = 5;

/// What a request is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    pub verifier: &'a RestTokenVerifier,
    pub now_unix_s: u64,
    /// Whether the caller came over TLS, for links back to this server.
    pub is_tls: bool,
    /// Whether the node takes requests; health answers 503 otherwise, and so does everything else.
    pub is_serving: bool,
}

/// What came of a head.
#[derive(Debug)]
pub enum Judged {
    /// The answer is known.
    Answer { exchange: Exchange, outcome: Outcome },
    /// The token's issuer has a key that is not known yet: nothing is decided. The head is to be
    /// judged again when keys have been fetched.
    UnknownKey { issuer: usize },
    /// The body is next.
    Pending(Box<Pending>),
}

/// Judges the head of a request to a path under `/api`.
pub fn judge(head: &RequestHead<'_>, rules: &Rules<'_>) -> Judged {
    let route = route::find(head.method, head.path());
    let category = route.as_ref().map_or(Category::Uncategorized, |route| route.category);
    let is_known = !matches!(route, Err(NoRoute::UnknownPath));
    let mut exchange = Exchange::new(head, category, is_known);
    let outcome = match route {
        Err(NoRoute::UnknownPath) => ApiError::unknown_path().into(),
        Err(NoRoute::WrongMethod { allowed }) => ApiError::wrong_method(allowed).into(),
        Ok(_) if !rules.is_serving => ApiError::unavailable(RETRY_AFTER_SECONDS).into(),
        Ok(_) if category == Category::HealthCheck => Outcome::Done,
        Ok(route) => match admit(head, &route, exchange.clone(), rules) {
            Ok(pending) => return Judged::Pending(Box::new(pending)),
            Err(NotAdmitted::UnknownKey { issuer }) => return Judged::UnknownKey { issuer },
            Err(NotAdmitted::Refused(error)) => error.into(),
        },
    };
    // A body that nobody is going to read would be taken for the next request.
    if head.has_body() {
        exchange.close_afterwards();
    }
    Judged::Answer { exchange, outcome }
}

/// Why a request does not go on.
enum NotAdmitted {
    UnknownKey { issuer: usize },
    Refused(ApiError),
}

impl<E: Into<ApiError>> From<E> for NotAdmitted {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

fn admit(
    head: &RequestHead<'_>,
    route: &Route<'_>,
    exchange: Exchange,
    rules: &Rules<'_>,
) -> Result<Pending, NotAdmitted> {
    let version = version::of(head.query());
    let origin = origin(head, rules.is_tls);
    let called = Called {
        origin: origin.as_deref(),
        path: head.path(),
        version: version.as_ref().copied().unwrap_or(version::NEWEST),
    };
    let hub = route.names.hub()?;
    let draft = draft::read(route, &hub, Parameters(head.query()), called)?;
    version?;
    match authorize(head, route.category, rules) {
        Err(AuthFailure::UnknownKey { issuer }) => {
            return Err(NotAdmitted::UnknownKey { issuer });
        }
        outcome => outcome?,
    }
    Ok(Pending {
        exchange,
        hub,
        draft,
        content: ContentHeaders::of(head),
        body: BodyReader::of(head)?,
        expects_continue: expects_continue(head),
    })
}

/// Scheme and authority by which the caller knows this server. Forwarding headers are believed by
/// nobody here.
fn origin(head: &RequestHead<'_>, is_tls: bool) -> Result<String, ApiError> {
    let scheme = if is_tls { "https" } else { "http" };
    match head.value("host").map(str::trim) {
        Some(authority) if is_authority(authority) => Ok(format!("{scheme}://{authority}")),
        _ => Err(ApiError::invalid("Host")),
    }
}

/// Sections 3.1 to 3.5.
fn authorize(
    head: &RequestHead<'_>,
    category: Category,
    rules: &Rules<'_>,
) -> Result<(), AuthFailure> {
    let token = head.value("authorization").and_then(bearer_token).ok_or(AuthFailure::Missing);
    let role = token
        .and_then(|token| rules.verifier.verify(token, head.path(), rules.now_unix_s))
        .and_then(|role| match role {
            Role::Reader if !category.is_read_only() => Err(AuthFailure::ReadOnly),
            _ => Ok(()),
        });
    role.inspect_err(|failure| {
        info!(category = category.name(), "request refused: {}", failure.log_message());
    })
}
