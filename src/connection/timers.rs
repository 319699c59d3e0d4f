//! One coarse wheel for all deadlines of a shard.
//!
//! A deadline is a tenth of a second exact: that is fine for keep-alives, and it makes thousands
//! of connections share a wake-up. Arming costs a push; there is no disarming: an entry whose
//! transport has been re-armed or is gone is recognised when it fires.

use super::transport::TransportHandle;
use crate::shard::clock::Millis;

/// Resolution of the wheel.
const TICK_MS: u64 = 100;
/// Ticks in one round, 204.8 s: beyond every deadline the protocol has (keep-alive is at most
/// 120 s). A later one fires early and is armed again by its owner.
const TICKS: u64 = 2048;

/// A moment in ticks since the clock's origin. A transport remembers the one it armed last: an
/// entry that fires before it is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tick(u64);

impl Tick {
    /// Later than any entry fires: nothing is armed.
    pub const NEVER: Self = Self(u64::MAX);
}

/// Deadlines of the transports of one shard.
#[derive(Debug)]
pub struct Wheel {
    slots: Box<[Vec<TransportHandle>]>,
    /// Everything before this tick has fired.
    now: u64,
}

impl Wheel {
    pub fn new(now: Millis) -> Self {
        Self { slots: (0..TICKS).map(|_| Vec::new()).collect(), now: now / TICK_MS }
    }

    /// Arranges for `handle` to fire at `at` or up to a tick later.
    #[must_use = "the transport has to remember which entry is its own"]
    pub fn arm(&mut self, handle: TransportHandle, at: Millis) -> Tick {
        let tick = at.div_ceil(TICK_MS).clamp(self.now, self.now + TICKS - 1);
        self.slots[slot(tick)].push(handle);
        Tick(tick)
    }

    /// Moves everything that is due into `due`, with the tick it fired at.
    pub fn expire(&mut self, now: Millis, due: &mut Vec<(TransportHandle, Tick)>) {
        let end = now / TICK_MS + 1;
        // After a pause longer than a round every slot is due once.
        self.now = self.now.max(end.saturating_sub(TICKS));
        while self.now < end {
            let entries = &mut self.slots[slot(self.now)];
            due.extend(entries.drain(..).map(|handle| (handle, Tick(self.now))));
            if entries.capacity() > ENTRIES_KEPT {
                entries.shrink_to(ENTRIES_KEPT);
            }
            self.now += 1;
        }
    }

    /// When the next entry fires.
    pub fn next(&self) -> Option<Millis> {
        (self.now..self.now + TICKS)
            .find(|tick| !self.slots[slot(*tick)].is_empty())
            .map(|tick| tick * TICK_MS)
    }
}

/// Capacity an empty slot keeps after a crowd has passed through it.
const ENTRIES_KEPT: usize = 64;

fn slot(tick: u64) -> usize {
    usize::try_from(tick % TICKS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(slot: u32) -> TransportHandle {
        TransportHandle { slot, serial: 0 }
    }

    fn fired(wheel: &mut Wheel, now: Millis) -> Vec<u32> {
        let mut due = Vec::new();
        wheel.expire(now, &mut due);
        due.into_iter().map(|(handle, _)| handle.slot).collect()
    }

    #[test]
    fn entries_fire_in_order_and_never_early() {
        let mut wheel = Wheel::new(1_000);
        let _ = wheel.arm(handle(1), 1_500);
        let _ = wheel.arm(handle(2), 1_550);
        let _ = wheel.arm(handle(3), 900);
        assert_eq!(wheel.next(), Some(1_000));
        assert_eq!(fired(&mut wheel, 1_000), [3]);
        assert_eq!(fired(&mut wheel, 1_499), [0u32; 0]);
        assert_eq!(fired(&mut wheel, 1_500), [1]);
        assert_eq!(wheel.next(), Some(1_600));
        assert_eq!(fired(&mut wheel, 5_000), [2]);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn a_long_pause_fires_everything_once() {
        let mut wheel = Wheel::new(0);
        for index in 0..100 {
            let _ = wheel.arm(handle(index), u64::from(index) * 1_000);
        }
        assert_eq!(fired(&mut wheel, 10_000_000).len(), 100);
        assert_eq!(fired(&mut wheel, 10_000_100).len(), 0);
        let _ = wheel.arm(handle(7), 10_000_500);
        assert_eq!(fired(&mut wheel, 10_000_500), [7]);
    }

    #[test]
    fn a_deadline_beyond_the_wheel_fires_within_it() {
        let mut wheel = Wheel::new(0);
        let _ = wheel.arm(handle(1), 10_000_000);
        assert!(wheel.next().is_some_and(|at| at < TICKS * TICK_MS));
    }
}
