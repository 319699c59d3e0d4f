//! Events under way on one link: sent in order, many at a time, settled as the broker says.
//!
//! An event that the broker wants again ends the voyage: nothing more is sent, the outcomes of the
//! others are awaited, and everything that was not accepted is sent again in order by the next one
//! (`events-listener.md` sections 6.1 and 7.3).
//!
//! A broker may end the link over an event instead of rejecting it, and does not say which. The next
//! voyage is then a careful one: it sends one event at a time, so that the link ends over that one
//! alone. It is dropped: at once if it is too large, otherwise when [`REFUSALS_MAX`] links have
//! ended over it.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::amqp::{Link, LinkError, LinkErrorKind, Outcome, Pending};
use super::record::Record;
use super::stream::{Item, Stream};
use crate::metrics::listeners::ListenerResult;

/// Events without an outcome yet, at a time.
const OUTSTANDING_MAX: usize = 1000;
/// Bytes of theirs; one event may be larger. Events of a spool have no other bound in memory.
const OUTSTANDING_BYTES_MAX: usize = 8 << 20;
/// How long a broker may give neither outcomes nor room for more.
const STALL_MAX: Duration = Duration::from_secs(30);

/// Links that end over an event before it is dropped.
const REFUSALS_MAX: u32 = 3;

/// What is to be suspected after the voyages before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Suspicion {
    /// One of the next events ends links.
    is_aroused: bool,
    /// An event that has ended links alone, and how many.
    refused: Option<(u64, u32)>,
}

/// The events under way.
#[derive(Default)]
pub(super) struct Voyage {
    /// In the order in which they were sent.
    unsettled: VecDeque<Sent>,
    unsettled_bytes: usize,
    pub(super) has_delivered: bool,
    /// Why an event has to be sent again.
    again: Option<String>,
    /// Events that are still to be sent alone.
    careful: usize,
    suspicion: Suspicion,
}

struct Sent {
    number: u64,
    record: Rc<Record>,
    pending: Pending,
}

/// Why a voyage has ended before its stream.
pub(super) enum Wreck {
    Lost(LinkError),
    /// The broker wants an event again.
    Again(String),
    /// Nothing came for [`STALL_MAX`].
    Stalled,
}

impl Voyage {
    /// One that sends as many events alone as were under way before, if one of them is suspected.
    pub(super) fn new(suspicion: Suspicion) -> Self {
        let careful = if suspicion.is_aroused { OUTSTANDING_MAX } else { 0 };
        Self { careful, suspicion, ..Self::default() }
    }

    /// What the next voyage has to know.
    pub(super) fn suspicion(&self) -> Suspicion {
        self.suspicion
    }

    /// Sends what the stream has until it ends.
    ///
    /// # Errors
    /// The link is no good any more.
    pub(super) async fn sail(&mut self, link: &Link, stream: &mut Stream) -> Result<(), Wreck> {
        let mut is_over = false;
        let mut stalled_at = Instant::now() + STALL_MAX;
        loop {
            let may_send = !is_over && self.again.is_none();
            if self.unsettled.is_empty() {
                stalled_at = Instant::now() + STALL_MAX;
                if let Some(reason) = self.again.take() {
                    return Err(Wreck::Again(reason));
                }
                if is_over {
                    return Ok(());
                }
            }
            let outstanding_max = if self.careful > 0 { 1 } else { OUTSTANDING_MAX };
            let has_room = self.unsettled.len() < outstanding_max
                && self.unsettled_bytes < OUTSTANDING_BYTES_MAX;
            tokio::select! {
                biased;
                outcome = oldest(&mut self.unsettled), if !self.unsettled.is_empty() => {
                    stalled_at = Instant::now() + STALL_MAX;
                    match outcome {
                        Ok(outcome) => self.settle(outcome, stream),
                        Err(error) => {
                            self.suspect(&error, stream);
                            return Err(Wreck::Lost(error));
                        }
                    }
                }
                next = stream.next(), if may_send && has_room => match next {
                    Some((number, Item { record, .. })) => {
                        let pending = link.send(&record);
                        self.unsettled_bytes += record.body.len();
                        self.unsettled.push_back(Sent { number, record, pending });
                    }
                    None => is_over = true,
                },
                error = link.lost(), if self.unsettled.is_empty() => {
                    return Err(Wreck::Lost(error));
                }
                () = sleep_until(stalled_at), if !self.unsettled.is_empty() => {
                    return Err(Wreck::Stalled);
                }
            }
        }
    }

    /// Finds out which event has ended the link, if any has.
    fn suspect(&mut self, error: &LinkError, stream: &mut Stream) {
        if !matches!(error.kind, LinkErrorKind::TooLarge | LinkErrorKind::Refused) {
            return;
        }
        self.suspicion.is_aroused = true;
        let number = match self.unsettled.front() {
            Some(sent) if self.unsettled.len() == 1 => sent.number,
            _ => return,
        };
        let refusals = match self.suspicion.refused {
            Some((known, refusals)) if known == number => refusals + 1,
            _ => 1,
        };
        self.suspicion.refused = Some((number, refusals));
        let outcome = match error.kind {
            LinkErrorKind::TooLarge => Outcome::TooLarge(error.to_string()),
            _ if refusals >= REFUSALS_MAX => Outcome::Rejected(error.to_string()),
            _ => return,
        };
        self.settle(outcome, stream);
        self.suspicion = Suspicion::default();
    }

    /// Deals with the outcome of the oldest event.
    fn settle(&mut self, outcome: Outcome, stream: &mut Stream) {
        let Some(Sent { number, record, .. }) = self.unsettled.pop_front() else { return };
        self.unsettled_bytes -= record.body.len();
        self.careful = self.careful.saturating_sub(1);
        self.suspicion.is_aroused &= self.careful > 0;
        let (result, reason) = match outcome {
            Outcome::Accepted => {
                self.has_delivered = true;
                return stream.settle(number, ListenerResult::Delivered);
            }
            Outcome::Again(reason) => {
                self.again.get_or_insert(reason);
                return;
            }
            Outcome::Rejected(reason) => (ListenerResult::DroppedRejected, reason),
            Outcome::TooLarge(reason) => (ListenerResult::DroppedSize, reason),
        };
        stream.note_refused(&record, &reason);
        stream.settle(number, result);
    }
}

/// Outcomes are looked at in the order of the events; one that is early waits.
async fn oldest(unsettled: &mut VecDeque<Sent>) -> Result<Outcome, LinkError> {
    match unsettled.front_mut() {
        Some(sent) => (&mut sent.pending).await,
        None => std::future::pending().await,
    }
}
