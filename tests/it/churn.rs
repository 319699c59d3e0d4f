//! Clients that come, join, publish, leave and go, all at the same time, and what must hold then.
//!
//! Two threads drive a hundred clients each over non-blocking sockets and write down what they
//! did and saw, with times of one clock. Afterwards [`verify`] judges every membership. Messages
//! are numbered per publisher and group. For one membership and one publisher:
//!
//! 1. Numbers arrive in ascending order, each once, without a gap between first and last.
//! 2. What was sent after the join was acknowledged and acknowledged before the leave was sent
//!    has to be there. Just before the leave this is not exact: an acknowledged message may still
//!    be on its way to the receiver's shard while the leave is already there, which [`IN_FLIGHT`]
//!    allows for. Members that stay to the end get everything, to the last.
//! 3. Nothing arrives between the ack of a leave and the next join request, and nothing that was
//!    acknowledged long ([`IN_FLIGHT`]) before the join was requested.
//!
//! At the end all clients go, and the counters have to balance.

mod client;
mod verify;

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use client::{Churner, GROUPS, Log, Publication};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use verify::verify;

use crate::support::{Endpoint, PATIENCE, Setup};

const CLIENTS: usize = 200;
const THREADS: usize = 2;
const DURATION: Duration = Duration::from_secs(20);

/// How long a message may be between shards on a machine that does much else.
const IN_FLIGHT: Duration = Duration::from_secs(2);

/// Time between two actions of one client.
const PAUSE: Duration = Duration::from_millis(100);

#[test]
fn every_member_gets_every_message_once_and_in_order() {
    // J6, O2: 200 clients on four shards.
    let server = Setup::new().shards(4).start();
    let epoch = Instant::now();
    let endpoint = *server;
    let mut log = Log::default();
    let mut clients = Vec::new();
    std::thread::scope(|scope| {
        let drivers: Vec<_> =
            (0..THREADS).map(|seed| scope.spawn(move || drive(endpoint, seed, epoch))).collect();
        for driver in drivers {
            let (remaining, diary) = driver.join().expect("a driver that ends well");
            clients.extend(remaining);
            log.append(diary);
        }
    });
    for client in &mut clients {
        log.publications.extend(client.take_publications());
    }
    let complete = settle(&mut clients, &log);
    for client in clients {
        log.append(client.finish());
    }

    let deliveries = verify(&log);
    assert!(complete, "the last messages are late, but the verification did not miss any");
    let (publications, memberships) = (log.publications.len(), log.memberships.len());
    println!("{publications} publications, {memberships} memberships, {deliveries} deliveries");
    assert!(deliveries > 10_000, "that was too little to show anything");
    for name in ["corecast_connections_closed_total", "corecast_connections_opened_total"] {
        server.await_metric(name, &[], f64::from(log.connections));
    }
    server.await_metric("corecast_connections", &[], 0.0);
}

/// Drives a share of the clients until the time is over and every request is acknowledged.
fn drive(server: Endpoint, seed: usize, epoch: Instant) -> (Vec<Churner>, Log) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (seed as u64 + 1));
    let mut log = Log::default();
    let mut clients: Vec<_> = (0..CLIENTS / THREADS)
        .map(|_| Churner::connect(server, epoch, epoch.elapsed() + PAUSE))
        .collect();
    let shards: BTreeSet<_> = clients.iter().map(Churner::shard).collect();
    assert_eq!(shards.len(), usize::from(server.shards), "every shard has clients");

    while epoch.elapsed() < DURATION {
        turn(&mut clients);
        for client in &mut clients {
            let now = epoch.elapsed();
            if client.next_action > now {
                continue;
            }
            client.next_action = now + PAUSE;
            match random.below(1000) {
                0..500 => client.toggle(random.below(GROUPS), random.below(1_000_000)),
                500..995 => client.publish(random.below(GROUPS)),
                fate => {
                    let next = Churner::connect(server, epoch, now + PAUSE);
                    let previous = std::mem::replace(client, next);
                    log.append(previous.go(fate % 2 == 0));
                }
            }
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while clients.iter().any(Churner::is_waiting) {
        assert!(Instant::now() < deadline, "acks are missing");
        turn(&mut clients);
    }
    (clients, log)
}

/// Waits until the members that stay have the last message of every publisher to their groups.
/// False if that takes too long: then the verification says what is missing.
fn settle(clients: &mut [Churner], log: &Log) -> bool {
    let mut last: HashMap<(usize, u32), &Publication> = HashMap::new();
    for publication in log.publications.iter().filter(|publication| publication.acked.is_some()) {
        last.insert((publication.group, publication.publisher), publication);
    }
    let last_since = |group: usize, joined: Duration| {
        let of_group = last.iter().filter(|((of, _), sent)| *of == group && sent.sent > joined);
        of_group.map(|(_, sent)| (sent.publisher, sent.number)).collect()
    };
    let deadline = Instant::now() + PATIENCE;
    while !clients.iter().all(|client| client.is_complete(&last_since)) {
        if Instant::now() > deadline {
            return false;
        }
        turn(clients);
    }
    true
}

/// Waits for something to arrive and takes in everything that has.
fn turn(clients: &mut [Churner]) {
    let timeout = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
    let ready: Vec<bool> = {
        let mut descriptors: Vec<_> =
            clients.iter().map(|client| PollFd::new(client.socket(), PollFlags::IN)).collect();
        poll(&mut descriptors, Some(&timeout)).expect("open sockets");
        descriptors.iter().map(|descriptor| !descriptor.revents().is_empty()).collect()
    };
    for (client, _) in clients.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
        client.take_in();
    }
}

/// A generator that is the same in every run (xorshift64): what differs is only the timing.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("below a usize")
    }
}
