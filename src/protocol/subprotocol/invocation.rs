//! Invocations: requests to the event handler whose answer comes back (`client-json.md` section 8).
//!
//! Only the id has to be valid for a request to be answered. Whatever else is wrong with it is
//! therefore part of the message and not a reason to close the connection (section 3.7).
//!
//! Which invocations are pending is left to the shard.

use std::borrow::Cow;

use super::{MessageError, Metadata, Payload};

/// A call that waits for its answer (`client-json.md` section 3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoke<'a> {
    /// Not empty and not too long, see [`is_valid_id`](super::is_valid_id).
    pub invocation_id: Cow<'a, str>,
    /// An error is answered `BadRequest`.
    pub request: Result<InvokeRequest<'a>, MessageError>,
}

/// What the event handler is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokeRequest<'a> {
    /// With the spelling received.
    pub event: Cow<'a, str>,
    pub payload: Option<Payload<'a>>,
    pub metadata: Metadata<'a>,
}
