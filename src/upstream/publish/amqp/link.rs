//! A link to a broker: made, used, lost or closed.
//!
//! Any number of messages may be under way at once; the broker settles them in any order. What is
//! unsettled when a link is lost is its owner's to send again on the next one (L31): nothing is
//! kept here. Dropping a link cuts its connection.

use std::sync::Arc;
use std::time::Duration;

use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::{Connection, Sender, Session};
use fe2o3_amqp_types::definitions::SenderSettleMode;
use fe2o3_amqp_types::messaging::Target;
use rustls::ClientConfig;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::record::Record;
use super::claim::Claim;
use super::claims_node::ClaimsNode;
use super::courier::{Courier, Parcel};
use super::error::LinkError;
use super::frame_check::FRAME_BYTES_MAX;
use super::options::{LinkOptions, Sasl};
use super::pending::Pending;
use super::wire::{Cut, Wire};

/// From the first packet to the attached link.
const OPEN_DEADLINE: Duration = Duration::from_secs(30);
/// For the broker to say goodbye.
const CLOSE_DEADLINE: Duration = Duration::from_secs(3);
/// After so long without a frame the broker is taken for dead. The library announces half of it,
/// which is the 60 s of section 5.1.
const IDLE_TIMEOUT_MS: u32 = 120_000;

/// A sending link with a connection of its own.
pub struct Link {
    options: LinkOptions,
    parcels: mpsc::UnboundedSender<Parcel>,
    loss: watch::Receiver<Option<LinkError>>,
    claims: Option<Mutex<ClaimsNode>>,
    close: oneshot::Sender<()>,
    courier: JoinHandle<()>,
    _cut: Cut,
}

impl Link {
    /// Connects, authenticates and attaches, all within 30 s. A claim is wanted if the options have
    /// an audience.
    ///
    /// To be called within a tokio runtime, where the link's tasks then run.
    ///
    /// # Errors
    /// Whatever step fails; everything made for it is gone.
    pub async fn open(
        options: LinkOptions,
        claim: Option<&Claim>,
        tls: &Arc<ClientConfig>,
    ) -> Result<Self, LinkError> {
        // Boxed: its future is several KiB, and rarely there.
        let opening = Box::pin(open(options, claim, tls));
        match timeout(OPEN_DEADLINE, opening).await {
            Ok(opened) => opened.map_err(LinkError::before_link),
            Err(_) => Err(LinkError::unreachable("the broker does not answer in time")),
        }
    }

    /// Hands an event over to be sent, after all that were handed over before.
    ///
    /// Does not wait, and has no bound: how much may be unsettled is the caller's decision. Waiting
    /// for credit and for the outcome are both in what it returns.
    pub fn send(&self, record: &Record) -> Pending {
        let (departed, departure) = oneshot::channel();
        let message = self.options.mapping.message(record);
        // Refused after the link was lost only, and then what is returned says so.
        drop(self.parcels.send(Parcel { message, departed }));
        Pending::new(departure, self.loss.clone())
    }

    /// Puts another token on the connection, while messages go on (L36). Nothing to do without an
    /// audience.
    ///
    /// # Errors
    /// It is refused, or the connection is lost. The link works for as long as the token before.
    pub async fn put_token(&self, claim: &Claim) -> Result<(), LinkError> {
        let (Some(claims), Some(audience)) = (&self.claims, self.options.audience()) else {
            return Ok(());
        };
        claims.lock().await.put(claim, audience).await
    }

    /// Resolves when the link is lost, at once if it is already. May be dropped at any time.
    pub async fn lost(&self) -> LinkError {
        let mut loss = self.loss.clone();
        match loss.wait_for(Option::is_some).await {
            Ok(error) => error.clone(),
            Err(_) => None,
        }
        .unwrap_or_else(|| LinkError::lost("link closed"))
    }

    /// Says goodbye, for 3 s at most. What is unsettled is not waited for.
    pub async fn close(self) {
        if self.close.send(()).is_ok() {
            drop(timeout(CLOSE_DEADLINE, self.courier).await);
        }
    }
}

async fn open(
    options: LinkOptions,
    claim: Option<&Claim>,
    tls: &Arc<ClientConfig>,
) -> Result<Link, LinkError> {
    let (wire, cut) = Wire::connect(&options.authority, tls).await?;
    let id = client_id();
    let mut connection = open_connection(wire, &options, &id).await?;
    match attach(&mut connection, &options, claim, &id).await {
        Ok(attached) => Ok(start(options, connection, attached, cut)),
        Err(error) => {
            // Without a goodbye brokers log that we vanished, at each of our attempts.
            drop(timeout(CLOSE_DEADLINE, connection.close()).await);
            Err(error)
        }
    }
}

/// What is on a connection.
struct Attached {
    claims: Option<Mutex<ClaimsNode>>,
    session: SessionHandle<()>,
    sender: Sender,
}

async fn attach(
    connection: &mut ConnectionHandle<()>,
    options: &LinkOptions,
    claim: Option<&Claim>,
    id: &str,
) -> Result<Attached, LinkError> {
    let claims = match (options.audience(), claim) {
        (Some(audience), Some(claim)) => {
            let mut node = ClaimsNode::attach(connection, id).await?;
            node.put(claim, audience).await?;
            Some(Mutex::new(node))
        }
        _ => None,
    };
    let mut session = Session::begin(connection).await?;
    let target = Target { address: options.target.clone(), ..Target::default() };
    let sender = Sender::builder()
        .name(format!("{id}-events"))
        .target(target)
        .sender_settle_mode(SenderSettleMode::Unsettled)
        .attach(&mut session)
        .await?;
    Ok(Attached { claims, session, sender })
}

fn start(
    options: LinkOptions,
    connection: ConnectionHandle<()>,
    attached: Attached,
    cut: Cut,
) -> Link {
    let Attached { claims, session, sender } = attached;
    let (parcels, handed_over) = mpsc::unbounded_channel();
    let (close, closing) = oneshot::channel();
    let (losing, loss) = watch::channel(None);
    let courier = Courier { sender, _session: session, connection };
    let courier = tokio::spawn(courier.run(handed_over, closing, losing));
    Link { options, parcels, loss, claims, close, courier, _cut: cut }
}

async fn open_connection(
    wire: Wire,
    options: &LinkOptions,
    id: &str,
) -> Result<ConnectionHandle<()>, LinkError> {
    let profile = match &options.sasl {
        Sasl::Anonymous => SaslProfile::Anonymous,
        Sasl::Plain { username, password } => SaslProfile::Plain {
            username: username.clone(),
            password: password.as_str().to_owned(),
        },
    };
    let opening = Connection::builder()
        .container_id(id)
        .hostname(options.hostname.as_str())
        .sasl_hostname(options.hostname.as_str())
        .sasl_profile(profile)
        .idle_time_out(IDLE_TIMEOUT_MS)
        .max_frame_size(FRAME_BYTES_MAX)
        .open_with_stream(wire);
    Ok(opening.await?)
}

/// What no other connection of ours calls itself. Without randomness it is not unique, which
/// brokers take for one client with two connections.
fn client_id() -> String {
    let random = getrandom::u64().unwrap_or_default();
    format!("corecast-{random:016x}")
}
