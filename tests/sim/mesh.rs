//! The channels between the shards: tiny, and in order for each pair.

use std::collections::VecDeque;

use corecast::hub::id::ShardId;
use corecast::shard::message::ShardMessage;

use crate::random::Random;
use crate::world::World;

pub(crate) struct Mesh {
    /// `channels[from][to]`
    channels: Vec<Vec<VecDeque<ShardMessage>>>,
    slots: usize,
}

impl Mesh {
    pub(crate) fn new(shards: usize, random: &mut Random) -> Self {
        let channels = || (0..shards).map(|_| VecDeque::new()).collect();
        Self { channels: (0..shards).map(|_| channels()).collect(), slots: 1 + random.below(6) }
    }
}

impl World {
    /// Some shard takes messages of some other.
    pub(crate) fn take_mesh(&mut self) {
        let count = self.shards.len();
        let (to, from) = (self.random.below(count), self.random.below(count));
        for _ in 0..=self.random.below(self.mesh.slots) {
            if let Some(message) = self.mesh.channels[from][to].pop_front() {
                self.shards[to].on_mesh(ShardId::new(from), message);
            }
        }
    }

    /// Some shard hands over what its peers have room for.
    pub(crate) fn hand_over(&mut self) {
        let from = self.random.below(self.shards.len());
        let Mesh { channels, slots } = &mut self.mesh;
        self.shards[from].outbox.hand_over(|peer, message| {
            let channel = &mut channels[from][peer.index()];
            if channel.len() >= *slots {
                return Err(message);
            }
            channel.push_back(message);
            Ok(())
        });
    }

    /// Whether nothing is on its way between shards.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.mesh.channels.iter().flatten().all(VecDeque::is_empty)
            && self.shards.iter().all(|shard| shard.outbox.is_empty())
    }
}
