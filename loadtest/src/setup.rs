//! What the process asks of the kernel before a run: descriptors and a core.
//!
//! Both are refused in plain words rather than discovered in the middle of a run.

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::procfs::Process;

/// Standard streams, epoll, listener, one scrape and what `/proc` needs while it is read.
const DESCRIPTORS_BESIDE_SOCKETS: usize = 32;

/// Raises the soft descriptor limit so that `sockets` connections fit.
pub(crate) fn allow_sockets(sockets: usize) -> Result<()> {
    let needed = (sockets + DESCRIPTORS_BESIDE_SOCKETS) as u64;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    ensure!(
        limit.maximum.is_none_or(|maximum| maximum >= needed),
        "{sockets} connections need {needed} descriptors and this process may have {}; \
         take more --generators where the scenario has them, or fewer connections, or raise the \
         hard limit (ulimit -Hn)",
        limit.maximum.unwrap_or(0),
    );
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).context("raising the descriptor limit")
}

/// Pins the calling thread, which is the only one, to `core`.
pub(crate) fn pin_to(core: Option<usize>) -> Result<()> {
    let Some(core) = core else { return Ok(()) };
    ensure!(core < CpuSet::MAX_CPU, "core {core} is beyond what the kernel can name");
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).with_context(|| format!("pinning to core {core}"))
}

/// Lets the calling thread run on every core again: a child inherits its parent's pin.
pub(crate) fn unpin() -> Result<()> {
    let mut cores = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|core| cores.set(core));
    sched_setaffinity(None, &cores).context("running on all cores")
}

/// The cores the busiest thread of a process may run on; empty when that cannot be read. A
/// server's first thread is often free to move while the one that works is pinned.
pub(crate) fn cores_of(process: Process) -> Vec<usize> {
    let thread = process.busiest_thread().unwrap_or(process.pid);
    sched_getaffinity(Pid::from_raw(thread.cast_signed())).map_or_else(
        |_| Vec::new(),
        |cores| (0..CpuSet::MAX_CPU).filter(|&core| cores.is_set(core)).collect(),
    )
}
