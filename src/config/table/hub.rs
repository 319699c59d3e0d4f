//! Settings of a hub, in `[hubs.NAME]`.

use super::{Allowed, Setting};

pub static ANONYMOUS_CONNECT_POLICY: Setting = Setting {
    name: "anonymousConnectPolicy",
    flag: "",
    environment: "",
    default: r#""deny""#,
    allowed: Allowed::Words(r#""deny" or "allow""#),
    sentence: "Whether clients may connect without a token.",
};

pub static KEEP_ALIVE_INTERVAL: Setting = Setting {
    name: "webSocketKeepAliveIntervalInSeconds",
    flag: "",
    environment: "",
    default: "20",
    allowed: Allowed::Number { min: 1, max: 120, unit: "seconds" },
    sentence: "How often the server pings a client.",
};

pub static OUTBOUND_QUEUE_MESSAGES: Setting = Setting {
    name: "outboundQueueMessages",
    flag: "",
    environment: "",
    default: "1000",
    allowed: Allowed::Number { min: 1, max: 1_000_000, unit: "messages" },
    sentence: "Messages that may wait for one client before it is closed as slow.",
};

pub static OUTBOUND_QUEUE_BYTES: Setting = Setting {
    name: "outboundQueueBytes",
    flag: "",
    environment: "",
    default: "16777216",
    allowed: Allowed::Number { min: 65_536, max: 1_073_741_824, unit: "bytes" },
    sentence: "Bytes that may wait for one client before it is closed as slow.",
};

pub static GROUPS_PER_CONNECTION: Setting = Setting {
    name: "groupsPerConnection",
    flag: "",
    environment: "",
    default: "10000",
    allowed: Allowed::Number { min: 1, max: 1_000_000, unit: "groups" },
    sentence: "Groups that one connection may be in.",
};

pub static REQUIRE_USER_ID: Setting = Setting {
    name: "requireUserId",
    flag: "",
    environment: "",
    default: "false",
    allowed: Allowed::Words("true or false"),
    sentence: "Whether a client without a user id is refused.",
};

pub static DROP_ON_EVENT_FAILURE: Setting = Setting {
    name: "dropPubSubClientsOnEventFailure",
    flag: "",
    environment: "",
    default: "false",
    allowed: Allowed::Words("true or false"),
    sentence: "Whether a failed event closes a PubSub client; a simple client is always closed.",
};
