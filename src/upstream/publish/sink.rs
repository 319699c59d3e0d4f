//! One destination at work: its events, and the task that carries them.
//!
//! The task opens its carrier at the first event (`events-listener.md` section 7.4) and goes on
//! after every failure, from the first event that is not settled, after a pause that grows. It ends
//! when the destination is closed and nothing is left, or when it is given up.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep, timeout};

use super::backoff::Backoff;
use super::carrier::{Carrier, Surroundings};
use super::keeper::Append;
use super::record::Record;
use super::spooler::{self, SpoolReader, SpoolWriter};
use super::stored::Stored;
use super::stream::{Item, Stream, Waiting};
use crate::event::destination::Destination;
use crate::event::gate::Permit;
use crate::event::listeners::Listener;
use crate::metrics::listeners::{ListenerCells, ListenerMetrics};
use crate::spool::Spool;

/// Between two attempts when the destination is closed.
const CLOSING_PAUSE: Duration = Duration::from_millis(500);

/// The way to a destination.
pub(super) struct Sink {
    inbox: Inbox,
    closing: watch::Sender<bool>,
    task: JoinHandle<()>,
}

enum Inbox {
    Memory(mpsc::UnboundedSender<Waiting>),
    Spool(SpoolWriter),
}

impl Sink {
    /// Starts the task. `opened` is the destination's spool, if it is open already; `cells` are
    /// those of the listener that stands for the destination.
    pub(super) fn start(
        destination: &Arc<Destination>,
        surroundings: &Rc<Surroundings>,
        opened: Option<Spool>,
        cells: Arc<ListenerCells>,
    ) -> Self {
        let carrier = Carrier::new(destination, Rc::clone(surroundings), Arc::clone(&cells));
        let (closing, is_closing) = watch::channel(false);
        let (inbox, task) = match &destination.spool {
            None => {
                let (inbox, waiting) = mpsc::unbounded_channel();
                let run = run(carrier, Stream::of_memory(waiting), is_closing);
                (Inbox::Memory(inbox), spawn_local(run))
            }
            Some(settings) => {
                let (writer, reader, keeper) =
                    spooler::start(settings.clone(), opened, cells, is_closing.clone());
                let metrics = surroundings.metrics.clone();
                let run = async move {
                    run_from_spool(carrier, reader, metrics, is_closing).await;
                    // Its last work is to make everything safe.
                    let _ = keeper.await;
                };
                (Inbox::Spool(writer), spawn_local(run))
            }
        };
        Self { inbox, closing, task }
    }

    /// Takes an event. The receipt is dropped as soon as nobody has to wait for it any more.
    pub(super) fn offer(
        &self,
        record: &Rc<Record>,
        permit: Permit<Listener>,
        cells: Arc<ListenerCells>,
        receipt: oneshot::Sender<()>,
    ) {
        match &self.inbox {
            Inbox::Memory(inbox) => {
                let item = Item { record: Rc::clone(record), cells };
                let since = Instant::now();
                let _ = inbox.send(Waiting { item, since, _permit: Some(permit) });
            }
            Inbox::Spool(writer) => {
                let bytes = Stored::write(&permit.receiver().settings.name, record);
                writer.append(Append { bytes, cells, permit, receipt });
            }
        }
    }

    /// No more events will come. What is there is sent, until the task is aborted.
    pub(super) fn close(self) -> JoinHandle<()> {
        self.closing.send_replace(true);
        self.task
    }
}

async fn run_from_spool(
    carrier: Carrier,
    reader: oneshot::Receiver<SpoolReader>,
    metrics: ListenerMetrics,
    is_closing: watch::Receiver<bool>,
) {
    if let Ok(reader) = reader.await {
        run(carrier, Stream::of_spool(reader, metrics), is_closing).await;
    }
}

async fn run(carrier: Carrier, mut stream: Stream, mut is_closing: watch::Receiver<bool>) {
    let mut backoff = Backoff::default();
    while stream.is_due().await {
        let carried = carrier.carry(&mut stream).await;
        stream.rewind();
        let Err(failure) = carried else { continue };
        carrier.report(&failure, stream.unsettled());
        if failure.has_delivered {
            backoff.reset();
        }
        let pause = backoff.next(random());
        let closes = async {
            let _ = is_closing.wait_for(|is_closing| *is_closing).await;
            sleep(CLOSING_PAUSE).await;
        };
        // There is little time left for what is still here.
        let _ = timeout(pause, closes).await;
    }
}

/// Any number; a pause without play does no harm.
fn random() -> u32 {
    getrandom::u32().unwrap_or(25)
}
