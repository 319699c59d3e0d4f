//! The loop of the webhook shard: takes events as they come, each in a task of its own, and ends
//! them in order.
//!
//! What may wait here is bounded by the gates of the handlers, what is on the wire by their slots,
//! and sessions by connections. Nothing here ever waits for one handler on behalf of another.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{error, warn};

use super::client::Client;
use super::deliver::Delivery;
use super::endpoint::Endpoints;
use super::publish::{OpenSpools, Publisher, Receipts, Surroundings};
use super::request_ids::RequestIds;
use super::session::{Session, Sessions};
use super::settings::UpstreamSettings;
use super::token::Tokens;
use super::validation::{ENTRIES_MAX, Validations};
use crate::event::call::{Event, EventAnswer, EventCall, EventOutcome};
use crate::metrics::upstream::{CallResult, UpstreamMetrics};

/// How often what has grown old is looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// Everything the tasks of the webhook shard share. No borrow of it outlives a step.
pub(super) struct Worker {
    pub(super) client: Rc<Client>,
    pub(super) validations: RefCell<Validations<oneshot::Sender<bool>>>,
    pub(super) metrics: UpstreamMetrics,
    pub(super) answer: Box<dyn Fn(EventAnswer)>,
    pub(super) request_ids: RequestIds,
    settings: RefCell<Arc<UpstreamSettings>>,
    /// Counts changes of the settings, because signatures are made with them.
    generation: Cell<u64>,
    publisher: Publisher,
    endpoints: Endpoints,
    sessions: Sessions,
    under_way: Cell<usize>,
    /// Rings when nothing is under way any more.
    is_idle: Notify,
}

impl Worker {
    pub(super) fn new(
        settings: Arc<UpstreamSettings>,
        metrics: UpstreamMetrics,
        answer: Box<dyn Fn(EventAnswer)>,
        surroundings: Surroundings,
    ) -> Rc<Self> {
        let worker = Self {
            client: Rc::clone(&surroundings.client),
            validations: RefCell::new(Validations::new(ENTRIES_MAX)),
            metrics,
            answer,
            request_ids: RequestIds::default(),
            settings: RefCell::new(settings),
            generation: Cell::new(0),
            publisher: Publisher::new(surroundings),
            endpoints: Endpoints::default(),
            sessions: Sessions::default(),
            under_way: Cell::new(0),
            is_idle: Notify::new(),
        };
        worker.renew_tokens();
        Rc::new(worker)
    }

    /// Takes events until there will be no more, and waits for those under way.
    pub(super) async fn run(
        self: &Rc<Self>,
        mut calls: mpsc::UnboundedReceiver<Vec<EventCall>>,
        mut changes: watch::Receiver<Arc<UpstreamSettings>>,
        spools: OpenSpools,
    ) {
        self.configure_listeners(spools);
        let mut sweeps = interval(SWEEP_INTERVAL);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut may_change = true;
        loop {
            tokio::select! {
                batch = calls.recv() => match batch {
                    Some(batch) => batch.into_iter().for_each(|call| self.take(call)),
                    None => break,
                },
                changed = changes.changed(), if may_change => match changed {
                    Ok(()) => self.change(Arc::clone(&changes.borrow_and_update())),
                    Err(_) => may_change = false,
                },
                _ = sweeps.tick() => self.sweep(),
            }
        }
        self.drain().await;
    }

    /// Listeners first: they get the state that is there before the handler answers
    /// (`events-listener.md` section 3.1).
    fn take(self: &Rc<Self>, mut call: EventCall) {
        let receipts = match call.receivers.listeners.is_empty() {
            true => Receipts::default(),
            false => {
                let state = self.sessions.state(call.subject.connection);
                self.publisher.publish(&mut call, &state)
            }
        };
        if let Event::Disconnected { .. } = call.event {
            if let Some((session, call)) = self.sessions.begin_last(call) {
                self.start(session, call, receipts);
            }
        } else if call.receivers.handler.is_some() {
            let session = self.sessions.begin(call.subject.connection);
            self.start(session, call, receipts);
        } else if let Some(to) = call.reply_to {
            let worker = Rc::clone(self);
            spawn_local(async move {
                receipts.wait().await;
                let outcome = EventOutcome::Answered(None);
                (worker.answer)(EventAnswer { to, outcome, permit: None });
            });
        }
    }

