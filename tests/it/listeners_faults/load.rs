//! Clients that send events at a steady rate and note which ones succeeded.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::Message;

use crate::support::{Endpoint, Server, Setup, event, eventually};

/// Two thousand events a second, all together.
const CLIENTS: usize = 4;
const EVENTS_PER_TURN: u32 = 25;
const TURN: Duration = Duration::from_millis(50);

/// What became of one connection's events, which are numbered from 0.
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) count: u32,
    /// Those whose success the client was told.
    pub(super) acknowledged: Vec<u32>,
}

struct Course {
    /// None while the server is away.
    server: Mutex<Option<Endpoint>>,
    is_over: AtomicBool,
    connected: AtomicUsize,
}

pub(super) struct Load {
    course: Arc<Course>,
    clients: Vec<JoinHandle<Vec<Sent>>>,
}

impl Load {
    pub(super) fn start(server: &Endpoint) -> Self {
        let course = Arc::new(Course {
            server: Mutex::new(Some(*server)),
            is_over: AtomicBool::new(false),
            connected: AtomicUsize::new(0),
        });
        let client = |shard| {
            let course = course.clone();
            std::thread::spawn(move || course.run(shard))
        };
        let clients = (0..CLIENTS).map(|number| client(number % usize::from(server.shards)));
        let load = Self { clients: clients.collect(), course };
        load.await_clients();
        load
    }

    fn await_clients(&self) {
        let connected = || self.course.connected.load(Ordering::Relaxed);
        eventually("all clients", || (connected() == CLIENTS).then_some(()));
    }

    /// Lets the clients go on for so long.
    pub(super) fn lasts(&self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(left);
        }
    }

    /// Kills the server under its clients, and starts it at the same address. They come back to it.
    pub(super) fn restarted(&self, mut server: Server, setup: &Setup) -> Server {
        *self.course.server.lock().expect("no panic inside") = None;
        let address = server.address;
        server.kill();
        self.course.connected.store(0, Ordering::Relaxed);
        drop(server);
        let server = setup.clone().listen(address).start();
        *self.course.server.lock().expect("no panic inside") = Some(*server);
        self.await_clients();
        server
    }

    /// Ends the load, and says what was sent.
    pub(super) fn finish(self) -> Vec<Sent> {
        self.course.is_over.store(true, Ordering::Relaxed);
        let clients = self.clients.into_iter();
        clients.flat_map(|client| client.join().expect("a client")).collect()
    }
}

impl Course {
    /// One client after the other, until the load is over.
    fn run(&self, shard: usize) -> Vec<Sent> {
        let mut all = Vec::new();
        let shard = u16::try_from(shard).expect("few shards");
        while !self.is_over.load(Ordering::Relaxed) {
            let server = *self.server.lock().expect("no panic inside");
            match server {
                Some(server) => all.push(self.send(server, shard)),
                None => std::thread::park_timeout(Duration::from_millis(5)),
            }
        }
        all
    }

    /// Sends until the load is over or the connection is lost.
    fn send(&self, server: Endpoint, shard: u16) -> Sent {
        let client = server.client().on(shard).connect();
        let mut sent = Sent { id: client.id.clone(), count: 0, acknowledged: Vec::new() };
        let mut socket = client.into_socket();
        self.connected.fetch_add(1, Ordering::Relaxed);
        let mut due = Instant::now();
        while !self.is_over.load(Ordering::Relaxed) {
            for _ in 0..EVENTS_PER_TURN {
                let mut request = event("e", &sent.count.to_string());
                request["ackId"] = json!(sent.count);
                sent.count += 1;
                if socket.write(Message::from(request.to_string())).is_err() {
                    return sent;
                }
            }
            if socket.flush().is_err() {
                return sent;
            }
            for _ in 0..EVENTS_PER_TURN {
                let ack: Value = match socket.read() {
                    Ok(Message::Text(text)) => serde_json::from_str(&text).expect("JSON"),
                    Ok(Message::Ping(_)) => continue,
                    _ => return sent,
                };
                assert_eq!((&ack["type"], &ack["success"]), (&json!("ack"), &json!(true)), "{ack}");
                let id = ack["ackId"].as_u64().expect("a number");
                sent.acknowledged.push(u32::try_from(id).expect("a small number"));
            }
            due += TURN;
            std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
        sent
    }
}
