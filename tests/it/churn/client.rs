//! One client of the churn, on a non-blocking socket, and its diary.
//!
//! Times of requests are taken before they are sent and times of answers after they were read, so
//! a difference between the two is never longer in truth than on paper.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::{Error, Message, WebSocket};

use crate::support::{Endpoint, publication};

/// Popular ones and ones with a member now and then; see [`Churner::toggle`].
pub(super) const GROUPS: usize = 12;

/// One message to one group.
pub(super) struct Publication {
    pub(super) publisher: u32,
    pub(super) group: usize,
    pub(super) number: u32,
    pub(super) sent: Duration,
    /// None if the publisher went before it had the ack.
    pub(super) acked: Option<Duration>,
}

/// One stay in one group, with everything that arrived from it.
pub(super) struct Membership {
    pub(super) receiver: u32,
    pub(super) group: usize,
    pub(super) requested: Duration,
    pub(super) joined: Option<Duration>,
    /// When the leave was requested or the connection given up; None at the end of the test.
    pub(super) leaving: Option<Duration>,
    /// Publisher and number.
    pub(super) received: Vec<(u32, u32)>,
}

/// The diaries of all connections that have ended.
#[derive(Default)]
pub(super) struct Log {
    pub(super) connections: u32,
    pub(super) publications: Vec<Publication>,
    pub(super) memberships: Vec<Membership>,
}

impl Log {
    pub(super) fn append(&mut self, mut other: Self) {
        self.connections += other.connections;
        self.publications.append(&mut other.publications);
        self.memberships.append(&mut other.memberships);
    }
}

/// How a client stands to one group.
enum Standing {
    Out,
    Joining(Membership),
    In(Membership),
    Leaving(Membership),
}

/// What an ack is awaited for.
enum Awaited {
    Join(usize),
    Leave(usize),
    /// Index into the client's publications.
    Publication(usize),
}

pub(super) struct Churner {
    socket: WebSocket<TcpStream>,
    /// Unique among all connections of the test.
    number: u32,
    shard: u16,
    epoch: Instant,
    pub(super) next_action: Duration,
    last_ack_id: u64,
    awaited: HashMap<u64, Awaited>,
    standings: [Standing; GROUPS],
    published: [u32; GROUPS],
    diary: Log,
}

impl Churner {
    pub(super) fn connect(server: Endpoint, epoch: Instant, next_action: Duration) -> Self {
        static NUMBERS: AtomicU32 = AtomicU32::new(0);
        let client = server.client().permitted().connect();
        let shard = client.shard();
        let socket = client.into_socket();
        socket.get_ref().set_nonblocking(true).expect("a TCP socket");
        Self {
            socket,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            shard,
            epoch,
            next_action,
            last_ack_id: 0,
            awaited: HashMap::new(),
            standings: [const { Standing::Out }; GROUPS],
            published: [0; GROUPS],
            diary: Log { connections: 1, ..Log::default() },
        }
    }

    pub(super) fn shard(&self) -> u16 {
        self.shard
    }

    pub(super) fn socket(&self) -> &TcpStream {
        self.socket.get_ref()
    }

