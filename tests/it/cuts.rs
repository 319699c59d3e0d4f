//! Reliable clients whose connections are cut all the time, and that must not notice.
//!
//! Fifty subscribers and ten publishers on four shards talk through the
//! [proxy](crate::support::proxy), which resets, half-closes, stalls and ends their connections at
//! random. They recover as the libraries do. Whatever happened to the transports:
//!
//! 1. no connection is lost: each keeps its id until it says goodbye;
//! 2. each subscriber gets each message of each publisher once and in its order;
//! 3. under each sequence id comes one message, and a replay begins before the first gap;
//! 4. each publication is acknowledged, as a duplicate only if it was said more than once.
//!
//! The publishers wait for the slowest subscriber: what happens to one that is too slow is not
//! the question here (J48).

mod line;
mod publisher;
mod speech;
mod subscriber;

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use line::Line;
use publisher::Publisher;
use rustix::event::{PollFd, Timespec, poll};
use speech::Speech;
use subscriber::Subscriber;

use crate::support::proxy::Proxy;
use crate::support::{EVERYTHING, PATIENCE, Setup, Token};

const SUBSCRIBERS: usize = 50;
const PUBLISHERS: usize = 10;
const SHARDS: u16 = 4;
const GROUP: &str = "cuts";

const DURATION: Duration = Duration::from_secs(40);

/// Between two faults.
const FAULT_PAUSE: Duration = Duration::from_millis(40);

/// Between two messages of one publisher.
const PUBLISH_PAUSE: Duration = Duration::from_millis(50);

/// How far the slowest subscriber may be behind. The server keeps 1,000 messages for it.
const BEHIND_MAX: usize = 300;

#[test]
fn reliable_clients_get_every_message_once_through_any_cut() {
    // C41, C46, C47, J10, J14, J44, J45, P8, P27, O2
    let seed = seed();
    println!("CORECAST_CUTS_SEED={seed}");
    let server = Setup::new().shards(SHARDS).start();
    let proxy = Proxy::start(server.address);
    let mut cast = Cast::connect(&proxy);

    proxy.torment(seed, FAULT_PAUSE);
    let end = Instant::now() + DURATION;
    let mut next = Instant::now();
    while Instant::now() < end {
        cast.turn();
        if next <= Instant::now() {
            next += PUBLISH_PAUSE;
            cast.publish();
        }
    }
    let faults = proxy.relent();
    cast.settle();

    let messages: usize = cast.publishers.iter().map(|publisher| publisher.published).sum();
    let duplicates: usize = cast.publishers.iter().map(|publisher| publisher.duplicates).sum();
    let repeated: usize = cast.subscribers.iter().map(|subscriber| subscriber.repeated).sum();
    let recoveries = cast.lines().map(|line| line.attachments - 1).sum::<usize>();
    println!(
        "{messages} messages, {faults} faults, {recoveries} recoveries, {repeated} messages came \
         again, {duplicates} publications were duplicates"
    );
    assert!(messages > 500 && recoveries > 200, "that was too little to show anything");
    assert!(repeated > 0 && duplicates > 0, "that was too harmless to show anything");

    for line in cast.into_lines() {
        line.hang_up();
    }
    server.await_metric("corecast_connections", &[], 0.0);
}

/// Another one for each run, unless the environment names that of a run to repeat.
fn seed() -> u64 {
    match std::env::var("CORECAST_CUTS_SEED") {
        Ok(text) => text.parse().expect("a number"),
        Err(_) => {
            let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
            u64::from(time.subsec_nanos())
        }
    }
}

/// Everybody who takes part, driven by one thread.
struct Cast {
    subscribers: Vec<Subscriber>,
    publishers: Vec<Publisher>,
}

impl Cast {
    /// Connects everybody; the subscribers are members by their tokens.
    fn connect(proxy: &Proxy) -> Self {
        let token = |user: &str| Token::for_hub("chat").user(user);
        let line = |number: usize, token: Token| {
            // Some of each; among the publishers too.
            let speech = if number % 5 < 3 { Speech::Json } else { Speech::Protobuf };
            Line::new(proxy.address, speech, token)
        };
        let subscribers = (0..SUBSCRIBERS)
            .map(|number| Subscriber::new(line(number, token("reader").groups(&[GROUP]))))
            .collect();
        let publishers = (0..PUBLISHERS)
            .map(|number| Publisher::new(line(number, token("writer").roles(&EVERYTHING)), number))
            .collect();
        let mut cast = Self { subscribers, publishers };
        cast.turn_until("everybody is connected", |cast| {
            cast.lines().all(|line| line.id().is_some())
        });
        let shards: BTreeSet<_> = cast.subscribers.iter().map(|own| shard(&own.line)).collect();
        assert_eq!(shards.len(), usize::from(SHARDS), "every shard has subscribers");
        cast
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        let subscribers = self.subscribers.iter().map(|subscriber| &subscriber.line);
        subscribers.chain(self.publishers.iter().map(|publisher| &publisher.line))
    }

    fn into_lines(self) -> impl Iterator<Item = Line> {
        let subscribers = self.subscribers.into_iter().map(|subscriber| subscriber.line);
        subscribers.chain(self.publishers.into_iter().map(|publisher| publisher.line))
    }

    /// One message of each publisher, unless a subscriber is too far behind.
    fn publish(&mut self) {
        let slowest = self.subscribers.iter().map(Subscriber::seen).min().unwrap_or_default();
        let published: usize = self.publishers.iter().map(|publisher| publisher.published).sum();
        if published < slowest + BEHIND_MAX {
            self.publishers.iter_mut().for_each(Publisher::publish);
        }
    }

    /// Waits until every request is acknowledged and every subscriber has every message.
    fn settle(&mut self) {
        self.turn_until("every publication is acknowledged", |cast| {
            !cast.publishers.iter().any(Publisher::is_waiting)
        });
        self.turn_until("every subscriber has every message", |cast| {
            let mut publishers = cast.publishers.iter().enumerate();
            publishers.all(|(number, publisher)| {
                let mut seen = cast.subscribers.iter().map(|own| own.seen_of(number));
                seen.all(|count| count == publisher.published)
            })
        });
        self.turn_until("every transport is whole", |cast| {
            cast.lines().all(|line| line.interest().is_some())
        });
    }

    fn turn_until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
            self.turn();
        }
    }

    /// Waits a moment for something to arrive and lets everybody do what there is to do.
    fn turn(&mut self) {
        let mut descriptors: Vec<_> = self
            .lines()
            .filter_map(Line::interest)
            .map(|(socket, flags)| PollFd::new(socket, flags))
            .collect();
        let timeout = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
        poll(&mut descriptors, Some(&timeout)).expect("open sockets");
        self.subscribers.iter_mut().for_each(Subscriber::turn);
        self.publishers.iter_mut().for_each(Publisher::turn);
    }
}

/// The shard that owns a connection: the first two bytes of its id.
fn shard(line: &Line) -> u16 {
    let id = URL_SAFE_NO_PAD.decode(line.id().expect("connected")).expect("an id in base64url");
    u16::from_be_bytes(*id.first_chunk().expect("an id of 21 bytes"))
}
