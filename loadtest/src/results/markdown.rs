//! `figures.md`: every figure of every name, its median and spread, and what the runs were.
//!
//! What makes figures count less is said above them: too few runs, runs that were not clean or not
//! alike, a generator that was the limit. Whatever comes from a report or a file name is code, so
//! that none of it can become markup.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::reading::Reading;
use super::series::Series;
use super::unit;
use crate::compare::shown;

/// Fewer show no spread.
const RUNS_MIN: usize = 3;

pub(super) fn written(all: &[Series]) -> String {
    let mut text = String::from(
        "# Figures\n\n\
         Written by `loadtest summarize` from the reports in `raw`; do not edit. Each figure is the \
         median of the runs (lowest–highest). All of them by run are in [raw.csv](raw.csv), the plot \
         is [plot.svg](plot.svg).\n",
    );
    for series in all {
        text.push_str(&section(series));
    }
    text
}

fn section(series: &Series) -> String {
    let mut lines = vec![format!("\n## {}\n", code(&series.name))];
    lines.extend(caveats(series).into_iter().map(|caveat| format!("- **{caveat}**")));
    lines.extend(origin(series));
    lines.push("\n| figure | unit | median (lowest–highest) |\n| --- | --- | --- |".to_owned());
    for figure in series.names(|run| &run.figures) {
        let Some((spread, runs)) = series.spread(figure) else { continue };
        let mut cell = shown(spread.median);
        if spread.has_width() {
            let _ = write!(cell, " ({}–{})", shown(spread.lowest), shown(spread.highest));
        }
        if runs < series.runs.len() {
            let _ = write!(cell, ", {runs} of {} runs", series.runs.len());
        }
        let (name, unit) = (cell_code(figure), unit::of(figure).unwrap_or_default());
        lines.push(format!("| {name} | {unit} | {cell} |"));
    }
    lines.join("\n") + "\n"
}

/// What a reader has to know before believing the figures.
fn caveats(series: &Series) -> Vec<String> {
    let mut caveats = Vec::new();
    let count = series.runs.len();
    if count < RUNS_MIN {
        caveats.push(format!("{} only: too few for a spread", counted(count)));
    }
    for (run, reading) in &series.runs {
        if !reading.is_clean() {
            let faults = reading.faults().map(|(name, count)| code(&format!("{name} {count}")));
            let faults: Vec<_> = faults.collect();
            let faults =
                if faults.is_empty() { String::new() } else { format!(": {}", faults.join(", ")) };
            caveats.push(format!("Run {run} was not clean{faults}"));
        }
    }
    let is_changed = |run: &Reading| run.fact("revision").is_some_and(|at| at.ends_with("-dirty"));
    if series.runs.values().any(is_changed) {
        caveats.push("Files of the revision had changes that were not committed".to_owned());
    }
    for fact in series.names(|run| &run.facts) {
        let values = series.values(|run| run.fact(fact));
        if let Some(phase) = fact.strip_suffix(Reading::GENERATOR_BOUND) {
            if let Some(runs) = values.get(&Some("true")) {
                let phase =
                    phase.trim_end_matches('.').trim_end_matches("usage").trim_end_matches('.');
                let phase = if phase.is_empty() { "the run".to_owned() } else { code(phase) };
                caveats.push(format!("Generator-bound: {phase} in {}", listed(runs)));
            }
        } else if values.len() > 1 && must_agree(fact) {
            caveats.push(format!("Runs differ in {}: {}", code(fact), told_apart(&values)));
        }
    }
    caveats
}

/// Whether runs of one name are to have the same. Ports of servers started for a run, notes and
/// verdicts are each run's own.
fn must_agree(fact: &str) -> bool {
    let last = fact.rsplit('.').next().unwrap_or(fact);
    let is_note = fact.split('.').any(|part| part == "notes");
    !is_note && !["server", "is_clean", "is_intact"].contains(&last)
}

/// What the runs were, and where.
fn origin(series: &Series) -> Vec<String> {
    let mut lines = Vec::new();
    let runs: Vec<_> = series.runs.keys().copied().collect();
    let dates: Vec<_> = series.runs.values().filter_map(|run| run.date.as_deref()).collect();
    let dates = match (dates.iter().min(), dates.iter().max()) {
        (Some(first), Some(last)) if first != last => {
            format!(", {} to {}", code(first), code(last))
        }
        (Some(only), _) => format!(", {}", code(only)),
        _ => String::new(),
    };
    lines.push(format!("- Scenario {}, {}{dates}", code(series.scenario()), listed(&runs)));
    for (command, runs) in series.values(|run| Some(&run.command)) {
        let of = if runs.len() < series.runs.len() {
            format!(" ({})", listed(&runs))
        } else {
            String::new()
        };
        lines.push(format!(
            "- Command{of}: {}",
            code(&format!("loadtest {}", command.unwrap_or_default()))
        ));
    }
    let fact = |name: &str| {
        let values = series.values(|run| run.fact(name));
        (values.keys().any(Option::is_some)).then(|| told_apart(&values))
    };
    let mut say = |title: &str, facts: &[(&str, &str)]| {
        let told = facts.iter().filter_map(|(label, name)| Some(format!("{label}{}", fact(name)?)));
        let told: Vec<_> = told.collect();
        if !told.is_empty() {
            lines.push(format!("- {title}: {}", told.join(", ")));
        }
    };
    say("Revision of the working directory", &[("", "revision")]);
    say(
        "Machine",
        &[
            ("", "machine.cpu"),
            ("cores ", "machine.cores"),
            ("GiB of memory ", "machine.memory_gib"),
            ("kernel ", "kernel"),
        ],
    );
    say("Cores", &[("server ", "server_cores"), ("generator ", "generator_cores")]);
    lines.extend(beside(series));
    lines.extend(settings(series));
    lines.extend(notes(series));
    lines
}

