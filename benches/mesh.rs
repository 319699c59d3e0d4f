//! What does it cost to hand a message to another shard?
//!
//! `awake/N`: a turn's N publishes leave through the outbox and the channel, and the peer, which
//! does not sleep, takes them; both sides in one thread, so that the figure is work and not
//! transport between cores. `clone` is what a publish pays per interested shard before that: the
//! group's key and the frames, each by an atomic count. `round_trip` is two wake-ups: a message to a
//! thread that sleeps in its epoll, and its answer to this one, which sleeps meanwhile. It depends
//! on the machine more than on this code, and says why a peer is woken once per turn.
//!
//! Left out: executing the message (`fanout`).

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use corecast::frame::{Format, FrameScratch, FrameSet};
use corecast::hub::group::{GroupKey, Groups};
use corecast::hub::id::{ShardId, ShardSet};
use corecast::hub::name::HubName;
use corecast::reactor::mesh::{Mesh, connect};
use corecast::shard::counters::Counters;
use corecast::shard::message::ShardMessage;
use corecast::shard::outbox::Outbox;
use criterion::measurement::{Measurement, WallTime};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use foldhash::quality::RandomState;
use rustix::event::{PollFd, PollFlags, poll};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SLOTS: usize = 4096;

/// A publish of 128 B in one format.
struct Publication {
    group: Arc<GroupKey>,
    frames: FrameSet,
}

impl Publication {
    fn new() -> Self {
        let hub = HubName::parse("chat").expect("a valid name");
        let mut groups = Groups::new(RandomState::default());
        let index = groups.find_or_create(&hub, "building-7");
        let mut frames = FrameSet::default();
        let frame = FrameScratch::default().raw(|out| out.extend_from_slice(&[b'x'; 132]));
        frames.set(Format::Json, frame);
        Self { group: groups.get(index).key().clone(), frames }
    }

    fn message(&self) -> ShardMessage {
        ShardMessage::Publish { group: self.group.clone(), frames: self.frames.clone() }
    }
}

/// One shard's side: its end of the mesh, and what it has for the other.
struct Side {
    mesh: Mesh,
    outbox: Outbox,
    peer: ShardId,
    counters: Counters,
}

impl Side {
    fn pair() -> [Self; 2] {
        let mut index = 0;
        let mut side = |mesh| {
            let own = ShardId::new(index);
            index += 1;
            let peer = ShardId::new(2 - index);
            Self { mesh, outbox: Outbox::new(own, 2), peer, counters: Counters::default() }
        };
        let connected = connect(2, SLOTS).expect("two eventfds");
        let [first, second] = connected.meshes.try_into().expect("two shards");
        [side(first), side(second)]
    }

    fn send(&mut self, publication: &Publication, count: usize) {
        (0..count).for_each(|_| self.outbox.send(self.peer, publication.message()));
        self.mesh.send(&mut self.outbox, &mut self.counters);
    }

    fn receive(&mut self) -> usize {
        let mut received = 0;
        self.mesh.receive(SLOTS, |_, message| {
            received += 1;
            black_box(message);
            true
        });
        received
    }

    /// Sleeps until there is a message, and takes it.
    fn await_message(&mut self) {
        while self.receive() == 0 {
            if self.mesh.fall_asleep(ShardSet::default()) {
                let mut event = [PollFd::new(self.mesh.event(), PollFlags::IN)];
                poll(&mut event, None).expect("an eventfd");
                self.mesh.clear_event();
                self.mesh.wake_up();
            }
        }
    }
}

fn awake(c: &mut Criterion) {
    let publication = Publication::new();
    let mut group = c.benchmark_group("awake");
    for count in [1, 64] {
        let [mut sender, mut receiver] = Side::pair();
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(count.to_string(), |b| {
            b.iter(|| {
                sender.send(&publication, count);
                assert_eq!(receiver.receive(), count);
            });
        });
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("clone", |b| b.iter(|| black_box(publication.message())));
    group.finish();
}

fn asleep(c: &mut Criterion) {
    let mut group = c.benchmark_group("asleep");
    group.bench_function("round_trip", |b| {
        b.iter_custom(|rounds| {
            let [mut here, mut there] = Side::pair();
            let publication = Publication::new();
            thread::scope(|scope| {
                scope.spawn(move || {
                    let answer = Publication::new();
                    for _ in 0..rounds {
                        there.await_message();
                        there.send(&answer, 1);
                    }
                    // Both ends stay open until the last answer has been taken.
                    there
                });
                let start = WallTime.start();
                for _ in 0..rounds {
                    here.send(&publication, 1);
                    here.await_message();
                }
                WallTime.end(start)
            })
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = awake, asleep
}
criterion_main!(benches);
