//! The configuration file as written: TOML, strict about its keys.
//!
//! [`ConfigFile::parse`] answers which values the file holds; whether they are in range is decided
//! by [`super::settings`], which gives all layers the same checks. An unknown key is an error,
//! because a misspelt setting that is silently ignored is found in production; so is a value of the
//! wrong type. Both messages name line and column.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::StartError;
use super::table::{self, Setting};

/// A parsed file and where it was read from.
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// For messages.
    pub path: PathBuf,
    pub values: FileValues,
}

/// The keys of the file; names and meanings are those of [`table::PROCESS`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileValues {
    pub listen: Option<Vec<String>>,
    pub admin_listen: Option<String>,
    pub shards: Option<i64>,
    pub pin: Option<bool>,
    pub access_key: Option<String>,
    pub secondary_access_key: Option<String>,
    pub public_endpoints: Option<Vec<String>>,
    pub disable_local_auth: Option<bool>,
    pub disable_aad_auth: Option<bool>,
    pub log: Option<String>,
    pub header_timeout_in_seconds: Option<f64>,
    pub shutdown_grace_in_seconds: Option<f64>,
    pub drain_deadline_in_seconds: Option<f64>,
    pub mesh_slots: Option<i64>,
    #[serde(default)]
    pub hubs: BTreeMap<String, HubValues>,
    #[serde(default)]
    pub issuers: Vec<IssuerValues>,
}

/// The keys of a `[hubs.NAME]` table; names and meanings are those of [`table::HUB`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HubValues {
    pub anonymous_connect_policy: Option<String>,
    pub web_socket_keep_alive_interval_in_seconds: Option<i64>,
    pub outbound_queue_messages: Option<i64>,
    pub outbound_queue_bytes: Option<i64>,
    pub groups_per_connection: Option<i64>,
}

/// The keys of an `[[issuers]]` table; names and meanings are those of [`table::ISSUER`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssuerValues {
    pub issuer: Option<String>,
    pub jwks_uri: Option<String>,
    pub audiences: Option<Vec<String>>,
    #[serde(default)]
    pub roles: Vec<RoleValues>,
}

/// The keys of an `[[issuers.roles]]` table; names and meanings are those of
/// [`table::ISSUER_ROLE`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleValues {
    pub claim: Option<String>,
    pub value: Option<String>,
    pub role: Option<String>,
}

impl ConfigFile {
    /// Reads and parses the file at `path`.
    pub fn read(path: &Path) -> Result<Self, StartError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            StartError::new("config", error.to_string(), "name a readable TOML file")
                .with_value(path.display())
        })?;
        Self::parse(path, &text)
    }

    /// Parses the text of the file; `path` is for messages.
    pub fn parse(path: &Path, text: &str) -> Result<Self, StartError> {
        let toml_error =
            |error: toml::de::Error| located(path, text, error.span(), error.message(), FIX_TOML);
        let document = DeTable::parse(text).map_err(toml_error)?;
        if let Some(unknown) = find_unknown_key(document.get_ref()) {
            let reason = format!("unknown key '{}'", unknown.key);
            return Err(located(path, text, Some(unknown.span), &reason, &unknown.suggestion));
        }
        let values = toml::from_str(text).map_err(toml_error)?;
        Ok(Self { path: path.to_owned(), values })
    }
}

const FIX_TOML: &str = "correct the file; the README has a table of all settings";

/// An error with the place in the file that it is about.
fn located(
    path: &Path,
    text: &str,
    span: Option<Range<usize>>,
    reason: &str,
    fix: &str,
) -> StartError {
    let before = text.get(..span.map_or(0, |span| span.start)).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    // The parser's messages may have several lines; ours have one.
    let reason = reason.lines().collect::<Vec<_>>().join(", ");
    StartError::new("config", format!("line {line}, column {column}: {reason}"), fix)
        .with_value(path.display())
}

struct UnknownKey {
    key: String,
    span: Range<usize>,
    suggestion: String,
}

