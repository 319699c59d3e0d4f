//! Why an event was not delivered: what its connection hears, what is counted, what is logged.

use tracing::{info, warn};

use super::answer::AnswerError;
use super::client::{Cause, SendError};
use super::token::TokenError;
use crate::event::call::{Event, EventFailure, EventKind, EventOutcome};
use crate::event::handlers::Handler;
use crate::metrics::upstream::CallResult;

/// The end of an event that was not delivered.
#[derive(Debug)]
pub(super) enum Failure {
    /// Its application does not welcome events (`events-webhook.md` section 4.4).
    Validation,
    Token(TokenError),
    Send(SendError),
    Answer(AnswerError),
    /// Everything together took too long.
    TimedOut,
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<AnswerError> for Failure {
    fn from(error: AnswerError) -> Self {
        Self::Answer(error)
    }
}

impl Failure {
    /// For metrics.
    pub(super) fn result(&self) -> CallResult {
        match self {
            Self::Validation => CallResult::FailedValidation,
            Self::Token(_) => CallResult::FailedToken,
            Self::Send(error) => match error.cause {
                Cause::Malformed | Cause::TooLarge => CallResult::FailedAnswer,
                _ => CallResult::FailedUnreachable,
            },
            Self::Answer(AnswerError::Status { .. }) => CallResult::FailedStatus,
            Self::Answer(AnswerError::Invalid(_)) => CallResult::FailedAnswer,
            Self::TimedOut => CallResult::FailedTimeout,
        }
    }

    /// For whoever waits for a blocking event.
    pub(super) fn into_outcome(self) -> EventOutcome {
        match self {
            Self::Answer(error) => error.into_outcome(),
            Self::TimedOut => EventOutcome::Failed(EventFailure::TimedOut),
            Self::Validation | Self::Token(_) | Self::Send(_) => {
                EventOutcome::Failed(EventFailure::Failed)
            }
        }
    }

    /// One line, in the words of section 15 where it has any.
    pub(super) fn report(&self, handler: &Handler, event: &Event) {
        let (hub, host) = (handler.hub.as_str(), handler.settings.url.host());
        let kind = event.kind();
        let event = event.name();
        match self {
            Self::Answer(AnswerError::Status { status, .. }) => {
                let text = unexpected_status(hub, event, kind, *status);
                // An application that refuses a client does what it is there for.
                match kind == EventKind::Connect && (400..500).contains(status) {
                    true => info!(hub, event, host, "{text}"),
                    false => {
                        warn!(hub, event, host, kind = "HttpHandlerUnexpectedResponse", "{text}");
                    }
                }
            }
            Self::Answer(error) => warn!(hub, event, host, "the answer is not valid: {error}"),
            Self::Validation => warn!(hub, event, host, "the handler is not validated"),
            Self::Token(error) => warn!(hub, event, host, "there is no bearer token: {error}"),
            Self::Send(error) => warn!(hub, event, host, "the event was not delivered: {error}"),
            Self::TimedOut => warn!(hub, event, host, "the handler did not answer in time"),
        }
    }
}

fn unexpected_status(hub: &str, event: &str, kind: EventKind, status: u16) -> String {
    let (family, category, request_type) = match kind {
        EventKind::Connect => ("sys", "connections", "Connect"),
        EventKind::Connected => ("sys", "connections", "Connected"),
        EventKind::Disconnected => ("sys", "connections", "Disconnected"),
        EventKind::User => ("user", "messages", "User"),
        EventKind::Presence => ("sys", "connections", "GroupPresence"),
    };
    format!(
        "Sending message during operation hub:{hub},event:{event},type:{family},\
         category:{category},requestType:{request_type} got unexpected response with status code \
         {status}."
    )
}
