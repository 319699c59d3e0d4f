//! A line on standard error each second while a run lasts.

use crate::clock::{self, NS_PER_S};

pub(crate) struct Progress {
    phase: &'static str,
    started_ns: u64,
    next_ns: u64,
}

impl Progress {
    pub(crate) fn new(phase: &'static str) -> Self {
        let started_ns = clock::now_ns();
        Self { phase, started_ns, next_ns: started_ns + NS_PER_S }
    }

    /// `line` is only made when a second has passed; it must not touch the server.
    pub(crate) fn tick(&mut self, now_ns: u64, line: impl FnOnce() -> String) {
        if now_ns >= self.next_ns {
            self.next_ns = now_ns + NS_PER_S;
            let second = (now_ns - self.started_ns) / NS_PER_S;
            eprintln!("{} {second} s: {}", self.phase, line());
        }
    }
}
