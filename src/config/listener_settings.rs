//! The event listeners of all hubs: their `[[hubs.NAME.eventListeners]]` tables
//! (`events-listener.md` sections 2, 5.2, 8.1).
//!
//! What is written there is checked word for word: a listener that silently gets nothing is found
//! when its data is missed. Names, files and spools belong to one listener, or to several with one
//! destination, whatever hubs they are of; so one [`ListenerResolver`] sees all of them. Messages
//! show neither secrets nor texts that may hold one.

mod auth;
mod authority;
mod connection_string;
mod endpoint;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use super::file::values::{FilterValues, HubValues, ListenerValues, SpoolValues};
use super::layers::Layers;
use super::section::Section;
use super::table::{self, Setting};
use crate::event::destination::{
    AmqpAuth, ClaimsAuth, Destination, Endpoint, FsyncPolicy, SpoolSettings,
};
use crate::event::listeners::{ListenerFilter, ListenerSettings};
use crate::event::pattern::ListenerPattern;
use crate::hub::name::HubName;
use endpoint::resolve_endpoint;

const NAME_CHARS_MAX: usize = 64;
const SPOOL_BYTES: usize = 1 << 30;
const FSYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Reads the listeners of one hub after the other.
pub(super) struct ListenerResolver {
    has_identity: bool,
    /// Those of the listeners so far.
    names: BTreeSet<String>,
    destinations: Vec<Arc<Destination>>,
}

impl ListenerResolver {
    /// `has_identity` says whether there is anything to get tokens with.
    ///
    /// # Errors
    /// The file has more listeners than it may have.
    pub(super) fn new(
        layers: Layers<'_>,
        listeners_max: usize,
        has_identity: bool,
    ) -> Result<Self, StartError> {
        let hubs = layers.file.values.hubs.values();
        let count: usize = hubs.filter_map(|hub| Some(hub.event_listeners.as_ref()?.len())).sum();
        if count > listeners_max {
            let file = layers.file.path.display();
            let reason = format!("{file} has {count} event listeners in all its hubs together");
            let error = StartError::new(
                table::EVENT_LISTENERS_MAX.name,
                reason,
                "remove some of them, or raise it",
            );
            return Err(error.with_value(listeners_max));
        }
        Ok(Self { has_identity, names: BTreeSet::new(), destinations: Vec::new() })
    }

    /// The listeners of a hub; `section` is the hub's table.
    pub(super) fn resolve(
        &mut self,
        section: &Section<'_>,
        hub: &HubName,
        values: &HubValues,
    ) -> Result<Vec<ListenerSettings>, StartError> {
        let listeners = values.event_listeners.as_deref().unwrap_or_default();
        let tables = section.each("eventListeners", listeners).enumerate();
        tables
            .map(|(index, (section, values))| {
                let name = values.name.clone();
                let name = name.unwrap_or_else(|| format!("{hub}-{}", index + 1));
                self.resolve_listener(&section, name, values)
            })
            .collect()
    }

    fn resolve_listener(
        &mut self,
        section: &Section<'_>,
        name: String,
        values: &ListenerValues,
    ) -> Result<ListenerSettings, StartError> {
        if values.name.is_some() && !is_listener_name(&name) {
            let fix = table::LISTENER_NAME.allowed.instruction();
            return Err(section.refuse(&table::LISTENER_NAME, name, "it is no such name", fix));
        }
        if !self.names.insert(name.clone()) {
            let reason = "another event listener has the name";
            return Err(section.refuse(&table::LISTENER_NAME, name, reason, "choose another one"));
        }
        let filter = resolve_filter(&section.below("filter"), &values.filter)?;
        let endpoint = section.below("endpoint");
        let endpoint = resolve_endpoint(&endpoint, &values.endpoint, self.has_identity)?;
        let spool = values.spool.as_ref();
        let spool =
            spool.map(|values| resolve_spool(&section.below("spool"), values)).transpose()?;
        let destination = self.share(section, Destination { endpoint, spool })?;
        Ok(ListenerSettings { name, filter, destination })
    }

    /// The destination as others have it already, unless they have a part of it only.
    fn share(
        &mut self,
        section: &Section<'_>,
        new: Destination,
    ) -> Result<Arc<Destination>, StartError> {
        if let Some(known) = self.destinations.iter().find(|known| ***known == new) {
            return Ok(known.clone());
        }
        let reason = "another event listener uses it, and their endpoints or spools differ";
        let fix = "choose another one, or write the same endpoint and spool for both";
        let is_taken = |part: fn(&Destination) -> Option<&PathBuf>| {
            part(&new)
                .filter(|path| self.destinations.iter().any(|known| part(known) == Some(path)))
        };
        if let Some(path) = is_taken(|destination| Some(&destination.spool.as_ref()?.directory)) {
            let section = section.below("spool");
            return Err(section.refuse(&table::SPOOL_DIRECTORY, path.display(), reason, fix));
        }
        if let Some(path) = is_taken(|destination| match &destination.endpoint {
            Endpoint::File(file) => Some(&file.path),
            _ => None,
        }) {
            let section = section.below("endpoint");
            return Err(section.refuse(&table::FILE_PATH, path.display(), reason, fix));
        }
        let new = Arc::new(new);
        self.destinations.push(new.clone());
        Ok(new)
    }
}

