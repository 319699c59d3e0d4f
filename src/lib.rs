//! corecast: a thread-per-core WebSocket publish/subscribe server, wire-compatible with Azure Web
//! PubSub.

pub mod config;
pub mod server;

pub mod auth;
pub mod listener;

pub mod connection;
pub mod protocol;
pub mod shard;

pub mod frame;
pub mod hub;

pub mod metrics;
pub mod reactor;
pub mod sys;
