//! Memory of a server whose clients stay as they are.

use anyhow::{Context, Result};

use crate::clock::{self, NS_PER_S};
use crate::fleet::Fleet;
use crate::procfs::{Memory, Process};

/// Memory counts as settled when it changed by less than this within a second.
const SETTLED_BYTES: u64 = 64 * 1024;
const SETTLE_SECONDS_MAX: u64 = 10;

/// The server's memory once it has stopped to change, or at the latest after ten seconds.
pub(crate) fn memory(fleet: &mut Fleet, server: Process) -> Result<Memory> {
    let mut last = memory_now(server)?;
    for _ in 0..SETTLE_SECONDS_MAX {
        let end_ns = clock::now_ns() + NS_PER_S;
        while clock::now_ns() < end_ns {
            fleet.turn(NS_PER_S / 10, |_, _, _| {})?;
        }
        let now = memory_now(server)?;
        let is_settled = now.rss_bytes.abs_diff(last.rss_bytes) < SETTLED_BYTES;
        last = now;
        if is_settled {
            break;
        }
    }
    Ok(last)
}

pub(crate) fn memory_now(server: Process) -> Result<Memory> {
    server.memory().context("reading the server's memory")
}
