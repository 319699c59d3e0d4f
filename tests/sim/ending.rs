//! Everything is delivered and everybody goes: what has arrived, and what is left behind.

use corecast::shard::state::State;

use crate::client::Client;
use crate::totals::Totals;
use crate::world::World;

/// Rounds in which two full shards would have got past each other.
const ROUNDS_MAX: usize = 100_000;

impl World {
    /// Lets everything arrive, checks every client, and that nothing is left behind.
    pub(crate) fn wind_up(mut self) -> Totals {
        self.webhook.release();
        self.settle();
        if self.random.chance(30) {
            self.pass_time(true);
        }
        (0..self.clients.len()).for_each(|at| self.return_or_be_noticed(at));
        self.settle();
        // Who has never heard its id is given up.
        self.pass_time(true);
        self.settle();
        assert!(self.request.is_none(), "a call is never answered");
        self.step += 1;
        for client in std::mem::take(&mut self.clients) {
            let Client { index, is_closing, .. } = client;
            assert!(client.acks.is_empty() || is_closing, "{index} waits for an ack");
            assert!(!client.link.is_held || is_closing, "{index} is left alone for ever");
            self.settle_publishes(&client);
            self.clients.push(client);
        }
        while let Some(last) = self.clients.len().checked_sub(1) {
            self.remove(last);
            self.settle();
        }
        self.gone.iter().for_each(|id| self.webhook.check_ended(*id));
        self.webhook.check();
        self.shards.iter().for_each(check_empty);
        self.check_counters();
        self.totals.events = self.webhook.answered;
        self.totals
    }

    /// Until nothing is under way any more.
    fn settle(&mut self) {
        let mut quiet_rounds = 0;
        for _ in 0..ROUNDS_MAX {
            self.hand_over();
            self.take_mesh();
            self.deal(false);
            for at in 0..self.clients.len() {
                self.is_ready(at);
                self.read(at);
            }
            self.finish_turn();
            let has_waiting = !self.entrance.is_empty() || !self.webhook.is_idle();
            quiet_rounds = if self.is_at_rest() && !has_waiting { quiet_rounds + 1 } else { 0 };
            // The last answers may have to be read, and asked about again.
            if quiet_rounds == 3 {
                return;
            }
        }
        panic!("the mesh does not come to rest: two full shards wait for each other");
    }

    fn check_counters(&self) {
        let sum = |count: fn(&State) -> u64| self.shards.iter().map(count).sum::<u64>();
        let received = sum(|shard| shard.counters.mesh_received);
        assert!(received > 0 || self.shards.len() == 1 || self.published.is_empty());
        // What is written again, or to a socket that has gone, is counted by neither side.
        if self.totals.recovered + self.totals.given_up == 0 {
            let queued = sum(|shard| shard.counters.outbound_messages);
            let accepts = sum(|shard| shard.counters.connections_opened);
            let dropped = sum(|shard| shard.counters.dropped_closed);
            assert_eq!(queued + accepts, self.totals.written as u64 + dropped);
        }
    }
}

/// Nothing is left of anybody.
fn check_empty(shard: &State) {
    assert_eq!(shard.connection_count(), 0);
    assert_eq!(shard.reservation_count(), 0, "a seat is kept for nobody");
    assert_eq!(shard.detached_count(), 0);
    assert_eq!(shard.group_count(), 0, "a group outlived its members");
    assert_eq!(shard.pending_join_count(), 0, "a join was never confirmed");
    assert_eq!(shard.pending_call_count(), 0, "a call was never answered");
    let closed: u64 = shard.counters.connections_closed.iter().sum();
    assert_eq!(shard.counters.connections_opened, closed);
}
