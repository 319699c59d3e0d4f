//! Sends what a link's owner hands over, and notices when the link ends.
//!
//! A task of its own has the library's sender, because waiting for credit must neither hold up the
//! owner nor be interrupted by it: a transfer that is given up half-way would leave the broker with
//! half a message. It ends with the link, or when the owner lets go.

use fe2o3_amqp::Sender;
use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp::link::SendError;
use fe2o3_amqp::link::delivery::DeliveryFut;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp_types::messaging::{Data, Message, Outcome as Disposition};
use tokio::sync::{mpsc, oneshot, watch};

use super::error::LinkError;
use super::outcome::{self, Outcome};

/// The library's promise of an outcome.
pub(super) type Delivery = DeliveryFut<Result<Disposition, SendError>>;

/// A message to be sent, and where to say that it is under way, or what became of it at once.
pub(super) struct Parcel {
    pub(super) message: Message<Data>,
    pub(super) departed: oneshot::Sender<Departure>,
}

/// What happened to a message that was handed over.
pub(super) enum Departure {
    UnderWay(Delivery),
    Refused(Outcome),
}

/// Everything of the library's that makes a link.
pub(super) struct Courier {
    pub(super) sender: Sender,
    pub(super) _session: SessionHandle<()>,
    pub(super) connection: ConnectionHandle<()>,
}

impl Courier {
    /// Works until the link is lost, which `loss` then tells, or until `close` is resolved: by a
    /// message it closes the connection orderly, otherwise it lets go.
    pub(super) async fn run(
        mut self,
        mut parcels: mpsc::UnboundedReceiver<Parcel>,
        close: oneshot::Receiver<()>,
        loss: watch::Sender<Option<LinkError>>,
    ) {
        tokio::select! {
            biased;
            closing = close => {
                if closing.is_ok() {
                    // It takes session and link with it. How it ends is of no interest any more.
                    drop(self.connection.close().await);
                }
            }
            error = deliver(&mut self.sender, &mut parcels) => {
                loss.send_replace(Some(error));
            }
        }
        // Those that wait for an outcome are told by the end of the sender.
    }
}

/// Sends parcel after parcel, until the link is lost.
async fn deliver(sender: &mut Sender, parcels: &mut mpsc::UnboundedReceiver<Parcel>) -> LinkError {
    loop {
        tokio::select! {
            biased;
            error = sender.on_detach() => return error.into(),
            parcel = parcels.recv() => {
                // The owner closes by `close`, which is polled before this.
                let Some(parcel) = parcel else { std::future::pending().await };
                if let Err(error) = send(sender, parcel).await {
                    return error;
                }
            }
        }
    }
}

/// Waits for credit and hands the message to the session.
async fn send(sender: &mut Sender, parcel: Parcel) -> Result<(), LinkError> {
    let departure = match sender.send_batchable(parcel.message).await {
        Ok(delivery) => Departure::UnderWay(delivery),
        Err(error) => Departure::Refused(outcome::of_failure(error)?),
    };
    // Nobody waits for a message that was given up meanwhile.
    drop(parcel.departed.send(departure));
    Ok(())
}
