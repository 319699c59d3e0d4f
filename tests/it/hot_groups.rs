//! Groups that are too large for one turn of a shard, or for one shard (design: bounded work per
//! turn; every shard fans out to its own members).

use rustix::process::Signal;

use crate::support::frame::TEXT;
use crate::support::{Client, Frame, Setup, Wire, publication};

/// What a shard delivers in one turn, in messages.
const PER_TURN: usize = 128 * 512;
const MEMBERS: usize = 120;
/// Deliveries of more than one turn, and yet no more than a queue may hold for each member.
const MESSAGES: usize = 800;
const _: () = assert!(MEMBERS * MESSAGES > PER_TURN && MESSAGES < 1000);

fn texts(member: &mut Client, count: usize) -> Vec<String> {
    (0..count).map(|_| member.group_text("huge")).collect()
}

/// 11.3: a flood to a huge group leaves other sockets their turn.
#[test]
fn a_flood_to_a_huge_group_does_not_hold_up_other_clients() {
    let server = Setup::new().shards(1).start();
    let mut members: Vec<_> =
        (0..MEMBERS).map(|_| server.client().groups(&["huge"]).connect()).collect();
    let flooder = server.client().permitted().connect();
    let mut flooder = Wire::from(flooder.into_socket().into_inner());
    let mut bystander = server.client().permitted().connect();
    // Both find the shard asleep, and the flood is there first, as a whole.
    server.signal(Signal::STOP);
    let flood: Vec<u8> = (0..MESSAGES)
        .flat_map(|number| {
            Frame::new(TEXT, publication("huge", &number.to_string()).to_string()).bytes()
        })
        .collect();
    assert!(flood.len() <= 64 * 1024, "more than one read");
    flooder.send(&flood);
    bystander.send_json(&publication("huge", "bystander"));
    server.signal(Signal::CONT);
    for member in &mut members {
        let texts = texts(member, MESSAGES + 1);
        let place = texts.iter().position(|text| text == "bystander").expect("it has its turn");
        assert!(place * MEMBERS <= PER_TURN + MEMBERS, "behind {place} messages of the flood");
        let numbers = texts.iter().filter(|text| *text != "bystander");
        assert!(numbers.eq(&(0..MESSAGES).map(|n| n.to_string()).collect::<Vec<_>>()));
    }
    let metrics = server.metrics();
    assert!(metrics.sum("corecast_turns_spent_total", &[]) >= 1.0);
    assert_eq!(metrics.sum("corecast_slow_client_drops_total", &[]), 0.0);
}

/// A group with members on every shard costs one message per other shard, however many members
/// there are, and each shard delivers to its own.
#[test]
fn a_group_on_all_shards_is_fanned_out_by_all_of_them() {
    const SHARDS: u16 = 4;
    const EACH: usize = 10;
    const ROUNDS: usize = 25;
    let server = Setup::new().shards(SHARDS).start();
    let join = |shard| server.client().permitted().groups(&["huge"]).on(shard).connect();
    let mut members: Vec<_> =
        (0..SHARDS).flat_map(|shard| (0..EACH).map(move |_| shard)).map(join).collect();
    let before = server.metrics().sum("corecast_mesh_messages_total", &[]);
    // One publisher on each shard.
    for round in 0..ROUNDS {
        for shard in 0..usize::from(SHARDS) {
            members[shard * EACH].publish("huge", &format!("{shard} {round}"));
        }
        for member in &mut members {
            let mut texts = texts(member, usize::from(SHARDS));
            texts.sort();
            assert!(
                texts.iter().eq(&(0..SHARDS).map(|s| format!("{s} {round}")).collect::<Vec<_>>())
            );
        }
    }
    let after = server.metrics().sum("corecast_mesh_messages_total", &[]);
    let published = ROUNDS * usize::from(SHARDS);
    assert_eq!(after - before, (published * usize::from(SHARDS - 1)) as f64);
}
