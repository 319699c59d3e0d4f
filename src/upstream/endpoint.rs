//! What is prepared once per event handler: URLs, and the number of requests under way.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::client::{Client, SendError, Target};
use super::validation::ValidationTarget;
use crate::event::handlers::Handler;

/// Most event names whose URLs are kept: clients choose them.
const TARGETS_MAX: usize = 1024;
/// Most origins whose validation is kept at hand: clients may choose them (see
/// [`ValidationTarget`]).
const ORIGINS_MAX: usize = 16;
/// Stands for the event's name in URLs of validation requests (`events-webhook.md` section 3.1).
const VALIDATE: &str = "validate";

/// One handler on the webhook shard.
pub(super) struct Endpoint {
    pub(super) handler: Arc<Handler>,
    /// A permit for each request that may be under way. First come, first served.
    pub(super) slots: Semaphore,
    targets: RefCell<HashMap<Box<str>, Rc<Target>>>,
    validations: RefCell<Vec<Rc<ValidationTarget>>>,
}

impl Endpoint {
    fn new(handler: Arc<Handler>, concurrency: usize) -> Self {
        let slots = Semaphore::new(concurrency);
        Self { handler, slots, targets: RefCell::default(), validations: RefCell::default() }
    }

    /// Where events of this name go.
    ///
    /// # Errors
    /// The template makes no URL of it.
    pub(super) fn target(&self, client: &Client, event: &str) -> Result<Rc<Target>, SendError> {
        if let Some(target) = self.targets.borrow().get(event) {
            return Ok(Rc::clone(target));
        }
        let target = Rc::new(client.target(&self.url(event))?);
        let mut targets = self.targets.borrow_mut();
        if targets.len() >= TARGETS_MAX {
            targets.clear();
        }
        targets.insert(event.into(), Rc::clone(&target));
        Ok(target)
    }

    /// What has to be validated before events of this origin may be sent.
    pub(super) fn validation(&self, origin: &str) -> Rc<ValidationTarget> {
        let mut known = self.validations.borrow_mut();
        if let Some(found) = known.iter().find(|known| *known.origin == *origin) {
            return Rc::clone(found);
        }
        let target = ValidationTarget { url: self.url(VALIDATE), origin: origin.into() };
        let target = Rc::new(target);
        if known.len() >= ORIGINS_MAX {
            known.clear();
        }
        known.push(Rc::clone(&target));
        target
    }

    fn url(&self, event: &str) -> String {
        self.handler.settings.url.url(self.handler.hub.as_str(), event)
    }
}

/// The handlers that events have come for.
#[derive(Default)]
pub(super) struct Endpoints(RefCell<HashMap<usize, Rc<Endpoint>>>);

impl Endpoints {
    /// A handler is known by its place in memory, which its endpoint keeps from being anything
    /// else's.
    pub(super) fn of(&self, handler: &Arc<Handler>, concurrency: usize) -> Rc<Endpoint> {
        let mut endpoints = self.0.borrow_mut();
        let endpoint = endpoints
            .entry(Arc::as_ptr(handler).addr())
            .or_insert_with(|| Rc::new(Endpoint::new(Arc::clone(handler), concurrency)));
        Rc::clone(endpoint)
    }

    /// Forgets all of them. Events under way keep theirs.
    pub(super) fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// Forgets handlers that are no longer configured.
    pub(super) fn sweep(&self) {
        self.0.borrow_mut().retain(|_, endpoint| Arc::strong_count(&endpoint.handler) > 1);
    }
}
