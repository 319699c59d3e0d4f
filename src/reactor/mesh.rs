//! The channels between shards, and waking a peer that sleeps.
//!
//! Every ordered pair of shards has one bounded channel; the control thread has one to each shard.
//! A turn's messages are pushed first, then each peer that got some is woken, and only if it said
//! that it sleeps: a peer that is awake costs one fence and one look at a flag.
//!
//! Sleeping is announced before the channels are looked at for the last time, and messages are
//! pushed before the announcement is looked at, with a full fence between on both sides: either
//! the sleeper sees the message or the sender sees the sleeper. The same pattern, the other way
//! round, wakes a sender whose channel was full once the receiver has made room: the sender leaves
//! a note, and looks whether it is still there when it falls asleep.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::Duration;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TryRecvError, TrySendError, bounded};
use crossbeam_utils::CachePadded;
use rustix::fd::OwnedFd;
use tokio::sync::mpsc;
use tracing::error;

use super::application::{self, ApplicationLink, WebhookLink};
use super::sleeper::Sleeper;
use crate::auth::oidc::OidcProvider;
use crate::connection::rules::Rules;
use crate::hub::id::{ShardId, ShardSet};
use crate::shard::clock::Millis;
use crate::shard::counters::Counters;
use crate::shard::message::ShardMessage;
use crate::shard::outbox::Outbox;

/// Messages the control thread may have under way to one shard.
const CONTROL_SLOTS: usize = 16;
/// How long the control thread waits for a shard with that many: far longer than a turn.
const CONTROL_PATIENCE: Duration = Duration::from_secs(1);

/// What the control thread tells every shard.
#[derive(Clone, Debug)]
pub enum ControlMessage {
    /// Answer health with 503 and accept no new clients (`operations.md` section 10.2).
    Quiesce,
    /// Close every connection, spread until `until`, and end the shard.
    Drain { until: Millis },
    /// Issuers' tokens are verified with these keys from now on.
    Provider(Arc<OidcProvider>),
    /// The configuration has been read again. Dropping `pending` says that it is applied.
    Reconfigure { rules: Arc<Rules>, pending: mpsc::Sender<()> },
}

/// The sending half of a channel to one peer.
#[derive(Debug)]
struct Outgoing {
    sender: Sender<ShardMessage>,
    /// Set while the sender keeps messages because the channel was full.
    was_full: Arc<CachePadded<AtomicBool>>,
    peer: Arc<Sleeper>,
}

/// The receiving half of a channel from one peer.
#[derive(Debug)]
struct Incoming {
    from: ShardId,
    receiver: Receiver<ShardMessage>,
    was_full: Arc<CachePadded<AtomicBool>>,
    peer: Arc<Sleeper>,
}

/// One shard's end of the mesh.
#[derive(Debug)]
pub struct Mesh {
    own: Arc<Sleeper>,
    /// By shard index; `None` for the shard itself.
    outgoing: Vec<Option<Outgoing>>,
    incoming: Vec<Incoming>,
    control: Receiver<ControlMessage>,
    application: ApplicationLink,
    /// The channel to look at first, so that no peer is always last.
    next: usize,
}

/// The control thread's way to the shards.
#[derive(Debug)]
pub struct Control {
    shards: Vec<(Sender<ControlMessage>, Arc<Sleeper>)>,
}

impl Control {
    /// Sends to every shard; a shard that has ended already is passed over.
    pub fn send_to_all(&self, message: &ControlMessage) {
        for (sender, sleeper) in &self.shards {
            // A shard that has ended needs to hear nothing more.
            if let Err(SendTimeoutError::Timeout(_)) =
                sender.send_timeout(message.clone(), CONTROL_PATIENCE)
            {
                error!("a shard does not take messages: {message:?} is lost to it");
            }
            sleeper.wake();
        }
    }
}

/// Every way between the threads of a server.
#[derive(Debug)]
pub struct Connected {
    pub meshes: Vec<Mesh>,
    pub control: Control,
    pub webhooks: WebhookLink,
}

/// Connects `shard_count` shards with channels of `slots` messages each.
///
/// # Errors
/// Whatever the system says about creating an eventfd per shard.
pub fn connect(shard_count: usize, slots: usize) -> io::Result<Connected> {
    let sleepers = (0..shard_count).map(|_| Sleeper::new().map(Arc::new));
    let sleepers: Vec<Arc<Sleeper>> = sleepers.collect::<io::Result<_>>()?;
    let (links, webhooks) = application::connect(&sleepers);
    let mut control = Control { shards: Vec::with_capacity(shard_count) };
    let mut meshes: Vec<Mesh> = Vec::with_capacity(shard_count);
    for (own, application) in sleepers.iter().zip(links) {
        let (sender, receiver) = bounded(CONTROL_SLOTS);
        control.shards.push((sender, own.clone()));
        meshes.push(Mesh {
            own: own.clone(),
            outgoing: (0..shard_count).map(|_| None).collect(),
            incoming: Vec::with_capacity(shard_count.saturating_sub(1)),
            control: receiver,
            application,
            next: 0,
        });
    }
    for from in 0..shard_count {
        for to in (0..shard_count).filter(|to| *to != from) {
            let (sender, receiver) = bounded(slots);
            let was_full = Arc::new(CachePadded::new(AtomicBool::new(false)));
            let peer = sleepers[to].clone();
            meshes[from].outgoing[to] = Some(Outgoing { sender, was_full: was_full.clone(), peer });
            let (from_id, peer) = (ShardId::new(from), sleepers[from].clone());
            meshes[to].incoming.push(Incoming { from: from_id, receiver, was_full, peer });
        }
    }
    Ok(Connected { meshes, control, webhooks })
}

