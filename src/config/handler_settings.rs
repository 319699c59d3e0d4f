//! The event handlers of a hub: its `[[hubs.NAME.eventHandlers]]` tables (`events-webhook.md`
//! section 2.1).
//!
//! What is written there is checked word for word; a name nobody knows would be an event that
//! silently never comes. Messages about a URL template leave out its query, which often holds a
//! code.

use super::StartError;
use super::file::values::{AuthValues, HandlerValues, PresenceValues};
use super::secret::Secrets;
use super::section::Section;
use super::table::{self, Setting};
use crate::event::handlers::{HandlerAuth, HandlerSettings, PresenceEvents, SystemEvents};
use crate::event::pattern::{GroupFilters, UserEventPattern};
use crate::event::template::{TemplateError, UrlTemplate};

/// What handlers of all hubs need.
pub(super) struct Shared<'a> {
    pub(super) secrets: &'a Secrets<'a>,
    /// Whether there is anything to get tokens with.
    pub(super) has_identity: bool,
}

/// The handlers in their order; `hub` is the hub's table.
pub(super) fn resolve_handlers(
    hub: &Section<'_>,
    handlers: &[HandlerValues],
    shared: &Shared<'_>,
) -> Result<Vec<HandlerSettings>, StartError> {
    hub.each("eventHandlers", handlers)
        .map(|(section, values)| resolve_handler(&section, values, shared))
        .collect()
}

fn resolve_handler(
    section: &Section<'_>,
    values: &HandlerValues,
    shared: &Shared<'_>,
) -> Result<HandlerSettings, StartError> {
    let auth = values.auth.as_ref();
    let presence = values.group_presence_events.as_ref();
    Ok(HandlerSettings {
        url: resolve_url(section, values.url_template.as_deref(), shared.secrets)?,
        user_events: resolve_pattern(section, values.user_event_pattern.as_deref())?,
        system_events: resolve_system_events(section, values.system_events.as_deref())?,
        presence: presence
            .map(|values| resolve_presence(&section.below("groupPresenceEvents"), values))
            .transpose()?
            .unwrap_or_default(),
        auth: auth
            .map(|values| resolve_auth(&section.below("auth"), values, shared.has_identity))
            .transpose()?
            .unwrap_or_default(),
    })
}

fn resolve_url(
    section: &Section<'_>,
    text: Option<&str>,
    secrets: &Secrets<'_>,
) -> Result<UrlTemplate, StartError> {
    let text = section.required(&table::URL_TEMPLATE, text)?;
    UrlTemplate::parse(text, &|uri| secrets.text(uri).ok()).map_err(|error| {
        let refuse =
            |reason: &str, fix| section.refuse(&table::URL_TEMPLATE, shown(text), reason, fix);
        match &error {
            TemplateError::UnknownSecret(uri) => match secrets.text(uri) {
                Err(lost) => refuse(&format!("the secret '{uri}': {}", lost.reason), lost.fix),
                Ok(_) => refuse(&error.to_string(), fix_of(&error)),
            },
            _ => refuse(&error.to_string(), fix_of(&error)),
        }
    })
}

fn fix_of(error: &TemplateError) -> &'static str {
    match error {
        TemplateError::NoUrl => "write it like https://app.example.com/api/{event}",
        TemplateError::Tunnel => "use an http or https URL that this server can reach",
        TemplateError::ParameterInHost => "put parameters behind the host",
        TemplateError::Password => "put a code into the query, or set auth",
        TemplateError::UnfitCharacter => "write it percent-encoded, such as %20 or %23",
        TemplateError::UnknownParameter => "write one of those; literal braces are %7B and %7D",
        TemplateError::UnknownSecret(_) => "add it to the table [secrets]",
        TemplateError::UnfitSecret(_) => "store it percent-encoded",
    }
}

/// What may be seen of a template that is no good: nothing from the query on, and nothing at all if
/// it may have a password.
fn shown(text: &str) -> &str {
    let head = text.split(['?', '#']).next().unwrap_or_default();
    if head.replace("{@", "").contains('@') { "(not shown)" } else { head }
}

fn resolve_pattern(
    section: &Section<'_>,
    text: Option<&str>,
) -> Result<UserEventPattern, StartError> {
    let text = text.unwrap_or_default();
    UserEventPattern::parse(text).map_err(|invalid| {
        let fix = "write names, or patterns such as order.*";
        section.refuse(&table::USER_EVENT_PATTERN, text, &invalid.to_string(), fix)
    })
}

fn resolve_system_events(
    section: &Section<'_>,
    names: Option<&[String]>,
) -> Result<SystemEvents, StartError> {
    let mut events = SystemEvents::default();
    for name in names.unwrap_or_default() {
        let event = match name.to_ascii_lowercase().as_str() {
            "connect" => &mut events.connect,
            "connected" => &mut events.connected,
            "disconnected" => &mut events.disconnected,
            _ => return Err(unknown_event(section, &table::SYSTEM_EVENTS, name)),
        };
        *event = true;
    }
    Ok(events)
}

fn resolve_presence(
    section: &Section<'_>,
    values: &PresenceValues,
) -> Result<PresenceEvents, StartError> {
    let filters = values.group_filters.as_deref().unwrap_or_default();
    let groups = GroupFilters::parse(filters).map_err(|invalid| {
        let fix = "write group names, or patterns such as room.*";
        section.error(&table::PRESENCE_GROUPS, &invalid.to_string(), fix)
    })?;
    let mut presence = PresenceEvents { groups, ..PresenceEvents::default() };
    for name in values.event_names.as_deref().unwrap_or_default() {
        let event = match name.to_ascii_lowercase().as_str() {
            "joined" => &mut presence.joined,
            "left" => &mut presence.left,
            _ => return Err(unknown_event(section, &table::PRESENCE_EVENTS, name)),
        };
        *event = true;
    }
    Ok(presence)
}

fn unknown_event(section: &Section<'_>, setting: &Setting, name: &str) -> StartError {
    section.refuse(setting, name, "there is no such event", setting.allowed.instruction())
}

fn resolve_auth(
    section: &Section<'_>,
    values: &AuthValues,
    has_identity: bool,
) -> Result<HandlerAuth, StartError> {
    let kind = values.kind.as_deref().unwrap_or("None");
    match (kind, &values.managed_identity) {
        ("None", None) => Ok(HandlerAuth::None),
        ("None", Some(_)) => {
            let reason = "managedIdentity has no effect with it";
            let fix = r#"write "ManagedIdentity", or remove managedIdentity"#;
            Err(section.refuse(&table::AUTH_TYPE, kind, reason, fix))
        }
        ("ManagedIdentity", _) if !has_identity => {
            let reason = "there is nothing to get tokens with";
            Err(section.refuse(&table::AUTH_TYPE, kind, reason, "add an [identity] table"))
        }
        ("ManagedIdentity", identity) => {
            let resource = identity.as_ref().and_then(|identity| identity.resource.as_deref());
            let section = section.below("managedIdentity");
            let resource = section.required(&table::AUTH_RESOURCE, resource)?.to_owned();
            Ok(HandlerAuth::ManagedIdentity { resource })
        }
        (other, _) => {
            let fix = table::AUTH_TYPE.allowed.instruction();
            Err(section.refuse(&table::AUTH_TYPE, other, "there is no such type", fix))
        }
    }
}

#[cfg(test)]
mod tests;
