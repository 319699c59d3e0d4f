//! Clients with a protobuf subprotocol (client-protobuf.md).
//!
//! The messages are declared once more for `prost`, from the tables of the specification alone, so
//! that one mistake in the server's own codec cannot cancel another. `prost` writes fields in
//! ascending order, as the server does: bytes can be compared.

mod client;
mod schema;

pub(super) use client::greeting;
pub(crate) use client::{ProtobufClient, of_group, publication};
pub(crate) use schema::*;
