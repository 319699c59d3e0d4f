//! Results folders: what they hold, and how a report is read again.
//!
//! `reading` is a report as flat figures and facts, which `compare` and whatever else looks at
//! finished runs take it as.

pub(crate) mod reading;
