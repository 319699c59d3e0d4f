//! What this shard has to tell its peers, until the mesh has taken it.
//!
//! A turn only appends here; the mesh takes everything at the turn's end, so a peer is woken at
//! most once per turn. When a peer's channel is full the rest stays here and the peer counts as
//! **blocked**: the shard stops reading from the connections that produce for it. What is kept is
//! therefore bounded by one turn's reading plus one message of each connection.

use std::collections::VecDeque;
use std::sync::Arc;

use super::message::ShardMessage;
use crate::frame::Format;
use crate::hub::group::GroupKey;
use crate::hub::id::{ShardId, ShardSet};

/// Messages for the other shards, in order per peer.
#[derive(Debug)]
pub struct Outbox {
    peers: ShardSet,
    waiting: Box<[VecDeque<ShardMessage>]>,
    blocked: ShardSet,
}

impl Outbox {
    pub fn new(own: ShardId, shard_count: usize) -> Self {
        Self {
            peers: ShardSet::peers(own, shard_count),
            waiting: (0..shard_count).map(|_| VecDeque::new()).collect(),
            blocked: ShardSet::default(),
        }
    }

    /// Every other shard.
    pub fn peers(&self) -> ShardSet {
        self.peers
    }

    /// The peers whose channels were full at the last hand-over.
    pub fn blocked(&self) -> ShardSet {
        self.blocked
    }

    pub fn send(&mut self, peer: ShardId, message: ShardMessage) {
        self.waiting[peer.index()].push_back(message);
    }

    /// Tells every peer that this shard's last member of `format` has left the group. Leaves that
    /// follow each other travel as one message: a user leaving 40 groups costs one, not 40.
    pub fn send_no_interest(&mut self, group: &Arc<GroupKey>, format: Format) {
        for peer in self.peers.iter() {
            let queue = &mut self.waiting[peer.index()];
            if let Some(ShardMessage::NoInterest { left }) = queue.back_mut() {
                left.push((group.clone(), format));
            } else {
                let left = vec![(group.clone(), format)];
                queue.push_back(ShardMessage::NoInterest { left });
            }
        }
    }

    /// Whether anything waits for a peer.
    pub fn is_empty(&self) -> bool {
        self.waiting.iter().all(VecDeque::is_empty)
    }

    /// Offers what waits for each peer to `try_send`, which gives a message back when the peer's
    /// channel is full. Returns the peers that took something.
    pub fn hand_over(
        &mut self,
        mut try_send: impl FnMut(ShardId, ShardMessage) -> Result<(), ShardMessage>,
    ) -> ShardSet {
        let mut touched = ShardSet::default();
        self.blocked = ShardSet::default();
        for peer in self.peers.iter() {
            let queue = &mut self.waiting[peer.index()];
            while let Some(message) = queue.pop_front() {
                match try_send(peer, message) {
                    Ok(()) => touched.insert(peer),
                    Err(message) => {
                        queue.push_front(message);
                        self.blocked.insert(peer);
                        break;
                    }
                }
            }
            // One burst does not keep its memory for ever.
            if queue.is_empty() && queue.capacity() > QUEUE_KEPT {
                queue.shrink_to(QUEUE_KEPT);
            }
        }
        touched
    }
}

/// Messages of capacity that an empty queue keeps.
const QUEUE_KEPT: usize = 4096;
