//! One message for clients, encoded in whatever format its receivers need.
//!
//! The only place that knows how a message looks in each [`Format`] (`client-protobuf.md` section
//! 6.2), for publishes, REST sends and answers of event handlers alike.

use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{Format, Frame, FrameScratch};
use crate::protocol::subprotocol::{DataType, Metadata, Payload, json};

/// Where a message comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Published to a group, by a connection that has a user perhaps, or by an application.
    Group { name: &'a str, from_user: Option<&'a str> },
    /// Sent by an application to connections.
    Server,
}

/// A message as its receivers will see it.
#[derive(Clone, Copy, Debug)]
pub struct OutgoingMessage<'a> {
    pub source: Source<'a>,
    pub payload: &'a Payload<'a>,
    pub metadata: &'a Metadata<'a>,
}

impl OutgoingMessage<'_> {
    /// The finished frame.
    pub fn encode(&self, scratch: &mut FrameScratch, format: Format) -> Frame {
        let Self { source, payload, metadata } = *self;
        match format {
            Format::Json => scratch.frame(OpCode::Data(Data::Text), |out| match source {
                Source::Group { name, from_user } => {
                    json::encode::group_message(out, name, from_user, payload, metadata);
                }
                Source::Server => json::encode::server_message(out, payload, metadata),
            }),
            Format::Simple => {
                //= client-protobuf.md section 6.2: text and JSON as text frames, the rest as binary.
                let data = match payload.data_type() {
                    DataType::Text | DataType::Json => Data::Text,
                    DataType::Binary | DataType::Protobuf => Data::Binary,
                };
                scratch.frame(OpCode::Data(data), |out| out.extend_from_slice(&payload.bytes()))
            }
        }
    }
}
