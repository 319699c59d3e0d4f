//! Where there is a Python 2.7, the only one that the suite starts on.
//!
//! Systems ship it no more. It is looked for on the path and among pyenv's versions, and then
//! installed from the distribution's packages, where those still have it and this process may.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::packages;

/// The reference implementation first: PyPy would build what exists ready-made for the other.
const NAMES: [&str; 4] = ["python2.7", "python2", "pypy", "pypy2"];

/// With the headers, because one of the suite's libraries is built from source. Debian 11 and Ubuntu
/// 22.04 still have it, Debian 12 does not.
const PACKAGE: &str = "python2.7-dev";

/// The path of an interpreter that works.
pub(super) fn find() -> Option<PathBuf> {
    installed().or_else(|| {
        packages::install(PACKAGE, || installed().is_some()).ok()?;
        installed()
    })
}

fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories: Vec<_> = std::env::split_paths(&path).chain(pyenv_versions()).collect();
    NAMES
        .into_iter()
        .flat_map(|name| directories.iter().map(move |directory| directory.join(name)))
        .find(|candidate| is_python2(candidate))
}

/// The directories of programs of every version that pyenv has installed.
fn pyenv_versions() -> Vec<PathBuf> {
    let home = || std::env::home_dir().map(|home| home.join(".pyenv"));
    let root = std::env::var_os("PYENV_ROOT").map(PathBuf::from).or_else(home);
    let versions = root.and_then(|root| std::fs::read_dir(root.join("versions")).ok());
    versions.into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect()
}

/// Asks the program itself: pyenv puts names on the path behind which there may be nothing.
fn is_python2(program: &Path) -> bool {
    let script = "import sys; sys.exit(sys.version_info[:2] != (2, 7))";
    let outcome = Command::new(program).args(["-c", script]).output();
    outcome.is_ok_and(|output| output.status.success())
}
