//! What carries the events of a destination there: a link to a broker, or a file.
//!
//! [`Carrier::carry`] sends what a stream has until it fails or the stream ends. Events are settled
//! as their outcomes come; what is not settled when it returns is sent again by the next call.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{error, info, warn};

use super::amqp::{Claim, Link, LinkError, LinkErrorKind, LinkOptions};
use super::claims::Claims;
use super::file::LineFile;
use super::line::write_line;
use super::stream::{Item, Stream};
use super::voyage::{Suspicion, Voyage, Wreck};
use crate::event::destination::{AmqpAuth, ClaimsAuth, Destination, Endpoint, FileEndpoint};
use crate::metrics::listeners::{ListenerCells, ListenerMetrics, ListenerResult};
use crate::upstream::client::Client;
use crate::upstream::token::Tokens;

/// How soon a new claim is tried for again.
const CLAIM_PAUSE: Duration = Duration::from_secs(5);
/// Lines of a file written at a time.
const LINES_MAX: usize = 1000;

/// What all destinations have in common.
pub(in crate::upstream) struct Surroundings {
    pub(in crate::upstream) client: Rc<Client>,
    pub(in crate::upstream) tokens: RefCell<Option<Rc<Tokens>>>,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) metrics: ListenerMetrics,
}

impl Surroundings {
    pub(in crate::upstream) fn new(
        client: Rc<Client>,
        tls: &ClientConfig,
        metrics: ListenerMetrics,
    ) -> Self {
        let mut tls = tls.clone();
        // There is no name for AMQP among them.
        tls.alpn_protocols.clear();
        Self { client, tokens: RefCell::default(), tls: Arc::new(tls), metrics }
    }
}

/// Why a carrier has stopped.
pub(super) struct Failure {
    text: String,
    /// Somebody has to mend something.
    is_error: bool,
    /// Something got there before.
    pub(super) has_delivered: bool,
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        let is_error = matches!(error.kind, LinkErrorKind::Unauthorized | LinkErrorKind::NotFound);
        Self { text: error.to_string(), is_error, has_delivered: false }
    }
}

impl From<Wreck> for Failure {
    fn from(wreck: Wreck) -> Self {
        let text = match wreck {
            Wreck::Lost(error) => return error.into(),
            Wreck::Again(reason) => format!("the broker wants events again: {reason}"),
            Wreck::Stalled => "the broker neither settles events nor takes more".to_owned(),
        };
        Self { text, is_error: false, has_delivered: false }
    }
}

/// The way to one destination.
pub(super) struct Carrier {
    destination: Arc<Destination>,
    surroundings: Rc<Surroundings>,
    claims: Claims,
    cells: Arc<ListenerCells>,
    suspicion: Cell<Suspicion>,
}

impl Carrier {
    pub(super) fn new(
        destination: &Arc<Destination>,
        surroundings: Rc<Surroundings>,
        cells: Arc<ListenerCells>,
    ) -> Self {
        let claims = Claims::new(claims_auth(&destination.endpoint), &surroundings);
        let (destination, suspicion) = (Arc::clone(destination), Cell::default());
        Self { destination, surroundings, claims, cells, suspicion }
    }

    /// Sends events until there are no more (`Ok`), or until something fails.
    pub(super) async fn carry(&self, stream: &mut Stream) -> Result<(), Failure> {
        match &self.destination.endpoint {
            Endpoint::EventHub(hub) => self.carry_by_link(hub.into(), stream).await,
            Endpoint::Amqp(amqp) => self.carry_by_link(amqp.into(), stream).await,
            Endpoint::File(file) => self.carry_to_file(file, stream).await,
        }
    }

    /// Notes a failure, after which so many events are sent again.
    pub(super) fn report(&self, failure: &Failure, waiting: usize) {
        let (endpoint, text) = (&self.destination.endpoint, &failure.text);
        self.cells.count_retries(waiting as u64);
        if failure.is_error {
            error!(%endpoint, waiting, "event listener: {text}");
        } else {
            warn!(%endpoint, waiting, "event listener: {text}");
        }
    }

