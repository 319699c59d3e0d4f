//! What a shard keeps: bytes per connection, per membership and per message that waits.
//!
//! Bytes that the allocator was asked for, with tables at a size that they are full at: memory as
//! it is designed. What a process of them has resident in addition is the allocator's rounding and
//! the kernel's pages (`tuning.md`, "Memory").

use std::mem::size_of;

use corecast::connection::transport::Transport;
use corecast::protocol::ws::assembly::Message;
use corecast::shard::connection::{ClientKind, Connection};

use super::counting::bytes_kept;
use super::crowd::{Crowd, GROUP};
use super::{JSON, JSON_RELIABLE, PROTOBUF, SIMPLE, publish};

/// What is stated, in bytes; the same numbers are in `tuning.md`.
const CONNECTION: i64 = 256;
const TRANSPORT: i64 = 72;
const RELIABLE: i64 = 32;
const MEMBERSHIP: i64 = 72;

/// A power of two, at which lists that double are full.
const COUNT: usize = 1024;

/// Bytes for each of [`COUNT`].
fn each(bytes: i64) -> i64 {
    bytes / COUNT as i64
}

fn assert_at_most(what: &str, bytes: i64, most: i64) {
    assert!(bytes <= most, "{what}: {bytes} bytes, and {most} are stated");
}

/// Adds connections that are in no group, and have been idle for long enough to have got a ping.
fn add_idle(crowd: &mut Crowd, kind: &ClientKind) {
    for _ in 0..COUNT {
        let slot = crowd.open(0, kind.clone(), Vec::new());
        crowd.shards[0].connection_mut(slot).outbound.shrink();
    }
}

/// A shard with room for [`COUNT`] connections, and [`COUNT`] of its group already: nothing that
/// comes is the first of its kind.
fn shard(kind: &ClientKind) -> Crowd {
    let mut crowd = Crowd::new(JSON, 1);
    crowd.add(0, kind, COUNT);
    crowd.shards[0].reserve(2 * COUNT);
    crowd
}

#[test]
fn an_idle_connection_is_two_table_entries() {
    assert_at_most("a connection's entry", size_of::<Connection>() as i64, CONNECTION);
    assert_at_most("a transport's entry", size_of::<Transport>() as i64, TRANSPORT);
    for (kind, most) in [(JSON, 0), (PROTOBUF, 0), (SIMPLE, 0), (JSON_RELIABLE, RELIABLE)] {
        let mut crowd = shard(&kind);
        let bytes = each(bytes_kept(|| add_idle(&mut crowd, &kind)));
        assert_at_most(&format!("{kind:?}, beside its entry"), bytes, most);
    }
}

#[test]
fn a_membership_is_an_entry_on_either_side() {
    let mut crowd = shard(&JSON);
    let bytes = each(bytes_kept(|| crowd.add(0, &JSON, COUNT)));
    assert_at_most("a membership, and a queue that was used", bytes, MEMBERSHIP);
}

#[test]
fn a_waiting_message_is_a_reference() {
    const MESSAGES: usize = 64;
    for kind in [JSON, PROTOBUF, SIMPLE, JSON_RELIABLE] {
        let mut crowd = Crowd::new(JSON, 1);
        crowd.add(0, &kind, COUNT);
        let message = publish(0);
        let kept = bytes_kept(|| {
            (0..MESSAGES).for_each(|_| crowd.send(Message::Text(&message)));
        });
        let frames = (MESSAGES * 512) as i64;
        let per_reference = (kept - frames) / (COUNT * MESSAGES) as i64;
        assert_at_most(&format!("{kind:?} in {GROUP}"), per_reference, 8);
    }
}
