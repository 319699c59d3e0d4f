//! Shards with one group and a publisher, and nothing around them: no sockets, no clock, no
//! reactor.
//!
//! The shards are the real ones and are driven as the reactor drives them. A socket is a buffer
//! that takes everything, filled as `connection/writer.rs` fills its own; a mesh channel is a list
//! without a bound; a reliable client acknowledges all that it gets. What this keeps is reused, so
//! that it neither allocates nor costs much in the steady state: the test of allocations and the
//! bench `fanout` share it.

use corecast::auth::ReconnectionTokens;
use corecast::frame::FrameScratch;
use corecast::hub::id::ShardId;
use corecast::hub::name::HubName;
use corecast::hub::permission::Permissions;
use corecast::protocol::ws::assembly::Message;
use corecast::shard::connection::{ClientKind, NewConnection};
use corecast::shard::dispatch::Flow;
use corecast::shard::hubs::HubConfig;
use corecast::shard::joined::Joined;
use corecast::shard::message::ShardMessage;
use corecast::shard::outbound::OutboundQueue;
use corecast::shard::state::State;
use foldhash::quality::RandomState;

/// The group that everybody but the publisher is in.
pub(crate) const GROUP: &str = "g";
/// Most bytes of one write, as in `connection/writer.rs`.
const WRITE_BYTES_MAX: usize = 64 * 1024;

pub(crate) struct Crowd {
    pub(crate) shards: Vec<State>,
    /// The publisher's slot on the first shard.
    publisher: u32,
    /// On their way from one shard to others.
    crossing: Vec<(ShardId, ShardMessage)>,
    joined: Joined,
}

impl Crowd {
    /// So many shards, and on the first of them a publisher that is in no group.
    pub(crate) fn new(publisher: ClientKind, shard_count: usize) -> Self {
        let hasher = RandomState::default();
        let tokens = ReconnectionTokens::generate().expect("random numbers");
        let shard =
            |index| State::new(ShardId::new(index), shard_count, hasher.clone(), tokens.clone());
        let mut crowd = Self {
            shards: (0..shard_count).map(shard).collect(),
            publisher: 0,
            crossing: Vec::new(),
            joined: Joined::default(),
        };
        crowd.publisher = crowd.open(0, publisher, Vec::new());
        crowd
    }

    /// Adds members of the group on one shard.
    pub(crate) fn add(&mut self, shard: usize, kind: &ClientKind, count: usize) {
        for _ in 0..count {
            self.open(shard, kind.clone(), vec![GROUP.to_owned()]);
        }
    }

    pub(crate) fn open(&mut self, shard: usize, kind: ClientKind, groups: Vec<String>) -> u32 {
        let state = &mut self.shards[shard];
        let hub = HubName::parse("hub").expect("a valid name");
        let roles = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
        let new = NewConnection {
            hub: state.hub(&hub, || HubConfig::default().into()),
            kind,
            user: None,
            permissions: Permissions::from_roles(roles).0,
            groups,
            accept: FrameScratch::default().raw(|out| out.extend_from_slice(b"accepted")),
            transport: 0,
            random: [0; 16],
            subprotocol: None,
            origin: None,
        };
        let slot = state.open(new);
        self.exchange();
        self.shards[shard].ready.released.clear();
        self.drain();
        slot
    }

    /// The publisher's shard executes one of its messages, and peers take what concerns them.
    pub(crate) fn send(&mut self, message: Message<'_>) {
        let flow = self.shards[0].on_message(self.publisher, message);
        assert_eq!(flow, Flow::Continue, "nobody is behind");
        self.exchange();
    }

    /// Passes on what shards have for each other, until they have nothing more.
    fn exchange(&mut self) {
        while !self.shards.iter().all(|shard| shard.outbox.is_empty()) {
            for from in 0..self.shards.len() {
                let crossing = &mut self.crossing;
                self.shards[from].outbox.hand_over(|peer, message| {
                    crossing.push((peer, message));
                    Ok(())
                });
                for (peer, message) in self.crossing.drain(..) {
                    self.shards[peer.index()].on_mesh(ShardId::new(from), message);
                }
            }
        }
    }

    /// Every socket takes all that waits for it. Returns how many frames that were.
    pub(crate) fn drain(&mut self) -> usize {
        let mut frames = 0;
        for shard in &mut self.shards {
            while let Some(slot) = shard.ready.dirty.pop_front() {
                let connection = shard.connection_mut(slot);
                frames += write(&mut connection.outbound, &mut self.joined);
                connection.outbound.acknowledge(u64::MAX);
                connection.outbound.is_scheduled = false;
            }
        }
        frames
    }
}

/// Writes all of a queue, a single plain frame from where it is and the rest joined.
fn write(queue: &mut OutboundQueue, joined: &mut Joined) -> usize {
    let mut frames = 0;
    while !queue.is_empty() {
        let mut whole = Some(1);
        if queue.is_numbered() || queue.len() > 1 {
            queue.join(joined, WRITE_BYTES_MAX);
            whole = joined.whole_frames();
        }
        let count = whole.expect("no frame is longer than a write");
        queue.finish(count);
        frames += count;
    }
    frames
}
