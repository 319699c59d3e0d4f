//! The configuration file as written: TOML, or JSON if its name ends in `.json`; strict about its
//! keys.
//!
//! [`ConfigFile::parse`] answers which [`values`] the file holds; whether they are in range is
//! decided by [`super::settings`], which gives all layers the same checks. An unknown key is an
//! error, because a misspelt setting that is silently ignored is found in production; so is a value
//! of the wrong type. Both messages name line and column.
//!
//! JSON has the same keys (`events-webhook.md` section 2.1), so that the hosted service's settings
//! can be copied.

mod keys;
pub mod values;

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::{StartError, table};
use keys::{find_at, find_unknown_key};
use values::FileValues;

/// A parsed file and where it was read from.
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// For messages.
    pub path: PathBuf,
    pub values: FileValues,
}

impl ConfigFile {
    /// Reads and parses the file at `path`.
    pub fn read(path: &Path) -> Result<Self, StartError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            StartError::new("config", error.to_string(), "name a readable TOML or JSON file")
                .with_value(path.display())
        })?;
        Self::parse(path, &text)
    }

    /// Parses the text of the file; `path` is for messages, and its end chooses the notation.
    pub fn parse(path: &Path, text: &str) -> Result<Self, StartError> {
        let is_json = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
        let values = if is_json { parse_json(path, text) } else { parse_toml(path, text) }?;
        Ok(Self { path: path.to_owned(), values })
    }
}

const FIX_SYNTAX: &str = "correct the file; the README has a table of all settings";

fn parse_toml(path: &Path, text: &str) -> Result<FileValues, StartError> {
    let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    let document = DeTable::parse(text).map_err(|error| {
        located(path, Place::of_offset(text, start(&error)), error.message(), FIX_SYNTAX)
    })?;
    let document = document.get_ref();
    if let Some(unknown) = find_unknown_key(document, &table::FILE) {
        let reason = format!("unknown key '{}'", unknown.key);
        let place = Place::of_offset(text, unknown.start);
        return Err(located(path, place, &reason, &unknown.suggestion));
    }
    toml::from_str(text).map_err(|error| {
        let place = Place::of_offset(text, start(&error));
        let reason = in_our_words(error.message());
        match find_at(document, start(&error)) {
            Some(found) => {
                let fix = table::FILE.find(&found.path);
                let fix = fix.map(|setting| setting.allowed.instruction());
                let reason = format!("{}: {reason}", found.name);
                located(path, place, &reason, fix.as_deref().unwrap_or(FIX_SYNTAX))
            }
            None => located(path, place, &reason, FIX_SYNTAX),
        }
    })
}

fn parse_json(path: &Path, text: &str) -> Result<FileValues, StartError> {
    serde_json::from_str(text).map_err(|cause| {
        let place = Place { line: cause.line(), column: cause.column() };
        let message = cause.to_string();
        // The place stands at the beginning of ours.
        let reason = message.rsplit_once(" at line ").map_or(&*message, |(reason, _)| reason);
        located(path, place, &in_our_words(reason), FIX_SYNTAX)
    })
}

/// Names what is expected as the table of settings does, and not as the code.
fn in_our_words(message: &str) -> String {
    match message.split_once("expected struct ") {
        Some((start, _)) => format!("{start}expected a table"),
        None => message
            .replace("expected i64", "expected a whole number")
            .replace("expected f64", "expected a number"),
    }
}

/// Line and column, counted from 1.
struct Place {
    line: usize,
    column: usize,
}

impl Place {
    fn of_offset(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        Self { line, column }
    }
}

/// An error with the place in the file that it is about.
fn located(path: &Path, place: Place, reason: &str, fix: &str) -> StartError {
    // The parser's messages may have several lines; ours have one.
    let reason = reason.lines().collect::<Vec<_>>().join(", ");
    let Place { line, column } = place;
    StartError::new("config", format!("line {line}, column {column}: {reason}"), fix)
        .with_value(path.display())
}

#[cfg(test)]
mod tests;
