//! URL templates, and what a configuration of event handlers may not say (events-webhook.md,
//! sections 2 and 3).

use crate::support::{
    ALL_EVENTS, Answer, ONE_ATTEMPT, PRIMARY_KEY, Run, Setup, TempFile, USER_EVENTS, Upstream,
    corecast, event,
};

#[test]
fn parameters_are_replaced_and_everything_else_stays() {
    // E7, E8: in path and query, whatever the case of the name.
    let upstream = Upstream::start();
    let path = "/a%20b/{Hub}/{EVENT}/%7Bx%7D?code=a%2Fb+c~&e={event}&h={hub}&&x";
    let server = Setup::new().config(&upstream.handler_at(path, ALL_EVENTS)).start();
    let mut client = server.client().hub("CHAT").connect();
    client.succeed(event("order.New-1_x", ""));
    for name in ["validate", "connect", "connected", "order.New-1_x"] {
        let wanted = format!("/a%20b/chat/{name}/%7Bx%7D?code=a%2Fb+c~&e={name}&h=chat&&x");
        let requests = match name {
            // Its name is not the last segment here.
            "validate" => upstream.all("%7Bx%7D"),
            _ => upstream.await_all(name, 1),
        };
        assert_eq!(requests[0].target, wanted);
    }
}

#[test]
fn a_template_without_parameters_is_used_as_it_is() {
    // E8
    let upstream = Upstream::start();
    let server = Setup::new().config(&upstream.handler_at("/?code=x", USER_EVENTS)).start();
    server.client().connect().succeed(event("e", ""));
    assert_eq!(upstream.next("e").target, "/?code=x");
    assert_eq!(upstream.next("").target, "/?code=x");
}

#[test]
fn secrets_are_inserted_and_never_logged() {
    // 3.1; O11: no log record holds a handler's code.
    let upstream = Upstream::start();
    let (by_name, direct) = (TempFile::with("s3cret/one"), TempFile::with("s3cret-two"));
    let uri = "https://vault.example/secrets/code";
    let path = format!(
        "/{{event}}?code={{@Microsoft.KeyVault(SecretUri={uri})}}\
         &more={{@Microsoft.KeyVault(SecretUri=file:{})}}",
        direct.path(),
    );
    let server = Setup::new()
        .config(ONE_ATTEMPT)
        .config(&format!("[secrets]\n'{uri}' = 'file:{}'\n", by_name.path()))
        .config(&upstream.handler_at(&path, USER_EVENTS))
        .start();
    upstream.always("broken", Answer::status(500));
    let mut client = server.client().connect();
    client.fail(event("broken", "private text"), "InternalServerError");
    // Secrets stand in the request line as they are.
    let target = "/broken?code=s3cret/one&more=s3cret-two";
    assert_eq!(upstream.next("broken").target, target);
    server.await_events("user", "failed_status", 1.0);
    let log = server.await_log(&upstream.host());
    for secret in ["s3cret", "code=", "private text"] {
        assert!(!log.contains(secret), "{secret:?} in {log}");
    }
}

#[test]
fn a_configuration_in_json_has_the_same_names() {
    // 2.1: as it is written for the hosted service.
    let upstream = Upstream::start();
    let config = format!(
        r#"{{"hubs": {{"chat": {{
            "anonymousConnectPolicy": "allow",
            "eventHandlers": [{{
                "urlTemplate": "{}/{{hub}}/{{event}}",
                "userEventPattern": "order.*,ping",
                "systemEvents": ["connect", "connected", "disconnected"],
                "auth": {{"type": "None"}},
                "groupPresenceEvents": null
            }}],
            "eventListeners": []
        }}}}}}"#,
        upstream.url(),
    );
    let server = Setup::new().json_config(&config).start();
    server.client().connect().succeed(event("ping", ""));
    assert_eq!(upstream.event_names()[0], "connect");
}

#[test]
fn bad_handlers_are_refused_at_the_start() {
    // E7; 2.3: what cannot be meant is named.
    let handler = |line: &str| {
        let url = "urlTemplate = 'http://127.0.0.1/{event}'";
        format!("[[hubs.chat.eventHandlers]]\n{url}\n{line}\n")
    };
    let template = |url: &str| format!("[[hubs.chat.eventHandlers]]\nurlTemplate = '{url}'\n");
    let cases = [
        (template("http://{hub}.example/"), "urlTemplate"),
        (template("http://127.0.0.1:{event}/"), "urlTemplate"),
        (template("ftp://127.0.0.1/"), "urlTemplate"),
        (template("127.0.0.1/{event}"), "urlTemplate"),
        (template("http://127.0.0.1/{group}"), "urlTemplate"),
        (template("http://127.0.0.1/{event"), "urlTemplate"),
        (template("http://h/{@Microsoft.KeyVault(SecretUri=https://v/unknown)}"), "urlTemplate"),
        ("[[hubs.chat.eventHandlers]]\nuserEventPattern = '*'\n".to_owned(), "urlTemplate"),
        (handler("systemEvents = ['connect', 'message']"), "systemEvents"),
        (handler(r"userEventPattern = 'a\b*'"), "userEventPattern"),
        (handler("auth = { type = 'Basic' }"), "auth"),
        (handler("auth = { type = 'ManagedIdentity' }"), "auth"),
        (handler("groupPresenceEvents = { eventNames = ['connected'] }"), "groupPresenceEvents"),
        (handler("userEventPatern = '*'"), "userEventPatern"),
        ("eventTimeoutInSeconds = 0\n".to_owned(), "eventTimeoutInSeconds"),
        ("eventAttempts = 5\n".to_owned(), "eventAttempts"),
        ("eventConcurrency = 0\n".to_owned(), "eventConcurrency"),
    ];
    for (config, named) in cases {
        let file = TempFile::with(&config);
        let mut command = corecast();
        command.args(["serve", "--listen", "127.0.0.1:0", "--access-key", PRIMARY_KEY]);
        command.args(["--config", file.path()]);
        let mut run = Run::of(command);
        assert_eq!(run.exit().code(), Some(2), "{config}");
        let errors = run.errors();
        assert!(errors.contains(named), "{config}: {errors}");
    }
}
