//! What a run took place on: processor, cores, memory, and the revision of the working directory.
//!
//! All of it is best effort. What cannot be read is left out of the report, and no run fails for
//! it. Nothing here names the machine.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::process::{Command, Stdio};

use serde::Serialize;

#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Machine {
    /// As the kernel names its model; not every architecture has one.
    cpu: Option<String>,
    /// All that are online, whatever this process is pinned to.
    cores: Option<usize>,
    /// To a tenth: what the kernel keeps for itself differs from one start to the next.
    memory_gib: Option<f64>,
}

impl Machine {
    pub(crate) fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::of(&read("/proc/cpuinfo"), &read("/proc/meminfo"))
    }

    fn of(cpuinfo: &str, meminfo: &str) -> Self {
        let fields = |text| str::lines(text).filter_map(|line| line.split_once(':'));
        let cpu = fields(cpuinfo).find(|(name, _)| name.trim() == "model name");
        let cores = fields(cpuinfo).filter(|(name, _)| name.trim() == "processor").count();
        let memory = fields(meminfo).find(|(name, _)| *name == "MemTotal");
        let kib = memory.and_then(|(_, size)| size.split_ascii_whitespace().next()?.parse().ok());
        Self {
            cpu: cpu.map(|(_, model)| model.trim().to_owned()),
            cores: (cores > 0).then_some(cores),
            memory_gib: kib.map(|kib: f64| (kib / f64::from(1 << 20) * 10.0).round() / 10.0),
        }
    }
}

/// The commit, `-dirty` behind it if files of it have been changed since; `None` outside of a
/// checkout. It is that of the server too if that was built from here.
pub(crate) fn revision() -> Option<String> {
    let mut git = Command::new("git");
    // Looking must not change the checkout, not even its index.
    git.args(["--no-optional-locks", "describe", "--always", "--dirty", "--abbrev=12"]);
    let said = git.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let revision = String::from_utf8(said.stdout).ok()?.trim().to_owned();
    (said.status.success() && !revision.is_empty()).then_some(revision)
}

impl Display for Machine {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { cpu, cores, memory_gib } = self;
        out.write_str(cpu.as_deref().unwrap_or("unknown processor"))?;
        cores.map_or(Ok(()), |cores| write!(out, ", {cores} cores"))?;
        memory_gib.map_or(Ok(()), |gib| write!(out, ", {gib:.1} GiB"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_cores_and_memory_are_those_of_the_kernel() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC 7763\nflags\t\t: fpu\n\n\
                       processor\t: 1\nmodel name\t: AMD EPYC 7763\n";
        let machine = Machine::of(cpuinfo, "MemTotal:       8388608 kB\nMemFree:  1 kB\n");
        assert_eq!(machine.to_string(), "AMD EPYC 7763, 2 cores, 8.0 GiB");
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let machine = Machine::of("", "");
        assert_eq!(machine, Machine { cpu: None, cores: None, memory_gib: None });
        assert_eq!(machine.to_string(), "unknown processor");
    }
}
