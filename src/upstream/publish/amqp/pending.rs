//! The wait for what becomes of a message.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::sync::{oneshot, watch};

use super::courier::{Delivery, Departure};
use super::error::LinkError;
use super::outcome::{self, Outcome};

/// Resolves when the broker has settled the message, or with the loss of the link.
///
/// Dropping it does not call the message back.
pub struct Pending {
    stage: Stage,
    loss: watch::Receiver<Option<LinkError>>,
}

enum Stage {
    /// Credit is awaited.
    Queued(oneshot::Receiver<Departure>),
    UnderWay(Delivery),
}

impl Pending {
    pub(super) fn new(
        departed: oneshot::Receiver<Departure>,
        loss: watch::Receiver<Option<LinkError>>,
    ) -> Self {
        Self { stage: Stage::Queued(departed), loss }
    }

    /// The cause is known to whoever noticed it first; `seen` is what was seen here.
    fn lost(&self, seen: LinkError) -> LinkError {
        self.loss.borrow().clone().unwrap_or(seen)
    }
}

impl Future for Pending {
    type Output = Result<Outcome, LinkError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match &mut self.stage {
                Stage::Queued(departed) => match ready!(Pin::new(departed).poll(context)) {
                    Ok(Departure::UnderWay(delivery)) => self.stage = Stage::UnderWay(delivery),
                    Ok(Departure::Refused(outcome)) => return Poll::Ready(Ok(outcome)),
                    Err(_) => return Poll::Ready(Err(self.lost(LinkError::lost("link closed")))),
                },
                Stage::UnderWay(delivery) => {
                    let settled = ready!(Pin::new(delivery).poll(context));
                    return Poll::Ready(match settled {
                        Ok(disposition) => Ok(disposition.into()),
                        Err(error) => outcome::of_failure(error).map_err(|seen| self.lost(seen)),
                    });
                }
            }
        }
    }
}