    async fn carry_by_link(
        &self,
        options: LinkOptions,
        stream: &mut Stream,
    ) -> Result<(), Failure> {
        let audience = options.audience().unwrap_or_default().to_owned();
        let claim = self.claim(&audience).await?;
        let renew_after = claim.as_ref().map(|claim| claim.renew_after);
        let link = Link::open(options, claim.as_ref(), &self.surroundings.tls).await?;
        info!(endpoint = %self.destination.endpoint, "event listener: connected");
        let mut voyage = Voyage::new(self.suspicion.get());
        let renewing = self.keep_claimed(&link, &audience, renew_after);
        let carried = tokio::select! {
            carried = voyage.sail(&link, stream) => carried.map_err(Failure::from),
            failure = renewing => Err(failure),
        };
        self.suspicion.set(voyage.suspicion());
        if carried.is_ok() {
            link.close().await;
        }
        let has_delivered = voyage.has_delivered;
        carried.map_err(|failure| Failure { has_delivered, ..failure })
    }

    async fn claim(&self, audience: &str) -> Result<Option<Claim>, Failure> {
        let claim = self.claims.make(audience, &self.surroundings).await;
        claim.map_err(|reason| Failure {
            text: format!("no token for the broker: {reason}"),
            is_error: true,
            has_delivered: false,
        })
    }

    /// Puts new claims before the old ones end. Only ever returns why that is not possible.
    async fn keep_claimed(
        &self,
        link: &Link,
        audience: &str,
        mut renew_after: Option<Duration>,
    ) -> Failure {
        loop {
            let Some(pause) = renew_after else { return std::future::pending().await };
            sleep(pause).await;
            match self.claim(audience).await {
                Ok(claim) => {
                    if let Some(claim) = &claim
                        && let Err(error) = link.put_token(claim).await
                    {
                        return error.into();
                    }
                    renew_after = claim.map(|claim| claim.renew_after);
                }
                // The old one may be good for a while; when it is not, the broker says so.
                Err(failure) => {
                    self.report(&failure, 0);
                    renew_after = Some(CLAIM_PAUSE);
                }
            }
        }
    }

    async fn carry_to_file(
        &self,
        settings: &FileEndpoint,
        stream: &mut Stream,
    ) -> Result<(), Failure> {
        let mut has_delivered = false;
        let failed = |error: &io::Error, has_delivered| Failure {
            text: format!("the file cannot be written: {error}"),
            is_error: true,
            has_delivered,
        };
        let to_open = settings.clone();
        let opened = spawn_blocking(move || LineFile::open(&to_open)).await;
        let opened = opened.unwrap_or_else(|error| Err(io::Error::other(error)));
        let mut file = opened.map_err(|error| failed(&error, has_delivered))?;
        while let Some(first) = stream.next().await {
            let mut lines = Vec::new();
            let mut numbers = Vec::new();
            let mut next = Some(first);
            while let Some((number, Item { record, .. })) = next {
                write_line(&mut lines, &record);
                numbers.push(number);
                next = if numbers.len() < LINES_MAX { stream.next_ready() } else { None };
            }
            let written = spawn_blocking(move || {
                let written = file.write(&lines);
                (file, written)
            });
            let (kept, written) = match written.await {
                Ok((kept, written)) => (kept, written),
                Err(error) => return Err(failed(&io::Error::other(error), has_delivered)),
            };
            file = kept;
            written.map_err(|error| failed(&error, has_delivered))?;
            has_delivered = true;
            for number in numbers {
                stream.settle(number, ListenerResult::Delivered);
            }
        }
        Ok(())
    }
}

fn claims_auth(endpoint: &Endpoint) -> Option<&ClaimsAuth> {
    match endpoint {
        Endpoint::EventHub(hub) => Some(&hub.auth),
        Endpoint::Amqp(amqp) => match &amqp.auth {
            AmqpAuth::Cbs(auth) => Some(auth),
            AmqpAuth::Anonymous | AmqpAuth::Plain { .. } => None,
        },
        Endpoint::File(_) => None,
    }
}
