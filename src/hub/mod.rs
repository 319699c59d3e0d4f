//! Who is connected where, who is in what, who may do what.
//!
//! Pure data and rules: no socket, clock, runtime or wire format. Each shard has its own values of
//! these types about its own connections; what other shards hold is known only as interest.

pub mod acks;
pub mod filter;
pub mod group;
pub mod id;
pub mod name;
pub mod pattern;
pub mod permission;
