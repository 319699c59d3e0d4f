//! From an outcome to the bytes of the answer (`rest-api.md` sections 2.3, 5.1, 5.2).
//!
//! An [`Exchange`] is what the answer needs to know of its request. It stays with the connection
//! while the operation travels, and is all that is left of the request then. Which status a success
//! has, and which code an absence, follows from its category; who carries out an operation says
//! only how it ended.

use std::borrow::Cow;
use std::io::Write;

use serde_json::json;

use super::category::Category;
use super::error::ApiError;
use super::version::SUPPORTED_VERSIONS;
use crate::protocol::http::request::RequestHead;
use crate::protocol::http::response::reason_phrase;

/// Longest `x-ms-client-request-id` that is sent back; libraries send 36 characters.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done, or true. The status is the one of the operation.
    Done,
    /// What the operation is about is not there, or false.
    Absent,
    /// Done, and this is the answer, in JSON.
    Json(Vec<u8>),
    Failed(ApiError),
}

impl Outcome {
    /// The answer of `:generateToken` (section 6.10.3).
    pub fn token(token: &str) -> Self {
        Self::Json(json!({ "token": token }).to_string().into_bytes())
    }
}

impl From<ApiError> for Outcome {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

/// A request that waits for its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    category: Category,
    is_versioned: bool,
    has_body: bool,
    is_keep_alive: bool,
    request_id: Option<Box<str>>,
}

impl Exchange {
    pub(super) fn new(head: &RequestHead<'_>, category: Category, is_known: bool) -> Self {
        let is_health = category == Category::HealthCheck;
        let is_fit = |id: &&str| {
            (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(is_printable)
        };
        Self {
            category,
            // Health has no version (section 6.2), and an unknown path no route.
            is_versioned: is_known && !is_health,
            has_body: head.method != "HEAD" && !is_health,
            is_keep_alive: head.is_keep_alive(),
            request_id: head.value("x-ms-client-request-id").filter(is_fit).map(Box::from),
        }
    }

    /// What the request counts as.
    pub fn category(&self) -> Category {
        self.category
    }

    /// Whether the connection takes another request after the answer.
    pub fn is_keep_alive(&self) -> bool {
        self.is_keep_alive
    }

    /// Ends the connection after the answer.
    pub fn close_afterwards(&mut self) {
        self.is_keep_alive = false;
    }

    /// The status that an outcome is answered with.
    pub fn status(&self, outcome: &Outcome) -> u16 {
        match outcome {
            Outcome::Done | Outcome::Json(_) => self.category.success_status(),
            Outcome::Absent => 404,
            Outcome::Failed(error) => error.status(),
        }
    }

    /// Appends the answer to `out`.
    pub fn write(&self, outcome: &Outcome, out: &mut Vec<u8>) {
        let error = match outcome {
            Outcome::Done | Outcome::Json(_) => None,
            Outcome::Absent => Some(Cow::Owned(ApiError::absent(self.category))),
            Outcome::Failed(error) => Some(Cow::Borrowed(error)),
        };
        let body: Cow<'_, [u8]> = match (outcome, &error) {
            _ if !self.has_body => Cow::default(),
            (Outcome::Json(json), _) => json.into(),
            (_, Some(error)) => error.to_json().into_bytes().into(),
            (_, None) => Cow::default(),
        };
        let status = self.status(outcome);
        write_line(out, format_args!("HTTP/1.1 {status} {}", reason_phrase(status)));
        if self.is_versioned {
            write_line(out, format_args!("api-supported-versions: {SUPPORTED_VERSIONS}"));
        }
        if let Some(id) = &self.request_id {
            write_line(out, format_args!("x-ms-client-request-id: {id}"));
        }
        if let Some(error) = &error {
            write_line(out, format_args!("x-ms-error-code: {}", error.code()));
            if let Some((name, value)) = error.header() {
                write_line(out, format_args!("{name}: {value}"));
            }
        }
        if !body.is_empty() {
            write_line(out, format_args!("Content-Type: application/json"));
        }
        //= RFC 9110, section 8.6: no Content-Length in a 204.
        if status != 204 {
            write_line(out, format_args!("Content-Length: {}", body.len()));
        }
        let connection = if self.is_keep_alive { "keep-alive" } else { "close" };
        write_line(out, format_args!("Connection: {connection}\r\n"));
        out.extend_from_slice(&body);
    }
}

fn write_line(out: &mut Vec<u8>, line: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{line}\r\n");
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}
