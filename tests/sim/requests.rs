//! What clients ask their shards for.

use corecast::protocol::ws::assembly::Message;
use corecast::shard::dispatch::Flow;

use crate::acks::Asked;
use crate::client::Client;
use crate::stays::Publish;
use crate::world::{GROUPS, World};

/// More than may wait behind an event.
const BURST: usize = 70;

impl World {
    /// Gives a client's message to its shard, if it arrives there.
    fn request(&mut self, at: usize, text: &str) {
        let client = &mut self.clients[at];
        if client.link.is_breaking {
            return;
        }
        let flow = self.shards[client.shard].on_message(client.slot, Message::Text(text));
        client.is_paused = flow == Flow::Pause;
        self.totals.blocked += usize::from(client.is_paused);
        client.link.is_held |= flow == Flow::Hold;
        self.totals.held += usize::from(flow == Flow::Hold);
    }

    /// Whether the client's shard would read from it.
    fn is_readable(&self, at: usize) -> bool {
        let client = &self.clients[at];
        let state = &self.shards[client.shard];
        let connection = state.connection(client.slot);
        let is_open = connection.closing.is_none() && !client.link.is_down;
        let is_held = client.link.is_held || connection.held_joins > 0 || connection.is_held();
        is_open && !is_held && (!client.is_paused || state.outbox.blocked().is_empty())
    }

    /// Whether the client can ask for something new: what it has to ask for again comes first.
    pub(crate) fn is_ready(&mut self, at: usize) -> bool {
        while self.is_readable(at) {
            let Some(text) = self.clients[at].acks.next_again() else { return true };
            self.request(at, &text);
        }
        false
    }

    /// Returns whether the answer has to be waited for.
    fn ask_shard(&mut self, at: usize, ack: u64, asked: Asked, text: String) -> bool {
        let queued = |world: &Self| {
            let client = &world.clients[at];
            world.shards[client.shard].connection(client.slot).outbound.len()
        };
        let before = queued(self);
        self.request(at, &text);
        let may_wait = queued(self) == before;
        self.clients[at].acks.ask(ack, asked, text, may_wait);
        may_wait
    }

    pub(crate) fn join(&mut self, at: usize) {
        if self.is_ready(at) {
            let group = self.random.below(GROUPS);
            let ack = self.clients[at].join(group);
            let text = format!(r#"{{"type":"joinGroup","group":"{group}","ackId":{ack}}}"#);
            self.ask_shard(at, ack, Asked::Join(group), text);
        }
    }

    pub(crate) fn leave(&mut self, at: usize) {
        if self.is_ready(at) {
            let (group, step) = (self.random.below(GROUPS), self.step);
            let ack = self.clients[at].leave(group, step);
            let text = format!(r#"{{"type":"leaveGroup","group":"{group}","ackId":{ack}}}"#);
            self.ask_shard(at, ack, Asked::Leave(group), text);
        }
    }

    pub(crate) fn publish(&mut self, at: usize) {
        if !self.is_ready(at) {
            return;
        }
        let (group, no_echo) = (self.random.below(GROUPS), self.random.chance(30));
        let Client { index: publisher, shard, .. } = self.clients[at];
        let number = self.next_number(publisher, group);
        let (step, ack) = (self.step, self.clients[at].acks.take_id());
        let data = format!(r#"{{"publisher":{publisher},"number":{number}}}"#);
        let text = format!(
            r#"{{"type":"sendToGroup","group":"{group}","noEcho":{no_echo},"ackId":{ack},"data":{data}}}"#
        );
        let may_wait = self.ask_shard(at, ack, Asked::Publish, text);
        let is_done = !may_wait;
        let publish = Publish { publisher, shard, number, step, no_echo, ack, may_wait, is_done };
        self.published.entry(group).or_default().push(publish);
    }

    /// Raises an event, now and then with more behind it than may wait.
    pub(crate) fn event(&mut self, at: usize) {
        if !self.is_ready(at) {
            return;
        }
        let ack = self.clients[at].acks.take_id();
        let text =
            format!(r#"{{"type":"event","event":"e","ackId":{ack},"data":{{"ack":{ack}}}}}"#);
        self.ask_shard(at, ack, Asked::Event, text);
        if self.random.chance(2) {
            (0..BURST).for_each(|_| self.publish(at));
        }
    }

    /// The answer is there at once, whatever waits.
    pub(crate) fn ping(&mut self, at: usize) {
        if self.is_ready(at) {
            let before = self.clients[at].pongs;
            self.request(at, r#"{"type":"ping"}"#);
            self.read(at);
            assert_eq!(self.clients[at].pongs, before + 1, "a ping waits");
        }
    }

    /// A reliable client acknowledges what it has read, or a part of it.
    pub(crate) fn acknowledge(&mut self, at: usize) {
        if !self.clients[at].is_reliable || !self.is_ready(at) {
            return;
        }
        let sequence = &mut self.clients[at].link.sequence;
        let newest = sequence.newest();
        let some = self.random.below(usize::try_from(newest + 1).expect("small")) as u64;
        let number = if self.random.chance(70) { newest } else { some };
        sequence.acknowledge(number);
        self.request(at, &format!(r#"{{"type":"sequenceAck","sequenceId":{number}}}"#));
    }
}
