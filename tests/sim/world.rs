//! The shards, the mesh between them, and the clients, advanced one random step at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use corecast::auth::ReconnectionTokens;
use corecast::config::HubSettings;
use corecast::event::handlers::Handlers;
use corecast::frame::FrameScratch;
use corecast::hub::id::ShardId;
use corecast::hub::name::HubName;
use corecast::hub::permission::Permissions;
use corecast::protocol::subprotocol::Subprotocol;
use corecast::protocol::ws::assembly::Message;
use corecast::shard::connection::{ClientKind, NewConnection};
use corecast::shard::dispatch::Flow;
use corecast::shard::hubs::HubConfig;
use corecast::shard::message::ShardMessage;
use corecast::shard::state::State;
use foldhash::quality::RandomState;

use crate::application::Request;
use crate::client::{Client, Publish};
use crate::random::Random;

pub(crate) const GROUPS: usize = 4;
const CLIENTS_MAX: usize = 24;

pub(crate) struct Totals {
    pub(crate) delivered: usize,
    pub(crate) blocked: usize,
    pub(crate) answered: usize,
}

pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) step: usize,
    pub(crate) shards: Vec<State>,
    /// `mesh[from][to]`
    mesh: Vec<Vec<VecDeque<ShardMessage>>>,
    mesh_slots: usize,
    pub(crate) clients: Vec<Client>,
    /// What the application waits for.
    pub(crate) request: Option<Request>,
    pub(crate) answered: usize,
    connected: usize,
    /// Everything published, by group.
    published: HashMap<usize, Vec<Publish>>,
    numbers: HashMap<(usize, usize), u64>,
    totals: Totals,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let count = 1 + random.below(5);
        let hasher = RandomState::default();
        let reconnection = ReconnectionTokens::generate().expect("random numbers");
        let shard =
            |index| State::new(ShardId::new(index), count, hasher.clone(), reconnection.clone());
        let channels = || (0..count).map(|_| VecDeque::new()).collect();
        Self {
            step: 0,
            shards: (0..count).map(shard).collect(),
            mesh: (0..count).map(|_| channels()).collect(),
            mesh_slots: 1 + random.below(6),
            clients: Vec::new(),
            request: None,
            answered: 0,
            connected: 0,
            published: HashMap::new(),
            numbers: HashMap::new(),
            totals: Totals { delivered: 0, blocked: 0, answered: 0 },
            random,
        }
    }

    pub(crate) fn step(&mut self) {
        self.step += 1;
        match self.random.below(100) {
            0..5 if self.clients.len() < CLIENTS_MAX => self.connect(),
            5..15 => self.with_client(Self::join),
            15..20 => self.with_client(Self::leave),
            20..50 => self.with_client(Self::publish),
            50..52 if self.clients.len() > 2 => self.disconnect(),
            52..58 => self.ask(),
            58..72 => self.take_mesh(),
            72..88 => self.hand_over(),
            _ => self.with_client(|world, at| {
                world.read(at);
            }),
        }
        self.sweep();
        self.hear();
    }

    fn with_client(&mut self, act: fn(&mut Self, usize)) {
        if !self.clients.is_empty() {
            let index = self.random.below(self.clients.len());
            act(self, index);
        }
    }

    fn connect(&mut self) {
        let shard = self.random.below(self.shards.len());
        let groups: Vec<usize> = (0..GROUPS).filter(|_| self.random.chance(15)).collect();
        let roles = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
        let state = &mut self.shards[shard];
        let name = HubName::parse("sim").expect("valid");
        // A simulated client reads seldom; its queue is not what is tested here.
        let settings = HubSettings { outbound_messages_max: 1 << 20, ..HubSettings::default() };
        let config = HubConfig { settings, handlers: Handlers::default() };
        let hub = state.hub(&name, || Arc::new(config));
        let slot = state.open(NewConnection {
            hub,
            kind: ClientKind::PubSub(Subprotocol::Json),
            user: None,
            permissions: Permissions::from_roles(roles).0,
            groups: groups.iter().map(usize::to_string).collect(),
            accept: FrameScratch::default().raw(|out| out.extend_from_slice(b"accept")),
            transport: 0,
            // An id is never used again, although its slot is.
            random: (self.connected as u128).to_le_bytes(),
            subprotocol: None,
            origin: None,
        });
        self.clients.push(Client::new(self.connected, (shard, slot), &groups, self.step));
        self.connected += 1;
    }

    /// Gives a client's message to its shard, unless the shard has paused the client.
    fn request(&mut self, at: usize, text: &str) {
        let client = &mut self.clients[at];
        let flow = self.shards[client.shard].on_message(client.slot, Message::Text(text));
        client.is_paused = flow == Flow::Pause;
        self.totals.blocked += usize::from(client.is_paused);
    }

    /// Whether the client's shard would read from it.
    fn is_readable(&self, at: usize) -> bool {
        let client = &self.clients[at];
        let state = &self.shards[client.shard];
        let is_held = state.connection(client.slot).held_joins > 0;
        !is_held && (!client.is_paused || state.outbox.blocked().is_empty())
    }

    fn join(&mut self, at: usize) {
        if self.is_readable(at) {
            let group = self.random.below(GROUPS);
            let ack = self.clients[at].join(group);
            self.request(at, &format!(r#"{{"type":"joinGroup","group":"{group}","ackId":{ack}}}"#));
        }
    }

    fn leave(&mut self, at: usize) {
        if self.is_readable(at) {
            let (group, step) = (self.random.below(GROUPS), self.step);
            let ack = self.clients[at].leave(group, step);
            let text = format!(r#"{{"type":"leaveGroup","group":"{group}","ackId":{ack}}}"#);
            self.request(at, &text);
        }
    }

    fn publish(&mut self, at: usize) {
        if !self.is_readable(at) {
            return;
        }
        let (group, no_echo) = (self.random.below(GROUPS), self.random.chance(30));
        let Client { index: publisher, shard, .. } = self.clients[at];
        let number = self.next_number(publisher, group);
        let publish = Publish { publisher, shard, number, step: self.step, no_echo };
        self.published.entry(group).or_default().push(publish);
        let data = format!(r#"{{"publisher":{publisher},"number":{number}}}"#);
        let text = format!(
            r#"{{"type":"sendToGroup","group":"{group}","noEcho":{no_echo},"data":{data}}}"#
        );
        self.request(at, &text);
    }

    pub(crate) fn next_number(&mut self, publisher: usize, group: usize) -> u64 {
        let number = self.numbers.entry((publisher, group)).or_default();
        *number += 1;
        *number
    }

    /// A turn's share of the commands that concern many connections.
    fn sweep(&mut self) {
        self.shards.iter_mut().for_each(|shard| {
            shard.step_sweeps();
        });
    }

    fn disconnect(&mut self) {
        let at = self.random.below(self.clients.len());
        self.remove(at);
    }

    fn remove(&mut self, at: usize) {
        self.read(at);
        let client = self.clients.swap_remove(at);
        self.shards[client.shard].remove(client.slot);
        self.check(&client);
    }

    fn take_mesh(&mut self) {
        let count = self.shards.len();
        let (to, from) = (self.random.below(count), self.random.below(count));
        for _ in 0..=self.random.below(self.mesh_slots) {
            if let Some(message) = self.mesh[from][to].pop_front() {
                self.shards[to].on_mesh(ShardId::new(from), message);
            }
        }
    }

    fn hand_over(&mut self) {
        let from = self.random.below(self.shards.len());
        let (channels, slots) = (&mut self.mesh[from], self.mesh_slots);
        self.shards[from].outbox.hand_over(|peer, message| {
            let channel = &mut channels[peer.index()];
            if channel.len() >= slots {
                return Err(message);
            }
            channel.push_back(message);
            Ok(())
        });
    }

    /// The client reads all that its shard has queued for it. Returns whether it may read at all:
    /// a handshake that is held back has sent nothing.
    pub(crate) fn read(&mut self, at: usize) -> bool {
        let client = &mut self.clients[at];
        let connection = self.shards[client.shard].connection_mut(client.slot);
        if connection.held_joins > 0 {
            return false;
        }
        let frames: Vec<Vec<u8>> = connection.outbound.slices().map(<[u8]>::to_vec).collect();
        let bytes = connection.outbound.bytes();
        assert_eq!(connection.outbound.advance(bytes), frames.len());
        for frame in frames {
            if frame != b"accept" {
                client.read(text_of(&frame), self.step);
            }
        }
        true
    }

    /// What has arrived at a client against what had to.
    fn check(&mut self, client: &Client) {
        for (group, published) in &self.published {
            for publish in published {
                let key = (publish.publisher, *group);
                let received = client.received.get(&key);
                let has_it = received.is_some_and(|numbers| numbers.contains(&publish.number));
                self.totals.delivered += usize::from(has_it);
                // Messages still on their way when it left are not missed.
                let gone_at = self.step.saturating_sub(self.in_flight_allowance());
                assert!(
                    has_it || !client.must_have(*group, publish, gone_at),
                    "client {} missed {publish:?} of group {group}: {:?}",
                    client.index,
                    client.stays
                );
                assert!(!(has_it && publish.no_echo && publish.publisher == client.index));
            }
        }
    }

    /// While the world runs a message may be on its way for ever; after it has come to rest none
    /// is, and everything is owed.
    fn in_flight_allowance(&self) -> usize {
        if self.is_at_rest() { 0 } else { usize::MAX }
    }

    fn is_at_rest(&self) -> bool {
        self.mesh.iter().flatten().all(VecDeque::is_empty)
            && self.shards.iter().all(|shard| shard.outbox.is_empty())
    }

    /// Lets everything arrive, checks every client, and that nothing is left behind.
    pub(crate) fn wind_up(mut self) -> Totals {
        self.settle();
        assert!(self.request.is_none(), "a call is never answered");
        self.step += 1;
        self.totals.answered = self.answered;
        while let Some(last) = self.clients.len().checked_sub(1) {
            self.remove(last);
            self.settle();
        }
        for shard in &self.shards {
            assert_eq!(shard.connection_count(), 0);
            assert_eq!(shard.group_count(), 0, "a group outlived its members");
            assert_eq!(shard.pending_join_count(), 0, "a join was never confirmed");
            assert_eq!(shard.pending_call_count(), 0, "a call was never answered");
            let closed: u64 = shard.counters.connections_closed.iter().sum();
            assert_eq!(shard.counters.connections_opened, closed);
        }
        let sum = |count: fn(&State) -> u64| self.shards.iter().map(count).sum::<u64>();
        let received = sum(|shard| shard.counters.mesh_received);
        assert!(received > 0 || self.shards.len() == 1 || self.published.is_empty());
        self.totals
    }

    fn settle(&mut self) {
        for _ in 0..100_000 {
            if self.is_at_rest() {
                return;
            }
            self.hand_over();
            self.take_mesh();
            self.hear();
        }
        panic!("the mesh does not come to rest: two full shards wait for each other");
    }
}

/// The payload of an unmasked text frame.
fn text_of(frame: &[u8]) -> &str {
    let header = match frame[1] {
        0..126 => 2,
        126 => 4,
        _ => 10,
    };
    std::str::from_utf8(&frame[header..]).expect("a text frame")
}
