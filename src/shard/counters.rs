//! What a shard counts: plain numbers that only it writes.
//!
//! Bumping one is an addition to memory of its own; [`crate::metrics`] publishes them at the end
//! of a turn, so counting costs no atomic operation on the data path.

use super::close::CloseCategory;

/// The statuses a handshake can be answered with; anything else counts as the last.
pub const HANDSHAKE_STATUSES: [u16; 7] = [101, 400, 401, 426, 429, 503, 500];

/// Declares the counters once, with their flat form for publishing.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Running totals of one shard.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
            /// Connections ended, by [`CloseCategory`].
            pub connections_closed: [u64; CloseCategory::COUNT],
            /// Answers to client handshakes, by [`HANDSHAKE_STATUSES`].
            pub handshakes: [u64; HANDSHAKE_STATUSES.len()],
        }

        impl Counters {
            /// Numbers in the flat form.
            pub const COUNT: usize =
                [$(stringify!($name)),*].len() + CloseCategory::COUNT + HANDSHAKE_STATUSES.len();

            /// All numbers, in a fixed order.
            pub fn values(&self) -> [u64; Self::COUNT] {
                let mut all = [$(self.$name),*].into_iter()
                    .chain(self.connections_closed)
                    .chain(self.handshakes);
                std::array::from_fn(|_| all.next().unwrap_or(0))
            }

            /// The counters whose [`Self::values`] these are.
            pub fn from_values(values: [u64; Self::COUNT]) -> Self {
                let mut values = values.into_iter();
                let mut next = || values.next().unwrap_or(0);
                Self {
                    $($name: next(),)*
                    connections_closed: std::array::from_fn(|_| next()),
                    handshakes: std::array::from_fn(|_| next()),
                }
            }
        }
    };
}

counters! {
    connections_opened,
    /// Data messages received from clients.
    inbound_messages,
    /// Their payload bytes.
    inbound_bytes,
    /// Frames queued for clients; `frames_written` follows when the kernel has taken them.
    outbound_messages,
    outbound_bytes,
    frames_written,
    /// Write system calls; `frames_written / writes` says how well writes are joined.
    writes,
    /// Frames dropped because their time to live passed while they waited.
    dropped_expired,
    /// Frames dropped because their receiver ended with frames still waiting.
    dropped_closed,
    /// Messages taken from other shards.
    mesh_received,
    /// Messages handed to other shards.
    mesh_sent,
    /// Turns that ended with a full channel to some peer.
    mesh_full,
    /// Wake-ups sent to sleeping peers.
    mesh_wakes,
    /// Sleeps that ended by their deadline although messages of other threads were waiting.
    late_wakes,
    /// Accepts that failed for want of a descriptor or memory.
    accepts_failed,
    turns,
    /// Turns in which input waited because enough was delivered.
    turns_spent,
}

impl Counters {
    pub fn count_handshake(&mut self, status: u16) {
        let known = HANDSHAKE_STATUSES.iter().position(|known| *known == status);
        self.handshakes[known.unwrap_or(HANDSHAKE_STATUSES.len() - 1)] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flat_form_gives_every_number_back() {
        let mut number = 0;
        let values = std::array::from_fn(|_| {
            number += 1;
            number
        });
        assert_eq!(Counters::from_values(values).values(), values);
    }
}
