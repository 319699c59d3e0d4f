//! One message for clients, encoded in whatever format its receivers need.
//!
//! The only place that knows how a message looks in each [`Format`] (`client-protobuf.md` section
//! 6.2), for publishes, streams, REST sends and answers of event handlers alike. A format may have
//! nothing to show: simple clients do not see that a stream has ended, nor anybody's group state.

use tungstenite::protocol::frame::coding::{Data, OpCode};

use super::{Format, Frame, FrameScratch};
use crate::protocol::subprotocol::protobuf::{self, Numbered};
use crate::protocol::subprotocol::{DataType, GroupStateItem, Metadata, Payload, StreamPart, json};

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
    /// The stream it is a part of; only from groups.
    pub stream: Option<StreamPart<'a>>,
}

impl OutgoingMessage<'_> {
    /// The finished frame, if this format shows the message.
    pub fn encode(&self, scratch: &mut FrameScratch, format: Format) -> Option<Frame> {
        match format {
            Format::Json => Some(scratch.frame(OpCode::Data(Data::Text), |out| self.json(out))),
            Format::Protobuf => {
                Some(scratch.frame(OpCode::Data(Data::Binary), |out| self.protobuf(out)))
            }
            Format::Simple => self.simple(scratch),
        }
    }

    fn json(&self, out: &mut Vec<u8>) {
        let Self { source, payload, metadata, stream } = *self;
        match source {
            Source::Group { name, from_user } => {
                json::encode::open_group_message(out, name, from_user, payload, metadata);
            }
            Source::Server => json::encode::open_server_message(out, payload, metadata),
        }
        if let Some(part) = &stream {
            json::encode::stream_part(out, part);
        }
        json::encode::close_message(out);
    }

    fn protobuf(&self, out: &mut Vec<u8>) {
        let Self { source, payload, metadata, stream } = *self;
        match (source, stream) {
            (Source::Group { name, .. }, None) => {
                protobuf::encode::group_message(out, name, payload, metadata);
            }
            (Source::Group { name, .. }, Some(part)) => {
                Numbered::DataMessage.write(out, None, |out| {
                    protobuf::encode::open_group_message(out, name, payload, metadata);
                    protobuf::encode::stream_part(out, &part);
                });
            }
            (Source::Server, _) => protobuf::encode::server_message(out, payload, metadata),
        }
    }

    fn simple(&self, scratch: &mut FrameScratch) -> Option<Frame> {
        //= client-json.md section 7.4: simple clients receive nothing for the terminal message.
        if self.stream.is_some_and(|part| part.end.is_some()) {
            return None;
        }
        //= client-protobuf.md section 6.2: text and JSON as text frames, the rest as binary.
        let data = match self.payload.data_type() {
            DataType::Text | DataType::Json => Data::Text,
            DataType::Binary | DataType::Protobuf => Data::Binary,
        };
        let bytes = self.payload.bytes();
        Some(scratch.frame(OpCode::Data(data), |out| out.extend_from_slice(&bytes)))
    }
}

/// What subscribers of a group's state are told (`client-json.md` section 9).
#[derive(Clone, Copy, Debug)]
pub enum OutgoingState<'a> {
    /// All states that there are, in the order of their owners' ids.
    Snapshot(&'a [GroupStateItem<'a>]),
    /// One member's state has changed.
    Update(GroupStateItem<'a>),
}

impl OutgoingState<'_> {
    /// The finished frame; only PubSub clients subscribe.
    pub fn encode(&self, scratch: &mut FrameScratch, format: Format, group: &str) -> Option<Frame> {
        match format {
            Format::Json => Some(scratch.frame(OpCode::Data(Data::Text), |out| {
                match self {
                    Self::Snapshot(items) => {
                        json::encode::open_group_state_snapshot(out, group, items.iter().copied());
                    }
                    Self::Update(item) => json::encode::open_group_state_update(out, group, *item),
                }
                json::encode::close_message(out);
            })),
            Format::Protobuf => Some(scratch.frame(OpCode::Data(Data::Binary), |out| match self {
                Self::Snapshot(items) => Numbered::GroupStateSnapshot.write(out, None, |out| {
                    let items = items.iter().copied();
                    protobuf::encode::open_group_state_snapshot(out, group, items);
                }),
                Self::Update(item) => Numbered::GroupStateUpdate.write(out, None, |out| {
                    protobuf::encode::open_group_state_update(out, group, *item);
                }),
            })),
            Format::Simple => None,
        }
    }
}
