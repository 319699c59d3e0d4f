//! Scenario `churn`: clients come and go while publishers publish to their groups, every delivery
//! checked.
//!
//! With all clients in, the run first publishes alone, so that the cost of the coming and going
//! can be told from that of publishing. Then clients come at a rate, or as fast as they open, and
//! for each the longest member leaves; or, in a storm, all are disconnected at once and come back,
//! reliable ones to the connections they had.
//! Memory is read with the same number of clients before and after.

mod crowd;
mod ledger;
mod load;
mod recovery;
mod report;
mod seen;
mod settings;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use self::crowd::{Crowd, Goodbyes};
use self::ledger::Faults;
use self::load::Load;
use self::recovery::Recovery;
use self::report::ChurnReport;
use self::seen::{Seen, Silence};
pub(crate) use self::settings::ChurnArgs;
use self::settings::{ChurnSettings, Plan};
use crate::clock;
use crate::fanout::receipts::Receipts;
use crate::generators::sum::{self, Site};
use crate::generators::{self, Part};
use crate::open::{Arrival, open_all};
use crate::pace::{Patience, TURN_NS_MAX};
use crate::procfs::{Memory, Process};
use crate::progress::Progress;
use crate::reader::Reader;
use crate::report::{Output, Report};
use crate::steady;
use crate::target::Target;
use crate::wire::envelope::{Envelope, Layout};
use crate::wire::publish::Publishes;
use crate::wire::subprotocol::{Encoding, Subprotocol};

/// What one process measured.
#[derive(Serialize, Deserialize)]
struct Measured {
    site: Site,
    /// Publishing alone.
    steady: Seen,
    /// Coming and going, or the storm.
    stirred: Seen,
    memory_before: Option<Memory>,
    memory_after: Option<Memory>,
    left_orderly: u64,
    left_abruptly: u64,
    recovered: u64,
    repeated: u64,
    faults: Faults,
}

/// Runs the scenario; whether every client came in and got everything it was owed.
pub(crate) fn run(args: &ChurnArgs, output: &Output) -> Result<bool> {
    let parts = generators::run(&args.generators, args.target.url.len(), |part| {
        let plan = args.settings.plan(part)?;
        drive(part, &part.target(&args.target)?, &args.settings, &plan)
    })?;
    let Some(parts) = parts else { return Ok(true) };
    let cores = sum::cores(parts.iter().map(|part| &part.site));
    let report = ChurnReport::of(&args.settings, &parts);
    let is_clean = report.faults.is_clean();
    Report::new("churn", cores, report, is_clean).tell(output)
}

fn drive(part: &Part, target: &Target, settings: &ChurnSettings, plan: &Plan) -> Result<Measured> {
    let mut load = prepare(part, target, settings, plan)?;
    part.meet(&mut load.fleet)?;
    load.fill(Arrival::AtATime(plan.concurrency), plan.concurrency)?;
    let memory_before = memory(&mut load, target.process)?;
    part.meet(&mut load.fleet)?;

    load.publish_from_now(plan.publish_rate);
    let steady = load.observe(|load| load.stay(settings.steady_seconds))?;
    let stirred = load.observe(|load| match plan.arrival {
        Some(arrival) => load.churn(arrival, settings.seconds),
        None => storm(load, plan, settings.jitter_ms),
    })?;
    load.settle()?;
    part.meet(&mut load.fleet)?;
    let memory_after = memory(&mut load, target.process)?;
    part.meet(&mut load.fleet)?;

    let mut site = Site::of(target);
    site.notes
        .extend(load.fleet.lost.iter().map(|(reason, count)| format!("{count} clients: {reason}")));
    site.notes.extend(load.reader.notes());
    let faults = load.finish()?;
    Ok(Measured {
        site,
        steady,
        stirred,
        memory_before,
        memory_after,
        left_orderly: load.goodbyes.orderly(),
        left_abruptly: load.goodbyes.abrupt(),
        recovered: load.recovered,
        repeated: load.repeated,
        faults,
    })
}

/// Everything but the members, who are still to come.
fn prepare(part: &Part, target: &Target, settings: &ChurnSettings, plan: &Plan) -> Result<Load> {
    let payload_bytes = usize::try_from(settings.payload)?;
    let subprotocol = settings.subprotocol;
    let layout = Layout::new(plan.groups, payload_bytes, Envelope::of_group(subprotocol));
    let publishes = Publishes::new(&layout, Encoding::Json, true);
    let sockets = plan.publishers + plan.slots;
    let mut fleet = part.fleet(target, sockets, payload_bytes)?;
    let publisher = target.dial(Subprotocol::Json, None)?;
    open_all(&mut fleet, &vec![publisher; plan.publishers], plan.concurrency)?;
    let recovers = plan.recovers;
    if recovers {
        fleet.greetings = Some(Vec::new());
    }
    let members = layout.target_names().iter();
    let dials = members.map(|group| target.dial(subprotocol, Some(group)));
    Ok(Load::new(load::Setup {
        dials: dials.collect::<Result<_>>()?,
        fleet,
        crowd: Crowd::new(plan.clients, plan.slots),
        goodbyes: Goodbyes::new(plan.abrupt_percent),
        reader: Reader::new(layout),
        receipts: Receipts::new(subprotocol, plan.publishers..sockets),
        recovery: recovers.then(|| Recovery::new(target, subprotocol, plan.slots)),
        publishes,
        publishers: plan.publishers,
        slots: plan.slots,
        server: target.process,
    }))
}

/// Disconnects all at once and lets them come back, until each has been delivered to again.
fn storm(load: &mut Load, plan: &Plan, jitter_ms: u64) -> Result<()> {
    load.silence = Some(Silence::begin(plan.clients, clock::now_ns()));
    load.cut_all()?;
    let arrival = match jitter_ms {
        0 => Arrival::AtATime(plan.concurrency),
        jitter_ms => Arrival::PerSecond(plan.clients as f64 * 1e3 / jitter_ms as f64),
    };
    load.fill(arrival, plan.concurrency)?;
    let mut progress = Progress::new("storm");
    let mut patience = Patience::start();
    while load.is_sound()
        && let Some(silent) = load.silence.as_ref().map(Silence::count).filter(|&count| count > 0)
    {
        load.step(TURN_NS_MAX)?;
        patience.check((plan.clients - silent) as u64, "nothing more was delivered")?;
        load.tell(&mut progress);
    }
    Ok(())
}

fn memory(load: &mut Load, server: Option<Process>) -> Result<Option<Memory>> {
    server.map(|server| steady::memory(&mut load.fleet, server)).transpose()
}
