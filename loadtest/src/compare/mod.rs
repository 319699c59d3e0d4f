//! `loadtest compare A B`: the figures of two JSON reports and their ratios, in one table.
//!
//! A and B are reports of one scenario, or two folders whose reports go together by their file
//! names. Nothing is judged: whether a ratio above 1 is good depends on the figure, and whether it
//! is more than noise on how far runs of one side differ. What else differs between two reports,
//! such as settings and cores, is said above their figures.

mod table;

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Serialize;

use self::table::Comparison;
use crate::results::reading::Reading;

#[derive(Args, Clone, Debug)]
pub(crate) struct CompareArgs {
    /// A report that `--json` printed, or a folder of them (*.json, not those in its folders)
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
    let (names_a, names_b) = match (is_folder(a)?, is_folder(b)?) {
        (true, true) => (reports_in(a)?, reports_in(b)?),
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

fn reports_in(folder: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let listing = || format!("listing {}", folder.display());
    for entry in folder.read_dir().with_context(listing)? {
        let path = entry.with_context(listing)?.path();
        if path.is_file()
            && path.extension().is_some_and(|extension| extension == "json")
            && let Some(name) = path.file_name().and_then(|name| name.to_str())
        {
            names.insert(name.to_owned());
        }
    }
    Ok(names)
}

fn compare_files(a: &Path, b: &Path) -> Result<Comparison> {
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path);
        let reading = text.map_err(Into::into).and_then(|text| Reading::of(&text));
        reading.with_context(|| format!("reading {}", path.display()))
    };
    let (reading_a, reading_b) = (read(a)?, read(b)?);
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

    /// A folder with these reports, which goes with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let path = std::env::temp_dir().join(format!("compare-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            for (file, scenario) in files {
                let text = format!(r#"{{"scenario":"{scenario}","command":"","result":{{}}}}"#);
                std::fs::write(path.join(file), text).unwrap();
            }
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn refusal(a: &Path, b: &Path) -> String {
        compare(a, b).unwrap_err().to_string()
    }

    #[test]
    fn reports_of_folders_go_together_by_name_and_others_are_named() {
        let a = Folder::new("a", &[("x.json", "rest"), ("y.json", "rest"), ("note.txt", "rest")]);
        let b = Folder::new("b", &[("x.json", "rest"), ("z.json", "idle"), ("note.txt", "rest")]);
        let compared = compare(&a.0, &b.0).unwrap();
        assert_eq!(compared.comparisons.len(), 1);
        assert_eq!(
            (compared.only_in_a, compared.only_in_b),
            (vec!["y.json".into()], vec!["z.json".into()])
        );
        let empty = Folder::new("empty", &[]);
        assert!(refusal(&a.0, &empty.0).contains("no reports of the same name"));
        assert!(refusal(&a.0, &b.0.join("x.json")).contains("two reports or two folders"));
        assert!(refusal(&a.0, &b.0.join("none.json")).contains("none.json"));
    }

    #[test]
    fn reports_of_different_scenarios_are_refused() {
        let a = Folder::new("fanout", &[("x.json", "fanout")]);
        let b = Folder::new("groups", &[("x.json", "groups")]);
        for refused in [refusal(&a.0, &b.0), refusal(&a.0.join("x.json"), &b.0.join("x.json"))] {
            assert!(refused.contains(r#"of scenario "fanout""#), "{refused}");
            assert!(refused.contains("only reports of one scenario can be compared"), "{refused}");
        }
    }
}
