//! What a handler's answer to an event comes to (`events-webhook.md` sections 8.1, 8.4.3 and 9).
//!
//! An answer is judged whole: what is invalid in any part changes nothing, neither the client nor
//! the connection's state. Answers to notifications are looked at for their status alone.
//!
//! | File | Judges |
//! | --- | --- |
//! | `connect` | who may connect, and as what |
//! | `user_event` | what the client is told |
//! | `connection_state` | what the handler keeps at the connection |
//!
//! Retries are over when an answer comes here; what is too large to be read never does.

mod connect;
mod connection_state;
#[cfg(test)]
mod tests;
mod user_event;

use std::fmt;

use hyper::header::HeaderMap;

use crate::event::call::{EventFailure, EventKind, EventOutcome, Refused};
use crate::protocol::subprotocol::MetadataError;

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// A valid answer of status 2xx.
#[derive(Debug)]
pub struct Accepted {
    /// What the shard is told of a blocking event; nothing in it for a notification.
    pub outcome: EventOutcome,
    /// The connection's new state, if the answer has one; empty clears it.
    pub connection_state: Option<String>,
}

/// Why an answer is not one that was hoped for.
#[derive(Debug)]
pub enum AnswerError {
    /// Not 2xx. What the client is refused with, if it is `connect` that was refused.
    Status { status: u16, refused: Option<Refused> },
    /// 2xx, but against the rules.
    Invalid(InvalidAnswer),
}

impl AnswerError {
    /// What the shard is told of a blocking event.
    pub fn into_outcome(self) -> EventOutcome {
        match self {
            Self::Status { refused: Some(refused), .. } => EventOutcome::Refused(refused),
            Self::Status { refused: None, .. } | Self::Invalid(_) => {
                EventOutcome::Failed(EventFailure::Failed)
            }
        }
    }
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, .. } => write!(f, "unexpected status {status}"),
            Self::Invalid(invalid) => invalid.fmt(f),
        }
    }
}

impl std::error::Error for AnswerError {}

/// Which rule a 2xx answer breaks. The text repeats nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidAnswer {
    /// Neither empty nor JSON that says how a client may connect.
    Connect,
    UserId,
    Group,
    ContentType,
    /// Not what its content type says.
    Payload,
    Metadata(MetadataError),
    ConnectionState,
}

impl fmt::Display for InvalidAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("the body is no JSON object of the expected form"),
            Self::UserId => f.write_str("userId is too long or has control characters"),
            Self::Group => f.write_str("one of the groups has no valid name"),
            Self::ContentType => f.write_str("unknown content type"),
            Self::Payload => f.write_str("the body is not what its content type says"),
            Self::Metadata(error) => write!(f, "invalid metadata headers: {error}"),
            Self::ConnectionState => {
                f.write_str("ce-connectionState is longer than 8 KiB or not ASCII")
            }
        }
    }
}

impl From<InvalidAnswer> for AnswerError {
    fn from(invalid: InvalidAnswer) -> Self {
        Self::Invalid(invalid)
    }
}

/// Judges the answer to an event of this kind.
///
/// # Errors
/// See [`AnswerError`].
pub fn judge(kind: EventKind, answer: Answer) -> Result<Accepted, AnswerError> {
    let status = answer.status;
    if !(200..300).contains(&status) {
        let is_refusal = kind == EventKind::Connect && (400..600).contains(&status);
        let refused = is_refusal.then(|| connect::refusal(answer));
        return Err(AnswerError::Status { status, refused });
    }
    let Answer { headers, body, .. } = answer;
    let outcome = match kind {
        EventKind::Connect => EventOutcome::Admitted(connect::admission(&body)?),
        EventKind::User => EventOutcome::Answered(user_event::reply(&headers, body)?),
        // Nobody waits for them, and they cannot change the state (section 8.2).
        EventKind::Connected | EventKind::Presence | EventKind::Disconnected => {
            return Ok(Accepted { outcome: EventOutcome::Answered(None), connection_state: None });
        }
    };
    Ok(Accepted { outcome, connection_state: connection_state::read(&headers)? })
}
