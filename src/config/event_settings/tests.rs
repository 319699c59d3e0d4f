//! Layers, bounds and defaults of event delivery, and every mistake in `[identity]`.

use std::path::Path;

use clap::Parser;

use super::*;
use crate::config::{Command, CommandLine, ConfigFile};

fn resolve(
    flags: &[&str],
    variables: &[(&str, &str)],
    file: &str,
) -> Result<EventSettings, StartError> {
    let words = std::iter::once(&"corecast").chain(flags);
    let command = CommandLine::try_parse_from(words).unwrap().into_command();
    let Command::Serve(args) = command else { panic!("not serve") };
    let environment = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let file = ConfigFile::parse(Path::new("corecast.toml"), file)?;
    resolve_events(Layers { environment: &environment, file: &file }, &args, Vec::new())
}

fn message(flags: &[&str], variables: &[(&str, &str)], file: &str) -> String {
    resolve(flags, variables, file).unwrap_err().to_string()
}

#[test]
fn defaults_need_nothing() {
    assert_eq!(resolve(&[], &[], "").unwrap(), EventSettings::default());
}

#[test]
fn each_setting_has_flag_variable_and_key() {
    let wanted = |seconds: u64, number: usize| EventSettings {
        timeout: Duration::from_secs(seconds),
        attempts: number,
        concurrency: number,
        limits: GateLimits { events_max: number, bytes_max: 1 << 20 },
        listeners_max: number,
        listener_limits: GateLimits { events_max: number, bytes_max: 2 << 20 },
        has_cookies: false,
        has_name_identifier_claim: false,
        root_certificates: Some("ca.pem".into()),
        ..EventSettings::default()
    };
    let file = "eventTimeoutInSeconds = 1\neventAttempts = 1\neventConcurrency = 1\n\
                eventQueueMessages = 1\neventQueueBytes = 1048576\neventCookies = false\n\
                eventListenersMax = 1\neventListenerQueueMessages = 1\n\
                eventListenerQueueBytes = 2097152\n\
                nameIdentifierClaim = false\nupstreamRootCertificates = 'ca.pem'\n";
    let variables = [
        ("CORECAST_EVENT_TIMEOUT", "2s"),
        ("CORECAST_EVENT_ATTEMPTS", "2"),
        ("CORECAST_EVENT_CONCURRENCY", "2"),
        ("CORECAST_EVENT_QUEUE_MESSAGES", "2"),
        ("CORECAST_EVENT_QUEUE_BYTES", "1048576"),
        ("CORECAST_EVENT_LISTENERS_MAX", "2"),
        ("CORECAST_EVENT_LISTENER_QUEUE_MESSAGES", "2"),
        ("CORECAST_EVENT_LISTENER_QUEUE_BYTES", "2097152"),
        ("CORECAST_EVENT_COOKIES", "false"),
        ("CORECAST_NAME_IDENTIFIER_CLAIM", "false"),
        ("CORECAST_UPSTREAM_ROOT_CERTIFICATES", "ca.pem"),
    ];
    let flags = [
        "--event-timeout=3s",
        "--event-attempts=3",
        "--event-concurrency=3",
        "--event-queue-messages=3",
        "--event-queue-bytes=1048576",
        "--event-listeners-max=3",
        "--event-listener-queue-messages=3",
        "--event-listener-queue-bytes=2097152",
        "--no-event-cookies",
        "--no-name-identifier-claim",
        "--upstream-root-certificates=ca.pem",
    ];
    assert_eq!(resolve(&[], &[], file).unwrap(), wanted(1, 1));
    assert_eq!(resolve(&[], &variables, file).unwrap(), wanted(2, 2));
    assert_eq!(resolve(&flags, &variables, "").unwrap(), wanted(3, 3));
    let yes = ["--event-cookies", "--name-identifier-claim"];
    let settings = resolve(&yes, &variables, file).unwrap();
    assert!(settings.has_cookies && settings.has_name_identifier_claim);
}

