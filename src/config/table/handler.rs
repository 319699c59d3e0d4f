//! Settings of one event handler of a hub, in `[[hubs.NAME.eventHandlers]]` and the tables in it
//! (`events-webhook.md` section 2.1).

use super::{Allowed, Setting};

pub static URL_TEMPLATE: Setting = Setting {
    name: "urlTemplate",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words(
        "http or https URL; {hub}, {event} and {@Microsoft.KeyVault(SecretUri=...)} behind the host",
    ),
    sentence: "Where events are posted.",
};

pub static USER_EVENT_PATTERN: Setting = Setting {
    name: "userEventPattern",
    flag: "",
    environment: "",
    default: r#""""#,
    allowed: Allowed::Words("event names with *, ** and ?, separated by commas"),
    sentence: "Which user events the handler gets.",
};

pub static SYSTEM_EVENTS: Setting = Setting {
    name: "systemEvents",
    flag: "",
    environment: "",
    default: "[]",
    allowed: Allowed::Words(r#""connect", "connected" and "disconnected""#),
    sentence: "Which system events the handler gets.",
};

pub static AUTH_TYPE: Setting = Setting {
    name: "type",
    flag: "",
    environment: "",
    default: r#""None""#,
    allowed: Allowed::Words(r#""None" or "ManagedIdentity""#),
    sentence: "Whether requests carry a token, obtained as `identity` says.",
};

pub static AUTH_RESOURCE: Setting = Setting {
    name: "resource",
    flag: "",
    environment: "",
    default: r#"required with "ManagedIdentity""#,
    allowed: Allowed::Words("text, such as api://my-app"),
    sentence: "Whom the token is for.",
};

pub static PRESENCE_EVENTS: Setting = Setting {
    name: "eventNames",
    flag: "",
    environment: "",
    default: "[]",
    allowed: Allowed::Words(r#""joined" and "left""#),
    sentence: "Which events of groups the handler gets.",
};

pub static PRESENCE_GROUPS: Setting = Setting {
    name: "groupFilters",
    flag: "",
    environment: "",
    default: "[]",
    allowed: Allowed::Words("group names with *, ** and ?"),
    sentence: "Of which groups; an empty list stands for all of them.",
};
