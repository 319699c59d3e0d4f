//! Black-box tests of the real binary over real sockets.
//!
//! One module per feature. A test's first comment names the conformance points it shows, so that
//! `grep -rhoE '\b[CJPRMAELO][0-9]+\b' tests` can be compared with the specification's lists.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "bans for the shards of the server; tests block, share and read clocks freely"
)]

mod support;

// Connecting.
mod handshake;
mod subprotocols;
mod tokens;

// Talking.
mod acks;
mod bad_messages;
mod delivery;
mod envelope;
mod events;
mod payloads;
mod roles;
mod simple;

// Reliable connections.
mod recovery;
mod recovery_kept;
mod recovery_refused;
mod recovery_window;
mod reliable;
mod replay_queue;

// Protobuf.
mod conversion;
mod protobuf;

// Streams, invocations and the state of groups.
mod group_state;
mod group_state_reliable;
mod invocation_failures;
mod invocations;
mod stream_ends;
mod stream_refusals;
mod streams;
mod streams_protobuf;

// Event handlers.
mod config_reload;
mod events_bounds;
mod events_connect;
mod events_identity;
mod events_lifecycle;
mod events_order;
mod events_presence;
mod events_pubsub;
mod events_refusals;
mod events_request;
mod events_retries;
mod events_routing;
mod events_simple;
mod events_state;
mod events_templates;
mod events_validation;
mod events_waiting;

// Event listeners.
mod listeners_bounds;
mod listeners_brokers;
mod listeners_claims;
mod listeners_failures;
mod listeners_file;
mod listeners_mapping;
mod listeners_matching;
mod listeners_order;
mod listeners_reload;
mod listeners_secrets;
mod listeners_shutdown;
mod listeners_spool;

// Limits and time.
mod flood;
mod keepalive;
mod sizes;
mod slow_clients;

// The service's side.
mod api_auth;
mod api_bodies;
mod api_client_tokens;
mod api_closes;
mod api_consistency;
mod api_filters;
mod api_http;
mod api_lists;
mod api_names;
mod api_oidc;
mod api_permissions;
mod api_sends;
mod api_statuses;

// Bytes.
mod hot_groups;
mod http;
mod websocket;

// Operation.
mod cli;
mod metrics;
mod shutdown;

// Everything at once.
mod autobahn;
mod churn;
mod cuts;
mod events_faults;
mod listeners_consumer;
mod listeners_faults;
mod sdk;
mod sdk_events;
mod sdk_python;
mod sdk_reliable;
