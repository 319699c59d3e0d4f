//! Everything a scrape shows, and what the control thread counts itself.

use std::cell::{Cell, RefCell};
use std::fmt;

use super::gates::{EventHandlerMetrics, EventListenerMetrics};
use super::listeners::ListenerMetrics;
use super::upstream::UpstreamMetrics;
use super::{ShardMetrics, exposition};
use crate::api::Category;
use crate::event::handlers::Handlers;
use crate::event::listeners::Listeners;
use crate::shard::hubs::HubTable;

/// The metrics of the whole process. Belongs to the control thread, which answers scrapes.
#[derive(Debug)]
pub struct ServerMetrics {
    pub shards: Vec<ShardMetrics>,
    /// For the webhook shard to count in.
    pub upstream: UpstreamMetrics,
    /// Likewise.
    pub listeners: ListenerMetrics,
    handlers: RefCell<EventHandlerMetrics>,
    hearing: RefCell<EventListenerMetrics>,
    reloads: [Cell<u64>; 2],
}

impl ServerMetrics {
    /// Zeroes.
    pub fn new(shard_count: usize) -> Self {
        let (upstream, listeners) = (UpstreamMetrics::default(), ListenerMetrics::default());
        Self {
            shards: (0..shard_count).map(|_| ShardMetrics::new(&Category::NAMES)).collect(),
            upstream: upstream.clone(),
            listeners: listeners.clone(),
            handlers: RefCell::new(EventHandlerMetrics::new(upstream)),
            hearing: RefCell::new(EventListenerMetrics::new(listeners)),
            reloads: [Cell::new(0), Cell::new(0)],
        }
    }

    /// Looks at the gates of these handlers and listeners too. To be called with every new
    /// configuration.
    pub fn watch(&self, hubs: &HubTable) {
        self.handlers.borrow_mut().watch(hubs.handlers().flat_map(Handlers::iter));
        self.hearing.borrow_mut().watch(hubs.listeners().flat_map(Listeners::iter));
    }

    /// The configuration has been read again, and makes sense or not.
    pub fn count_reload(&self, is_applied: bool) {
        let count = &self.reloads[usize::from(!is_applied)];
        count.set(count.get() + 1);
    }

    /// Reloads applied and refused.
    pub(super) fn reloads(&self) -> [u64; 2] {
        [self.reloads[0].get(), self.reloads[1].get()]
    }

    /// All of it as OpenMetrics text.
    ///
    /// # Errors
    /// Only those of the formatter; writing to a string has none.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let (handlers, listeners) = (self.handlers.borrow(), self.hearing.borrow());
        exposition::render(&self.shards, &handlers, &listeners, self.reloads())
    }
}
