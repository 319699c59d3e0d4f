//! The hub's event handler: a webhook shard that answers when it likes.
//!
//! It takes the calls of every shard in order, keeps them, and deals with them in random order:
//! notifications are done, blocking events answered, some of them only when all is wound up.

use std::collections::HashMap;
use std::sync::Arc;

use corecast::config::HubSettings;
use corecast::event::call::{
    Admission, Event, EventAnswer, EventCall, EventFailure, EventOutcome, Refused, Reply,
};
use corecast::event::gate::{GateLimits, Urgency};
use corecast::event::handlers::{
    Handler, HandlerAuth, HandlerSettings, Handlers, PresenceEvents, SystemEvents,
};
use corecast::event::pattern::{GroupFilters, UserEventPattern};
use corecast::event::template::UrlTemplate;
use corecast::hub::id::ConnectionId;
use corecast::hub::name::HubName;
use corecast::protocol::subprotocol::{Metadata, Payload};
use corecast::shard::hubs::HubConfig;

use crate::random::Random;
use crate::session::{Session, ack_of};
use crate::world::World;

/// What becomes of an event, by its ack id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Fails,
    Replies,
    Succeeds,
}

pub(crate) fn fate(ack: u64) -> Fate {
    match ack % 5 {
        0 => Fate::Fails,
        1 | 2 => Fate::Replies,
        _ => Fate::Succeeds,
    }
}

/// The webhook shard and the application behind it.
pub(crate) struct Webhook {
    pub(crate) config: Arc<HubConfig>,
    kept: Vec<EventCall>,
    /// Not answered before the end.
    stuck: Vec<EventCall>,
    sessions: HashMap<ConnectionId, Session>,
    /// Numbers that no call had, and last calls without a permit.
    left_out: u64,
    /// Sessions that end without a word: the answer to `connect` made no sense.
    pub(crate) silent_ends: u64,
    pub(crate) answered: usize,
}

impl Webhook {
    pub(crate) fn new(random: &mut Random) -> Self {
        let settings = HubSettings {
            // A simulated client reads seldom; its queue is not what is tested here.
            outbound_messages_max: 1 << 20,
            drop_pubsub_clients_on_event_failure: random.chance(10),
            ..HubSettings::default()
        };
        let has_presence = random.chance(50);
        let handler = HandlerSettings {
            url: UrlTemplate::parse("http://localhost/{event}", &|_| None).expect("valid"),
            user_events: UserEventPattern::parse("*").expect("valid"),
            system_events: SystemEvents {
                connect: random.chance(50),
                connected: true,
                disconnected: true,
            },
            presence: PresenceEvents {
                joined: has_presence,
                left: has_presence,
                groups: GroupFilters::default(),
            },
            auth: HandlerAuth::None,
        };
        let limits = if random.chance(25) {
            GateLimits { events_max: 1 + random.below(4), bytes_max: 1 + random.below(60) }
        } else {
            GateLimits { events_max: usize::MAX, bytes_max: usize::MAX }
        };
        let handlers = Handlers::new(&hub(), &[handler], limits);
        Self {
            config: Arc::new(HubConfig { settings, handlers, ..HubConfig::default() }),
            kept: Vec::new(),
            stuck: Vec::new(),
            sessions: HashMap::new(),
            left_out: 0,
            silent_ends: 0,
            answered: 0,
        }
    }

    pub(crate) fn handler(&self) -> &Arc<Handler> {
        self.config.handlers.iter().next().expect("one")
    }

    /// Events that have found no room, of both kinds.
    pub(crate) fn refused(&self) -> u64 {
        let gate = &self.handler().gate;
        gate.refused(Urgency::Blocking) + gate.refused(Urgency::Notification)
    }

    fn take(&mut self, call: EventCall) {
        let is_complete = self.refused() == 0;
        let session = self.sessions.entry(call.subject.connection).or_default();
        let left_out = session.hear(&call, is_complete);
        self.left_out += left_out + u64::from(call.receivers.handler.is_none());
        self.kept.push(call);
    }

    /// No more is told of a client that the application has refused.
    fn end(&mut self, connection: ConnectionId) {
        if let Some(session) = self.sessions.get_mut(&connection) {
            session.is_ended = true;
        }
    }

    /// Whether nothing is left to be done.
    pub(crate) fn is_idle(&self) -> bool {
        self.kept.is_empty() && self.stuck.is_empty()
    }

    /// What was stuck goes on.
    pub(crate) fn release(&mut self) {
        self.kept.append(&mut self.stuck);
    }

    /// A client that knew it was connected is gone.
    pub(crate) fn check_ended(&self, connection: ConnectionId) {
        let session = self.sessions.get(&connection);
        assert!(self.refused() > 0 || session.is_some_and(|session| session.is_ended));
    }

    /// Everything is over.
    pub(crate) fn check(&self) {
        assert!(self.sessions.values().all(|session| session.is_ended), "no end is told");
        assert_eq!(self.handler().gate.len(), 0, "a permit is lost");
        // Clients whose every event was refused have no session, so it may be more.
        let accounted_for = self.refused() + self.silent_ends;
        assert!(self.left_out <= accounted_for, "an event is lost that had room");
    }
}

impl World {
    /// The shards hand over what they have raised.
    pub(crate) fn take_calls(&mut self) {
        for shard in &mut self.shards {
            for call in shard.calls_to_application.drain(..) {
                self.webhook.take(call);
            }
        }
    }

    /// The application deals with some call.
    pub(crate) fn deal(&mut self, may_wait: bool) {
        let Some(last) = self.webhook.kept.len().checked_sub(1) else { return };
        let call = self.webhook.kept.swap_remove(self.random.below(last + 1));
        let Some(to) = call.reply_to else { return };
        if may_wait && self.random.chance(1) {
            self.webhook.stuck.push(call);
            return;
        }
        let EventCall { subject, event, receivers, .. } = call;
        let permit = receivers.handler;
        let outcome = match event {
            Event::User { payload, .. } => self.answer(subject.connection, ack_of(&payload)),
            _ => self.decide(subject.connection),
        };
        self.webhook.answered += 1;
        self.shards[to.shard.index()].on_event_answer(EventAnswer { to, outcome, permit });
    }

    fn answer(&mut self, connection: ConnectionId, ack: u64) -> EventOutcome {
        let fate = fate(ack);
        let session = self.webhook.sessions.get_mut(&connection).expect("it has asked");
        session.answer(ack, fate != Fate::Fails);
        match fate {
            Fate::Fails => EventOutcome::Failed(EventFailure::TimedOut),
            Fate::Succeeds => EventOutcome::Answered(None),
            Fate::Replies => {
                let payload = Payload::text(format!(r#"{{"reply":{ack}}}"#));
                EventOutcome::Answered(Some(Reply { payload, metadata: Metadata::default() }))
            }
        }
    }

    fn decide(&mut self, connection: ConnectionId) -> EventOutcome {
        let outcome = match self.random.below(10) {
            0 => EventOutcome::Refused(Refused { status: 401, body: vec![], content_type: None }),
            1 => EventOutcome::Failed(EventFailure::Failed),
            _ => return EventOutcome::Admitted(Admission::default()),
        };
        self.webhook.end(connection);
        outcome
    }
}

pub(crate) fn hub() -> HubName {
    HubName::parse("sim").expect("valid")
}
