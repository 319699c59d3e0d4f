//! What does it cost to find a group, to join it and to leave it?
//!
//! One shard's table with 1, 1,000 and 100,000 groups of two members each, and names as
//! applications choose them. `find` is what a publish pays once, hash included; `find_key` what it
//! pays on a peer, where the hash comes with it; `join_leave` adds a third member to a group that is
//! looked up for both, and takes it out again. The groups are visited in an order that no cache
//! foresees.
//!
//! Left out: the connection's own list of groups, and telling other shards.

use std::hint::black_box;
use std::time::Duration;

use corecast::frame::Format;
use corecast::hub::group::{Groups, Member};
use corecast::hub::name::HubName;
use criterion::{Criterion, criterion_group, criterion_main};
use foldhash::quality::RandomState;

/// A prime, so that steps of it visit every group of a table before they come back.
const STRIDE: usize = 7919;

fn groups(c: &mut Criterion) {
    let hub = HubName::parse("chat").expect("a valid name");
    for count in [1, 1000, 100_000] {
        let names: Vec<_> = (0..count).map(|n| format!("building-7/room-{n}")).collect();
        let mut table = Groups::new(RandomState::default());
        let keys: Vec<_> = names
            .iter()
            .map(|name| {
                let index = table.find_or_create(&hub, name);
                for connection in 0..2 {
                    table.get_mut(index).add(Format::Json, Member { connection, membership: 0 });
                }
                table.get(index).key().clone()
            })
            .collect();
        let mut at = 0;
        let mut next = || {
            at = (at + STRIDE) % count;
            at
        };
        let mut group = c.benchmark_group(format!("groups/{count}"));
        group.bench_function("find", |b| {
            b.iter(|| table.find(&hub, black_box(&names[next()])).expect("it is there"));
        });
        group.bench_function("find_key", |b| {
            b.iter(|| table.find_key(black_box(&keys[next()])).expect("it is there"));
        });
        group.bench_function("join_leave", |b| {
            b.iter(|| {
                let name = black_box(&names[next()]);
                let index = table.find_or_create(&hub, name);
                let member = Member { connection: 2, membership: 0 };
                let position = table.get_mut(index).add(Format::Json, member);
                let index = table.find(&hub, name).expect("it is there");
                black_box(table.get_mut(index).remove(Format::Json, position));
                table.release(index);
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
    targets = groups
}
criterion_main!(benches);
