//! HTTP/1.1 heads: the request that comes in and the small answers that go out.
//!
//! [`request`] parses and limits a head, [`query`] reads its query string, [`response`] writes an
//! answer. Routing and meaning are the listener's.

pub mod query;
pub mod request;
pub mod response;
