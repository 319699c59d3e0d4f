//! Reads secrets from where the configuration says they are.
//!
//! A secret is written as itself, as `env:NAME` or as `file:PATH`, in every layer. A file's content
//! is trimmed, because editors end files with a line break. Messages show the reference and never
//! the secret.

use std::collections::BTreeMap;

use super::StartError;
use super::args::ServeArgs;
use super::layers::{Environment, Given, Layers};
use super::section::Section;
use super::table::{self, Setting};
use crate::auth::{AccessKey, AccessKeys};

const FIX_KEY: &str = "use a text of at least 32 bytes without ';', control characters or outer \
                       white space, such as 32 random bytes in Base64 (openssl rand -base64 32)";

/// The configured keys, or a generated one if there is none.
pub(super) fn resolve_keys(layers: Layers<'_>, args: &ServeArgs) -> Result<AccessKeys, StartError> {
    let primary = resolve_primary(layers, args.access_key.as_deref())?;
    let file = layers.file.values.secondary_access_key.as_deref();
    let flag = args.secondary_access_key.as_deref();
    let secondary = layers
        .text(&table::SECONDARY_ACCESS_KEY, flag, file)
        .map(|given| resolve_key(layers.environment, &table::SECONDARY_ACCESS_KEY, &given))
        .transpose()?;
    match (primary, secondary) {
        (Some(primary), secondary) => Ok(AccessKeys::configured(primary, secondary)),
        (None, None) => generate_keys(),
        (None, Some(_)) => Err(StartError::new(
            table::SECONDARY_ACCESS_KEY.name,
            "there is a secondary key, but no primary one",
            "set accessKey as well (--access-key, CORECAST_ACCESS_KEY)",
        )),
    }
}

/// A key for this run.
pub(super) fn generate_keys() -> Result<AccessKeys, StartError> {
    AccessKeys::generate().map_err(|error| {
        let reason = format!("the system gives no random bytes to generate one ({error})");
        StartError::new(table::ACCESS_KEY.name, reason, "configure a key")
    })
}

/// The configured primary key, if any.
pub(super) fn resolve_primary(
    layers: Layers<'_>,
    flag: Option<&str>,
) -> Result<Option<AccessKey>, StartError> {
    layers
        .text(&table::ACCESS_KEY, flag, layers.file.values.access_key.as_deref())
        .map(|given| resolve_key(layers.environment, &table::ACCESS_KEY, &given))
        .transpose()
}

fn resolve_key(
    environment: Environment<'_>,
    setting: &Setting,
    given: &Given<String>,
) -> Result<AccessKey, StartError> {
    let text = resolve_secret(environment, setting.name, given)?;
    AccessKey::parse(&text).map_err(|invalid| {
        let reason = format!("this is no access key: {invalid}");
        let error = StartError::new(setting.name, reason, FIX_KEY);
        given.origin.mark(error.with_value(shown(&given.value)))
    })
}

/// The text of a secret; `name` is the setting's, for messages.
pub(super) fn resolve_secret(
    environment: Environment<'_>,
    name: &str,
    given: &Given<String>,
) -> Result<String, StartError> {
    follow(environment, &given.value).map_err(|lost| given.error(name, &lost.reason, lost.fix))
}

/// The text of a secret that must be there.
pub(super) fn required_secret(
    section: &Section<'_>,
    setting: &Setting,
    reference: Option<&str>,
) -> Result<String, StartError> {
    let given = section.layers.written(section.required(setting, reference)?.to_owned());
    let text = resolve_secret(section.layers.environment, &section.key(setting), &given)?;
    section.required(setting, Some(&text))?;
    Ok(text)
}

/// What may be seen of a secret as it is written.
pub(super) fn shown(text: &str) -> &str {
    if is_reference(text) { text } else { "(not shown)" }
}

/// Texts of the `[secrets]` table, by the URIs that URL templates name them by
/// (`events-webhook.md` section 3.1).
pub(super) struct Secrets<'a> {
    environment: Environment<'a>,
    texts: BTreeMap<String, String>,
}

impl<'a> Secrets<'a> {
    pub(super) fn resolve(layers: Layers<'a>) -> Result<Self, StartError> {
        let text = |(uri, reference): (&String, &String)| {
            let name = format!("{}.{uri}", table::SECRETS.name);
            let given = layers.written(reference.clone());
            Ok((uri.clone(), resolve_secret(layers.environment, &name, &given)?))
        };
        let texts = layers.file.values.secrets.iter().map(text).collect::<Result<_, _>>()?;
        Ok(Self { environment: layers.environment, texts })
    }

    /// The secret behind a URI, which may also be a reference itself.
    pub(super) fn text(&self, uri: &str) -> Result<String, Lost> {
        if is_reference(uri) {
            return follow(self.environment, uri);
        }
        self.texts.get(uri).cloned().ok_or_else(|| Lost {
            reason: "the table [secrets] has no such URI".to_owned(),
            fix: "add it there, or write SecretUri=env:NAME or SecretUri=file:PATH",
        })
    }

    /// What the table defines.
    pub(super) fn uris(&self) -> Vec<String> {
        self.texts.keys().cloned().collect()
    }
}

/// A secret that is not where it should be.
pub(super) struct Lost {
    pub(super) reason: String,
    pub(super) fix: &'static str,
}

fn is_reference(text: &str) -> bool {
    text.starts_with("env:") || text.starts_with("file:")
}

fn follow(environment: Environment<'_>, text: &str) -> Result<String, Lost> {
    if let Some(name) = text.strip_prefix("env:") {
        return environment(name).ok_or_else(|| Lost {
            reason: format!("the environment variable {name} is not set"),
            fix: "set it, or name another one",
        });
    }
    if let Some(path) = text.strip_prefix("file:") {
        let content = std::fs::read_to_string(path).map_err(|cause| Lost {
            reason: format!("the file cannot be read ({cause})"),
            fix: "name a readable file that holds nothing else",
        })?;
        return Ok(content.trim().to_owned());
    }
    Ok(text.to_owned())
}
