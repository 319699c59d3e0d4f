//! The node `$cbs`: puts tokens on a connection (`events-listener.md` section 5.1).
//!
//! A request and its reply are messages on a pair of links; one request is under way at a time. The
//! links stay for as long as the connection, because tokens expire before connections do (L36).

use std::time::Duration;

use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::{Receiver, Sender, Session};
use fe2o3_amqp_types::messaging::{
    AmqpValue, ApplicationProperties, Body, Message, MessageId, Properties, Target,
};
use fe2o3_amqp_types::primitives::{OrderedMap, SimpleValue, Value};
use tokio::time::timeout;

use super::claim::Claim;
use super::condition;
use super::error::{LinkError, LinkErrorKind};

const NODE: &str = "$cbs";
/// For the reply to one request.
const REPLY_DEADLINE: Duration = Duration::from_secs(15);
/// Replies that are not to the last request, before the node is given up.
const STALE_REPLIES_MAX: usize = 8;

/// Both links to the node.
pub(super) struct ClaimsNode {
    requests: Sender,
    replies: Receiver,
    reply_to: String,
    last_request: u64,
    _session: SessionHandle<()>,
}

impl ClaimsNode {
    /// Attaches to the node; `id` is what no other client calls itself.
    pub(super) async fn attach(
        connection: &mut ConnectionHandle<()>,
        id: &str,
    ) -> Result<Self, LinkError> {
        let mut session = Session::begin(connection).await?;
        let reply_to = format!("{id}-cbs");
        let requests = Sender::attach(&mut session, format!("{reply_to}-requests"), NODE).await?;
        let replies = Receiver::builder()
            .name(format!("{reply_to}-replies"))
            .source(NODE)
            .target(Target::builder().address(reply_to.as_str()).build())
            .auto_accept(true)
            .attach(&mut session)
            .await?;
        Ok(Self { requests, replies, reply_to, last_request: 0, _session: session })
    }

    /// Puts a token for `audience` and waits until the broker has taken it.
    pub(super) async fn put(&mut self, claim: &Claim, audience: &str) -> Result<(), LinkError> {
        let replied = timeout(REPLY_DEADLINE, self.request(claim, audience)).await;
        let Ok(replied) = replied else {
            return Err(LinkError::lost("put-token: no reply in time"));
        };
        let (status, description) = replied?;
        let kind = match status {
            200 | 202 => return Ok(()),
            401 | 403 => LinkErrorKind::Unauthorized,
            404 => LinkErrorKind::NotFound,
            _ => LinkErrorKind::Lost,
        };
        // The broker has the token and might repeat it (L35).
        let description = description.replace(claim.token.as_str(), "(token)");
        let description = condition::clean(&description);
        Err(LinkError::new(kind, format_args!("put-token: status {status} {description}")))
    }

    async fn request(&mut self, claim: &Claim, audience: &str) -> Result<(i64, String), LinkError> {
        // A reply to a request that was given up is not taken for the next one's.
        self.last_request += 1;
        let id = MessageId::String(format!("{}/{}", self.reply_to, self.last_request));
        let request = request(claim, audience, id.clone(), &self.reply_to);
        // Its outcome says nothing that the reply does not.
        drop(self.requests.send_batchable(request).await?);
        for _ in 0..STALE_REPLIES_MAX {
            let reply = self.replies.recv::<Body<Value>>().await?.into_message();
            let answered = reply.properties.as_ref().and_then(|of| of.correlation_id.as_ref());
            if answered.is_none_or(|answered| *answered == id) {
                return status(reply.application_properties.as_ref())
                    .ok_or_else(|| LinkError::lost("put-token: the reply has no status"));
            }
        }
        Err(LinkError::lost("put-token: the replies are not to this request"))
    }
}

fn request(
    claim: &Claim,
    audience: &str,
    id: MessageId,
    reply_to: &str,
) -> Message<AmqpValue<String>> {
    let properties = Properties {
        message_id: Some(id),
        reply_to: Some(reply_to.to_owned()),
        ..Properties::default()
    };
    let application_properties = ApplicationProperties::builder()
        .insert("operation", "put-token")
        .insert("type", claim.kind.name())
        .insert("name", audience)
        .build();
    Message::builder()
        .properties(properties)
        .application_properties(application_properties)
        .value(claim.token.as_str().to_owned())
        .build()
}

/// The reply's status and what is said about it.
fn status(properties: Option<&ApplicationProperties>) -> Option<(i64, String)> {
    let map = &properties?.0;
    let status = number(map, "status-code")?;
    let description = match map.get("status-description") {
        Some(SimpleValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    Some((status, description))
}

/// Of whichever width the broker chose.
fn number(map: &OrderedMap<String, SimpleValue>, name: &str) -> Option<i64> {
    match *map.get(name)? {
        SimpleValue::Int(value) => Some(value.into()),
        SimpleValue::Uint(value) => Some(value.into()),
        SimpleValue::Short(value) => Some(value.into()),
        SimpleValue::Ushort(value) => Some(value.into()),
        SimpleValue::Long(value) => Some(value),
        SimpleValue::Ulong(value) => i64::try_from(value).ok(),
        _ => None,
    }
}
