//! What a run of user events found.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

use clap::ValueEnum;
use serde::Serialize;

use crate::events::LoadArgs;
use crate::events::ledger::Faults;
use crate::events::listeners::{Deliveries, Listened};
use crate::events::load::{Measured, Timing};
use crate::histogram::Quantiles;
use crate::meter::{GENERATOR_BOUND_SHARE, Usage};
use crate::open::Opening;
use crate::procfs::Process;
use crate::report::{grouped, row, row_if};
use crate::setup;

#[derive(Serialize)]
pub(crate) struct EventsReport {
    pub(crate) server: SocketAddr,
    pub(crate) settings: LoadArgs,
    pub(crate) opening: Opening,
    pub(crate) phase: Option<Phase>,
    pub(crate) faults: Faults,
    pub(crate) notes: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    /// Those that got all they are owed.
    pub(crate) events: u64,
    pub(crate) events_per_s: f64,
    /// Events posted to the handler, if there is one; more than `events` when the server repeats
    /// some.
    pub(crate) handled: Option<u64>,
    /// Of the measured seconds; with listeners also of the time until they had the last event.
    pub(crate) server_cpu_us_per_event: Option<f64>,
    pub(crate) generator_cpu_us_per_event: f64,
    pub(crate) split: Option<Split>,
    /// What listeners made of the events, where only they get them.
    pub(crate) listened: Option<Listened>,
    pub(crate) frames_per_write: Option<f64>,
    pub(crate) usage: Usage,
    /// From the time an event was due to the last of its answers.
    pub(crate) latency: Quantiles,
    /// How late the generator sent; part of the latency that is not the server's. Waiting for a
    /// client to become free is not in it. Only where there is a schedule to be late for.
    pub(crate) generator_lag: Option<Quantiles>,
}

/// The generator's CPU time by thread.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Split {
    pub(crate) client_cpu_us_per_event: f64,
    pub(crate) handler_cpu_us_per_event: f64,
    pub(crate) client_cpu_share: f64,
    pub(crate) handler_cpu_share: f64,
}

impl Phase {
    pub(crate) fn new(name: &'static str, measured: &Measured, timing: &Timing) -> Self {
        let &Measured { answered, handled, mut usage, .. } = measured;
        let split = Split::of(measured);
        if let Some(split) = split
            && setup::cores_of(Process::own()).len() > 1
        {
            // Two threads that may run side by side: what binds is the busier one, not their sum.
            let busier = split.client_cpu_share.max(split.handler_cpu_share);
            usage.is_generator_bound = busier > GENERATOR_BOUND_SHARE;
        }
        Self {
            name,
            events: answered,
            events_per_s: answered as f64 / usage.seconds,
            handled,
            server_cpu_us_per_event: usage.server_ns_per(answered).map(|ns| ns / 1e3),
            generator_cpu_us_per_event: usage.generator_ns_per(answered) / 1e3,
            split,
            listened: None,
            frames_per_write: None,
            usage,
            latency: timing.answers.quantiles(),
            generator_lag: None,
        }
    }

    /// What the server does about events after their acks is part of what they cost.
    pub(crate) fn with_listened(self, listened: Listened) -> Self {
        let server_ns = listened.usage.server_ns_per(listened.sent);
        Self {
            server_cpu_us_per_event: server_ns.map(|ns| ns / 1e3),
            listened: Some(listened),
            ..self
        }
    }
}

impl Split {
    fn of(measured: &Measured) -> Option<Self> {
        let Measured { usage, answered, .. } = measured;
        let handler_ns = measured.handler_cpu_ns?;
        let client_ns = usage.generator_cpu_ns.saturating_sub(handler_ns);
        let us_per_event = |ns: u64| ns as f64 / 1e3 / (*answered).max(1) as f64;
        let share = |ns: u64| ns as f64 / 1e9 / usage.seconds;
        Some(Self {
            client_cpu_us_per_event: us_per_event(client_ns),
            handler_cpu_us_per_event: us_per_event(handler_ns),
            client_cpu_share: share(client_ns),
            handler_cpu_share: share(handler_ns),
        })
    }
}

