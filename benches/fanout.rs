//! What does it cost to give one message to one more member?
//!
//! A publish of 128 B of text goes through parser, permission, encoding and fan-out into the queue
//! of each member on this shard, and out again: the queues are emptied inside the clock. `plain`
//! has JSON members in four numbers, which tells the cost per message from the cost per member
//! (and 10,000 members from those that fit into the cache); `kind` has 1,000 members of each kind,
//! reliable ones acknowledging what they get; `burst` has 16 messages in each queue before it is
//! emptied, as under load. Criterion's elements are deliveries: the reciprocal of the rate is the
//! time of one.
//!
//! Left out: the system calls, which cost microseconds where this costs nanoseconds
//! (`connection/writer.rs`); for one plain message its bytes are not copied either, as the socket
//! would take them from where they are.

#[path = "../tests/allocations/crowd.rs"]
mod crowd;

use std::time::Duration;

use corecast::protocol::subprotocol::Subprotocol;
use corecast::protocol::ws::assembly::Message;
use corecast::shard::connection::ClientKind;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use crowd::{Crowd, GROUP};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const JSON: ClientKind = ClientKind::PubSub(Subprotocol::Json);

/// Messages in each queue before it is emptied.
const BURST: usize = 16;

fn bench(c: &mut Criterion, name: &str, kind: &ClientKind, members: usize, messages: usize) {
    let data = "x".repeat(128);
    let message =
        format!(r#"{{"type":"sendToGroup","group":"{GROUP}","dataType":"text","data":"{data}"}}"#);
    let mut crowd = Crowd::new(JSON, 1);
    crowd.add(0, kind, members);
    let deliveries = members * messages;
    let mut group = c.benchmark_group("fanout");
    group.throughput(Throughput::Elements(deliveries as u64));
    group.bench_function(name, |b| {
        b.iter(|| {
            (0..messages).for_each(|_| crowd.send(Message::Text(&message)));
            assert_eq!(crowd.drain(), deliveries);
        });
    });
    group.finish();
}

fn fanout(c: &mut Criterion) {
    for members in [1, 100, 1000, 10_000] {
        bench(c, &format!("plain/{members}"), &JSON, members, 1);
    }
    let kinds = [
        ("json", JSON),
        ("json_reliable", ClientKind::PubSub(Subprotocol::JsonReliable)),
        ("protobuf", ClientKind::PubSub(Subprotocol::Protobuf)),
        ("protobuf_reliable", ClientKind::PubSub(Subprotocol::ProtobufReliable)),
        ("simple", ClientKind::SimpleEvent),
    ];
    for (name, kind) in &kinds {
        bench(c, &format!("kind/{name}"), kind, 1000, 1);
        bench(c, &format!("burst/{name}"), kind, 1000, BURST);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = fanout
}
criterion_main!(benches);