impl Mesh {
    /// The descriptor that becomes readable when this shard is woken.
    pub fn event(&self) -> &OwnedFd {
        self.own.event()
    }

    /// Takes the wake-up note back.
    pub fn clear_event(&self) {
        self.own.clear_event();
    }

    /// The way to the webhook shard.
    pub fn application(&self) -> &ApplicationLink {
        &self.application
    }

    /// Hands over what the outbox holds and wakes the peers that need it.
    pub fn send(&mut self, outbox: &mut Outbox, counters: &mut Counters) {
        if outbox.is_empty() && outbox.blocked().is_empty() {
            return;
        }
        let outgoing = &self.outgoing;
        let mut sent = 0;
        let touched = outbox.hand_over(|peer, message| {
            let Some(channel) = &outgoing[peer.index()] else { return Ok(()) };
            channel.push(message).inspect(|()| sent += 1)
        });
        counters.mesh_sent += sent;
        counters.mesh_full += u64::from(!outbox.blocked().is_empty());
        counters.mesh_wakes += self.wake(touched.union(outbox.blocked()));
    }

    fn wake(&self, peers: ShardSet) -> u64 {
        let channels = peers.iter().filter_map(|peer| self.outgoing[peer.index()].as_ref());
        channels.map(|channel| u64::from(channel.peer.wake())).sum()
    }

    /// Gives at most `budget` messages to `handle`, in order per peer and a share to each peer, until
    /// it wants no more. Returns whether there may be more.
    pub fn receive(
        &mut self,
        budget: usize,
        mut handle: impl FnMut(ShardId, ShardMessage) -> bool,
    ) -> bool {
        let count = self.incoming.len();
        if count == 0 {
            return false;
        }
        let share = budget.div_ceil(count);
        let (mut has_more, mut is_wanted) = (false, true);
        for offset in 0..count {
            let channel = &self.incoming[(self.next + offset) % count];
            let mut taken = 0;
            while taken < share && is_wanted {
                match channel.receiver.try_recv() {
                    Ok(message) => is_wanted = handle(channel.from, message),
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
                taken += 1;
            }
            has_more |= taken == share || !is_wanted;
            if taken > 0 {
                channel.wake_sender();
            }
        }
        self.next = (self.next + 1) % count;
        has_more
    }

    /// The next message of the control thread.
    pub fn receive_control(&self) -> Option<ControlMessage> {
        self.control.try_recv().ok()
    }

    /// Whether a peer, the control thread or the webhook shard has sent something.
    pub fn has_messages(&self) -> bool {
        !(self.control.is_empty()
            && self.application.is_quiet()
            && self.incoming.iter().all(|channel| channel.receiver.is_empty()))
    }

    /// Announces sleep. Returns whether the shard may sleep: nothing has come in meanwhile, and no
    /// peer of `blocked` has made room, which it would have told nobody.
    pub fn fall_asleep(&self, blocked: ShardSet) -> bool {
        self.own.announce_sleep();
        let mut full = blocked.iter().filter_map(|peer| self.outgoing[peer.index()].as_ref());
        let is_quiet =
            !self.has_messages() && full.all(|channel| channel.was_full.load(Ordering::Relaxed));
        if !is_quiet {
            self.wake_up();
        }
        is_quiet
    }

    /// Takes the announcement back.
    pub fn wake_up(&self) {
        self.own.wake_up();
    }
}

impl Outgoing {
    fn push(&self, message: ShardMessage) -> Result<(), ShardMessage> {
        let message = match self.sender.try_send(message) {
            Ok(()) => return Ok(()),
            // The peer has ended: shutdown is under way and its members are gone.
            Err(TrySendError::Disconnected(_)) => return Ok(()),
            Err(TrySendError::Full(message)) => message,
        };
        // Say so and try once more: the peer may have made room before it could read the note.
        self.was_full.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        match self.sender.try_send(message) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {
                self.was_full.store(false, Ordering::Relaxed);
                Ok(())
            }
            Err(TrySendError::Full(message)) => Err(message),
        }
    }
}

impl Incoming {
    /// Wakes the sender if it keeps messages for want of room, which there is now.
    fn wake_sender(&self) {
        fence(Ordering::SeqCst);
        if self.was_full.load(Ordering::Relaxed) && self.was_full.swap(false, Ordering::AcqRel) {
            self.peer.wake();
        }
    }
}

#[cfg(test)]
mod tests;
