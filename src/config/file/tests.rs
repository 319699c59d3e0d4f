//! What the file may say in either notation, and how mistakes in it are reported.

use super::*;

fn parse(text: &str) -> Result<ConfigFile, StartError> {
    ConfigFile::parse(Path::new("corecast.toml"), text)
}

fn message(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn reads_the_documented_example() {
    let file = parse(
        r#"
        listen = ["127.0.0.1:8080"]
        shards = 2
        accessKey = "env:CORECAST_ACCESS_KEY"
        publicEndpoints = []
        shutdownGraceInSeconds = 0.5
        drainDeadlineInSeconds = 3

        [hubs.chat]
        anonymousConnectPolicy = "deny"
        webSocketKeepAliveIntervalInSeconds = 20
        "#,
    )
    .unwrap();
    assert_eq!(file.values.shards, Some(2));
    assert_eq!(file.values.shutdown_grace_in_seconds, Some(0.5));
    assert_eq!(file.values.drain_deadline_in_seconds, Some(3.0));
    let chat = &file.values.hubs["chat"];
    assert_eq!(chat.web_socket_keep_alive_interval_in_seconds, Some(20));
}

#[test]
fn knows_exactly_the_keys_of_the_table() {
    // Each key is known to both sides: a type error, not an unknown key, answers a wrong value.
    const HANDLER: &str = "[hubs.chat]\n[[hubs.chat.eventHandlers]]\n";
    const LISTENER: &str = "[hubs.chat]\n[[hubs.chat.eventListeners]]\n";
    for (prefix, settings) in [
        ("", &table::PROCESS[..]),
        ("[hubs.chat]\n", &table::HUB[..]),
        (HANDLER, &table::HANDLER[..]),
        (&format!("{HANDLER}[hubs.chat.eventHandlers.auth]\n"), &[&table::AUTH_TYPE]),
        (
            &format!("{HANDLER}[hubs.chat.eventHandlers.auth.managedIdentity]\n"),
            &[&table::AUTH_RESOURCE],
        ),
        (
            &format!("{HANDLER}[hubs.chat.eventHandlers.groupPresenceEvents]\n"),
            &[&table::PRESENCE_EVENTS, &table::PRESENCE_GROUPS],
        ),
        (LISTENER, &[&table::LISTENER_NAME]),
        (&format!("{LISTENER}[hubs.chat.eventListeners.filter]\n"), &table::FILTER[..]),
        (&format!("{LISTENER}[hubs.chat.eventListeners.endpoint]\n"), &table::ENDPOINT[..]),
        (
            &format!("{LISTENER}[hubs.chat.eventListeners.endpoint.auth]\n"),
            &table::ENDPOINT_AUTH[..],
        ),
        (&format!("{LISTENER}[hubs.chat.eventListeners.spool]\n"), &table::SPOOL[..]),
        ("[identity]\n", &table::IDENTITY[..]),
        ("[[issuers]]\n", &table::ISSUER[..]),
        ("[[issuers]]\n[[issuers.roles]]\n", &table::ISSUER_ROLE[..]),
    ] {
        for setting in settings {
            let message = message(&format!("{prefix}{} = {{ a = 1 }}", setting.name));
            assert!(message.contains("invalid type"), "{message}");
            assert!(message.contains(&format!("{}: ", setting.name)), "{message}");
        }
    }
}

#[test]
fn both_notations_say_the_same() {
    let toml = r#"
        listen = ["127.0.0.1:1"]
        shards = 2
        pin = false
        eventTimeoutInSeconds = 1.5
        [secrets]
        "https://vault/a" = "env:A"
        [hubs.chat]
        requireUserId = true
        dropPubSubClientsOnEventFailure = true
        [[hubs.chat.eventHandlers]]
        urlTemplate = "http://h/{event}"
        userEventPattern = "*"
        systemEvents = ["connect"]
        auth = { type = "ManagedIdentity", managedIdentity = { resource = "r" } }
        groupPresenceEvents = { eventNames = ["joined"], groupFilters = ["g"] }
        [[hubs.chat.eventHandlers]]
        [[hubs.chat.eventListeners]]
        name = "a"
        filter = { type = "EventName", systemEvents = ["connected"], userEventPattern = "*" }
        endpoint = { type = "Amqp", url = "amqp://h", durable = true, auth = { passwordRef = "p" } }
        spool = { directory = "d", maxBytes = 1, fsync = "never" }
        [[hubs.chat.eventListeners]]
    "#;
    let json = r#"{
        "listen": ["127.0.0.1:1"], "shards": 2, "pin": false, "log": null,
        "eventTimeoutInSeconds": 1.5,
        "secrets": { "https://vault/a": "env:A" },
        "hubs": { "chat": {
            "requireUserId": true, "dropPubSubClientsOnEventFailure": true,
            "eventListeners": [
                {
                    "name": "a",
                    "filter": {
                        "type": "EventName", "systemEvents": ["connected"], "userEventPattern": "*"
                    },
                    "endpoint": {
                        "type": "Amqp", "url": "amqp://h", "durable": true,
                        "auth": { "passwordRef": "p" }
                    },
                    "spool": { "directory": "d", "maxBytes": 1, "fsync": "never" }
                },
                { "filter": null, "spool": null }
            ],
            "eventHandlers": [
                {
                    "urlTemplate": "http://h/{event}",
                    "userEventPattern": "*",
                    "systemEvents": ["connect"],
                    "auth": { "type": "ManagedIdentity", "managedIdentity": { "resource": "r" } },
                    "groupPresenceEvents": { "eventNames": ["joined"], "groupFilters": ["g"] }
                },
                { "groupPresenceEvents": null, "auth": null }
            ]
        } }
    }"#;
    let json = parse_json(json).unwrap();
    assert_eq!(format!("{:?}", json.values), format!("{:?}", parse(toml).unwrap().values));
}