    /// Whether an ack is still to come.
    pub(super) fn is_waiting(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Leaves the group, or joins it if `chance`, one of a million, allows: the later ones are
    /// joined rarely, so that shards often lose their last member of a group and get a first one.
    pub(super) fn toggle(&mut self, group: usize, chance: usize) {
        let now = self.epoch.elapsed();
        let standing = &mut self.standings[group];
        match std::mem::replace(standing, Standing::Out) {
            Standing::In(mut membership) => {
                membership.leaving = Some(now);
                *standing = Standing::Leaving(membership);
                self.request(
                    json!({"type": "leaveGroup", "group": name(group)}),
                    Awaited::Leave(group),
                );
            }
            Standing::Out if chance < 1_000_000 / ((group + 1) * (group + 1)) => {
                *standing = Standing::Joining(Membership {
                    receiver: self.number,
                    group,
                    requested: now,
                    joined: None,
                    leaving: None,
                    received: Vec::new(),
                });
                self.request(
                    json!({"type": "joinGroup", "group": name(group)}),
                    Awaited::Join(group),
                );
            }
            other => *standing = other,
        }
    }

    /// Publishes the next number to a group, as a member or not.
    pub(super) fn publish(&mut self, group: usize) {
        let number = self.published[group];
        self.published[group] += 1;
        let index = self.diary.publications.len();
        self.diary.publications.push(Publication {
            publisher: self.number,
            group,
            number,
            sent: self.epoch.elapsed(),
            acked: None,
        });
        let text = format!("{} {number}", self.number);
        self.request(publication(&name(group), &text), Awaited::Publication(index));
    }

    fn request(&mut self, mut request: Value, awaited: Awaited) {
        self.last_ack_id += 1;
        request["ackId"] = json!(self.last_ack_id);
        self.awaited.insert(self.last_ack_id, awaited);
        // What the kernel does not take at once stays in the library and goes with the next read.
        match self.socket.send(request.to_string().into()) {
            Ok(()) => {}
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("client {}: {error}", self.number),
        }
    }

    /// Reads everything that has arrived.
    pub(super) fn take_in(&mut self) {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let message = serde_json::from_str(text.as_str()).expect("JSON");
                    self.take_in_message(&message);
                }
                Ok(Message::Ping(_)) => {}
                Ok(other) => panic!("client {}: {other:?}", self.number),
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("client {}: {error}", self.number),
            }
        }
    }

    fn take_in_message(&mut self, message: &Value) {
        if message["type"] == "ack" {
            assert_eq!(message["success"], true, "{message}");
            let id = message["ackId"].as_u64().expect("an id");
            let awaited = self.awaited.remove(&id).unwrap_or_else(|| panic!("unasked: {message}"));
            return self.take_in_ack(awaited);
        }
        let group = message["group"].as_str().and_then(|name| name.parse().ok());
        let group: usize = group.unwrap_or_else(|| panic!("unexpected: {message}"));
        let numbers = message["data"].as_str().and_then(|text| text.split_once(' '));
        let (publisher, number) = numbers.unwrap_or_else(|| panic!("unexpected: {message}"));
        let entry = (publisher.parse().expect("a number"), number.parse().expect("a number"));
        match &mut self.standings[group] {
            // Between the ack of a leave and the next request.
            Standing::Out => panic!("client {} is not in group {group}: {message}", self.number),
            Standing::Joining(stay) | Standing::In(stay) | Standing::Leaving(stay) => {
                stay.received.push(entry);
            }
        }
    }

    fn take_in_ack(&mut self, awaited: Awaited) {
        let now = self.epoch.elapsed();
        match awaited {
            Awaited::Publication(index) => self.diary.publications[index].acked = Some(now),
            Awaited::Join(group) => {
                let standing = std::mem::replace(&mut self.standings[group], Standing::Out);
                let Standing::Joining(mut membership) = standing else { panic!("not joining") };
                membership.joined = Some(now);
                self.standings[group] = Standing::In(membership);
            }
            Awaited::Leave(group) => {
                let standing = std::mem::replace(&mut self.standings[group], Standing::Out);
                let Standing::Leaving(membership) = standing else { panic!("not leaving") };
                self.diary.memberships.push(membership);
            }
        }
    }

    /// Whether everything the log demands of a member that stays has arrived.
    pub(super) fn is_complete(&self, last: &dyn Fn(usize, Duration) -> Vec<(u32, u32)>) -> bool {
        self.standings.iter().all(|standing| {
            let Standing::In(membership) = standing else { return true };
            let joined = membership.joined.expect("a member");
            last(membership.group, joined).iter().all(|entry| membership.received.contains(entry))
        })
    }

    /// The publications so far, for the log.
    pub(super) fn take_publications(&mut self) -> Vec<Publication> {
        std::mem::take(&mut self.diary.publications)
    }

    /// Goes, with a close frame or without a word; memberships end with it.
    pub(super) fn go(mut self, orderly: bool) -> Log {
        let now = self.epoch.elapsed();
        for standing in &mut self.standings {
            match standing {
                Standing::Joining(stay) | Standing::In(stay) => stay.leaving = Some(now),
                Standing::Leaving(_) | Standing::Out => {}
            }
        }
        if orderly {
            self.close();
        }
        self.end()
    }

    /// Goes at the end of the test: memberships count to the last.
    pub(super) fn finish(mut self) -> Log {
        self.close();
        self.end()
    }

    /// The close handshake; what arrives before its end still counts.
    fn close(&mut self) {
        self.socket.get_ref().set_nonblocking(false).expect("a TCP socket");
        self.socket.close(None).expect("an open connection");
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let message = serde_json::from_str(text.as_str()).expect("JSON");
                    self.take_in_message(&message);
                }
                Ok(_) => {}
                Err(Error::ConnectionClosed | Error::Io(_)) => return,
                Err(error) => panic!("client {}: {error}", self.number),
            }
        }
    }

    fn end(self) -> Log {
        let mut diary = self.diary;
        diary.memberships.extend(self.standings.into_iter().filter_map(
            |standing| match standing {
                Standing::Joining(stay) | Standing::In(stay) | Standing::Leaving(stay) => {
                    Some(stay)
                }
                Standing::Out => None,
            },
        ));
        diary
    }
}

fn name(group: usize) -> String {
    group.to_string()
}
