//! Several shards in one thread, with simulated sockets and a simulated mesh, from one seed.
//!
//! 1. A seed decides the number of shards, the size of their channels, and every step.
//! 2. A step is one of: a client connects, joins, leaves, publishes or goes away; an application
//!    server asks any shard to send, add or remove, and waits for the answer; a shard takes
//!    messages from a peer; a shard hands its outbox over; a client reads its queue.
//! 3. Channels are tiny, so that peers are blocked most of the time; order per pair is kept, and
//!    nothing else is.
//! 4. At the end everything is delivered, every client goes away, and what the design promises is
//!    checked: members get each message once and in the publisher's order; a message published
//!    after a join was acknowledged arrives; nobody gets what was published after its leave or to
//!    a group it was never in; what the application was answered holds on every shard; a full
//!    channel loses nothing; every table is empty again.
//!
//! A failure names its seed; `SIM_SEED=n cargo test --test sim` repeats it alone.

mod application;
mod client;
mod random;
mod world;

use world::World;

/// Seeds of one ordinary run.
const SEEDS: u64 = 300;
/// Steps of one seed before everything is wound up.
const STEPS: usize = 1500;

#[test]
fn members_get_each_message_once_in_order_whatever_the_schedule() {
    let seeds = match std::env::var("SIM_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("SIM_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..SEEDS,
    };
    let (mut delivered, mut blocked, mut answered) = (0, 0, 0);
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for _ in 0..STEPS {
                world.step();
            }
            world.wind_up()
        });
        let totals = outcome.unwrap_or_else(|_| panic!("seed {seed} failed"));
        delivered += totals.delivered;
        blocked += totals.blocked;
        answered += totals.answered;
    }
    // A schedule that never delivers or never blocks would show nothing.
    assert!(delivered > 1000, "delivered {delivered}");
    assert!(blocked > 100, "blocked {blocked}");
    assert!(answered > 1000, "answered {answered}");
}
