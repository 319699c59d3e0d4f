//! Who the broker is, and who we are.

use std::sync::Arc;

use fe2o3_amqp::acceptor::{ConnectionAcceptor, SaslPlainMechanism};
use fe2o3_amqp::link::receiver::CreditMode;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::super::{LinkErrorKind, LinkOptions, Outcome};
use super::broker::{Accepted, Broker, Cable, failure, open, open_with, record, settled, soon};
use crate::event::destination::{AmqpAuth, AmqpEndpoint, PartitionBy, PropertyPrefix};
use crate::event::secret::Secret;

fn plain(password: &str) -> AmqpAuth {
    AmqpAuth::Plain { username: "u".to_owned(), password: Secret::new(password) }
}

#[tokio::test]
async fn a_password_is_checked_by_the_broker_and_never_shown() {
    let broker = Broker::listen().await;
    let acceptor = ConnectionAcceptor::builder()
        .container_id("broker")
        .sasl_acceptor(SaslPlainMechanism::new("u", "right password"))
        .build();
    let refuse = async {
        let (tcp, _) = broker.tcp.accept().await.unwrap();
        assert!(acceptor.accept(tcp).await.is_err());
    };
    let (error, ()) = tokio::join!(failure(broker.amqp(plain("wrong password"))), refuse);
    assert_eq!(error.kind, LinkErrorKind::Unauthorized);
    assert!(!format!("{error} {error:?}").contains("password"), "L35: {error}");

    let accept = async {
        let (near, cable) = Cable::new(broker.tcp.accept().await.unwrap().0);
        let mut accepted = Accepted { connection: acceptor.accept(near).await.unwrap(), cable };
        let inbox = accepted.inbox(CreditMode::Auto(10), 0).await;
        (accepted, inbox)
    };
    let (link, _accepted) = tokio::join!(open(broker.amqp(plain("right password")), None), accept);
    assert!(link.is_ok());
}

// Section 5.1: the certificate is verified, for the host's name.
#[tokio::test]
async fn tls_is_spoken_to_hosts_whose_certificates_are_trusted() {
    let broker = Broker::listen().await;
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    // A server that is strict about it refuses those who offer something else.
    server.alpn_protocols = vec![b"amqp".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let options = LinkOptions::from(&AmqpEndpoint {
        authority: broker.authority("localhost", true),
        address: "q".to_owned(),
        prefix: PropertyPrefix::Colon,
        partition_by: PartitionBy::To,
        is_durable: true,
        auth: plain("p"),
    });

    let refuse = async { acceptor.accept(broker.tcp.accept().await.unwrap().0).await.is_err() };
    let (error, is_refused) = tokio::join!(failure(options.clone()), refuse);
    assert!(is_refused);
    assert_eq!(error.kind, LinkErrorKind::Unreachable);
    assert!(error.to_string().starts_with("TLS: "), "{error}");

    let accept = async {
        let tls = acceptor.accept(broker.tcp.accept().await.unwrap().0).await.unwrap();
        assert_eq!(tls.get_ref().1.server_name(), Some("localhost"));
        let (near, cable) = Cable::new(tls);
        let sasl = SaslPlainMechanism::new("u", "p");
        let acceptor = ConnectionAcceptor::builder().container_id("b").sasl_acceptor(sasl).build();
        let mut accepted = Accepted { connection: acceptor.accept(near).await.unwrap(), cable };
        let inbox = accepted.inbox(CreditMode::Auto(10), 0).await;
        (accepted, inbox)
    };
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let (link, (_accepted, mut inbox)) = tokio::join!(open_with(options, None, roots), accept);
    let link = link.unwrap();
    // `partitionBy` `to`: the link leads nowhere, messages say where they go.
    assert_eq!(inbox.events.target().as_ref().unwrap().address, None);
    let pending = link.send(&record(1, b"x"));
    let delivery = soon(inbox.events.recv::<fe2o3_amqp_types::messaging::Data>()).await.unwrap();
    inbox.events.accept(&delivery).await.unwrap();
    assert_eq!(settled(pending).await, Ok(Outcome::Accepted));
}
