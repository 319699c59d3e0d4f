//! Scenario `fanout`: publishers to groups, every delivery checked.
//!
//! Opens all clients, runs a closed loop to saturation, then a fixed rate below it, and settles
//! after each. Subscribers are spread over the groups in turn; publishers are members of none
//! and publish to every group in turn, without asking for acks.

mod ledger;
mod load;
mod receipts;
mod report;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;

use self::ledger::Shape;
use self::load::Load;
use self::report::{FanoutReport, Phase};
use crate::fleet::{Dial, Fleet};
use crate::histogram::Latencies;
use crate::limit::child::LimitServer;
use crate::open::open_all;
use crate::procfs::Process;
use crate::report::Report;
use crate::setup;
use crate::target::{Target, TargetArgs};
use crate::wire::envelope::{Envelope, Layout};
use crate::wire::publish::Publishes;
use crate::wire::stamp::{PUBLISHERS_MAX, STAMP_BYTES, TARGETS_MAX};
use crate::wire::subprotocol::Subprotocol;

/// Share of the saturated rate that the second phase takes unless told.
const FIXED_RATE_SHARE: f64 = 0.5;

/// Messages left at the end of the second phase without a word.
const UNSENT_MAX: usize = 100;

/// Messages in flight to a reliable subscriber in the closed loop that leave room for those which it has received
/// and not acknowledged, below the 1,000 of client-json.md 6.4.
const RELIABLE_IN_FLIGHT_MAX: u64 = 600;

#[derive(Args, Clone, Debug)]
pub(crate) struct FanoutArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    subprotocols: Subprotocols,
    /// Runs the same load against the minimal writer on the server's cores afterwards
    #[arg(long)]
    yardstick: bool,
}

/// Who speaks what.
#[derive(Args, Clone, Copy, Debug, Serialize)]
pub(crate) struct Subprotocols {
    /// What the subscribers speak
    #[arg(
        id = "subprotocol",
        long = "subprotocol",
        value_name = "SUBPROTOCOL",
        value_enum,
        default_value = "json"
    )]
    pub(crate) subscribers: Subprotocol,
    /// What the publishers speak; not `simple` and not `none`
    #[arg(
        id = "publisher-subprotocol",
        long = "publisher-subprotocol",
        value_name = "SUBPROTOCOL",
        value_enum,
        default_value = "json"
    )]
    pub(crate) publishers: Subprotocol,
}

impl Subprotocols {
    /// Of the minimal writer, which knows no other.
    pub(crate) const JSON: Self =
        Self { subscribers: Subprotocol::Json, publishers: Subprotocol::Json };
}

#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct LoadArgs {
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) subscribers: u64,
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=PUBLISHERS_MAX))]
    pub(crate) publishers: u64,
    /// Bytes of each payload, its stamp of 38 included
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u64).range(STAMP_BYTES as u64..=1_000_000))]
    pub(crate) payload: u64,
    /// At most one for each subscriber
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=TARGETS_MAX))]
    pub(crate) groups: u64,
    /// Measured seconds of each phase
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// Seconds of the closed loop before its measurement starts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub(crate) warmup_seconds: u64,
    /// Messages each publisher keeps outstanding in the closed loop
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) window: u64,
    /// Publishes per second in total at the fixed rate; half of the saturated rate by default
    #[arg(long)]
    pub(crate) rate: Option<f64>,
    /// Connections being opened at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) concurrency: u64,
}

impl LoadArgs {
    fn shape(&self) -> Result<Shape> {
        ensure!(self.groups <= self.subscribers, "a group without subscribers delivers nothing");
        ensure!(self.rate.is_none_or(|rate| (1.0..=1e8).contains(&rate)), "--rate is 1 to 1e8");
        Ok(Shape {
            subscribers: usize::try_from(self.subscribers)?,
            publishers: usize::try_from(self.publishers)?,
            groups: usize::try_from(self.groups)?,
        })
    }

    /// The closed loop must not by itself make the server close reliable clients.
    fn check_window(&self, subprotocols: Subprotocols) -> Result<()> {
        let in_flight = (self.window * self.publishers).div_ceil(self.groups);
        ensure!(
            !subprotocols.subscribers.is_reliable() || in_flight <= RELIABLE_IN_FLIGHT_MAX,
            "{in_flight} messages in flight to each reliable subscriber are too many: the server \
             closes a client with 1,000 unacknowledged ones; take a window below \
             {RELIABLE_IN_FLIGHT_MAX} by the number of publishers"
        );
        Ok(())
    }

    /// Descriptors either side needs.
    pub(crate) fn sockets(&self) -> Result<usize> {
        Ok(usize::try_from(self.subscribers + self.publishers)?)
    }
}

