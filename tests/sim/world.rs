//! The shards and everybody around them, advanced one random step at a time.

use std::collections::HashMap;

use corecast::auth::ReconnectionTokens;
use corecast::hub::id::{ConnectionId, ShardId};
use corecast::shard::state::State;
use foldhash::quality::RandomState;

use crate::application::Request;
use crate::client::Client;
use crate::connect::Entrance;
use crate::events::Webhook;
use crate::mesh::Mesh;
use crate::random::Random;
use crate::stays::Publish;
use crate::totals::Totals;

pub(crate) const GROUPS: usize = 4;

pub(crate) struct World {
    pub(crate) random: Random,
    /// Decides nothing but the sizes of writes.
    pub(crate) pieces: Random,
    pub(crate) step: usize,
    /// The clock of all shards.
    pub(crate) now: u64,
    pub(crate) shards: Vec<State>,
    pub(crate) mesh: Mesh,
    pub(crate) reconnection: ReconnectionTokens,
    pub(crate) entrance: Entrance,
    pub(crate) clients: Vec<Client>,
    /// Connections whose client is gone.
    pub(crate) gone: Vec<ConnectionId>,
    pub(crate) webhook: Webhook,
    /// What the application waits for.
    pub(crate) request: Option<Request>,
    /// Everything published, by group.
    pub(crate) published: HashMap<usize, Vec<Publish>>,
    numbers: HashMap<(usize, usize), u64>,
    pub(crate) totals: Totals,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let count = 1 + random.below(5);
        let hasher = RandomState::default();
        let reconnection = ReconnectionTokens::generate().expect("random numbers");
        let shard =
            |index| State::new(ShardId::new(index), count, hasher.clone(), reconnection.clone());
        Self {
            step: 0,
            now: 0,
            shards: (0..count).map(shard).collect(),
            mesh: Mesh::new(count, &mut random),
            reconnection,
            entrance: Entrance::default(),
            clients: Vec::new(),
            gone: Vec::new(),
            webhook: Webhook::new(&mut random),
            request: None,
            published: HashMap::new(),
            numbers: HashMap::new(),
            totals: Totals::default(),
            pieces: Random::new(seed),
            random,
        }
    }

    pub(crate) fn step(&mut self) {
        self.step += 1;
        match self.random.below(100) {
            0..6 => self.connect(),
            6..14 => self.with_client(Self::join),
            14..18 => self.with_client(Self::leave),
            18..40 => self.with_client(Self::publish),
            40..47 => self.with_client(Self::event),
            47..49 => self.with_client(Self::ping),
            49..51 if self.clients.len() > 2 => self.with_client(Self::disconnect),
            51..54 => self.with_client(Self::cut),
            54..61 => self.deal_with_loss(),
            61..66 => self.ask(),
            66..72 => (0..self.random.below(8)).for_each(|_| self.deal(true)),
            72..80 => self.take_mesh(),
            80..90 => self.hand_over(),
            _ => self.with_client(Self::attend),
        }
        let is_long = self.random.below(1000) == 0;
        self.pass_time(is_long);
        self.finish_turn();
    }

    fn with_client(&mut self, act: fn(&mut Self, usize)) {
        if !self.clients.is_empty() {
            let index = self.random.below(self.clients.len());
            act(self, index);
        }
    }

    /// What shards do in every turn, as `reactor/turn.rs` has it.
    pub(crate) fn finish_turn(&mut self) {
        for shard in &mut self.shards {
            shard.step_sweeps();
            shard.proceed_stalled();
            assert!(shard.ready.overfull.is_empty(), "the limits are beyond reach");
        }
        self.take_admissions();
        self.take_newcomers();
        self.take_released();
        self.take_dirty();
        self.take_closes();
        self.take_calls();
        self.hear();
        self.check_detached();
    }

    /// What a publisher sends to a group is numbered.
    pub(crate) fn next_number(&mut self, publisher: usize, group: usize) -> u64 {
        let number = self.numbers.entry((publisher, group)).or_default();
        *number += 1;
        *number
    }
}
