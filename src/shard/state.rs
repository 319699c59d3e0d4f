//! The owner of everything on this core.
//!
//! All methods are synchronous and leave the state whole. Effects for the outside are appended to
//! [`Ready`] and to the [`Outbox`]; whoever calls works them off before the turn ends.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use foldhash::quality::RandomState;
use slab::Slab;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::admission::Admitted;
use super::allowance::Allowance;
use super::calls::{Caller, PendingCall, Ticket};
use super::carry_out::Work;
use super::clock::Millis;
use super::close::CloseReason;
use super::command::Answer;
use super::connection::{ClientKind, Connection, ConnectionHandle, NewConnection};
use super::counters::Counters;
use super::group_state::GroupStates;
use super::hubs::{Hub, HubConfig, HubTable};
use super::membership::{JoinWaiter, PendingJoin};
use super::message::ShardMessage;
use super::outbox::Outbox;
use super::recovery::{Detached, Newcomer};
use super::seats::{Reservation, Seats};
use super::sweep::Sweep;
use crate::auth::ReconnectionTokens;
use crate::event::call::EventCall;
use crate::frame::{Frame, FrameScratch, Queued};
use crate::hub::group::Groups;
use crate::hub::id::{ConnectionId, ShardId};
use crate::hub::name::HubName;
use crate::protocol::subprotocol::{Answer as Told, Encoding};
use crate::protocol::ws::close;

/// Slots of connections that need something from the I/O around the state.
#[derive(Debug, Default)]
pub struct Ready {
    /// Have frames to write; each is listed once.
    pub dirty: VecDeque<u32>,
    /// Passed the bound of their queue: to be offered to the socket at once.
    pub overfull: Vec<u32>,
    /// Their upgrade may go out and their input be read.
    pub released: Vec<u32>,
    /// Have begun to close.
    pub closing: Vec<u32>,
    /// Calls of this shard that all shards have answered.
    pub answers: Vec<(Ticket, Answer)>,
    /// Clients that the application has been asked about.
    pub admissions: Vec<Admitted>,
    /// Sockets that want to carry connections of this shard again.
    pub newcomers: Vec<Box<Newcomer>>,
    /// Bytes queued for connections without a transport, not yet accounted for.
    pub(super) detached_bytes: usize,
}

/// One shard's state.
#[derive(Debug)]
pub struct State {
    pub(super) shard: ShardId,
    /// The clock of this turn.
    pub(super) now: Millis,
    allowance: Allowance,
    pub(super) connections: Seats,
    pub(super) groups: Groups,
    /// The connections of each user: a user is kept as a group is, without interest.
    pub(super) users: Groups,
    pub(super) joins: Slab<PendingJoin>,
    pub(super) calls: Slab<PendingCall>,
    pub(super) works: Slab<Work>,
    pub(super) sweeps: VecDeque<Sweep>,
    pub(super) group_states: GroupStates,
    pub(super) detached: Detached,
    /// When streams may run out of time; an entry too early is put back.
    pub(super) stream_deadlines: BinaryHeap<Reverse<(Millis, ConnectionHandle)>>,
    pub(super) reconnection: ReconnectionTokens,
    /// What turns the shards' clock into Unix milliseconds.
    pub(super) unix_offset_ms: u64,
    pub(super) scratch: FrameScratch,
    pub ready: Ready,
    pub outbox: Outbox,
    /// Events for the webhook shard, in order. What is in them is bounded by the handlers' gates.
    pub calls_to_application: Vec<EventCall>,
    pub counters: Counters,
    /// Connections whose waiting messages go on when no peer is behind.
    pub(super) stalled: Vec<ConnectionHandle>,
    /// [`crate::event::call::Subject::origin`] of connections that have not said by which name they know the server.
    pub(super) default_origin: Box<str>,
    pub(super) next_ticket: u32,
    hubs: HashMap<HubName, Rc<Hub>>,
    /// One ping frame for everybody.
    ping: Rc<Queued>,
    next_serial: u32,
}

