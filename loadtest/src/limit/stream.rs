//! The floor of writing: prebuilt frames to many sockets in turn, and the reader that checks them.
//!
//! The writer sends a block of whole frames to each socket in turn, going on where the kernel
//! stopped taking bytes, and waits on epoll only when no socket takes any. It measures itself
//! between its first and last write of the measured time. The reader compares every byte.

use anyhow::{Context, Result};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags, Shutdown};
use rustix::time::Timespec;
use serde::{Deserialize, Serialize};

use super::child::LimitServer;
use crate::client;
use crate::clock::{self, NS_PER_S};
use crate::meter::{Meter, Usage};
use crate::procfs::Process;
use crate::progress::Progress;
use crate::socket;
use crate::wire::envelope::{Envelope, Layout};
use crate::wire::stamp::Stamp;

/// One write never carries more; the kernel's socket buffer takes a few megabytes at most.
pub(crate) const BLOCK_BYTES_MAX: usize = 8 << 20;

const EVENTS_MAX: usize = 1024;
const SCRATCH_BYTES: usize = 128 * 1024;
/// Time for the last bytes of a run, either side.
const TAIL_NS_MAX: u64 = 10 * NS_PER_S;

/// A delivery in the JSON subprotocol of a payload of this size.
pub(crate) fn frame(payload_bytes: usize) -> Vec<u8> {
    let stamp = Stamp { publisher: 0, target: 0, sequence: 0, intended_ns: 0 };
    Layout::new(1, payload_bytes, Envelope::JSON_GROUP).delivery_frame(stamp)
}

/// What the writer says about itself: over the measured time, and in all.
#[derive(Serialize, Deserialize)]
pub(crate) struct Written {
    cpu_ns: u64,
    wall_ns: u64,
    bytes: u64,
    writes: u64,
    bytes_in_all: u64,
}

#[derive(Serialize)]
pub(crate) struct StreamRow {
    pub(crate) asked_frames_per_write: u32,
    pub(crate) had_frames_per_write: f64,
    pub(crate) writer_cpu_ns_per_delivery: f64,
    pub(crate) writer_cpu_share: f64,
    pub(crate) deliveries: u64,
    pub(crate) deliveries_per_s: f64,
    /// Every byte arrived and was the expected one.
    pub(crate) is_intact: bool,
    /// Of the reader, over the whole run.
    pub(crate) usage: Usage,
}

/// One receiver as the writer sees it.
struct Receiver {
    socket: OwnedFd,
    /// Where in the block the next write starts.
    offset: usize,
    is_blocked: bool,
}

/// The child: accepts `count` sockets, writes for `seconds`, ends every stream at a whole frame.
pub(crate) fn write_all(
    listener: &OwnedFd,
    count: usize,
    frame_bytes: usize,
    block: &[u8],
    seconds: u64,
) -> Result<Written> {
    let mut writer = Writer::accept(listener, count)?;
    let cpu_before_ns = Process::own().cpu_ns().unwrap_or(0);
    let start_ns = clock::now_ns();
    let end_ns = start_ns + clock::from_s(seconds);
    while clock::now_ns() < end_ns {
        writer.write_round(block)?;
    }
    let cpu_ns = Process::own().cpu_ns().unwrap_or(0).saturating_sub(cpu_before_ns);
    let (wall_ns, bytes, writes) = (clock::now_ns() - start_ns, writer.bytes, writer.writes);
    writer.end_frames(frame_bytes, block)?;
    Ok(Written { cpu_ns, wall_ns, bytes, writes, bytes_in_all: writer.bytes })
}

struct Writer {
    epoll: OwnedFd,
    events: Vec<Event>,
    receivers: Vec<Receiver>,
    blocked: usize,
    bytes: u64,
    writes: u64,
}

impl Writer {
    fn accept(listener: &OwnedFd, count: usize) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut events = Vec::with_capacity(EVENTS_MAX);
        epoll::add(&epoll, listener, EventData::new_u64(0), EventFlags::IN)?;
        let mut receivers = Vec::with_capacity(count);
        while receivers.len() < count {
            match socket::accept(listener).context("accepting")? {
                Some(socket) => receivers.push(Receiver { socket, offset: 0, is_blocked: false }),
                None => wait(&epoll, &mut events, NS_PER_S)?,
            }
        }
        epoll::delete(&epoll, listener)?;
        for (index, receiver) in receivers.iter().enumerate() {
            // Edge-triggered: an event says that a blocked socket takes bytes again.
            let data = EventData::new_u64(index as u64);
            epoll::add(&epoll, &receiver.socket, data, EventFlags::OUT | EventFlags::ET)?;
        }
        Ok(Self { epoll, events, receivers, blocked: 0, bytes: 0, writes: 0 })
    }

    /// One write to every socket that takes bytes.
    fn write_round(&mut self, block: &[u8]) -> Result<()> {
        for index in 0..self.receivers.len() {
            if !self.receivers[index].is_blocked {
                self.write_one(index, block, block.len())?;
            }
        }
        self.unblock()
    }

    /// Writes the block from where the socket is, up to `end`.
    fn write_one(&mut self, index: usize, block: &[u8], end: usize) -> Result<()> {
        let receiver = &mut self.receivers[index];
        match net::send(&receiver.socket, &block[receiver.offset..end], SendFlags::NOSIGNAL) {
            Ok(count) => {
                receiver.offset = (receiver.offset + count) % block.len();
                self.bytes += count as u64;
                self.writes += 1;
            }
            Err(Errno::AGAIN) => {
                receiver.is_blocked = true;
                self.blocked += 1;
            }
            Err(error) => return Err(error).context("streaming"),
        }
        Ok(())
    }

    fn unblock(&mut self) -> Result<()> {
        if self.blocked == 0 {
            return Ok(());
        }
        let is_all = self.blocked == self.receivers.len();
        wait(&self.epoll, &mut self.events, if is_all { NS_PER_S / 10 } else { 0 })?;
        for event in &self.events {
            let Event { data, .. } = *event;
            let receiver = &mut self.receivers[usize::try_from(data.u64())?];
            self.blocked -= usize::from(std::mem::take(&mut receiver.is_blocked));
        }
        Ok(())
    }

    /// Completes the frame every socket is in, then ends the streams.
    fn end_frames(&mut self, frame_bytes: usize, block: &[u8]) -> Result<()> {
        let deadline_ns = clock::now_ns() + TAIL_NS_MAX;
        loop {
            let mut unfinished = 0;
            for index in 0..self.receivers.len() {
                let Receiver { offset, is_blocked, .. } = self.receivers[index];
                if !offset.is_multiple_of(frame_bytes) {
                    unfinished += 1;
                    if !is_blocked {
                        self.write_one(index, block, offset.next_multiple_of(frame_bytes))?;
                    }
                }
            }
            if unfinished == 0 || clock::now_ns() > deadline_ns {
                break;
            }
            self.unblock()?;
        }
        for receiver in &self.receivers {
            net::shutdown(&receiver.socket, Shutdown::Write).context("ending a stream")?;
        }
        Ok(())
    }
}

