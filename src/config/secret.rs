//! Reads access keys from where the configuration says they are.
//!
//! A key is written as itself, as `env:NAME` or as `file:PATH`, in every layer. A file's content is
//! trimmed, because editors end files with a line break. Messages show the reference and never the
//! key.

use super::StartError;
use super::args::ServeArgs;
use super::layers::{Environment, Given, Layers};
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
        .map(|given| resolve(layers.environment, &table::SECONDARY_ACCESS_KEY, &given))
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
        .map(|given| resolve(layers.environment, &table::ACCESS_KEY, &given))
        .transpose()
}

fn resolve(
    environment: Environment<'_>,
    setting: &Setting,
    given: &Given<String>,
) -> Result<AccessKey, StartError> {
    let error = |shown: &str, reason: String, fix: &str| {
        given.origin.mark(StartError::new(setting.name, reason, fix).with_value(shown))
    };
    let (shown, text) = if let Some(name) = given.value.strip_prefix("env:") {
        let text = environment(name).ok_or_else(|| {
            let reason = format!("the environment variable {name} is not set");
            error(&given.value, reason, "set it to the key")
        })?;
        (given.value.as_str(), text)
    } else if let Some(path) = given.value.strip_prefix("file:") {
        let text = std::fs::read_to_string(path).map_err(|cause| {
            let reason = format!("the file cannot be read ({cause})");
            error(&given.value, reason, "name a readable file that holds the key")
        })?;
        (given.value.as_str(), text.trim().to_owned())
    } else {
        ("(not shown)", given.value.clone())
    };
    AccessKey::parse(&text)
        .map_err(|invalid| error(shown, format!("this is no access key: {invalid}"), FIX_KEY))
}
