//! The webhook shard against real servers on this machine.
//!
//! | File | Shows |
//! | --- | --- |
//! | `support` | a scripted application, and a shard that asks |
//! | `events` | what arrives, and what comes of the answer |
//! | `sessions` | order, state and cookies |
//! | `validations` | who is asked first |
//! | `failures` | retries, timeouts, and what is counted |
//! | `identity` | bearer tokens |
//! | `endings` | changes of settings, and the end |
//!
//! Time is stopped: it goes on only where a test says so, and never while somebody waits for the
//! network (`support::with_stopped_time`).

mod endings;
mod events;
mod failures;
mod identity;
mod sessions;
pub(super) mod support;
mod validations;
