//! Every refusal, with its whole message.

use super::*;

const ORIGIN: &str = " (from corecast.toml): ";

fn message(file: &str) -> String {
    let text = resolve(file).unwrap_err().to_string();
    assert!(!text.contains("s3cret"), "L35: {text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// The message about the only listener, from what stands in its table.
fn about(lines: &str) -> String {
    message(&format!("[[hubs.chat.eventListeners]]\n{lines}"))
}

/// Messages about a part of the only listener. `{}` in an expectation stands for the origin.
fn expect(prefix: &str, cases: &[(String, &str)]) {
    for (lines, expected) in cases {
        let expected = expected.replacen("{}", ORIGIN, 1);
        assert_eq!(about(lines), format!("hubs.chat.eventListeners[0]{prefix}{expected}"));
    }
}

fn of_event_hub(auth: &str) -> String {
    format!(
        "{FILTER}endpoint = {{ type = 'EventHub', fullyQualifiedNamespace = 'ns.example', \
         eventHubName = 'events', auth = {{ {auth} }} }}\n"
    )
}

fn of_amqp(auth: &str) -> String {
    format!(
        "{FILTER}endpoint = {{ type = 'Amqp', url = 'amqps://ns.example', address = '/q', \
         auth = {{ {auth} }} }}\n"
    )
}

#[test]
fn filters() {
    let filter = |fields: &str| format!("filter = {{ {fields} }}\n{FILE}");
    expect(
        ".filter",
        &[
            (FILE.to_owned(), ".type{}it is missing or empty; set it: \"EventName\""),
            (
                filter("type = 'Regex', userEventPattern = '*'"),
                ".type = Regex{}there is no such type; write \"EventName\"",
            ),
            (
                filter("type = 'EventName'"),
                "{}it matches no event; name events in systemEvents or \
                userEventPattern",
            ),
            (
                filter("type = 'EventName', systemEvents = [], userEventPattern = ' , '"),
                "{}it matches no event; name events in systemEvents or userEventPattern",
            ),
            // L7
            (
                filter("type = 'EventName', systemEvents = ['connected', 'Connect']"),
                ".systemEvents = Connect{}it needs an answer, and an event listener cannot \
                 answer; remove it, or add an event handler",
            ),
            (
                filter("type = 'EventName', systemEvents = ['joined']"),
                ".systemEvents = joined{}there is no such event; write \"connected\" and \
                 \"disconnected\"",
            ),
        ],
    );
}

#[test]
fn names() {
    let long = "a".repeat(65);
    for name in ["", "a b", "ä", "a/b", long.as_str()] {
        let expected = format!(
            "hubs.chat.eventListeners[0].name = {name}{ORIGIN}it is no such name; write 1 to 64 \
             letters, digits, dots, dashes and underscores"
        );
        assert_eq!(about(&format!("name = '{name}'\n{FILTER}{FILE}")), expected);
    }
    assert!(listener(&format!("name = '{}'\n{FILE}", &long[1..])).is_ok());
    // A name that another listener has by itself is taken too.
    let text = message(&format!(
        "[[hubs.a.eventListeners]]\n{FILTER}{FILE}\
         [[hubs.b.eventListeners]]\nname = 'a-1'\n{FILTER}{FILE}"
    ));
    assert_eq!(
        text,
        format!(
            "hubs.b.eventListeners[0].name = a-1{ORIGIN}another event listener has the name; \
             choose another one"
        )
    );
}

#[test]
fn a_hub_with_two_tables() {
    // L9
    let text = message(&format!(
        "[[hubs.Chat.eventListeners]]\n{FILTER}{FILE}[[hubs.chat.eventListeners]]\n{FILTER}{FILE}"
    ));
    let reason = "the hub 'chat' has another table; case makes no difference; keep one of them";
    assert_eq!(text, format!("hubs.chat{ORIGIN}{reason}"));
}

#[test]
fn an_eleventh_listener() {
    // L8
    let one = |hub| format!("[[hubs.{hub}.eventListeners]]\n{FILTER}{FILE}");
    let ten = one("a").repeat(4) + &one("b").repeat(6);
    assert_eq!(resolve(&ten).unwrap().len(), 10);
    assert_eq!(
        message(&(ten + &one("c"))),
        "eventListenersMax = 10: corecast.toml has 11 event listeners in all its hubs together; \
         remove some of them, or raise it"
    );
}

#[test]
fn endpoints() {
    let endpoint = |fields: &str| format!("{FILTER}endpoint = {{ {fields} }}\n");
    let types = "write \"EventHub\", \"Amqp\" or \"File\"";
    let no_type = format!(".type = Http{{}}there is no such type; {types}");
    let kafka = format!(".type = Kafka{{}}this server speaks no Kafka; {types}");
    expect(
        ".endpoint",
        &[
            (
                FILTER.to_owned(),
                ".type{}it is missing or empty; set it: \"EventHub\", \"Amqp\" or \"File\"",
            ),
            (endpoint("type = 'Http'"), &no_type),
            (endpoint("type = 'Kafka'"), &kafka),
            (
                endpoint("type = 'EventHub', eventHubName = 'e'"),
                ".fullyQualifiedNamespace{}it is missing or empty; set it: HOST or HOST:PORT",
            ),
            (
                endpoint("type = 'EventHub', fullyQualifiedNamespace = 'ns', eventHubName = ''"),
                ".eventHubName{}it is missing or empty; set it: text",
            ),
            (
                endpoint("type = 'eventhub', url = 'amqp://h'"),
                ".url{}it has no effect with the type EventHub; remove it, or choose another type",
            ),
            (
                endpoint("type = 'File', path = 'e', durable = true"),
                ".durable{}it has no effect with the type File; remove it, or choose another type",
            ),
            (
                endpoint("type = 'File', path = 'e', auth = {}"),
                ".auth{}it has no effect with the type File; remove it",
            ),
            (endpoint("type = 'File'"), ".path{}it is missing or empty; set it: path"),
            (
                endpoint("type = 'File', path = '/var/log/'"),
                ".path = /var/log/{}it is a directory; name a file in it",
            ),
            (
                endpoint("type = 'File', path = 'e', maxBytes = 4095"),
                ".maxBytes = 4095{}it is not a number within the bounds; write a whole number, \
                 4096 to 1099511627776 bytes",
            ),
            (
                endpoint("type = 'File', path = 'e', files = -1"),
                ".files = -1{}it is not a number within the bounds; write a whole number, 1 to \
                 1000 files",
            ),
        ],
    );
}

#[test]
fn namespaces() {
    for (text, shown) in [
        ("sb://ns.example", "sb://ns.example"),
        ("ns.example/events", "ns.example/events"),
        ("ns.example:x", "ns.example:x"),
        // L35
        (CONNECTION, "(not shown)"),
        ("u:s3cret@ns.example", "(not shown)"),
    ] {
        let expected = format!(
            "hubs.chat.eventListeners[0].endpoint.fullyQualifiedNamespace = {shown}{ORIGIN}it is \
             no host; write it without scheme and path, such as example.servicebus.windows.net"
        );
        let fields = format!("fullyQualifiedNamespace = '{text}', eventHubName = 'e'");
        assert_eq!(
            about(&format!("{FILTER}endpoint = {{ type = 'EventHub', {fields} }}")),
            expected
        );
    }
}

#[test]
fn broker_urls() {
    let url = |url: &str| {
        format!("{FILTER}endpoint = {{ type = 'Amqp', address = 'q', url = '{url}' }}\n")
    };
    expect(
        ".endpoint.url",
        &[
            (
                url(""),
                "{}it is missing or empty; set it: amqps://HOST[:PORT], or amqp:// without \
                TLS",
            ),
            (
                url("https://h"),
                " = https://h{}it is no amqps or amqp URL; write it like \
                 amqps://broker.example:5671",
            ),
            (
                url("broker:5672"),
                " = broker:5672{}it is no amqps or amqp URL; write it like \
                 amqps://broker.example:5671",
            ),
            (
                url("amqps://"),
                " = amqps://{}it has no valid host and port; write it like \
                 amqps://broker.example:5671",
            ),
            (
                url("amqps://u:s3cret@h"),
                " = (not shown){}it has a user name or password; write them into auth, with the \
                 type \"Plain\"",
            ),
            (
                url("amqps://u:s3cret/@h"),
                " = (not shown){}it has a user name or password; write them into auth, with the \
                 type \"Plain\"",
            ),
            (
                url("amqps://h/queues/q"),
                " = amqps://h/queues/q{}it has a path; write the target into address",
            ),
            (
                url("amqps://h/?key=s3cret"),
                " = amqps://h/{}it has a query or fragment; remove it; what there is to choose \
                 has settings of its own",
            ),
        ],
    );
}

#[test]
fn words_of_a_broker() {
    let broker = |fields: &str| {
        format!("{FILTER}endpoint = {{ type = 'Amqp', url = 'amqp://h', {fields} }}\n")
    };
    expect(
        ".endpoint",
        &[
            (
                broker("durable = true"),
                ".address{}it is missing or empty; set it: text, such as /queues/events; \
                 {connectionId} in it with partitionBy = \"to\"",
            ),
            (
                broker("address = 'q', propertyPrefix = 'ce_'"),
                ".propertyPrefix = ce_{}CloudEvents has no such prefix; write \"cloudEvents:\" or \
                 \"cloudEvents_\"",
            ),
            (
                broker("address = 'q', partitionBy = 'key'"),
                ".partitionBy = key{}there is no such way; write \"none\", \"group-id\", \
                 \"annotation\" or \"to\"",
            ),
            (
                broker("address = '/exchanges/x/{connectionId}'"),
                ".address = /exchanges/x/{connectionId}{}{connectionId} is replaced only with \
                 partitionBy = \"to\"; set that, or write an address without it",
            ),
        ],
    );
}

#[test]
fn credentials_of_event_hubs() {
    let client = "type = 'ClientCredentials', clientId = 'c', clientSecret = 's3cret'";
    expect(
        ".endpoint.auth",
        &[
            (
                of_event_hub(""),
                ".type = ManagedIdentity{}there is nothing to get tokens with; add an [identity] \
                 table, or choose another type",
            ),
            (
                of_event_hub("clientId = 'me'"),
                ".clientId{}it has no effect with the type ManagedIdentity; remove it, or choose \
                 another type",
            ),
            (
                of_event_hub("type = 'Plain'"),
                ".type = Plain{}Event Hubs does not take it; write \"ManagedIdentity\", \
                 \"ClientCredentials\" or \"ConnectionString\"",
            ),
            (
                of_event_hub("type = 'Basic'"),
                ".type = Basic{}there is no such type; write \"ManagedIdentity\", \
                 \"ClientCredentials\" or \"ConnectionString\"",
            ),
            (
                of_event_hub(client),
                ".tokenEndpoint{}it is missing or empty; set it: https URL, or http on a loopback \
                 address",
            ),
            (
                of_event_hub(&format!("{client}, tokenEndpoint = 'http://login.example/'")),
                ".tokenEndpoint = http://login.example/{}it is neither an https URL nor an http \
                 URL on a loopback address; write it like https://login.example.com/tenant",
            ),
            (
                of_event_hub(&format!("{client}, tokenEndpoint = 'https://u:s3cret@login/'")),
                ".tokenEndpoint = (not shown){}it is neither an https URL nor an http \
                 URL on a loopback address; write it like https://login.example.com/tenant",
            ),
            (
                of_event_hub("type = 'ClientCredentials', tokenEndpoint = 'https://h'"),
                ".clientId{}it is missing or empty; set it: text",
            ),
            (
                of_event_hub(
                    "type = 'ClientCredentials', tokenEndpoint = 'https://h', clientId = 'c'",
                ),
                ".clientSecret{}it is missing or empty; set it: text, env:NAME or file:PATH",
            ),
            (
                of_event_hub(&format!("{client}, connectionString = 'env:CONNECTION'")),
                ".connectionString{}it has no effect with the type ClientCredentials; remove it, \
                 or choose another type",
            ),
        ],
    );
}

#[test]
fn connection_strings() {
    let with = |text: &str| of_event_hub(&format!("type = 'ConnectionString', {text}"));
    let start = "Endpoint=sb://ns.example/;SharedAccessKeyName=n";
    let other = "Endpoint=sb://other/;SharedAccessKeyName=n;SharedAccessKey=s3cret";
    expect(
        ".endpoint.auth.connectionString",
        &[
            (with(""), "{}it is missing or empty; set it: text, env:NAME or file:PATH"),
            (
                with("connectionString = 'env:EMPTY'"),
                "{}it is missing or empty; set it: text, env:NAME or file:PATH",
            ),
            (
                with("connectionString = 'env:NOT_SET'"),
                " = env:NOT_SET{}the environment variable NOT_SET is not set; set it, or name \
                 another one",
            ),
            // L35
            (
                with(&format!("connectionString = '{start};Key=s3cret'")),
                " = (not shown){}it has no SharedAccessKey; write it as the Azure portal shows \
                 it: Endpoint=sb://HOST/;SharedAccessKeyName=NAME;SharedAccessKey=KEY",
            ),
            (
                with("connectionString = 'env:TORN'"),
                " = env:TORN{}it has a part without a value; write it as the Azure portal shows \
                 it: Endpoint=sb://HOST/;SharedAccessKeyName=NAME;SharedAccessKey=KEY",
            ),
            (
                with(&format!("connectionString = '{other}'")),
                " = (not shown){}its Endpoint is not the host in fullyQualifiedNamespace; name \
                 the same host in both",
            ),
            (
                with(&format!("connectionString = '{CONNECTION};EntityPath=other'")),
                " = (not shown){}its EntityPath is not what eventHubName says; use a connection \
                 string for that one",
            ),
            (
                of_amqp(&format!("type = 'Cbs', connectionString = '{other}'")),
                " = (not shown){}its Endpoint is not the host in url; name the same host in both",
            ),
            (
                of_amqp(&format!("type = 'Cbs', connectionString = '{CONNECTION};EntityPath=o'")),
                " = (not shown){}its EntityPath is not what address says; use a connection \
                 string for that one",
            ),
        ],
    );
}

#[test]
fn credentials_of_brokers() {
    expect(
        ".endpoint.auth",
        &[
            (
                of_amqp("username = 'u'"),
                ".username{}it has no effect with the type Anonymous; remove it, or choose \
                 another type",
            ),
            (
                of_amqp("type = 'Plain', password = 's3cret'"),
                ".username{}it is missing or empty; set it: text",
            ),
            (
                of_amqp("type = 'Plain', username = 'u'"),
                ".password{}it is missing or empty; set it: text, env:NAME or file:PATH",
            ),
            (
                of_amqp("type = 'Plain', username = 'u', passwordRef = 'env:NOT_SET'"),
                ".password = env:NOT_SET{}the environment variable NOT_SET is not set; set it, or \
                 name another one",
            ),
            (
                of_amqp("type = 'Cbs'"),
                "{}it has nothing to prove itself with; set connectionString, or tokenEndpoint, \
                 clientId and clientSecret",
            ),
            (
                of_amqp("type = 'Cbs', clientId = 'c', connectionString = 'env:CONNECTION'"),
                "{}it has connectionString and what belongs to tokenEndpoint; keep one of them",
            ),
            (
                of_amqp("type = 'Cbs', clientId = 'c'"),
                ".tokenEndpoint{}it is missing or empty; set it: https URL, or http on a loopback \
                 address",
            ),
            (
                of_amqp("type = 'External'"),
                ".type = External{}this server has no client certificates; write \"Anonymous\", \
                 \"Plain\" or \"Cbs\"",
            ),
            (
                of_amqp("type = 'ManagedIdentity'"),
                ".type = ManagedIdentity{}it is for the endpoint type EventHub; write \
                 \"Anonymous\", \"Plain\" or \"Cbs\"",
            ),
            (
                of_amqp("type = 'Basic'"),
                ".type = Basic{}there is no such type; write \"Anonymous\", \"Plain\" or \"Cbs\"",
            ),
        ],
    );
}

#[test]
fn spools() {
    let spool = |fields: &str| format!("{FILTER}{FILE}spool = {{ {fields} }}\n");
    expect(
        ".spool",
        &[
            (spool(""), ".directory{}it is missing or empty; set it: path"),
            (
                spool("directory = 's', maxBytes = 1"),
                ".maxBytes = 1{}it is not a number within the bounds; write a whole number, \
                 1048576 to 1099511627776 bytes",
            ),
            (
                spool("directory = 's', fsync = 'often'"),
                ".fsync = often{}there is no such policy; write \"never\", \"interval\" or \
                 \"always\"",
            ),
        ],
    );
}

#[test]
fn shared_files_and_spools() {
    let two = |first: &str, second: &str| {
        message(&format!(
            "[[hubs.a.eventListeners]]\n{FILTER}{first}[[hubs.b.eventListeners]]\n{FILTER}{second}"
        ))
    };
    let fix = "another event listener uses it, and their endpoints or spools differ; choose \
               another one, or write the same endpoint and spool for both";
    let amqp = "endpoint = { type = 'Amqp', url = 'amqp://h', address = 'q' }\n";
    let spool = "spool = { directory = '/s' }\n";
    let same_spool = "spool = { directory = '/s/.' }\n";
    assert_eq!(
        two(&format!("{FILE}{spool}"), &format!("{amqp}{same_spool}")),
        format!("hubs.b.eventListeners[0].spool.directory = /s/.{ORIGIN}{fix}")
    );
    assert_eq!(
        two(
            &format!("{amqp}{spool}"),
            &format!("{amqp}{}", spool.replace("'/s'", "'/s', fsync = 'never'"))
        ),
        format!("hubs.b.eventListeners[0].spool.directory = /s{ORIGIN}{fix}")
    );
    assert_eq!(
        two(FILE, "endpoint = { type = 'File', path = '/e', files = 1 }\n"),
        format!("hubs.b.eventListeners[0].endpoint.path = /e{ORIGIN}{fix}")
    );
    assert_eq!(
        two(FILE, &format!("{FILE}{spool}")),
        format!("hubs.b.eventListeners[0].endpoint.path = /e{ORIGIN}{fix}")
    );
}
