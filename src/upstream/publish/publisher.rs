//! From an event to the destinations of its listeners, which are started when they are needed.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::warn;

use super::carrier::Surroundings;
use super::record::Record;
use super::sink::Sink;
use super::spooler;
use crate::config::StartError;
use crate::event::call::EventCall;
use crate::event::destination::Destination;
use crate::event::listeners::{Listener, ListenerSettings};
use crate::shard::clock;
use crate::spool::Spool;

/// How long an acknowledgement waits for a disk.
const RECEIPT_PATIENCE: Duration = Duration::from_secs(1);

/// Resolves when the event is in all spools it goes to.
#[derive(Default)]
pub(in crate::upstream) struct Receipts(Vec<oneshot::Receiver<()>>);

impl Receipts {
    pub(in crate::upstream) async fn wait(self) {
        let all = async {
            for receipt in self.0 {
                // Dropped is told.
                let _ = receipt.await;
            }
        };
        let _ = timeout(RECEIPT_PATIENCE, all).await;
    }
}

/// Spools that are open before anything runs, so that a mistake ends the start.
pub(in crate::upstream) type OpenSpools = HashMap<Arc<Destination>, Spool>;

/// Opens the spools of these listeners.
///
/// # Errors
/// One of them cannot be used.
pub(in crate::upstream) fn open_spools(
    listeners: &[ListenerSettings],
) -> Result<OpenSpools, StartError> {
    let mut spools = OpenSpools::new();
    for ListenerSettings { name, destination, .. } in listeners {
        let Some(settings) = &destination.spool else { continue };
        if spools.contains_key(destination) {
            continue;
        }
        let spool = spooler::open(settings).map_err(|reason| {
            let setting = format!("spool.directory of the event listener {name}");
            let fix = "name a directory that this process may write and no other one uses";
            StartError::new(setting, reason, fix).with_value(settings.directory.display())
        })?;
        spools.insert(Arc::clone(destination), spool);
    }
    Ok(spools)
}

/// Hands events to destinations.
pub(in crate::upstream) struct Publisher {
    surroundings: Rc<Surroundings>,
    sinks: RefCell<HashMap<Arc<Destination>, Sink>>,
    configured: RefCell<HashSet<Arc<Destination>>>,
    /// Of destinations that are not configured any more.
    closing: RefCell<Vec<JoinHandle<()>>>,
    drain_deadline: Cell<Duration>,
    /// Listeners seen, and how many of their drops the log knows of.
    seen: RefCell<HashMap<String, Seen>>,
}

struct Seen {
    listener: Arc<Listener>,
    told: u64,
}

impl Publisher {
    pub(in crate::upstream) fn new(surroundings: Surroundings) -> Self {
        Self {
            surroundings: Rc::new(surroundings),
            sinks: RefCell::default(),
            configured: RefCell::default(),
            closing: RefCell::default(),
            drain_deadline: Cell::new(Duration::ZERO),
            seen: RefCell::default(),
        }
    }

    pub(in crate::upstream) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// Follows a configuration: what is spooled is sent on, and destinations that are gone get time
    /// to send what they have (section 2.3).
    pub(in crate::upstream) fn configure(
        &self,
        listeners: &[ListenerSettings],
        mut spools: OpenSpools,
        drain_deadline: Duration,
    ) {
        self.drain_deadline.set(drain_deadline);
        let configured = listeners.iter().map(|listener| Arc::clone(&listener.destination));
        self.configured.replace(configured.collect());
        self.close_unconfigured();
        let mut sinks = self.sinks.borrow_mut();
        for ListenerSettings { name, destination, .. } in listeners {
            if destination.spool.is_some() && !sinks.contains_key(destination) {
                let sink = self.start(name, destination, spools.remove(destination));
                sinks.insert(Arc::clone(destination), sink);
            }
        }
    }

    fn close_unconfigured(&self) {
        let configured = self.configured.borrow();
        let mut sinks = self.sinks.borrow_mut();
        for (_, sink) in sinks.extract_if(|destination, _| !configured.contains(destination)) {
            let closed = spawn_local(finish(vec![sink.close()], self.drain_deadline.get()));
            self.closing.borrow_mut().push(closed);
        }
    }

    fn start(&self, listener: &str, destination: &Arc<Destination>, opened: Option<Spool>) -> Sink {
        let cells = self.surroundings.metrics.of(listener);
        Sink::start(destination, &self.surroundings, opened, cells)
    }

    /// Hands an event to its listeners. `connection_state` is that of the moment.
    pub(in crate::upstream) fn publish(
        &self,
        call: &mut EventCall,
        connection_state: &str,
    ) -> Receipts {
        let mut receipts = Receipts::default();
        let permits = std::mem::take(&mut call.receivers.listeners);
        if permits.is_empty() {
            return receipts;
        }
        let Some(record) = Record::new(call, connection_state, clock::unix_millis()) else {
            return receipts;
        };
        let record = Rc::new(record);
        for permit in permits {
            let listener = Arc::clone(permit.receiver());
            let ListenerSettings { name, destination, .. } = &listener.settings;
            let cells = self.surroundings.metrics.of(name);
            let mut sinks = self.sinks.borrow_mut();
            if !sinks.contains_key(destination) {
                sinks.insert(Arc::clone(destination), self.start(name, destination, None));
            }
            let Some(sink) = sinks.get(destination) else { continue };
            let (receipt, told) = oneshot::channel();
            sink.offer(&record, permit, cells, receipt);
            receipts.0.push(told);
            self.see(&listener);
        }
        receipts
    }

    fn see(&self, listener: &Arc<Listener>) {
        let mut seen = self.seen.borrow_mut();
        match seen.get_mut(&listener.settings.name) {
            Some(known) if Arc::ptr_eq(&known.listener, listener) => {}
            Some(known) => {
                // A new gate counts from nothing.
                known.told = known.told.saturating_sub(known.listener.gate.refused_in_all());
                known.listener = Arc::clone(listener);
            }
            None => {
                let known = Seen { listener: Arc::clone(listener), told: 0 };
                seen.insert(listener.settings.name.clone(), known);
            }
        }
    }

    /// Tells of drops since the last time, a line for each listener (section 9).
    pub(in crate::upstream) fn sweep(&self) {
        for (name, Seen { listener, told }) in self.seen.borrow_mut().iter_mut() {
            let dropped = self.surroundings.metrics.of(name).dropped();
            let full = listener.gate.refused_in_all();
            let total = dropped + full;
            if total > *told {
                let (hub, events) = (&listener.hub, total - *told);
                warn!(%hub, listener = name, events, total, full, "events for a listener are dropped");
                *told = total;
            }
        }
        // A shard that was late to follow a change may have started one again.
        self.close_unconfigured();
        self.closing.borrow_mut().retain(|task| !task.is_finished());
    }

    /// Lets every destination send what it has, until the deadline has passed (section 7.5).
    pub(in crate::upstream) async fn drain(&self) {
        let sinks = std::mem::take(&mut *self.sinks.borrow_mut());
        let mut tasks: Vec<_> = sinks.into_values().map(Sink::close).collect();
        tasks.append(&mut self.closing.borrow_mut());
        finish(tasks, self.drain_deadline.get()).await;
        self.sweep();
    }
}

/// Waits for tasks, and gives up those that are not over when the deadline has passed.
async fn finish(tasks: Vec<JoinHandle<()>>, deadline: Duration) {
    let deadline = Instant::now() + deadline;
    for mut task in tasks {
        if timeout_at(deadline, &mut task).await.is_err() {
            task.abort();
            // Its end counts what it drops.
            let _ = task.await;
        }
    }
}