fn find_unknown_key(document: &DeTable<'_>) -> Option<UnknownKey> {
    const HUBS: &str = "hubs";
    const ISSUERS: &str = "issuers";
    const ROLES: &str = "roles";
    let process_keys: Vec<_> = names(&table::PROCESS).chain([HUBS, ISSUERS]).collect();
    let hub_keys: Vec<_> = names(&table::HUB).collect();
    let issuer_keys: Vec<_> = names(&table::ISSUER).chain([ROLES]).collect();
    let role_keys: Vec<_> = names(&table::ISSUER_ROLE).collect();
    let hub_tables = document.get(HUBS).and_then(|hubs| as_table(hubs)).into_iter();
    unknown_key_in(document, &process_keys)
        .or_else(|| {
            hub_tables
                .flat_map(|hubs| hubs.values().filter_map(as_table))
                .find_map(|hub| unknown_key_in(hub, &hub_keys))
        })
        .or_else(|| {
            tables_in(document, ISSUERS).find_map(|issuer| {
                unknown_key_in(issuer, &issuer_keys).or_else(|| {
                    tables_in(issuer, ROLES).find_map(|role| unknown_key_in(role, &role_keys))
                })
            })
        })
}

/// The tables of an array of tables.
fn tables_in<'t, 'i>(
    table: &'t DeTable<'i>,
    name: &str,
) -> impl Iterator<Item = &'t DeTable<'i>> + use<'t, 'i> {
    let array = match table.get(name).map(Spanned::get_ref) {
        Some(DeValue::Array(array)) => Some(array),
        _ => None,
    };
    array.into_iter().flat_map(|array| array.iter().filter_map(as_table))
}

fn names(settings: &'static [&Setting]) -> impl Iterator<Item = &'static str> {
    settings.iter().map(|setting| setting.name)
}

fn as_table<'t, 'i>(value: &'t Spanned<DeValue<'i>>) -> Option<&'t DeTable<'i>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

fn unknown_key_in(table: &DeTable<'_>, known: &[&str]) -> Option<UnknownKey> {
    let key = table.keys().find(|key| !known.contains(&key.get_ref().as_ref()))?;
    let nearest = known.iter().min_by_key(|name| distance(key.get_ref(), name))?;
    Some(UnknownKey {
        key: key.get_ref().to_string(),
        span: key.span(),
        suggestion: format!("did you mean '{nearest}'? Known here are {}", known.join(", ")),
    })
}

/// How many characters must change to make one key the other (Levenshtein); case counts for
/// nothing, because a wrong case is the likeliest mistake.
fn distance(written: &str, known: &str) -> usize {
    let known: Vec<char> = known.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=known.len()).collect();
    for (index, c) in written.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, expected) in known.iter().enumerate() {
            let replaced = diagonal + usize::from(c != *expected);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[known.len()]
}

#[cfg(test)]
mod tests {
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
        for (prefix, settings) in [
            ("", &table::PROCESS[..]),
            ("[hubs.chat]\n", &table::HUB[..]),
            ("[[issuers]]\n", &table::ISSUER[..]),
            ("[[issuers]]\n[[issuers.roles]]\n", &table::ISSUER_ROLE[..]),
        ] {
            for setting in settings {
                let message = message(&format!("{prefix}{} = {{ a = 1 }}", setting.name));
                assert!(message.contains("invalid type"), "{message}");
            }
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
    }

    #[test]
    fn names_place_of_wrong_types_and_wrong_syntax() {
        let text = message("pin = true\nshards = \"two\"\n");
        assert!(text.contains("line 2, column 10: invalid type: string \"two\""), "{text}");
        let text = message("shards = = 2");
        assert!(text.contains("line 1, column 10"), "{text}");
        let text = message("shards = 1\nshards = 2");
        assert!(text.contains("line 2"), "{text}");
        assert!(message("[hubs]\nchat = 3").contains("line 2, column 8"));
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
}