#[test]
fn bounds_are_checked() {
    for (flag, start) in [
        ("--event-timeout=601s", "eventTimeoutInSeconds = 601s (from --event-timeout): "),
        ("--event-timeout=10", "eventTimeoutInSeconds = 10 (from --event-timeout): "),
        ("--event-attempts=0", "eventAttempts = 0 (from --event-attempts): "),
        ("--event-attempts=5", "eventAttempts = 5 (from --event-attempts): "),
        ("--event-concurrency=0", "eventConcurrency = 0 (from --event-concurrency): "),
        ("--event-queue-messages=0", "eventQueueMessages = 0 (from --event-queue-messages): "),
        ("--event-queue-bytes=1048575", "eventQueueBytes = 1048575 (from --event-queue-bytes): "),
        ("--event-listeners-max=0", "eventListenersMax = 0 (from --event-listeners-max): "),
        (
            "--event-listener-queue-messages=0",
            "eventListenerQueueMessages = 0 (from --event-listener-queue-messages): ",
        ),
        (
            "--event-listener-queue-bytes=1",
            "eventListenerQueueBytes = 1 (from --event-listener-queue-bytes): ",
        ),
    ] {
        let text = message(&[flag], &[], "");
        assert!(text.starts_with(start), "{text}");
    }
    let text = message(&[], &[("CORECAST_EVENT_COOKIES", "no")], "");
    assert!(text.starts_with("eventCookies = no (from CORECAST_EVENT_COOKIES): it is neither"));
}

const ENDPOINT: &str = "[identity]\ntokenEndpoint = 'https://login.example/t/token'\n";

#[test]
fn an_identity_has_one_credential() {
    let identity = |credential: &str| {
        let file = format!("{ENDPOINT}clientId = 'me'\n{credential}");
        resolve(&[], &[("S", "s3cret")], &file).map(|settings| settings.identity.unwrap())
    };
    let expected = |credential| IdentitySettings {
        token_endpoint: KeyUrl::parse("https://login.example/t/token").unwrap(),
        client_id: "me".to_owned(),
        credential,
    };
    let secret = IdentityCredential::Secret(Secret::new("s3cret"));
    assert_eq!(identity("clientSecret = 'env:S'").unwrap(), expected(secret.clone()));
    assert_eq!(identity("clientSecret = 's3cret'").unwrap(), expected(secret));
    let file = IdentityCredential::AssertionFile("/run/token".into());
    assert_eq!(identity("clientAssertionFile = '/run/token'").unwrap(), expected(file));
    assert!(!format!("{:?}", identity("clientSecret = 'env:S'")).contains("s3cret"));
}

#[test]
fn mistakes_in_the_identity_are_named() {
    let id = "clientId = 'me'\n";
    for (file, start) in [
        ("[identity]".to_owned(), "identity.tokenEndpoint (from corecast.toml): it is missing"),
        (ENDPOINT.to_owned(), "identity.clientId (from corecast.toml): it is missing or empty"),
        (format!("{ENDPOINT}{id}"), "identity (from corecast.toml): it has nothing to prove"),
        (
            format!("{ENDPOINT}{id}clientSecret = 'a'\nclientAssertionFile = 'b'"),
            "identity (from corecast.toml): it has clientSecret and clientAssertionFile",
        ),
        (
            format!("{ENDPOINT}{id}clientSecret = 'env:NOT_SET'"),
            "identity.clientSecret = env:NOT_SET (from corecast.toml): the environment variable",
        ),
        (
            format!("{ENDPOINT}{id}clientSecret = ''"),
            "identity.clientSecret (from corecast.toml): it is missing or empty",
        ),
        (
            format!("{ENDPOINT}{id}clientAssertionFile = ''"),
            "identity.clientAssertionFile (from corecast.toml): it is missing or empty",
        ),
        (
            "[identity]\ntokenEndpoint = 'http://h/'\nclientId = 'a'\nclientSecret = 'b'"
                .to_owned(),
            "identity.tokenEndpoint = http://h/ (from corecast.toml): it is neither an https URL",
        ),
    ] {
        let text = message(&[], &[], &file);
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains("; ") && text.lines().count() == 1, "{text}");
    }
}
