//! The suite as an installed program: one run of its fuzzing client, and what it reports.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::python2;
use super::verdicts::Verdict;
use crate::sdk::run;

/// The last one that makes environments of Python 2.7.
const VIRTUALENV: &str = "virtualenv==20.21.1";

/// The suite in a virtual environment of its own.
pub(super) struct Suite {
    program: PathBuf,
    reports: PathBuf,
}

impl Suite {
    /// Installs what `requirements.txt` names, if that has not been done since it changed. `None`
    /// without a Python 2.7.
    pub(super) fn installed() -> Option<Self> {
        let directory = directory();
        let modified = |name: &str| -> Option<SystemTime> {
            directory.join(name).metadata().ok()?.modified().ok()
        };
        let done = ".venv/installed";
        if modified(done) < modified("requirements.txt") {
            install(&directory, &python2::find()?);
            std::fs::write(directory.join(done), "").expect("a writable directory");
        }
        let reports = Path::new(env!("CARGO_TARGET_TMPDIR")).join("autobahn");
        Some(Self { program: directory.join(".venv/suite/bin/wstest"), reports })
    }

    /// Where each run leaves its reports, one directory per mode; `index.html` is for reading.
    pub(super) fn reports(&self) -> &Path {
        &self.reports
    }

    /// Runs the cases that the fuzzing client's configuration selects against this address.
    pub(super) fn judge(&self, mode: &str, url: &str, mut client: Value) -> Vec<(String, Verdict)> {
        let outdir = self.reports.join(mode);
        // Absent before the first run; an old report must not pass for a new one.
        let _ = std::fs::remove_dir_all(&outdir);
        std::fs::create_dir_all(&outdir).expect("a writable target directory");
        client["outdir"] = json!(outdir);
        client["servers"] = json!([{ "agent": mode, "url": url }]);
        let specification = outdir.join("fuzzingclient.json");
        std::fs::write(&specification, client.to_string()).expect("a writable target directory");

        let mut command = Command::new(&self.program);
        command.args(["--mode", "fuzzingclient", "--spec"]).arg(&specification);
        run(command).unwrap_or_else(|report| panic!("{report}"));
        let index = std::fs::read_to_string(outdir.join("index.json")).expect("a report");
        let index: Value = serde_json::from_str(&index).expect("a report in JSON");
        let cases = index[mode].as_object().expect("the cases that were run");
        cases.iter().map(|(case, found)| (case.clone(), Verdict::reported(mode, found))).collect()
    }
}

/// The configuration of the fuzzing client, without address.
pub(super) fn client() -> Value {
    let text = std::fs::read_to_string(directory().join("fuzzingclient.json")).expect("readable");
    serde_json::from_str(&text).expect("JSON")
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/autobahn")
}

/// Python 3 brings the tool that makes the environment of Python 2.7.
fn install(directory: &Path, python2: &Path) {
    let command = |program: &str| {
        let mut command = Command::new(program);
        command.current_dir(directory);
        command
    };
    let mut make_tool = command("python3");
    make_tool.args(["-m", "venv", "--clear", ".venv"]);
    let mut fill_tool = command(".venv/bin/python");
    fill_tool.args(["-m", "pip", "install", "--quiet", VIRTUALENV]);
    let mut make_suite = command(".venv/bin/python");
    make_suite.args(["-m", "virtualenv", "--quiet", ".venv/suite", "--python"]).arg(python2);
    let mut fill_suite = command(".venv/suite/bin/python");
    fill_suite.args(["-m", "pip", "install", "--quiet", "--requirement", "requirements.txt"]);
    for mut command in [make_tool, fill_tool, make_suite, fill_suite] {
        command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
        run(command).unwrap_or_else(|report| panic!("{report}"));
    }
}
