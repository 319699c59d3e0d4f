//! Faults by chance, the same in every run with the same seed.

use std::time::{Duration, Instant};

use super::Fault;

/// The choices of one [`torment`](super::Proxy::torment).
pub(super) struct Torment {
    random: Random,
    pause: Duration,
    pub(super) next: Instant,
    /// How many connections have been struck.
    pub(super) count: usize,
}

impl Torment {
    pub(super) fn new(seed: u64, pause: Duration) -> Self {
        let next = Instant::now() + pause;
        // xorshift has no way out of zero.
        Self { random: Random(seed | 1 << 63), pause, next, count: 0 }
    }

    /// The number of a connection, if there are any, and what happens to it, all at once.
    pub(super) fn strike(&mut self, connections: usize) -> Option<(usize, [Option<Fault>; 2])> {
        self.next += self.pause;
        if connections == 0 {
            return None;
        }
        self.count += 1;
        let victim = self.random.below(connections);
        let stall = Fault::Stall(Duration::from_millis(self.random.below(1000) as u64));
        let faults = match self.random.below(100) {
            0..20 => [Some(Fault::Reset), None],
            20..40 => [Some(Fault::Finish), None],
            40..65 => [Some(Fault::ResetAfter(self.random.below(4096))), None],
            65..75 => [Some(stall), None],
            75..85 => [Some(Fault::HalfCloseToServer), None],
            // The server knows long before the client.
            85..90 => [Some(Fault::HalfCloseToServer), Some(stall)],
            _ => [Some(Fault::HalfCloseToClient), None],
        };
        Some((victim, faults))
    }
}

/// xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("below a usize")
    }
}
