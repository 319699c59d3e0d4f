//! From one published message to every member's outbound queue.
//!
//! Per message: one lookup, one encoding per format in use, one mesh message per interested shard.
//! Per receiver: one reference into a queue, and nothing else.

use std::rc::Rc;

use super::counters::Counters;
use super::message::ShardMessage;
use super::seats::Seats;
use super::state::{Ready, State};
use crate::frame::message::{OutgoingMessage, Source};
use crate::frame::{Format, Frame, FrameScratch, FrameSet, Queued};
use crate::hub::group::{GroupIndex, GroupKey, Member};
use crate::hub::id::ShardSet;
use crate::protocol::subprotocol::{Metadata, Payload, StreamPart};

/// A message on its way to a group.
#[derive(Debug)]
pub(super) struct GroupMessage<'a> {
    pub group: &'a str,
    pub payload: &'a Payload<'a>,
    pub metadata: &'a Metadata<'a>,
    /// 0 for no limit.
    pub ttl_seconds: u16,
    /// Leave the publisher itself out.
    pub no_echo: bool,
    /// The stream it is a part of.
    pub stream: Option<StreamPart<'a>>,
}

impl State {
    /// Publishes to a group of the sender's hub. Returns the shards it was sent to.
    pub(super) fn publish(&mut self, sender: u32, message: &GroupMessage<'_>) -> ShardSet {
        let connection = &self.connections[sender];
        let Some(index) = self.groups.find(&connection.hub.name, message.group) else {
            return ShardSet::default();
        };
        let user = connection.user.clone();
        let outgoing = OutgoingMessage {
            source: Source::Group { name: message.group, from_user: user.as_deref() },
            payload: message.payload,
            metadata: message.metadata,
            stream: message.stream,
        };
        let own = [sender];
        let excluded: &[u32] = if message.no_echo { &own } else { &[] };
        let expires_at_ms = self.expiry(message);
        let encode = |scratch: &mut FrameScratch, format| outgoing.encode(scratch, format);
        self.publish_frames(index, excluded, expires_at_ms, encode)
    }

    /// Publishes what `encode` makes for every format that somebody in the group needs. Returns the
    /// shards it was sent to.
    pub(super) fn publish_frames(
        &mut self,
        index: GroupIndex,
        excluded: &[u32],
        expires_at_ms: u64,
        encode: impl Fn(&mut FrameScratch, Format) -> Option<Frame>,
    ) -> ShardSet {
        let group = self.groups.get(index);
        let mut frames = FrameSet::expiring_at(expires_at_ms);
        let mut interested = ShardSet::default();
        for format in Format::ALL {
            if group.needs(format)
                && let Some(frame) = encode(&mut self.scratch, format)
            {
                frames.set(format, frame);
                interested = interested.union(group.interest(format));
            }
        }
        let key = group.key();
        for peer in interested.iter() {
            let (group, frames) = (key.clone(), frames.clone());
            self.outbox.send(peer, ShardMessage::Publish { group, frames });
        }
        self.deliver_here(index, excluded, &frames);
        interested
    }

    /// Delivers another shard's message to this shard's members only.
    pub(super) fn deliver_from_peer(&mut self, key: &GroupKey, frames: &FrameSet) {
        // The last member may have left while the message was on its way.
        let Some(index) = self.groups.find_key(key) else { return };
        self.deliver_here(index, &[], frames);
    }

    /// Queues each frame for the members here who want its format.
    fn deliver_here(&mut self, index: GroupIndex, excluded: &[u32], frames: &FrameSet) {
        let group = self.groups.get(index);
        for format in Format::ALL {
            let members = group.members(format);
            if let Some(frame) = frames.get(format)
                && !members.is_empty()
            {
                let queued = Queued::message(frame.clone(), format, frames.expires_at_ms);
                deliver(
                    members,
                    excluded,
                    &queued,
                    &mut self.connections,
                    &mut self.ready,
                    &mut self.counters,
                );
            }
        }
    }

    fn expiry(&self, message: &GroupMessage<'_>) -> u64 {
        match message.ttl_seconds {
            0 => 0,
            seconds => self.now + u64::from(seconds) * 1000,
        }
    }
}

/// Queues one frame for each member. This loop runs once per delivery: it takes plain arguments
/// and neither allocates, hashes, formats nor reads a clock.
pub(super) fn deliver(
    members: &[Member],
    excluded: &[u32],
    frame: &Rc<Queued>,
    connections: &mut Seats,
    ready: &mut Ready,
    counters: &mut Counters,
) {
    let mut delivered = 0;
    for member in members {
        if !excluded.contains(&member.connection) {
            let connection = &mut connections[member.connection];
            ready.enqueue(member.connection, connection, frame.clone());
            delivered += 1;
        }
    }
    counters.outbound_messages += delivered;
    counters.outbound_bytes += delivered * frame.bytes().len() as u64;
}
