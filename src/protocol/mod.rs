//! What bytes mean, in both directions: WebSocket frames, HTTP heads, and the messages inside them.
//!
//! Everything here is sans-io: it takes bytes and returns values, and knows no socket, clock, hub
//! or runtime. That is what lets fuzzing, property tests and the simulator run it unchanged.

pub mod cloudevents;
pub mod http;
pub mod subprotocol;
pub mod ws;
