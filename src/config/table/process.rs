//! Settings of the process, other than those about events.

use super::{Allowed, Setting};

pub static LISTEN: Setting = Setting {
    name: "listen",
    flag: "--listen",
    environment: "CORECAST_LISTEN",
    default: r#"["127.0.0.1:8080"]"#,
    allowed: Allowed::Words("IP:PORT, one or more"),
    sentence: "Addresses for clients; without an access key only loopback ones.",
};

pub static ADMIN_LISTEN: Setting = Setting {
    name: "adminListen",
    flag: "--admin-listen",
    environment: "CORECAST_ADMIN_LISTEN",
    default: "none",
    allowed: Allowed::Words("IP:PORT"),
    sentence: "Address for metrics; keep it private, it asks for no key.",
};

pub static SHARDS: Setting = Setting {
    name: "shards",
    flag: "--shards",
    environment: "CORECAST_SHARDS",
    default: "one per usable core, less one from four cores on",
    allowed: Allowed::Number { min: 1, max: 128, unit: "shards" },
    sentence: "Executors that own connections, each on a core of its own.",
};

pub static PIN: Setting = Setting {
    name: "pin",
    flag: "--pin",
    environment: "CORECAST_PIN",
    default: "true",
    allowed: Allowed::Words("true or false"),
    sentence: "Whether each shard stays on one core; --no-pin leaves that to the kernel.",
};

pub static ACCESS_KEY: Setting = Setting {
    name: "accessKey",
    flag: "--access-key",
    environment: "CORECAST_ACCESS_KEY",
    default: "generated at each start",
    allowed: Allowed::Words("text of 32 bytes or more, env:NAME or file:PATH"),
    sentence: "The primary key; prefer a reference, a command line can be read by others.",
};

pub static SECONDARY_ACCESS_KEY: Setting = Setting {
    name: "secondaryAccessKey",
    flag: "--secondary-access-key",
    environment: "CORECAST_SECONDARY_ACCESS_KEY",
    default: "none",
    allowed: Allowed::Words("as accessKey"),
    sentence: "A second key, valid at the same time, for changing keys without interruption.",
};

pub static PUBLIC_ENDPOINTS: Setting = Setting {
    name: "publicEndpoints",
    flag: "--public-endpoint",
    environment: "CORECAST_PUBLIC_ENDPOINTS",
    default: "[]",
    allowed: Allowed::Words("URL, HOST or HOST:PORT, any number"),
    sentence: "Names clients reach the server by; if set, token audiences must use one of them.",
};

pub static DISABLE_LOCAL_AUTH: Setting = Setting {
    name: "disableLocalAuth",
    flag: "--disable-local-auth",
    environment: "CORECAST_DISABLE_LOCAL_AUTH",
    default: "false",
    allowed: Allowed::Words("true or false"),
    sentence: "Whether tokens signed with an access key are refused and the keys ignored.",
};

pub static DISABLE_AAD_AUTH: Setting = Setting {
    name: "disableAadAuth",
    flag: "--disable-aad-auth",
    environment: "CORECAST_DISABLE_AAD_AUTH",
    default: "false",
    allowed: Allowed::Words("true or false"),
    sentence: "Whether tokens of issuers (Entra ID, OpenID Connect) are refused.",
};

pub static LOG: Setting = Setting {
    name: "log",
    flag: "--log",
    environment: "CORECAST_LOG",
    default: "info",
    allowed: Allowed::Words(
        "error, warn, info, debug or trace; or filters such as warn,corecast=debug",
    ),
    sentence: "What is logged to standard error.",
};

pub static HEADER_TIMEOUT: Setting = Setting {
    name: "headerTimeoutInSeconds",
    flag: "--header-timeout",
    environment: "CORECAST_HEADER_TIMEOUT",
    default: "10",
    allowed: Allowed::Seconds { min: 1, max: 300 },
    sentence: "How long a new connection may take to send its request header.",
};

pub static SHUTDOWN_GRACE: Setting = Setting {
    name: "shutdownGraceInSeconds",
    flag: "--shutdown-grace",
    environment: "CORECAST_SHUTDOWN_GRACE",
    default: "5",
    allowed: Allowed::Seconds { min: 0, max: 3600 },
    sentence: "At a stop, how long health reports 503 before clients are closed.",
};

pub static DRAIN_DEADLINE: Setting = Setting {
    name: "drainDeadlineInSeconds",
    flag: "--drain-deadline",
    environment: "CORECAST_DRAIN_DEADLINE",
    default: "10",
    allowed: Allowed::Seconds { min: 0, max: 3600 },
    sentence: "At a stop, the time over which client closes are spread; then the process ends.",
};

pub static MESH_SLOTS: Setting = Setting {
    name: "meshSlots",
    flag: "--mesh-slots",
    environment: "CORECAST_MESH_SLOTS",
    default: "by the number of shards",
    allowed: Allowed::Number { min: 64, max: 65_536, unit: "messages" },
    sentence: "Room for messages from one shard to another before the sender stops reading.",
};
