//! One table of the file with its full name, so that messages say which of several it is:
//! `hubs.chat.eventHandlers[1].urlTemplate = ...`.

use std::fmt;

use super::StartError;
use super::layers::Layers;
use super::table::Setting;

/// A table that only the file can hold.
#[derive(Clone)]
pub(super) struct Section<'a> {
    pub(super) layers: Layers<'a>,
    pub(super) name: String,
}

impl<'a> Section<'a> {
    /// The section named so in it.
    pub(super) fn below(&self, name: impl fmt::Display) -> Self {
        Self { layers: self.layers, name: format!("{}.{name}", self.name) }
    }

    /// The tables of a list, each with its section.
    pub(super) fn each<'v, T>(
        &self,
        list: &'static str,
        items: &'v [T],
    ) -> impl Iterator<Item = (Self, &'v T)> + use<'_, 'a, 'v, T> {
        let section = move |index| self.below(format_args!("{list}[{index}]"));
        items.iter().enumerate().map(move |(index, item)| (section(index), item))
    }

    /// The full name of a setting.
    pub(super) fn key(&self, setting: &Setting) -> String {
        format!("{}.{}", self.name, setting.name)
    }

    /// A text that must be there.
    pub(super) fn required<'v>(
        &self,
        setting: &Setting,
        value: Option<&'v str>,
    ) -> Result<&'v str, StartError> {
        value.filter(|text| !text.is_empty()).ok_or_else(|| {
            let fix = format!("set it: {}", setting.allowed.in_words());
            self.error(setting, "it is missing or empty", &fix)
        })
    }

    /// A number within its bounds.
    pub(super) fn number(
        &self,
        setting: &Setting,
        value: Option<i64>,
        default: usize,
    ) -> Result<usize, StartError> {
        value.map_or(Ok(default), |number| {
            self.layers.file_number(setting, &self.key(setting), number)
        })
    }

    /// An error about the table as a whole.
    pub(super) fn mistake(&self, reason: impl Into<String>, fix: &str) -> StartError {
        self.layers.written(()).origin.mark(StartError::new(&self.name, reason, fix))
    }

    /// An error about a setting, without its value.
    pub(super) fn error(&self, setting: &Setting, reason: &str, fix: &str) -> StartError {
        self.layers.written(()).origin.mark(StartError::new(self.key(setting), reason, fix))
    }

    /// An error about a setting's value.
    pub(super) fn refuse(
        &self,
        setting: &Setting,
        value: impl fmt::Display,
        reason: &str,
        fix: impl Into<String>,
    ) -> StartError {
        self.layers.written(value).error(&self.key(setting), reason, fix)
    }
}
