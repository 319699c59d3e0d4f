//! How events are delivered, whatever hub they are of: the `event...` settings and the `[identity]`
//! table.
//!
//! Which handlers and listeners there are is a hub's business (`handler_settings`,
//! `listener_settings`); what a bound does when it is reached is told where it is enforced.

use std::path::PathBuf;
use std::time::Duration;

use super::StartError;
use super::args::ServeArgs;
use super::file::values::IdentityValues;
use super::issuer::{KeyUrl, resolve_url};
use super::layers::Layers;
use super::secret::required_secret;
use super::section::Section;
use super::table;
use crate::event::gate::GateLimits;
use crate::event::secret::Secret;

/// Settings of event delivery. The meaning of each is in [`table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSettings {
    /// From when an event is taken until the head of its answer is there, everything included.
    pub timeout: Duration,
    /// 1 to 4.
    pub attempts: usize,
    /// Requests under way per handler.
    pub concurrency: usize,
    /// Per handler.
    pub limits: GateLimits,
    /// Over all hubs (`events-listener.md` section 2.2).
    pub listeners_max: usize,
    /// Per listener, in memory.
    pub listener_limits: GateLimits,
    pub has_cookies: bool,
    pub has_name_identifier_claim: bool,
    /// `None`: the system's.
    pub root_certificates: Option<PathBuf>,
    /// `None` only if no handler and no listener needs it.
    pub identity: Option<IdentitySettings>,
    /// The URIs in the table `[secrets]`. Their texts are in the URL templates.
    pub secret_uris: Vec<String>,
}

/// Where tokens for handlers and brokers come from, by OAuth 2 client credentials (`events-webhook.md`
/// section 12.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentitySettings {
    pub token_endpoint: KeyUrl,
    pub client_id: String,
    pub credential: IdentityCredential,
}

/// How this server proves its identity to the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityCredential {
    Secret(Secret),
    /// A federated assertion. Whoever renews it overwrites the file, so it is read at each fetch.
    AssertionFile(PathBuf),
}

impl Default for EventSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(100),
            attempts: 4,
            concurrency: 512,
            limits: GateLimits { events_max: 10_000, bytes_max: 64 << 20 },
            listeners_max: 10,
            listener_limits: GateLimits { events_max: 10_000, bytes_max: 16 << 20 },
            has_cookies: true,
            has_name_identifier_claim: true,
            root_certificates: None,
            identity: None,
            secret_uris: Vec::new(),
        }
    }
}

pub(super) fn resolve_events(
    layers: Layers<'_>,
    args: &ServeArgs,
    secret_uris: Vec<String>,
) -> Result<EventSettings, StartError> {
    let default = EventSettings::default();
    let values = &layers.file.values;
    let number = |setting, flag: &Option<String>, file, default| {
        layers.number(setting, flag.as_deref(), file).map(|given| given.unwrap_or(default))
    };
    let switch = |setting, yes: bool, no: bool, file| {
        let flag = (yes || no).then_some(yes);
        layers.switch(setting, flag, file).map(|given| given.unwrap_or(true))
    };
    let timeout = layers.duration(
        &table::EVENT_TIMEOUT,
        args.event_timeout.as_deref(),
        values.event_timeout_in_seconds,
    )?;
    let events_max = number(
        &table::EVENT_QUEUE_MESSAGES,
        &args.event_queue_messages,
        values.event_queue_messages,
        default.limits.events_max,
    )?;
    let bytes_max = number(
        &table::EVENT_QUEUE_BYTES,
        &args.event_queue_bytes,
        values.event_queue_bytes,
        default.limits.bytes_max,
    )?;
    let listeners_max = number(
        &table::EVENT_LISTENERS_MAX,
        &args.event_listeners_max,
        values.event_listeners_max,
        default.listeners_max,
    )?;
    let listener_events_max = number(
        &table::EVENT_LISTENER_QUEUE_MESSAGES,
        &args.event_listener_queue_messages,
        values.event_listener_queue_messages,
        default.listener_limits.events_max,
    )?;
    let listener_bytes_max = number(
        &table::EVENT_LISTENER_QUEUE_BYTES,
        &args.event_listener_queue_bytes,
        values.event_listener_queue_bytes,
        default.listener_limits.bytes_max,
    )?;
    let root_certificates = layers.text(
        &table::UPSTREAM_ROOT_CERTIFICATES,
        args.upstream_root_certificates.as_deref(),
        values.upstream_root_certificates.as_deref(),
    );
    Ok(EventSettings {
        timeout: timeout.unwrap_or(default.timeout),
        attempts: number(
            &table::EVENT_ATTEMPTS,
            &args.event_attempts,
            values.event_attempts,
            default.attempts,
        )?,
        concurrency: number(
            &table::EVENT_CONCURRENCY,
            &args.event_concurrency,
            values.event_concurrency,
            default.concurrency,
        )?,
        limits: GateLimits { events_max, bytes_max },
        listeners_max,
        listener_limits: GateLimits {
            events_max: listener_events_max,
            bytes_max: listener_bytes_max,
        },
        has_cookies: switch(
            &table::EVENT_COOKIES,
            args.event_cookies,
            args.no_event_cookies,
            values.event_cookies,
        )?,
        has_name_identifier_claim: switch(
            &table::NAME_IDENTIFIER_CLAIM,
            args.name_identifier_claim,
            args.no_name_identifier_claim,
            values.name_identifier_claim,
        )?,
        root_certificates: root_certificates.map(|given| given.value.into()),
        identity: values
            .identity
            .as_ref()
            .map(|values| resolve_identity(layers, values))
            .transpose()?,
        secret_uris,
    })
}

fn resolve_identity(
    layers: Layers<'_>,
    values: &IdentityValues,
) -> Result<IdentitySettings, StartError> {
    let section = Section { layers, name: "identity".to_owned() };
    let url = section.required(&table::TOKEN_ENDPOINT, values.token_endpoint.as_deref())?;
    let client_id = section.required(&table::CLIENT_ID, values.client_id.as_deref())?;
    let credential = match (&values.client_secret, &values.client_assertion_file) {
        (Some(reference), None) => {
            let secret = required_secret(&section, &table::CLIENT_SECRET, Some(reference))?;
            IdentityCredential::Secret(Secret::new(&secret))
        }
        (None, Some(path)) => {
            let path = section.required(&table::CLIENT_ASSERTION_FILE, Some(path))?;
            IdentityCredential::AssertionFile(path.into())
        }
        (None, None) => {
            let fix = "set clientSecret or clientAssertionFile";
            return Err(section.mistake("it has nothing to prove itself with", fix));
        }
        (Some(_), Some(_)) => {
            let reason = "it has clientSecret and clientAssertionFile";
            return Err(section.mistake(reason, "keep one of them"));
        }
    };
    Ok(IdentitySettings {
        token_endpoint: resolve_url(&section, &table::TOKEN_ENDPOINT, url)?,
        client_id: client_id.to_owned(),
        credential,
    })
}

#[cfg(test)]
mod tests;
