//! Bytes between the shards and their clients, and the ends of connections.

use corecast::shard::joined::Joined;

use crate::client::Client;
use crate::world::World;

/// The largest piece that the socket of a reliable client takes.
const PIECE_BYTES_MAX: usize = 400;
/// Less than a `connected` message, whose length is the only one that a seed does not decide.
const PART_BYTES_MAX: usize = 100;

impl World {
    /// The shard writes to a socket that takes so many bytes. Returns whether it took any.
    fn write(&mut self, at: usize, bytes_max: usize) -> bool {
        self.take_dirty();
        let bytes = self.waiting(at, bytes_max);
        let client = &mut self.clients[at];
        assert!(client.link.is_writable || bytes.is_empty(), "no write is arranged");
        if !client.link.is_writable {
            return false;
        }
        let connection = self.shards[client.shard].connection_mut(client.slot);
        self.totals.written += connection.outbound.advance(bytes.len());
        if connection.outbound.is_empty() {
            (connection.outbound.is_scheduled, client.link.is_writable) = (false, false);
        }
        // A shard that has not noticed the loss writes to nobody.
        if !client.link.is_down {
            client.link.wire.arrive(&bytes);
        }
        !bytes.is_empty()
    }

    /// The socket takes a few frames and a part of another.
    pub(crate) fn write_some(&mut self, at: usize) {
        let (frames, part_bytes) = (self.random.below(6), self.random.below(PART_BYTES_MAX));
        if self.clients[at].link.is_down {
            self.write(at, part_bytes);
        } else if frames > 0 {
            let waiting = self.waiting(at, usize::MAX);
            let taken = self.clients[at].link.wire.length_of(&waiting, frames, part_bytes);
            self.write(at, taken);
        }
    }

    /// The bytes that the shard would write now.
    fn waiting(&self, at: usize, bytes_max: usize) -> Vec<u8> {
        let client = &self.clients[at];
        let connection = self.shards[client.shard].connection(client.slot);
        let mut bytes = Vec::new();
        if connection.held_joins > 0 {
            return bytes;
        }
        if connection.outbound.is_numbered() {
            let mut joined = Joined::default();
            connection.outbound.join(&mut joined, bytes_max);
            bytes.extend_from_slice(joined.bytes());
        } else {
            connection.outbound.slices().for_each(|slice| bytes.extend_from_slice(slice));
            bytes.truncate(bytes_max);
        }
        bytes
    }

    /// The client reads all that its shard has queued for it. Returns whether it can read at all:
    /// a handshake that is held back has sent nothing, a broken transport brings nothing.
    pub(crate) fn read(&mut self, at: usize) -> bool {
        let client = &self.clients[at];
        let (is_down, is_reliable) = (client.link.is_down, client.is_reliable);
        if is_down || self.shards[client.shard].connection(client.slot).held_joins > 0 {
            return false;
        }
        // However many pieces it comes in, it is the same: they are no part of the seed's schedule.
        loop {
            let piece = 1 + self.pieces.below(PIECE_BYTES_MAX);
            if !self.write(at, if is_reliable { piece } else { usize::MAX }) {
                break;
            }
        }
        let step = self.step;
        self.clients[at].read(step);
        true
    }

    /// A client's turn with its socket.
    pub(crate) fn attend(&mut self, at: usize) {
        if self.clients[at].is_closing {
            return self.remove(at);
        }
        if self.random.chance(20) {
            self.write_some(at);
            let step = self.step;
            self.clients[at].read(step);
        } else {
            self.read(at);
        }
        if self.random.chance(40) {
            self.acknowledge(at);
        }
    }

    /// The shards get to the connections for which they have something to write.
    pub(crate) fn take_dirty(&mut self) {
        for shard in 0..self.shards.len() {
            while let Some(slot) = self.shards[shard].ready.dirty.pop_front() {
                let Some(at) = self.client_in(shard, slot) else { continue };
                let connection = self.shards[shard].connection(slot);
                let is_written_to = connection.held_joins == 0 && connection.transport.is_some();
                self.clients[at].link.is_writable |= is_written_to;
            }
        }
    }

    /// The shards read on from clients that they have left alone.
    pub(crate) fn take_released(&mut self) {
        for shard in 0..self.shards.len() {
            while let Some(slot) = self.shards[shard].ready.released.pop() {
                if let Some(at) = self.client_in(shard, slot) {
                    self.clients[at].link.is_held = false;
                }
            }
        }
    }

    fn client_in(&self, shard: usize, slot: u32) -> Option<usize> {
        self.clients.iter().position(|client| client.shard == shard && client.slot == slot)
    }

    /// The shards have begun to close connections.
    pub(crate) fn take_closes(&mut self) {
        for shard in 0..self.shards.len() {
            while let Some(slot) = self.shards[shard].ready.closing.pop() {
                let Some(at) = self.client_in(shard, slot) else { continue };
                match self.shards[shard].connection(slot).transport {
                    Some(_) => self.clients[at].is_closing = true,
                    None => self.give_up(at),
                }
            }
        }
    }

    /// A client goes away, with or without a word. One without a transport cannot.
    pub(crate) fn disconnect(&mut self, at: usize) {
        if !self.clients[at].link.is_down {
            self.remove(at);
        }
    }

    /// The connection of a client ends.
    pub(crate) fn remove(&mut self, at: usize) {
        let is_closing = self.clients[at].is_closing;
        let is_read = self.read(at);
        let client = &self.clients[at];
        let (shard, slot) = (client.shard, client.slot);
        // A reliable connection outlives its transport unless its client takes leave.
        if is_read && !is_closing && (client.is_reliable || self.random.chance(50)) {
            self.shards[shard].close_by_client(slot, Some(1000), "bye");
            self.read(at);
            assert_eq!(self.clients[at].closed, Some(1000));
        } else if is_read && is_closing {
            assert!(self.clients[at].closed.is_some(), "the close is not announced");
        }
        let client = self.clients.swap_remove(at);
        self.shards[shard].lose_transport(slot);
        assert!(!self.shards[shard].contains(slot));
        if !is_closing {
            self.check_complete(&client);
        }
        self.depart(&client);
    }

    /// What is left to be said of a client whose connection has ended.
    pub(crate) fn depart(&mut self, client: &Client) {
        self.settle_publishes(client);
        self.check_gaps(client);
        self.totals.delivered += client.received.values().map(Vec::len).sum::<usize>();
        self.totals.known += client.link.sequence.known;
        self.totals.refused += client.refused;
        let Some(id) = client.link.id else { return };
        self.gone.push(id);
        if client.is_reliable && self.random.chance(50) {
            self.knock(client.index, id, &client.link.token);
        }
    }
}