/// Runs the scenario; whether every delivery was right.
pub(crate) fn run(args: &FanoutArgs, is_json: bool) -> Result<bool> {
    setup::allow_sockets(args.load.sockets()?)?;
    let mut target = Target::resolve(&args.target)?;
    if args.target.metrics.is_none() {
        target.notes.push("frames per write unknown: --metrics was not given".into());
    }
    let result = drive(&target, &args.load, args.subprotocols)?;
    let is_clean = result.faults.is_clean();
    if !args.yardstick {
        Report::new("fanout", target.cores(), result).print(is_json)?;
        return Ok(is_clean);
    }
    let core = target.cores().first().copied();
    let limit = LimitServer::start_minimal(core, args.load.sockets()?)?;
    // The same fixed rate, so that both phases can be compared.
    let load = LoadArgs { rate: Some(result.fixed_rate), ..args.load.clone() };
    let limit_result = drive(&limit.target(), &load, Subprotocols::JSON)?;
    let is_clean = is_clean && limit_result.faults.is_clean();
    let compared = result.against(limit_result);
    Report::new("fanout", target.cores(), compared).print(is_json)?;
    Ok(is_clean)
}

/// Both phases against one server.
pub(crate) fn drive(
    target: &Target,
    args: &LoadArgs,
    subprotocols: Subprotocols,
) -> Result<FanoutReport> {
    let shape = args.shape()?;
    args.check_window(subprotocols)?;
    let payload_bytes = usize::try_from(args.payload)?;
    let envelope = Envelope::of_group(subprotocols.subscribers);
    let layout = Layout::new(shape.groups, payload_bytes, envelope);
    let encoding = subprotocols.publishers.encoding();
    let encoding = encoding.context("publishers speak json or protobuf")?;
    let publishes = Publishes::new(&layout, encoding);
    let mut fleet = Fleet::new(target.address, payload_bytes)?;
    let dials = dials(target, &layout, shape, subprotocols)?;
    let opening = open_all(&mut fleet, &dials, usize::try_from(args.concurrency)?)?;
    let server_memory = target.process.and_then(Process::memory);

    let mut load =
        Load::new(fleet, layout, publishes, subprotocols.subscribers, shape, target.process);
    let (saturated, frames_per_write) = target.frames_per_write_of(|| {
        let measured =
            load.saturate(usize::try_from(args.window)?, args.warmup_seconds, args.seconds)?;
        load.settle(None)?;
        Ok(measured)
    })?;
    let mut phases = vec![Phase::new("closed loop", &saturated, frames_per_write)];
    let saturated_rate = saturated.published as f64 / saturated.usage.seconds;
    let fixed_rate = args.rate.unwrap_or((saturated_rate * FIXED_RATE_SHARE).max(1.0));

    if load.ledger.outstanding() == 0 && load.fleet.lost.is_empty() {
        let (mut latencies, mut lags) = (Latencies::new(), Latencies::new());
        let (paced, frames_per_write) = target.frames_per_write_of(|| {
            let measured = load.pace(fixed_rate, args.seconds, &mut latencies, &mut lags)?;
            load.settle(Some(&mut latencies))?;
            Ok(measured)
        })?;
        let mut phase = Phase::new("fixed rate", &paced, frames_per_write);
        phase.latency = Some(latencies.quantiles());
        phase.generator_lag = Some(lags.quantiles());
        phases.push(phase);
    }
    let server_memory_after = target.process.and_then(Process::memory);
    let mut notes = target.notes.clone();
    notes.extend(notes_of(&load));
    let faults = load.finish()?;
    Ok(FanoutReport {
        server: target.address,
        subprotocols,
        settings: args.clone(),
        opening,
        phases,
        fixed_rate,
        server_memory,
        server_memory_after,
        faults,
        notes,
    })
}

fn dials(
    target: &Target,
    layout: &Layout,
    shape: Shape,
    subprotocols: Subprotocols,
) -> Result<Vec<Dial>> {
    let Subprotocols { subscribers, publishers } = subprotocols;
    ensure!(subscribers != Subprotocol::None, "subscribers need a token: choose another than none");
    let by_group = layout
        .target_names()
        .iter()
        .map(|group| target.dial(subscribers, Some(group)))
        .collect::<Result<Vec<_>>>()?;
    let publisher = target.dial(publishers, None)?;
    let subscribers = (0..shape.subscribers).map(|index| by_group[shape.group_of(index)].clone());
    Ok(subscribers.chain(std::iter::repeat_n(publisher, shape.publishers)).collect())
}

fn notes_of(load: &Load) -> Vec<String> {
    let closed = load.fleet.lost.iter().map(|(reason, count)| format!("{count} clients: {reason}"));
    let mut notes: Vec<_> = closed.collect();
    // A few are due since the last turn, or were when the run broke off.
    if load.unsent > UNSENT_MAX {
        notes.push(format!(
            "{} messages were due at the fixed rate and not published: the rate was not held",
            load.unsent
        ));
    }
    if load.parsed_slowly > 0 {
        notes.push(format!(
            "{} deliveries had another layout and went through the JSON parser; the generator's \
             CPU time is not comparable",
            load.parsed_slowly
        ));
    }
    if let Some(text) = &load.first_unreadable {
        notes.push(format!("first unreadable message: {text}"));
    }
    notes
}
