//! Scenario `limit`: the yardstick, what this machine allows a server at best.
//!
//! Three minimal servers, each a child process of one thread, measured by the same generator in
//! the same minute as the server they are compared with:
//! - `stream` writes prebuilt frames to every socket in turn, a chosen number at a time, by `send`
//!   and by io_uring;
//! - `coalesce` reads publishes and joins the frames of a turn into one `send` per subscriber;
//! - `bare-accept` accepts and answers the upgrade.
//!
//! They check nothing, limit nothing and forget nobody. `stream` is a floor for its number of
//! frames per write; `coalesce` is not quite one, since a server that reads more before it
//! flushes joins more frames.

pub(crate) mod child;
mod minimal;
mod stream;

use std::fmt::{self, Display, Formatter};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;

use self::child::StreamOrder;
pub(crate) use self::child::{LimitServerArgs, serve};
use self::stream::{Engine, StreamRow};
use crate::beside::Outcome;
use crate::connect::{self, ConnectReport};
use crate::fanout;
use crate::fanout::settings::{LoadArgs, Subprotocols};
use crate::generators::Part;
use crate::open::Arrival;
use crate::report::{Output, Report, grouped};
use crate::setup;
use crate::wire::subprotocol::Subprotocol;

#[derive(Args, Clone, Debug)]
pub(crate) struct LimitArgs {
    #[arg(long, value_enum, default_value = "stream")]
    mode: Mode,
    #[command(flatten)]
    load: LoadArgs,
    /// Frames in one write of the stream; several are run one after the other
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32], value_parser = clap::value_parser!(u32).range(1..=4096))]
    frames_per_write: Vec<u32>,
    /// How the stream is written; several take turns
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Engine::Epoll, Engine::IoUring])]
    engine: Vec<Engine>,
    /// Core of the minimal server
    #[arg(long)]
    server_core: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Prebuilt frames to --subscribers sockets
    Stream,
    /// The fanout scenario against a minimal coalescing server
    Coalesce,
    /// The connect scenario, --subscribers connections, against a minimal accepting server
    BareAccept,
}

/// Runs the scenario; whether everything that was sent arrived.
pub(crate) fn run(args: &LimitArgs, output: &Output) -> Result<bool> {
    let sockets = args.load.sockets()?;
    setup::allow_sockets(sockets)?;
    match args.mode {
        Mode::Stream => {
            let report = stream(args)?;
            let is_clean = report.rows.iter().all(|row| row.is_intact);
            let cores = args.server_core.into_iter().collect();
            Report::new("limit stream", cores, report, is_clean).tell(output)
        }
        Mode::Coalesce => {
            let server = child::start_minimal(args.server_core, sockets)?;
            let report = fanout::drive(&server.target(), &args.load, Subprotocols::JSON, None)?;
            let is_clean = report.faults.is_clean();
            Report::new("limit coalesce", server.target().cores(), report, is_clean).tell(output)
        }
        Mode::BareAccept => {
            let server = child::start_minimal(args.server_core, sockets)?;
            let connections = usize::try_from(args.load.audience.subscribers)?;
            let concurrency = usize::try_from(args.load.pacing.concurrency)?;
            let kind = Subprotocol::None;
            let arrival = Arrival::AtATime(concurrency);
            let part = Part::whole();
            let result = connect::drive(&part, &server.target(), connections, arrival, kind)?;
            let report = ConnectReport::of(&[result]);
            let is_clean = report.is_clean();
            Report::new("limit bare-accept", server.target().cores(), report, is_clean).tell(output)
        }
    }
}

#[derive(Serialize)]
struct StreamReport {
    sockets: u64,
    payload_bytes: u64,
    frame_bytes: usize,
    rows: Vec<StreamRow>,
    notes: Vec<String>,
}

fn stream(args: &LimitArgs) -> Result<StreamReport> {
    let frame = stream::frame(usize::try_from(args.load.pacing.payload)?);
    let sockets = usize::try_from(args.load.audience.subscribers)?;
    let (engines, notes) = engines(&args.engine);
    let mut rows = Vec::new();
    for &frames_per_write in &args.frames_per_write {
        let block_bytes = frame.len() * frames_per_write as usize;
        ensure!(
            block_bytes <= stream::BLOCK_BYTES_MAX,
            "{frames_per_write} frames are too many bytes"
        );
        // One after the other, so that what is compared is of the same moment.
        for &engine in &engines {
            let order = StreamOrder {
                engine,
                sockets,
                frames_per_write,
                seconds: args.load.pacing.seconds,
                frame: &frame,
                core: args.server_core,
            };
            rows.push(stream::read_all(child::start_stream(&order)?, &order)?);
        }
    }
    Ok(StreamReport {
        sockets: args.load.audience.subscribers,
        payload_bytes: args.load.pacing.payload,
        frame_bytes: frame.len(),
        rows,
        notes,
    })
}

/// Those of the wanted engines that are to be had here, and why another is not.
fn engines(wanted: &[Engine]) -> (Vec<Engine>, Vec<String>) {
    if let Err(error) = stream::probe()
        && wanted.contains(&Engine::IoUring)
    {
        let note = format!("epoll alone: no io_uring here: {error:#}");
        return (vec![Engine::Epoll], vec![note]);
    }
    (wanted.to_vec(), Vec::new())
}

impl Display for StreamReport {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { sockets, payload_bytes, frame_bytes, rows, notes } = self;
        writeln!(out, "{sockets} sockets, {payload_bytes} B payload, {frame_bytes} B per frame")?;
        writeln!(
            out,
            "  engine     frames/write (asked, had)   ns/delivery   deliveries/s   shares of a core"
        )?;
        for row in rows {
            let StreamRow { asked_frames_per_write, had_frames_per_write, usage, .. } = row;
            let engine = row.engine.to_string();
            let ns = grouped(row.writer_cpu_ns_per_delivery);
            let rate = grouped(row.deliveries_per_s);
            let share = row.writer_cpu_share * 100.0;
            write!(out, "  {engine:<8}")?;
            write!(out, " {asked_frames_per_write:>8} {had_frames_per_write:>19.1} {ns:>13}")?;
            write!(out, " {rate:>14}   writer {share:.0} %")?;
            write!(out, ", reader {:.0} %", usage.generator_cpu_share * 100.0)?;
            writeln!(
                out,
                "{}",
                if row.is_intact { "" } else { "   FAILED: bytes differ or are missing" }
            )?;
        }
        notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
    }
}
