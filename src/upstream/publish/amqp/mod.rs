//! Events over AMQP 1.0 (`events-listener.md` sections 4, 5 and 8): one link to one broker.
//!
//! | File | Answers |
//! | --- | --- |
//! | `link` | How is a link made, used, lost and closed? |
//! | `options` | What is it made of? |
//! | `message` | What does an event look like? |
//! | `pending`, `outcome` | What became of a message? |
//! | `error`, `condition` | Why is there no link? |
//! | `claim`, `claims_node` | Who are we, and how does the broker learn it? |
//! | `courier` | Who waits for credit, and who notices the end? |
//! | `wire`, `frame_check` | What may pass between the broker and the AMQP library? |
//!
//! The protocol is a library's; its types stay in here. What to send, how much at once, when to try
//! again and what to log is the publisher's business.

mod claim;
mod claims_node;
mod condition;
mod courier;
mod error;
mod frame_check;
mod link;
mod message;
mod options;
mod outcome;
mod pending;
#[cfg(test)]
mod tests;
mod wire;

pub use claim::{Claim, ClaimKind};
pub use error::{LinkError, LinkErrorKind};
pub use link::Link;
pub use options::LinkOptions;
pub use outcome::Outcome;
pub use pending::Pending;
