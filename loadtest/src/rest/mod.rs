//! Scenario `rest`: sends by the REST API, every answer and every delivery checked.
//!
//! Opens one JSON client for each user and the HTTP connections, runs a closed loop to saturation
//! and then a fixed rate below it (or only the rate that was asked for), and settles after each.
//! Requests and their tokens are made before any clock starts: they are the caller's work.

mod ledger;
mod load;
pub(crate) mod pool;
mod report;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;

use self::ledger::Shape;
use self::load::{Load, Timing};
use self::report::{Phase, RestReport};
use crate::fleet::{Dial, Fleet};
use crate::open::open_all;
use crate::reader::Reader;
use crate::report::{Output, Report};
use crate::setup;
use crate::target::{Target, TargetArgs};
use crate::token::Identity;
use crate::wire::envelope::{self, Envelope, Layout};
use crate::wire::stamp::STAMP_BYTES;

/// Share of the saturated rate that the second phase takes unless told.
const FIXED_RATE_SHARE: f64 = 0.5;

#[derive(Args, Clone, Debug)]
pub(crate) struct RestArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    load: LoadArgs,
}

/// Whom a request is for (rest-api.md 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Addressee {
    /// Each user in turn, with one client each
    User,
    /// Each group in turn; users are spread over the groups
    Group,
    /// Every client of the hub
    All,
}

#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct LoadArgs {
    /// Whom the requests are for
    #[arg(long, value_enum, default_value = "user")]
    pub(crate) target: Addressee,
    /// Connected clients, one user each
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) users: u64,
    /// With `--target group`; at most one for each user
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) groups: u64,
    /// HTTP connections, kept open
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) connections: u64,
    /// Requests in flight on each HTTP connection
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) pipeline: u64,
    /// Bytes of each payload, its stamp of 38 included
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u64).range(STAMP_BYTES as u64..=1_000_000))]
    pub(crate) payload: u64,
    /// Measured seconds of each phase
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// Seconds of the first phase before its measurement starts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub(crate) warmup_seconds: u64,
    /// Requests per second at the fixed rate; 0 for a closed loop first and then half of its rate
    #[arg(long, default_value_t = 0.0)]
    pub(crate) rate: f64,
    /// Connections being opened at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) concurrency: u64,
}

impl LoadArgs {
    fn shape(&self) -> Result<Shape> {
        let targets = match self.target {
            Addressee::User => self.users,
            Addressee::Group => self.groups,
            Addressee::All => 1,
        };
        ensure!(targets <= self.users, "a group without users delivers nothing");
        let is_rate = self.rate == 0.0 || (1.0..=1e8).contains(&self.rate);
        ensure!(is_rate, "--rate is 0, or 1 to 1e8");
        Ok(Shape { clients: usize::try_from(self.users)?, targets: usize::try_from(targets)? })
    }
}

impl Addressee {
    fn envelope(self) -> Envelope {
        match self {
            Self::Group => Envelope::JSON_GROUP,
            Self::User | Self::All => Envelope::Server,
        }
    }

    /// Path of the target called `name` within the hub.
    fn place(self, name: &str) -> String {
        match self {
            Self::User => format!("users/{name}/"),
            Self::Group => format!("groups/{name}/"),
            Self::All => String::new(),
        }
    }
}

/// Runs the scenario; whether every answer and every delivery was right.
pub(crate) fn run(args: &RestArgs, output: &Output) -> Result<bool> {
    setup::allow_sockets(usize::try_from(args.load.users + args.load.connections)?)?;
    let mut target = Target::resolve(&args.target)?;
    if args.target.metrics.is_none() {
        target.notes.push("frames per write unknown: --metrics was not given".into());
    }
    let result = drive(&target, &args.load)?;
    let is_clean = result.faults.is_clean();
    Report::new("rest", target.cores(), result, is_clean).tell(output)
}

fn drive(target: &Target, args: &LoadArgs) -> Result<RestReport> {
    let shape = args.shape()?;
    let payload_bytes = usize::try_from(args.payload)?;
    let layout = Layout::new(shape.targets, payload_bytes, args.target.envelope());
    let heads = (0..shape.targets)
        .map(|index| target.send_head(&args.target.place(layout.target_name(index)), payload_bytes))
        .collect::<Result<Vec<_>>>()?;
    let dials = dials(target, &layout, shape, args)?;
    let mut fleet = Fleet::new(target.address, payload_bytes)?;
    let opening = open_all(&mut fleet, &dials, usize::try_from(args.concurrency)?)?;

    let places_each = usize::try_from(args.pipeline)?;
    let mut load = Load::new(fleet, Reader::new(layout), heads, shape, places_each, target.process);
    let mut phases = Vec::new();
    let fixed_rate = if args.rate > 0.0 {
        load.pace(args.rate, args.warmup_seconds)?;
        load.settle()?;
        args.rate
    } else {
        let (saturated, frames_per_write) = target.frames_per_write_of(|| {
            let measured = load.saturate(args.warmup_seconds, args.seconds)?;
            load.settle()?;
            Ok(measured)
        })?;
        phases.push(Phase::new("closed loop", &saturated, frames_per_write));
        (saturated.accepted as f64 / saturated.usage.seconds * FIXED_RATE_SHARE).max(1.0)
    };

    if load.ledger.outstanding() == 0 && load.is_sound() {
        load.timing = Timing::new();
        let (paced, frames_per_write) = target.frames_per_write_of(|| {
            let measured = load.pace(fixed_rate, args.seconds)?;
            load.settle()?;
            Ok(measured)
        })?;
        phases.push(Phase::new("fixed rate", &paced, frames_per_write).with_timing(&load.timing));
    }
    let mut notes = target.notes.clone();
    notes.extend(notes_of(&load));
    let faults = load.finish()?;
    Ok(RestReport {
        server: target.address,
        settings: args.clone(),
        opening,
        phases,
        fixed_rate,
        faults,
        notes,
    })
}

/// A client for each user, then the HTTP connections.
fn dials(target: &Target, layout: &Layout, shape: Shape, args: &LoadArgs) -> Result<Vec<Dial>> {
    let connections = usize::try_from(args.connections)?;
    let clients = (0..shape.clients).map(|client| {
        let is_member = args.target == Addressee::Group;
        let group = is_member.then(|| layout.target_name(shape.target_of(client)));
        target.dial_known(Identity { user: Some(&envelope::name(client)), group })
    });
    clients.chain(std::iter::repeat_n(Dial::http(), connections).map(Ok)).collect()
}

fn notes_of(load: &Load) -> Vec<String> {
    let closed =
        load.fleet.lost.iter().map(|(reason, count)| format!("{count} connections: {reason}"));
    let mut notes: Vec<_> = closed.collect();
    if let Some(text) = &load.first_refusal {
        notes.push(format!("first refusal: {text}"));
    }
    notes.extend(load.reader.notes());
    notes
}
