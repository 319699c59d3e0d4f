//! The mesh between real threads: nothing lost, order kept, nobody left asleep.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;
use crate::hub::group::JoinToken;

fn token(number: u32) -> ShardMessage {
    ShardMessage::InterestNoted { token: JoinToken(number) }
}

/// Sleeps as a shard does, by its eventfd; panics when nobody wakes it in time.
fn sleep(mesh: &Mesh, blocked: ShardSet) {
    if mesh.fall_asleep(blocked) {
        let deadline = Timespec::try_from(Duration::from_secs(20)).expect("fits");
        let mut fds = [PollFd::new(mesh.event(), PollFlags::IN)];
        let woken = poll(&mut fds, Some(&deadline)).expect("poll works");
        assert_eq!(woken, 1, "a message came and nobody was woken");
        mesh.clear_event();
        mesh.wake_up();
    }
}

/// Two shards flood each other through channels of eight slots, sleeping whenever they can: a lost
/// wake-up on either side, for a message or for room, stops the test.
#[test]
fn two_flooding_shards_lose_nothing_and_always_wake() {
    const MESSAGES: u32 = 40_000;
    let Connected { meshes, .. } = connect(2, 8).expect("two eventfds");
    let threads: Vec<_> = meshes
        .into_iter()
        .enumerate()
        .map(|(index, mut mesh)| {
            std::thread::spawn(move || {
                let peer = ShardId::new(1 - index);
                let mut outbox = Outbox::new(ShardId::new(index), 2);
                let mut counters = Counters::default();
                let (mut sent, mut received) = (0, 0);
                while sent < MESSAGES || received < MESSAGES || !outbox.is_empty() {
                    // Input stops while the peer is blocked, as reading from clients does.
                    if outbox.blocked().is_empty() {
                        for _ in 0..(MESSAGES - sent).min(5) {
                            outbox.send(peer, token(sent));
                            sent += 1;
                        }
                    }
                    let has_more = mesh.receive(16, |from, message| {
                        assert_eq!(from, peer);
                        match message {
                            ShardMessage::InterestNoted { token } => {
                                assert_eq!(token.0, received);
                            }
                            other => panic!("{other:?}"),
                        }
                        received += 1;
                        true
                    });
                    mesh.send(&mut outbox, &mut counters);
                    let may_produce = sent < MESSAGES && outbox.blocked().is_empty();
                    let is_done = received == MESSAGES && sent == MESSAGES && outbox.is_empty();
                    if !has_more && !may_produce && !is_done {
                        sleep(&mesh, outbox.blocked());
                    }
                }
                // Keep the channels open until the peer has everything.
                (mesh, received)
            })
        })
        .collect();
    for thread in threads {
        let (_mesh, received) = thread.join().expect("no assertion failed");
        assert_eq!(received, MESSAGES);
    }
}

/// The peer makes room, and finds the sender awake, before the sender falls asleep: it must not.
#[test]
fn room_made_before_falling_asleep_is_noticed() {
    let Connected { mut meshes, .. } = connect(2, 2).expect("two eventfds");
    let mut receiver = meshes.pop().expect("two");
    let mut sender = meshes.pop().expect("two");
    let mut outbox = Outbox::new(ShardId::new(0), 2);
    (0..3).for_each(|number| outbox.send(ShardId::new(1), token(number)));
    sender.send(&mut outbox, &mut Counters::default());
    assert!(!outbox.blocked().is_empty());
    receiver.receive(2, |_, _| true);
    assert!(!sender.fall_asleep(outbox.blocked()), "asleep with room for what it keeps");
    sender.send(&mut outbox, &mut Counters::default());
    assert!(outbox.is_empty());
}

#[test]
fn control_reaches_a_sleeping_shard() {
    let Connected { meshes, control, .. } = connect(1, 8).expect("an eventfd");
    assert!(meshes[0].fall_asleep(ShardSet::default()));
    control.send_to_all(&ControlMessage::Quiesce);
    assert!(!meshes[0].fall_asleep(ShardSet::default()));
    assert!(matches!(meshes[0].receive_control(), Some(ControlMessage::Quiesce)));
}
