//! How the outside world gets in: listening sockets, and what an HTTP request becomes.
//!
//! [`bind`] opens the sockets of all shards, [`front`] decides from a request head what it is
//! (health, a client, an error), [`upgrade`] turns a client's request into a new connection or a
//! refusal. The last two are sans-io; the bytes are moved by [`crate::connection`].

pub mod bind;
pub mod front;
pub mod upgrade;
