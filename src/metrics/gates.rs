//! How far behind event handlers and listeners are, and what found no room there (`operations.md` section 2.5).
//!
//! Shards count at the gates of the handlers they know, and a scrape looks at the gates. A new
//! configuration brings new ones, while the old ones still have events under way and may still
//! refuse some: they are looked at until nobody else has them. Then what they have refused is kept
//! by their hub or their name, so that no counter ever goes back.
//!
//! Belongs to the control thread, which reads configurations and answers scrapes.

use std::sync::Arc;

use super::listeners::{ListenerMetrics, ListenerSample};
use super::upstream::{HubSample, UpstreamMetrics};
use crate::event::gate::Urgency;
use crate::event::handlers::Handler;
use crate::event::listeners::Listener;

const URGENCIES: [Urgency; 2] = [Urgency::Blocking, Urgency::Notification];

/// Receivers whose gates a scrape looks at: those of the configuration, and those before that still
/// have something under way.
#[derive(Debug)]
struct Watched<R>(Vec<Arc<R>>);

impl<R> Watched<R> {
    /// Adds `current`; `forget` is told of each that nobody else has any more.
    fn watch<'a>(&mut self, current: impl Iterator<Item = &'a Arc<R>>, forget: impl Fn(&R))
    where
        R: 'a,
    {
        // Whoever is alone with a receiver sees all that others have counted there.
        self.0.retain_mut(|receiver| match Arc::get_mut(receiver) {
            None => true,
            Some(unused) => {
                forget(unused);
                false
            }
        });
        for receiver in current {
            if !self.0.iter().any(|known| Arc::ptr_eq(known, receiver)) {
                self.0.push(receiver.clone());
            }
        }
    }
}

/// Everything that a scrape shows of event handlers.
#[derive(Debug)]
pub struct EventHandlerMetrics {
    upstream: UpstreamMetrics,
    handlers: Watched<Handler>,
}

impl EventHandlerMetrics {
    /// Shows what is counted in `upstream`, and no gates yet.
    pub fn new(upstream: UpstreamMetrics) -> Self {
        Self { upstream, handlers: Watched(Vec::new()) }
    }

    /// Looks at the gates of these handlers too. To be called with every new configuration.
    pub fn watch<'a>(&mut self, handlers: impl IntoIterator<Item = &'a Arc<Handler>>) {
        let Self { upstream, handlers: watched } = self;
        watched.watch(handlers.into_iter(), |unused| {
            for urgency in URGENCIES {
                upstream.keep_rejected(&unused.hub, urgency, unused.gate.refused(urgency));
            }
        });
    }

    /// All numbers of this moment.
    pub(crate) fn sample(&self) -> Vec<HubSample> {
        // Before the sample, so that every hub with a handler has its place in it.
        let labels: Vec<_> = self.handlers.0.iter().map(|h| self.upstream.label(&h.hub)).collect();
        let mut samples = self.upstream.sample();
        for (handler, label) in self.handlers.0.iter().zip(labels) {
            let Some(sample) = samples.iter_mut().find(|sample| sample.hub == label) else {
                continue;
            };
            *sample.queue.get_or_insert(0) += handler.gate.len() as u64;
            for urgency in URGENCIES {
                sample.rejected[urgency as usize] += handler.gate.refused(urgency);
            }
        }
        samples
    }
}

/// Everything that a scrape shows of event listeners.
#[derive(Debug)]
pub struct EventListenerMetrics {
    counted: ListenerMetrics,
    listeners: Watched<Listener>,
}

impl EventListenerMetrics {
    /// Shows what is counted, and no gates yet.
    pub fn new(counted: ListenerMetrics) -> Self {
        Self { counted, listeners: Watched(Vec::new()) }
    }