    fn start(self: &Rc<Self>, session: Rc<Session>, call: EventCall, receipts: Receipts) {
        let Some(permit) = &call.receivers.handler else { return };
        let concurrency = self.settings.borrow().events.concurrency;
        let endpoint = self.endpoints.of(permit.receiver(), concurrency);
        self.under_way.set(self.under_way.get() + 1);
        let delivery = Delivery::new(Rc::clone(self), endpoint, session, call, receipts);
        spawn_local(delivery.run());
    }

    /// An event is over, in whatever way.
    pub(super) fn finish(
        self: &Rc<Self>,
        call: &EventCall,
        session: &Rc<Session>,
        is_refused: bool,
    ) {
        let id = call.subject.connection;
        if is_refused {
            self.sessions.forget(id);
        } else if let Some(last) = self.sessions.finish(id, session) {
            // Nobody waits for the outcome of a last event.
            self.start(Rc::clone(session), last, Receipts::default());
        }
    }

    /// An event was given up, and with it the one that waits for it.
    pub(super) fn abandon_last(&self, session: &Session) {
        let Some(last) = session.take_last().filter(|last| last.receivers.handler.is_some()) else {
            return;
        };
        let (hub, kind) = (&last.subject.hub, last.event.kind());
        self.metrics.record(hub, kind, CallResult::Abandoned, Duration::ZERO);
    }

    /// The task of an event ends.
    pub(super) fn leave(&self) {
        let left = self.under_way.get() - 1;
        self.under_way.set(left);
        if left == 0 {
            self.is_idle.notify_one();
        }
    }

    async fn drain(&self) {
        let all_done = async {
            while self.under_way.get() > 0 {
                self.is_idle.notified().await;
            }
        };
        let deadline = self.settings.borrow().drain_deadline;
        let (handlers, ()) = tokio::join!(timeout(deadline, all_done), self.publisher.drain());
        if handlers.is_err() {
            let events = self.under_way.get();
            warn!(events, "gave up events that were not delivered in time");
        }
    }

    fn change(&self, settings: Arc<UpstreamSettings>) {
        let before = self.settings.replace(settings);
        self.generation.set(self.generation.get() + 1);
        if before.events.concurrency != self.settings.borrow().events.concurrency {
            self.endpoints.clear();
        }
        self.renew_tokens();
        self.configure_listeners(OpenSpools::default());
    }

    fn configure_listeners(&self, spools: OpenSpools) {
        let settings = self.settings();
        self.publisher.configure(&settings.listeners, spools, settings.drain_deadline);
    }

    fn renew_tokens(&self) {
        let settings = self.settings();
        let Some(identity) = &settings.events.identity else {
            self.publisher.surroundings().tokens.take();
            return;
        };
        let known = &self.publisher.surroundings().tokens;
        if known.borrow().as_ref().is_some_and(|tokens| tokens.are_of(identity)) {
            return;
        }
        let tokens = Tokens::new(Rc::clone(&self.client), identity).map(Rc::new);
        let tokens = tokens.inspect_err(|error| error!("no bearer tokens: tokenEndpoint: {error}"));
        known.replace(tokens.ok());
    }

    fn sweep(&self) {
        self.endpoints.sweep();
        self.client.sweep();
        self.publisher.sweep();
    }

    pub(super) fn settings(&self) -> Arc<UpstreamSettings> {
        Arc::clone(&self.settings.borrow())
    }

    pub(super) fn tokens(&self) -> Option<Rc<Tokens>> {
        self.publisher.surroundings().tokens.borrow().clone()
    }

    /// `ce-signature` for events of the session; none while local authentication is disabled.
    pub(super) fn signature(&self, session: &Session) -> Option<Rc<str>> {
        let settings = self.settings.borrow();
        let signer = settings.signer.as_ref()?;
        Some(session.signature(signer, self.generation.get()))
    }
}
