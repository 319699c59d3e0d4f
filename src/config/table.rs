//! Every setting in one table: its names, its default, its bounds and what it does.
//!
//! The help text, the bounds that are checked, the output of `--check`, the keys a configuration
//! file may have and the table in the README all come from here, so they cannot disagree. Names are
//! the hosted service's where it has the setting; the flag and the environment name are the same
//! words.
//!
//! Settings of a hub and of an issuer exist only in the configuration file.

use std::fmt::Write;

/// One row of the table.
#[derive(Debug)]
pub struct Setting {
    /// Key in the configuration file, below `[hubs.NAME]`, `[[issuers]]` or `[[issuers.roles]]` for
    /// the settings of those.
    pub name: &'static str,
    /// Flag with its dashes; empty if there is none.
    pub flag: &'static str,
    /// Environment variable; empty if there is none.
    pub environment: &'static str,
    /// Default, as it would be written in the file or in words.
    pub default: &'static str,
    /// What is accepted.
    pub allowed: Allowed,
    /// What it does, in a sentence.
    pub sentence: &'static str,
}

/// What a setting accepts; the unit comes with it.
#[derive(Debug, Clone, Copy)]
pub enum Allowed {
    /// A whole number within bounds, of the named things.
    Number { min: u64, max: u64, unit: &'static str },
    /// A time within bounds, in seconds; with a unit (`5s`, `500ms`) outside the file.
    Seconds { min: u64, max: u64 },
    /// Whatever the words say.
    Words(&'static str),
}

/// Settings of the process, in the order in which they are shown.
pub static PROCESS: [&Setting; 14] = [
    &LISTEN,
    &ADMIN_LISTEN,
    &SHARDS,
    &PIN,
    &ACCESS_KEY,
    &SECONDARY_ACCESS_KEY,
    &PUBLIC_ENDPOINTS,
    &DISABLE_LOCAL_AUTH,
    &DISABLE_AAD_AUTH,
    &LOG,
    &HEADER_TIMEOUT,
    &SHUTDOWN_GRACE,
    &DRAIN_DEADLINE,
    &MESH_SLOTS,
];

/// Settings of one hub, in the order in which they are shown.
pub static HUB: [&Setting; 5] = [
    &ANONYMOUS_CONNECT_POLICY,
    &KEEP_ALIVE_INTERVAL,
    &OUTBOUND_QUEUE_MESSAGES,
    &OUTBOUND_QUEUE_BYTES,
    &GROUPS_PER_CONNECTION,
];

/// Settings of one issuer, in the order in which they are shown.
pub static ISSUER: [&Setting; 3] = [&ISSUER_NAME, &ISSUER_KEYS, &ISSUER_AUDIENCES];

/// Settings of one role rule of an issuer, in the order in which they are shown.
pub static ISSUER_ROLE: [&Setting; 3] = [&ROLE_CLAIM, &ROLE_VALUE, &ROLE];

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

pub static ISSUER_NAME: Setting = Setting {
    name: "issuer",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words("https URL, or http on a loopback address; any text with jwksUri"),
    sentence: "Whose tokens the REST API accepts: equal to their `iss`.",
};

pub static ISSUER_KEYS: Setting = Setting {
    name: "jwksUri",
    flag: "",
    environment: "",
    default: "by discovery at the issuer",
    allowed: Allowed::Words("https URL, or http on a loopback address"),
    sentence: "Where the issuer publishes its keys.",
};

pub static ISSUER_AUDIENCES: Setting = Setting {
    name: "audiences",
    flag: "",
    environment: "",
    default: r#"["https://webpubsub.azure.com"]"#,
    allowed: Allowed::Words("text, one or more"),
    sentence: "What a token's `aud` must contain one of.",
};

pub static ROLE_CLAIM: Setting = Setting {
    name: "claim",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words("name of a claim, such as roles, sub or appid"),
    sentence: "Where to look in a token.",
};

pub static ROLE_VALUE: Setting = Setting {
    name: "value",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words("text"),
    sentence: "What the claim must be, or contain if it is an array.",
};

pub static ROLE: Setting = Setting {
    name: "role",
    flag: "",
    environment: "",
    default: "required",
    allowed: Allowed::Words(r#""Owner" or "Reader""#),
    sentence: "What the bearer may do: everything, or look only.",
};

impl Setting {
    /// The text behind its flag in `--help`.
    pub fn help(&self) -> String {
        format!(
            "{} Allowed: {}. Environment: {}. [default: {}]",
            self.sentence,
            self.allowed.for_command_line(),
            self.environment,
            self.default_for_command_line()
        )
    }

    fn default_for_command_line(&self) -> String {
        match (self.default, self.allowed) {
            ("[]", _) => "none".to_owned(),
            (default, Allowed::Seconds { .. }) => format!("{default}s"),
            (default, _) => default.trim_matches(['[', ']', '"']).to_owned(),
        }
    }
}

impl Allowed {
    /// Least and greatest number, in the setting's unit.
    pub const fn bounds(self) -> (u64, u64) {
        match self {
            Self::Number { min, max, .. } | Self::Seconds { min, max } => (min, max),
            Self::Words(_) => (0, u64::MAX),
        }
    }

    /// In words, for the file.
    pub fn in_words(self) -> String {
        match self {
            Self::Number { min, max, unit } => format!("{min} to {max} {unit}"),
            Self::Seconds { min, max } => format!("{min} to {max} seconds"),
            Self::Words(words) => words.to_owned(),
        }
    }

    fn for_command_line(self) -> String {
        match self {
            Self::Seconds { min, max } => format!("{min}s to {max}s, with a unit"),
            other => other.in_words(),
        }
    }
}

/// The table as Markdown, for the README.
pub fn markdown() -> String {
    let mut text = String::from(
        "| Setting | Flag | Environment | Default | Allowed | Meaning |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for setting in PROCESS {
        add_row(&mut text, setting.name, setting);
    }
    for setting in HUB {
        add_row(&mut text, &format!("hubs.NAME.{}", setting.name), setting);
    }
    for setting in ISSUER {
        add_row(&mut text, &format!("issuers[].{}", setting.name), setting);
    }
    for setting in ISSUER_ROLE {
        add_row(&mut text, &format!("issuers[].roles[].{}", setting.name), setting);
    }
    text
}

fn add_row(text: &mut String, name: &str, setting: &Setting) {
    let code = |word: &str| if word.is_empty() { "–".to_owned() } else { format!("`{word}`") };
    let _ = writeln!(
        text,
        "| `{name}` | {} | {} | {} | {} | {} |",
        code(setting.flag),
        code(setting.environment),
        setting.default,
        setting.allowed.in_words(),
        setting.sentence
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = &'static Setting> {
        PROCESS.into_iter().chain(HUB).chain(ISSUER).chain(ISSUER_ROLE)
    }

    #[test]
    fn names_are_distinct_and_flags_match_environment_names() {
        let mut names: Vec<_> = all().map(|setting| setting.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all().count());
        for setting in PROCESS {
            let from_flag = setting.flag.trim_start_matches('-').replace('-', "_").to_uppercase();
            // One flag is repeated where the variable holds a list.
            let variable = setting.environment.trim_end_matches('S');
            assert_eq!(variable, format!("CORECAST_{from_flag}").trim_end_matches('S'));
        }
    }

    #[test]
    fn sentences_are_sentences() {
        for setting in all() {
            assert!(setting.sentence.ends_with('.'), "{}", setting.name);
            assert!(!setting.sentence.contains('|'), "{}", setting.name);
        }
    }

    #[test]
    fn the_markdown_has_a_row_for_each_setting() {
        let text = markdown();
        assert_eq!(text.lines().count(), 2 + all().count());
        assert!(text.contains("| `shards` | `--shards` | `CORECAST_SHARDS` |"));
        assert!(text.contains("| `hubs.NAME.outboundQueueBytes` | – | – | 16777216 |"));
        assert!(text.contains("| `issuers[].roles[].claim` | – | – | required |"));
        assert!(text.lines().all(|line| line.matches(" | ").count() == 5), "{text}");
    }
}
