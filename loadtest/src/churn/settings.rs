//! What a run of coming and going is told, and what that is for one of its processes.

use std::fmt::{self, Display, Formatter};

use anyhow::{Result, ensure};
use clap::Args;
use serde::Serialize;

use crate::generators::{GeneratorArgs, Part};
use crate::open::Arrival;
use crate::target::TargetArgs;
use crate::wire::stamp::{PUBLISHERS_MAX, STAMP_BYTES, TARGETS_MAX};
use crate::wire::subprotocol::Subprotocol;

/// Publishes a second to one group that leave a reliable client, which acknowledges once a
/// second, far below the 1,000 unacknowledged messages of client-json.md 6.4.
const RELIABLE_RATE_MAX: f64 = 300.0;
/// The same for one that is away in a storm: in the 30 seconds of the recovery window
/// (client-connect.md 11) not more than may wait for it.
const RELIABLE_STORM_RATE_MAX: f64 = 30.0;

#[derive(Args, Clone, Debug)]
pub(crate) struct ChurnArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) generators: GeneratorArgs,
    #[command(flatten)]
    pub(crate) settings: ChurnSettings,
}

#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct ChurnSettings {
    /// Clients that are in at any time, of all generators together, as all that follows
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    clients: u64,
    /// At most one for each client
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=TARGETS_MAX))]
    groups: u64,
    /// Clients that publish and stay, each to groups of its own; at most one for each group
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=PUBLISHERS_MAX))]
    publishers: u64,
    /// Publishes per second to all groups in turn
    #[arg(long, default_value_t = 500.0)]
    publish_rate: f64,
    /// Bytes of each payload, its stamp of 38 included
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u64).range(STAMP_BYTES as u64..=1_000_000))]
    pub(crate) payload: u64,
    /// Clients that come per second, each begun when it is due; as many leave. As fast as they
    /// open by default
    #[arg(long, conflicts_with_all = ["concurrency", "storm"])]
    rate: Option<f64>,
    /// Clients that each generator opens at a time, unless --rate is given
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    concurrency: u64,
    /// How many of the clients that leave do so without a close frame, every second of them by a
    /// reset; none by default, all in a storm
    #[arg(long, value_parser = clap::value_parser!(u64).range(0..=100))]
    abrupt_percent: Option<u64>,
    /// Disconnects all clients at once and lets them come back, instead of a steady coming and
    /// going
    #[arg(long)]
    storm: bool,
    /// Milliseconds over which clients of a storm spread their return; they all come at once, as
    /// far as --concurrency allows, by default
    #[arg(long, default_value_t = 0, requires = "storm", value_parser = clap::value_parser!(u64).range(0..=600_000))]
    pub(crate) jitter_ms: u64,
    /// What the members speak; not `none`
    #[arg(long, value_enum, default_value = "json")]
    pub(crate) subprotocol: Subprotocol,
    /// Seconds of publishing alone, to which the rest is compared
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) steady_seconds: u64,
    /// Seconds of coming and going
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600), conflicts_with = "storm")]
    pub(crate) seconds: u64,
}

/// What one process has to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) clients: usize,
    pub(crate) groups: usize,
    pub(crate) publishers: usize,
    pub(crate) publish_rate: f64,
    pub(crate) concurrency: usize,
    /// `None` in a storm.
    pub(crate) arrival: Option<Arrival>,
    pub(crate) abrupt_percent: u64,
    /// Whether clients come back to the connections they had.
    pub(crate) recovers: bool,
    /// Room for the clients, and for those that come before others are gone.
    pub(crate) slots: usize,
}

