//! Everything a scrape shows, and what the control thread counts itself.

use std::cell::{Cell, RefCell};
use std::fmt;

use super::gates::EventHandlerMetrics;
use super::upstream::UpstreamMetrics;
use super::{ShardMetrics, exposition};
use crate::api::Category;
use crate::event::handlers::Handlers;

/// The metrics of the whole process. Belongs to the control thread, which answers scrapes.
#[derive(Debug)]
pub struct ServerMetrics {
    pub shards: Vec<ShardMetrics>,
    /// For the webhook shard to count in.
    pub upstream: UpstreamMetrics,
    handlers: RefCell<EventHandlerMetrics>,
    reloads: [Cell<u64>; 2],
}

impl ServerMetrics {
    /// Zeroes.
    pub fn new(shard_count: usize) -> Self {
        let upstream = UpstreamMetrics::default();
        Self {
            shards: (0..shard_count).map(|_| ShardMetrics::new(&Category::NAMES)).collect(),
            upstream: upstream.clone(),
            handlers: RefCell::new(EventHandlerMetrics::new(upstream)),
            reloads: [Cell::new(0), Cell::new(0)],
        }
    }

    /// Looks at the gates of these handlers too. To be called with every new configuration.
    pub fn watch<'a>(&self, handlers: impl IntoIterator<Item = &'a Handlers>) {
        let handlers = handlers.into_iter().flat_map(Handlers::iter);
        self.handlers.borrow_mut().watch(handlers);
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
        exposition::render(&self.shards, &self.handlers.borrow(), self.reloads())
    }
}
