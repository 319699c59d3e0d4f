//! Events to event listeners: message brokers and files (`events-listener.md`).
//!
//! | File | Answers |
//! | --- | --- |
//! | `publisher` | Which destinations get an event? |
//! | [`record`] | What does a listener get? |
//! | `sink` | What serves a destination, and what happens after a failure? |
//! | `stream`, `window` | Which event is next, and which are settled? |
//! | `spooler`, `keeper`, `stored` | How do events outlive an outage? |
//! | `backoff` | How long is a pause? |
//! | `carrier` | What carries events there? |
//! | `voyage`, [`amqp`] | How does a broker take them? |
//! | `file`, `line` | How does a file? |
//! | `claims` | How does this server prove itself? |
//!
//! An event is counted once for each listener that wanted it. No client, no handler and no other
//! listener ever waits for a broker (section 7.1); a client may wait for a local disk if the
//! listener has a spool, but not for long.

pub mod amqp;
mod backoff;
mod carrier;
mod claims;
mod file;
mod keeper;
mod line;
mod publisher;
pub mod record;
mod sink;
mod spooler;
mod stored;
mod stream;
mod voyage;
mod window;

pub(super) use carrier::Surroundings;
pub(super) use publisher::{OpenSpools, Publisher, Receipts, open_spools};
