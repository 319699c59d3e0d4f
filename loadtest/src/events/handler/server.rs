//! The handler's thread: HTTP/1.1 connections on one epoll, answered in the order they were read.
//!
//! A turn reads each ready connection once, answers what is whole and writes it in one `send`.
//! With a delay, answers wait in one queue: the delay is the same for all, so the queue is in the
//! order of their times, and on each connection in the order of the requests.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::Timespec;

use super::Counts;
use crate::clock;
use crate::socket::{self, Received, Socket};
use crate::wire::request::{self, REQUEST_BYTES_MAX, Request};

const EVENTS_PER_TURN_MAX: usize = 1024;
const LISTENER: u64 = 0;

pub(super) struct Server {
    epoll: OwnedFd,
    listener: OwnedFd,
    delay_ns: u64,
    /// By the number of the connection, which is never used again: a late answer to one that is
    /// gone must not go to another.
    peers: HashMap<u64, Peer>,
    last_peer: u64,
    delayed: VecDeque<Delayed>,
    scratch: Vec<u8>,
    counts: Arc<Counts>,
}

struct Peer {
    socket: Socket,
    is_waiting_to_write: bool,
}

/// An answer that waits for its time.
struct Delayed {
    due_ns: u64,
    peer: u64,
    answer: Vec<u8>,
}

impl Server {
    pub(super) fn new(listener: OwnedFd, delay_ns: u64, counts: Arc<Counts>) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("creating an epoll")?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)
            .context("watching the listener")?;
        Ok(Self {
            epoll,
            listener,
            delay_ns,
            peers: HashMap::new(),
            last_peer: LISTENER,
            delayed: VecDeque::new(),
            scratch: vec![0; REQUEST_BYTES_MAX],
            counts,
        })
    }

    /// Serves until something fails that is no single connection's fault.
    pub(super) fn serve(&mut self) -> Result<()> {
        let mut events = Vec::with_capacity(EVENTS_PER_TURN_MAX);
        loop {
            let timeout = self.sleep_ns().map(Duration::from_nanos).map(Timespec::try_from);
            let timeout = timeout.transpose().context("a timeout")?;
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("waiting"),
            }
            for event in &events {
                let Event { flags, data, .. } = *event;
                if data.u64() == LISTENER {
                    self.accept()?;
                    continue;
                }
                if flags.contains(EventFlags::OUT) {
                    self.write(data.u64())?;
                }
                if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                    self.read(data.u64())?;
                }
            }
            self.write_due()?;
        }
    }

    /// Until the next answer is due; `None` when none waits.
    fn sleep_ns(&self) -> Option<u64> {
        self.delayed.front().map(|next| next.due_ns.saturating_sub(clock::now_ns()))
    }

    fn accept(&mut self) -> Result<()> {
        while let Some(socket) = socket::accept(&self.listener).context("accepting")? {
            self.last_peer += 1;
            epoll::add(&self.epoll, &socket, EventData::new_u64(self.last_peer), EventFlags::IN)
                .context("watching a connection")?;
            let peer = Peer { socket: Socket::new(socket), is_waiting_to_write: false };
            self.peers.insert(self.last_peer, peer);
        }
        Ok(())
    }

    fn read(&mut self, index: u64) -> Result<()> {
        let Some(peer) = self.peers.get_mut(&index) else { return Ok(()) };
        let count = match peer.socket.receive(&mut self.scratch) {
            Ok(Received::Bytes(count)) => count,
            Ok(Received::Nothing) => return Ok(()),
            // The server lets go of a connection, which it may at any time.
            Ok(Received::End) | Err(_) => {
                self.peers.remove(&index);
                return Ok(());
            }
        };
        let mut rest = &self.scratch[..count];
        loop {
            match request::parse(rest) {
                Ok(Some((request, bytes))) => {
                    rest = &rest[bytes..];
                    self.counts.add(&request);
                    if self.delay_ns == 0 {
                        request::put_answer(&mut peer.socket.outgoing, &request);
                    } else {
                        let due_ns = clock::now_ns() + self.delay_ns;
                        let mut answer = Vec::new();
                        request::put_answer(&mut answer, &request);
                        self.delayed.push_back(Delayed { due_ns, peer: index, answer });
                    }
                }
                Ok(None) => break,
                Err(reason) => {
                    self.counts.refusal.get_or_init(|| reason);
                    self.peers.remove(&index);
                    return Ok(());
                }
            }
        }
        peer.socket.keep(rest);
        self.write(index)
    }

    /// Writes the delayed answers whose time has come.
    fn write_due(&mut self) -> Result<()> {
        if self.delayed.is_empty() {
            return Ok(());
        }
        let now_ns = clock::now_ns();
        let due = self.delayed.partition_point(|answer| answer.due_ns <= now_ns);
        for _ in 0..due {
            let Some(Delayed { peer: index, answer, .. }) = self.delayed.pop_front() else { break };
            if let Some(peer) = self.peers.get_mut(&index) {
                peer.socket.outgoing.extend_from_slice(&answer);
                self.write(index)?;
            }
        }
        Ok(())
    }

    /// Writes what is queued for a connection; the rest follows when there is room.
    fn write(&mut self, index: u64) -> Result<()> {
        let Some(peer) = self.peers.get_mut(&index) else { return Ok(()) };
        let Ok(is_all_written) = peer.socket.write_queued() else {
            self.peers.remove(&index);
            return Ok(());
        };
        if peer.is_waiting_to_write == is_all_written {
            peer.is_waiting_to_write = !is_all_written;
            let out = if is_all_written { EventFlags::empty() } else { EventFlags::OUT };
            let data = EventData::new_u64(index);
            epoll::modify(&self.epoll, &peer.socket.descriptor, data, EventFlags::IN | out)
                .context("watching a connection")?;
        }
        Ok(())
    }
}

