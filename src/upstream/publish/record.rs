//! An event as a listener gets it (`events-listener.md` section 4), whatever carries it there.
//!
//! Made when the event is taken, so that the connection's state is that of the moment (section
//! 3.1); the same record goes to all listeners that match, and into their spools.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::event::call::{Event, EventCall};
use crate::protocol::cloudevents::attributes::{metadata_name, source, time};
use crate::protocol::cloudevents::{Category, body};

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The connection's id: what keeps its events together.
    pub connection: String,
    /// Of the connection's events (section 4.2.4).
    pub id: u64,
    pub hub: String,
    pub event: String,
    /// Media type of the body.
    pub content_type: Cow<'static, str>,
    /// Names of CloudEvents attributes without prefix, and their values (section 4.2).
    pub attributes: Vec<(Cow<'static, str>, String)>,
    /// Whole names of further properties, and their values.
    pub properties: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// When it was taken.
    pub taken_unix_ms: u64,
}

impl Record {
    /// The record of an event that listeners may hear of; `None` of any other (section 1).
    pub(super) fn new(call: &EventCall, connection_state: &str, now_unix_ms: u64) -> Option<Self> {
        let (category, content_type, body, metadata) = match &call.event {
            Event::Connected => {
                (Category::System, body::SYSTEM_CONTENT_TYPE, body::CONNECTED.into(), None)
            }
            Event::Disconnected { reason } => {
                let body = body::disconnected(reason);
                (Category::System, body::SYSTEM_CONTENT_TYPE, body, None)
            }
            Event::User { payload, metadata, .. } => {
                let content_type = body::content_type(payload.data_type());
                (Category::User, content_type, payload.bytes().into(), Some(metadata))
            }
            Event::Connect { .. } | Event::Joined { .. } | Event::Left { .. } => return None,
        };
        let subject = &call.subject;
        let (hub, event) = (subject.hub.as_str(), call.event.name());
        let connection = subject.connection.to_string();
        let always = |name, value| Some((Cow::Borrowed(name), value));
        let maybe = |name, value: Option<&str>| {
            let value = value.filter(|value| !value.is_empty())?;
            Some((Cow::Borrowed(name), value.to_owned()))
        };
        let attributes = [
            always("specversion", "1.0".to_owned()),
            always("awpsversion", "1.0".to_owned()),
            always("type", category.event_type(event)),
            always("source", source(hub, &connection)),
            always("id", call.id.to_string()),
            always("time", time(now_unix_ms / 1000)),
            always("hub", hub.to_owned()),
            always("connectionid", connection.clone()),
            always("eventname", event.to_owned()),
            maybe("userid", subject.user.as_deref()),
            maybe("subprotocol", subject.subprotocol.as_deref()),
            maybe("connectionstate", Some(connection_state)),
        ];
        let metadata = metadata.into_iter().flat_map(|metadata| metadata.iter());
        Some(Self {
            id: call.id,
            hub: hub.to_owned(),
            event: event.to_owned(),
            content_type: media_type(content_type).into(),
            attributes: attributes.into_iter().flatten().collect(),
            properties: metadata.map(|(k, v)| (metadata_name(k), v.to_owned())).collect(),
            body,
            taken_unix_ms: now_unix_ms,
            connection,
        })
    }

    /// What tells this event from every other (section 4.1).
    pub fn message_id(&self) -> String {
        format!("{}/{}", self.connection, self.id)
    }
}

/// Without parameters, which HTTP has and brokers do not (section 4.3).
fn media_type(content_type: &'static str) -> &'static str {
    content_type.split(';').next().unwrap_or_default()
}