/// A line for each server that had the same load: its figures have its name and not its version.
fn beside(series: &Series) -> Vec<String> {
    let mut lines = Vec::new();
    for fact in series.names(|run| &run.facts) {
        let path = fact.strip_prefix("beside.");
        if let Some(name) = path.and_then(|path| path.strip_suffix(".version")) {
            let versions = told_apart(&series.values(|run| run.fact(fact)));
            lines.push(format!("- Beside it, {}: {versions}", code(name)));
        }
    }
    lines
}

/// A line for each load, and which sides of a run had it.
fn settings(series: &Series) -> Vec<String> {
    let mut sides: Vec<(&str, Vec<String>)> = Vec::new();
    for fact in series.names(|run| &run.facts) {
        let Some((side, setting)) = fact.split_once("settings.") else { continue };
        let values = series.values(|run| run.fact(fact));
        let told = match values.keys().next() {
            Some(Some(value)) if values.len() == 1 => code(&format!("{setting} {value}")),
            _ => format!("{} {}", code(setting), told_apart(&values)),
        };
        match sides.iter_mut().find(|(of, _)| *of == side) {
            Some((_, settings)) => settings.push(told),
            None => sides.push((side, vec![told])),
        }
    }
    let mut loads: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for (side, settings) in sides {
        let side = code(side.trim_end_matches('.'));
        match loads.iter_mut().find(|(load, _)| *load == settings) {
            Some((_, sides)) => sides.push(side),
            None => loads.push((settings, vec![side])),
        }
    }
    let line = |(settings, sides): (Vec<String>, Vec<String>)| {
        // A run of one server has its settings at its head.
        let is_whole = sides == [code("")];
        let of = if is_whole { String::new() } else { format!(" of {}", sides.join(", ")) };
        format!("- Settings{of}: {}", settings.join(", "))
    };
    loads.into_iter().map(line).collect()
}

/// Each note once, with the runs that have it: its place in their lists says nothing.
fn notes(series: &Series) -> Vec<String> {
    let mut notes = BTreeMap::<&str, Vec<u32>>::new();
    for (run, reading) in &series.runs {
        for (name, note) in &reading.facts {
            if name.split('.').any(|part| part == "notes") {
                let runs = notes.entry(note).or_default();
                // The same note can be of a server and of what it is compared with.
                if runs.last() != Some(run) {
                    runs.push(*run);
                }
            }
        }
    }
    let line =
        |(note, runs): (&str, Vec<u32>)| format!("- Note ({}): {}", listed(&runs), code(note));
    notes.into_iter().map(line).collect()
}

/// One value, or each with the runs that have it.
fn told_apart(values: &BTreeMap<Option<&str>, Vec<u32>>) -> String {
    let told = |value: Option<&str>| value.map_or_else(|| "none".to_owned(), code);
    if let (1, Some(value)) = (values.len(), values.keys().next()) {
        return told(*value);
    }
    let values = values.iter().map(|(value, runs)| format!("{} ({})", told(*value), listed(runs)));
    values.collect::<Vec<_>>().join(", ")
}

fn counted(runs: usize) -> String {
    if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") }
}

/// Which runs: `run 2`, `runs 1, 2, 3`.
fn listed(runs: &[u32]) -> String {
    let numbers: Vec<_> = runs.iter().map(u32::to_string).collect();
    let word = if runs.len() == 1 { "run" } else { "runs" };
    format!("{word} {}", numbers.join(", "))
}

/// As a code span, whatever it contains: the fence is longer than any run of backticks inside
/// (CommonMark, 6.1), and a line break would end the paragraph.
fn code(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    let runs = text.split(|at| at != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or(0) + 1);
    // A backtick at either end would join the fence; one space on both sides is not shown.
    let pad =
        if text.is_empty() || text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// In a table even code ends at a bar.
fn cell_code(text: &str) -> String {
    code(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_code_span_is_markup() {
        assert_eq!(code("fan@1"), "`fan@1`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`<b>\n"), "`` `<b>  ``");
        assert_eq!(cell_code("a|b"), "`a\\|b`");
    }

    #[test]
    fn runs_are_named_by_their_numbers() {
        assert_eq!((listed(&[2]), listed(&[1, 3])), ("run 2".into(), "runs 1, 3".into()));
    }
}
