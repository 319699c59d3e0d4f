//! Two readings of one scenario as rows: each figure of A, of B, and B as a multiple of A.

use std::collections::BTreeMap;
use std::fmt::{self, Formatter};

use serde::Serialize;

use crate::report::grouped;
use crate::results::order;
use crate::results::reading::Reading;

#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    scenario: String,
    a: Side,
    b: Side,
    /// Facts that are not the same.
    differences: Vec<Pair<String>>,
    figures: Vec<Figure>,
}

#[derive(Debug, Serialize)]
struct Side {
    file: String,
    command: String,
    date: Option<String>,
}

/// What is known under one name; `None` where one report has nothing of it.
#[derive(Debug, PartialEq, Serialize)]
struct Pair<T> {
    name: String,
    a: Option<T>,
    b: Option<T>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Figure {
    #[serde(flatten)]
    pair: Pair<f64>,
    /// B / A; there is none to nothing.
    ratio: Option<f64>,
}

impl Comparison {
    /// Of two files and what they say.
    pub(super) fn of((file_a, a): (String, Reading), (file_b, b): (String, Reading)) -> Self {
        let differences =
            pairs(&a.facts, &b.facts).into_iter().filter(|pair| pair.a != pair.b).collect();
        let figures = pairs(&a.figures, &b.figures).into_iter().map(Figure::of).collect();
        Self {
            scenario: a.scenario,
            a: Side { file: file_a, command: a.command, date: a.date },
            b: Side { file: file_b, command: b.command, date: b.date },
            differences,
            figures,
        }
    }

    /// Of the longest name of a figure, indented.
    pub(super) fn name_width(&self) -> usize {
        self.figures.iter().map(|figure| figure.pair.name.len() + 2).max().unwrap_or(0)
    }

    pub(super) fn write(&self, out: &mut Formatter<'_>, width: usize) -> fmt::Result {
        for (name, Side { file, command, date }) in [("A", &self.a), ("B", &self.b)] {
            let date = date.as_ref().map_or_else(String::new, |date| format!(" of {date}"));
            writeln!(out, "{} {name}: {file}{date}: {command}", self.scenario)?;
        }
        for Pair { name, a, b } in &self.differences {
            let [a, b] = [a, b].map(|fact| fact.as_deref().unwrap_or("-"));
            writeln!(out, "  differs: {name}: {a} | {b}")?;
        }
        for Figure { pair: Pair { name, a, b }, ratio } in &self.figures {
            let [a, b] = [a, b].map(|figure| figure.map_or_else(|| "-".into(), shown));
            let ratio = ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.3}"));
            writeln!(out, "{:width$} {a:>16} {b:>16} {ratio:>8}", format!("  {name}"))?;
        }
        Ok(())
    }
}

impl Figure {
    fn of(pair: Pair<f64>) -> Self {
        let ratio = pair.a.zip(pair.b).filter(|(a, _)| *a != 0.0).map(|(a, b)| b / a);
        Self { pair, ratio }
    }
}

/// By every name that either side has.
fn pairs<T: Clone>(a: &BTreeMap<String, T>, b: &BTreeMap<String, T>) -> Vec<Pair<T>> {
    let names = order::ordered(a.keys().chain(b.keys()));
    let pair = |name: &str| Pair {
        name: name.to_owned(),
        a: a.get(name).cloned(),
        b: b.get(name).cloned(),
    };
    names.into_iter().map(pair).collect()
}

/// Four digits at least where there are that many; counts whole.
pub(crate) fn shown(figure: f64) -> String {
    match figure.abs() {
        size if size >= 1000.0 || figure.fract() == 0.0 => grouped(figure),
        size if size >= 10.0 => format!("{figure:.2}"),
        _ => format!("{figure:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(figures: &[(&str, f64)], window: &str) -> Reading {
        Reading {
            scenario: "groups".into(),
            command: format!("groups --window {window}"),
            date: None,
            figures: figures.iter().map(|&(name, figure)| (name.to_owned(), figure)).collect(),
            facts: [("window", window), ("kernel", "6")]
                .map(|(name, fact)| (name.to_owned(), fact.to_owned()))
                .into(),
        }
    }

    #[test]
    fn each_figure_of_either_side_has_a_row_and_what_differs_is_said() {
        let a = reading(&[("cost", 400.0), ("lost", 0.0), ("old", 1.0)], "1");
        let b = reading(&[("cost", 300.0), ("lost", 2.0), ("new", 1.0)], "8");
        let comparison = Comparison::of(("a.json".into(), a), ("b.json".into(), b));
        let row = |figure: &Figure| (figure.pair.name.clone(), figure.ratio);
        let rows: Vec<_> = comparison.figures.iter().map(row).collect();
        let none = |name: &str| (name.to_owned(), None);
        assert_eq!(rows, [("cost".into(), Some(0.75)), none("lost"), none("new"), none("old")]);
        let pair = Pair { name: "window".into(), a: Some("1".into()), b: Some("8".into()) };
        assert_eq!(comparison.differences, [pair]);
        assert_eq!(comparison.name_width(), 6);
    }

    #[test]
    fn figures_keep_four_digits_where_they_have_them() {
        assert_eq!(
            [1_234_567.8, 12.0, 279.169, 1.23456].map(shown),
            ["1,234,568", "12", "279.17", "1.2346"]
        );
    }
}
