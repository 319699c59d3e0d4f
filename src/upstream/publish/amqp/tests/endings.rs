//! How links end, and how they do not come to be.

use fe2o3_amqp::acceptor::SessionAcceptor;
use fe2o3_amqp_types::definitions::{AmqpError, ConnectionError, Error};
use fe2o3_amqp_types::messaging::Body;
use fe2o3_amqp_types::primitives::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::{LinkErrorKind, Outcome};
use super::broker::{Broker, failure, open, record, settled, soon};
use crate::event::destination::AmqpAuth;

// L31: all that was unsettled is told, so that it can be sent again.
#[tokio::test]
async fn a_cut_connection_is_noticed_and_ends_every_wait() {
    let broker = Broker::listen().await;
    let (link, connection, mut inbox) = broker.link().await;
    let sent: Vec<_> = (0..200).map(|id| link.send(&record(id, b"x"))).collect();
    let first = soon(inbox.events.recv::<Body<Value>>()).await.unwrap();
    inbox.events.accept(&first).await.unwrap();
    let mut sent = sent.into_iter();
    assert_eq!(settled(sent.next().unwrap()).await, Ok(Outcome::Accepted));
    drop(connection.cable);
    assert_eq!(soon(link.lost()).await.kind, LinkErrorKind::Lost);
    // Under way as well as without credit.
    for pending in sent {
        assert_eq!(settled(pending).await.unwrap_err().kind, LinkErrorKind::Lost);
    }
    assert_eq!(settled(link.send(&record(9, b"x"))).await.unwrap_err().kind, LinkErrorKind::Lost);
    soon(link.close()).await;
}

#[tokio::test]
async fn a_detach_by_an_idle_broker_is_noticed_with_its_condition() {
    let broker = Broker::listen().await;
    let (link, _connection, inbox) = broker.link().await;
    let pending = link.send(&record(1, b"x"));
    let gone = Error::new(AmqpError::UnauthorizedAccess, Some("token expired".to_owned()), None);
    let _session = inbox.session;
    tokio::spawn(async { drop(inbox.events.close_with_error(gone).await) });
    let lost = soon(link.lost()).await;
    assert_eq!(lost.kind, LinkErrorKind::Unauthorized);
    assert_eq!(lost.to_string(), "amqp:unauthorized-access: token expired");
    assert!(settled(pending).await.is_err());
}

#[tokio::test]
async fn a_close_by_the_broker_is_noticed() {
    let broker = Broker::listen().await;
    let (link, mut connection, _inbox) = broker.link().await;
    let forced = Error::new(ConnectionError::ConnectionForced, None, None);
    tokio::spawn(async move { drop(connection.connection.close_with_error(forced).await) });
    let lost = soon(link.lost()).await;
    assert_eq!(
        (lost.kind, lost.to_string().as_str()),
        (LinkErrorKind::Lost, "amqp:connection:forced")
    );
}

#[tokio::test]
async fn a_close_is_orderly_and_a_drop_is_not() {
    let broker = Broker::listen().await;
    let (link, mut connection, _inbox) = broker.link().await;
    soon(link.close()).await;
    let closed = soon(connection.connection.on_close()).await;
    assert!(
        matches!(closed, Ok(()) | Err(fe2o3_amqp::connection::Error::RemoteClosed)),
        "{closed:?}"
    );

    let (link, mut connection, _inbox) = broker.link().await;
    drop(link);
    let closed = soon(connection.connection.on_close()).await;
    assert!(
        matches!(
            closed,
            Err(fe2o3_amqp::connection::Error::IllegalState
                | fe2o3_amqp::connection::Error::TransportError(_))
        ),
        "{closed:?}"
    );
}

// Section 7.3: tried again, and logged as an error.
#[tokio::test]
async fn an_address_that_is_not_there_is_told_from_other_failures() {
    let broker = Broker::listen().await;
    let refuse = async {
        let mut accepted = broker.accept().await;
        let mut session = SessionAcceptor::new().accept(&mut accepted.connection).await.unwrap();
        session.next_incoming_attach().await.unwrap();
        let error = Error::new(AmqpError::NotFound, Some("no queue".to_owned()), None);
        session.end_with_error(error).await.unwrap();
        accepted
    };
    let (error, _accepted) = tokio::join!(failure(broker.amqp(AmqpAuth::Anonymous)), refuse);
    assert_eq!(error.kind, LinkErrorKind::NotFound);
    assert_eq!(error.to_string(), "amqp:not-found: no queue");
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let broker = Broker::listen().await;
    let options = broker.amqp(AmqpAuth::Anonymous);
    drop(broker);
    let error = failure(options).await;
    assert_eq!(error.kind, LinkErrorKind::Unreachable);
    assert!(error.to_string().starts_with("TCP: "), "{error}");
}

#[tokio::test]
async fn a_broker_that_never_answers_is_given_up() {
    let broker = Broker::listen().await;
    let silence = async {
        let accepted = broker.tcp.accept().await.unwrap();
        // From here on there is nothing to wait for but the deadline.
        tokio::time::pause();
        std::future::pending::<()>().await;
        drop(accepted);
    };
    let error = tokio::select! {
        opened = open(broker.amqp(AmqpAuth::Anonymous), None) => opened.err().unwrap(),
        () = silence => unreachable!(),
    };
    assert_eq!(error.kind, LinkErrorKind::Unreachable);
}

// The library would panic, or reserve gigabytes.
#[tokio::test]
async fn malformed_frames_end_the_connection_and_nothing_else() {
    for nonsense in [
        &b"AMQP\x03\x01\x00\x00\x00\x00\x00\x04"[..],
        b"AMQP\x03\x01\x00\x00\x00\x00\x00\x10\x02\x01\x00\x00\x00\x53\x40\xc0\xff\x01\xf0\xff",
        b"AMQP\x03\x01\x00\x00\x00\x00\x00\x10\x02\x01\x00\x00\x00\x53\x40\xb1\xff\xff\xff\xff",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        let broker = Broker::listen().await;
        let speak = async {
            let (mut tcp, _) = broker.tcp.accept().await.unwrap();
            tcp.write_all(nonsense).await.unwrap();
            let mut rest = Vec::new();
            drop(tcp.read_to_end(&mut rest).await);
        };
        let (error, ()) =
            soon(async { tokio::join!(failure(broker.amqp(AmqpAuth::Anonymous)), speak) }).await;
        assert_eq!(error.kind, LinkErrorKind::Unreachable);
    }
}
