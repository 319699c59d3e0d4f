//! The parent's side of a stream: everything that arrives, compared byte by byte.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{self, RecvFlags};

use super::{EVENTS_MAX, StreamRow, Written, wait};
use crate::client;
use crate::clock::{self, NS_PER_S};
use crate::limit::child::StreamOrder;
use crate::meter::Meter;
use crate::own_server::OwnServer;
use crate::progress::Progress;

const SCRATCH_BYTES: usize = 128 * 1024;

/// The parent: reads until all streams have ended, and compares.
pub(crate) fn read_all(mut server: OwnServer, order: &StreamOrder<'_>) -> Result<StreamRow> {
    let &StreamOrder { engine, sockets, frames_per_write, frame, .. } = order;
    let meter = Meter::start(Some(server.process()));
    let mut reader = Reader::connect(server.address, sockets, frame)?;
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
        name: format!("{engine} {frames_per_write}"),
        engine,
        asked_frames_per_write: frames_per_write,
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
    fn connect(server: SocketAddr, count: usize, frame: &[u8]) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut sockets = Vec::with_capacity(count);
        for index in 0..count {
            let socket = client::connect(server, 0).context("connecting a receiver")?;
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rustix::net::getsockname;

    use super::*;
    use crate::limit::stream::{Engine, Load, frame, probe, write_all};
    use crate::socket;

    /// Bytes written and what was read of streams in blocks of this many frames.
    fn stream(engine: Engine, frames_per_write: usize) -> (u64, Reader) {
        let frame = frame(1000);
        let listener = socket::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = getsockname(&listener).unwrap().try_into().unwrap();
        let (block, frame_bytes) = (frame.repeat(frames_per_write), frame.len());
        let writer = std::thread::spawn(move || {
            let load = Load { sockets: 3, seconds: 1, frame_bytes, block: &block };
            write_all(&listener, engine, &load).unwrap()
        });
        let mut reader = Reader::connect(address, 3, &frame).unwrap();
        while reader.open > 0 {
            reader.turn().unwrap();
        }
        (writer.join().unwrap().bytes_in_all, reader)
    }

    #[test]
    fn every_stream_is_whole_however_it_is_written() {
        let mut engines = vec![Engine::Epoll];
        match probe() {
            Ok(()) => engines.push(Engine::IoUring),
            Err(error) => eprintln!("without io_uring, since there is none here: {error:#}"),
        }
        for engine in engines {
            // Blocks that no socket takes at once are sent in parts and often refused; single
            // frames mostly succeed.
            for frames_per_write in [1, 7000] {
                let (written, reader) = stream(engine, frames_per_write);
                assert!(reader.is_intact, "{engine} {frames_per_write}");
                assert!(written > 0 && reader.bytes == written, "{engine} {frames_per_write}");
            }
        }
    }
}
