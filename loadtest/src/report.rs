//! How a run is told: a table for people, or one JSON object for machines, which `--save` keeps
//! whatever is printed.
//!
//! Both carry what is needed to repeat the run: command, revision, machine, kernel, and the cores
//! of either side. Neither names the machine or a place on it, so that reports can be published.

use std::fmt::{self, Display, Formatter};

use std::time::SystemTime;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use crate::machine::{self, Machine};
use crate::procfs::Process;
use crate::results::keep::Place;
use crate::setup;

/// What is done with a report.
#[derive(Args, Clone, Debug)]
pub(crate) struct Output {
    /// One JSON object instead of a table
    #[arg(long = "json", global = true)]
    pub(crate) is_json: bool,
    /// Keeps the JSON of a run as FOLDER/raw/NAME-1.json, or -2, -3: the next that is free
    #[arg(long, global = true, value_name = "FOLDER/NAME")]
    pub(crate) save: Option<Place>,
}

/// A finished run and where it took place.
#[derive(Serialize)]
pub(crate) struct Report<T> {
    scenario: &'static str,
    command: String,
    /// When it was told, which is soon after its end.
    date: String,
    /// Of the working directory, if that is a checkout.
    revision: Option<String>,
    machine: Machine,
    kernel: String,
    server_cores: Vec<usize>,
    generator_cores: Vec<usize>,
    /// Whether everything expected was received and checked.
    is_clean: bool,
    result: T,
}

impl<T: Serialize + Display> Report<T> {
    pub(crate) fn new(
        scenario: &'static str,
        server_cores: Vec<usize>,
        result: T,
        is_clean: bool,
    ) -> Self {
        let uname = rustix::system::uname();
        Self {
            scenario,
            command: command_line(std::env::args().skip(1)),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            revision: machine::revision(),
            machine: Machine::this(),
            kernel: uname.release().to_string_lossy().into_owned(),
            server_cores,
            generator_cores: setup::cores_of(Process::own()),
            is_clean,
            result,
        }
    }

    /// Prints it and keeps it where that was asked for; whether the run was clean.
    pub(crate) fn tell(&self, output: &Output) -> Result<bool> {
        let json = serde_json::to_string_pretty(self).context("writing the report")?;
        if output.is_json {
            println!("{json}");
        } else {
            println!("{self}");
        }
        // Afterwards: a full disk must not take the figures of a long run with it.
        if let Some(place) = &output.save {
            eprintln!("saved as {}", place.keep(&json)?.display());
        }
        Ok(self.is_clean)
    }
}

impl<T: Display> Display for Report<T> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { scenario, command, date, revision, machine, kernel, result, .. } = self;
        let Self { server_cores, generator_cores, .. } = self;
        writeln!(out, "{scenario}: {command}")?;
        let revision = revision.as_deref().unwrap_or("unknown");
        writeln!(out, "{date}, revision {revision}, {machine}")?;
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

/// The command without the access key, should it have been typed, and without the places where the
/// report is kept and the peers are found: these are no part of the run, and paths of this machine.
fn command_line(mut words: impl Iterator<Item = String>) -> String {
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word.split_once('=').map_or(&*word, |(option, _)| option) {
            option @ ("--save" | "--peers") if word.len() > option.len() => {}
            "--save" | "--peers" => drop(words.next()),
            "--access-key" if word.len() > "--access-key".len() => {
                kept.push("--access-key=…".to_owned());
            }
            "--access-key" => {
                kept.extend([word, "…".to_owned()]);
                words.next();
            }
            _ => kept.push(word),
        }
    }
    kept.join(" ")
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
    fn a_command_is_told_without_the_key_and_places_of_the_machine() {
        let told = |line: &str| command_line(line.split(' ').map(str::to_owned));
        assert_eq!(told("--save a/b fanout --payload 128"), "fanout --payload 128");
        assert_eq!(told("fanout --save=a/b --payload=128 --json"), "fanout --payload=128 --json");
        assert_eq!(told("fanout --peers /a --peer bun,ws"), "fanout --peer bun,ws");
        assert_eq!(told("fanout --peer=ws --peers=/a"), "fanout --peer=ws");
        assert_eq!(told("rest --access-key secret --save"), "rest --access-key …");
        assert_eq!(told("rest --access-key=secret=="), "rest --access-key=…");
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(7.4), "7");
        assert_eq!(grouped(123.0), "123");
        assert_eq!(grouped(1_234_567.0), "1,234,567");
    }
}
