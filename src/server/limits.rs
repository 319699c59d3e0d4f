//! What the system must grant before a shard can run.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::config::StartError;
use crate::sys;

/// The executors refuse to start below this.
const MEMLOCK_BYTES_MIN: u64 = 512 * 1024;
/// Below this there is no room for the server's own descriptors and a client on each shard.
const DESCRIPTORS_MIN: u64 = 256;
/// Below this a warning says how few clients fit.
const DESCRIPTORS_WANTED: u64 = 65_536;

/// Raises the soft limits and checks that what remains is enough.
///
/// # Errors
/// The limit or ability that is missing, and how to get it.
pub(super) fn check() -> Result<(), StartError> {
    let descriptors = raised(Resource::Nofile);
    if descriptors < DESCRIPTORS_MIN {
        let reason = format!("at least {DESCRIPTORS_MIN} open files are needed");
        let fix = "raise the hard limit (ulimit -Hn, or LimitNOFILE= of a systemd unit)";
        return Err(StartError::new("open files", reason, fix).with_value(descriptors));
    }
    if descriptors < DESCRIPTORS_WANTED {
        warn!(limit = descriptors, "each client takes an open file: raise the hard limit for more");
    } else {
        info!(limit = descriptors, "open files");
    }
    let memory = raised(Resource::Memlock);
    if memory < MEMLOCK_BYTES_MIN {
        let reason = format!("io_uring needs {MEMLOCK_BYTES_MIN} bytes of locked memory");
        let fix = "raise the hard limit (ulimit -Hl 512, or LimitMEMLOCK=512K of a systemd unit)";
        return Err(StartError::new("locked memory", reason, fix).with_value(memory));
    }
    sys::probe_io_uring().map_err(io_uring_missing)
}

fn io_uring_missing(error: Errno) -> StartError {
    let (reason, fix) = match error {
        Errno::NOSYS => ("this kernel has no io_uring", "use Linux 5.8 or later"),
        Errno::PERM | Errno::ACCESS => (
            "io_uring is forbidden here",
            "set the sysctl kernel.io_uring_disabled to 0, or allow io_uring in the container's \
             seccomp profile",
        ),
        Errno::NOMEM => (
            "the kernel grants no memory for it",
            "raise the limit on locked memory (ulimit -l, LimitMEMLOCK=)",
        ),
        _ => ("the kernel refuses it", "see the kernel's log"),
    };
    StartError::new("io_uring", format!("{reason} ({error})"), fix)
}

/// Raises a soft limit to the hard one and returns what is in force.
fn raised(resource: Resource) -> u64 {
    let limit = getrlimit(resource);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(resource, wanted) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    current.unwrap_or(u64::MAX)
}