impl ChurnSettings {
    pub(crate) fn plan(&self, part: &Part) -> Result<Plan> {
        let Self { clients, groups, publishers, publish_rate, rate, .. } = *self;
        ensure!(groups <= clients, "--groups {groups} is more than --clients {clients}");
        ensure!(publishers <= groups, "--publishers {publishers} is more than --groups {groups}");
        ensure!(self.subprotocol != Subprotocol::None, "--subprotocol none cannot be in a group");
        let is_rate = |rate: f64| (1.0..=1e6).contains(&rate);
        ensure!(is_rate(publish_rate), "--publish-rate {publish_rate} is not 1 to 1e6");
        ensure!(rate.is_none_or(is_rate), "--rate is not 1 to 1e6 clients a second");
        let is_reliable = self.subprotocol.is_reliable();
        let rate_max = if self.storm { RELIABLE_STORM_RATE_MAX } else { RELIABLE_RATE_MAX };
        ensure!(
            !is_reliable || publish_rate / groups as f64 <= rate_max,
            "--publish-rate {publish_rate} is more than {rate_max} a second for each of --groups \
             {groups}: too much would be unacknowledged, and reliable clients be closed"
        );
        let abrupt_percent = self.abrupt_percent.unwrap_or(if self.storm { 100 } else { 0 });
        let recovers = self.storm && is_reliable;
        ensure!(
            !recovers || abrupt_percent == 100,
            "--abrupt-percent {abrupt_percent}: in a storm reliable clients recover, which they \
             can only after leaving abruptly"
        );
        let concurrency = usize::try_from(self.concurrency)?;
        let clients = part.share_of(clients)?;
        let rate = rate.map(|rate| part.rate_of(rate));
        let arrival = rate.map_or(Arrival::AtATime(concurrency), Arrival::PerSecond);
        let spare = match arrival {
            _ if self.storm => 0,
            // One half comes while the other one goes.
            Arrival::AtATime(count) => 2 * count,
            Arrival::PerSecond(rate) => spare_at(rate),
        };
        Ok(Plan {
            clients,
            groups: part.share_of(groups)?,
            publishers: part.share_of(publishers)?,
            publish_rate: part.rate_of(publish_rate),
            concurrency,
            arrival: (!self.storm).then_some(arrival),
            abrupt_percent,
            recovers,
            slots: clients + spare,
        })
    }
}

/// Slots for clients on their way in or out: what comes in half a second, should the server take
/// that long.
#[expect(clippy::cast_possible_truncation, reason = "casts saturate, and rates are below 1e6")]
fn spare_at(rate: f64) -> usize {
    (rate / 2.0).ceil().max(64.0) as usize
}

impl Display for ChurnSettings {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { clients, groups, publishers, publish_rate, payload, subprotocol, .. } = self;
        write!(
            out,
            "{clients} {subprotocol} clients in {groups} groups, {publishers} publishers, \
             {publish_rate} publishes/s of {payload} B"
        )
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        settings: ChurnSettings,
    }

    fn plan(words: &[&str]) -> Result<Plan> {
        Cli::try_parse_from([&["churn"], words].concat())?.settings.plan(&Part::whole())
    }

    #[test]
    fn slots_have_room_for_those_on_their_way() {
        assert_eq!(plan(&[]).unwrap().slots, 2128);
        assert_eq!(plan(&["--rate", "500"]).unwrap().slots, 2250);
        let storm = plan(&["--storm"]).unwrap();
        assert_eq!((storm.slots, storm.abrupt_percent), (2000, 100));
        assert!(storm.arrival.is_none() && !storm.recovers);
        assert!(plan(&["--storm", "--subprotocol", "json.reliable"]).unwrap().recovers);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for bad in [
            &["--groups", "2001"][..],
            &["--publishers", "101"],
            &["--subprotocol", "none"],
            &["--storm", "--subprotocol", "json.reliable", "--publish-rate", "4000"],
            &["--storm", "--subprotocol", "json.reliable", "--abrupt-percent", "50"],
            &["--rate", "0.1"],
            &["--rate", "5", "--storm"],
            &["--jitter-ms", "5"],
            &["--subprotocol", "json.reliable", "--publish-rate", "40000"],
        ] {
            assert!(plan(bad).is_err(), "{bad:?}");
        }
    }
}
