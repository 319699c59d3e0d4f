//! Shards in one thread, with everything around them simulated, from one seed.
//!
//! 1. A seed decides the number of shards (one to five), the size of their channels, what the
//!    hub's event handler wants and how far it may be behind, and every step. The shards are the
//!    real ones: [`corecast::shard::state::State`], driven as the reactor drives them.
//! 2. **Clients** connect, at once or when the application has admitted them; they join, leave,
//!    publish, raise events and go away, and read whenever they like. Some are reliable: their
//!    transports are cut in the middle of a frame, with what they were asking for; their shards
//!    notice later or not at all; they come back on any shard, ask again for what they have not
//!    heard of, acknowledge some of what they have read, or come too late.
//! 3. **Channels** between shards are tiny, so that peers are blocked most of the time; order per
//!    pair is kept, and nothing else is.
//! 4. **The application** answers events in any order, with success, a reply or a failure, some of
//!    them only at the end; and it asks any shard to send, add, remove or close, and waits for the
//!    answer.
//! 5. At the end everything is delivered, every client goes away, and nothing may be left.
//!
//! What is checked, and where:
//!
//! - Members get each message once and in the publisher's order, also one from before a join's ack
//!   was read; nobody gets what was published after its leave's ack, or to a group it was never in
//!   (`client`, `stays`). What had to arrive has arrived, without gaps (`delivery`).
//! - Requests are answered in order, and once; a repeated one is not executed again (`acks`).
//! - Numbers of a reliable transport are without gaps, and a message that comes again is the same
//!   (`link`). A connection is there for its client for all of the window, and gone after it; no
//!   other socket gets it (`reliable`).
//! - A write is arranged for all that waits for a socket, and clients held back are released
//!   (`sockets`).
//! - The application hears `connected` first and `disconnected` last, each once, one user event of
//!   a connection at a time, of groups in which the connection is, and of everything for which its
//!   gate has room (`session`, `events`). What it was answered holds on every shard (`application`).
//! - Full channels lose nothing, and all tables are empty at the end (`ending`).
//!
//! A failure names its seed; `SIM_SEED=n cargo test --test sim` repeats it alone, and
//! `SIM_SEED=from..to` runs others.

mod acks;
mod application;
mod client;
mod connect;
mod delivery;
mod ending;
mod events;
mod link;
mod mesh;
mod random;
mod reliable;
mod requests;
mod session;
mod sockets;
mod stays;
mod totals;
mod wire;
mod world;

use std::ops::Range;

use totals::Totals;
use world::World;

/// Seeds of one ordinary run, which takes some four seconds in the debug profile.
const SEEDS: u64 = 1000;
/// Steps of one seed before everything is wound up.
const STEPS: usize = 1500;
/// Of fewer seeds nothing is expected together.
const SEEDS_REPRESENTATIVE: u64 = 100;

#[test]
fn members_get_each_message_once_in_order_whatever_the_schedule() {
    let seeds = std::env::var("SIM_SEED").map_or(0..SEEDS, |given| parse(&given));
    let count = seeds.end - seeds.start;
    let mut sum = Totals::default();
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for _ in 0..STEPS {
                world.step();
            }
            world.wind_up()
        });
        let totals = outcome.unwrap_or_else(|_| panic!("seed {seed} failed"));
        sum.add(&totals);
    }
    println!("{count} seeds: {sum:?}");
    if count >= SEEDS_REPRESENTATIVE {
        sum.check(count);
    }
}

/// One seed, or a range of them.
fn parse(given: &str) -> Range<u64> {
    let number = |text: &str| text.parse().expect("SIM_SEED is a number, or from..to");
    match given.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(given)..number(given) + 1,
    }
}
