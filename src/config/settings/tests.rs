//! Which layer counts, what each setting accepts, and every kind of message.

use std::path::Path;

use super::*;
use crate::config::AnonymousConnectPolicy;

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Resolves flags (as words), variables and a file.
fn resolve(flags: &[&str], variables: &[(&str, &str)], file: &str) -> Result<Settings, StartError> {
    use clap::Parser;
    let words = std::iter::once(&"corecast").chain(flags);
    let command = crate::config::CommandLine::try_parse_from(words).unwrap().into_command();
    let crate::config::Command::Serve(args) = command else { panic!("not serve") };
    let environment = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    Settings::resolve(&Sources {
        args: &args,
        environment: &environment,
        file: &ConfigFile::parse(Path::new("corecast.toml"), file)?,
        cores: UsableCores::new(vec![0, 1], 2),
    })
}

fn message(flags: &[&str], variables: &[(&str, &str)], file: &str) -> String {
    resolve(flags, variables, file).unwrap_err().to_string()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn defaults_need_nothing() {
    let settings = resolve(&[], &[], "").unwrap();
    assert_eq!(settings.listen, [address("127.0.0.1:8080")]);
    assert_eq!(settings.admin_listen, None);
    assert_eq!((settings.shards, settings.pin), (2, true));
    assert!(settings.keys.is_generated());
    assert_eq!(settings.header_timeout, Duration::from_secs(10));
    assert_eq!(settings.shutdown_grace, Duration::from_secs(5));
    assert_eq!(settings.drain_deadline, Duration::from_secs(10));
    assert_eq!((settings.mesh_slots, settings.log.as_str()), (None, "info"));
    assert!(settings.public_endpoints.is_empty() && settings.hubs.is_empty());
}

#[test]
fn the_examples_in_the_readme_are_accepted() {
    let readme = include_str!("../../../README.md");
    let variables = [
        ("CHAT_ACCESS_KEY", KEY),
        ("RABBIT_PASSWORD", "s3cret"),
        (
            "EVENT_HUBS",
            "Endpoint=sb://example.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=k",
        ),
    ];
    let examples: Vec<_> = readme.split("```toml\n").skip(1).collect();
    assert!(examples.len() >= 4);
    for example in examples {
        let example = example.split("```").next().unwrap();
        let settings = resolve(&[], &variables, example);
        assert_eq!(settings.map(|settings| settings.warnings()), Ok(Vec::new()), "{example}");
    }
}

#[test]
fn settings_may_travel_to_each_shard() {
    fn travels<T: Clone + Send + Sync + 'static>() {}
    travels::<Settings>();
}

#[test]
fn flags_count_over_environment_over_file() {
    let file = "shards = 3\nlog = 'warn'\npin = true\nlisten = ['127.0.0.1:3']\n\
                shutdownGraceInSeconds = 3\nmeshSlots = 300\npublicEndpoints = ['c']\n\
                adminListen = '127.0.0.1:30'";
    let variables = [
        ("CORECAST_SHARDS", "2"),
        ("CORECAST_LOG", "debug"),
        ("CORECAST_PIN", "false"),
        ("CORECAST_LISTEN", "127.0.0.1:2, [::1]:2"),
        ("CORECAST_SHUTDOWN_GRACE", "2s"),
        ("CORECAST_MESH_SLOTS", "200"),
        ("CORECAST_PUBLIC_ENDPOINTS", "b,b2"),
        ("CORECAST_ADMIN_LISTEN", "127.0.0.1:20"),
    ];
    let flags = [
        "--shards=1",
        "--log=error",
        "--pin",
        "--listen=127.0.0.1:1",
        "--shutdown-grace=100ms",
        "--mesh-slots=100",
        "--public-endpoint=a",
        "--admin-listen=127.0.0.1:10",
    ];
    let summary = |flags: &[&str], variables: &[(&str, &str)], file: &str| {
        let s = resolve(flags, variables, file).unwrap();
        let endpoints: Vec<_> = s.public_endpoints.iter().map(|e| e.as_str().to_owned()).collect();
        let ports = s.listen.iter().map(SocketAddr::port).collect::<Vec<_>>();
        let admin_port = s.admin_listen.unwrap().port();
        let grace_ms = s.shutdown_grace.as_millis();
        format!(
            "{} {} {} {ports:?} {grace_ms} {:?} {endpoints:?} {admin_port}",
            s.shards, s.log, s.pin, s.mesh_slots
        )
    };
    assert_eq!(summary(&flags, &variables, file), r#"1 error true [1] 100 Some(100) ["a"] 10"#);
    assert_eq!(
        summary(&[], &variables, file),
        r#"2 debug false [2, 2] 2000 Some(200) ["b", "b2"] 20"#
    );
    assert_eq!(summary(&[], &[], file), r#"3 warn true [3] 3000 Some(300) ["c"] 30"#);
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let settings = resolve(&[], &[("CORECAST_SHARDS", ""), ("CORECAST_ACCESS_KEY", "")], "");
    let settings = settings.unwrap();
    assert_eq!(settings.shards, 2);
    assert!(settings.keys.is_generated());
}

#[test]
fn keys_come_as_text_variable_or_file() {
    let directory = std::env::temp_dir().join(format!("corecast-settings-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("key2");
    std::fs::write(&path, format!("  {KEY}2\n")).unwrap();
    let reference = format!("--secondary-access-key=file:{}", path.display());
    let settings = resolve(&[&reference], &[("K", KEY)], "accessKey = 'env:K'").unwrap();
    std::fs::remove_dir_all(&directory).unwrap();

    assert!(!settings.keys.is_generated());
    assert_eq!(settings.keys.primary().as_str(), KEY);
    assert_eq!(settings.keys.secondary().unwrap().as_str(), format!("{KEY}2"));
    let settings = resolve(&[], &[("CORECAST_ACCESS_KEY", KEY)], "").unwrap();
    assert_eq!(settings.keys.primary().as_str(), KEY);
}

#[test]
fn messages_about_keys_never_show_one() {
    // O11 (keys)
    let text = message(&["--access-key=short;secret"], &[], "");
    assert!(text.starts_with("accessKey = (not shown) (from --access-key): this is no access key"));
    assert!(!text.contains("secret"), "{text}");
    let text = message(&[], &[("K", "short-secret")], "accessKey = 'env:K'");
    assert!(text.starts_with("accessKey = env:K (from corecast.toml): this is no"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let text = message(&["--access-key=env:NOT_SET"], &[], "");
    assert!(text.contains("the environment variable NOT_SET is not set"), "{text}");
    let text = message(&["--access-key=file:/does/not/exist"], &[], "");
    assert!(text.contains("accessKey = file:/does/not/exist (from --access-key): the file cannot"));
    let text = message(&["--secondary-access-key", KEY], &[], "");
    assert!(text.starts_with("secondaryAccessKey: there is a secondary key, but no"), "{text}");
}

#[test]
fn without_a_key_only_this_machine_may_connect() {
    for own in ["127.0.0.1:0", "127.5.5.5:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
        assert!(resolve(&["--listen", own], &[], "").is_ok(), "{own}");
    }
    for public in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:80"] {
        let flags = ["--listen", "127.0.0.1:1", "--listen", public];
        assert_eq!(
            message(&flags, &[], ""),
            format!(
                "listen = {public} (from --listen): other machines can reach it, but no access \
                 key is configured; set accessKey (--access-key, CORECAST_ACCESS_KEY) or listen \
                 on 127.0.0.1"
            )
        );
        assert!(resolve(&flags, &[("CORECAST_ACCESS_KEY", KEY)], "").is_ok());
    }
}

#[test]
fn messages_name_setting_value_origin_reason_and_fix() {
    let cases: [(String, &str); 16] = [
        (
            message(&["--shards=0"], &[], ""),
            "shards = 0 (from --shards): it is not a number within the bounds; write a whole number, \
             1 to 128 shards",
        ),
        (
            message(&[], &[("CORECAST_SHARDS", "many")], ""),
            "shards = many (from CORECAST_SHARDS): ",
        ),
        (message(&[], &[], "shards = 129"), "shards = 129 (from corecast.toml): "),
        (message(&[], &[], "shards = -1"), "shards = -1 (from corecast.toml): "),
        (message(&[], &[], "meshSlots = 63"), "meshSlots = 63 (from corecast.toml): "),
        (
            message(&["--shutdown-grace=5"], &[], ""),
            "shutdownGraceInSeconds = 5 (from --shutdown-grace): it is not a time within the bounds; \
             write a time with its unit",
        ),
        (
            message(&["--header-timeout=0s"], &[], ""),
            "headerTimeoutInSeconds = 0s (from --header-timeout): ",
        ),
        (
            message(&[], &[], "drainDeadlineInSeconds = -1"),
            "drainDeadlineInSeconds = -1 (from corecast.toml): ",
        ),
        (
            message(&[], &[], "drainDeadlineInSeconds = nan"),
            "drainDeadlineInSeconds = NaN (from corecast.toml): ",
        ),
        (
            message(&["--listen=localhost"], &[], ""),
            "listen = localhost (from --listen): it is no address; write IP:PORT",
        ),
        (
            message(&[], &[("CORECAST_LISTEN", "127.0.0.1:1,")], ""),
            "listen =  (from CORECAST_LISTEN): it is no address",
        ),
        (message(&[], &[], "listen = []"), "listen (from corecast.toml): the list is empty"),
        (
            message(&["--listen=[::1]:1", "--listen=[::1]:1"], &[], ""),
            "listen = [::1]:1 (from --listen): the address is listed twice",
        ),
        (
            message(&[], &[], "adminListen = 'x'"),
            "adminListen = x (from corecast.toml): it is no address",
        ),
        (
            message(&[], &[("CORECAST_PIN", "yes")], ""),
            "pin = yes (from CORECAST_PIN): it is neither true nor false",
        ),
        (
            message(&["--public-endpoint=http://h/p"], &[], ""),
            "publicEndpoints = http://h/p (from --public-endpoint): ",
        ),
    ];
    for (text, start) in cases {
        assert!(text.starts_with(start), "{text}");
        assert!(text.contains("; ") && text.lines().count() == 1, "{text}");
    }
    let text = message(&["--log=corecast=loud"], &[], "");
    assert!(text.starts_with("log = corecast=loud (from --log): "), "{text}");
}

#[test]
fn port_zero_may_be_listed_twice() {
    let flags = ["--listen=127.0.0.1:0", "--listen=127.0.0.1:0"];
    assert_eq!(resolve(&flags, &[], "").unwrap().listen.len(), 2);
}

#[test]
fn a_hub_has_its_table_or_the_defaults() {
    let file = "[hubs.Chat]\nanonymousConnectPolicy = 'allow'\n\
                webSocketKeepAliveIntervalInSeconds = 1\noutboundQueueMessages = 5\n\
                outboundQueueBytes = 65536\ngroupsPerConnection = 7\n\
                requireUserId = true\ndropPubSubClientsOnEventFailure = true\n[hubs.plain]\n";
    let settings = resolve(&[], &[], file).unwrap();
    let hub = |name: &str| settings.hub(&HubName::parse(name).unwrap());
    let chat = HubSettings {
        anonymous_connect: AnonymousConnectPolicy::Allow,
        keep_alive_interval: Duration::from_secs(1),
        outbound_messages_max: 5,
        outbound_bytes_max: 65_536,
        groups_per_connection_max: 7,
        require_user_id: true,
        drop_pubsub_clients_on_event_failure: true,
        ..HubSettings::default()
    };
    assert_eq!(*hub("CHAT"), chat);
    assert_eq!(*hub("plain"), HubSettings::default());
    assert_eq!(*hub("unknown"), HubSettings::default());
    assert_eq!(hub("unknown").keep_alive_interval, Duration::from_secs(20));
}

#[test]
fn mistakes_in_hub_tables_name_the_hub() {
    let text = message(&[], &[], "[hubs.1abc]");
    assert!(text.starts_with("hubs.1abc (from corecast.toml): a hub name is a letter"), "{text}");
    let text = message(&[], &[], "[hubs.chat]\n[hubs.CHAT]");
    assert!(text.contains("the hub 'chat' has another table"), "{text}");
    let text = message(&[], &[], "[hubs.chat]\nwebSocketKeepAliveIntervalInSeconds = 121");
    assert!(text.starts_with("hubs.chat.webSocketKeepAliveIntervalInSeconds = 121 (from core"));
    assert!(text.ends_with("write a whole number, 1 to 120 seconds"), "{text}");
    let text = message(&[], &[], "[hubs.chat]\nanonymousConnectPolicy = 'Allow'");
    assert!(text.starts_with("hubs.chat.anonymousConnectPolicy = Allow (from corecast"), "{text}");
}

#[test]
fn each_kind_of_authentication_can_be_switched_off() {
    // O19, O22 (the settings)
    let switches = |flags: &[&str], variables: &[(&str, &str)], file: &str| {
        let settings = resolve(flags, variables, file).unwrap();
        (settings.disable_local_auth, settings.disable_aad_auth)
    };
    assert_eq!(switches(&[], &[], ""), (false, false));
    assert_eq!(switches(&[], &[], "disableLocalAuth = true"), (true, false));
    assert_eq!(switches(&[], &[], "disableAadAuth = true"), (false, true));
    assert_eq!(switches(&["--disable-local-auth", "--disable-aad-auth"], &[], ""), (true, true));
    let off = [("CORECAST_DISABLE_LOCAL_AUTH", "false"), ("CORECAST_DISABLE_AAD_AUTH", "true")];
    assert_eq!(switches(&[], &off, "disableLocalAuth = true"), (false, true));
    let text = message(&[], &[("CORECAST_DISABLE_AAD_AUTH", "1")], "");
    assert!(text.starts_with("disableAadAuth = 1 (from CORECAST_DISABLE_AAD_AUTH): "), "{text}");
}

#[test]
fn without_local_authentication_configured_keys_are_ignored() {
    let flags = ["--disable-local-auth", "--access-key", KEY, "--listen", "0.0.0.0:1"];
    let settings = resolve(&flags, &[], "").unwrap();
    assert_ne!(settings.keys.primary().as_str(), KEY);
    // Nor does it matter that there is none, or none to be had.
    let flags = ["--disable-local-auth", "--access-key=env:NOT_SET", "--listen", "0.0.0.0:1"];
    assert!(resolve(&flags, &[], "").is_ok());
}

#[test]
fn what_leaves_nobody_in_is_worth_a_warning() {
    let warnings = |file: &str| resolve(&[], &[], file).unwrap().warnings();
    let issuer = "[[issuers]]\nissuer = 'https://h'\n\
                  [[issuers.roles]]\nclaim = 'sub'\nvalue = 'x'\nrole = 'Owner'";
    assert_eq!(warnings(""), [""; 0]);
    assert_eq!(warnings(issuer), [""; 0]);
    assert_eq!(warnings(&format!("disableLocalAuth = true\n{issuer}")), [""; 0]);
    for (file, start) in [
        ("disableLocalAuth = true\ndisableAadAuth = true", "disableLocalAuth and disableAadAuth"),
        ("disableLocalAuth = true", "disableLocalAuth is set and no issuer"),
        (&format!("disableAadAuth = true\n{issuer}"), "disableAadAuth is set: the configured"),
    ] {
        let found = warnings(file);
        assert!(found.len() == 1 && found[0].starts_with(start), "{found:?}");
    }
    let listener = "[[hubs.chat.eventListeners]]\n\
                    filter = { type = 'EventName', userEventPattern = 'a, b.*' }\n\
                    endpoint = { type = 'File', path = 'e' }";
    let found = warnings(&format!("disableLocalAuth = true\n{listener}"));
    assert!(found.len() == 2 && found[1].contains("listener chat-1: the entry 'b.*'"), "{found:?}");
}
