//! Brokers on this machine, played by the tests step by step with the library's other side.

use std::sync::Arc;
use std::time::Duration;

use fe2o3_amqp::Receiver;
use fe2o3_amqp::acceptor::{
    ConnectionAcceptor, LinkAcceptor, LinkEndpoint, ListenerConnectionHandle,
    ListenerSessionHandle, SaslAnonymousMechanism, SessionAcceptor,
};
use fe2o3_amqp::link::receiver::CreditMode;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, copy_bidirectional, duplex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::{Claim, Link, LinkError, LinkOptions, Outcome, Pending};
use crate::event::destination::{
    AmqpAuth, AmqpEndpoint, Authority, ClaimsAuth, EventHubEndpoint, PartitionBy, PropertyPrefix,
};
use crate::upstream::publish::record::Record;

/// Before a test gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A port where a broker listens.
pub(super) struct Broker {
    pub(super) tcp: TcpListener,
}

/// A broker's side of a connection.
pub(super) struct Accepted {
    pub(super) connection: ListenerConnectionHandle,
    pub(super) cable: Cable,
}

/// What carries the bytes of a broker; dropping it closes the socket without a word.
pub(super) struct Cable(JoinHandle<()>);

impl Cable {
    pub(super) fn new(
        mut socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> (DuplexStream, Self) {
        let (near, mut far) = duplex(64 * 1024);
        let carry = async move { drop(copy_bidirectional(&mut far, &mut socket).await) };
        (near, Self(tokio::spawn(carry)))
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A broker's side of a link; the session goes with it.
pub(super) struct Inbox {
    pub(super) events: Receiver,
    pub(super) session: ListenerSessionHandle,
}

impl Broker {
    pub(super) async fn listen() -> Self {
        Self { tcp: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(super) fn authority(&self, host: &str, is_tls: bool) -> Authority {
        let port = self.tcp.local_addr().unwrap().port();
        Authority { is_tls, host: host.to_owned(), port }
    }

    pub(super) fn amqp(&self, auth: AmqpAuth) -> LinkOptions {
        LinkOptions::from(&AmqpEndpoint {
            authority: self.authority("127.0.0.1", false),
            address: "/queues/events".to_owned(),
            prefix: PropertyPrefix::Colon,
            partition_by: PartitionBy::None,
            is_durable: true,
            auth,
        })
    }

    pub(super) fn event_hub(&self) -> LinkOptions {
        LinkOptions::from(&EventHubEndpoint {
            authority: self.authority("127.0.0.1", false),
            namespace: "ns.example".to_owned(),
            event_hub: "client-events".to_owned(),
            auth: ClaimsAuth::Identity,
        })
    }

    /// The next connection, without a question who it is.
    pub(super) async fn accept(&self) -> Accepted {
        let (tcp, _) = self.tcp.accept().await.unwrap();
        let (near, cable) = Cable::new(tcp);
        let acceptor = ConnectionAcceptor::builder()
            .container_id("broker")
            .sasl_acceptor(SaslAnonymousMechanism::new())
            .build();
        Accepted { connection: acceptor.accept(near).await.unwrap(), cable }
    }

    /// A link to a broker that gives credit for 100 events.
    pub(super) async fn link(&self) -> (Link, Accepted, Inbox) {
        self.link_with(CreditMode::Auto(100), 0).await
    }

    /// A link to a broker that takes messages of so many bytes; 0 is any.
    pub(super) async fn link_with(
        &self,
        credit: CreditMode,
        message_bytes_max: u64,
    ) -> (Link, Accepted, Inbox) {
        let accept = async {
            let mut accepted = self.accept().await;
            let inbox = accepted.inbox(credit, message_bytes_max).await;
            (accepted, inbox)
        };
        let opening = open(self.amqp(AmqpAuth::Anonymous), None);
        let (link, (accepted, inbox)) = tokio::join!(opening, accept);
        (link.unwrap(), accepted, inbox)
    }
}

impl Accepted {
    pub(super) async fn session(&mut self) -> ListenerSessionHandle {
        SessionAcceptor::new().accept(&mut self.connection).await.unwrap()
    }

    /// The session and the link of events.
    pub(super) async fn inbox(&mut self, credit: CreditMode, message_bytes_max: u64) -> Inbox {
        let mut session = self.session().await;
        let mut acceptor = LinkAcceptor::builder();
        if message_bytes_max > 0 {
            acceptor = acceptor.max_message_size(message_bytes_max);
        }
        let LinkEndpoint::Receiver(mut events) =
            acceptor.build().accept(&mut session).await.unwrap()
        else {
            panic!("we only send")
        };
        events.set_credit_mode(credit.clone());
        if let CreditMode::Auto(credit) = credit {
            events.set_credit(credit).await.unwrap();
        }
        Inbox { events, session }
    }
}

pub(super) async fn open(options: LinkOptions, claim: Option<&Claim>) -> Result<Link, LinkError> {
    open_with(options, claim, RootCertStore::empty()).await
}

pub(super) async fn open_with(
    options: LinkOptions,
    claim: Option<&Claim>,
    roots: RootCertStore,
) -> Result<Link, LinkError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    Link::open(options, claim, &Arc::new(tls)).await
}

/// What an opening link fails with.
pub(super) async fn failure(options: LinkOptions) -> LinkError {
    match open(options, None).await {
        Ok(_) => panic!("there is a link"),
        Err(error) => error,
    }
}

/// Within the patience of a test.
pub(super) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("within ten seconds")
}

pub(super) async fn settled(pending: Pending) -> Result<Outcome, LinkError> {
    soon(pending).await
}

pub(super) fn record(id: u64, body: &[u8]) -> Record {
    Record {
        connection: "c1".to_owned(),
        id,
        hub: "chat".to_owned(),
        event: "message".to_owned(),
        content_type: "text/plain".into(),
        attributes: vec![("id".into(), id.to_string())],
        properties: Vec::new(),
        body: body.to_vec(),
        taken_unix_ms: 0,
    }
}
