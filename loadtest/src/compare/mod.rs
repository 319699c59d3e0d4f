//! `loadtest compare A B`: the figures of two JSON reports and their ratios, in one table.
//!
//! A and B are reports of one scenario, or two folders whose reports go together by their file
//! names; a results folder stands for the reports in its `raw`. Nothing is judged: whether a ratio
//! above 1 is good depends on the figure, and whether it is more than noise on how far runs of one
//! side differ. What else differs between two reports, such as settings and cores, is said above
//! their figures.

mod table;

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Serialize;

use self::table::Comparison;
pub(crate) use self::table::shown;
use crate::results::folder;

#[derive(Args, Clone, Debug)]
pub(crate) struct CompareArgs {
    /// A report that `--json` printed, or a folder of them (*.json, not those in its folders), or a
    /// results folder
    a: PathBuf,
    /// Another of the same scenario, or a folder with the same names
    b: PathBuf,
}

/// Prints the table. Different figures are no failure.
pub(crate) fn run(args: &CompareArgs, is_json: bool) -> Result<bool> {
    let compared = compare(&args.a, &args.b)?;
    if is_json {
        println!("{}", serde_json::to_string_pretty(&compared).context("writing the table")?);
    } else {
        print!("{compared}");
    }
    Ok(true)
}

#[derive(Debug, Serialize)]
struct Compared {
    comparisons: Vec<Comparison>,
    /// File names that the other folder lacks.
    only_in_a: Vec<String>,
    only_in_b: Vec<String>,
}

fn compare(a: &Path, b: &Path) -> Result<Compared> {
    let ((a, names_a), (b, names_b)) = match (is_folder(a)?, is_folder(b)?) {
        (true, true) => (folder::reports_of(a)?, folder::reports_of(b)?),
        (false, false) => {
            let comparisons = vec![compare_files(a, b)?];
            return Ok(Compared { comparisons, only_in_a: Vec::new(), only_in_b: Vec::new() });
        }
        _ => bail!("{} and {}: give two reports or two folders", a.display(), b.display()),
    };
    let comparisons = names_a
        .intersection(&names_b)
        .map(|name| compare_files(&a.join(name), &b.join(name)))
        .collect::<Result<Vec<_>>>()?;
    ensure!(
        !comparisons.is_empty(),
        "{} and {} have no reports of the same name",
        a.display(),
        b.display()
    );
    let only_in_a = names_a.difference(&names_b).cloned().collect();
    let only_in_b = names_b.difference(&names_a).cloned().collect();
    Ok(Compared { comparisons, only_in_a, only_in_b })
}

fn is_folder(path: &Path) -> Result<bool> {
    let found = path.metadata().with_context(|| format!("reading {}", path.display()))?;
    Ok(found.is_dir())
}

fn compare_files(a: &Path, b: &Path) -> Result<Comparison> {
    let (reading_a, reading_b) = (folder::read(a)?, folder::read(b)?);
    ensure!(
        reading_a.scenario == reading_b.scenario,
        "{} is of scenario {:?} and {} of {:?}: only reports of one scenario can be compared",
        a.display(),
        reading_a.scenario,
        b.display(),
        reading_b.scenario
    );
    Ok(Comparison::of((a.display().to_string(), reading_a), (b.display().to_string(), reading_b)))
}

impl Display for Compared {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let width = self.comparisons.iter().map(Comparison::name_width).max().unwrap_or(0);
        writeln!(out, "{:width$} {:>16} {:>16} {:>8}", "", "A", "B", "B / A")?;
        for comparison in &self.comparisons {
            comparison.write(out, width)?;
        }
        for (side, names) in [("A", &self.only_in_a), ("B", &self.only_in_b)] {
            if !names.is_empty() {
                writeln!(out, "only in {side}: {}", names.join(", "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::scratch::Scratch;

    /// A folder with reports of these scenarios.
    fn reports(name: &str, files: &[(&str, &str)]) -> Scratch {
        let report =
            |scenario: &str| format!(r#"{{"scenario":"{scenario}","command":"","result":{{}}}}"#);
        let texts: Vec<_> = files.iter().map(|&(file, of)| (file, report(of))).collect();
        let files: Vec<_> = texts.iter().map(|(file, text)| (*file, text.as_str())).collect();
        Scratch::new(&format!("compare-{name}"), &files)
    }

    fn refusal(a: &Path, b: &Path) -> String {
        compare(a, b).unwrap_err().to_string()
    }

    #[test]
    fn reports_of_folders_go_together_by_name_and_others_are_named() {
        let a = reports("a", &[("x.json", "rest"), ("y.json", "rest"), ("note.txt", "rest")]);
        let b = reports("b", &[("x.json", "rest"), ("z.json", "idle"), ("note.txt", "rest")]);
        let compared = compare(a.path(), b.path()).unwrap();
        assert_eq!(compared.comparisons.len(), 1);
        assert_eq!(
            (compared.only_in_a, compared.only_in_b),
            (vec!["y.json".into()], vec!["z.json".into()])
        );
        let empty = reports("empty", &[]);
        assert!(refusal(a.path(), empty.path()).contains("no reports of the same name"));
        assert!(refusal(a.path(), &b.path().join("x.json")).contains("two reports or two folders"));
        assert!(refusal(a.path(), &b.path().join("none.json")).contains("none.json"));
    }

    #[test]
    fn a_results_folder_is_taken_by_its_raw_reports() {
        let a = reports("results", &[("raw/x.json", "rest"), ("raw/before/y.json", "rest")]);
        let b = reports("reports", &[("x.json", "rest"), ("raw/z.json", "rest")]);
        let compared = compare(a.path(), b.path()).unwrap();
        assert_eq!(compared.comparisons.len(), 1);
        assert!(compared.only_in_a.is_empty() && compared.only_in_b.is_empty());
    }

    #[test]
    fn reports_of_different_scenarios_are_refused() {
        let a = reports("fanout", &[("x.json", "fanout")]);
        let b = reports("groups", &[("x.json", "groups")]);
        for refused in [
            refusal(a.path(), b.path()),
            refusal(&a.path().join("x.json"), &b.path().join("x.json")),
        ] {
            assert!(refused.contains(r#"of scenario "fanout""#), "{refused}");
            assert!(refused.contains("only reports of one scenario can be compared"), "{refused}");
        }
    }
}
