//! Scenario `events`: user events of clients to an event handler and back, every echo checked; or
//! to event listeners, every ack checked and what was delivered compared with what was sent.
//!
//! Serves the handler itself, on an address that the server is configured to call, opens the
//! clients, tries one event, and then keeps every client busy (closed loop) or sends at a fixed
//! rate. The handler echoes, so what comes back can be compared with what was sent. Listeners
//! deliver to whatever the server is configured for; its metrics tell how much.

mod handler;
mod hint;
mod ledger;
mod listeners;
mod load;
mod report;

use std::net::SocketAddr;

use anyhow::{Result, bail, ensure};
use clap::Args;
use serde::Serialize;

use self::handler::Handler;
use self::listeners::Listeners;
use self::load::Load;
use self::report::{EventsReport, Phase};
use crate::clock::{NS_PER_MS, NS_PER_S};
use crate::fleet::Fleet;
use crate::open::open_all;
use crate::report::{Output, Report};
use crate::target::{Target, TargetArgs};
use crate::wire::envelope::Layout;
use crate::wire::event::EventKind;
use crate::wire::stamp::STAMP_BYTES;
use crate::wire::subprotocol::Subprotocol;
use crate::{procfs, setup};

/// For the first event: longer than a server repeats what it cannot post (events-webhook.md 7.3).
const FIRST_EVENT_NS_MAX: u64 = 15 * NS_PER_S;

#[derive(Args, Clone, Debug)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
pub(crate) struct LoadArgs {
    /// Connected clients, all of which send events
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) clients: u64,
    /// What the events are sent as
    #[arg(long, value_enum, default_value = "json")]
    pub(crate) kind: EventKind,
    /// Bytes of each payload, its stamp of 38 included
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u64).range(STAMP_BYTES as u64..=1_000_000))]
    pub(crate) payload: u64,
    /// Events of each client that may be under way
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) window: u64,
    /// Events per second in total; 0 for as many as answers allow
    #[arg(long, default_value_t = 0.0)]
    pub(crate) rate: f64,
    /// Measured seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// Seconds before the measurement starts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub(crate) warmup_seconds: u64,
    /// Where the handler served here listens; loopback only. Unused with `--kind listened`, for
    /// which none is served
    #[arg(long, default_value = "127.0.0.1:9080")]
    pub(crate) handler_listen: SocketAddr,
    /// What the handler waits before each answer, shorter than the patience of a run's end; unused
    /// with `--kind listened`
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=4000))]
    pub(crate) handler_delay_ms: u64,
    /// Connections being opened at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) concurrency: u64,
}

/// Runs the scenario; whether every event was answered, and rightly, and listeners dropped none.
pub(crate) fn run(args: &EventsArgs, output: &Output) -> Result<bool> {
    let load = &args.load;
    let is_rate = load.rate == 0.0 || (1.0..=1e8).contains(&load.rate);
    ensure!(is_rate, "--rate is 0, or 1 to 1e8");
    procfs::require_loopback(load.handler_listen.ip())?;
    // The server works on one event of a client at a time, so it calls the handler on as many
    // connections at most.
    let sockets_each = if load.kind.has_echoes() { 2 } else { 1 };
    setup::allow_sockets(sockets_each * usize::try_from(load.clients)?)?;
    let target = Target::resolve(&args.target)?;
    let result = drive(&target, &args.target.hub, load)?;
    let is_clean = result.faults.is_clean();
    Report::new("events", target.cores(), result, is_clean).tell(output)
}

