//! Group streams: what a publisher says about one, and what its subscribers are told.
//!
//! A stream is one publisher's ordered sequence of fragments to a group (`client-json.md`
//! section 7). Its id is unique among the active streams of the publisher's connection, nowhere
//! else. A fragment reaches subscribers as a group message with a [`StreamPart`].
//!
//! Which streams are active, what they expect next and when they time out is left to the shard.

use std::borrow::Cow;

use super::{MessageError, Payload, StreamError};

/// How long a stream may be idle if its publisher does not say (`client-json.md` section 7.1).
pub const STREAM_IDLE_TIMEOUT_MS_DEFAULT: u32 = 300_000;

/// The request to open a stream (`client-json.md` section 7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamStart<'a> {
    pub group: Cow<'a, str>,
    /// Not empty and not too long, see [`is_valid_id`](super::is_valid_id).
    pub stream_id: Cow<'a, str>,
    pub ack_id: Option<u64>,
    /// An error is answered `BadRequest`.
    pub settings: Result<StreamSettings, MessageError>,
}

/// What holds for all messages of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// Leave the publishing connection out.
    pub no_echo: bool,
    /// At least 1.
    pub idle_timeout_ms: u32,
}

/// A fragment of a stream, or a sign of life (`client-json.md` section 7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamData<'a> {
    pub stream_id: Cow<'a, str>,
    pub content: StreamContent<'a>,
}

/// What a [`StreamData`] brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamContent<'a> {
    /// Nothing: the stream is idle but wanted.
    KeepAlive,
    /// The id counts the fragments of the stream from 1.
    Fragment { sequence_id: u64, payload: Payload<'a> },
    /// A part of a fragment, or one with id 0. The stream is closed with `BadRequest`.
    Refused(MessageError),
}

/// The end of a stream, as its publisher wants it (`client-json.md` section 7.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEnd<'a> {
    pub stream_id: Cow<'a, str>,
    pub error: Option<UserError<'a>>,
}

/// Why a publisher gave up, for its subscribers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserError<'a> {
    pub message: Option<Cow<'a, str>>,
    pub user_error_code: Option<Cow<'a, str>>,
}

/// Which part of a stream a group message is (`client-json.md` section 7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPart<'a> {
    pub stream_id: &'a str,
    /// Of the fragment; in a terminal message the id that would have come next.
    pub sequence_id: u64,
    /// Only in the terminal message, whose payload is an empty text.
    pub end: Option<EndOfStream<'a>>,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndOfStream<'a> {
    Normal,
    Failed(StreamFailure<'a>),
}

/// The error in a terminal message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFailure<'a> {
    pub error: StreamError,
    pub message: Option<&'a str>,
    /// Only with [`StreamError::UserError`].
    pub user_error_code: Option<&'a str>,
}
