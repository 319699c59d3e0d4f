//! What is done to a spool, a batch at a time, on a thread that may wait for a disk.
//!
//! Events that the spool has no room for, or that the disk refuses, are dropped and counted; whoever
//! waits for them is told all the same, because a listener has no say in what becomes of a client's
//! event.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{error, warn};

use crate::event::destination::FsyncPolicy;
use crate::event::gate::Permit;
use crate::event::listeners::Listener;
use crate::metrics::listeners::{ListenerCells, ListenerResult};
use crate::spool::{AppendError, Readout, Spool};

/// Read back at a time.
const READ_BYTES: usize = 1 << 20;

/// An event to be kept.
pub(super) struct Append {
    pub(super) bytes: Vec<u8>,
    pub(super) cells: Arc<ListenerCells>,
    /// Room in memory, given back when the event is on disk.
    pub(super) permit: Permit<Listener>,
    /// Dropped when the event is safe, or lost.
    pub(super) receipt: oneshot::Sender<()>,
}

/// Events read back.
#[derive(Default)]
pub(super) struct Events {
    /// With their numbers; gaps are of damaged events.
    pub(super) found: Vec<(u64, Vec<u8>)>,
    /// No event below is left to be read, apart from those found. 0 if the disk has failed.
    pub(super) end: u64,
}

pub(super) enum Command {
    Append(Append),
    Read {
        from: u64,
        reply: oneshot::Sender<Events>,
    },
    /// Everything below is settled.
    Settle(u64),
}

/// The spool, wherever it is worked on.
pub(super) struct Keeper {
    pub(super) spool: Spool,
    pub(super) fsync: FsyncPolicy,
    pub(super) cells: Arc<ListenerCells>,
    /// Since when there is something that a loss of power would take.
    pub(super) dirty_since: Option<Instant>,
}

/// What is to be told once a batch is done.
#[derive(Default)]
pub(super) struct Done {
    reads: Vec<(oneshot::Sender<Events>, Events)>,
    kept: Vec<(Permit<Listener>, oneshot::Sender<()>)>,
}

impl Done {
    pub(super) fn tell(self) {
        for (reply, events) in self.reads {
            // Whoever has asked may have lost its link meanwhile.
            let _ = reply.send(events);
        }
        drop(self.kept);
    }
}

impl Keeper {
    pub(super) fn sync_due(&self) -> Option<Duration> {
        let FsyncPolicy::Interval(interval) = self.fsync else { return None };
        Some(interval.saturating_sub(self.dirty_since?.elapsed()))
    }

    /// Appends first, so that reads see them.
    pub(super) fn work(mut self, commands: Vec<Command>, is_last: bool) -> (Self, Done) {
        let mut done = Done::default();
        let mut appended = Vec::new();
        let mut reads = Vec::new();
        let mut settled = None;
        for command in commands {
            match command {
                Command::Append(append) => self.append(append, &mut appended, &mut done),
                Command::Read { from, reply } => reads.push((from, reply)),
                Command::Settle(below) => settled = settled.max(Some(below)),
            }
        }
        self.flush(appended, &mut done);
        if let Some(below) = settled
            && let Err(error) = self.spool.settle(below)
        {
            // Only repeats events after a restart.
            warn!("a spool cannot note what is delivered: {error}");
        }
        for (from, reply) in reads {
            let events = self.read(from);
            done.reads.push((reply, events));
        }
        let is_due = self.sync_due().is_some_and(|wait| wait.is_zero());
        if is_due || is_last && self.fsync != FsyncPolicy::Never {
            self.sync();
        }
        self.show();
        (self, done)
    }

    fn append(&mut self, append: Append, appended: &mut Vec<Append>, done: &mut Done) {
        let result = match self.spool.append(&append.bytes) {
            Ok(_) => return appended.push(append),
            Err(AppendError::Full) => ListenerResult::DroppedSpoolFull,
            Err(AppendError::TooLarge) => ListenerResult::DroppedSize,
        };
        append.cells.count(result);
        done.kept.push((append.permit, append.receipt));
    }

    fn flush(&mut self, appended: Vec<Append>, done: &mut Done) {
        if appended.is_empty() {
            return;
        }
        let flushed = self.spool.flush();
        match &flushed {
            Ok(()) => {
                self.dirty_since.get_or_insert_with(Instant::now);
                if self.fsync == FsyncPolicy::Always {
                    self.sync();
                }
            }
            Err(error) => error!(events = appended.len(), "a spool cannot be written: {error}"),
        }
        for append in appended {
            if flushed.is_err() {
                append.cells.count(ListenerResult::DroppedSpoolFailed);
            }
            done.kept.push((append.permit, append.receipt));
        }
    }

    fn sync(&mut self) {
        self.dirty_since = None;
        if let Err(error) = self.spool.sync() {
            error!("a spool cannot be made safe from a loss of power: {error}");
        }
    }

    fn read(&mut self, from: u64) -> Events {
        match self.spool.read(from, READ_BYTES) {
            Ok(Readout { records, lost, .. }) => {
                if lost > 0 {
                    error!(events = lost, "events in a spool are damaged and lost");
                    self.cells.count_many(ListenerResult::DroppedCorrupt, lost);
                }
                let next = self.spool.next_sequence();
                let end = records.last().map_or(next, |(number, _)| number + 1);
                Events { found: records, end }
            }
            Err(error) => {
                error!("a spool cannot be read: {error}");
                Events::default()
            }
        }
    }

    pub(super) fn show(&self) {
        self.cells.set_spool(self.spool.len(), self.spool.bytes());
    }
}
