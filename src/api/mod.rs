//! The data-plane REST API (`rest-api.md`): from a request head to a valid operation, and from an
//! outcome to the bytes of the answer.
//!
//! | File | Answers |
//! | --- | --- |
//! | [`head`] | May this request go on? The order of all checks is here |
//! | `route` | Which operation is at this path? |
//! | `parameters`, `version`, `draft` | What do path and query say about it? |
//! | [`pending`] | Is its body good? |
//! | `message`, `content`, `charset`, `bulk` | What is in the body? |
//! | [`operation`], [`category`] | What is to be done? |
//! | [`page`] | One page of a long list, and the link to the next |
//! | [`carry`] | Which command is that for the shards, and what does their answer mean? |
//! | [`answer`], [`error`] | What does the caller hear? |
//!
//! A request goes [`judge`] → [`Pending`] → [`ApiRequest`]; then it
//! leaves this layer and comes back as an [`Outcome`]. The [`Exchange`] stays with the connection
//! meanwhile and writes the answer.
//!
//! Nothing here knows a socket, a shard or the clock, and nothing an [`Operation`] holds is left to
//! be checked: who carries one out asks only for state. Network access control and throttling are
//! the caller's; they come before and right after [`head::judge`] (section 3.6).

pub mod answer;
mod bulk;
pub mod carry;
pub mod category;
mod charset;
mod content;
mod draft;
pub mod error;
pub mod head;
mod message;
pub mod operation;
pub mod page;
mod parameters;
pub mod pending;
mod route;
mod version;

pub use answer::{Exchange, Outcome};
pub use category::Category;
pub use error::ApiError;
pub use head::{Judged, Rules, judge};
pub use operation::{ApiRequest, Operation};
pub use pending::Pending;

#[cfg(test)]
mod tests;
