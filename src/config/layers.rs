//! Picks the uppermost layer that names a setting, and reads its value.
//!
//! A flag or a variable is text, a file has types; here both become the same value under the same
//! bounds, together with the place it came from, which every message names. An empty environment
//! variable counts as unset: that is how compose files and service units leave one out.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::StartError;
use super::file::ConfigFile;
use super::table::Setting;

/// Looks up an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The layers above the defaults.
#[derive(Clone, Copy)]
pub(super) struct Layers<'a> {
    pub(super) environment: Environment<'a>,
    pub(super) file: &'a ConfigFile,
}

/// A value somebody wrote, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) origin: Origin,
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Flag(&'static str),
    Environment(&'static str),
    File(PathBuf),
    Default,
}

impl Layers<'_> {
    /// A text.
    pub(super) fn text(
        &self,
        setting: &'static Setting,
        flag: Option<&str>,
        file: Option<&str>,
    ) -> Option<Given<String>> {
        self.typed(setting, flag).or_else(|| Some(self.written(file?.to_owned())))
    }

    /// A list: a repeated flag, a variable with commas, or an array.
    pub(super) fn list(
        &self,
        setting: &'static Setting,
        flags: &[String],
        file: Option<&[String]>,
    ) -> Option<Given<Vec<String>>> {
        if !flags.is_empty() {
            return Some(Given { value: flags.to_vec(), origin: Origin::Flag(setting.flag) });
        }
        let from_variable = self.typed(setting, None).map(|given| {
            let items = given.value.split(',').map(|item| item.trim().to_owned()).collect();
            Given { value: items, origin: given.origin }
        });
        from_variable.or_else(|| Some(self.written(file?.to_vec())))
    }

    /// A whole number within the setting's bounds.
    pub(super) fn number(
        &self,
        setting: &'static Setting,
        flag: Option<&str>,
        file: Option<i64>,
    ) -> Result<Option<usize>, StartError> {
        if let Some(given) = self.typed(setting, flag) {
            let number = given.value.trim().parse().ok();
            return number_within(setting, setting.name, number, &given).map(Some);
        }
        file.map(|number| self.file_number(setting, setting.name, number)).transpose()
    }

    /// The same for a value that only the file can hold; `name` includes the hub's.
    pub(super) fn file_number(
        &self,
        setting: &Setting,
        name: &str,
        number: i64,
    ) -> Result<usize, StartError> {
        number_within(setting, name, u64::try_from(number).ok(), &self.written(number))
    }

    /// A yes or no.
    pub(super) fn switch(
        &self,
        setting: &'static Setting,
        flag: Option<bool>,
        file: Option<bool>,
    ) -> Result<Option<bool>, StartError> {
        if flag.is_some() {
            return Ok(flag);
        }
        let Some(given) = self.typed(setting, None) else { return Ok(file) };
        given.value.parse().map(Some).map_err(|_| {
            given.error(setting.name, "it is neither true nor false", "write true or false")
        })
    }

    /// A time within the setting's bounds: with a unit as text, in seconds in the file.
    pub(super) fn duration(
        &self,
        setting: &'static Setting,
        flag: Option<&str>,
        file: Option<f64>,
    ) -> Result<Option<Duration>, StartError> {
        if let Some(given) = self.typed(setting, flag) {
            let time = parse_duration(&given.value);
            return duration_within(setting, time, &given).map(Some);
        }
        let Some(seconds) = file else { return Ok(None) };
        let time = Duration::try_from_secs_f64(seconds).ok();
        duration_within(setting, time, &self.written(seconds)).map(Some)
    }

    /// What is typed: the flag, else the variable.
    fn typed(&self, setting: &'static Setting, flag: Option<&str>) -> Option<Given<String>> {
        if let Some(text) = flag {
            return Some(Given { value: text.to_owned(), origin: Origin::Flag(setting.flag) });
        }
        let text = (self.environment)(setting.environment).filter(|text| !text.is_empty())?;
        Some(Given { value: text, origin: Origin::Environment(setting.environment) })
    }

    /// A value from the file.
    pub(super) fn written<T>(&self, value: T) -> Given<T> {
        Given { value, origin: Origin::File(self.file.path.clone()) }
    }
}

/// A time with a unit, such as `5s` or `1m 30s`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text.trim()).ok()
}

impl<T: fmt::Display> Given<T> {
    /// An error about this value.
    pub(super) fn error(&self, setting: &str, reason: &str, fix: impl Into<String>) -> StartError {
        self.origin.mark(StartError::new(setting, reason, fix).with_value(&self.value))
    }
}

impl Origin {
    /// Adds the origin to an error, if there is something to point at.
    pub(super) fn mark(&self, error: StartError) -> StartError {
        match self {
            Self::Flag(name) | Self::Environment(name) => error.from_origin(name),
            Self::File(path) => error.from_origin(path.display()),
            Self::Default => error,
        }
    }
}

fn number_within<T: fmt::Display>(
    setting: &Setting,
    name: &str,
    number: Option<u64>,
    given: &Given<T>,
) -> Result<usize, StartError> {
    let (min, max) = setting.allowed.bounds();
    number
        .filter(|number| (min..=max).contains(number))
        .and_then(|number| usize::try_from(number).ok())
        .ok_or_else(|| {
            let reason = "it is not a number within the bounds";
            given.error(name, reason, setting.allowed.instruction())
        })
}

fn duration_within<T: fmt::Display>(
    setting: &Setting,
    time: Option<Duration>,
    given: &Given<T>,
) -> Result<Duration, StartError> {
    let (min, max) = setting.allowed.bounds();
    time.filter(|time| (Duration::from_secs(min)..=Duration::from_secs(max)).contains(time))
        .ok_or_else(|| {
            let fix = match given.origin {
                Origin::File(_) => setting.allowed.instruction(),
                _ => {
                    let words = setting.allowed.in_words();
                    format!("write a time with its unit, such as 5s or 500ms; {words}")
                }
            };
            given.error(setting.name, "it is not a time within the bounds", fix)
        })
}