impl Display for EventsReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let LoadArgs { clients, kind, payload, window, .. } = self.settings;
        let LoadArgs { handler_listen, handler_delay_ms, .. } = self.settings;
        write!(
            out,
            "{clients} {kind} clients with {window} in flight each, {payload} B, server {}, ",
            self.server
        )?;
        match kind.has_echoes() {
            true => {
                writeln!(out, "handler {handler_listen} with a delay of {handler_delay_ms} ms")?
            }
            false => writeln!(out, "event listeners only")?,
        }
        writeln!(out, "connect")?;
        row(out, "connections/s", grouped(self.opening.connections_per_s))?;
        row(out, "latency", self.opening.latency)?;
        if let Some(phase) = &self.phase {
            write!(out, "{phase}")?;
        }
        writeln!(out, "verification")?;
        let is_clean = self.faults.is_clean();
        let verdict = match (is_clean, kind.has_echoes()) {
            (true, true) => "every echo as expected",
            (true, false) => "every ack as expected",
            (false, _) => "FAILED",
        };
        row(out, verdict, &self.faults)?;
        self.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
    }
}

impl Display for Phase {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} ({:.1} s measured)", self.name, self.usage.seconds)?;
        row(out, "events/s", grouped(self.events_per_s))?;
        if let Some(listened) = &self.listened {
            write!(out, "{listened}")?;
        }
        let server = self.server_cpu_us_per_event.map(|us| format!("{us:.1} µs"));
        row_if(out, "server CPU per event", server)?;
        let generator = format!("{:.1} µs", self.generator_cpu_us_per_event);
        row(out, "generator CPU per event", generator)?;
        row_if(out, "of it", self.split)?;
        row(out, "CPU share of one core", self.usage)?;
        let frames_per_write = self.frames_per_write.map(|frames| format!("{frames:.1}"));
        row_if(out, "frames per write", frames_per_write)?;
        row(out, "latency", self.latency)?;
        row_if(out, "of it, generator late by", self.generator_lag)
    }
}

impl Display for Listened {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { sent, usage, deliveries } = self;
        let Some(deliveries) = deliveries else { return Ok(()) };
        let Deliveries { delivered, delivered_per_s, dropped, dropped_per_s, queued } = deliveries;
        let per_s = |events: u64, per_s: f64| format!("{events} ({}/s)", grouped(per_s));
        let delivered = per_s(*delivered, *delivered_per_s);
        row(out, "delivered by listeners", format_args!("{delivered} of {sent} sent"))?;
        row(out, "dropped by listeners", per_s(*dropped, *dropped_per_s))?;
        let seconds = usage.seconds;
        row(out, "left in their queues", format_args!("{queued} after {seconds:.1} s"))
    }
}

impl Display for Split {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { client_cpu_us_per_event, handler_cpu_us_per_event, .. } = self;
        let (client, handler) = (self.client_cpu_share * 100.0, self.handler_cpu_share * 100.0);
        write!(
            out,
            "clients {client_cpu_us_per_event:.1} µs ({client:.0} %), \
             handler {handler_cpu_us_per_event:.1} µs ({handler:.0} %)"
        )
    }
}

impl Display for Faults {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { failed, lost, unacknowledged, unsent, reordered, .. } = self;
        let Self { duplicates, wrong_client, unreadable, clients_closed, .. } = self;
        let Self { dropped_by_listeners, .. } = self;
        write!(
            out,
            "failed {failed}, lost {lost}, unacknowledged {unacknowledged}, unsent {unsent}, \
             reordered {reordered}, duplicates {duplicates}, wrong client {wrong_client}, \
             unreadable {unreadable}, clients closed {clients_closed}, dropped by listeners \
             {dropped_by_listeners}"
        )
    }
}

impl Display for crate::wire::event::EventKind {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| out.write_str(value.get_name()))
    }
}
