//! What takes effect at once, what is named and stays, and what becomes of keys.

use std::path::Path;

use super::*;
use crate::auth::AccessKey;
use crate::config::{ConfigFile, ServeArgs, Sources, UsableCores};
use crate::hub::name::HubName;

const KEY: &str = "accessKey = '0123456789abcdef0123456789abcdef'\n";

fn resolve(text: &str) -> Settings {
    let sources = Sources {
        args: &ServeArgs::default(),
        environment: &|_| None,
        file: &ConfigFile::parse(Path::new("corecast.toml"), text).unwrap(),
        cores: UsableCores::new(vec![0, 1], 2),
    };
    Settings::resolve(&sources).unwrap()
}

fn reload(running: &Settings, text: &str) -> Reloaded {
    running.reload(resolve(text)).unwrap()
}

#[test]
fn nothing_new_changes_nothing() {
    let running = resolve("");
    let reloaded = reload(&running, "");
    assert_eq!(reloaded.ignored, [""; 0]);
    assert_eq!(reloaded.settings.keys.primary(), running.keys.primary());
}

#[test]
fn hubs_keys_and_events_change_at_once() {
    // O14 (the settings)
    let new = "accessKey = 'another0123456789abcdef0123456789'\n\
               secondaryAccessKey = '0123456789abcdef0123456789abcdef'\n\
               publicEndpoints = ['chat.example.com']\ndisableAadAuth = true\n\
               eventTimeoutInSeconds = 5\neventAttempts = 1\neventQueueMessages = 7\n\
               eventCookies = false\neventListenersMax = 2\neventListenerQueueMessages = 8\n\
               [hubs.chat]\ngroupsPerConnection = 3\n\
               [[hubs.chat.eventHandlers]]\nurlTemplate = 'http://h/'\n\
               [[hubs.chat.eventListeners]]\n\
               filter = { type = 'EventName', userEventPattern = '*' }\n\
               endpoint = { type = 'File', path = 'events' }\n";
    let reloaded = reload(&resolve(KEY), new);
    assert_eq!(reloaded.ignored, [""; 0]);
    let (settings, new) = (reloaded.settings, resolve(new));
    assert_eq!(settings.keys.primary(), new.keys.primary());
    assert_eq!(settings.keys.secondary().map(AccessKey::as_str), Some(&KEY[13..45]));
    assert_eq!(settings.public_endpoints.len(), 1);
    assert!(settings.disable_aad_auth);
    assert_eq!(settings.events, new.events);
    assert_eq!(settings.hubs, new.hubs);
    assert_eq!(settings.hub(&HubName::parse("chat").unwrap()).event_handlers.len(), 1);
    assert!(reload(&settings, KEY).settings.hubs.is_empty(), "a hub can lose its settings");
}

#[test]
fn what_needs_a_restart_stays_and_is_named() {
    let new = "listen = ['127.0.0.1:1']\nadminListen = '127.0.0.1:2'\nshards = 1\npin = false\n\
               log = 'debug'\nheaderTimeoutInSeconds = 1\nshutdownGraceInSeconds = 1\n\
               drainDeadlineInSeconds = 1\nmeshSlots = 64\nupstreamRootCertificates = 'a'\n\
               [identity]\ntokenEndpoint = 'https://h'\nclientId = 'a'\nclientSecret = 'b'\n\
               [[issuers]]\nissuer = 'https://h'\n\
               [[issuers.roles]]\nclaim = 'sub'\nvalue = 'x'\nrole = 'Owner'\n";
    let running = resolve(KEY);
    let Reloaded { settings, ignored } = reload(&running, &format!("{KEY}{new}"));
    assert_eq!(
        ignored,
        [
            "listen",
            "adminListen",
            "shards",
            "pin",
            "log",
            "headerTimeoutInSeconds",
            "shutdownGraceInSeconds",
            "drainDeadlineInSeconds",
            "meshSlots",
            "upstreamRootCertificates",
            "identity",
            "issuers",
        ]
    );
    assert_eq!(format!("{settings:?}"), format!("{running:?}"));
}

#[test]
fn a_generated_key_stays_and_a_configured_one_is_not_lost() {
    let generated = resolve("");
    assert!(!reload(&generated, KEY).settings.keys.is_generated());
    let error = resolve(KEY).reload(resolve("")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "accessKey: there is none, and one is generated only at a start; set it, or restart"
    );

    // Without local authentication the keys are others, and nobody's.
    let off = reload(&generated, "disableLocalAuth = true").settings;
    assert_ne!(off.keys.primary(), generated.keys.primary());
    let still_off = reload(&off, "disableLocalAuth = true").settings;
    assert_eq!(still_off.keys.primary(), off.keys.primary());
    assert!(off.reload(resolve("")).is_err(), "nobody would know the key");
    assert!(off.reload(resolve(KEY)).is_ok());
}

#[test]
fn nothing_can_need_an_identity_that_was_not_there_at_the_start() {
    let identity = "[identity]\ntokenEndpoint = 'https://h'\nclientId = 'a'\nclientSecret = 'b'\n";
    let new = format!(
        "{identity}[[hubs.chat.eventHandlers]]\nurlTemplate = 'http://h/'\n\
         auth = {{ type = 'ManagedIdentity', managedIdentity = {{ resource = 'x' }} }}\n"
    );
    assert!(resolve(identity).reload(resolve(&new)).is_ok());
    let error = resolve("").reload(resolve(&new)).unwrap_err().to_string();
    assert!(error.starts_with("identity: an event handler needs it now"), "{error}");

    let new = format!(
        "{identity}[[hubs.chat.eventListeners]]\n\
         filter = {{ type = 'EventName', userEventPattern = '*' }}\n\
         endpoint = {{ type = 'EventHub', fullyQualifiedNamespace = 'h', eventHubName = 'e' }}\n"
    );
    assert!(resolve(identity).reload(resolve(&new)).is_ok());
    let error = resolve("").reload(resolve(&new)).unwrap_err().to_string();
    assert_eq!(
        error,
        "identity: an event listener needs it now, and it is read only at a start; restart to apply"
    );
}
