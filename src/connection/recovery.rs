//! Sockets that want to carry a connection again: off to its shard, and there under it
//! (`client-connect.md` section 11).
//!
//! A socket lands on any shard, its connection lives on the one that its id names. State never
//! moves; the socket does, with what was read from it behind the request.

use rustix::event::epoll;
use rustix::net::{SendFlags, send};
use tungstenite::protocol::frame::coding::{Control, OpCode};

use super::lifecycle::Sockets;
use super::transport::Phase;
use crate::frame::{Frame, FrameScratch};
use crate::hub::permission::Permissions;
use crate::listener::upgrade::RecoveryRequest;
use crate::protocol::ws::assembly::Assembly;
use crate::protocol::ws::{close, handshake};
use crate::shard::connection::{ClientKind, NewConnection};
use crate::shard::message::ShardMessage;
use crate::shard::recovery::Newcomer;
use crate::shard::state::State;
use crate::sys::HandedSocket;

impl Sockets {
    /// Remembers the request; the socket leaves when nothing is in the middle of using it.
    pub(super) fn begin_recovery(&mut self, slot: u32, request: Box<RecoveryRequest>) {
        if let Some(http) = self.http(slot) {
            http.recovery = Some(request);
        }
        self.leaving.push(self.handle(slot));
    }

    /// Sends the sockets of this turn to the shards of the connections that they ask for.
    pub fn hand_over(&mut self, state: &mut State) {
        while let Some(handle) = self.leaving.pop() {
            if self.get(handle).is_none() {
                continue;
            }
            let transport = self.transports.remove(handle.slot as usize);
            let Phase::Http(mut http) = transport.phase else { continue };
            let Some(request) = http.recovery.take() else { continue };
            // Its own epoll is told by the shard it comes to.
            if epoll::delete(&*self.epoll, &transport.fd).is_err() {
                continue;
            }
            let RecoveryRequest { hub, connection, is_authentic, key, offered } = *request;
            let owner = connection.map(|id| id.shard()).filter(|id| state.has_shard(*id));
            let socket = HandedSocket { fd: transport.fd, inbound: transport.inbound };
            let newcomer =
                Box::new(Newcomer { hub, connection, is_authentic, key, offered, socket });
            match owner {
                Some(owner) if owner != state.shard() => {
                    state.outbox.send(owner, ShardMessage::Recover(newcomer));
                }
                _ => state.ready.newcomers.push(newcomer),
            }
        }
    }

    /// Puts sockets that have come under the connections they ask for.
    pub fn take_newcomers(&mut self, state: &mut State) {
        while let Some(newcomer) = state.ready.newcomers.pop() {
            match state.recoverable(&newcomer) {
                Some(connection) => self.recover(state, connection, *newcomer),
                None => self.refuse(state, *newcomer),
            }
        }
    }

    fn recover(&mut self, state: &mut State, connection: u32, newcomer: Newcomer) {
        //= section 11.2: the original subprotocol, whatever was offered now.
        let original = state.connection(connection).kind.subprotocol();
        let offered = newcomer.offered.as_deref();
        let spelled = offered
            .filter(|name| original.is_some_and(|original| original.eq_ignore_ascii_case(name)));
        let accept = accept(&newcomer.key, spelled.or(original));
        let Some(slot) = self.adopt(state, newcomer.socket, connection) else { return };
        if let Some(before) = state.attach(connection, slot, accept) {
            // At no time may two transports serve one connection.
            self.transports[before as usize].phase = Phase::Lingering;
            self.doom(before);
        }
        state.counters.count_handshake(101);
        self.arm_keep_alive(state, slot, connection);
        self.proceed(state, slot);
    }

    /// Section 11.3: the upgrade is completed, and closed with 1008.
    fn refuse(&mut self, state: &mut State, newcomer: Newcomer) {
        let Newcomer { hub, key, offered, socket, .. } = newcomer;
        let Some(random) = super::handshake::random() else { return };
        let hub = state.hub(&hub, || self.context.rules.hubs.get(&hub).clone());
        let accept = accept(&key, offered.as_deref());
        let Some(slot) = self.adopt(state, socket, u32::MAX) else { return };
        let connection = state.open(NewConnection {
            hub,
            kind: ClientKind::RefusedRecovery,
            user: None,
            permissions: Permissions::default(),
            groups: Vec::new(),
            accept,
            transport: slot,
            random,
            subprotocol: None,
            origin: None,
        });
        let assembly = Assembly::default();
        self.transports[slot as usize].phase = Phase::WebSocket { connection, assembly };
        state.counters.count_handshake(101);
        self.proceed(state, slot);
    }

    /// Makes the socket a transport of this shard, under this connection.
    fn adopt(&mut self, state: &State, socket: HandedSocket, connection: u32) -> Option<u32> {
        let HandedSocket { fd, inbound } = socket;
        let phase = Phase::WebSocket { connection, assembly: Assembly::default() };
        let slot = self.add(state.now(), fd, phase).ok()?;
        self.transports[slot as usize].inbound = inbound;
        Some(slot)
    }

    /// Ends a transport whose connection waits for another: its client hears why, if it can.
    pub(super) fn part(&mut self, state: &State, slot: u32, code: u16, reason: &str) {
        if let Some(connection) = self.transports[slot as usize].connection()
            && !state.connection(connection).outbound.is_mid_frame()
        {
            let close = OpCode::Control(Control::Close);
            let frame =
                FrameScratch::default().frame(close, |out| close::write_payload(out, code, reason));
            // A client that is gone needs to hear nothing.
            let _ = send(&self.transports[slot as usize].fd, frame.bytes(), SendFlags::NOSIGNAL);
        }
        self.doom(slot);
    }
}

fn accept(key: &str, subprotocol: Option<&str>) -> Frame {
    FrameScratch::default().raw(|out| handshake::write_accept(out, key, subprotocol))
}