impl Counts {
    fn add(&self, request: &Request<'_>) {
        match request {
            Request::Event { .. } => self.events.fetch_add(1, Relaxed),
            Request::Validation => self.validations.fetch_add(1, Relaxed),
            Request::Other => return,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

    use super::super::Handler;
    use super::*;

    const EVENT: &[u8] =
        b"POST /message HTTP/1.1\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";
    const ANSWER: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";

    fn start(delay_ns: u64) -> (Handler, TcpStream) {
        // A port that is free; the handler may take it as soon as this listener is gone.
        let free = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let handler = Handler::start(address, delay_ns).unwrap();
        (handler, TcpStream::connect(address).unwrap())
    }

    #[test]
    fn requests_on_a_kept_connection_are_answered_in_turn_however_they_are_cut() {
        let (handler, mut stream) = start(0);
        stream.write_all(&[EVENT, EVENT, &EVENT[..20]].concat()).unwrap();
        let mut answers = vec![0; 2 * ANSWER.len()];
        stream.read_exact(&mut answers).unwrap();
        stream.write_all(&EVENT[20..]).unwrap();
        let mut last = vec![0; ANSWER.len()];
        stream.read_exact(&mut last).unwrap();
        assert_eq!([answers, last].concat(), ANSWER.repeat(3));
        assert_eq!((handler.events(), handler.validations()), (3, 0));
        assert!(handler.is_running() && handler.cpu_ns().is_some());
    }

    #[test]
    fn a_delayed_answer_comes_not_before_its_time() {
        let delay_ns = 30 * clock::NS_PER_MS;
        let (_handler, mut stream) = start(delay_ns);
        let sent_ns = clock::now_ns();
        stream.write_all(EVENT).unwrap();
        let mut answer = vec![0; ANSWER.len()];
        stream.read_exact(&mut answer).unwrap();
        assert!(clock::now_ns() - sent_ns >= delay_ns);
        assert_eq!(answer, ANSWER);
    }

    #[test]
    fn what_is_no_request_ends_its_connection_and_not_the_handler() {
        let (handler, mut stream) = start(0);
        stream.write_all(b"\x01\x02 \r\n\r\n").unwrap();
        assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap_or(0), 0);
        assert_eq!(handler.refusal(), Some("a request is not HTTP"));
        let mut next = TcpStream::connect(handler.address).unwrap();
        next.write_all(EVENT).unwrap();
        next.read_exact(&mut vec![0; ANSWER.len()]).unwrap();
    }
}
