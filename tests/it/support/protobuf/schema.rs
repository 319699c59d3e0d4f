//! The messages of client-protobuf.md, sections 2 and 3.
//!
//! `Any` is declared as bytes, which look the same on the wire: the server has to keep them as
//! they are.

use std::collections::BTreeMap;

use prost::{Message, Oneof};

pub(crate) type Map = BTreeMap<String, String>;

/// `UpstreamMessage`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Upward {
    #[prost(oneof = "Request", tags = "1, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17")]
    pub(crate) message: Option<Request>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Request {
    #[prost(message, tag = "1")]
    SendToGroup(SendToGroup),
    #[prost(message, tag = "5")]
    Event(Event),
    #[prost(message, tag = "6")]
    JoinGroup(OfGroup),
    #[prost(message, tag = "7")]
    LeaveGroup(OfGroup),
    #[prost(message, tag = "8")]
    SequenceAck(SequenceAck),
    #[prost(message, tag = "9")]
    Ping(Empty),
    #[prost(message, tag = "10")]
    Invoke(Invoke),
    #[prost(message, tag = "11")]
    CancelInvocation(CancelInvocation),
    #[prost(message, tag = "13")]
    StreamData(StreamData),
    #[prost(message, tag = "14")]
    StreamEnd(StreamEnd),
    #[prost(message, tag = "15")]
    SetGroupState(SetGroupState),
    #[prost(message, tag = "16")]
    SubscribeGroupState(OfGroup),
    #[prost(message, tag = "17")]
    UnsubscribeGroupState(OfGroup),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SendToGroup {
    #[prost(string, tag = "1")]
    pub(crate) group: String,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) ack_id: Option<u64>,
    #[prost(message, optional, tag = "3")]
    pub(crate) data: Option<MessageData>,
    #[prost(bool, optional, tag = "4")]
    pub(crate) no_echo: Option<bool>,
    #[prost(uint32, optional, tag = "5")]
    pub(crate) ttl_seconds: Option<u32>,
    #[prost(btree_map = "string, string", tag = "6")]
    pub(crate) metadata: Map,
    #[prost(message, optional, tag = "7")]
    pub(crate) stream: Option<StreamStart>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Event {
    #[prost(string, tag = "1")]
    pub(crate) event: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) data: Option<MessageData>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) ack_id: Option<u64>,
    #[prost(btree_map = "string, string", tag = "4")]
    pub(crate) metadata: Map,
    #[prost(message, optional, tag = "5")]
    pub(crate) stream: Option<StreamStart>,
}

