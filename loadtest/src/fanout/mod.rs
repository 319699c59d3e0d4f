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
use crate::beside::{self, BesideArgs};
use crate::fleet::{Dial, Fleet};
use crate::histogram::Latencies;
use crate::open::open_all;
use crate::procfs::Process;
use crate::reader::Reader;
use crate::report::{Output, grouped};
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
    #[command(flatten)]
    beside: BesideArgs,
}

/// Runs the scenario; whether every delivery was right.
pub(crate) fn run(args: &FanoutArgs, output: &Output) -> Result<bool> {
    let order = Order {
        scenario: "fanout",
        target: &args.target,
        settings: &args.load,
        subprotocols: args.subprotocols,
        beside: &args.beside,
    };
    order.run(output)
}

/// A scenario of publishing, ready to be run and told.
pub(crate) struct Order<'a, A: Audience> {
    pub(crate) scenario: &'static str,
    pub(crate) target: &'a TargetArgs,
    pub(crate) settings: &'a Settings<A>,
    pub(crate) subprotocols: Subprotocols,
    /// Who gets the same load afterwards.
    pub(crate) beside: &'a BesideArgs,
}

impl<A: Audience> Order<'_, A> {
    /// Tells the report; whether every delivery was right.
    pub(crate) fn run(self, output: &Output) -> Result<bool> {
        let Self { scenario, settings, subprotocols, .. } = self;
        let (others, sockets) = (self.beside.others()?, settings.sockets()?);
        setup::allow_sockets(sockets)?;
        let mut target = Target::resolve(self.target)?;
        if self.target.metrics.is_none() {
            target.notes.push("frames per write unknown: --metrics was not given".into());
        }
        let result = drive(&target, settings, subprotocols, None)?;
        let measured = (result, target.cores());
        beside::conclude(scenario, measured, (&others, sockets), output, |other, result| {
            drive(other, settings, Subprotocols::JSON, Some(result.fixed_rate))
        })
    }
}

/// Both phases against one server. Where it is put beside another, `rate` is that one's in the
/// second, so that both can be compared.
pub(crate) fn drive<A: Audience>(
    target: &Target,
    settings: &Settings<A>,
    subprotocols: Subprotocols,
    rate: Option<f64>,
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
    let (fixed_rate, note) = fixed_rate(args.rate, rate, saturated_rate);

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
    notes.extend(note);
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

/// Publishes per second of the second phase: those of the server it is put beside, or as many as
/// are asked for, or a share of what the closed loop reached; a note where it has to be the last.
fn fixed_rate(
    asked: Option<f64>,
    beside: Option<f64>,
    saturated_rate: f64,
) -> (f64, Option<String>) {
    let own_rate = (saturated_rate * FIXED_RATE_SHARE).max(1.0);
    match beside {
        // It would only fill queues.
        Some(rate) if rate > saturated_rate => {
            let note = format!(
                "the fixed rate is half of what the closed loop reached: the server's, {} \
                 publishes/s, is beyond it",
                grouped(rate)
            );
            (own_rate, Some(note))
        }
        Some(rate) => (rate, None),
        None => (asked.unwrap_or(own_rate), None),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_beside_another_takes_its_rate_if_it_can() {
        assert_eq!(fixed_rate(None, None, 900.0), (450.0, None));
        assert_eq!(fixed_rate(Some(2000.0), None, 900.0), (2000.0, None));
        assert_eq!(fixed_rate(None, Some(800.0), 900.0), (800.0, None));
        let (rate, note) = fixed_rate(Some(2000.0), Some(2000.0), 900.0);
        assert!(rate == 450.0 && note.is_some_and(|note| note.contains("2,000 publishes/s")));
    }
}
