//! What `[[hubs.NAME.eventHandlers]]` tables mean, and every mistake in them.

use std::path::Path;

use super::*;
use crate::config::layers::Layers;
use crate::config::{ConfigFile, HubSettings, hub_settings};
use crate::hub::name::HubName;

/// The hub `chat` of a file that also has an identity.
fn resolve(file: &str) -> Result<HubSettings, StartError> {
    let file = ConfigFile::parse(Path::new("corecast.toml"), file)?;
    let environment = |name: &str| (name == "CODE").then(|| "s3cret".to_owned());
    let layers = Layers { environment: &environment, file: &file };
    let secrets = Secrets::resolve(layers)?;
    let shared = Shared { secrets: &secrets, has_identity: file.values.identity.is_some() };
    let mut hubs = hub_settings::resolve_hubs(layers, &shared, 10)?;
    Ok(hubs.remove(&HubName::parse("chat").unwrap()).unwrap())
}

fn message(file: &str) -> String {
    resolve(file).unwrap_err().to_string()
}

/// The only handler, from what stands in its table behind the URL.
fn handler(lines: &str) -> Result<HandlerSettings, StartError> {
    let file = format!("[[hubs.chat.eventHandlers]]\nurlTemplate = 'http://h/{{event}}'\n{lines}");
    resolve(&file).map(|mut hub| hub.event_handlers.remove(0))
}

#[test]
fn a_handler_needs_a_url_only() {
    let found = handler("").unwrap();
    assert_eq!(found.url.url("chat", "x"), "http://h/x");
    assert_eq!(found.user_events, UserEventPattern::default());
    assert_eq!(found.system_events, SystemEvents::default());
    assert_eq!(found.presence, PresenceEvents::default());
    assert_eq!(found.auth, HandlerAuth::None);
}

#[test]
fn handlers_keep_their_order() {
    let hub = resolve(
        "[[hubs.chat.eventHandlers]]\nurlTemplate = 'http://b/'\n\
         [[hubs.chat.eventHandlers]]\nurlTemplate = 'http://a/'\n",
    );
    let hosts = hub.unwrap().event_handlers;
    assert_eq!(hosts.iter().map(|handler| handler.url.host()).collect::<Vec<_>>(), ["b", "a"]);
}

#[test]
fn system_events_ignore_case_and_no_pattern_selects_them() {
    // E3, E6 (the settings)
    let events = |lines: &str| handler(lines).unwrap().system_events;
    let wanted = SystemEvents { connect: true, connected: false, disconnected: true };
    assert_eq!(events("systemEvents = ['Connect', 'DISCONNECTED']"), wanted);
    assert_eq!(events("userEventPattern = '*'"), SystemEvents::default());
}

#[test]
fn presence_and_auth_are_tables() {
    let found = handler("groupPresenceEvents = { eventNames = ['joined'], groupFilters = ['a*'] }");
    let presence = found.unwrap().presence;
    assert!(presence.joined && !presence.left);
    assert!(presence.groups.matches("ab") && !presence.groups.matches("b"));
    let found = handler("groupPresenceEvents = { eventNames = ['left', 'joined'] }").unwrap();
    assert!(found.presence.joined && found.presence.left && found.presence.groups.matches("b"));

    let identity = "[identity]\ntokenEndpoint = 'https://h'\nclientId = 'c'\nclientSecret = 's'\n";
    let auth = "auth = { type = 'ManagedIdentity', managedIdentity = { resource = 'api://x' } }\n";
    let auth = handler(&format!("{auth}{identity}")).unwrap().auth;
    assert_eq!(auth, HandlerAuth::ManagedIdentity { resource: "api://x".into() });
    assert_eq!(handler("auth = { type = 'None' }").unwrap().auth, HandlerAuth::None);
    assert_eq!(handler("auth = {}").unwrap().auth, HandlerAuth::None);
}

