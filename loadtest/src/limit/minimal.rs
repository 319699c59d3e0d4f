//! The floor of publishing: a pub/sub server that does nothing but move frames.
//!
//! One thread. A turn reads every ready socket once, turns each publish into a finished frame
//! and queues a reference to it for every member; at the end of the turn the frames of each
//! touched member are copied into one scratch and leave in one `send`. No tokens, permissions,
//! limits or timers; groups only grow; indices are never reused, since a child serves one run.

use std::collections::HashMap;
use std::rc::Rc;

use anyhow::{Context, Result};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};

use crate::socket;
use crate::wire::{envelope, frame, handshake, subprotocol};

const EVENTS_PER_TURN_MAX: usize = 1024;
const SCRATCH_BYTES: usize = 4 << 20;
const LISTENER: u64 = u64::MAX;
/// Bytes a member may owe before it is dropped: the run has failed then.
const BACKLOG_BYTES_MAX: usize = 64 << 20;

const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";

struct Peer {
    socket: OwnedFd,
    is_upgraded: bool,
    is_dirty: bool,
    partial: Vec<u8>,
    /// Frames of this turn.
    queue: Vec<Rc<[u8]>>,
    /// Bytes the kernel did not take; while there are some, the socket waits for room.
    backlog: Vec<u8>,
}

struct Server {
    epoll: OwnedFd,
    listener: OwnedFd,
    peers: Vec<Option<Peer>>,
    groups: HashMap<Vec<u8>, Vec<usize>>,
    dirty: Vec<usize>,
    outgoing: Vec<u8>,
}

/// Serves until the process is killed.
pub(crate) fn serve(listener: OwnedFd) -> Result<()> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut server = Server {
        epoll,
        listener,
        peers: Vec::new(),
        groups: HashMap::new(),
        dirty: Vec::new(),
        outgoing: Vec::new(),
    };
    let mut events = Vec::with_capacity(EVENTS_PER_TURN_MAX);
    let mut scratch = vec![0; SCRATCH_BYTES];
    loop {
        events.clear();
        match epoll::wait(&server.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).context("waiting"),
        }
        for event in &events {
            let Event { flags, data, .. } = *event;
            if data.u64() == LISTENER {
                server.accept()?;
                continue;
            }
            let index = usize::try_from(data.u64())?;
            if flags.contains(EventFlags::OUT) {
                server.write_backlog(index);
            }
            if !flags.intersection(EventFlags::IN | EventFlags::HUP).is_empty() {
                server.read(index, &mut scratch);
            }
        }
        server.flush();
    }
}

impl Server {
    fn accept(&mut self) -> Result<()> {
        while let Some(socket) = socket::accept(&self.listener).context("accepting")? {
            let data = EventData::new_u64(self.peers.len() as u64);
            epoll::add(&self.epoll, &socket, data, EventFlags::IN)?;
            self.peers.push(Some(Peer {
                socket,
                is_upgraded: false,
                is_dirty: false,
                partial: Vec::new(),
                queue: Vec::new(),
                backlog: Vec::new(),
            }));
        }
        Ok(())
    }

    fn read(&mut self, index: usize, scratch: &mut [u8]) {
        let Some(peer) = &mut self.peers[index] else { return };
        let kept = peer.partial.len();
        scratch[..kept].copy_from_slice(&peer.partial);
        peer.partial.clear();
        let count = match net::recv(&peer.socket, &mut scratch[kept..], RecvFlags::empty()) {
            Ok((count @ 1.., _)) => kept + count,
            Err(Errno::AGAIN | Errno::INTR) => kept,
            Ok(_) | Err(_) => return self.peers[index] = None,
        };
        let used = self.on_bytes(index, &mut scratch[..count]);
        if let Some(peer) = &mut self.peers[index] {
            peer.partial.extend_from_slice(&scratch[used..count]);
        }
    }