    /// Looks at the gates of these listeners too. To be called with every new configuration.
    pub fn watch<'a>(&mut self, listeners: impl IntoIterator<Item = &'a Arc<Listener>>) {
        let Self { counted, listeners: watched } = self;
        watched.watch(listeners.into_iter(), |unused| {
            counted.of(&unused.settings.name).keep_refused(unused.gate.refused_in_all());
        });
    }

    /// All numbers of this moment. What waits is in memory or in the spool.
    pub(crate) fn sample(&self) -> Vec<ListenerSample> {
        for listener in &self.listeners.0 {
            // Every listener has its place, also before its first event.
            self.counted.of(&listener.settings.name);
        }
        let mut samples = self.counted.sample();
        for sample in &mut samples {
            sample.queued = sample.spooled;
        }
        for listener in &self.listeners.0 {
            let name = &listener.settings.name;
            if let Some(sample) = samples.iter_mut().find(|sample| sample.listener == *name) {
                sample.refused += listener.gate.refused_in_all();
                sample.queued += listener.gate.len() as u64;
            }
        }
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::gate::{GateLimits, Permit};
    use crate::event::handlers::{
        HandlerAuth, HandlerSettings, Handlers, PresenceEvents, SystemEvents,
    };
    use crate::event::pattern::UserEventPattern;
    use crate::event::template::UrlTemplate;
    use crate::hub::name::HubName;

    /// The handlers of a hub, with room for one event of each urgency.
    fn handlers(hub: &str, count: usize) -> Handlers {
        let settings = HandlerSettings {
            url: UrlTemplate::parse("http://127.0.0.1:1/{event}", &|_| None).unwrap(),
            user_events: UserEventPattern::default(),
            system_events: SystemEvents::default(),
            presence: PresenceEvents::default(),
            auth: HandlerAuth::None,
        };
        let limits = GateLimits { events_max: 1, bytes_max: 100 };
        Handlers::new(&HubName::parse(hub).unwrap(), &vec![settings; count], limits)
    }

    fn take(handlers: &Handlers, urgency: Urgency) -> Option<Permit<Handler>> {
        Permit::take(handlers.iter().next()?, urgency, 1)
    }

    fn of<'a>(samples: &'a [HubSample], hub: &str) -> &'a HubSample {
        samples.iter().find(|sample| sample.hub == hub).unwrap()
    }

    #[test]
    fn the_gates_of_a_hub_are_added_up() {
        let mut metrics = EventHandlerMetrics::new(UpstreamMetrics::default());
        let (chat, news) = (handlers("chat", 2), handlers("news", 1));
        metrics.watch(chat.iter().chain(news.iter()));
        let _permits: Vec<_> = chat
            .iter()
            .map(|handler| Permit::take(handler, Urgency::Blocking, 1).unwrap())
            .collect();
        assert!(take(&chat, Urgency::Blocking).is_none());
        let samples = metrics.sample();
        assert_eq!(of(&samples, "chat").queue, Some(2));
        assert_eq!(of(&samples, "chat").rejected, [1, 0]);
        assert_eq!(of(&samples, "news").queue, Some(0));
        assert_eq!(of(&samples, "other").queue, None);
    }

    #[test]
    fn a_new_configuration_loses_no_count_and_keeps_no_handler() {
        let mut metrics = EventHandlerMetrics::new(UpstreamMetrics::default());
        let old = handlers("chat", 1);
        metrics.watch(old.iter());
        let permit = take(&old, Urgency::Notification);
        assert!(permit.is_some() && take(&old, Urgency::Notification).is_none());

        let new = handlers("chat", 1);
        metrics.watch(new.iter());
        metrics.watch(new.iter());
        assert_eq!(metrics.handlers.0.len(), 2, "the old one has an event under way");
        assert_eq!(of(&metrics.sample(), "chat").queue, Some(1));
        assert!(take(&old, Urgency::Notification).is_none(), "and may still refuse one");
        assert_eq!(of(&metrics.sample(), "chat").rejected, [0, 2]);

        drop((permit, old));
        metrics.watch(new.iter());
        assert_eq!(metrics.handlers.0.len(), 1);
        assert_eq!(of(&metrics.sample(), "chat").rejected, [0, 2]);
        assert_eq!(of(&metrics.sample(), "chat").queue, Some(0));
    }
}
