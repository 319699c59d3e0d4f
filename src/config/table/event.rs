//! Settings of the process about events: how they are delivered, as whom, and with which secrets.

use super::{Allowed, Setting};

pub static EVENT_TIMEOUT: Setting = Setting {
    name: "eventTimeoutInSeconds",
    flag: "--event-timeout",
    environment: "CORECAST_EVENT_TIMEOUT",
    default: "100",
    allowed: Allowed::Seconds { min: 1, max: 600 },
    sentence: "How long an event may take until its handler answers, waiting and retries included.",
};

pub static EVENT_ATTEMPTS: Setting = Setting {
    name: "eventAttempts",
    flag: "--event-attempts",
    environment: "CORECAST_EVENT_ATTEMPTS",
    default: "4",
    allowed: Allowed::Number { min: 1, max: 4, unit: "attempts" },
    sentence: "How often an event is sent if its handler cannot be reached or fails.",
};

pub static EVENT_CONCURRENCY: Setting = Setting {
    name: "eventConcurrency",
    flag: "--event-concurrency",
    environment: "CORECAST_EVENT_CONCURRENCY",
    default: "512",
    allowed: Allowed::Number { min: 1, max: 65_536, unit: "requests" },
    sentence: "Requests to one event handler at the same time.",
};

pub static EVENT_QUEUE_MESSAGES: Setting = Setting {
    name: "eventQueueMessages",
    flag: "--event-queue-messages",
    environment: "CORECAST_EVENT_QUEUE_MESSAGES",
    default: "10000",
    allowed: Allowed::Number { min: 1, max: 1_000_000, unit: "events" },
    sentence: "Events of one handler that wait or are under way, and as many notifications; more fail at once.",
};

pub static EVENT_QUEUE_BYTES: Setting = Setting {
    name: "eventQueueBytes",
    flag: "--event-queue-bytes",
    environment: "CORECAST_EVENT_QUEUE_BYTES",
    default: "67108864",
    allowed: Allowed::Number { min: 1_048_576, max: 1_099_511_627_776, unit: "bytes" },
    sentence: "Bytes of their payloads.",
};

pub static EVENT_LISTENERS_MAX: Setting = Setting {
    name: "eventListenersMax",
    flag: "--event-listeners-max",
    environment: "CORECAST_EVENT_LISTENERS_MAX",
    default: "10",
    allowed: Allowed::Number { min: 1, max: 1000, unit: "listeners" },
    sentence: "Event listeners that all hubs together may have.",
};

pub static EVENT_LISTENER_QUEUE_MESSAGES: Setting = Setting {
    name: "eventListenerQueueMessages",
    flag: "--event-listener-queue-messages",
    environment: "CORECAST_EVENT_LISTENER_QUEUE_MESSAGES",
    default: "10000",
    allowed: Allowed::Number { min: 1, max: 1_000_000, unit: "events" },
    sentence: "Events that may wait for one event listener in memory; more are dropped for it.",
};

pub static EVENT_LISTENER_QUEUE_BYTES: Setting = Setting {
    name: "eventListenerQueueBytes",
    flag: "--event-listener-queue-bytes",
    environment: "CORECAST_EVENT_LISTENER_QUEUE_BYTES",
    default: "16777216",
    allowed: Allowed::Number { min: 1_048_576, max: 1_099_511_627_776, unit: "bytes" },
    sentence: "Bytes of their payloads.",
};

pub static EVENT_COOKIES: Setting = Setting {
    name: "eventCookies",
    flag: "--event-cookies",
    environment: "CORECAST_EVENT_COOKIES",
    default: "true",
    allowed: Allowed::Words("true or false"),
    sentence: "Whether cookies of a handler are sent back with later events of the same connection.",
};

pub static NAME_IDENTIFIER_CLAIM: Setting = Setting {
    name: "nameIdentifierClaim",
    flag: "--name-identifier-claim",
    environment: "CORECAST_NAME_IDENTIFIER_CLAIM",
    default: "true",
    allowed: Allowed::Words("true or false"),
    sentence: "Whether a connect event repeats the claim `sub` by the name that .NET handlers look for.",
};

pub static UPSTREAM_ROOT_CERTIFICATES: Setting = Setting {
    name: "upstreamRootCertificates",
    flag: "--upstream-root-certificates",
    environment: "CORECAST_UPSTREAM_ROOT_CERTIFICATES",
    default: "the system's",
    allowed: Allowed::Words("path of a PEM file"),
    sentence: "Whom to trust in TLS connections to event handlers, brokers and token endpoints.",
};

pub static TOKEN_ENDPOINT: Setting = Setting {
    name: "tokenEndpoint",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words("https URL, or http on a loopback address"),
    sentence: "Where tokens for event handlers and brokers come from, by OAuth 2 client credentials.",
};

pub static CLIENT_ID: Setting = Setting {
    name: "clientId",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words("text"),
    sentence: "Who this server is there.",
};

pub static CLIENT_SECRET: Setting = Setting {
    name: "clientSecret",
    flag: "",
    environment: "",
    default: "none",
    allowed: Allowed::Words("text, env:NAME or file:PATH"),
    sentence: "Its proof; this or `clientAssertionFile`.",
};

pub static CLIENT_ASSERTION_FILE: Setting = Setting {
    name: "clientAssertionFile",
    flag: "",
    environment: "",
    default: "none",
    allowed: Allowed::Words("path"),
    sentence: "A file that holds a signed assertion, read whenever a token is fetched.",
};

pub static SECRETS: Setting = Setting {
    name: "secrets",
    flag: "",
    environment: "",
    default: "none",
    allowed: Allowed::Words("text, env:NAME or file:PATH"),
    sentence: "The secret that a URL template names by this URI.",
};
