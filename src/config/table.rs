//! Every setting in one table: its names, its default, its bounds and what it does.
//!
//! The help text, the bounds that are checked, the output of `--check`, the keys a configuration
//! file may have and the table in the README all come from here, so they cannot disagree. Names are
//! the hosted service's where it has the setting; the flag and the environment name are the same
//! words.
//!
//! Settings in tables of their own exist only in the configuration file; [`FILE`] says which tables
//! there are.

mod event;
mod handler;
mod hub;
mod issuer;
mod listener;
mod process;

use std::fmt::Write;

pub use event::*;
pub use handler::*;
pub use hub::*;
pub use issuer::*;
pub use listener::*;
pub use process::*;

/// One row of the table.
#[derive(Debug)]
pub struct Setting {
    /// Key in the configuration file, within the table that it belongs to.
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

/// One table of the configuration file: its settings and the tables in it.
#[derive(Debug)]
pub struct Table {
    /// In the order in which they are shown.
    pub settings: &'static [&'static Setting],
    /// Keys that hold more than a value.
    pub below: &'static [(&'static str, Below)],
}

/// What a key holds.
#[derive(Debug, Clone, Copy)]
pub enum Below {
    /// `[key]`
    One(&'static Table),
    /// `[key.NAME]`, any number
    Named(&'static Table),
    /// `[[key]]`, any number
    List(&'static Table),
    /// `[key]` with whatever names, and values of this one kind.
    Values(&'static Setting),
}

/// The whole file.
pub static FILE: Table = Table {
    settings: &PROCESS,
    below: &[
        ("hubs", Below::Named(&HUB_TABLE)),
        ("identity", Below::One(&Table { settings: &IDENTITY, below: &[] })),
        ("secrets", Below::Values(&SECRETS)),
        ("issuers", Below::List(&ISSUER_TABLE)),
    ],
};

static HUB_TABLE: Table = Table {
    settings: &HUB,
    below: &[
        ("eventHandlers", Below::List(&HANDLER_TABLE)),
        ("eventListeners", Below::List(&LISTENER_TABLE)),
    ],
};

static HANDLER_TABLE: Table = Table {
    settings: &HANDLER,
    below: &[
        ("auth", Below::One(&AUTH_TABLE)),
        ("groupPresenceEvents", Below::One(&PRESENCE_TABLE)),
    ],
};

static AUTH_TABLE: Table = Table {
    settings: &[&AUTH_TYPE],
    below: &[("managedIdentity", Below::One(&Table { settings: &[&AUTH_RESOURCE], below: &[] }))],
};

static PRESENCE_TABLE: Table =
    Table { settings: &[&PRESENCE_EVENTS, &PRESENCE_GROUPS], below: &[] };

static LISTENER_TABLE: Table = Table {
    settings: &[&LISTENER_NAME],
    below: &[
        ("filter", Below::One(&Table { settings: &FILTER, below: &[] })),
        ("endpoint", Below::One(&ENDPOINT_TABLE)),
        ("spool", Below::One(&Table { settings: &SPOOL, below: &[] })),
    ],
};

static ENDPOINT_TABLE: Table = Table {
    settings: &ENDPOINT,
    below: &[("auth", Below::One(&Table { settings: &ENDPOINT_AUTH, below: &[] }))],
};

static ISSUER_TABLE: Table = Table {
    settings: &ISSUER,
    below: &[("roles", Below::List(&Table { settings: &ISSUER_ROLE, below: &[] }))],
};

/// Settings of the process.
pub static PROCESS: [&Setting; 25] = [
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
    &EVENT_TIMEOUT,
    &EVENT_ATTEMPTS,
    &EVENT_CONCURRENCY,
    &EVENT_QUEUE_MESSAGES,
    &EVENT_QUEUE_BYTES,
    &EVENT_LISTENERS_MAX,
    &EVENT_LISTENER_QUEUE_MESSAGES,
    &EVENT_LISTENER_QUEUE_BYTES,
    &EVENT_COOKIES,
    &NAME_IDENTIFIER_CLAIM,
    &UPSTREAM_ROOT_CERTIFICATES,
];

/// Settings of one hub.
pub static HUB: [&Setting; 7] = [
    &ANONYMOUS_CONNECT_POLICY,
    &KEEP_ALIVE_INTERVAL,
    &OUTBOUND_QUEUE_MESSAGES,
    &OUTBOUND_QUEUE_BYTES,
    &GROUPS_PER_CONNECTION,
    &REQUIRE_USER_ID,
    &DROP_ON_EVENT_FAILURE,
];

/// Settings of one event handler.
pub static HANDLER: [&Setting; 3] = [&URL_TEMPLATE, &USER_EVENT_PATTERN, &SYSTEM_EVENTS];

/// Settings of an event listener's `filter`.
pub static FILTER: [&Setting; 3] = [&FILTER_TYPE, &FILTER_SYSTEM_EVENTS, &FILTER_USER_EVENTS];

/// Settings of an event listener's `endpoint`.
pub static ENDPOINT: [&Setting; 11] = [
    &ENDPOINT_TYPE,
    &NAMESPACE,
    &EVENT_HUB_NAME,
    &BROKER_URL,
    &BROKER_ADDRESS,
    &PROPERTY_PREFIX,
    &PARTITION_BY,
    &DURABLE,
    &FILE_PATH,
    &FILE_BYTES_MAX,
    &FILES,
];

/// Settings of an endpoint's `auth`.
pub static ENDPOINT_AUTH: [&Setting; 8] = [
    &ENDPOINT_AUTH_TYPE,
    &CONNECTION_STRING,
    &BROKER_TOKEN_ENDPOINT,
    &BROKER_CLIENT_ID,
    &BROKER_CLIENT_SECRET,
    &BROKER_USERNAME,
    &BROKER_PASSWORD,
    &BROKER_PASSWORD_REF,
];

/// Settings of an event listener's `spool`.
pub static SPOOL: [&Setting; 3] = [&SPOOL_DIRECTORY, &SPOOL_BYTES_MAX, &FSYNC];

/// Settings of the table `[identity]`.
pub static IDENTITY: [&Setting; 4] =
    [&TOKEN_ENDPOINT, &CLIENT_ID, &CLIENT_SECRET, &CLIENT_ASSERTION_FILE];

/// Settings of one issuer.
pub static ISSUER: [&Setting; 3] = [&ISSUER_NAME, &ISSUER_KEYS, &ISSUER_AUDIENCES];

/// Settings of one role rule of an issuer.
pub static ISSUER_ROLE: [&Setting; 3] = [&ROLE_CLAIM, &ROLE_VALUE, &ROLE];

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

    /// The same as an instruction, for what is written in the file.
    pub fn instruction(self) -> String {
        let kind = match self {
            Self::Number { .. } => "a whole number, ",
            Self::Seconds { .. } => "a number, ",
            Self::Words(_) => "",
        };
        format!("write {kind}{}", self.in_words())
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
    for (name, setting) in FILE.rows("") {
        add_row(&mut text, &name, setting);
    }
    text
}

impl Table {
    /// Whatever may stand in it.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        let values = self.settings.iter().map(|setting| setting.name);
        values.chain(self.below.iter().map(|(key, _)| *key))
    }

    /// The setting at the end of a path of keys, this table's first.
    pub fn find(&self, path: &[String]) -> Option<&'static Setting> {
        let (key, rest) = path.split_first()?;
        if rest.is_empty() {
            return self.settings.iter().copied().find(|setting| setting.name == key);
        }
        match self.below.iter().find(|(name, _)| name == key)?.1 {
            Below::One(table) | Below::List(table) => table.find(rest),
            Below::Named(table) => table.find(rest.get(1..)?),
            Below::Values(setting) => Some(setting),
        }
    }

    /// The settings with their full names, those of inner tables behind the table's own.
    fn rows(&self, prefix: &str) -> Vec<(String, &'static Setting)> {
        let own =
            self.settings.iter().map(|setting| (format!("{prefix}{}", setting.name), *setting));
        let inner = self.below.iter().flat_map(|(key, below)| match below {
            Below::One(table) => table.rows(&format!("{prefix}{key}.")),
            Below::Named(table) => table.rows(&format!("{prefix}{key}.NAME.")),
            Below::List(table) => table.rows(&format!("{prefix}{key}[].")),
            Below::Values(setting) => vec![(format!("{prefix}{key}.URI"), *setting)],
        });
        own.chain(inner).collect()
    }
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
        FILE.rows("").into_iter().map(|(_, setting)| setting)
    }

    #[test]
    fn names_are_distinct_and_flags_match_environment_names() {
        let mut names: Vec<_> = FILE.rows("").into_iter().map(|(name, _)| name).collect();
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
    fn settings_are_found_by_their_keys() {
        let find = |path: &[&str]| {
            let path: Vec<_> = path.iter().map(|key| (*key).to_owned()).collect();
            FILE.find(&path).map(|setting| setting.allowed.in_words())
        };
        let words = |setting: &Setting| Some(setting.allowed.in_words());
        assert_eq!(find(&["shards"]), words(&SHARDS));
        let handler = ["hubs", "a.b", "eventHandlers", "auth", "type"];
        assert_eq!(find(&handler), words(&AUTH_TYPE));
        let listener = ["hubs", "a", "eventListeners", "endpoint", "auth", "type"];
        assert_eq!(find(&listener), words(&ENDPOINT_AUTH_TYPE));
        assert_eq!(find(&["secrets", "https://v"]), words(&SECRETS));
        for nothing in [&["hubs"][..], &["hubs", "listen"], &["bogus", "listen"], &[]] {
            assert_eq!(find(nothing), None);
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
        assert!(text.contains("| `hubs.NAME.eventHandlers[].auth.type` | – | – | \"None\" |"));
        assert!(text.contains("| `hubs.NAME.eventListeners[].endpoint.auth.type` | – | – | "));
        assert!(text.contains("| `identity.clientId` | – | – | required |"));
        assert!(text.contains("| `secrets.URI` | – | – | none |"));
        assert!(text.contains("| `issuers[].roles[].claim` | – | – | required |"));
        assert!(text.lines().all(|line| line.matches(" | ").count() == 5), "{text}");
    }
}
