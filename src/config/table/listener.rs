//! Settings of one event listener of a hub, in `[[hubs.NAME.eventListeners]]` and the tables in it
//! (`events-listener.md` sections 2.1, 5.2, 8.1).

use super::{Allowed, Setting};

pub static LISTENER_NAME: Setting = Setting {
    name: "name",
    flag: "",
    environment: "",
    default: "HUB-NUMBER",
    allowed: Allowed::Words("1 to 64 letters, digits, dots, dashes and underscores"),
    sentence: "What metrics and the log call it; no two listeners have the same name.",
};

pub static FILTER_TYPE: Setting = Setting {
    name: "type",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words(r#""EventName""#),
    sentence: "How events are chosen.",
};

pub static FILTER_SYSTEM_EVENTS: Setting = Setting {
    name: "systemEvents",
    flag: "",
    environment: "",
    default: "[]",
    allowed: Allowed::Words(r#""connected" and "disconnected""#),
    sentence: "Which system events the listener gets.",
};

pub static FILTER_USER_EVENTS: Setting = Setting {
    name: "userEventPattern",
    flag: "",
    environment: "",
    default: r#""""#,
    allowed: Allowed::Words("event names separated by commas, or * for every one"),
    sentence: "Which user events the listener gets; there are no other wildcards here.",
};

pub static ENDPOINT_TYPE: Setting = Setting {
    name: "type",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words(r#""EventHub", "Amqp" or "File""#),
    sentence: "Where events go: to Event Hubs, to another AMQP 1.0 broker, or into a file.",
};

pub static NAMESPACE: Setting = Setting {
    name: "fullyQualifiedNamespace",
    flag: "",
    environment: "",
    default: r#"required with "EventHub""#,
    allowed: Allowed::Words("HOST or HOST:PORT"),
    sentence: "The host of the Event Hubs namespace.",
};

pub static EVENT_HUB_NAME: Setting = Setting {
    name: "eventHubName",
    flag: "",
    environment: "",
    default: r#"required with "EventHub""#,
    allowed: Allowed::Words("text"),
    sentence: "The event hub.",
};

pub static BROKER_URL: Setting = Setting {
    name: "url",
    flag: "",
    environment: "",
    default: r#"required with "Amqp""#,
    allowed: Allowed::Words("amqps://HOST[:PORT], or amqp:// without TLS"),
    sentence: "The broker.",
};

pub static BROKER_ADDRESS: Setting = Setting {
    name: "address",
    flag: "",
    environment: "",
    default: r#"required with "Amqp""#,
    allowed: Allowed::Words(
        r#"text, such as /queues/events; {connectionId} in it with partitionBy = "to""#,
    ),
    sentence: "The target address, in the broker's own form.",
};

pub static PROPERTY_PREFIX: Setting = Setting {
    name: "propertyPrefix",
    flag: "",
    environment: "",
    default: r#""cloudEvents:""#,
    allowed: Allowed::Words(r#""cloudEvents:" or "cloudEvents_""#),
    sentence: "What the names of CloudEvents attributes begin with.",
};

pub static PARTITION_BY: Setting = Setting {
    name: "partitionBy",
    flag: "",
    environment: "",
    default: r#""none""#,
    allowed: Allowed::Words(r#""none", "group-id", "annotation" or "to""#),
    sentence: "Which part of a message tells the broker what belongs to one connection.",
};

pub static DURABLE: Setting = Setting {
    name: "durable",
    flag: "",
    environment: "",
    default: "true",
    allowed: Allowed::Words("true or false"),
    sentence: "Whether the broker is to keep messages over its restart.",
};

pub static FILE_PATH: Setting = Setting {
    name: "path",
    flag: "",
    environment: "",
    default: r#"required with "File""#,
    allowed: Allowed::Words("path"),
    sentence: "The file that events are appended to, as lines of JSON.",
};

pub static FILE_BYTES_MAX: Setting = Setting {
    name: "maxBytes",
    flag: "",
    environment: "",
    default: "67108864",
    allowed: Allowed::Number { min: 4096, max: 1_099_511_627_776, unit: "bytes" },
    sentence: "How large it gets before a new one is begun.",
};

pub static FILES: Setting = Setting {
    name: "files",
    flag: "",
    environment: "",
    default: "8",
    allowed: Allowed::Number { min: 1, max: 1000, unit: "files" },
    sentence: "How many earlier files are kept.",
};

pub static ENDPOINT_AUTH_TYPE: Setting = Setting {
    name: "type",
    flag: "",
    environment: "",
    default: r#""ManagedIdentity" with "EventHub", "Anonymous" with "Amqp""#,
    allowed: Allowed::Words(
        r#""ManagedIdentity", "ClientCredentials" or "ConnectionString" with "EventHub"; "Anonymous", "Plain" or "Cbs" with "Amqp""#,
    ),
    sentence: "How this server proves itself; ManagedIdentity is by `identity`.",
};

pub static CONNECTION_STRING: Setting = Setting {
    name: "connectionString",
    flag: "",
    environment: "",
    default: "none",
    allowed: Allowed::Words("text, env:NAME or file:PATH"),
    sentence: "A shared access key with its name, as the Azure portal shows it.",
};

pub static BROKER_TOKEN_ENDPOINT: Setting = Setting {
    name: "tokenEndpoint",
    flag: "",
    environment: "",
    default: "none",
    allowed: Allowed::Words("https URL, or http on a loopback address"),
    sentence: "Where tokens come from, by OAuth 2 client credentials.",
};

pub static BROKER_CLIENT_ID: Setting = Setting {
    name: "clientId",
    flag: "",
    environment: "",
    default: "none",
    allowed: Allowed::Words("text"),
    sentence: "Who this server is there.",
};

pub static BROKER_CLIENT_SECRET: Setting = Setting {
    name: "clientSecret",
    flag: "",
    environment: "",
    default: "none",
    allowed: Allowed::Words("text, env:NAME or file:PATH"),
    sentence: "Its proof.",
};

pub static BROKER_USERNAME: Setting = Setting {
    name: "username",
    flag: "",
    environment: "",
    default: r#"required with "Plain""#,
    allowed: Allowed::Words("text"),
    sentence: "Who this server is at the broker.",
};

pub static BROKER_PASSWORD: Setting = Setting {
    name: "password",
    flag: "",
    environment: "",
    default: r#"required with "Plain""#,
    allowed: Allowed::Words("text, env:NAME or file:PATH"),
    sentence: "Its password.",
};

pub static BROKER_PASSWORD_REF: Setting = Setting {
    name: "passwordRef",
    flag: "",
    environment: "",
    default: "none",
    allowed: Allowed::Words("text, env:NAME or file:PATH"),
    sentence: "Another name of `password`.",
};

pub static SPOOL_DIRECTORY: Setting = Setting {
    name: "directory",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words("path"),
    sentence: "Where events wait on disk until the endpoint has taken them; nothing else may be in it.",
};

pub static SPOOL_BYTES_MAX: Setting = Setting {
    name: "maxBytes",
    flag: "",
    environment: "",
    default: "1073741824",
    allowed: Allowed::Number { min: 1_048_576, max: 1_099_511_627_776, unit: "bytes" },
    sentence: "How much of them; more are dropped.",
};

pub static FSYNC: Setting = Setting {
    name: "fsync",
    flag: "",
    environment: "",
    default: r#""interval""#,
    allowed: Allowed::Words(r#""never", "interval" or "always""#),
    sentence: "When they are safe from a loss of power: whenever, after a second, or before they are acknowledged.",
};