impl State {
    /// `hasher` must be the same on every shard of the process.
    /// The same goes for `reconnection`: a token is judged where its socket has landed.
    pub fn new(
        shard: ShardId,
        shard_count: usize,
        hasher: RandomState,
        reconnection: ReconnectionTokens,
    ) -> Self {
        let mut scratch = FrameScratch::default();
        let ping = scratch.frame(OpCode::Control(Control::Ping), |_| ());
        Self {
            shard,
            now: 0,
            allowance: Allowance::default(),
            connections: Seats::default(),
            groups: Groups::new(hasher.clone()),
            users: Groups::new(hasher),
            joins: Slab::new(),
            calls: Slab::new(),
            works: Slab::new(),
            sweeps: VecDeque::new(),
            group_states: GroupStates::default(),
            detached: Detached::default(),
            stream_deadlines: BinaryHeap::new(),
            reconnection,
            unix_offset_ms: 0,
            scratch,
            ready: Ready::default(),
            outbox: Outbox::new(shard, shard_count),
            calls_to_application: Vec::new(),
            counters: Counters::default(),
            stalled: Vec::new(),
            default_origin: "localhost".into(),
            next_ticket: 0,
            hubs: HashMap::new(),
            ping: Queued::new(ping),
            next_serial: 0,
        }
    }

    /// Makes room for so many connections, so that the table need not be moved as they come.
    pub fn reserve(&mut self, connections: usize) {
        self.connections.reserve_room(connections);
    }

    /// A turn begins at this moment, with an allowance of its own.
    pub fn begin_turn(&mut self, now: Millis) {
        self.now = now;
        self.allowance.begin(&self.counters);
    }

    /// Whether input has to wait until more has been written.
    pub fn is_turn_spent(&self) -> bool {
        self.allowance.is_spent(&self.counters)
    }

    pub fn now(&self) -> Millis {
        self.now
    }

    /// Sets what the clock of this shard has to be added to, to be Unix time in milliseconds.
    pub fn set_unix_offset(&mut self, unix_offset_ms: u64) {
        self.unix_offset_ms = unix_offset_ms;
    }

    /// Sets the host that applications hear of where a client has named none.
    pub fn set_default_origin(&mut self, origin: Box<str>) {
        self.default_origin = origin;
    }

    /// The hub of that name, configured as `config` says if it is new here.
    pub fn hub(&mut self, name: &HubName, config: impl FnOnce() -> Arc<HubConfig>) -> Rc<Hub> {
        if let Some(hub) = self.hubs.get(name) {
            return hub.clone();
        }
        let hub = Rc::new(Hub::new(name.clone(), config()));
        self.hubs.insert(name.clone(), hub.clone());
        hub
    }

    /// Applies a new configuration to the hubs that have connections.
    pub fn reconfigure(&mut self, table: &HubTable) {
        for (name, hub) in &self.hubs {
            hub.reconfigure(table.get(name).clone());
        }
    }

    pub fn shard(&self) -> ShardId {
        self.shard
    }

    /// Whether this process has such a shard.
    pub fn has_shard(&self, shard: ShardId) -> bool {
        shard == self.shard || self.outbox.peers().contains(shard)
    }

    pub fn connection_count(&self) -> usize {
        self.connections.taken()
    }

    /// Clients that the application has still to admit.
    pub fn reservation_count(&self) -> usize {
        self.connections.reserved()
    }

    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Joins that other shards have not all confirmed.
    pub fn pending_join_count(&self) -> usize {
        self.joins.len()
    }

    /// The serial of the connection opened last.
    pub(super) fn newest_serial(&self) -> u32 {
        self.next_serial
    }

    /// The slots of all connections.
    pub fn slots(&self) -> Vec<u32> {
        self.connections.iter().map(|(slot, _)| slot).collect()
    }

    /// The connection in `slot`. Slots come from [`Self::open`] and [`Ready`] and are valid until
    /// [`Self::remove`].
    pub fn connection(&self, slot: u32) -> &Connection {
        &self.connections[slot]
    }

    pub fn connection_mut(&mut self, slot: u32) -> &mut Connection {
        &mut self.connections[slot]
    }

    /// Whether there is still a connection in `slot`; lists in [`Ready`] may outlive one.
    pub fn contains(&self, slot: u32) -> bool {
        self.connections.get(slot).is_some()
    }

    pub(super) fn handle(&self, slot: u32) -> ConnectionHandle {
        ConnectionHandle { slot, serial: self.connection(slot).serial }
    }

    pub(super) fn resolve(&self, handle: ConnectionHandle) -> Option<u32> {
        let connection = self.connections.get(handle.slot)?;
        (connection.serial == handle.serial).then_some(handle.slot)
    }

    /// The public id of the connection in `slot`.
    pub fn connection_id(&self, slot: u32) -> ConnectionId {
        ConnectionId::new(self.shard, slot, self.connection(slot).random)
    }

