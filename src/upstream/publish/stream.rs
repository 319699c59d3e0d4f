//! What a destination has to carry: events in order, each settled once.
//!
//! Events wait in memory, where each holds its room at its listener's gate and grows too old after
//! [`AGE_MAX`], or in the spool, from where they are read back a part at a time and never too old.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::keeper::Events;
use super::record::Record;
use super::spooler::SpoolReader;
use super::stored::Stored;
use super::window::Window;
use crate::event::gate::Permit;
use crate::event::listeners::Listener;
use crate::metrics::listeners::{ListenerCells, ListenerMetrics, ListenerResult};
use crate::shard::clock;

/// From when an event in memory is given up (section 7.3).
const AGE_MAX: Duration = Duration::from_secs(60);
/// Between two lines about refused events (section 7.2).
const TELL_INTERVAL: Duration = Duration::from_secs(10);
/// Before a disk that has failed is asked again.
const READ_PAUSE: Duration = Duration::from_secs(1);
/// Events of a spool in memory at a time.
const READ_AHEAD: usize = 2048;

/// An event for one destination.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) record: Rc<Record>,
    pub(super) cells: Arc<ListenerCells>,
}

/// An event that waits in memory.
pub(super) struct Waiting {
    pub(super) item: Item,
    /// Its age is not the wall clock's business, which may be set.
    pub(super) since: Instant,
    /// Gives its room back when the event is settled. One of a spool has none.
    pub(super) _permit: Option<Permit<Listener>>,
}

enum Source {
    Memory(mpsc::UnboundedReceiver<Waiting>),
    Spool { reader: SpoolReader, metrics: ListenerMetrics },
}

/// The events of a destination.
pub(super) struct Stream {
    window: Window<Waiting>,
    source: Source,
    told_at: Option<Instant>,
}

impl Stream {
    pub(super) fn of_memory(inbox: mpsc::UnboundedReceiver<Waiting>) -> Self {
        Self { window: Window::new(0), source: Source::Memory(inbox), told_at: None }
    }

    pub(super) fn of_spool(reader: SpoolReader, metrics: ListenerMetrics) -> Self {
        let window = Window::new(reader.first);
        Self { window, source: Source::Spool { reader, metrics }, told_at: None }
    }

    /// The next event and its number; `None` once there will be none. May be dropped at any time.
    pub(super) async fn next(&mut self) -> Option<(u64, Item)> {
        loop {
            self.drop_aged();
            if let Some((number, waiting)) = self.window.next() {
                return Some((number, waiting.item.clone()));
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// The next event, if it is there.
    pub(super) fn next_ready(&mut self) -> Option<(u64, Item)> {
        self.window.next().map(|(number, waiting)| (number, waiting.item.clone()))
    }

    /// Waits until there is something to send; false once there will be nothing.
    pub(super) async fn is_due(&mut self) -> bool {
        loop {
            self.drop_aged();
            if self.window.unsettled() > 0 {
                return true;
            }
            if !self.fill().await {
                return false;
            }
        }
    }

    /// Adds what has come. False if nothing will.
    async fn fill(&mut self) -> bool {
        match &mut self.source {
            Source::Memory(inbox) => {
                let Some(waiting) = inbox.recv().await else { return false };
                self.window.push(waiting);
                while let Ok(waiting) = inbox.try_recv() {
                    self.window.push(waiting);
                }
                true
            }
            Source::Spool { reader, metrics } => {
                if self.window.unsettled() >= READ_AHEAD {
                    // All of it is handed out: the next can only come after an outcome.
                    std::future::pending::<()>().await;
                }
                let from = self.window.end();
                if !reader.wait_for(from).await {
                    return false;
                }
                let Events { found, end } = reader.read(from).await;
                if end <= from {
                    // The disk has failed, which the log says; it is asked again, but not at once.
                    sleep(READ_PAUSE).await;
                }
                for (number, bytes) in found {
                    match Stored::read(&bytes) {
                        Some(Stored { listener, record }) => {
                            let item =
                                Item { record: Rc::new(record), cells: metrics.of(&listener) };
                            self.window.push_at(
                                number,
                                Waiting { item, since: Instant::now(), _permit: None },
                            );
                        }
                        // Its checksum was right: written by another version.
                        None => {
                            reader.cells.count(ListenerResult::DroppedCorrupt);
                            self.window.skip_to(number);
                        }
                    }
                }
                if self.window.end() < end {
                    self.window.skip_to(end - 1);
                    reader.settle(self.window.first());
                }
                true
            }
        }
    }

    /// The event has been dealt with.
    pub(super) fn settle(&mut self, number: u64, result: ListenerResult) {
        let Some(Waiting { item, .. }) = self.window.settle(number) else { return };
        match result {
            ListenerResult::Delivered => {
                let age_ms = clock::unix_millis().saturating_sub(item.record.taken_unix_ms);
                item.cells.count_delivered(Duration::from_millis(age_ms));
            }
            other => item.cells.count(other),
        }
        self.note_settled();
    }

    /// Tells of an event that the broker refuses, not too often.
    pub(super) fn note_refused(&mut self, record: &Record, reason: &str) {
        if self.told_at.is_none_or(|told_at| told_at.elapsed() >= TELL_INTERVAL) {
            self.told_at = Some(Instant::now());
            let Record { hub, event, connection, .. } = record;
            warn!(hub, event, connection, "a listener's broker refuses an event: {reason}");
        }
    }

    /// Everything that is not settled is sent again.
    pub(super) fn rewind(&mut self) {
        self.window.rewind();
    }

    /// Events that are not settled, as far as they are in memory.
    pub(super) fn unsettled(&self) -> usize {
        self.window.unsettled()
    }

    fn drop_aged(&mut self) {
        let Source::Memory(_) = &self.source else { return };
        while let Some((number, waiting)) = self.window.front() {
            if waiting.since.elapsed() <= AGE_MAX {
                break;
            }
            self.settle(number, ListenerResult::DroppedAge);
        }
    }

    fn note_settled(&self) {
        if let Source::Spool { reader, .. } = &self.source {
            reader.settle(self.window.first());
        }
    }
}

impl Drop for Stream {
    /// What is left in memory is lost; what is in a spool stays there.
    fn drop(&mut self) {
        let Source::Memory(inbox) = &mut self.source else { return };
        inbox.close();
        let rest = std::iter::from_fn(|| inbox.try_recv().ok());
        for waiting in self.window.drain().chain(rest) {
            waiting.item.cells.count(ListenerResult::DroppedShutdown);
        }
    }
}
