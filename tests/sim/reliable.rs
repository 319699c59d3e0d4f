//! Transports of reliable clients break, and are replaced or given up.
//!
//! The shard may notice a loss or not: then the new socket comes while it still writes to the old
//! one. A new socket lands on any shard and travels to its connection's.

use std::fs::File;

use corecast::frame::FrameScratch;
use corecast::hub::id::ConnectionId;
use corecast::hub::permission::Permissions;
use corecast::shard::close::CloseReason;
use corecast::shard::connection::{ClientKind, NewConnection};
use corecast::shard::message::ShardMessage;
use corecast::shard::recovery::{Newcomer, RECOVERY_WINDOW};
use corecast::sys::HandedSocket;

use crate::connect::random;
use crate::events::hub;
use crate::wire::{ACCEPT, Received, Wire};
use crate::world::World;

impl World {
    /// The transport breaks: of what is under way a part arrives.
    pub(crate) fn cut(&mut self, at: usize) {
        let client = &self.clients[at];
        let is_held = self.shards[client.shard].connection(client.slot).held_joins > 0;
        if !client.is_reliable || client.link.is_down || client.is_closing || is_held {
            return;
        }
        self.write_some(at);
        self.ask_in_vain(at);
        let (client, step) = (&mut self.clients[at], self.step);
        let mut arrived = client.link.wire.take();
        arrived.truncate(self.random.below(arrived.len() + 1));
        client.hear(arrived, step);
        client.go_down();
        if self.random.chance(60) {
            self.notice(at);
        }
    }

    /// The client asks for some things while its transport breaks: none of it arrives.
    fn ask_in_vain(&mut self, at: usize) {
        self.clients[at].link.is_breaking = true;
        for _ in 0..self.random.below(3) {
            match self.random.below(4) {
                0 => self.join(at),
                1 => self.leave(at),
                2 => self.publish(at),
                _ => self.event(at),
            }
        }
    }

    /// The shard hears that a client has no transport any more.
    fn notice(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let state = &mut self.shards[client.shard];
        let is_attached = client.link.detached_at.is_none();
        if client.link.is_down && is_attached && state.connection(client.slot).closing.is_none() {
            client.link.detached_at = Some(self.now);
            client.link.is_writable = false;
            state.lose_transport(client.slot);
        }
    }

    /// Something happens to a client without a transport.
    pub(crate) fn deal_with_loss(&mut self) {
        let mut down = (0..self.clients.len()).filter(|at| self.clients[*at].link.is_down);
        let Some(at) = down.next() else { return };
        match self.random.below(3) {
            0 => self.notice(at),
            1 if self.random.chance(5) => self.come_back(at, false),
            _ => self.come_back(at, true),
        }
    }

    /// At the end nobody is left without a transport unless it knows of nothing to recover.
    pub(crate) fn return_or_be_noticed(&mut self, at: usize) {
        match self.clients[at].link.id {
            Some(_) => self.come_back(at, true),
            None => self.notice(at),
        }
    }

    /// The client connects again, perhaps with the token of another.
    pub(crate) fn come_back(&mut self, at: usize, is_honest: bool) {
        let client = &mut self.clients[at];
        let Some(id) = client.link.id.filter(|_| client.link.is_down) else { return };
        if std::mem::replace(&mut client.link.is_returning, true) {
            return;
        }
        let token = if is_honest { client.link.token.clone() } else { "1.forged".to_owned() };
        let index = client.index;
        assert_eq!(self.knock(index, id, &token), is_honest);
    }

    /// A new socket lands on some shard and asks for a connection. Returns whether its token is
    /// good.
    pub(crate) fn knock(&mut self, index: usize, id: ConnectionId, token: &str) -> bool {
        let landing = self.random.below(self.shards.len());
        let is_authentic = self.reconnection.verify(token, &id.to_string(), self.now / 1000);
        let fd = File::open("/dev/null").expect("it is always there").into();
        let newcomer = Box::new(Newcomer {
            hub: hub(),
            connection: Some(id),
            is_authentic,
            key: index.to_string().into(),
            offered: None,
            socket: HandedSocket { fd, inbound: Vec::new() },
        });
        let landed = &mut self.shards[landing];
        if id.shard() == landed.shard() {
            landed.ready.newcomers.push(newcomer);
        } else {
            landed.outbox.send(id.shard(), ShardMessage::Recover(newcomer));
        }
        is_authentic
    }

