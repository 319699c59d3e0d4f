//! How bytes move for one client.
//!
//! [`transport`] is one accepted socket and where it stands; [`reader`] takes bytes in and gives
//! them to [`http`] (with [`rest`] for the API, [`handshake`] for clients) until the upgrade and to
//! [`frames`] after it; [`writer`] drains outbound queues, many frames to a write; [`recovery`]
//! moves sockets to connections of other shards; [`lifecycle`] is accept, keep-alive, closing and
//! the end, by the deadlines of [`timers`]. Nothing here knows groups, or any connection but the one
//! at hand.

pub mod frames;
pub mod handshake;
pub mod http;
pub mod lifecycle;
pub mod reader;
pub mod recovery;
pub mod rest;
pub mod rules;
pub mod timers;
pub mod transport;
pub mod writer;
