//! The part of the output that is about events.

use toml::{Table, Value};

use super::{Lines, key};
use crate::config::event_settings::{EventSettings, IdentityCredential, IdentitySettings};
use crate::config::table;
use crate::event::handlers::{HandlerAuth, HandlerSettings, PresenceEvents, SystemEvents};
use crate::event::template::UrlTemplate;

impl Lines {
    /// Those that are the process's.
    pub(super) fn event_settings(&mut self, events: &EventSettings) {
        self.seconds(&table::EVENT_TIMEOUT, events.timeout);
        self.number(&table::EVENT_ATTEMPTS, events.attempts);
        self.number(&table::EVENT_CONCURRENCY, events.concurrency);
        self.number(&table::EVENT_QUEUE_MESSAGES, events.limits.events_max);
        self.number(&table::EVENT_QUEUE_BYTES, events.limits.bytes_max);
        self.number(&table::EVENT_LISTENERS_MAX, events.listeners_max);
        let limits = events.listener_limits;
        self.number(&table::EVENT_LISTENER_QUEUE_MESSAGES, limits.events_max);
        self.number(&table::EVENT_LISTENER_QUEUE_BYTES, limits.bytes_max);
        self.value(&table::EVENT_COOKIES, events.has_cookies);
        self.value(&table::NAME_IDENTIFIER_CLAIM, events.has_name_identifier_claim);
        let setting = &table::UPSTREAM_ROOT_CERTIFICATES;
        match &events.root_certificates {
            Some(path) => self.value(setting, path.to_string_lossy().as_ref()),
            None => self.comment(setting, setting.default),
        }
    }

    /// Of one handler; what it leaves out is the default.
    pub(super) fn handler(&mut self, handler: &HandlerSettings) {
        self.url(&handler.url);
        self.value(&table::USER_EVENT_PATTERN, handler.user_events.as_str());
        self.value(&table::SYSTEM_EVENTS, system_events(handler.system_events));
        if let HandlerAuth::ManagedIdentity { resource } = &handler.auth {
            let identity = inline([(table::AUTH_RESOURCE.name, resource.as_str().into())]);
            let kind = (table::AUTH_TYPE.name, "ManagedIdentity".into());
            self.entry("auth", inline([kind, ("managedIdentity", identity)]));
        }
        if handler.presence != PresenceEvents::default() {
            self.entry("groupPresenceEvents", presence(&handler.presence));
        }
    }

    fn url(&mut self, url: &UrlTemplate) {
        let redacted = url.redacted();
        if redacted != url.as_written() {
            let words = "fill in what is REDACTED before you use this as a file";
            self.comment(&table::URL_TEMPLATE, words);
        }
        self.value(&table::URL_TEMPLATE, redacted);
    }

    pub(super) fn identity(&mut self, identity: &IdentitySettings) {
        self.header(format_args!("[identity]"));
        self.value(&table::TOKEN_ENDPOINT, identity.token_endpoint.as_str());
        self.value(&table::CLIENT_ID, identity.client_id.as_str());
        match &identity.credential {
            IdentityCredential::Secret(_) => self.comment(&table::CLIENT_SECRET, "set"),
            IdentityCredential::AssertionFile(path) => {
                self.value(&table::CLIENT_ASSERTION_FILE, path.to_string_lossy().as_ref());
            }
        }
    }

    /// The whole table is a comment: without values there is nothing in it.
    pub(super) fn secrets(&mut self, uris: &[String]) {
        if uris.is_empty() {
            return;
        }
        self.header(format_args!("# [secrets]"));
        for uri in uris {
            self.remark(format_args!("{}: set", key(uri)));
        }
    }
}

fn system_events(events: SystemEvents) -> Vec<&'static str> {
    let SystemEvents { connect, connected, disconnected } = events;
    names([(connect, "connect"), (connected, "connected"), (disconnected, "disconnected")])
}

fn presence(presence: &PresenceEvents) -> Value {
    let events = names([(presence.joined, "joined"), (presence.left, "left")]);
    inline([
        (table::PRESENCE_EVENTS.name, events.into()),
        (table::PRESENCE_GROUPS.name, presence.groups.as_slice().to_vec().into()),
    ])
}

fn names<const N: usize>(events: [(bool, &'static str); N]) -> Vec<&'static str> {
    events.into_iter().filter_map(|(is_wanted, name)| is_wanted.then_some(name)).collect()
}

fn inline<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.into_iter().map(|(name, value)| (name.to_owned(), value));
    Value::Table(entries.collect::<Table>())
}
