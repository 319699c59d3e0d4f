//! What one turn of a shard may deliver before writing, and the other sockets, have their turn.
//!
//! A turn takes input until what it has queued for receivers comes to the allowance, and then
//! writes for a fixed number of connections. The quotient of the two is how deep the queue of a
//! member is when it is written for, whatever the size of its group: a larger group gets fewer
//! messages per turn and waits for more turns. It is chosen below the default bound of a queue
//! (`client-connect.md` section 12.3), so that a flood to a huge group neither fills the queues of
//! all its members at once nor keeps the shard from its other sockets until they are written.

use super::counters::Counters;

/// Connections that one turn writes for.
pub const CONNECTIONS_PER_FLUSH: usize = 128;
/// Depth that the queues of a flooded group tend to, in messages.
const DEPTH_MESSAGES: u64 = 512;
/// The same in bytes: as much as one flush offers to one socket.
const DEPTH_BYTES: u64 = 256 * 1024;

const PER_TURN: Allowed = Allowed {
    messages: CONNECTIONS_PER_FLUSH as u64 * DEPTH_MESSAGES,
    bytes: CONNECTIONS_PER_FLUSH as u64 * DEPTH_BYTES,
};

/// Values of the two counters of queued output.
#[derive(Clone, Copy, Debug, Default)]
struct Allowed {
    messages: u64,
    bytes: u64,
}

/// The allowance of the turn under way, as the counters at which it is spent: a delivery counts as
/// it does anyway, and nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    end: Allowed,
}

impl Allowance {
    /// A turn begins. What the last one left is not kept; what it overspent, which one message to
    /// a huge group can, is owed.
    pub fn begin(&mut self, counters: &Counters) {
        let next = |end: u64, now: u64, per_turn| end.min(now).saturating_add(per_turn);
        self.end = Allowed {
            messages: next(self.end.messages, counters.outbound_messages, PER_TURN.messages),
            bytes: next(self.end.bytes, counters.outbound_bytes, PER_TURN.bytes),
        };
    }

    /// Whether the turn has delivered its share.
    pub fn is_spent(&self, counters: &Counters) -> bool {
        counters.outbound_messages >= self.end.messages || counters.outbound_bytes >= self.end.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(outbound_messages: u64, outbound_bytes: u64) -> Counters {
        Counters { outbound_messages, outbound_bytes, ..Counters::default() }
    }

    #[test]
    fn a_turn_is_spent_by_messages_or_by_bytes() {
        let mut allowance = Allowance::default();
        allowance.begin(&counted(7, 7));
        assert!(!allowance.is_spent(&counted(PER_TURN.messages - 1, PER_TURN.bytes - 1)));
        assert!(allowance.is_spent(&counted(7 + PER_TURN.messages, 7)));
        assert!(allowance.is_spent(&counted(7, 7 + PER_TURN.bytes)));
    }

    #[test]
    fn savings_expire_and_debts_do_not() {
        let mut allowance = Allowance::default();
        allowance.begin(&counted(0, 0));
        allowance.begin(&counted(0, 0));
        assert!(allowance.is_spent(&counted(PER_TURN.messages, 0)), "nothing was saved");
        // One message to a group of three turns' worth of members.
        let counters = counted(3 * PER_TURN.messages, 0);
        for _ in 0..2 {
            allowance.begin(&counters);
            assert!(allowance.is_spent(&counters));
        }
        allowance.begin(&counters);
        assert!(!allowance.is_spent(&counters), "paid back");
    }
}
