//! Two thousand clients on one thread: each sends an event, waits for its end, and sends the next.

use std::collections::{HashSet, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fd::OwnedFd;
use serde_json::{Value, json};

use crate::support::frame::{PING, TEXT};
use crate::support::{Endpoint, Frame, PATIENCE, event};

/// Between the end of an event and the next one of the same client.
const PAUSE: Duration = Duration::from_secs(2);

/// The texts of all events by their end.
#[derive(Default)]
pub(super) struct Outcomes {
    /// With their answers.
    pub(super) delivered: HashSet<String>,
    /// As the client was told.
    pub(super) failed: HashSet<String>,
}

pub(super) struct Fleet {
    is_over: Arc<AtomicBool>,
    driver: JoinHandle<Outcomes>,
}

impl Fleet {
    /// Connects the clients and lets them go.
    pub(super) fn start(server: Endpoint, count: usize) -> Self {
        let mut driver = Driver::new(server, count);
        let is_over = Arc::new(AtomicBool::new(false));
        let told = is_over.clone();
        Self { is_over, driver: std::thread::spawn(move || driver.run(&told)) }
    }

    /// Lets every client wait for the end of its last event.
    pub(super) fn finish(self) -> Outcomes {
        self.is_over.store(true, Ordering::Relaxed);
        self.driver.join().expect("every event ends")
    }
}

struct Driver {
    clients: Vec<Client>,
    epoll: OwnedFd,
    /// Who sends next and when, the earliest first.
    due: VecDeque<(Instant, usize)>,
    outcomes: Outcomes,
}

struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
    /// The text of the event that is under way, and whether its answer has come.
    pending: Option<(String, bool)>,
    sent: u32,
}

impl Driver {
    fn new(server: Endpoint, count: usize) -> Self {
        let epoll = epoll::create(CreateFlags::CLOEXEC).expect("an epoll");
        let guest = server.client();
        let mut shards = HashSet::new();
        let mut clients = Vec::with_capacity(count);
        for index in 0..count {
            let connected = guest.connect();
            shards.insert(connected.shard());
            let stream = connected.into_socket().into_inner();
            stream.set_nonblocking(true).expect("a TCP socket");
            let data = EventData::new_u64(index as u64);
            epoll::add(&epoll, &stream, data, EventFlags::IN).expect("an open socket");
            clients.push(Client { stream, unread: Vec::new(), pending: None, sent: 0 });
        }
        assert_eq!(shards.len(), usize::from(server.shards), "every shard has clients");
        // Evenly over the first pause.
        let (now, step) = (Instant::now(), PAUSE.div_f64(count as f64));
        let due = (0..count).map(|index| (now + step.mul_f64(index as f64), index)).collect();
        Self { clients, epoll, due, outcomes: Outcomes::default() }
    }

    fn run(&mut self, is_over: &AtomicBool) -> Outcomes {
        while !is_over.load(Ordering::Relaxed) {
            self.turn();
            let now = Instant::now();
            while let Some((_, index)) = self.due.front().filter(|(due, _)| *due <= now) {
                self.clients[*index].send(*index);
                self.due.pop_front();
            }
        }
        let deadline = Instant::now() + PATIENCE;
        while self.clients.iter().any(|client| client.pending.is_some()) {
            assert!(Instant::now() < deadline, "events without an end");
            self.turn();
        }
        std::mem::take(&mut self.outcomes)
    }

    /// Waits for something to arrive and takes it in.
    fn turn(&mut self) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
        let mut events = Vec::with_capacity(256);
        epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)).expect("an epoll");
        for event in events {
            let index = usize::try_from(event.data.u64()).expect("an index");
            let client = &mut self.clients[index];
            client.read();
            while let Some(frame) = Frame::take(&mut client.unread) {
                if frame.opcode == PING {
                    continue;
                }
                assert_eq!(frame.opcode, TEXT, "client {index}: {frame:?}");
                let message = serde_json::from_str(frame.text()).expect("JSON");
                if let Some((text, is_delivered)) = client.take_in(&message) {
                    let outcomes = &mut self.outcomes;
                    let set =
                        if is_delivered { &mut outcomes.delivered } else { &mut outcomes.failed };
                    assert!(set.insert(text), "two ends: {message}");
                    self.due.push_back((Instant::now() + PAUSE, index));
                }
            }
        }
    }
}

impl Client {
    fn send(&mut self, index: usize) {
        self.sent += 1;
        let text = format!("{index} {}", self.sent);
        let mut request = event(super::EVENT, &text);
        request["ackId"] = json!(self.sent);
        let bytes = Frame::new(TEXT, request.to_string()).bytes();
        // Nothing else is under way, so there is room.
        self.stream.write_all(&bytes).expect("an open connection with room");
        self.pending = Some((text, false));
    }

    fn read(&mut self) {
        let mut chunk = [0; 4096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => panic!("a client was dropped, after {:?}", self.pending),
                Ok(length) => self.unread.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}, after {:?}", self.pending),
            }
        }
    }

    /// The text of the event that ended with this message, and whether it was delivered.
    fn take_in(&mut self, message: &Value) -> Option<(String, bool)> {
        let Some((text, has_answer)) = &mut self.pending else { panic!("unasked: {message}") };
        if message["type"] == "message" {
            assert_eq!(message["data"], *text, "the answer to another event: {message}");
            assert!(!*has_answer, "answered twice: {message}");
            *has_answer = true;
            return None;
        }
        assert_eq!((&message["type"], &message["ackId"]), (&json!("ack"), &json!(self.sent)));
        let is_delivered = message["success"] == true;
        assert_eq!(is_delivered, *has_answer, "{message}");
        if !is_delivered {
            assert_eq!(message["error"]["name"], "InternalServerError", "{message}");
        }
        self.pending.take().map(|(text, _)| (text, is_delivered))
    }
}