/// Whether a listener may be given this name; those that it gets by itself may be longer.
pub(super) fn is_listener_name(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(is_fit)
}

/// Whether tokens for the listener come from the process's identity.
pub(super) fn needs_identity(listener: &ListenerSettings) -> bool {
    let auth = match &listener.destination.endpoint {
        Endpoint::EventHub(endpoint) => &endpoint.auth,
        Endpoint::Amqp(endpoint) => match &endpoint.auth {
            AmqpAuth::Cbs(auth) => auth,
            AmqpAuth::Anonymous | AmqpAuth::Plain { .. } => return false,
        },
        Endpoint::File(_) => return false,
    };
    *auth == ClaimsAuth::Identity
}

/// Entries of the pattern that a handler would understand otherwise (section 2.4).
pub(super) fn warnings_of(listener: &ListenerSettings) -> Vec<String> {
    let name = &listener.name;
    let (_, wild) = ListenerPattern::parse(listener.filter.user_events.as_str());
    let warning = |entry: &str| {
        format!(
            "event listener {name}: the entry '{entry}' of userEventPattern matches nothing: \
             listeners know no wildcards but '*' alone"
        )
    };
    wild.into_iter().map(warning).collect()
}

fn resolve_filter(
    section: &Section<'_>,
    values: &FilterValues,
) -> Result<ListenerFilter, StartError> {
    let kind = section.required(&table::FILTER_TYPE, values.kind.as_deref())?;
    if !kind.eq_ignore_ascii_case("EventName") {
        return Err(unknown_word(section, &table::FILTER_TYPE, kind, "there is no such type"));
    }
    let pattern = values.user_event_pattern.as_deref().unwrap_or_default();
    let user_events = ListenerPattern::parse(pattern).0;
    let mut filter = ListenerFilter { user_events, ..ListenerFilter::default() };
    for name in values.system_events.as_deref().unwrap_or_default() {
        let setting = &table::FILTER_SYSTEM_EVENTS;
        let event = match name.to_ascii_lowercase().as_str() {
            "connected" => &mut filter.connected,
            "disconnected" => &mut filter.disconnected,
            "connect" => {
                let reason = "it needs an answer, and an event listener cannot answer";
                let fix = "remove it, or add an event handler";
                return Err(section.refuse(setting, name, reason, fix));
            }
            _ => return Err(unknown_word(section, setting, name, "there is no such event")),
        };
        *event = true;
    }
    if !filter.connected && !filter.disconnected && filter.user_events.is_empty() {
        let fix = "name events in systemEvents or userEventPattern";
        return Err(section.mistake("it matches no event", fix));
    }
    Ok(filter)
}

fn resolve_spool(section: &Section<'_>, values: &SpoolValues) -> Result<SpoolSettings, StartError> {
    let directory = section.required(&table::SPOOL_DIRECTORY, values.directory.as_deref())?.into();
    let bytes_max = section.number(&table::SPOOL_BYTES_MAX, values.max_bytes, SPOOL_BYTES)? as u64;
    let fsync = match values.fsync.as_deref() {
        Some("never") => FsyncPolicy::Never,
        None | Some("interval") => FsyncPolicy::Interval(FSYNC_INTERVAL),
        Some("always") => FsyncPolicy::Always,
        Some(other) => {
            return Err(unknown_word(section, &table::FSYNC, other, "there is no such policy"));
        }
    };
    Ok(SpoolSettings { directory, bytes_max, fsync })
}

fn unknown_word(section: &Section<'_>, setting: &Setting, word: &str, reason: &str) -> StartError {
    section.refuse(setting, word, reason, setting.allowed.instruction())
}

/// Refuses settings that have no effect with the type that was chosen; `given` are those that are
/// set.
fn refuse_strangers(
    section: &Section<'_>,
    kind: &str,
    known: &[&Setting],
    given: &[(&Setting, bool)],
) -> Result<(), StartError> {
    let is_known = |setting: &Setting| known.iter().any(|known| known.name == setting.name);
    match given.iter().find(|(setting, is_set)| *is_set && !is_known(setting)) {
        Some((setting, _)) => {
            let reason = format!("it has no effect with the type {kind}");
            Err(section.error(setting, &reason, "remove it, or choose another type"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
