//! `--save FOLDER/NAME`: the JSON report of a run as a file of a results folder.
//!
//! Runs of one name are numbered, and a file that is there is never written again: a run that fell
//! short stays beside the one that replaces it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

use super::RAW;

/// More runs of one name than anybody makes; the search for a free number ends there.
const RUNS_MAX: u32 = 10_000;

/// A results folder and what runs are called in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    folder: PathBuf,
    name: String,
}

impl Place {
    /// Makes the folder, so that one that cannot be written is known before a long run.
    pub(crate) fn prepare(&self) -> Result<()> {
        let raw = self.folder.join(RAW);
        fs::create_dir_all(&raw).with_context(|| format!("making {}", raw.display()))
    }

    /// Writes one more run; where it is now.
    pub(crate) fn keep(&self, json: &str) -> Result<PathBuf> {
        self.prepare()?;
        for run in 1..=RUNS_MAX {
            let path = self.folder.join(RAW).join(format!("{}-{run}.json", self.name));
            match File::create_new(&path) {
                Ok(mut file) => {
                    let written = writeln!(file, "{json}");
                    written.with_context(|| format!("writing {}", path.display()))?;
                    return Ok(path);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).context(format!("making {}", path.display())),
            }
        }
        bail!("{} has {RUNS_MAX} runs of {:?}", self.folder.display(), self.name)
    }
}

impl FromStr for Place {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let path = Path::new(text);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let name = path.file_name().and_then(OsStr::to_str);
        let is_named = !text.ends_with('/');
        let (folder, name) = folder.zip(name).filter(|_| is_named).context("give FOLDER/NAME")?;
        ensure!(
            !name.starts_with('.') && !name.contains(char::is_control),
            "{name:?} is no name for runs: no leading dot and no control characters"
        );
        Ok(Self { folder: folder.to_owned(), name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::scratch::Scratch;

    #[test]
    fn runs_of_a_name_are_numbered_and_none_is_written_over() {
        let scratch = Scratch::new("keep", &[("raw/fan-2.json", "kept")]);
        let place: Place = scratch.path().join("fan").to_str().unwrap().parse().unwrap();
        let saved = || place.keep("{}").unwrap().strip_prefix(scratch.path()).unwrap().to_owned();
        assert_eq!([saved(), saved()], ["raw/fan-1.json", "raw/fan-3.json"].map(PathBuf::from));
        assert_eq!(scratch.text("raw/fan-1.json"), "{}\n");
        assert_eq!(scratch.text("raw/fan-2.json"), "kept");
    }

    #[test]
    fn a_place_is_a_folder_and_a_name() {
        let place = |text: &str| text.parse::<Place>();
        let expected = Place { folder: "results/today".into(), name: "fan@1000".into() };
        assert_eq!(place("results/today/fan@1000").unwrap(), expected);
        for bad in ["", "fan", "results/", "results/..", "results/.fan", "/", "results/a\nb"] {
            assert!(place(bad).is_err(), "{bad:?}");
        }
    }
}
