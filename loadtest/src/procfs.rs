//! What the kernel says about a process: CPU time, memory, and who listens where.
//!
//! CPU time is user and system of all threads, from `schedstat` (nanoseconds) and, where the
//! kernel was built without it, from `stat` (ticks of 10 ms). Work the kernel does for a socket
//! in the sender's context counts for the sender, as it does in every figure of the design page.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail};

/// The unit of `/proc/PID/stat`; the kernel reports it as 100 Hz on every Linux architecture.
const NS_PER_TICK: u64 = 10_000_000;

/// One process under observation. Readings are `None` once it is gone or out of our sight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
}

/// Resident memory in bytes. `anonymous` leaves out the program's own mapped files.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Memory {
    pub(crate) rss_bytes: u64,
    pub(crate) anonymous_bytes: u64,
}

impl Process {
    pub(crate) fn own() -> Self {
        Self { pid: std::process::id() }
    }

    /// CPU time of all threads so far. Between two readings no thread may have ended, or its
    /// time is missing from the difference; servers here keep their threads.
    pub(crate) fn cpu_ns(self) -> Option<u64> {
        self.cpu_ns_by_threads().filter(|&ns| ns > 0).or_else(|| self.cpu_ns_by_ticks())
    }

    fn cpu_ns_by_threads(self) -> Option<u64> {
        Some(self.threads()?.map(|(_, cpu_ns)| cpu_ns).sum())
    }

    /// The thread that has used the most CPU time so far.
    pub(crate) fn busiest_thread(self) -> Option<u32> {
        self.threads()?.max_by_key(|&(_, cpu_ns)| cpu_ns).map(|(thread, _)| thread)
    }

    /// CPU time of one of its threads so far.
    pub(crate) fn thread_cpu_ns(self, thread: u32) -> Option<u64> {
        self.threads()?.find(|&(id, _)| id == thread).map(|(_, cpu_ns)| cpu_ns)
    }

    /// Ids and CPU time of all threads; one that ends meanwhile is left out.
    fn threads(self) -> Option<impl Iterator<Item = (u32, u64)>> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid)).ok()?;
        Some(threads.flatten().filter_map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            let cpu_ns = text.split_ascii_whitespace().next()?.parse().ok()?;
            Some((thread.file_name().to_str()?.parse().ok()?, cpu_ns))
        }))
    }

    fn cpu_ns_by_ticks(self) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?;
        // The name in parentheses may hold spaces: fields are counted from behind it, where
        // user and system time are the 12th and 13th.
        let mut fields = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        Some((user + system) * NS_PER_TICK)
    }

    pub(crate) fn memory(self) -> Option<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid)).ok()?;
        let field = |name: &str| -> Option<u64> {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
        };
        Some(Memory { rss_bytes: field("Rss:")?, anonymous_bytes: field("Anonymous:")? })
    }
}

/// The process that listens on `address`, or on its port at any address.
pub(crate) fn listener(address: SocketAddr) -> Result<Process> {
    let table = if address.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let mut inodes = listening_inodes(&read(table)?, address.port());
    if inodes.is_empty() && address.is_ipv4() {
        // A listener on [::] takes IPv4 too and is found in the other table only.
        inodes = listening_inodes(&read("/proc/net/tcp6").unwrap_or_default(), address.port());
    }
    if inodes.is_empty() {
        bail!("nothing listens on {address}: start the server first");
    }
    owner_of(&inodes).with_context(|| {
        format!(
            "no process that owns the listener of {address} is visible; name it by --server-pid"
        )
    })
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {path}"))
}

/// Inodes of listening sockets on `port`, from the text of `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let suffix = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|row| row.split_ascii_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.len() > 9 && row[3] == LISTEN && row[1].ends_with(&suffix))
        .map(|row| format!("socket:[{}]", row[9]))
        .collect()
}

fn owner_of(inodes: &[String]) -> Option<Process> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let mut pids: Vec<u32> =
        processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids.into_iter().find(|pid| holds_any(*pid, inodes)).map(|pid| Process { pid })
}

fn holds_any(pid: u32, inodes: &[String]) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|target| inodes.iter().any(|inode| target.as_os_str() == inode.as_str()))
}

/// Refuses everything that could leave this machine: a load generator aimed elsewhere is an
/// attack, and a figure taken over a real network is another measurement.
pub(crate) fn require_loopback(ip: IpAddr) -> Result<()> {
    if !ip.is_loopback() {
        bail!("{ip} is not a loopback address; this generator only ever talks to this machine");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_rows_of_the_port_are_found_and_others_are_not() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 x\n\
             1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 x\n\
             2: 0100007F:2382 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 x\n";
        assert_eq!(listening_inodes(table, 8080), ["socket:[4711]"]);
        assert!(listening_inodes(table, 1).is_empty());
    }

    #[test]
    fn own_cpu_time_and_memory_are_readable() {
        let own = Process::own();
        assert!(own.memory().is_some_and(|memory| memory.rss_bytes >= memory.anonymous_bytes));
        assert!(own.cpu_ns_by_ticks().is_some());
    }

    #[test]
    fn addresses_beyond_this_machine_are_refused() {
        assert!(require_loopback("127.0.0.9".parse().unwrap()).is_ok());
        assert!(require_loopback("10.0.0.1".parse().unwrap()).is_err());
    }
}
