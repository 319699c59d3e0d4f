//! One shard's state and the order in which it changes.
//!
//! [`state::State`] owns everything about this shard's connections. It is pure: it is told what
//! happened (a client message, a mesh message, a lost transport) and leaves its effects in lists
//! that the I/O around it works off: connections with something to write, connections to close,
//! messages for other shards. Sockets, timers and the runtime are [`crate::reactor`]'s.
//!
//! Application servers come in as [`command`]s: [`calls`] carries them between the shards,
//! [`carry_out`] and [`sweep`] apply them. What they are to hear of goes out as [`events`], and
//! they decide about [`admission`].
//!
//! The main path: [`dispatch`] → [`fanout`] → [`outbound`], and for members elsewhere
//! [`outbox`] → [`crate::reactor::mesh`] → the peer's [`fanout`].

pub mod admission;
pub mod allowance;
pub mod calls;
pub mod carry_out;
pub mod clock;
pub mod close;
pub mod command;
pub mod connection;
pub mod counters;
pub mod dispatch;
pub mod events;
pub mod fanout;
pub mod group_state;
pub mod hubs;
pub mod invocations;
mod invoking;
pub mod joined;
pub mod membership;
pub mod message;
pub mod outbound;
pub mod outbox;
pub mod recovery;
pub mod replay;
pub mod seats;
pub mod state;
pub mod streaming;
pub mod streams;
pub mod sweep;
pub mod waiting;
