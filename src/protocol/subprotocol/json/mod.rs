//! The JSON encoding of the PubSub subprotocols (`client-json.md`).
//!
//! | File | Answers |
//! | --- | --- |
//! | `scan` | Is this JSON, and where are its values? |
//! | `literal` | What text does a string literal mean, and how is one written? |
//! | `decode` | Which message is this? |
//! | [`encode`] | What does the server answer? |
//!
//! A message is scanned once, from front to back, and no tree of it is ever built: a value that is
//! only passed on is a slice of the text it came in. Without escapes and metadata, decoding
//! allocates nothing.
//!
//! The input is UTF-8 already; whether it came in a text or a binary frame is the WebSocket
//! layer's business. So are the size limit and the answer to an error.

mod decode;
pub mod encode;
mod literal;
mod scan;
#[cfg(test)]
mod tests;

pub use decode::decode;
pub(in crate::protocol) use literal::write_literal;
pub(super) use literal::{Literal, unescape};
pub(super) use scan::is_value;
