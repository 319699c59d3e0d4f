//! What does a frame cost in the queue of one connection: to push, to write out, to drop?
//!
//! Sixteen frames of one message each go in, their bytes are joined as `connection/writer.rs` does
//! it, and the queue is told that the socket took them. `plain` shares every byte; `reliable`
//! numbers each frame for its receiver and keeps it until all are acknowledged;
//! `protobuf_reliable` has lengths in front of each that depend on the number. `plain_again` is what
//! every further member of a group costs, which waits for frames that are joined already. The
//! frames are shared, so making them is outside. `copy` is the yardstick: the same bytes into one
//! buffer, without a queue.
//!
//! Left out: the system call, and other connections, whose queues would have to come into the
//! cache first (`fanout`).

use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use corecast::frame::message::{OutgoingMessage, Source};
use corecast::frame::{Format, FrameScratch, Queued};
use corecast::protocol::subprotocol::{Metadata, Payload};
use corecast::shard::joined::Joined;
use corecast::shard::outbound::{OutboundLimits, OutboundQueue};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const FRAMES: usize = 16;
const LIMITS: OutboundLimits = OutboundLimits { messages_max: 1000, bytes_max: 16 << 20 };

/// A message to a group as queues share it.
fn message(payload_bytes: usize, format: Format) -> Rc<Queued> {
    let text = "x".repeat(payload_bytes);
    let message = OutgoingMessage {
        source: Source::Group { name: "floor-3", from_user: Some("ana") },
        payload: &Payload::text(&text),
        metadata: &Metadata::default(),
        stream: None,
    };
    let frame = message.encode(&mut FrameScratch::default(), format).expect("it is shown");
    Queued::message(frame, format, 0)
}

/// One round of a queue. Returns the bytes written.
fn round(queue: &mut OutboundQueue, frame: &Rc<Queued>, joined: &mut Joined) -> usize {
    for _ in 0..FRAMES {
        queue.push(frame.clone());
    }
    queue.join(joined, usize::MAX);
    queue.finish(joined.whole_frames().expect("there is room for all"));
    queue.acknowledge(u64::MAX);
    joined.bytes().len()
}

fn outbound(c: &mut Criterion) {
    let (mut joined, mut buffer) = (Joined::default(), Vec::with_capacity(64 << 10));
    for (name, bytes) in [("128", 128), ("1k", 1 << 10)] {
        let (json, protobuf) = (message(bytes, Format::Json), message(bytes, Format::Protobuf));
        let mut group = c.benchmark_group(format!("queue/{name}"));
        group.throughput(Throughput::Elements(FRAMES as u64));
        let rounds = [
            ("plain", OutboundQueue::new(LIMITS), &json),
            ("reliable", OutboundQueue::reliable(LIMITS), &json),
            ("protobuf_reliable", OutboundQueue::reliable(LIMITS), &protobuf),
        ];
        for (kind, mut queue, frame) in rounds {
            group.bench_function(kind, |b| {
                b.iter(|| {
                    joined.clear();
                    black_box(round(&mut queue, black_box(frame), &mut joined))
                });
            });
        }
        let mut queue = OutboundQueue::new(LIMITS);
        group.bench_function("plain_again", |b| {
            b.iter(|| black_box(round(&mut queue, black_box(&json), &mut joined)));
        });
        group.bench_function("copy", |b| {
            b.iter(|| {
                buffer.clear();
                for _ in 0..FRAMES {
                    buffer.extend_from_slice(black_box(&json).bytes());
                }
                black_box(&buffer);
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = outbound
}
criterion_main!(benches);
