//! Scenario `mixed`: what a deployment has at once, every delivery checked.
//!
//! Subscribers of every subprotocol are in the same groups; publishers apart, some of the members
//! and the REST API send to them. First everything happens at fixed rates; then the publishers
//! apart run a closed loop while the others keep their rates. The ledger is that of `fanout`, to
//! which everybody who sends is a publisher.

mod load;
mod receivers;
mod report;
mod senders;
mod settings;

use anyhow::Result;
use clap::Args;

use self::load::Load;
use self::report::{MixedReport, Phase};
use self::settings::{Cast, MixedSettings};
use crate::fleet::{Dial, Fleet};
use crate::open::open_all;
use crate::report::{Output, Report};
use crate::setup;
use crate::target::{Target, TargetArgs};
use crate::wire::envelope;
use crate::wire::subprotocol::Subprotocol;

/// Messages left at the end of a phase without a word.
const UNSENT_MAX: usize = 100;

#[derive(Args, Clone, Debug)]
pub(crate) struct MixedArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    settings: MixedSettings,
}

/// Runs the scenario; whether every delivery and every answer was right.
pub(crate) fn run(args: &MixedArgs, output: &Output) -> Result<bool> {
    let cast = args.settings.cast()?;
    setup::allow_sockets(cast.clients())?;
    let target = Target::resolve(&args.target)?;
    let result = drive(&target, &args.settings, &cast)?;
    let is_clean = result.is_clean();
    Report::new("mixed", target.cores(), result, is_clean).tell(output)
}

fn drive(target: &Target, settings: &MixedSettings, cast: &Cast) -> Result<MixedReport> {
    let payload_bytes = usize::try_from(settings.payload)?;
    let heads = if cast.connections.is_empty() {
        Vec::new()
    } else {
        let place = |group| format!("groups/{}/", envelope::name(group));
        let heads = (0..cast.groups).map(|group| target.send_head(&place(group), payload_bytes));
        heads.collect::<Result<_>>()?
    };
    let mut fleet = Fleet::new(target.address, payload_bytes)?;
    let concurrency = usize::try_from(settings.concurrency)?;
    let opening = open_all(&mut fleet, &dials(target, cast)?, concurrency)?;
    let mut load = Load::new(fleet, cast, payload_bytes, heads, target.process);

    let mut phases = Vec::new();
    let MixedSettings { publish_rate, seconds, .. } = *settings;
    let window = usize::try_from(settings.window)?;
    for (name, rate, window) in [("fixed rate", publish_rate, 0), ("closed loop", 0.0, window)] {
        if load.ledger.outstanding() > 0 || !load.is_sound() {
            break;
        }
        let (measured, frames_per_write) = target.frames_per_write_of(|| {
            load.publishers.start(rate, seconds);
            load.members.start(settings.member_rate, seconds);
            load.rest.start(settings.rest_rate, seconds);
            let measured = load.run(name, window, seconds)?;
            load.settle()?;
            Ok(measured)
        })?;
        phases.push(Phase::new(name, &load, &measured, frames_per_write));
    }
    let mut notes = target.notes.clone();
    notes.extend(notes_of(&load));
    load.finish()?;
    Ok(MixedReport {
        server: target.address,
        settings: settings.clone(),
        opening,
        phases,
        faults: load.ledger.faults,
        http_faults: load.http,
        notes,
    })
}

/// In the order of the cast.
fn dials(target: &Target, cast: &Cast) -> Result<Vec<Dial>> {
    let mut dials = Vec::with_capacity(cast.clients());
    for (subprotocol, clients) in &cast.receivers {
        let names = (0..cast.groups).map(envelope::name);
        let by_group = names.map(|group| target.dial(*subprotocol, Some(&group)));
        let by_group = by_group.collect::<Result<Vec<_>>>()?;
        dials.extend(clients.clone().map(|client| by_group[client % cast.groups].clone()));
    }
    let publishers = [Subprotocol::Json, Subprotocol::Protobuf];
    let publishers = publishers.map(|subprotocol| target.dial(subprotocol, None));
    let [json, protobuf] = publishers;
    let (json, protobuf) = (json?, protobuf?);
    for place in 0..cast.publishers.len() {
        dials.push(if place.is_multiple_of(2) { json.clone() } else { protobuf.clone() });
    }
    dials.extend(cast.connections.clone().map(|_| Dial::http()));
    Ok(dials)
}

fn notes_of(load: &Load) -> Vec<String> {
    let closed = load.fleet.lost.iter().map(|(reason, count)| format!("{count} clients: {reason}"));
    let mut notes: Vec<_> = closed.collect();
    for senders in [&load.publishers, &load.members, &load.rest] {
        // A few are due since the last turn.
        if senders.unsent > UNSENT_MAX {
            let (unsent, name) = (senders.unsent, senders.name);
            notes.push(format!("{unsent} messages of {name} were due and not sent"));
        }
    }
    notes.extend(load.first_refusal.as_ref().map(|text| format!("first refusal: {text}")));
    for receivers in &load.receivers {
        let subprotocol = receivers.subprotocol;
        let of_reader = receivers.reader.notes().into_iter();
        notes.extend(of_reader.map(|note| format!("{subprotocol}: {note}")));
    }
    notes
}
