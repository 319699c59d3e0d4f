//! HTTP/1.1: the requests that come in and the small answers that go out.
//!
//! [`request`] parses and limits a head, [`query`] reads its query string, [`body`] collects what
//! follows the head, [`response`] writes an answer. Routing and meaning are left to the listener
//! and the API.

pub mod body;
pub mod query;
pub mod request;
pub mod response;
