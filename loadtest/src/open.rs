//! Opening many clients, a bounded number of them at a time.

use anyhow::{Result, bail};
use serde::Serialize;

use crate::clock::{self, NS_PER_S};
use crate::fleet::{Dial, Fleet};
use crate::histogram::{Latencies, Quantiles};
use crate::progress::Progress;

/// When not one client opens for this long, the server is stuck and the run ends.
const STALL_NS: u64 = 15 * NS_PER_S;

/// How an opening went.
#[derive(Serialize)]
pub(crate) struct Opening {
    pub(crate) connections: usize,
    pub(crate) seconds: f64,
    pub(crate) connections_per_s: f64,
    /// From `connect` until the client may be used: upgraded, greeted, joined.
    pub(crate) latency: Quantiles,
}

/// Opens one client for each of `dials`, `concurrency` of them at a time.
pub(crate) fn open_all(fleet: &mut Fleet, dials: &[Dial], concurrency: usize) -> Result<Opening> {
    let started_ns = clock::now_ns();
    let mut progress = Progress::new("connect");
    let mut latencies = Latencies::new();
    let (mut started, mut opened) = (0, 0);
    let mut last_open_ns = started_ns;
    while opened < dials.len() {
        while started < dials.len() && started - opened < concurrency {
            fleet.start(dials[started].clone())?;
            started += 1;
        }
        fleet.turn(NS_PER_S / 10, |_, _, _| {})?;
        let now_ns = clock::now_ns();
        if !fleet.opened.is_empty() {
            last_open_ns = now_ns;
            opened += fleet.opened.len();
            fleet.opened.drain(..).for_each(|latency_ns| latencies.record(latency_ns));
        }
        if now_ns - last_open_ns > STALL_NS {
            bail!("no client opened for {} s; {opened} are open", STALL_NS / NS_PER_S);
        }
        progress.tick(now_ns, || format!("{opened} of {} open", dials.len()));
    }
    let seconds = clock::seconds_between(started_ns, clock::now_ns());
    Ok(Opening {
        connections: opened,
        seconds,
        connections_per_s: opened as f64 / seconds,
        latency: latencies.quantiles(),
    })
}