/// The parent: reads until all streams have ended, and compares.
pub(crate) fn read_all(
    mut server: LimitServer,
    sockets: usize,
    asked_frames_per_write: u32,
    frame: &[u8],
) -> Result<StreamRow> {
    let meter = Meter::start(Some(server.process()));
    let mut reader = Reader::connect(&server, sockets, frame)?;
    let mut progress = Progress::new("stream");
    while reader.open > 0 {
        reader.turn()?;
        progress.tick(clock::now_ns(), || format!("{} frames", reader.bytes / frame.len() as u64));
    }
    let usage = meter.read();
    let written: Written =
        serde_json::from_str(&server.read_line()?).context("the writer's own account")?;
    let frame_bytes = frame.len() as u64;
    let deliveries = written.bytes / frame_bytes;
    Ok(StreamRow {
        asked_frames_per_write,
        had_frames_per_write: written.bytes as f64 / (frame_bytes * written.writes.max(1)) as f64,
        writer_cpu_ns_per_delivery: written.cpu_ns as f64 / deliveries.max(1) as f64,
        writer_cpu_share: written.cpu_ns as f64 / written.wall_ns.max(1) as f64,
        deliveries,
        deliveries_per_s: deliveries as f64 / clock::seconds_between(0, written.wall_ns),
        is_intact: reader.is_intact && reader.bytes == written.bytes_in_all,
        usage,
    })
}

struct Reader {
    epoll: OwnedFd,
    events: Vec<Event>,
    scratch: Vec<u8>,
    /// Frames one after the other, long enough for any read that starts within a frame.
    pattern: Vec<u8>,
    frame_bytes: usize,
    sockets: Vec<OwnedFd>,
    /// By socket: position within the frame.
    offsets: Vec<usize>,
    open: usize,
    bytes: u64,
    is_intact: bool,
}

impl Reader {
    fn connect(server: &LimitServer, count: usize, frame: &[u8]) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut sockets = Vec::with_capacity(count);
        for index in 0..count {
            let socket = client::connect(server.address, 0).context("connecting a receiver")?;
            epoll::add(&epoll, &socket, EventData::new_u64(index as u64), EventFlags::IN)?;
            sockets.push(socket);
        }
        Ok(Self {
            epoll,
            events: Vec::with_capacity(EVENTS_MAX),
            scratch: vec![0; SCRATCH_BYTES],
            pattern: frame.repeat(SCRATCH_BYTES / frame.len() + 2),
            frame_bytes: frame.len(),
            offsets: vec![0; count],
            open: count,
            sockets,
            bytes: 0,
            is_intact: true,
        })
    }

    fn turn(&mut self) -> Result<()> {
        wait(&self.epoll, &mut self.events, NS_PER_S / 10)?;
        for position in 0..self.events.len() {
            let Event { data, .. } = self.events[position];
            let index = usize::try_from(data.u64())?;
            match net::recv(&self.sockets[index], &mut self.scratch[..], RecvFlags::empty()) {
                Ok((0, _)) => {
                    self.is_intact &= self.offsets[index] == 0;
                    self.open -= 1;
                    epoll::delete(&self.epoll, &self.sockets[index])?;
                }
                Ok((count, _)) => {
                    let offset = &mut self.offsets[index];
                    self.is_intact &=
                        self.scratch[..count] == self.pattern[*offset..*offset + count];
                    *offset = (*offset + count) % self.frame_bytes;
                    self.bytes += count as u64;
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error).context("reading a stream"),
            }
        }
        Ok(())
    }
}

fn wait(epoll: &OwnedFd, events: &mut Vec<Event>, timeout_ns: u64) -> Result<()> {
    let timeout = Timespec::try_from(std::time::Duration::from_nanos(timeout_ns))?;
    events.clear();
    match epoll::wait(epoll, spare_capacity(events), Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error).context("waiting"),
    }
}
