//! The child's side of a stream: blocks of frames to every socket that takes bytes, in turn.

use anyhow::{Context, Result};
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{self, SendFlags, Shutdown};

use super::{EVENTS_MAX, Written, wait};
use crate::clock::{self, NS_PER_S};
use crate::procfs::Process;
use crate::socket;

/// Time for the last bytes of a run.
const TAIL_NS_MAX: u64 = 10 * NS_PER_S;

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
