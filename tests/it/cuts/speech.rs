//! The two reliable subprotocols, as far as this test speaks them.
//!
//! JSON through serde, protobuf through prost: neither is the server's codec.

use prost::Message;
use serde_json::{Value, json};

use crate::support::protobuf::{
    Ack, Answer, Connected, Data, DataMessage, Downward, Request, SendToGroup, SequenceAck, System,
    Upward,
};
use crate::support::{Frame, RELIABLE_JSON, RELIABLE_PROTOBUF, frame};

/// What a connection speaks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Speech {
    Json,
    Protobuf,
}

/// What the server said.
#[derive(Debug)]
pub(super) enum Heard {
    Connected {
        id: String,
        token: String,
    },
    /// The request is done, now or (`is_duplicate`) before.
    Ack {
        id: u64,
        is_duplicate: bool,
    },
    Publication {
        sequence_id: u64,
        text: String,
    },
}

impl Speech {
    pub(super) fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => RELIABLE_JSON,
            Self::Protobuf => RELIABLE_PROTOBUF,
        }
    }

    /// A publication of text.
    pub(super) fn publication(self, group: &str, text: &str, ack_id: u64) -> Frame {
        match self {
            Self::Json => text_frame(&json!({
                "type": "sendToGroup", "group": group, "dataType": "text", "data": text,
                "ackId": ack_id,
            })),
            Self::Protobuf => binary_frame(Request::SendToGroup(SendToGroup {
                group: group.to_owned(),
                ack_id: Some(ack_id),
                data: Some(Data::Text(text.to_owned()).into()),
                ..SendToGroup::default()
            })),
        }
    }

    /// The acknowledgement of everything up to this message.
    pub(super) fn sequence_ack(self, sequence_id: u64) -> Frame {
        match self {
            Self::Json => text_frame(&json!({"type": "sequenceAck", "sequenceId": sequence_id})),
            Self::Protobuf => binary_frame(Request::SequenceAck(SequenceAck { sequence_id })),
        }
    }

    /// Understands a message; everything this test does not ask for is a failure.
    pub(super) fn hear(self, frame: &Frame) -> Heard {
        let heard = match self {
            Self::Json if frame.opcode == frame::TEXT => hear_json(frame.text()),
            Self::Protobuf if frame.opcode == frame::BINARY => hear_protobuf(&frame.payload),
            _ => None,
        };
        heard.unwrap_or_else(|| panic!("{self:?}: {frame:?}"))
    }
}

fn text_frame(message: &Value) -> Frame {
    Frame::new(frame::TEXT, message.to_string())
}

fn hear_json(text: &str) -> Option<Heard> {
    let message: Value = serde_json::from_str(text).ok()?;
    let string = |name: &str| message[name].as_str().map(str::to_owned);
    match message["type"].as_str()? {
        "system" if message["event"] == "connected" => Some(Heard::Connected {
            id: string("connectionId")?,
            token: string("reconnectionToken")?,
        }),
        "ack" => {
            let is_duplicate = message["error"]["name"] == "Duplicate";
            let is_done = message["success"] == true || is_duplicate;
            is_done.then_some(Heard::Ack { id: message["ackId"].as_u64()?, is_duplicate })
        }
        "message" => Some(Heard::Publication {
            sequence_id: message["sequenceId"].as_u64()?,
            text: string("data")?,
        }),
        _ => None,
    }
}

fn binary_frame(request: Request) -> Frame {
    Frame::new(frame::BINARY, Upward { message: Some(request) }.encode_to_vec())
}

fn hear_protobuf(bytes: &[u8]) -> Option<Heard> {
    match Downward::decode(bytes).ok()?.message? {
        Answer::Ack(Ack { ack_id, success, error }) => {
            let is_duplicate = error.is_some_and(|error| error.name == "Duplicate");
            (success || is_duplicate).then_some(Heard::Ack { id: ack_id, is_duplicate })
        }
        Answer::Data(DataMessage { data, sequence_id, .. }) => {
            let Data::Text(text) = data?.data? else { return None };
            Some(Heard::Publication { sequence_id: sequence_id?, text })
        }
        Answer::System(system) => {
            let System::Connected(connected) = system.message? else { return None };
            let Connected { connection_id, reconnection_token, .. } = connected;
            Some(Heard::Connected { id: connection_id, token: reconnection_token? })
        }
        _ => None,
    }
}
