//! What clients mean: the messages of the PubSub subprotocols, whatever their encoding.
//!
//! A decoder ([`json`], [`protobuf`]) turns one WebSocket message into a [`ClientMessage`] that
//! borrows from it; the encoders write what the server answers. The rules on values (names,
//! metadata, payloads) are the same for every encoding, for REST and for the token, so they live
//! here and beside.
//!
//! Whoever executes a message checks permissions, not syntax. What is not valid is a
//! [`MessageError`], and the connection that sent it is closed (`client-json.md` section 1.1),
//! unless the message says otherwise.
//!
//! Who is in which group, acks already given and sequence numbers are left to the hub and shard.

mod answer;
mod error_name;
mod group_state;
mod invocation;
pub mod json;
mod kind;
mod message;
mod message_error;
mod metadata;
mod name;
mod payload;
pub mod protobuf;
mod repeated;
mod stream;

pub use answer::Answer;
pub use error_name::{AckError, InvocationError, StreamError};
pub use group_state::{
    GROUP_STATE_BYTES_MAX, GroupState, GroupStateBuilder, GroupStateItem, SetGroupState,
};
pub use invocation::{Invoke, InvokeRequest};
pub use kind::{Encoding, Subprotocol};
pub use message::{ClientMessage, Event, SendToGroup, TTL_SECONDS_MAX};
pub use message_error::{MessageError, Property};
pub use metadata::{Metadata, MetadataBuilder, MetadataError, RepeatedKey};
pub use name::{
    EVENT_NAME_CHARS_MAX, GROUP_NAME_CHARS_MAX, ID_CHARS_MAX, is_valid_event_name, is_valid_id,
    validate_group_name,
};
pub use payload::{DataType, Payload};
pub use stream::{
    EndOfStream, STREAM_IDLE_TIMEOUT_MS_DEFAULT, StreamContent, StreamData, StreamEnd,
    StreamFailure, StreamPart, StreamSettings, StreamStart, UserError,
};
