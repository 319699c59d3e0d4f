//! The published Python service library, and the published description of the API, against the
//! real server.
//!
//! The scripts are in `tests/python`; this module makes their virtual environment when it is
//! missing or older than what it should hold, starts a server and runs them with its address and
//! key in the environment. Two shards: the scripts place their clients on both.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use crate::sdk::run;
use crate::support::{PRIMARY_KEY, Setup};

#[test]
fn the_python_service_library_works_and_the_description_holds() {
    // A75, O16: every method and option. A43: no request at all gets an undocumented status.
    let directory = &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    install(directory);
    let server = Setup::new().shards(2).start();
    let mut command = Command::new(directory.join(".venv/bin/python"));
    command
        .args(["-m", "pytest"])
        .env("CORECAST_URL", format!("ws://{}", server.address))
        .env("CORECAST_KEY", PRIMARY_KEY)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("HYPOTHESIS_STORAGE_DIRECTORY", directory.join(".venv/hypothesis"))
        .current_dir(directory);
    run(command).unwrap_or_else(|report| panic!("{report}"));
}

/// Installs what `requirements.txt` names, if that has not been done since it changed.
pub(crate) fn install(directory: &Path) {
    let modified = |name: &str| -> Option<SystemTime> {
        directory.join(name).metadata().ok()?.modified().ok()
    };
    let done = ".venv/installed";
    if modified(done) >= modified("requirements.txt") {
        return;
    }
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear", ".venv"]).current_dir(directory);
    let mut fill = Command::new(directory.join(".venv/bin/python"));
    fill.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--requirement", "requirements.txt"])
        .current_dir(directory);
    for command in [create, fill] {
        run(command).unwrap_or_else(|report| panic!("{report}"));
    }
    std::fs::write(directory.join(done), "").expect("a writable directory");
}