    /// Sockets that have come to their shards get what they ask for, or hear that they do not.
    pub(crate) fn take_newcomers(&mut self) {
        for shard in 0..self.shards.len() {
            while let Some(newcomer) = self.shards[shard].ready.newcomers.pop() {
                let index: usize = newcomer.key.parse().expect("ours");
                let at = self.clients.iter().position(|client| client.index == index);
                if let Some(at) = at {
                    self.clients[at].link.is_returning = false;
                }
                match self.shards[shard].recoverable(&newcomer) {
                    Some(slot) => {
                        assert!(newcomer.is_authentic, "anybody gets the connection of {index}");
                        self.recover(at.expect("it is still waited for"), slot);
                    }
                    None => {
                        let is_gone = at.is_none_or(|at| self.is_ending(at));
                        assert!(is_gone || !newcomer.is_authentic, "client {index} is refused");
                        self.refuse(shard);
                    }
                }
            }
        }
    }

    /// Whether the shard has begun to close a client's connection, perhaps in this turn.
    fn is_ending(&self, at: usize) -> bool {
        let client = &self.clients[at];
        self.shards[client.shard].connection(client.slot).closing.is_some()
    }

    fn recover(&mut self, at: usize, slot: u32) {
        let client = &mut self.clients[at];
        assert_eq!(slot, client.slot);
        let before = client.link.transport;
        client.link.transport += 1;
        (client.link.is_down, client.link.is_writable) = (false, false);
        let accept = FrameScratch::default().raw(|out| out.extend_from_slice(ACCEPT));
        let state = &mut self.shards[client.shard];
        let replaced = state.attach(slot, client.link.transport, accept);
        let was_detached = client.link.detached_at.take().is_some();
        assert_eq!(replaced, (!was_detached).then_some(before));
        client.link.is_held = state.connection(slot).is_held();
        client.acks.ask_again();
        self.totals.recovered += 1;
        if self.read(at) {
            let client = &mut self.clients[at];
            for (group, number) in std::mem::take(&mut client.link.owed) {
                client.check_promised(group, number);
            }
        }
    }

    /// Section 11.3: the upgrade is completed, and closed with 1008.
    fn refuse(&mut self, shard: usize) {
        self.totals.turned_away += 1;
        let index = self.take_index();
        let hub = self.hub_of(shard);
        let state = &mut self.shards[shard];
        let slot = state.open(NewConnection {
            hub,
            kind: ClientKind::RefusedRecovery,
            user: None,
            permissions: Permissions::default(),
            groups: Vec::new(),
            accept: FrameScratch::default().raw(|out| out.extend_from_slice(ACCEPT)),
            transport: 0,
            random: random(index),
            subprotocol: None,
            origin: None,
        });
        let (mut wire, outbound) = (Wire::default(), &mut state.connection_mut(slot).outbound);
        outbound.slices().for_each(|slice| wire.arrive(slice));
        self.totals.written += outbound.advance(outbound.waiting_bytes());
        assert!(matches!(wire.take()[..], [Received::Close(1008)]));
        state.lose_transport(slot);
    }

    /// Time passes, now and then enough to give up whoever waits.
    pub(crate) fn pass_time(&mut self, is_long: bool) {
        self.now += if is_long { RECOVERY_WINDOW } else { self.random.below(100) as u64 };
        for shard in &mut self.shards {
            shard.begin_turn(self.now);
            shard.expire_detached();
        }
        self.take_closes();
        for client in &self.clients {
            let since = client.link.detached_at;
            assert!(since.is_none_or(|since| self.now < since + RECOVERY_WINDOW), "waits on");
        }
    }

    /// The connection has ended while nobody carried it.
    pub(crate) fn give_up(&mut self, at: usize) {
        let client = self.clients.swap_remove(at);
        let state = &mut self.shards[client.shard];
        let since = client.link.detached_at.expect("the shard has noticed");
        match state.connection(client.slot).closing {
            Some(CloseReason::NotRecovered) => assert!(self.now >= since + RECOVERY_WINDOW),
            Some(CloseReason::EventFailed | CloseReason::ClosedByAppServer) => {}
            reason => panic!("given up because of {reason:?}"),
        }
        state.remove(client.slot);
        self.totals.given_up += 1;
        self.depart(&client);
    }

    /// What the shards say of those without a transport.
    pub(crate) fn check_detached(&self) {
        let mut count = 0;
        for shard in &self.shards {
            assert_eq!(shard.next_detached_deadline().is_some(), shard.detached_count() > 0);
            count += shard.detached_count();
        }
        let waiting = self.clients.iter().filter(|client| client.link.detached_at.is_some());
        assert_eq!(count, waiting.count());
    }
}
