//! All clients of a run on one epoll and one thread.
//!
//! A turn waits, reads every ready client once, and hands whole messages of open clients to the
//! caller, who queues answers and calls [`Fleet::write`]. A client may stay HTTP instead of being
//! upgraded: its messages are then the answers to what the caller asked. Everything a client owes
//! by protocol happens in here: upgrade, join, pongs, the answer to a close. How clients go is in
//! `leaving`; the place of one that has gone can be taken by another.

mod leaving;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::sockopt;
use rustix::time::Timespec;

use crate::client::{CONNECTIONS_PER_SOURCE, Client, Stage};
use crate::clock;
use crate::socket::Received;
use crate::wire::{envelope, frame, handshake, http};

pub(crate) use self::leaving::Leave;
use self::leaving::close_text;
pub(crate) use crate::client::Dial;

const EVENTS_PER_TURN_MAX: usize = 1024;
/// Small enough to stay in the second-level cache, large enough for many frames per read.
const SCRATCH_BYTES: usize = 128 * 1024;

/// A client that may be used now.
pub(crate) struct Opened {
    pub(crate) client: usize,
    /// Since it was to start.
    pub(crate) latency_ns: u64,
}

pub(crate) struct Fleet {
    address: SocketAddr,
    /// The source address of the first client, by its place in `client::connect`.
    first_source: usize,
    epoll: OwnedFd,
    pub(crate) clients: Vec<Client>,
    events: Vec<Event>,
    scratch: Vec<u8>,
    /// Clients that opened since the owner last looked.
    pub(crate) opened: Vec<Opened>,
    /// Clients that are gone, for whatever reason, since the owner last looked.
    pub(crate) gone: Vec<usize>,
    /// The greetings of clients since the owner last looked, where it asked for them.
    pub(crate) greetings: Option<Vec<(usize, Box<[u8]>)>>,
    pub(crate) pings: u64,
    /// Clients the server closed unasked, by reason.
    pub(crate) lost: BTreeMap<String, u64>,
    closed_orderly: usize,
    closing: usize,
}

