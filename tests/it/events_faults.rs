//! The handler fails in every way while two thousand clients send it events.
//!
//! It is stopped, hangs, is slow and is restarted, and the configuration is read again. Meanwhile:
//!
//! 1. Groups go on: a publisher and its subscribers, on every shard, lose nothing and are never
//!    held up; in every phase further messages arrive.
//! 2. Every event ends in exactly one of: delivered, with its own answer at its own client; failed
//!    or rejected, and the client is told. Clients, the server's counters and the handler's record
//!    agree on the numbers.
//! 3. The server keeps within [`MEMORY_BYTES_MAX`].
//!
//! Nothing is said about speed; each phase lasts until what it is about has happened.

mod fleet;
mod witness;

use std::collections::HashMap;
use std::time::Duration;

use fleet::{Fleet, Outcomes};
use witness::Witness;

use crate::support::{Answer, Endpoint, Setup, USER_EVENTS, Upstream, eventually};

const CLIENTS: usize = 2000;

/// Small enough that every bound is reached with so few clients.
const CONFIG: &str = "eventQueueMessages = 400\neventConcurrency = 64\n\
     eventTimeoutInSeconds = 2\neventAttempts = 2\n";

/// Two thousand clients, full queues and what the process needs by itself: twice what was seen.
const MEMORY_BYTES_MAX: u64 = 96 << 20;

/// Messages that every subscriber gets at least in each phase.
const MESSAGES_PER_PHASE: u64 = 100;

/// The event that the clients send.
const EVENT: &str = "e";

const REQUESTS: &str = "corecast_event_handler_requests_total";

#[test]
fn events_are_accounted_for_and_groups_do_not_notice() {
    // E32, E46, J6, J35, J38: under load and in failure.
    let mut upstream = Upstream::start();
    echo(&upstream);
    let config = format!("{CONFIG}{}", upstream.handler(USER_EVENTS));
    let server = Setup::new().shards(2).config(&config).start();
    let fleet = Fleet::start(*server, CLIENTS);
    let witness = Witness::start(&server);
    let scene = Scene { server: *server, witness: &witness };

    scene.lasts("healthy", "delivered", 1000.0);
    upstream.stop();
    scene.lasts("stopped", "failed_unreachable", 200.0);
    upstream.resume();
    scene.lasts("back", "delivered", 1000.0);
    upstream.always(EVENT, Answer::never());
    scene.lasts("hung: those under way", "failed_timeout", 64.0);
    scene.lasts("hung: those that find no room", "rejected_full", 100.0);
    echo(&upstream);
    scene.lasts("awake", "delivered", 1000.0);
    assert!(server.reload(&config));
    scene.lasts("reloaded", "delivered", 500.0);
    let slowly = |text: &str| Answer::text(text).after(Duration::from_millis(500));
    upstream.respond(EVENT, move |request| slowly(request.text()));
    scene.lasts("slow: some", "delivered", 300.0);
    scene.lasts("slow: the others", "rejected_full", 100.0);
    for _ in 0..3 {
        upstream.stop();
        upstream.resume();
        scene.lasts("restarted and slow", "delivered", 50.0);
    }
    echo(&upstream);
    scene.lasts("healthy again", "delivered", 1000.0);

    let outcomes = fleet.finish();
    witness.finish();
    account(&server, &upstream, &outcomes);
    let peak = server.peak_memory_bytes();
    println!("{} MiB at most", peak >> 20);
    assert!(peak <= MEMORY_BYTES_MAX, "{peak} bytes");
}

/// Answers every event with its own text.
fn echo(upstream: &Upstream) {
    upstream.respond(EVENT, |request| Answer::text(request.text()));
}

struct Scene<'t> {
    server: Endpoint,
    witness: &'t Witness,
}

impl Scene<'_> {
    /// Waits until so many further events have come to this result, and the groups have gone on.
    fn lasts(&self, name: &str, result: &str, events: f64) {
        let (before, messages) = (count(&self.server, result), self.witness.progress());
        eventually(&format!("{name}: {events} events {result}"), || {
            let events_are_there = count(&self.server, result) >= before + events;
            let groups_go_on = self.witness.progress() >= messages + MESSAGES_PER_PHASE;
            (events_are_there && groups_go_on).then_some(())
        });
        println!("{name}: {} messages of groups", self.witness.progress() - messages);
    }
}

/// Events of this result. There are only those of clients.
fn count(server: &Endpoint, result: &str) -> f64 {
    server.metrics().sum(REQUESTS, &[("result", result)])
}

/// The numbers of the clients, the server and the handler have to fit.
fn account(server: &Endpoint, upstream: &Upstream, outcomes: &Outcomes) {
    let (delivered, failed) = (outcomes.delivered.len(), outcomes.failed.len());
    println!("{delivered} delivered, {failed} failed");
    let total = server.metrics().sum(REQUESTS, &[]);
    assert_eq!(total, (delivered + failed) as f64);
    assert_eq!(count(server, "delivered"), delivered as f64);
    assert_eq!(count(server, "abandoned"), 0.0, "every client stayed");

    // How often each event reached the handler, and whether it answered.
    let mut reached: HashMap<String, (u64, usize, bool)> = HashMap::new();
    for request in upstream.all(EVENT) {
        let entry = reached.entry(request.text().to_owned()).or_insert((request.id(), 0, false));
        assert_eq!(entry.0, request.id(), "attempts are the same event: {request:?}");
        entry.1 += 1;
        entry.2 |= request.answered().is_some();
    }
    for text in &outcomes.delivered {
        let was_answered = reached.get(text).is_some_and(|(_, _, was_answered)| *was_answered);
        assert!(was_answered, "{text} was answered by nobody");
    }
    for (text, (_, attempts, _)) in &reached {
        // Two attempts; each is made again at once if it met the end of a connection that was kept.
        assert!(*attempts <= 4, "{text} was sent {attempts} times");
        let is_known = outcomes.delivered.contains(text) || outcomes.failed.contains(text);
        assert!(is_known, "nobody sent {text}");
    }
    let rejected = count(server, "rejected_full");
    assert!(reached.len() as f64 <= total - rejected, "what was rejected was not sent");
}
