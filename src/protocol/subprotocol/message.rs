//! The requests of clients, whatever their encoding.
//!
//! A value of these types is valid: names follow their rules, a payload fits its data type,
//! metadata keeps its limits. What the specification calls malformed is therefore no message at
//! all, but the decoder's error.
//!
//! Some requests can be answered although they break a rule, because whoever waits for the answer
//! is known: the start of a stream, a fragment, an invocation, a group state. These carry a
//! [`MessageError`](super::MessageError) in place of what is not valid.

use std::borrow::Cow;

use super::{Invoke, Metadata, Payload, SetGroupState, StreamData, StreamEnd, StreamStart};

/// Longest time to live of a message (`client-json.md` section 2.6).
pub const TTL_SECONDS_MAX: u16 = 300;

/// One request of a client (`client-json.md` section 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// Section 3.1.
    JoinGroup { group: Cow<'a, str>, ack_id: Option<u64> },
    /// Section 3.2.
    LeaveGroup { group: Cow<'a, str>, ack_id: Option<u64> },
    /// Section 3.3.
    SendToGroup(SendToGroup<'a>),
    /// Section 3.4.
    Event(Event<'a>),
    /// Section 3.5: everything up to and including this id has arrived.
    SequenceAck { sequence_id: u64 },
    /// Section 3.6.
    Ping,
    /// Section 7.1: `sendToGroup` with a stream.
    StreamStart(StreamStart<'a>),
    /// Section 3.4: refused with `BadRequest`, for the stream and for the ack id if there is one.
    EventWithStream { stream_id: Cow<'a, str>, ack_id: Option<u64> },
    /// Section 7.2.
    StreamData(StreamData<'a>),
    /// Section 7.3.
    StreamEnd(StreamEnd<'a>),
    /// Section 3.7.
    Invoke(Invoke<'a>),
    /// Section 3.8. Never answered, known or not.
    CancelInvocation { invocation_id: Cow<'a, str> },
    /// Section 3.9: nobody has asked for it, and nothing comes of it.
    InvokeResponse,
    /// Section 9.
    SetGroupState(SetGroupState<'a>),
    /// Section 9.
    SubscribeGroupState { group: Cow<'a, str>, ack_id: Option<u64> },
    /// Section 9.
    UnsubscribeGroupState { group: Cow<'a, str>, ack_id: Option<u64> },
}

/// A message to publish to a group (`client-json.md` section 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendToGroup<'a> {
    pub group: Cow<'a, str>,
    pub payload: Payload<'a>,
    /// Leave the sending connection out.
    pub no_echo: bool,
    pub ack_id: Option<u64>,
    /// 0 for no limit, otherwise at most [`TTL_SECONDS_MAX`].
    pub ttl_seconds: u16,
    pub metadata: Metadata<'a>,
}

/// A user event for the application (`client-json.md` section 3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// With the spelling received.
    pub event: Cow<'a, str>,
    pub payload: Payload<'a>,
    pub ack_id: Option<u64>,
    pub metadata: Metadata<'a>,
}
