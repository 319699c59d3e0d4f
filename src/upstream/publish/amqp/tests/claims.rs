//! Tokens are put before the link is attached, and again while it works.

use std::time::Duration;

use fe2o3_amqp::acceptor::{LinkAcceptor, LinkEndpoint, ListenerSessionHandle};
use fe2o3_amqp::link::receiver::CreditMode;
use fe2o3_amqp::{Receiver, Sender};
use fe2o3_amqp_types::messaging::{AmqpValue, ApplicationProperties, Body, Message, Properties};
use fe2o3_amqp_types::primitives::{SimpleValue, Value};

use super::super::{Claim, ClaimKind, LinkErrorKind, Outcome};
use super::broker::{Accepted, Broker, open, record, settled, soon};
use crate::event::secret::Secret;

fn claim(token: &str) -> Claim {
    let token = Secret::new(token);
    Claim { kind: ClaimKind::Jwt, token, renew_after: Duration::from_secs(60) }
}

/// A broker's `$cbs`.
struct Node {
    requests: Receiver,
    replies: Sender,
    _session: ListenerSessionHandle,
}

impl Node {
    async fn accept(accepted: &mut Accepted) -> Self {
        let mut session = accepted.session().await;
        let acceptor = LinkAcceptor::new();
        let LinkEndpoint::Receiver(requests) = acceptor.accept(&mut session).await.unwrap() else {
            panic!("requests first")
        };
        let LinkEndpoint::Sender(replies) = acceptor.accept(&mut session).await.unwrap() else {
            panic!("then replies")
        };
        let target = requests.target().as_ref().unwrap().address.clone();
        assert_eq!(target.as_deref(), Some("$cbs"));
        let source = replies.source().as_ref().unwrap().address.clone();
        assert_eq!(source.as_deref(), Some("$cbs"));
        Self { requests, replies, _session: session }
    }

    /// Answers one request, which is right in all its parts.
    async fn answer(&mut self, token: &str, status: i32, description: &str) {
        let delivery = soon(self.requests.recv::<AmqpValue<String>>()).await.unwrap();
        self.requests.accept(&delivery).await.unwrap();
        let request = delivery.into_message();
        assert_eq!(request.body.0, token);
        let map = request.application_properties.unwrap().0;
        let string = |text: &str| Some(SimpleValue::String(text.to_owned()));
        assert_eq!(map.get("operation").cloned(), string("put-token"));
        assert_eq!(map.get("type").cloned(), string("jwt"));
        assert_eq!(map.get("name").cloned(), string("amqp://ns.example/client-events"));
        let asked = request.properties.unwrap();
        assert!(asked.reply_to.is_some());
        let reply = Message::builder()
            .properties(Properties { correlation_id: asked.message_id, ..Properties::default() })
            .application_properties(
                ApplicationProperties::builder()
                    .insert("status-code", status)
                    .insert("status-description", description)
                    .build(),
            )
            .body(Body::<Value>::Empty)
            .build();
        drop(soon(self.replies.send_batchable(reply)).await.unwrap());
    }
}

// L36
#[tokio::test]
async fn a_token_comes_before_the_link_and_is_renewed_between_messages() {
    let broker = Broker::listen().await;
    let accept = async {
        let mut accepted = broker.accept().await;
        let mut node = Node::accept(&mut accepted).await;
        node.answer("first", 202, "Accepted").await;
        let inbox = accepted.inbox(CreditMode::Auto(10), 0).await;
        (accepted, node, inbox)
    };
    let first = claim("first");
    let (link, (_accepted, mut node, mut inbox)) =
        tokio::join!(open(broker.event_hub(), Some(&first)), accept);
    let link = link.unwrap();
    let target = inbox.events.target().as_ref().unwrap().address.clone();
    assert_eq!(target.as_deref(), Some("client-events"));

    let second = claim("second");
    let mut renewal = Box::pin(link.put_token(&second));
    assert!(futures_lite::future::poll_once(&mut renewal).await.is_none());
    let pending = link.send(&record(1, b"x"));
    let delivery = soon(inbox.events.recv::<Body<Value>>()).await.unwrap();
    inbox.events.accept(&delivery).await.unwrap();
    assert_eq!(settled(pending).await, Ok(Outcome::Accepted), "while the token is on its way");
    let (renewed, ()) = tokio::join!(renewal, node.answer("second", 200, "OK"));
    assert_eq!(renewed, Ok(()));

    let third = claim("third-token");
    let refusal = node.answer("third-token", 401, "InvalidSignature: third-token is bad");
    let (refused, ()) = tokio::join!(link.put_token(&third), refusal);
    let refused = refused.unwrap_err();
    assert_eq!(refused.kind, LinkErrorKind::Unauthorized);
    // L35
    assert_eq!(refused.to_string(), "put-token: status 401 InvalidSignature: (token) is bad");
    assert!(futures_lite::future::poll_once(Box::pin(link.lost())).await.is_none());
}

#[tokio::test]
async fn no_link_is_attached_without_a_token_that_was_taken() {
    for (status, kind) in [
        (401, LinkErrorKind::Unauthorized),
        (404, LinkErrorKind::NotFound),
        (500, LinkErrorKind::Unreachable),
    ] {
        let broker = Broker::listen().await;
        let accept = async {
            let mut accepted = broker.accept().await;
            let mut node = Node::accept(&mut accepted).await;
            node.answer("token", status, "no").await;
            (accepted, node)
        };
        let claim = claim("token");
        let (opened, _kept) = tokio::join!(open(broker.event_hub(), Some(&claim)), accept);
        assert_eq!(opened.err().map(|error| error.kind), Some(kind));
    }
}