#[test]
fn secrets_come_from_their_table_or_by_reference() {
    let url = |uri: &str, secrets: &str| {
        let file = format!(
            "{secrets}\n[[hubs.chat.eventHandlers]]\n\
             urlTemplate = 'http://h/?code={{@Microsoft.KeyVault(SecretUri={uri})}}'"
        );
        resolve(&file).map(|hub| hub.event_handlers[0].url.url("chat", "x"))
    };
    let secrets = "[secrets]\n'https://vault/a' = 'env:CODE'\n'https://vault/b' = 'plain'\n";
    assert_eq!(url("https://vault/a", secrets).unwrap(), "http://h/?code=s3cret");
    assert_eq!(url("https://vault/b", secrets).unwrap(), "http://h/?code=plain");
    assert_eq!(url("env:CODE", "").unwrap(), "http://h/?code=s3cret");

    let text = url("https://vault/c", secrets).unwrap_err().to_string();
    assert_eq!(
        text,
        "hubs.chat.eventHandlers[0].urlTemplate = http://h/ (from corecast.toml): the secret \
         'https://vault/c': the table [secrets] has no such URI; add it there, or write \
         SecretUri=env:NAME or SecretUri=file:PATH"
    );
    let text = url("env:NOT_SET", "").unwrap_err().to_string();
    assert!(text.contains("'env:NOT_SET': the environment variable NOT_SET is not set"), "{text}");
    let text = url("x", "[secrets]\nx = 'env:NOT_SET'").unwrap_err().to_string();
    assert!(text.starts_with("secrets.x = env:NOT_SET (from corecast.toml): the environment"));
    let text = url("x", "[secrets]\nx = 's3cret #'").unwrap_err().to_string();
    assert!(text.contains("the secret 'x' has white space") && !text.contains("s3cret"), "{text}");
}

#[test]
fn mistakes_name_the_handler() {
    let prefix = "hubs.chat.eventHandlers[0].";
    for (lines, start) in [
        ("systemEvents = ['message']", "systemEvents = message (from corecast.toml): there is no"),
        (
            "userEventPattern = 'a\\b'",
            "userEventPattern = a\\b (from corecast.toml): the entry 'a\\b'",
        ),
        (
            "groupPresenceEvents = { eventNames = ['join'] }",
            "groupPresenceEvents.eventNames = join (from corecast.toml): there is no such event",
        ),
        (
            "groupPresenceEvents = { groupFilters = ['a\\b'] }",
            "groupPresenceEvents.groupFilters (from corecast.toml): the entry 'a\\b' is malformed",
        ),
        (
            "auth = { type = 'Basic' }",
            "auth.type = Basic (from corecast.toml): there is no such type",
        ),
        (
            "auth = { managedIdentity = { resource = 'x' } }",
            "auth.type = None (from corecast.toml): managedIdentity has no effect with it",
        ),
        (
            "auth = { type = 'ManagedIdentity', managedIdentity = { resource = 'x' } }",
            "auth.type = ManagedIdentity (from corecast.toml): there is nothing to get tokens with",
        ),
        (
            "auth = { type = 'ManagedIdentity' }\n[identity]",
            "auth.managedIdentity.resource (from corecast.toml): it is missing or empty",
        ),
    ] {
        let text = handler(lines).unwrap_err().to_string();
        assert!(text.starts_with(&format!("{prefix}{start}")), "{text}");
        assert!(text.contains("; ") && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn mistakes_in_templates_are_named_without_their_query() {
    // E7, O11
    let url = |text: &str| message(&format!("[[hubs.chat.eventHandlers]]\nurlTemplate = '{text}'"));
    let start = "hubs.chat.eventHandlers[0].urlTemplate";
    for (text, shown, reason) in [
        ("h/{event}?code=s3cret", " = h/{event}", "it is no absolute http or https URL"),
        ("http://{hub}.h/?code=s3cret", " = http://{hub}.h/", "it has a parameter in its host"),
        ("tunnel:///{event}?s3cret", " = tunnel:///{event}", "this server offers no tunnel"),
        ("http://u:s3cret@h/", " = (not shown)", "it has a user name or password"),
        ("http://h/#s3cret", " = http://h/", "it has white space, a control"),
        ("http://h/?code={s3cret}", " = http://h/", "it has a brace that belongs to none"),
    ] {
        let text = url(text);
        assert!(
            text.starts_with(&format!("{start}{shown} (from corecast.toml): {reason}")),
            "{text}"
        );
        assert!(text.contains("; ") && text.lines().count() == 1, "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    let text = message("[[hubs.chat.eventHandlers]]\nuserEventPattern = '*'");
    assert!(text.starts_with(&format!("{start} (from corecast.toml): it is missing")), "{text}");
}
