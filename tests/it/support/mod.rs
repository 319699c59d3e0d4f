//! What the tests share: the real server as a process, clients of two kinds, tokens, waiting.
//!
//! [`Server`] runs the binary on free ports. [`Client`] speaks through an independent WebSocket
//! library and is for tests about messages; [`Wire`] is a bare TCP connection and is for tests
//! about bytes. Connection ids begin with the number of their shard, so a test can place its
//! clients on the shards it wants ([`Guest::on`](client::Guest::on)).

mod certificate;
mod client;
mod close;
mod deadline;
mod event_hubs;
pub(crate) mod frame;
pub(crate) mod http;
mod listener;
mod metrics;
pub(crate) mod packages;
pub(crate) mod protobuf;
pub(crate) mod proxy;
mod rabbitmq;
mod recovery;
mod rest;
mod script;
mod secrets;
mod server;
mod token;
pub(crate) mod upstream;
mod wire;

pub(crate) use certificate::Certificate;
pub(crate) use client::{
    Client, Guest, JSON, PROTOBUF, RELIABLE_JSON, RELIABLE_PROTOBUF, event, publication,
};
pub(crate) use close::Close;
pub(crate) use deadline::{PATIENCE, eventually};
pub(crate) use event_hubs::{EVENT_HUB, EventHubs, KEY, KEY_NAME};
pub(crate) use frame::Frame;
pub(crate) use http::Upgrade;
pub(crate) use listener::{
    ALL, EventFile, SYSTEM, TempDir, USER, await_listener, listener, listener_events, listener_of,
    listening,
};
pub(crate) use protobuf::ProtobufClient;
pub(crate) use rabbitmq::Broker;
pub(crate) use recovery::Pass;
pub(crate) use rest::{Call, Lines, encoded};
pub(crate) use script::{Message, Script, output_of_script};
pub(crate) use server::{
    Endpoint, PRIMARY_KEY, Run, SECONDARY_KEY, Server, Setup, TempFile, corecast,
};
pub(crate) use token::{EVERYTHING, Token, now};
pub(crate) use upstream::{
    ALL_EVENTS, Answer, Hold, ONE_ATTEMPT, Request, USER_EVENTS, Upstream, fresh_loopback,
};
pub(crate) use wire::Wire;

/// Runs a test once for each number of shards: what holds on one has to hold between many.
pub(crate) fn on_shards(counts: &[u16], test: impl Fn(&Server)) {
    for &count in counts {
        println!("with {count} shards");
        test(&Setup::new().shards(count).start());
    }
}
