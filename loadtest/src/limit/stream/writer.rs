//! The child's side of a stream: blocks of frames to every socket that takes bytes, in turn.
//!
//! How bytes get into the kernel is a [`Sender`]'s business: one `send` after the other, or batches
//! by io_uring. Everything else is the same for both: where each socket is in the block, which of
//! them have no room, the wait for room on epoll, and what is counted.

use anyhow::{Context, Result};
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{self, SendFlags, Shutdown};

use super::ring::{Ring, Short};
use super::{EVENTS_MAX, Engine, Written, wait};
use crate::clock::{self, NS_PER_S};
use crate::procfs::Process;
use crate::socket;

/// Time for the last bytes of a run.
const TAIL_NS_MAX: u64 = 10 * NS_PER_S;

/// What the child writes.
pub(crate) struct Load<'a> {
    pub(crate) sockets: usize,
    pub(crate) seconds: u64,
    pub(crate) frame_bytes: usize,
    /// Whole frames.
    pub(crate) block: &'a [u8],
}

/// Accepts the sockets, writes for the given time, ends every stream at a whole frame.
pub(crate) fn write_all(listener: &OwnedFd, engine: Engine, load: &Load<'_>) -> Result<Written> {
    let receivers = Receivers::accept(listener, load.sockets)?;
    match engine {
        Engine::Epoll => Writer { sender: Single { block: load.block }, receivers }.run(load),
        Engine::IoUring => {
            let sockets: Vec<_> = receivers.list.iter().map(|receiver| &receiver.socket).collect();
            let sender = Batched { ring: Ring::new(load.block, &sockets)? };
            Writer { sender, receivers }.run(load)
        }
    }
}

/// Hands parts of the block to the kernel.
trait Sender {
    /// Sends to a receiver from where it is up to `end`, at once or with the next `flush`.
    fn send(&mut self, receivers: &mut Receivers, index: usize, end: usize) -> Result<()>;

    /// Afterwards no send is under way, and all are accounted for.
    fn flush(&mut self, receivers: &mut Receivers) -> Result<()>;
}

struct Writer<S: Sender> {
    sender: S,
    receivers: Receivers,
}

impl<S: Sender> Writer<S> {
    fn run(mut self, load: &Load<'_>) -> Result<Written> {
        let cpu_before_ns = Process::own().cpu_ns().unwrap_or(0);
        let start_ns = clock::now_ns();
        let end_ns = start_ns + clock::from_s(load.seconds);
        while clock::now_ns() < end_ns {
            self.write_round(load.block.len())?;
        }
        let cpu_ns = Process::own().cpu_ns().unwrap_or(0).saturating_sub(cpu_before_ns);
        let wall_ns = clock::now_ns() - start_ns;
        let Receivers { bytes, writes, .. } = self.receivers;
        self.end_frames(load.frame_bytes)?;
        Ok(Written { cpu_ns, wall_ns, bytes, writes, bytes_in_all: self.receivers.bytes })
    }

    /// One write to every socket that takes bytes.
    fn write_round(&mut self, end: usize) -> Result<()> {
        for index in 0..self.receivers.list.len() {
            if !self.receivers.list[index].is_blocked {
                self.sender.send(&mut self.receivers, index, end)?;
            }
        }
        self.sender.flush(&mut self.receivers)?;
        self.receivers.unblock()
    }

    /// Completes the frame every socket is in, then ends the streams.
    fn end_frames(&mut self, frame_bytes: usize) -> Result<()> {
        let deadline_ns = clock::now_ns() + TAIL_NS_MAX;
        loop {
            let mut unfinished = 0;
            for index in 0..self.receivers.list.len() {
                let Receiver { offset, is_blocked, .. } = self.receivers.list[index];
                if !offset.is_multiple_of(frame_bytes) {
                    unfinished += 1;
                    if !is_blocked {
                        let end = offset.next_multiple_of(frame_bytes);
                        self.sender.send(&mut self.receivers, index, end)?;
                    }
                }
            }
            self.sender.flush(&mut self.receivers)?;
            if unfinished == 0 || clock::now_ns() > deadline_ns {
                break;
            }
            self.receivers.unblock()?;
        }
        for receiver in &self.receivers.list {
            net::shutdown(&receiver.socket, Shutdown::Write).context("ending a stream")?;
        }
        Ok(())
    }
}