    /// Registers a connection (`client-connect.md` section 3, steps 12 to 14): its answer and the
    /// `connected` message are queued first, its groups joined, and everything is held back until
    /// the other shards know of the groups. [`Ready::released`] names it when it may go on.
    pub fn open(&mut self, new: NewConnection) -> u32 {
        let serial = self.take_serial();
        let insert =
            |seats: &mut Seats, new| Some((seats.insert(Connection::new(new, serial)), false));
        self.establish(new, insert).expect("a new slot is always to be had")
    }

    /// [`Self::open`] for a client that the application has admitted, in the slot kept for it.
    pub fn open_admitted(&mut self, slot: u32, new: NewConnection) -> Option<u32> {
        self.establish(new, |seats, new| {
            let make = |kept: &Reservation| {
                Connection::new(NewConnection { random: kept.random, ..new }, kept.serial)
            };
            seats.take(slot, make).then_some((slot, true))
        })
    }

    fn establish(
        &mut self,
        mut new: NewConnection,
        seat: impl FnOnce(&mut Seats, NewConnection) -> Option<(u32, bool)>,
    ) -> Option<u32> {
        let accept = Queued::new(new.accept.clone());
        let groups = std::mem::take(&mut new.groups);
        let (origin, subprotocol) = (new.origin.take(), new.subprotocol.take());
        let (slot, has_session) = seat(&mut self.connections, new)?;
        self.introduce(slot, origin, subprotocol, has_session);
        self.connection_mut(slot).outbound.push(accept);
        if self.connection(slot).kind.is_pubsub() {
            self.greet(slot);
        }
        self.enter_user(slot);
        let handle = self.handle(slot);
        for group in &groups {
            if self.join(slot, group, JoinWaiter::Open(handle)) {
                self.connection_mut(slot).held_joins += 1;
            }
        }
        self.counters.connections_opened += 1;
        self.release_if_unheld(slot);
        if self.connection(slot).kind == ClientKind::RefusedRecovery {
            self.close(slot, CloseReason::NotRecoverable);
        }
        Some(slot)
    }

    pub(super) fn release_if_unheld(&mut self, slot: u32) {
        if self.connection(slot).held_joins == 0 {
            self.ready.released.push(slot);
            self.ready.dirty.push_back(slot);
            if self.connection(slot).closing.is_none() {
                self.raise_connected(slot);
            }
        }
    }

    pub(super) fn take_serial(&mut self) -> u32 {
        self.next_serial = self.next_serial.wrapping_add(1);
        self.next_serial
    }

    /// Begins to end the connection: it leaves its groups, hears why if its protocol can say so,
    /// and gets a close frame. A connection that is closing already stays as it is.
    pub fn close(&mut self, slot: u32, reason: CloseReason) {
        self.close_with(slot, reason, &reason.text(), &reason.for_application());
    }

    /// The client has closed the connection, perhaps with a reason.
    pub fn close_by_client(&mut self, slot: u32, code: Option<u16>, reason: &str) {
        self.close_with(slot, CloseReason::ClientClosed(code), "", reason);
    }

    /// [`Self::close`] with texts of its own for the client and for the application.
    pub(super) fn close_with(
        &mut self,
        slot: u32,
        reason: CloseReason,
        text: &str,
        for_application: &str,
    ) {
        if self.connection(slot).closing.is_some() {
            return;
        }
        self.leave_everything(slot);
        self.raise_disconnected(slot, for_application);
        self.leave_detached(slot);
        let connection = self.connection_mut(slot);
        connection.closing = Some(reason);
        let is_pubsub = connection.kind.is_pubsub();
        if reason.discards_queue() {
            let dropped = connection.outbound.discard();
            self.counters.dropped_closed += dropped as u64;
        }
        // An application's reason is for PubSub clients (section 12.1).
        let is_told = is_pubsub || reason != CloseReason::ClosedByAppServer;
        let text = if is_told { text } else { "" };
        if reason.is_announced() {
            self.tell(slot, &Told::Disconnected { reason: text });
        }
        if let Some(code) = reason.code() {
            let frame = self.scratch.frame(OpCode::Control(Control::Close), |out| {
                close::write_payload(out, code, text);
            });
            self.queue(slot, frame);
        }
        self.ready.closing.push(slot);
        // A handshake that is still held back goes out now, followed by its end.
        if std::mem::take(&mut self.connection_mut(slot).held_joins) > 0 {
            self.release_if_unheld(slot);
        }
    }