fn drive(target: &Target, hub: &str, args: &LoadArgs) -> Result<EventsReport> {
    let clients = usize::try_from(args.clients)?;
    let payload_bytes = usize::try_from(args.payload)?;
    // Before the clients: their coming may be an event too.
    let serve = || Handler::start(args.handler_listen, args.handler_delay_ms * NS_PER_MS);
    let handler = args.kind.has_echoes().then(serve).transpose()?;
    let layout = Layout::new(clients, payload_bytes, args.kind.envelope());
    let dial = match args.kind {
        EventKind::Json | EventKind::Listened => target.dial(Subprotocol::Json, None)?,
        // Without a mode in its URL a simple client sends events (client-connect.md 7.1).
        EventKind::Simple => target.dial(Subprotocol::Simple, None)?,
    };
    let mut fleet = Fleet::new(target.address, payload_bytes)?;
    let concurrency = usize::try_from(args.concurrency)?;
    let opening = open_all(&mut fleet, &vec![dial; clients], concurrency)?;

    let window = usize::try_from(args.window)?;
    let mut load = Load::new(fleet, handler, layout, args.kind, window, target.process);
    let has_listeners = !args.kind.has_echoes();
    let mut listeners = has_listeners.then(|| Listeners::find(target)).transpose()?;
    if !load.try_one(FIRST_EVENT_NS_MAX + args.handler_delay_ms * NS_PER_MS)? {
        bail!("{}", hint::first_event_failed(&load, hub));
    }
    if let Some(listeners) = &mut listeners {
        listeners.drain(&mut load)?;
        let is_delivered = listeners.have_delivered();
        ensure!(is_delivered, "{}", hint::first_event_undelivered(listeners, hub));
    }
    let phase = measure(target, args, &mut load, listeners.as_mut())?;
    let mut notes = target.notes.clone();
    notes.extend(notes_of(&load));
    let mut faults = load.finish()?;
    if let Some(listeners) = listeners {
        faults.dropped_by_listeners = listeners.dropped();
        notes.extend(listeners.notes(phase.as_ref().and_then(|phase| phase.listened.as_ref())));
    }
    if let Some(error) = load.handler.and_then(Handler::into_error) {
        notes.push(format!("{error:#}"));
    }
    Ok(EventsReport {
        server: target.address,
        settings: args.clone(),
        opening,
        phase,
        faults,
        notes,
    })
}

/// The one phase of a run; `None` when it broke off before.
fn measure(
    target: &Target,
    args: &LoadArgs,
    load: &mut Load,
    mut listeners: Option<&mut Listeners<'_>>,
) -> Result<Option<Phase>> {
    let is_paced = args.rate > 0.0;
    // Full queues are what saturation is, except that what waits for listeners would be delivered
    // in the phase without having been sent in it.
    let is_warmed_up_before = is_paced || listeners.is_some();
    if is_warmed_up_before && !warm_up(args, load, listeners.as_deref_mut())? {
        return Ok(None);
    }
    let warmup_s = if is_warmed_up_before { 0 } else { args.warmup_seconds };
    let ((measured, listened), frames_per_write) = target.frames_per_write_of(|| {
        let before = listeners.as_ref().map(|listeners| listeners.mark(load));
        let measured = match args.rate {
            0.0 => load.saturate(warmup_s, args.seconds)?,
            rate => load.pace(rate, args.seconds)?,
        };
        load.settle()?;
        let ended = listeners.zip(before).map(|(listeners, before)| listeners.end(&before, load));
        Ok((measured, ended.transpose()?))
    })?;
    let name = if is_paced { "fixed rate" } else { "closed loop" };
    let phase = Phase {
        frames_per_write,
        generator_lag: is_paced.then(|| load.timing.lags.quantiles()),
        ..Phase::new(name, &measured, &load.timing)
    };
    Ok(Some(match listened {
        Some(listened) => phase.with_listened(listened),
        None => phase,
    }))
}

/// A phase that is not measured and leaves nothing behind; whether it went so.
fn warm_up(
    args: &LoadArgs,
    load: &mut Load,
    listeners: Option<&mut Listeners<'_>>,
) -> Result<bool> {
    match args.rate {
        0.0 => load.saturate(0, args.warmup_seconds)?,
        rate => load.pace(rate, args.warmup_seconds)?,
    };
    load.settle()?;
    let is_empty = listeners.map_or(Ok(true), |listeners| listeners.drain(load))?;
    Ok(is_empty && load.ledger.outstanding() == 0 && load.is_sound())
}

fn notes_of(load: &Load) -> Vec<String> {
    let closed = load.fleet.lost.iter().map(|(reason, count)| format!("{count} clients: {reason}"));
    let mut notes: Vec<_> = closed.collect();
    if load.parsed_slowly > 0 {
        notes.push(format!(
            "{} echoes had another layout and went through the JSON parser; the generator's CPU \
             time is not comparable",
            load.parsed_slowly
        ));
    }
    let (sent, handler) = (load.ledger.sent, load.handler.as_ref());
    if let Some(handled) = handler.map(Handler::events).filter(|handled| *handled != sent) {
        notes.push(format!(
            "the handler got {handled} events and {sent} were sent: the server repeated some, \
             left some out, or posts others too (systemEvents)"
        ));
    }
    if let Some(reason) = handler.and_then(Handler::refusal) {
        notes.push(format!("the handler gave up a connection: {reason}"));
    }
    if let Some(text) = &load.first_failure {
        notes.push(format!("first failure: {text}"));
    }
    if let Some(text) = &load.first_unreadable {
        notes.push(format!("first unreadable message: {text}"));
    }
    notes
}