/// One receiver as the writer sees it.
struct Receiver {
    socket: OwnedFd,
    /// Where in the block the next write starts.
    offset: usize,
    is_blocked: bool,
}

struct Receivers {
    epoll: OwnedFd,
    events: Vec<Event>,
    list: Vec<Receiver>,
    blocked: usize,
    bytes: u64,
    writes: u64,
}

impl Receivers {
    fn accept(listener: &OwnedFd, count: usize) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut events = Vec::with_capacity(EVENTS_MAX);
        epoll::add(&epoll, listener, EventData::new_u64(0), EventFlags::IN)?;
        let mut list = Vec::with_capacity(count);
        while list.len() < count {
            match socket::accept(listener).context("accepting")? {
                Some(socket) => list.push(Receiver { socket, offset: 0, is_blocked: false }),
                None => wait(&epoll, &mut events, NS_PER_S)?,
            }
        }
        epoll::delete(&epoll, listener)?;
        for (index, receiver) in list.iter().enumerate() {
            // Edge-triggered: an event says that a blocked socket takes bytes again.
            let data = EventData::new_u64(index as u64);
            epoll::add(&epoll, &receiver.socket, data, EventFlags::OUT | EventFlags::ET)?;
        }
        Ok(Self { epoll, events, list, blocked: 0, bytes: 0, writes: 0 })
    }

    #[inline]
    fn on_written(&mut self, index: usize, count: usize, block_bytes: usize) {
        let receiver = &mut self.list[index];
        receiver.offset = (receiver.offset + count) % block_bytes;
        self.bytes += count as u64;
        self.writes += 1;
    }

    fn on_refused(&mut self, index: usize) {
        self.list[index].is_blocked = true;
        self.blocked += 1;
    }

    fn unblock(&mut self) -> Result<()> {
        if self.blocked == 0 {
            return Ok(());
        }
        let is_all = self.blocked == self.list.len();
        wait(&self.epoll, &mut self.events, if is_all { NS_PER_S / 10 } else { 0 })?;
        for event in &self.events {
            let Event { data, .. } = *event;
            let receiver = &mut self.list[usize::try_from(data.u64())?];
            self.blocked -= usize::from(std::mem::take(&mut receiver.is_blocked));
        }
        Ok(())
    }
}

/// One system call for each send.
struct Single<'a> {
    block: &'a [u8],
}

impl Sender for Single<'_> {
    #[inline]
    fn send(&mut self, receivers: &mut Receivers, index: usize, end: usize) -> Result<()> {
        let Receiver { socket, offset, .. } = &receivers.list[index];
        match net::send(socket, &self.block[*offset..end], SendFlags::NOSIGNAL) {
            Ok(count) => receivers.on_written(index, count, self.block.len()),
            Err(Errno::AGAIN) => receivers.on_refused(index),
            Err(error) => return Err(error).context("streaming"),
        }
        Ok(())
    }

    #[inline]
    fn flush(&mut self, _: &mut Receivers) -> Result<()> {
        Ok(())
    }
}

/// One system call for many sends.
struct Batched<'a> {
    ring: Ring<'a>,
}

impl Sender for Batched<'_> {
    /// Counts on the send to succeed, as nearly all do and then say nothing; `flush` takes back
    /// what did not.
    #[inline]
    fn send(&mut self, receivers: &mut Receivers, index: usize, end: usize) -> Result<()> {
        let start = receivers.list[index].offset;
        while !self.ring.queue(index, start..end)? {
            self.flush(receivers)?;
        }
        receivers.on_written(index, end - start, self.ring.block_bytes());
        Ok(())
    }

    fn flush(&mut self, receivers: &mut Receivers) -> Result<()> {
        let block_bytes = self.ring.block_bytes();
        self.ring.submit(|Short { socket, missing, is_refused }| {
            let receiver = &mut receivers.list[socket];
            // No send is longer than the block.
            receiver.offset = (receiver.offset + block_bytes - missing) % block_bytes;
            receivers.bytes -= missing as u64;
            if is_refused {
                receivers.writes -= 1;
                receivers.on_refused(socket);
            }
        })
    }
}
