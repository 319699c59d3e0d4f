//! CPU time of server and generator over a span of a run.
//!
//! Both shares are always reported: a figure per delivery only means something when it is known
//! which side was the limit. A saturated generator makes throughput a lower bound; CPU per
//! delivery still holds, except that a server which waits for its clients may batch more.

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::procfs::Process;

/// Above this share of one core the generator is the limit, not the server.
pub(crate) const GENERATOR_BOUND_SHARE: f64 = 0.9;

pub(crate) struct Meter {
    server: Option<Process>,
    started_ns: u64,
    server_cpu_ns: Option<u64>,
    generator_cpu_ns: u64,
}

/// What a span cost. Shares are of one core: a server on two cores can have 2.0.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Usage {
    pub(crate) seconds: f64,
    pub(crate) server_cpu_ns: Option<u64>,
    pub(crate) server_cpu_share: Option<f64>,
    pub(crate) generator_cpu_ns: u64,
    pub(crate) generator_cpu_share: f64,
    pub(crate) is_generator_bound: bool,
}

impl Meter {
    pub(crate) fn start(server: Option<Process>) -> Self {
        Self {
            server,
            started_ns: clock::now_ns(),
            server_cpu_ns: server.and_then(Process::cpu_ns),
            generator_cpu_ns: Process::own().cpu_ns().unwrap_or(0),
        }
    }

    pub(crate) fn read(&self) -> Usage {
        let seconds = clock::seconds_between(self.started_ns, clock::now_ns());
        let server_now_ns = self.server.and_then(Process::cpu_ns);
        let server_cpu_ns =
            server_now_ns.zip(self.server_cpu_ns).map(|(now, then)| now.saturating_sub(then));
        let generator_now_ns = Process::own().cpu_ns().unwrap_or(0);
        let generator_cpu_ns = generator_now_ns.saturating_sub(self.generator_cpu_ns);
        let usage = Usage::of(seconds, server_cpu_ns, generator_cpu_ns, false);
        let is_generator_bound = usage.generator_cpu_share > GENERATOR_BOUND_SHARE;
        Usage { is_generator_bound, ..usage }
    }
}

impl Usage {
    pub(crate) fn of(
        seconds: f64,
        server_cpu_ns: Option<u64>,
        generator_cpu_ns: u64,
        is_generator_bound: bool,
    ) -> Self {
        let share = |cpu_ns: u64| cpu_ns as f64 / clock::NS_PER_S as f64 / seconds;
        Self {
            seconds,
            server_cpu_ns,
            server_cpu_share: server_cpu_ns.map(share),
            generator_cpu_ns,
            generator_cpu_share: share(generator_cpu_ns),
            is_generator_bound,
        }
    }

    pub(crate) fn server_ns_per(&self, count: u64) -> Option<f64> {
        self.server_cpu_ns.map(|ns| ns as f64 / count.max(1) as f64)
    }

    pub(crate) fn generator_ns_per(&self, count: u64) -> f64 {
        self.generator_cpu_ns as f64 / count.max(1) as f64
    }
}

impl std::fmt::Display for Usage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.server_cpu_share {
            Some(share) => write!(out, "server {:.0} %", share * 100.0)?,
            None => write!(out, "server unknown")?,
        }
        write!(out, ", generator {:.0} %", self.generator_cpu_share * 100.0)?;
        if self.is_generator_bound {
            write!(out, " (generator-bound)")?;
        }
        Ok(())
    }
}
