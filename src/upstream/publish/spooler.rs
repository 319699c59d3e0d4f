//! The spool of a destination, beside the thread that must not wait for a disk.
//!
//! A task takes what is to be done, as much as there is at a time, and has it done on a thread for
//! blocking work: events are written with one call per batch, and an event is safe as far as its
//! settings say (`fsync`) before anybody is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, spawn_blocking, spawn_local};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::keeper::{Append, Command, Events, Keeper};
use crate::event::destination::SpoolSettings;
use crate::metrics::listeners::ListenerCells;
use crate::spool::{Spool, SpoolLimits};

/// A disk is asked for so much at a time.
const BATCH_MAX: usize = 1024;
/// Segments are an eighth of the bound, so that what is settled gives its room back in time.
const SEGMENTS: u64 = 8;
const SEGMENT_BYTES_MIN: u64 = 64 << 10;
const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// How often a spool is tried that cannot be opened.
const OPEN_PAUSE: Duration = Duration::from_millis(500);

/// The way into a spool.
pub(super) struct SpoolWriter(mpsc::UnboundedSender<Command>);

impl SpoolWriter {
    pub(super) fn append(&self, append: Append) {
        // A task that has ended drops the event, and with it permit and receipt.
        let _ = self.0.send(Command::Append(append));
    }
}

/// The way out.
pub(super) struct SpoolReader {
    commands: mpsc::UnboundedSender<Command>,
    /// The number of the next event to be written: all below can be read.
    end: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    /// What is being read, and from which number on.
    asked: Option<(u64, oneshot::Receiver<Events>)>,
    pub(super) first: u64,
    /// Of the listener that the spool is shown as.
    pub(super) cells: Arc<ListenerCells>,
}

impl SpoolReader {
    /// Waits for the event of this number; false if it is not there and the destination closes.
    pub(super) async fn wait_for(&mut self, number: u64) -> bool {
        let Self { end, closing, .. } = self;
        tokio::select! {
            biased;
            found = end.wait_for(|end| *end > number) => found.is_ok(),
            _ = closing.wait_for(|is_closing| *is_closing) => false,
        }
    }

    /// Events from this number on. May be dropped while it waits: the next call for the same number
    /// goes on with what has been asked for.
    pub(super) async fn read(&mut self, from: u64) -> Events {
        if self.asked.as_ref().is_none_or(|(asked, _)| *asked != from) {
            let (reply, events) = oneshot::channel();
            let _ = self.commands.send(Command::Read { from, reply });
            self.asked = Some((from, events));
        }
        let Some((_, events)) = &mut self.asked else { return Events::default() };
        let events = events.await.unwrap_or_default();
        self.asked = None;
        events
    }

    /// Everything below is dealt with.
    pub(super) fn settle(&self, below: u64) {
        let _ = self.commands.send(Command::Settle(below));
    }
}

/// Opens a spool.
///
/// # Errors
/// It cannot be used; the text says why.
pub(super) fn open(settings: &SpoolSettings) -> Result<Spool, String> {
    let bytes_max = settings.bytes_max;
    let segment_bytes = (bytes_max / SEGMENTS).clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
    let (directory, limits) = (&settings.directory, SpoolLimits { bytes_max, segment_bytes });
    let (spool, recovery) = Spool::open(directory, limits).map_err(|error| error.to_string())?;
    let directory = directory.display();
    if recovery.cut_bytes > 0 {
        warn!(%directory, bytes = recovery.cut_bytes, "cut off the damaged end of a spool");
    }
    if recovery.records > 0 {
        info!(%directory, events = recovery.records, "a spool has events that are still to be sent");
    }
    Ok(spool)
}

/// Starts the task of a spool, which opens it unless that is done. It ends when writer and reader
/// are gone and everything is done. `cells` are those of the listener that the spool is shown as.
pub(super) fn start(
    settings: SpoolSettings,
    opened: Option<Spool>,
    cells: Arc<ListenerCells>,
    closing: watch::Receiver<bool>,
) -> (SpoolWriter, oneshot::Receiver<SpoolReader>, JoinHandle<()>) {
    let (commands, received) = mpsc::unbounded_channel();
    let (give, reader) = oneshot::channel();
    let writer = SpoolWriter(commands.clone());
    let run = async move {
        let spool = match opened {
            Some(spool) => spool,
            None => open_at_last(&settings).await,
        };
        let (tell_end, end) = watch::channel(spool.next_sequence());
        let first = spool.first_unsettled();
        let asked = None;
        let reader = SpoolReader { commands, end, closing, asked, first, cells: cells.clone() };
        // Nobody takes it if the destination has closed already; then only appends are done.
        let _ = give.send(reader);
        let keeper = Keeper { spool, fsync: settings.fsync, cells, dirty_since: None };
        keeper.show();
        work_on(keeper, received, tell_end).await;
    };
    (writer, reader, spawn_local(run))
}

/// The directory may still be in use by the destination that had it before a reload, or be mounted
/// late. What is to be written waits meanwhile, as much as listeners' gates let in.
async fn open_at_last(settings: &SpoolSettings) -> Spool {
    let mut is_told = false;
    loop {
        let settings = settings.clone();
        let directory = settings.directory.display().to_string();
        match spawn_blocking(move || open(&settings)).await {
            Ok(Ok(spool)) => return spool,
            Ok(Err(reason)) if !std::mem::replace(&mut is_told, true) => {
                warn!(directory, "the spool cannot be opened yet: {reason}");
            }
            _ => {}
        }
        sleep(OPEN_PAUSE).await;
    }
}

/// Works until nobody can ask for anything any more.
async fn work_on(
    mut keeper: Keeper,
    mut received: mpsc::UnboundedReceiver<Command>,
    tell_end: watch::Sender<u64>,
) {
    loop {
        let mut commands = Vec::new();
        let is_last = match keeper.sync_due() {
            None => received.recv_many(&mut commands, BATCH_MAX).await == 0,
            Some(wait) => {
                let taken = timeout(wait, received.recv_many(&mut commands, BATCH_MAX)).await;
                taken.is_ok_and(|taken| taken == 0)
            }
        };
        let Ok((kept, done)) = spawn_blocking(move || keeper.work(commands, is_last)).await else {
            // The runtime ends.
            return;
        };
        keeper = kept;
        tell_end.send_if_modified(|end| {
            let next = keeper.spool.next_sequence();
            std::mem::replace(end, next) != next
        });
        done.tell();
        if is_last {
            return;
        }
    }
}
