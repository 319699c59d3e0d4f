//! How a run is told: a table for people, or one JSON object for machines.
//!
//! Both carry what is needed to repeat the run: command, kernel, and the cores of either side.

use std::fmt::{self, Display, Formatter};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::procfs::Process;
use crate::setup;

/// A finished run and where it took place.
#[derive(Serialize)]
pub(crate) struct Report<T> {
    scenario: &'static str,
    command: String,
    kernel: String,
    server_cores: Vec<usize>,
    generator_cores: Vec<usize>,
    result: T,
}

impl<T: Serialize + Display> Report<T> {
    pub(crate) fn new(scenario: &'static str, server_cores: Vec<usize>, result: T) -> Self {
        let uname = rustix::system::uname();
        Self {
            scenario,
            command: command_line(),
            kernel: uname.release().to_string_lossy().into_owned(),
            server_cores,
            generator_cores: setup::cores_of(Process::own()),
            result,
        }
    }

    pub(crate) fn print(&self, is_json: bool) -> Result<()> {
        if is_json {
            println!("{}", serde_json::to_string_pretty(self).context("writing the report")?);
        } else {
            println!("{self}");
        }
        Ok(())
    }
}

impl<T: Display> Display for Report<T> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { scenario, command, kernel, server_cores, generator_cores, result } = self;
        writeln!(out, "{scenario}: {command}")?;
        writeln!(
            out,
            "kernel {kernel}, server on cores {server_cores:?}, generator on cores {generator_cores:?}"
        )?;
        if !server_cores.is_empty() && server_cores == generator_cores && server_cores.len() == 1 {
            writeln!(out, "note: both share one core; pin the generator elsewhere with --core")?;
        }
        write!(out, "{result}")
    }
}

/// The command without the access key, should it have been typed.
fn command_line() -> String {
    let mut hide_next = false;
    let words = std::env::args().skip(1).map(|word| {
        if std::mem::replace(&mut hide_next, word == "--access-key") {
            return "…".to_owned();
        }
        match word.split_once('=') {
            Some(("--access-key", _)) => "--access-key=…".to_owned(),
            _ => word,
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A line of a table: a name and what is known about it.
pub(crate) fn row(out: &mut Formatter<'_>, name: &str, value: impl Display) -> fmt::Result {
    writeln!(out, "  {name:<28} {value}")
}

/// As [`row`], left out when there is nothing to say.
pub(crate) fn row_if(
    out: &mut Formatter<'_>,
    name: &str,
    value: Option<impl Display>,
) -> fmt::Result {
    value.map_or(Ok(()), |value| row(out, name, value))
}

/// Thousands apart, for people: 1,234,567.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(7.4), "7");
        assert_eq!(grouped(123.0), "123");
        assert_eq!(grouped(1_234_567.0), "1,234,567");
    }
}
