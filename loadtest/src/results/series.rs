//! The runs of a results folder by their names, and what they agree on.
//!
//! `NAME-N.json` is run N of NAME; a file without a number is run 1 of what it is called. Names
//! come in the order a person gives them: `fan@5000` before `fan@10000`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};

use super::folder;
use super::order::{self, Natural};
use super::reading::Reading;

/// All runs of one name.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) runs: BTreeMap<u32, Reading>,
}

/// A figure over several runs. With an even number of them the median is between two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) lowest: f64,
    pub(super) highest: f64,
}

/// Every report of `raw`, which must be there.
pub(super) fn read_all(raw: &Path) -> Result<Vec<Series>> {
    let mut all = BTreeMap::<_, Series>::new();
    for file in folder::reports_in(raw)? {
        let reading = folder::read(&raw.join(&file))?;
        let (name, run) = named(&file);
        let new = || Series { name: name.to_owned(), runs: BTreeMap::new() };
        let series = all.entry(Natural::of(name)).or_insert_with(new);
        let scenario = series.runs.values().next().map(|first| &first.scenario);
        ensure!(
            scenario.is_none_or(|scenario| *scenario == reading.scenario),
            "the runs of {name:?} are of different scenarios"
        );
        let before = series.runs.insert(run, reading);
        ensure!(before.is_none(), "{file:?} is not the only run {run} of {name:?}");
    }
    ensure!(!all.is_empty(), "{} has no reports", raw.display());
    Ok(all.into_values().collect())
}

/// The name and number that a file of a run stands for.
fn named(file: &str) -> (&str, u32) {
    let stem = file.strip_suffix(".json").unwrap_or(file);
    let parts = stem.rsplit_once('-');
    let numbered = parts.and_then(|(name, run)| Some((name, run.parse().ok()?)));
    numbered.filter(|(name, _)| !name.is_empty()).unwrap_or((stem, 1))
}

impl Series {
    /// What the points of one curve have in common: the name without `@RATE`.
    pub(super) fn family(&self) -> &str {
        let parts = self.name.rsplit_once('@');
        let family = parts.filter(|(_, rate)| rate.parse::<f64>().is_ok_and(f64::is_finite));
        family.map(|(family, _)| family).filter(|name| !name.is_empty()).unwrap_or(&self.name)
    }

    pub(super) fn scenario(&self) -> &str {
        self.runs.values().next().map_or("", |run| &run.scenario)
    }

    /// Each value of what `told` finds in a run, with the runs that have it.
    pub(super) fn values<'a>(
        &'a self,
        told: impl Fn(&'a Reading) -> Option<&'a str>,
    ) -> BTreeMap<Option<&'a str>, Vec<u32>> {
        let mut values = BTreeMap::<_, Vec<u32>>::new();
        for (run, reading) in &self.runs {
            values.entry(told(reading)).or_default().push(*run);
        }
        values
    }

    /// Names that `of` has in any run, in order.
    pub(super) fn names<'a, T: 'a>(
        &'a self,
        of: impl Fn(&'a Reading) -> &'a BTreeMap<String, T>,
    ) -> Vec<&'a str> {
        order::ordered(self.runs.values().flat_map(|run| of(run).keys()))
    }

    /// Of the runs that have the figure, and how many these are.
    pub(super) fn spread(&self, figure: &str) -> Option<(Spread, usize)> {
        let values = self.runs.values().filter_map(|run| run.figures.get(figure).copied());
        let values: Vec<_> = values.collect();
        Some((Spread::of(&values)?, values.len()))
    }
}

impl Spread {
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&lowest, &highest) = sorted.first().zip(sorted.last())?;
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        };
        Some(Self { median, lowest, highest })
    }

    pub(super) fn times(self, factor: f64) -> Self {
        let Self { median, lowest, highest } = self;
        Self { median: median * factor, lowest: lowest * factor, highest: highest * factor }
    }

    pub(super) fn has_width(&self) -> bool {
        self.lowest < self.highest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::scratch::Scratch;

    fn report(scenario: &str) -> String {
        format!(r#"{{"scenario":"{scenario}","command":"","result":{{}}}}"#)
    }

    #[test]
    fn files_are_runs_of_names_in_their_natural_order() {
        let text = report("fanout");
        let names = ["fan@10000-1", "fan@5000-1", "fan@5000-2", "json.reliable-1-3", "alone", "-7"];
        let files = names.map(|name| format!("{name}.json"));
        let files: Vec<_> = files.iter().map(|file| (file.as_str(), text.as_str())).collect();
        let scratch = Scratch::new("series", &files);
        let all = read_all(scratch.path()).unwrap();
        let told = |series: &Series| {
            let runs = series.runs.keys().copied().collect::<Vec<_>>();
            (series.name.clone(), series.family().to_owned(), runs)
        };
        let expected = [
            ("-7", "-7", vec![1]),
            ("alone", "alone", vec![1]),
            ("fan@5000", "fan", vec![1, 2]),
            ("fan@10000", "fan", vec![1]),
            ("json.reliable-1", "json.reliable-1", vec![3]),
        ];
        let expected = expected.map(|(name, family, runs)| (name.into(), family.into(), runs));
        assert_eq!(all.iter().map(told).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_cannot_be_one_series_is_refused() {
        let (fanout, rest) = (report("fanout"), report("rest"));
        for files in [
            [("a-1.json", &fanout), ("a-2.json", &rest)],
            [("a-1.json", &fanout), ("a-01.json", &fanout)],
            [("a-1.json", &fanout), ("a.json", &fanout)],
        ] {
            let scratch = Scratch::new("refused", &files.map(|(file, text)| (file, text.as_str())));
            assert!(read_all(scratch.path()).is_err(), "{files:?}");
        }
        assert!(read_all(Scratch::new("empty", &[]).path()).is_err());
    }

    #[test]
    fn a_median_is_the_middle_one_or_between_two() {
        let spread = Spread::of(&[5.0, 1.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.0, lowest: 1.0, highest: 5.0 });
        assert_eq!(Spread::of(&[4.0, 1.0]).unwrap().median, 2.5);
        assert_eq!(Spread::of(&[]), None);
    }
}
