//! Events as application servers read them: CloudEvents over HTTP in binary mode
//! (`events-webhook.md` sections 5, 6 and 8.1.2).
//!
//! | File | Answers |
//! | --- | --- |
//! | [`attributes`] | Which headers say what has happened, to whom and when? |
//! | [`body`] | What is in the body, and of which type? |
//! | [`connect_body`] | What does an application learn of a client that wants to connect? |
//!
//! Attributes are headers and the payload is the body, never structured and never batched. Every
//! value is text. Where requests go, how they are sent and what comes back is left to the webhook
//! shard.

pub mod attributes;
pub mod body;
pub mod connect_body;

pub use attributes::{Attributes, Category, Header};
