//! How a thread wakes a shard, and only one that sleeps.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use crossbeam_utils::CachePadded;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;

/// How one shard sleeps and is woken.
#[derive(Debug)]
pub(super) struct Sleeper {
    is_sleeping: CachePadded<AtomicBool>,
    /// Readable when somebody has woken the shard.
    event: OwnedFd,
}

impl Sleeper {
    pub(super) fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { is_sleeping: CachePadded::new(AtomicBool::new(false)), event })
    }

    /// The descriptor that becomes readable when somebody wakes the shard.
    pub(super) fn event(&self) -> &OwnedFd {
        &self.event
    }

    /// Takes the wake-up note back.
    pub(super) fn clear_event(&self) {
        let mut count = [0; 8];
        // Nothing to read means that somebody else's wake-up was enough.
        let _ = rustix::io::read(&self.event, &mut count);
    }

    /// Says that the shard is about to sleep. It must look for messages once more afterwards.
    pub(super) fn announce_sleep(&self) {
        self.is_sleeping.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Takes the announcement back.
    pub(super) fn wake_up(&self) {
        self.is_sleeping.store(false, Ordering::Relaxed);
    }

    /// Wakes the shard if it sleeps; returns whether it did. The caller has pushed its message.
    pub(super) fn wake(&self) -> bool {
        fence(Ordering::SeqCst);
        if !self.is_sleeping.load(Ordering::Relaxed)
            || !self.is_sleeping.swap(false, Ordering::AcqRel)
        {
            return false;
        }
        // The counter of an eventfd overflows after 2^64 unread wake-ups.
        let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
        true
    }
}