fn parse_json(text: &str) -> Result<ConfigFile, StartError> {
    ConfigFile::parse(Path::new("corecast.JSON"), text)
}

#[test]
fn mistakes_in_json_are_placed_too() {
    let message = |text: &str| parse_json(text).unwrap_err().to_string();
    for (text, start) in [
        (
            "{\n \"shards\": \"two\"}",
            "line 2, column 16: invalid type: string \"two\", expected a whole",
        ),
        (
            "{\n\n \"lisen\": []}",
            "line 3, column 8: unknown field `lisen`, expected one of `listen`",
        ),
        (
            r#"{"hubs": {"chat": {"eventHandlers": [{"url": 1}]}}}"#,
            "line 1, column 43: unknown field",
        ),
        (r#"{"shards": 1"#, "line 1, column 12: EOF while parsing an object"),
        (r#"{"shards": 1, "shards": 2}"#, "line 1, column 22: duplicate field `shards`"),
        (r#"{"hubs": {"a": {}, "b": {}, "a": {}}}"#, "line 1, column 36: the key 'a' stands twice"),
        ("", "line 1, column 0: EOF while parsing"),
    ] {
        let text = message(text);
        let expected = format!("config = corecast.JSON: {start}");
        assert!(text.starts_with(&expected), "{text}");
        assert!(text.contains("; ") && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn names_place_and_nearest_key_of_an_unknown_one() {
    let text = message("shards = 1\n\n  lisen = []\n");
    assert!(text.starts_with("config = corecast.toml: line 3, column 3: unknown key 'lisen'"));
    assert!(text.contains("did you mean 'listen'?"), "{text}");
    assert!(message("AccessKey = \"x\"").contains("did you mean 'accessKey'?"));

    let text = message("[hubs.chat]\noutboundQueueByte = 1\n");
    assert!(text.contains("line 2, column 1: unknown key 'outboundQueueByte'"), "{text}");
    assert!(text.contains("did you mean 'outboundQueueBytes'?"), "{text}");

    let text = message("[[issuers]]\nissuer = \"a\"\n[[issuers]]\njwksUrl = \"b\"\n");
    assert!(text.contains("line 4, column 1: unknown key 'jwksUrl'"), "{text}");
    assert!(text.contains("did you mean 'jwksUri'?"), "{text}");
    let text = message("[[issuers]]\n[[issuers.roles]]\nroll = \"Owner\"\n");
    assert!(text.contains("line 3, column 1: unknown key 'roll'"), "{text}");
    assert!(message("[[issuer]]").contains("did you mean 'issuers'?"));

    let text = message("[[hubs.a.eventHandlers]]\n[[hubs.b.eventHandlers]]\nurltemplate = 1\n");
    assert!(
        text.contains("line 3, column 1: unknown key 'urltemplate'; did you mean 'urlTemplate'")
    );
    let text = message("[[hubs.a.eventHandlers]]\nauth = { managedIdentity = { resorce = 1 } }\n");
    assert!(text.contains("line 2, column 30: unknown key 'resorce'; did you mean 'resource'?"));
    let text = message("[[hubs.a.eventHandlers]]\ngroupPresenceEvents = { events = [] }\n");
    assert!(text.contains("did you mean 'eventNames'?"), "{text}");
    let text = message("[[hubs.a.eventListeners]]\nfilter = { eventPattern = '*' }\n");
    assert!(text.contains("line 2, column 12: unknown key 'eventPattern'; did you mean"), "{text}");
    assert!(text.contains("did you mean 'userEventPattern'?"), "{text}");
    let text = message("[[hubs.a.eventListeners]]\nendpoint = { auth = { userName = 'u' } }\n");
    assert!(text.contains("unknown key 'userName'; did you mean 'username'?"), "{text}");
    assert!(message("[identity]\nclientID = 1").contains("did you mean 'clientId'?"));
    assert!(message("[hubs.chat]\neventHandler = []").contains("did you mean 'eventHandlers'?"));
}

#[test]
fn names_place_and_setting_of_a_wrong_type() {
    assert_eq!(
        message("pin = true\nshards = \"two\"\n"),
        "config = corecast.toml: line 2, column 10: shards: invalid type: string \"two\", expected a \
         whole number; write a whole number, 1 to 128 shards"
    );
    for (text, reason) in [
        (
            "[hubs]\nlisten = 3",
            "line 2, column 10: hubs.listen: invalid type: integer `3`, expected a table; correct",
        ),
        (
            "eventTimeoutInSeconds = '1s'",
            "eventTimeoutInSeconds: invalid type: string \"1s\", expected a number",
        ),
        ("listen = 'a'", "listen: invalid type: string \"a\", expected a sequence; write IP:PORT"),
        ("[hubs.chat]\ngroupsPerConnection = true", "hubs.chat.groupsPerConnection: invalid type"),
        (
            "[[hubs.chat.eventHandlers]]\n[[hubs.chat.eventHandlers]]\nsystemEvents = ['connect', 1]",
            "line 3, column 28: hubs.chat.eventHandlers[1].systemEvents: invalid type: integer `1`",
        ),
        (
            "[[hubs.chat.eventHandlers]]\nauth = { managedIdentity = { resource = 1 } }",
            "hubs.chat.eventHandlers[0].auth.managedIdentity.resource: invalid type",
        ),
        (
            "[[hubs.chat.eventHandlers]]\nauth = 'None'",
            "hubs.chat.eventHandlers[0].auth: invalid type",
        ),
        ("hubs.chat.eventHandlers = 1", "hubs.chat.eventHandlers: invalid type"),
        (
            "[[hubs.chat.eventListeners]]\nspool = { maxBytes = '1G' }",
            "hubs.chat.eventListeners[0].spool.maxBytes: invalid type: string \"1G\", expected a \
             whole number; write a whole number, 1048576 to 1099511627776 bytes",
        ),
        (
            "[[hubs.chat.eventListeners]]\nendpoint = 'h'",
            "hubs.chat.eventListeners[0].endpoint: invalid type: string \"h\", expected a table",
        ),
        (
            "[[hubs.chat.eventListeners]]\nendpoint.auth = { password = 'a', passwordRef = 'b' }",
            "duplicate field `password`",
        ),
        (
            "[secrets]\n'https://v' = 1",
            "secrets.https://v: invalid type: integer `1`, expected a string; write text, env:NAME",
        ),
        ("identity = 1", "identity: invalid type: integer `1`"),
    ] {
        let text = message(text);
        assert!(text.contains(reason), "{text}");
    }
}

#[test]
fn names_place_of_wrong_syntax() {
    assert!(message("shards = = 2").contains("line 1, column 10"));
    assert!(message("shards = 1\nshards = 2").contains("line 2"));
    assert!(message("[hubs.a]\n[hubs.a]").contains("line 2"));
}

#[test]
fn messages_have_one_line_whatever_the_text() {
    for text in ["a", "\u{0}", "[", "é = ", "x = \"", "[[hubs]]\n", "hubs = 3", "a.b.c = 1"] {
        assert_eq!(message(text).lines().count(), 1, "{text:?}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = ConfigFile::read(Path::new("/does/not/exist.toml")).unwrap_err().to_string();
    assert!(error.starts_with("config = /does/not/exist.toml: "), "{error}");
}
