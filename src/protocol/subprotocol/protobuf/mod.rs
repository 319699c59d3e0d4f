//! The protobuf encoding of the PubSub subprotocols (`client-protobuf.md`).
//!
//! | File | Answers |
//! | --- | --- |
//! | `wire` | Which fields are in these bytes, and how are some written? |
//! | `any` | Are these bytes a serialized `Any`? |
//! | `upstream` | What do the messages of clients look like? |
//! | `decode` | Which message is this, and does it keep the rules? |
//! | [`encode`] | What does the server answer? |
//! | `numbered` | How do numbered receivers share one encoded message? |
//!
//! The format is written by hand because what it carries is only passed on: texts and payloads
//! are borrowed from the frame they came in, and a message without metadata is decoded without
//! an allocation. The tests hold it against an independent implementation.
//!
//! One binary WebSocket message is one protobuf message. Size limits, text frames and the answer
//! to an error are left to the caller.

mod any;
mod decode;
pub mod encode;
mod numbered;
#[cfg(test)]
mod tests;
mod upstream;
mod wire;

pub(super) use any::is_any;
pub use decode::decode;
pub use numbered::Numbered;
pub use wire::TaggedNumber;
