//! The names of failures on the wire, one enum for each kind of answer.
//!
//! Client libraries and applications compare these names, so they never change; the message
//! beside a name is for humans and may. They are the same in every encoding.

/// Why a request with an ack id failed (`client-json.md` section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckError {
    /// The permission is missing.
    Forbidden,
    /// The id belongs to a request that was executed before.
    Duplicate,
    /// The event failed; the client may retry with the same id.
    InternalServerError,
    /// Well-formed, but impossible here and now.
    BadRequest,
}

impl AckError {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forbidden => "Forbidden",
            Self::Duplicate => "Duplicate",
            Self::InternalServerError => "InternalServerError",
            Self::BadRequest => "BadRequest",
        }
    }
}

/// What is wrong with a stream or one of its fragments (`client-json.md` section 7).
///
/// Publishers never see [`Self::UserError`] and [`Self::Cancelled`]; subscribers see nothing of
/// the first three, nor [`Self::BadRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// No stream of that id is active on the connection.
    StreamNotFound,
    /// A fragment has come before its turn; the stream goes on.
    InvalidSequenceId,
    /// The fragment may be sent again; the stream goes on.
    TransientError,
    /// Nothing came in for too long.
    IdleTimeout,
    /// The publisher is gone, or broke the rules.
    Cancelled,
    /// The permission to send is missing.
    Forbidden,
    /// The request can never be executed.
    BadRequest,
    InternalServerError,
    /// The publisher ended the stream with an error of its own.
    UserError,
}

impl StreamError {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StreamNotFound => "StreamNotFound",
            Self::InvalidSequenceId => "InvalidSequenceId",
            Self::TransientError => "TransientError",
            Self::IdleTimeout => "IdleTimeout",
            Self::Cancelled => "Cancelled",
            Self::Forbidden => "Forbidden",
            Self::BadRequest => "BadRequest",
            Self::InternalServerError => "InternalServerError",
            Self::UserError => "UserError",
        }
    }
}

/// Why an invocation failed (`client-json.md` section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationError {
    /// The request breaks a rule, its id is pending, or too many are.
    BadRequest,
    /// No handler takes the event.
    NotFound,
    /// The handler did not answer in time.
    Timeout,
    /// The handler failed or was not reached.
    InternalServerError,
}

impl InvocationError {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "BadRequest",
            Self::NotFound => "NotFound",
            Self::Timeout => "Timeout",
            Self::InternalServerError => "InternalServerError",
        }
    }
}
