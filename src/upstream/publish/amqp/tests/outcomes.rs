//! What a broker says about messages, or does not.

use fe2o3_amqp::link::receiver::CreditMode;
use fe2o3_amqp_types::definitions::{AmqpError, Error, ErrorCondition};
use fe2o3_amqp_types::messaging::{Body, MessageId, Modified};
use fe2o3_amqp_types::primitives::Value;

use super::super::{Outcome, Pending};
use super::broker::{Broker, Inbox, record, settled, soon};

async fn is_pending(pending: &mut Pending) -> bool {
    // Everything that can happen without us has happened by then.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    futures_lite::future::poll_once(pending).await.is_none()
}

impl Inbox {
    async fn next(&mut self) -> fe2o3_amqp::Delivery<Body<Value>> {
        soon(self.events.recv()).await.unwrap()
    }
}

// Section 7.3.
#[tokio::test]
async fn messages_arrive_in_order_and_may_be_settled_in_any() {
    let broker = Broker::listen().await;
    let (link, _connection, mut inbox) = broker.link().await;
    let sent: Vec<_> = (0..5).map(|id| link.send(&record(id, b"hello"))).collect();
    let mut received = Vec::new();
    for id in 0..5 {
        let delivery = inbox.next().await;
        let properties = delivery.message().properties.as_ref().unwrap();
        assert_eq!(properties.message_id, Some(MessageId::String(format!("c1/{id}"))));
        received.push(delivery);
    }
    let condition = |symbol: &str| Error::new(ErrorCondition::Custom(symbol.into()), None, None);
    let modified = Modified {
        delivery_failed: Some(true),
        undeliverable_here: None,
        message_annotations: None,
    };
    let events = &inbox.events;
    events.reject(&received[4], condition("com.microsoft:server-busy")).await.unwrap();
    let description = Some("not for you".to_owned());
    let refusal = Error::new(AmqpError::NotAllowed, description, None);
    events.reject(&received[3], refusal).await.unwrap();
    events.modify(&received[2], modified).await.unwrap();
    events.release(&received[1]).await.unwrap();
    events.accept(&received[0]).await.unwrap();
    let mut outcomes = Vec::new();
    for pending in sent {
        outcomes.push(settled(pending).await.unwrap());
    }
    assert_eq!(
        outcomes,
        [
            Outcome::Accepted,
            Outcome::Again("released".to_owned()),
            Outcome::Again("modified".to_owned()),
            Outcome::Rejected("amqp:not-allowed: not for you".to_owned()),
            Outcome::Again("com.microsoft:server-busy".to_owned()),
        ]
    );
}

// L29
#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_sent_and_others_go_on() {
    let broker = Broker::listen().await;
    let (link, _connection, mut inbox) = broker.link_with(CreditMode::Auto(10), 1000).await;
    let large = link.send(&record(1, &[b'x'; 2000]));
    let small = link.send(&record(2, b"x"));
    assert!(matches!(settled(large).await, Ok(Outcome::TooLarge(_))));
    let delivery = inbox.next().await;
    inbox.events.accept(&delivery).await.unwrap();
    assert_eq!(settled(small).await, Ok(Outcome::Accepted));
}

// L10: larger than any frame.
#[tokio::test]
async fn a_message_of_a_mebibyte_arrives_whole() {
    let broker = Broker::listen().await;
    let (link, _connection, mut inbox) = broker.link().await;
    let body: Vec<u8> = (0..1024 * 1024).map(|at: u32| at.to_be_bytes()[3]).collect();
    let pending = link.send(&record(1, &body));
    let delivery = inbox.next().await;
    inbox.events.accept(&delivery).await.unwrap();
    let Body::Data(sections) = delivery.into_body() else { panic!("no data section") };
    let sections: Vec<_> = sections.into_iter().map(|data| data.0.into_vec()).collect();
    assert!(sections == [body]);
    assert_eq!(settled(pending).await, Ok(Outcome::Accepted));
}

// Section 5.1: link credit is respected.
#[tokio::test]
async fn without_credit_messages_wait() {
    let broker = Broker::listen().await;
    let (link, _connection, mut inbox) = broker.link_with(CreditMode::Manual, 0).await;
    let mut first = link.send(&record(1, b"x"));
    let mut second = link.send(&record(2, b"x"));
    assert!(is_pending(&mut first).await);
    inbox.events.set_credit(1).await.unwrap();
    let delivery = inbox.next().await;
    inbox.events.accept(&delivery).await.unwrap();
    assert_eq!(settled(first).await, Ok(Outcome::Accepted));
    assert!(is_pending(&mut second).await);
    inbox.events.set_credit(1).await.unwrap();
    let delivery = inbox.next().await;
    inbox.events.accept(&delivery).await.unwrap();
    assert_eq!(settled(second).await, Ok(Outcome::Accepted));
}

// A dropped wait is not a message half sent: what comes after it is intact.
#[tokio::test]
async fn giving_up_a_wait_disturbs_no_other_message() {
    let broker = Broker::listen().await;
    let (link, _connection, mut inbox) = broker.link_with(CreditMode::Manual, 0).await;
    drop(link.send(&record(1, &[1; 500_000])));
    let mut second = link.send(&record(2, b"x"));
    assert!(is_pending(&mut second).await);
    inbox.events.set_credit(2).await.unwrap();
    for _ in 0..2 {
        let delivery = inbox.next().await;
        inbox.events.accept(&delivery).await.unwrap();
    }
    assert_eq!(settled(second).await, Ok(Outcome::Accepted));
}
