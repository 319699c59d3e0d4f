//! Why there is no link, or none any more.
//!
//! The kinds are those an operator tells apart (`events-listener.md` sections 7.3 and 9): a broker
//! that is away comes back by itself, a missing permission or a missing address is mended by
//! somebody. All of them are tried again. The text names the error condition and what the broker
//! says about it; credentials are in none of it (section 5.2.3).

use std::fmt;

use fe2o3_amqp::connection::{ConnectionStopReason, Error as ConnectionError, OpenError};
use fe2o3_amqp::link::{
    DetachError, LinkStateError, ReceiverAttachError, RecvError, SendError, SenderAttachError,
    SessionStopReason,
};
use fe2o3_amqp::session::BeginError;
use fe2o3_amqp_types::definitions::Error as Condition;
use fe2o3_amqp_types::sasl::SaslCode;

use super::condition;

/// What has to be mended, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkErrorKind {
    /// There was no way to the broker, or it does not speak this protocol: a warning.
    Unreachable,
    /// There was a link, and it ended: a warning.
    Lost,
    /// Credentials or a permission are missing: an error.
    Unauthorized,
    /// The address does not exist: an error.
    NotFound,
    /// The link ended over a message that is larger than the broker takes.
    TooLarge,
    /// The link ended over something that the broker does not allow or does not understand: a
    /// message, if there was one.
    Refused,
}

/// Why there is no link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkError {
    pub kind: LinkErrorKind,
    text: String,
}

impl LinkError {
    pub(super) fn new(kind: LinkErrorKind, text: impl fmt::Display) -> Self {
        Self { kind, text: text.to_string() }
    }

    pub(super) fn unreachable(text: impl fmt::Display) -> Self {
        Self::new(LinkErrorKind::Unreachable, text)
    }

    pub(super) fn lost(text: impl fmt::Display) -> Self {
        Self::new(LinkErrorKind::Lost, text)
    }

    /// What the broker itself says; `kind` if its condition does not tell.
    fn of_condition(error: &Condition, kind: LinkErrorKind) -> Self {
        let kind = match condition::name(&error.condition) {
            "amqp:unauthorized-access" => LinkErrorKind::Unauthorized,
            "amqp:not-found" => LinkErrorKind::NotFound,
            "amqp:link:message-size-exceeded" => LinkErrorKind::TooLarge,
            "amqp:decode-error"
            | "amqp:invalid-field"
            | "amqp:not-allowed"
            | "amqp:not-implemented"
            | "amqp:precondition-failed" => LinkErrorKind::Refused,
            _ => kind,
        };
        Self::new(kind, condition::text(error))
    }

    /// A failure while the link was being made is not the loss of one.
    pub(super) fn before_link(self) -> Self {
        match self.kind {
            LinkErrorKind::Lost | LinkErrorKind::TooLarge | LinkErrorKind::Refused => {
                Self { kind: LinkErrorKind::Unreachable, ..self }
            }
            _ => self,
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for LinkError {}

impl From<OpenError> for LinkError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::SaslError { code: SaslCode::Auth, .. } => {
                Self::new(LinkErrorKind::Unauthorized, "SASL: the credentials are refused")
            }
            OpenError::SaslError { code, .. } => Self::unreachable(format_args!("SASL: {code:?}")),
            OpenError::RemoteClosedWithError(error) => {
                Self::of_condition(&error, LinkErrorKind::Unreachable)
            }
            OpenError::Io(error) => Self::unreachable(error),
            OpenError::NotImplemented(Some(what)) | OpenError::DecodeError(what) => {
                Self::unreachable(condition::clean(&what))
            }
            other => Self::unreachable(other),
        }
    }
}

impl From<ConnectionError> for LinkError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::RemoteClosedWithError(error) => {
                Self::of_condition(&error, LinkErrorKind::Lost)
            }
            other => Self::lost(other),
        }
    }
}

impl From<ConnectionStopReason> for LinkError {
    fn from(reason: ConnectionStopReason) -> Self {
        match reason {
            ConnectionStopReason::RemoteClosedWithError(error)
            | ConnectionStopReason::ClosedWithError(error) => {
                Self::of_condition(&error, LinkErrorKind::Lost)
            }
            ConnectionStopReason::RemoteClosed => Self::lost("the broker closed the connection"),
            ConnectionStopReason::Closed => Self::lost("the connection ended"),
        }
    }
}

impl From<SessionStopReason> for LinkError {
    fn from(reason: SessionStopReason) -> Self {
        match reason {
            SessionStopReason::RemoteEndedWithError(error)
            | SessionStopReason::EndedWithError(error) => {
                Self::of_condition(&error, LinkErrorKind::Lost)
            }
            SessionStopReason::ConnectionStopped(reason) => reason.into(),
            SessionStopReason::RemoteEnded => Self::lost("the broker ended the session"),
            SessionStopReason::Ended => Self::lost("the session ended"),
        }
    }
}

impl From<BeginError> for LinkError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::ConnectionStopped(reason) => reason.into(),
            BeginError::RemoteEndedWithError(error) => {
                Self::of_condition(&error, LinkErrorKind::Lost)
            }
            other => Self::lost(other),
        }
    }
}

impl From<SenderAttachError> for LinkError {
    fn from(error: SenderAttachError) -> Self {
        match error {
            SenderAttachError::SessionStopped(reason) => reason.into(),
            SenderAttachError::RemoteClosedWithError(error) => {
                Self::of_condition(&error, LinkErrorKind::Lost)
            }
            other => Self::lost(other),
        }
    }
}

impl From<ReceiverAttachError> for LinkError {
    fn from(error: ReceiverAttachError) -> Self {
        match error {
            ReceiverAttachError::SessionStopped(reason) => reason.into(),
            ReceiverAttachError::RemoteClosedWithError(error) => {
                Self::of_condition(&error, LinkErrorKind::Lost)
            }
            other => Self::lost(other),
        }
    }
}

impl From<DetachError> for LinkError {
    fn from(error: DetachError) -> Self {
        LinkStateError::from(error).into()
    }
}

impl From<LinkStateError> for LinkError {
    fn from(error: LinkStateError) -> Self {
        match error {
            LinkStateError::SessionStopped(reason) => reason.into(),
            LinkStateError::RemoteDetachedWithError(error)
            | LinkStateError::RemoteClosedWithError(error) => {
                Self::of_condition(&error, LinkErrorKind::Lost)
            }
            LinkStateError::RemoteDetached | LinkStateError::RemoteClosed => {
                Self::lost("the broker detached the link")
            }
            other => Self::lost(other),
        }
    }
}

impl From<SendError> for LinkError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::LinkStateError(error) => error.into(),
            SendError::Detached(error) => error.into(),
            other => Self::lost(other),
        }
    }
}

impl From<RecvError> for LinkError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::LinkStateError(error) => error.into(),
            other => Self::lost(other),
        }
    }
}
