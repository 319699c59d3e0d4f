//! The bounds of one event handler or event listener: how much may wait for it or be under way.
//!
//! A shard that raises an event takes a [`Permit`], which travels with the call and its answer;
//! dropping it, wherever that is, gives the room back. All shards share a gate, so the bound is the
//! receiver's and not a share of it. The counters are touched once per event, never per delivery.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How much a receiver may be behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateLimits {
    /// Blocking events that wait or are under way; as many notifications again.
    pub events_max: usize,
    /// Bytes of their payloads, both kinds together.
    pub bytes_max: usize,
}

/// Whether somebody waits for the outcome of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// The connection waits: a full gate fails the event at once.
    Blocking,
    /// Nobody waits: a full gate drops it, and counts it.
    Notification,
}

/// What is under way to one receiver.
#[derive(Debug)]
pub struct Gate {
    limits: GateLimits,
    blocking: AtomicUsize,
    notifications: AtomicUsize,
    bytes: AtomicUsize,
    /// Events that found no room, by [`Urgency`].
    refused: [AtomicU64; 2],
}

impl Gate {
    pub fn new(limits: GateLimits) -> Self {
        Self {
            limits,
            blocking: AtomicUsize::new(0),
            notifications: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            refused: [AtomicU64::new(0), AtomicU64::new(0)],
        }
    }

    /// Events that wait or are under way.
    pub fn len(&self) -> usize {
        self.blocking.load(Ordering::Relaxed) + self.notifications.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Events refused since the start for want of room.
    pub fn refused(&self, urgency: Urgency) -> u64 {
        self.refused[urgency as usize].load(Ordering::Relaxed)
    }

    /// The same, of both urgencies.
    pub fn refused_in_all(&self) -> u64 {
        self.refused(Urgency::Blocking) + self.refused(Urgency::Notification)
    }

    fn count(&self, urgency: Urgency) -> &AtomicUsize {
        match urgency {
            Urgency::Blocking => &self.blocking,
            Urgency::Notification => &self.notifications,
        }
    }

    fn try_enter(&self, urgency: Urgency, bytes: usize) -> bool {
        // Taken first and given back if it was too much: two shards cannot both get the last place.
        let events = self.count(urgency).fetch_add(1, Ordering::Relaxed);
        let waiting = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        // One event is always let in, however large: otherwise it could never be delivered.
        let has_room = waiting == 0 || waiting.saturating_add(bytes) <= self.limits.bytes_max;
        if events < self.limits.events_max && has_room {
            return true;
        }
        self.leave(urgency, bytes);
        self.refused[urgency as usize].fetch_add(1, Ordering::Relaxed);
        false
    }

    fn leave(&self, urgency: Urgency, bytes: usize) {
        self.count(urgency).fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A receiver of events, with its bounds.
pub trait Gated {
    fn gate(&self) -> &Gate;
}

/// The right to keep one event waiting at its receiver.
#[derive(Debug)]
pub struct Permit<R: Gated> {
    receiver: Arc<R>,
    urgency: Urgency,
    bytes: usize,
}

impl<R: Gated> Permit<R> {
    /// Room for one event of so many payload bytes; `None` if the receiver is too far behind.
    pub fn take(receiver: &Arc<R>, urgency: Urgency, bytes: usize) -> Option<Self> {
        let is_let_in = receiver.gate().try_enter(urgency, bytes);
        is_let_in.then(|| Self { receiver: receiver.clone(), urgency, bytes })
    }

    /// Whom the event is for.
    pub fn receiver(&self) -> &Arc<R> {
        &self.receiver
    }
}

impl<R: Gated> Drop for Permit<R> {
    fn drop(&mut self) {
        self.receiver.gate().leave(self.urgency, self.bytes);
    }
}