    /// The connection ends for everybody else.
    fn leave_everything(&mut self, slot: u32) {
        self.cancel_streams(slot);
        self.leave_all_groups(slot);
        self.leave_user(slot);
    }

    /// Forgets the connection, whose transport is gone.
    pub fn remove(&mut self, slot: u32) {
        if self.connection(slot).closing.is_none() {
            self.leave_everything(slot);
            self.raise_disconnected(slot, &CloseReason::TransportLost.for_application());
        }
        let connection = self.connections.remove(slot);
        let reason = connection.closing.unwrap_or(CloseReason::TransportLost);
        self.counters.connections_closed[reason.category() as usize] += 1;
        self.counters.dropped_closed += connection.outbound.len() as u64;
        let hub = connection.hub.clone();
        drop(connection);
        self.release_hub(hub);
    }

    /// Hubs exist while somebody is in them: names come from clients, so the map must not grow with
    /// every name ever used.
    pub(super) fn release_hub(&mut self, hub: Rc<Hub>) {
        // The map's reference and this one.
        if Rc::strong_count(&hub) == 2 {
            self.hubs.remove(&hub.name);
        }
    }

    /// Queues a WebSocket ping.
    pub fn ping(&mut self, slot: u32) {
        let ping = self.ping.clone();
        self.enqueue(slot, ping);
    }

    /// Queues the answer to a client's ping.
    pub fn pong(&mut self, slot: u32, payload: &[u8]) {
        let pong = OpCode::Control(Control::Pong);
        let frame = self.scratch.frame(pong, |out| out.extend_from_slice(payload));
        self.queue(slot, frame);
    }

    /// Queues a message of the server's own for a PubSub client; others speak no such language.
    pub(super) fn tell(&mut self, slot: u32, answer: &Told<'_>) {
        let Some(encoding) = self.connection(slot).kind.encoding() else { return };
        let data = match encoding {
            Encoding::Json => Data::Text,
            Encoding::Protobuf => Data::Binary,
        };
        let frame = self.scratch.frame(OpCode::Data(data), |out| answer.write(encoding, out));
        self.queue(slot, frame);
    }

    pub(super) fn queue(&mut self, slot: u32, frame: Frame) {
        self.enqueue(slot, Queued::new(frame));
    }

    pub(super) fn enqueue(&mut self, slot: u32, frame: Rc<Queued>) {
        self.counters.outbound_messages += 1;
        self.counters.outbound_bytes += frame.bytes().len() as u64;
        let connection = &mut self.connections[slot];
        self.ready.enqueue(slot, connection, frame);
    }

    /// Takes a message of another shard.
    pub fn on_mesh(&mut self, from: ShardId, message: ShardMessage) {
        self.counters.mesh_received += 1;
        match message {
            ShardMessage::Publish { group, frames } => self.deliver_from_peer(&group, &frames),
            ShardMessage::Interest { group, format, token } => {
                self.groups.add_interest(group, format, from);
                self.outbox.send(from, ShardMessage::InterestNoted { token });
            }
            ShardMessage::InterestNoted { token } => self.on_interest_noted(from, token),
            ShardMessage::NoInterest { left } => {
                for (group, format) in left {
                    self.groups.remove_interest(&group, format, from);
                }
            }
            ShardMessage::Call { call, command } => {
                self.carry_out(Caller { shard: from, call }, command);
            }
            ShardMessage::Answer { call, answer } => self.on_answer(from, call, answer),
            ShardMessage::Recover(newcomer) => self.ready.newcomers.push(newcomer),
        }
    }
}

impl Ready {
    /// Queues `frame` for one connection: the whole cost of a delivery inside a shard.
    #[inline]
    pub(super) fn enqueue(&mut self, slot: u32, connection: &mut Connection, frame: Rc<Queued>) {
        let queue = &mut connection.outbound;
        if !queue.is_scheduled {
            queue.is_scheduled = true;
            self.dirty.push_back(slot);
        } else if queue.is_detached() && frame.is_numbered() && connection.detached_at().is_some() {
            self.detached_bytes += frame.bytes().len();
        }
        let queue = &mut connection.outbound;
        queue.push(frame);
        if queue.overflow().is_some() && connection.closing.is_none() {
            self.overfull.push(slot);
        }
    }
}