/// `JoinGroupMessage` and the others with these two fields.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OfGroup {
    #[prost(string, tag = "1")]
    pub(crate) group: String,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) ack_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SequenceAck {
    #[prost(uint64, tag = "1")]
    pub(crate) sequence_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Empty {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Invoke {
    #[prost(string, tag = "1")]
    pub(crate) event: String,
    #[prost(string, tag = "2")]
    pub(crate) invocation_id: String,
    #[prost(message, optional, tag = "3")]
    pub(crate) data: Option<MessageData>,
    #[prost(btree_map = "string, string", tag = "4")]
    pub(crate) metadata: Map,
    #[prost(message, optional, tag = "5")]
    pub(crate) stream: Option<StreamStart>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CancelInvocation {
    #[prost(string, tag = "1")]
    pub(crate) invocation_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamStart {
    #[prost(string, tag = "1")]
    pub(crate) stream_id: String,
    #[prost(uint32, optional, tag = "2")]
    pub(crate) idle_timeout_ms: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamData {
    #[prost(string, tag = "1")]
    pub(crate) stream_id: String,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) stream_sequence_id: Option<u64>,
    #[prost(message, optional, tag = "3")]
    pub(crate) data: Option<MessageData>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamEnd {
    #[prost(string, tag = "1")]
    pub(crate) stream_id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) error: Option<StreamEndError>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamEndError {
    #[prost(string, optional, tag = "1")]
    pub(crate) message: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) user_error_code: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SetGroupState {
    #[prost(string, tag = "1")]
    pub(crate) group: String,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) ack_id: Option<u64>,
    #[prost(message, optional, tag = "3")]
    pub(crate) state: Option<GroupState>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GroupState {
    #[prost(btree_map = "string, string", tag = "1")]
    pub(crate) entries: Map,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MessageData {
    #[prost(oneof = "Data", tags = "1, 2, 3, 4")]
    pub(crate) data: Option<Data>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Data {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bytes, tag = "2")]
    Binary(Vec<u8>),
    #[prost(bytes, tag = "3")]
    Any(Vec<u8>),
    #[prost(string, tag = "4")]
    Json(String),
}

impl From<Data> for MessageData {
    fn from(data: Data) -> Self {
        Self { data: Some(data) }
    }
}

/// `DownstreamMessage`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Downward {
    #[prost(oneof = "Answer", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub(crate) message: Option<Answer>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum Answer {
    #[prost(message, tag = "1")]
    Ack(Ack),
    #[prost(message, tag = "2")]
    Data(DataMessage),
    #[prost(message, tag = "3")]
    System(SystemMessage),
    #[prost(message, tag = "4")]
    Pong(Empty),
    #[prost(message, tag = "5")]
    InvokeResponse(InvokeResponse),
    #[prost(message, tag = "6")]
    StreamAck(StreamAck),
    #[prost(message, tag = "7")]
    StreamNack(StreamNack),
    #[prost(message, tag = "8")]
    StreamClosed(StreamClosed),
    #[prost(message, tag = "9")]
    GroupStateUpdate(GroupStates),
    #[prost(message, tag = "10")]
    GroupStateSnapshot(GroupStates),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Ack {
    #[prost(uint64, tag = "1")]
    pub(crate) ack_id: u64,
    #[prost(bool, tag = "2")]
    pub(crate) success: bool,
    #[prost(message, optional, tag = "3")]
    pub(crate) error: Option<NamedError>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NamedError {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct DataMessage {
    #[prost(string, tag = "1")]
    pub(crate) from: String,
    #[prost(string, optional, tag = "2")]
    pub(crate) group: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub(crate) data: Option<MessageData>,
    #[prost(uint64, optional, tag = "4")]
    pub(crate) sequence_id: Option<u64>,
    #[prost(btree_map = "string, string", tag = "5")]
    pub(crate) metadata: Map,
    #[prost(message, optional, tag = "6")]
    pub(crate) stream: Option<StreamPart>,
}

impl DataMessage {
    pub(crate) fn of_group(group: &str, data: Data) -> Self {
        let (from, group, data) = ("group".to_owned(), Some(group.to_owned()), Some(data.into()));
        Self { from, group, data, ..Self::default() }
    }

    pub(crate) fn numbered(mut self, sequence_id: u64) -> Self {
        self.sequence_id = Some(sequence_id);
        self
    }
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SystemMessage {
    #[prost(oneof = "System", tags = "1, 2")]
    pub(crate) message: Option<System>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(crate) enum System {
    #[prost(message, tag = "1")]
    Connected(Connected),
    #[prost(message, tag = "2")]
    Disconnected(Disconnected),
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Connected {
    #[prost(string, tag = "1")]
    pub(crate) connection_id: String,
    #[prost(string, tag = "2")]
    pub(crate) user_id: String,
    #[prost(string, optional, tag = "3")]
    pub(crate) reconnection_token: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Disconnected {
    #[prost(string, tag = "2")]
    pub(crate) reason: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct InvokeResponse {
    #[prost(string, tag = "1")]
    pub(crate) invocation_id: String,
    #[prost(bool, tag = "2")]
    pub(crate) success: bool,
    #[prost(message, optional, tag = "3")]
    pub(crate) data: Option<MessageData>,
    #[prost(message, optional, tag = "4")]
    pub(crate) error: Option<NamedError>,
    #[prost(btree_map = "string, string", tag = "5")]
    pub(crate) metadata: Map,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamAck {
    #[prost(string, tag = "1")]
    pub(crate) stream_id: String,
    #[prost(uint64, tag = "2")]
    pub(crate) expected_sequence_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamNack {
    #[prost(string, tag = "1")]
    pub(crate) stream_id: String,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
    #[prost(string, tag = "3")]
    pub(crate) message: String,
    #[prost(uint64, tag = "4")]
    pub(crate) expected_sequence_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamClosed {
    #[prost(string, tag = "1")]
    pub(crate) stream_id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) error: Option<NamedError>,
}

/// `GroupStateUpdateMessage` and `GroupStateSnapshotMessage`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct GroupStates {
    #[prost(string, tag = "1")]
    pub(crate) group: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) items: Vec<GroupStateItem>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) sequence_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GroupStateItem {
    #[prost(string, tag = "1")]
    pub(crate) connection_id: String,
    #[prost(string, optional, tag = "2")]
    pub(crate) user_id: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub(crate) state: Option<GroupState>,
    #[prost(int64, tag = "4")]
    pub(crate) updated_at: i64,
}

/// `StreamInfo`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamPart {
    #[prost(string, tag = "1")]
    pub(crate) stream_id: String,
    #[prost(uint64, tag = "2")]
    pub(crate) stream_sequence_id: u64,
    #[prost(bool, optional, tag = "3")]
    pub(crate) end_of_stream: Option<bool>,
    #[prost(message, optional, tag = "4")]
    pub(crate) error: Option<StreamFailure>,
}

/// `StreamInfo.StreamError`
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StreamFailure {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(string, tag = "3")]
    pub(crate) user_error_code: String,
}
