//! Which reports a folder has, and reading them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::RAW;
use super::reading::Reading;

/// The folder that holds the reports, and their file names: `folder` itself or, when that has none
/// and is a results folder, its `raw`.
pub(crate) fn reports_of(folder: &Path) -> Result<(PathBuf, BTreeSet<String>)> {
    let names = reports_in(folder)?;
    let raw = folder.join(RAW);
    if names.is_empty() && raw.is_dir() {
        let names = reports_in(&raw)?;
        return Ok((raw, names));
    }
    Ok((folder.to_owned(), names))
}

/// The `raw` of a results folder.
pub(super) fn raw_of(folder: &Path) -> Result<PathBuf> {
    let raw = folder.join(RAW);
    ensure!(raw.is_dir(), "{} is no results folder: it has no {RAW}", folder.display());
    Ok(raw)
}

/// Names of the `*.json` of a folder, without those in folders below.
pub(super) fn reports_in(folder: &Path) -> Result<BTreeSet<String>> {
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

pub(crate) fn read(path: &Path) -> Result<Reading> {
    let text = std::fs::read_to_string(path);
    let reading = text.map_err(Into::into).and_then(|text| Reading::of(&text));
    reading.with_context(|| format!("reading {}", path.display()))
}
