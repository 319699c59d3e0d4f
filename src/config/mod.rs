//! From what was typed and written to what is meant.
//!
//! Four layers say what a setting is: flag, environment variable, configuration file, default; the
//! uppermost that names it counts. [`args`] and [`file`](mod@file) hold what was written, `layers`
//! picks, [`Settings::resolve`] checks everything and yields [`Settings`]: complete, valid and
//! immutable from then on, handed down by value and never read from a global.
//!
//! Every mistake ends as one [`StartError`] that names the setting, its value, where that was
//! written, the reason and the way out. No key appears in any output of this
//! module.
//!
//! [`load`] is the only place that looks at the real environment; everything below takes a
//! function, so that tests choose their own.

pub mod args;
pub mod check;
pub mod error;
pub mod event_settings;
pub mod file;
mod handler_settings;
pub mod hub_settings;
pub mod issuer;
mod layers;
mod listener_settings;
pub mod placement;
pub mod reload;
pub mod secret;
mod section;
pub mod settings;
pub mod table;
pub mod token_command;

use std::path::Path;

pub use crate::event::secret::Secret;
pub use args::{Command, CommandLine, ServeArgs, TokenArgs};
pub use error::StartError;
pub use event_settings::{EventSettings, IdentityCredential, IdentitySettings};
pub use file::ConfigFile;
pub use hub_settings::{AnonymousConnectPolicy, HubSettings};
pub use issuer::{InvalidKeyUrl, IssuerSettings, KeySource, KeyUrl};
pub use layers::Environment;
pub use placement::UsableCores;
pub use reload::Reloaded;
pub use settings::{Settings, Sources};

/// The settings of this process: its flags, its environment, the file they name, its cores.
pub fn load(args: &ServeArgs) -> Result<Settings, StartError> {
    let environment: Environment<'_> = &process_environment;
    let file = read_file(args.config.as_deref(), environment)?;
    Settings::resolve(&Sources { args, environment, file: &file, cores: UsableCores::detect() })
}

/// The settings after a reload: the same flags, and environment and file as they are now.
///
/// # Errors
/// The new settings are wrong somewhere. Then the running ones stay, all of them.
pub fn reload(args: &ServeArgs, running: &Settings) -> Result<Reloaded, StartError> {
    let environment: Environment<'_> = &process_environment;
    let file = read_file(args.config.as_deref(), environment)?;
    // The cores are no setting: a changed affinity mask is no change of what was configured.
    let cores = running.cores.clone();
    let new = Settings::resolve(&Sources { args, environment, file: &file, cores })?;
    running.reload(new)
}

/// The environment of this process. A value that is not text counts as unset.
pub fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The file that `--config` or `CORECAST_CONFIG` names; without either, one that says nothing.
fn read_file(flag: Option<&str>, environment: Environment<'_>) -> Result<ConfigFile, StartError> {
    let from_environment = || environment("CORECAST_CONFIG").filter(|path| !path.is_empty());
    match flag.map(str::to_owned).or_else(from_environment) {
        Some(path) => ConfigFile::read(Path::new(&path)),
        None => Ok(ConfigFile::default()),
    }
}
