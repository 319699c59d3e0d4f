//! From an event to its request: the same for every attempt (`events-webhook.md` sections 5 and 6).

use std::borrow::Cow;

use crate::event::call::{Event, Subject};
use crate::protocol::cloudevents::{Attributes, Category, Header, body};

/// What the session of a connection knows beyond its [`Subject`].
#[derive(Clone, Copy, Debug)]
pub struct RequestContext<'a> {
    /// The text of [`Subject::connection`]: made once per connection, like the signature.
    pub connection_id: &'a str,
    /// Of [`EventSigner::sign`](crate::auth::EventSigner::sign); absent while local
    /// authentication is disabled.
    pub signature: Option<&'a str>,
    /// Empty until a handler sets it (section 9).
    pub connection_state: &'a str,
    /// Of [`request_id`](crate::protocol::cloudevents::attributes::request_id).
    pub request_id: &'a str,
    pub now_unix_s: u64,
}

/// What is sent by `POST`, apart from what the transport adds: `Content-Length`, `Authorization`
/// and `Cookie`.
#[derive(Debug)]
pub struct EventRequest<'a> {
    /// `Content-Type` among them.
    pub headers: Vec<Header<'a>>,
    pub body: Cow<'a, [u8]>,
}

impl<'a> EventRequest<'a> {
    /// The request that tells of event number `id` of a connection.
    pub fn new(
        subject: &'a Subject,
        id: u64,
        event: &'a Event,
        context: &RequestContext<'a>,
    ) -> Self {
        let (content_type, metadata) = match event {
            Event::User { payload, metadata, .. } => {
                (body::content_type(payload.data_type()), Some(metadata))
            }
            _ => (body::SYSTEM_CONTENT_TYPE, None),
        };
        // Nothing is agreed before the handler has answered (section 5.3).
        let is_agreed = !matches!(event, Event::Connect { .. });
        let attributes = Attributes {
            category: category(event),
            event_name: event.name(),
            id,
            time_unix_s: context.now_unix_s,
            signature: context.signature,
            hub: subject.hub.as_str(),
            connection_id: context.connection_id,
            user_id: subject.user.as_deref(),
            subprotocol: subject.subprotocol.as_deref().filter(|_| is_agreed),
            connection_state: context.connection_state,
            origin: &subject.origin,
            content_type,
            request_id: context.request_id,
            metadata,
        };
        Self { headers: attributes.headers(), body: event_body(event) }
    }
}

fn category(event: &Event) -> Category {
    match event {
        Event::Connect { .. } | Event::Connected | Event::Disconnected { .. } => Category::System,
        Event::User { .. } => Category::User,
        Event::Joined { .. } | Event::Left { .. } => Category::Presence,
    }
}

fn event_body(event: &Event) -> Cow<'_, [u8]> {
    match event {
        Event::Connect { body } => body.into(),
        Event::Connected => body::CONNECTED.into(),
        Event::User { payload, .. } => payload.bytes(),
        Event::Joined { group } | Event::Left { group } => body::presence(group).into(),
        Event::Disconnected { reason } => body::disconnected(reason).into(),
    }
}

#[cfg(test)]
mod tests;