impl Fleet {
    /// `payload_bytes` is the largest payload a run delivers; the scratch has to hold its frame.
    pub(crate) fn new(address: SocketAddr, payload_bytes: usize) -> Result<Self> {
        Ok(Self {
            address,
            first_source: 0,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).context("creating an epoll")?,
            clients: Vec::new(),
            events: Vec::with_capacity(EVENTS_PER_TURN_MAX),
            scratch: vec![0; SCRATCH_BYTES.max(2 * payload_bytes + 4096)],
            opened: Vec::new(),
            gone: Vec::new(),
            greetings: None,
            pings: 0,
            lost: BTreeMap::new(),
            closed_orderly: 0,
            closing: 0,
        })
    }

    /// Takes other source addresses than a process beside this one, `skipped` of them.
    pub(crate) fn with_sources_behind(mut self, skipped: usize) -> Self {
        self.first_source = skipped;
        self
    }

    /// Starts one more client, which was to start at `due_ns`; its index is the count of those
    /// before it.
    pub(crate) fn start_due(&mut self, dial: Dial, due_ns: u64) -> Result<()> {
        let client = self.connect(self.clients.len(), dial, due_ns)?;
        self.clients.push(client);
        Ok(())
    }

    /// Starts a client in the place of one that is gone. Not to be called within a turn.
    pub(crate) fn restart_due(&mut self, index: usize, dial: Dial, due_ns: u64) -> Result<()> {
        debug_assert_eq!(self.clients[index].stage, Stage::Closed, "the place is free");
        self.clients[index] = self.connect(index, dial, due_ns)?;
        Ok(())
    }

    fn connect(&self, index: usize, dial: Dial, due_ns: u64) -> Result<Client> {
        let source = self.first_source + index / CONNECTIONS_PER_SOURCE;
        let client = Client::start(self.address, source, dial, due_ns)
            .with_context(|| format!("connecting client {index} to {}", self.address))?;
        let interest = EventFlags::IN | EventFlags::OUT;
        let data = EventData::new_u64(index as u64);
        epoll::add(&self.epoll, &client.socket.descriptor, data, interest)
            .context("watching a client")?;
        Ok(client)
    }

    pub(crate) fn is_open(&self, index: usize) -> bool {
        self.clients[index].stage == Stage::Open
    }

    /// Waits at most `timeout_ns` for something to happen and deals with it. `on_message` gets
    /// the client, the message and the time of the read it came with.
    pub(crate) fn turn(
        &mut self,
        timeout_ns: u64,
        mut on_message: impl FnMut(usize, &[u8], u64),
    ) -> Result<()> {
        let timeout = Timespec::try_from(Duration::from_nanos(timeout_ns)).context("a timeout")?;
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting for clients"),
        }
        for position in 0..self.events.len() {
            let Event { flags, data, .. } = self.events[position];
            let index = index_of(data);
            if flags.contains(EventFlags::OUT) {
                self.on_writable(index)?;
            }
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                self.on_readable(index, &mut on_message)?;
            }
        }
        Ok(())
    }

    /// Writes what is queued for a client; the rest follows when there is room.
    pub(crate) fn write(&mut self, index: usize) -> Result<()> {
        let client = &mut self.clients[index];
        if client.stage == Stage::Closed {
            client.socket.outgoing.clear();
            return Ok(());
        }
        match client.socket.write_queued() {
            Ok(is_all_written) => self.watch_writes(index, !is_all_written),
            Err(error) => self.lose(index, &format!("write: {error}")),
        }
    }

    fn on_writable(&mut self, index: usize) -> Result<()> {
        let client = &mut self.clients[index];
        if client.stage == Stage::Connecting {
            match sockopt::socket_error(&client.socket.descriptor) {
                Ok(Ok(())) if client.dial.request.is_empty() => {
                    self.on_opened(index, Stage::Asking, clock::now_ns());
                }
                Ok(Ok(())) => client.stage = Stage::Upgrading,
                Ok(Err(error)) | Err(error) => {
                    bail!("client {index} cannot connect to {}: {error}", self.address)
                }
            }
        }
        self.write(index)
    }

    fn watch_writes(&mut self, index: usize, is_waiting: bool) -> Result<()> {
        let client = &mut self.clients[index];
        if client.is_waiting_to_write == is_waiting {
            return Ok(());
        }
        client.is_waiting_to_write = is_waiting;
        let out = if is_waiting { EventFlags::OUT } else { EventFlags::empty() };
        let data = EventData::new_u64(index as u64);
        epoll::modify(&self.epoll, &client.socket.descriptor, data, EventFlags::IN | out)
            .context("watching a client")
    }

    /// One read of one client. The scratch leaves `self` meanwhile, so that frames in it can be
    /// lent out while the client changes.
    fn on_readable(
        &mut self,
        index: usize,
        on_message: &mut impl FnMut(usize, &[u8], u64),
    ) -> Result<()> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let outcome = match self.clients[index].socket.receive(&mut scratch) {
            Ok(Received::Bytes(count)) => self.on_bytes(index, &scratch[..count], on_message),
            Ok(Received::Nothing) => Ok(()),
            Ok(Received::End) if self.clients[index].stage == Stage::Asking => {
                self.lose(index, "HTTP connection ended by the server")
            }
            Ok(Received::End) => self.lose(index, "end of stream without a close frame"),
            Err(error) => self.lose(index, &format!("read: {error}")),
        };
        self.scratch = scratch;
        outcome
    }

    #[inline]
    fn on_bytes(
        &mut self,
        index: usize,
        bytes: &[u8],
        on_message: &mut impl FnMut(usize, &[u8], u64),
    ) -> Result<()> {
        let now_ns = clock::now_ns();
        if self.clients[index].stage == Stage::Asking {
            return self.on_answers(index, bytes, now_ns, on_message);
        }
        let mut at = 0;
        if self.clients[index].stage == Stage::Upgrading {
            let subprotocol = self.clients[index].dial.subprotocol.offer();
            match handshake::answer_bytes(bytes, subprotocol)? {
                Some(count) => at = count,
                None => {
                    self.clients[index].socket.keep(bytes);
                    return Ok(());
                }
            }
            self.on_upgraded(index, now_ns)?;
        }
        loop {
            let rest = &bytes[at..];
            let header = match frame::parse(rest) {
                Ok(Some(header)) if header.frame_bytes() <= rest.len() => header,
                Ok(_) => break,
                Err(error) => return self.lose(index, error),
            };
            at += header.frame_bytes();
            let payload = &rest[header.header_bytes..header.frame_bytes()];
            if header.opcode <= frame::BINARY && self.clients[index].stage == Stage::Open {
                on_message(index, payload, now_ns);
            } else {
                self.on_other(index, header.opcode, payload, now_ns)?;
            }
        }
        self.clients[index].socket.keep(&bytes[at..]);
        Ok(())
    }

    fn on_answers(
        &mut self,
        index: usize,
        bytes: &[u8],
        now_ns: u64,
        on_message: &mut impl FnMut(usize, &[u8], u64),
    ) -> Result<()> {
        let mut at = 0;
        loop {
            match http::answer_bytes(&bytes[at..]) {
                Ok(Some(count)) => {
                    on_message(index, &bytes[at..at + count], now_ns);
                    at += count;
                }
                Ok(None) => break,
                Err(error) => return self.lose(index, error),
            }
        }
        self.clients[index].socket.keep(&bytes[at..]);
        Ok(())
    }

    fn on_upgraded(&mut self, index: usize, now_ns: u64) -> Result<()> {
        // Who speaks a subprotocol is greeted (client-connect.md 3, step 14).
        if self.clients[index].dial.subprotocol.encoding().is_some() {
            self.clients[index].stage = Stage::Greeting;
            return Ok(());
        }
        self.on_greeted(index, now_ns)
    }

    fn on_greeted(&mut self, index: usize, now_ns: u64) -> Result<()> {
        let client = &mut self.clients[index];
        let Some(join) = client.dial.join.clone() else {
            self.on_opened(index, Stage::Open, now_ns);
            return Ok(());
        };
        client.socket.outgoing.extend_from_slice(&join);
        client.stage = Stage::Joining;
        self.write(index)
    }

    fn on_opened(&mut self, index: usize, stage: Stage, now_ns: u64) {
        let client = &mut self.clients[index];
        client.stage = stage;
        let latency_ns = now_ns.saturating_sub(client.due_ns);
        self.opened.push(Opened { client: index, latency_ns });
    }

    /// Control frames, and messages of clients that are not open yet.
    #[cold]
    fn on_other(&mut self, index: usize, opcode: u8, payload: &[u8], now_ns: u64) -> Result<()> {
        let text = || String::from_utf8_lossy(envelope::excerpt(payload)).into_owned();
        let Client { stage, dial: Dial { subprotocol, .. }, .. } = &self.clients[index];
        match (opcode, *stage) {
            (_, Stage::Closed) | (frame::PONG, _) => Ok(()),
            (frame::PING, _) => {
                self.pings += 1;
                let pong = frame::masked(frame::PONG, payload);
                self.clients[index].socket.outgoing.extend_from_slice(&pong);
                self.write(index)
            }
            (frame::CLOSE, Stage::Closing) => {
                self.closed_orderly += 1;
                self.retire(index)
            }
            (frame::CLOSE, _) => self.lose(index, &close_text(payload)),
            (_, Stage::Greeting) if subprotocol.is_connected(opcode, payload) => {
                if let Some(greetings) = &mut self.greetings {
                    greetings.push((index, payload.into()));
                }
                self.on_greeted(index, now_ns)
            }
            (_, Stage::Joining) if subprotocol.is_joined(opcode, payload) => {
                self.on_opened(index, Stage::Open, now_ns);
                Ok(())
            }
            (frame::TEXT | frame::BINARY, Stage::Closing) => Ok(()),
            (_, stage) => bail!("client {index} in stage {stage:?} received {:?}", text()),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "made from an index in `Fleet::start`")]
fn index_of(data: EventData) -> usize {
    data.u64() as usize
}
