//! Debian's packages, for a machine that lacks one and tests that may install it.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::sdk::run;

/// Whether this process may install packages at all.
fn may_install() -> bool {
    rustix::process::getuid().is_root() && Path::new("/usr/bin/apt-get").exists()
}

/// Installs a package, unless `is_there` by then. Tests run side by side, and the package manager
/// lets in one at a time.
///
/// # Errors
/// It is not to be had, or this process may not install it.
pub(crate) fn install(package: &str, is_there: impl Fn() -> bool) -> Result<(), String> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if is_there() {
        return Ok(());
    }
    if !may_install() {
        return Err("this process may not install packages".to_owned());
    }
    for arguments in [&["update", "-qq"][..], &["install", "-y", "-qq", package]] {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        // A service that comes with it is not to start; this is how packages are told so.
        command.env("RUNLEVEL", "1");
        run(command)?;
    }
    Ok(())
}
