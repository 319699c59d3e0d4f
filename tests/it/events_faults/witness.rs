//! A publisher and its subscribers, which must not notice what becomes of events.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::support::{Client, Endpoint};

const GROUP: &str = "witness";

/// Between two publications.
const PAUSE: Duration = Duration::from_millis(5);

/// The last message.
const END: &str = "end";

pub(super) struct Witness {
    is_over: Arc<AtomicBool>,
    publisher: JoinHandle<()>,
    subscribers: Vec<Subscriber>,
}

struct Subscriber {
    received: Arc<AtomicU64>,
    reader: JoinHandle<()>,
}

impl Witness {
    /// One publisher, two subscribers on each shard.
    pub(super) fn start(server: &Endpoint) -> Self {
        let subscribers = (0..server.shards)
            .flat_map(|shard| [shard; 2])
            .map(|shard| Subscriber::start(server.client().groups(&[GROUP]).on(shard).connect()))
            .collect();
        let is_over = Arc::new(AtomicBool::new(false));
        let (told, client) = (is_over.clone(), server.client().permitted().connect());
        let publisher = std::thread::spawn(move || publish(client, &told));
        Self { is_over, publisher, subscribers }
    }

    /// How many messages have reached every subscriber.
    pub(super) fn progress(&self) -> u64 {
        let counts =
            self.subscribers.iter().map(|subscriber| subscriber.received.load(Ordering::Relaxed));
        counts.min().expect("subscribers")
    }

    /// Publishes the last message and waits until everybody has it.
    pub(super) fn finish(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.publisher.join().expect("every publication was acknowledged");
        for subscriber in self.subscribers {
            subscriber.reader.join().expect("every message in its order");
        }
    }
}

fn publish(mut client: Client, is_over: &AtomicBool) {
    for number in 0_u64.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        client.publish(GROUP, &number.to_string());
        // Load, not waiting: so many messages are enough to see a gap.
        std::thread::park_timeout(PAUSE);
    }
    client.publish(GROUP, END);
}

impl Subscriber {
    fn start(mut client: Client) -> Self {
        let received = Arc::new(AtomicU64::new(0));
        let count = received.clone();
        let reader = std::thread::spawn(move || {
            for number in 0_u64.. {
                let text = client.group_text(GROUP);
                if text == END {
                    return;
                }
                assert_eq!(text, number.to_string(), "the next message");
                count.store(number + 1, Ordering::Relaxed);
            }
        });
        Self { received, reader }
    }
}
