//! Scenario `fanout`: publishers to groups, every delivery checked.
//!
//! Opens all clients, runs a closed loop to saturation, then a fixed rate below it, and settles
//! after each. Subscribers are spread over the groups in turn; publishers are members of none
//! and publish to every group in turn, without asking for acks. The scenario `groups`, where the
//! members publish, is run here too: only its [`Audience`] is another.

pub(crate) mod ledger;
pub(crate) mod load;
pub(crate) mod receipts;
mod report;
pub(crate) mod settings;
pub(crate) mod shape;

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::load::Load;
use self::report::{FanoutReport, Phase};
use self::settings::{Audience, LoadArgs, Settings, Subprotocols};
use self::shape::{Publishing, Shape};
use crate::fleet::{Dial, Fleet};
use crate::histogram::Latencies;
use crate::limit::child::start_minimal;
use crate::open::open_all;
use crate::procfs::Process;
use crate::reader::Reader;
use crate::report::{Output, Report};
use crate::setup;
use crate::target::{Target, TargetArgs};
use crate::wire::envelope::{Envelope, Layout};
use crate::wire::publish::Publishes;
use crate::wire::subprotocol::Subprotocol;

/// Share of the saturated rate that the second phase takes unless told.
const FIXED_RATE_SHARE: f64 = 0.5;

/// Messages left at the end of the second phase without a word.
const UNSENT_MAX: usize = 100;

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

/// Runs the scenario; whether every delivery was right.
pub(crate) fn run(args: &FanoutArgs, output: &Output) -> Result<bool> {
    let order = Order {
        scenario: "fanout",
        target: &args.target,
        settings: &args.load,
        subprotocols: args.subprotocols,
        has_yardstick: args.yardstick,
    };
    order.run(output)
}

/// A scenario of publishing, ready to be run and told.
pub(crate) struct Order<'a, A: Audience> {
    pub(crate) scenario: &'static str,
    pub(crate) target: &'a TargetArgs,
    pub(crate) settings: &'a Settings<A>,
    pub(crate) subprotocols: Subprotocols,
    /// Whether the minimal writer gets the same load afterwards.
    pub(crate) has_yardstick: bool,
}

impl<A: Audience> Order<'_, A> {
    /// Tells the report; whether every delivery was right.
    pub(crate) fn run(self, output: &Output) -> Result<bool> {
        let Self { scenario, settings, subprotocols, .. } = self;
        setup::allow_sockets(settings.sockets()?)?;
        let mut target = Target::resolve(self.target)?;
        if self.target.metrics.is_none() {
            target.notes.push("frames per write unknown: --metrics was not given".into());
        }
        let result = drive(&target, settings, subprotocols)?;
        let is_clean = result.faults.is_clean();
        if !self.has_yardstick {
            return Report::new(scenario, target.cores(), result, is_clean).tell(output);
        }
        let core = target.cores().first().copied();
        let limit = start_minimal(core, settings.sockets()?)?;
        // The same fixed rate, so that both phases can be compared.
        let settings = settings.at_rate(result.fixed_rate);
        let limit_result = drive(&limit.target(), &settings, Subprotocols::JSON)?;
        let is_clean = is_clean && limit_result.faults.is_clean();
        let compared = result.against(limit_result);
        Report::new(scenario, target.cores(), compared, is_clean).tell(output)
    }
}

/// Both phases against one server.
pub(crate) fn drive<A: Audience>(
    target: &Target,
    settings: &Settings<A>,
    subprotocols: Subprotocols,
) -> Result<FanoutReport<A>> {
    let shape = settings.checked_shape(subprotocols)?;
    let args = &settings.pacing;
    let payload_bytes = usize::try_from(args.payload)?;
    let envelope = Envelope::of_group(subprotocols.subscribers);
    let layout = Layout::new(shape.groups, payload_bytes, envelope);
    let encoding = subprotocols.publishers.encoding();
    let encoding = encoding.context("publishers speak json or protobuf")?;
    let publishes = Publishes::new(&layout, encoding, shape.is_echoed());
    let mut fleet = Fleet::new(target.address, payload_bytes)?;
    let dials = dials(target, &layout, shape, subprotocols)?;
    let opening = open_all(&mut fleet, &dials, usize::try_from(args.concurrency)?)?;
    let server_memory = target.process.and_then(Process::memory);

    let mut load = Load::new(
        fleet,
        Reader::new(layout),
        publishes,
        subprotocols.subscribers,
        shape,
        target.process,
    );
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
        settings: settings.clone(),
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
    let dial = |group: &String| match shape.publishing {
        Publishing::Apart => target.dial(subscribers, Some(group)),
        Publishing::Members { .. } => target.dial_member(subscribers, group),
    };
    let by_group = layout.target_names().iter().map(dial).collect::<Result<Vec<_>>>()?;
    let mut dials: Vec<_> =
        (0..shape.subscribers).map(|index| by_group[shape.group_of(index)].clone()).collect();
    dials.resize(shape.clients(), target.dial(publishers, None)?);
    Ok(dials)
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
    notes.extend(load.reader.notes());
    notes
}