    /// Deals with what is whole in `bytes`; how much that was.
    fn on_bytes(&mut self, index: usize, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        if self.peers[index].as_ref().is_some_and(|peer| !peer.is_upgraded) {
            let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
                return 0;
            };
            at = end + 4;
            self.on_request(index, &bytes[..at]);
        }
        loop {
            let header = match frame::parse(&bytes[at..]) {
                Ok(Some(header)) if at + header.frame_bytes() <= bytes.len() => header,
                Ok(_) => return at,
                Err(_) => {
                    self.peers[index] = None;
                    return bytes.len();
                }
            };
            let payload = &mut bytes[at + header.header_bytes..at + header.frame_bytes()];
            if let Some(mask) = header.mask {
                frame::apply_mask(payload, mask);
            }
            at += header.frame_bytes();
            match header.opcode {
                frame::TEXT => self.on_text(index, payload),
                frame::CLOSE => {
                    self.answer(index, frame::CLOSE, payload);
                    self.write_queue(index);
                    self.peers[index] = None;
                    return bytes.len();
                }
                _ => {}
            }
        }
    }

    fn on_request(&mut self, index: usize, request: &[u8]) {
        let Some(peer) = &mut self.peers[index] else { return };
        peer.is_upgraded = true;
        let name = subprotocol::JSON;
        let is_json = request.windows(name.len()).any(|window| window == name.as_bytes());
        let accept = handshake::ACCEPT;
        let choice =
            if is_json { format!("Sec-WebSocket-Protocol: {name}\r\n") } else { String::new() };
        let answer = format!("{SWITCHING}Sec-WebSocket-Accept: {accept}\r\n{choice}\r\n");
        self.queue(index, &Rc::from(answer.into_bytes()));
        if is_json {
            let rest = format!(r#","userId":null,"connectionId":"{index}"}}"#);
            self.answer(index, frame::TEXT, &[envelope::CONNECTED, rest.as_bytes()].concat());
        }
    }

    fn on_text(&mut self, index: usize, text: &[u8]) {
        if let Some(rest) = text.strip_prefix(envelope::PUBLISH_HEAD) {
            // Behind the group's name a publish and a delivery read the same.
            let payload = [envelope::DELIVERY_HEAD, rest].concat();
            let mut finished = Vec::with_capacity(payload.len() + 10);
            frame::put_unmasked(&mut finished, frame::TEXT, &payload);
            let finished = Rc::from(finished);
            let members = self.groups.get_mut(name(rest)).map(std::mem::take).unwrap_or_default();
            members.iter().for_each(|&member| self.queue(member, &finished));
            if let Some(place) = self.groups.get_mut(name(rest)) {
                *place = members;
            }
        } else if let Some(rest) = text.strip_prefix(envelope::JOIN_HEAD) {
            self.groups.entry(name(rest).to_vec()).or_default().push(index);
            self.answer(index, frame::TEXT, envelope::JOINED);
        }
    }

    fn answer(&mut self, index: usize, opcode: u8, payload: &[u8]) {
        let mut finished = Vec::with_capacity(payload.len() + 10);
        frame::put_unmasked(&mut finished, opcode, payload);
        self.queue(index, &Rc::from(finished));
    }

    #[inline]
    fn queue(&mut self, index: usize, finished: &Rc<[u8]>) {
        let Some(peer) = &mut self.peers[index] else { return };
        peer.queue.push(Rc::clone(finished));
        if !peer.is_dirty {
            peer.is_dirty = true;
            self.dirty.push(index);
        }
    }

    fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            self.write_queue(index);
        }
        self.dirty = dirty;
    }

    fn write_queue(&mut self, index: usize) {
        let Some(peer) = &mut self.peers[index] else { return };
        peer.is_dirty = false;
        if !peer.backlog.is_empty() {
            peer.queue.drain(..).for_each(|finished| peer.backlog.extend_from_slice(&finished));
            if peer.backlog.len() > BACKLOG_BYTES_MAX {
                self.peers[index] = None;
            }
            return;
        }
        self.outgoing.clear();
        peer.queue.drain(..).for_each(|finished| self.outgoing.extend_from_slice(&finished));
        let written = match net::send(&peer.socket, &self.outgoing, SendFlags::NOSIGNAL) {
            Ok(count) => count,
            Err(Errno::AGAIN) => 0,
            Err(_) => return self.peers[index] = None,
        };
        if written < self.outgoing.len() {
            peer.backlog.extend_from_slice(&self.outgoing[written..]);
            self.watch(index, EventFlags::IN | EventFlags::OUT);
        }
    }

    fn write_backlog(&mut self, index: usize) {
        let Some(peer) = &mut self.peers[index] else { return };
        match net::send(&peer.socket, &peer.backlog, SendFlags::NOSIGNAL) {
            Ok(count) => drop(peer.backlog.drain(..count)),
            Err(Errno::AGAIN) => {}
            Err(_) => return self.peers[index] = None,
        }
        if peer.backlog.is_empty() {
            self.watch(index, EventFlags::IN);
        }
    }

    fn watch(&mut self, index: usize, flags: EventFlags) {
        let Some(peer) = &self.peers[index] else { return };
        let data = EventData::new_u64(index as u64);
        if epoll::modify(&self.epoll, &peer.socket, data, flags).is_err() {
            self.peers[index] = None;
        }
    }
}

/// The group's name, which ends at the next quote: names of a run need no escapes.
fn name(rest: &[u8]) -> &[u8] {
    let end = rest.iter().position(|&byte| byte == b'"').unwrap_or(rest.len());
    &rest[..end]
}
