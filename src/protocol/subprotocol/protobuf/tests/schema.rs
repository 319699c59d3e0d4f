//! The messages of `client-protobuf.md` sections 2 and 3, declared for `prost`.
//!
//! An independent implementation of the format that shares nothing with ours but the tables of the
//! specification. `Any` is declared here too, to have no second dependency.

use std::collections::HashMap;

use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub(super) struct UpstreamMessage {
    #[prost(oneof = "Upstream", tags = "1, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17")]
    pub message: Option<Upstream>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Upstream {
    #[prost(message, tag = "1")]
    SendToGroup(SendToGroupMessage),
    #[prost(message, tag = "5")]
    Event(EventMessage),
    #[prost(message, tag = "6")]
    JoinGroup(GroupRequest),
    #[prost(message, tag = "7")]
    LeaveGroup(GroupRequest),
    #[prost(message, tag = "8")]
    SequenceAck(SequenceAckMessage),
    #[prost(message, tag = "9")]
    Ping(Empty),
    #[prost(message, tag = "10")]
    Invoke(InvokeEventMessage),
    #[prost(message, tag = "11")]
    CancelInvocation(CancelInvocationMessage),
    #[prost(message, tag = "13")]
    StreamData(StreamDataMessage),
    #[prost(message, tag = "14")]
    StreamEnd(StreamEndMessage),
    #[prost(message, tag = "15")]
    SetGroupState(SetGroupStateMessage),
    #[prost(message, tag = "16")]
    SubscribeGroupState(GroupRequest),
    #[prost(message, tag = "17")]
    UnsubscribeGroupState(GroupRequest),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SendToGroupMessage {
    #[prost(string, tag = "1")]
    pub group: String,
    #[prost(uint64, optional, tag = "2")]
    pub ack_id: Option<u64>,
    #[prost(message, optional, tag = "3")]
    pub data: Option<MessageData>,
    #[prost(bool, optional, tag = "4")]
    pub no_echo: Option<bool>,
    #[prost(uint32, optional, tag = "5")]
    pub ttl_seconds: Option<u32>,
    #[prost(map = "string, string", tag = "6")]
    pub metadata: HashMap<String, String>,
    #[prost(message, optional, tag = "7")]
    pub stream: Option<StreamStartInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct EventMessage {
    #[prost(string, tag = "1")]
    pub event: String,
    #[prost(message, optional, tag = "2")]
    pub data: Option<MessageData>,
    #[prost(uint64, optional, tag = "3")]
    pub ack_id: Option<u64>,
    #[prost(map = "string, string", tag = "4")]
    pub metadata: HashMap<String, String>,
    #[prost(message, optional, tag = "5")]
    pub stream: Option<StreamStartInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GroupRequest {
    #[prost(string, tag = "1")]
    pub group: String,
    #[prost(uint64, optional, tag = "2")]
    pub ack_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SequenceAckMessage {
    #[prost(uint64, tag = "1")]
    pub sequence_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Empty {}

#[derive(Clone, PartialEq, Message)]
pub(super) struct InvokeEventMessage {
    #[prost(string, tag = "1")]
    pub event: String,
    #[prost(string, tag = "2")]
    pub invocation_id: String,
    #[prost(message, optional, tag = "3")]
    pub data: Option<MessageData>,
    #[prost(map = "string, string", tag = "4")]
    pub metadata: HashMap<String, String>,
    #[prost(message, optional, tag = "5")]
    pub stream: Option<StreamStartInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct CancelInvocationMessage {
    #[prost(string, tag = "1")]
    pub invocation_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamStartInfo {
    #[prost(string, tag = "1")]
    pub stream_id: String,
    #[prost(uint32, optional, tag = "2")]
    pub idle_timeout_ms: Option<u32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamDataMessage {
    #[prost(string, tag = "1")]
    pub stream_id: String,
    #[prost(uint64, optional, tag = "2")]
    pub stream_sequence_id: Option<u64>,
    #[prost(message, optional, tag = "3")]
    pub data: Option<MessageData>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamEndMessage {
    #[prost(string, tag = "1")]
    pub stream_id: String,
    #[prost(message, optional, tag = "2")]
    pub error: Option<StreamEndError>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamEndError {
    #[prost(string, optional, tag = "1")]
    pub message: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub user_error_code: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SetGroupStateMessage {
    #[prost(string, tag = "1")]
    pub group: String,
    #[prost(uint64, optional, tag = "2")]
    pub ack_id: Option<u64>,
    #[prost(message, optional, tag = "3")]
    pub state: Option<GroupState>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GroupState {
    #[prost(map = "string, string", tag = "1")]
    pub entries: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MessageData {
    #[prost(oneof = "Data", tags = "1, 2, 3, 4")]
    pub data: Option<Data>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Data {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bytes, tag = "2")]
    Binary(Vec<u8>),
    #[prost(message, tag = "3")]
    Protobuf(Any),
    #[prost(string, tag = "4")]
    Json(String),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes, tag = "2")]
    pub value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DownstreamMessage {
    #[prost(oneof = "Downstream", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub message: Option<Downstream>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum Downstream {
    #[prost(message, tag = "1")]
    Ack(AckMessage),
    #[prost(message, tag = "2")]
    Data(DataMessage),
    #[prost(message, tag = "3")]
    System(SystemMessage),
    #[prost(message, tag = "4")]
    Pong(Empty),
    #[prost(message, tag = "5")]
    InvokeResponse(InvokeResponseMessage),
    #[prost(message, tag = "6")]
    StreamAck(StreamAckMessage),
    #[prost(message, tag = "7")]
    StreamNack(StreamNackMessage),
    #[prost(message, tag = "8")]
    StreamClosed(StreamClosedMessage),
    #[prost(message, tag = "9")]
    GroupStateUpdate(GroupStateMessage),
    #[prost(message, tag = "10")]
    GroupStateSnapshot(GroupStateMessage),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AckMessage {
    #[prost(uint64, tag = "1")]
    pub ack_id: u64,
    #[prost(bool, tag = "2")]
    pub success: bool,
    #[prost(message, optional, tag = "3")]
    pub error: Option<ErrorMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ErrorMessage {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub message: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DataMessage {
    #[prost(string, tag = "1")]
    pub from: String,
    #[prost(string, optional, tag = "2")]
    pub group: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub data: Option<MessageData>,
    #[prost(uint64, optional, tag = "4")]
    pub sequence_id: Option<u64>,
    #[prost(map = "string, string", tag = "5")]
    pub metadata: HashMap<String, String>,
    #[prost(message, optional, tag = "6")]
    pub stream: Option<StreamInfo>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct SystemMessage {
    #[prost(oneof = "System", tags = "1, 2")]
    pub message: Option<System>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(super) enum System {
    #[prost(message, tag = "1")]
    Connected(ConnectedMessage),
    #[prost(message, tag = "2")]
    Disconnected(DisconnectedMessage),
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ConnectedMessage {
    #[prost(string, tag = "1")]
    pub connection_id: String,
    #[prost(string, tag = "2")]
    pub user_id: String,
    #[prost(string, optional, tag = "3")]
    pub reconnection_token: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct DisconnectedMessage {
    #[prost(string, tag = "2")]
    pub reason: String,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct InvokeResponseMessage {
    #[prost(string, tag = "1")]
    pub invocation_id: String,
    #[prost(bool, tag = "2")]
    pub success: bool,
    #[prost(message, optional, tag = "3")]
    pub data: Option<MessageData>,
    #[prost(message, optional, tag = "4")]
    pub error: Option<ErrorMessage>,
    #[prost(map = "string, string", tag = "5")]
    pub metadata: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamAckMessage {
    #[prost(string, tag = "1")]
    pub stream_id: String,
    #[prost(uint64, tag = "2")]
    pub expected_sequence_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamNackMessage {
    #[prost(string, tag = "1")]
    pub stream_id: String,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(string, tag = "3")]
    pub message: String,
    #[prost(uint64, tag = "4")]
    pub expected_sequence_id: u64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamClosedMessage {
    #[prost(string, tag = "1")]
    pub stream_id: String,
    #[prost(message, optional, tag = "2")]
    pub error: Option<ErrorMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GroupStateMessage {
    #[prost(string, tag = "1")]
    pub group: String,
    #[prost(message, repeated, tag = "2")]
    pub items: Vec<GroupStateItem>,
    #[prost(uint64, optional, tag = "3")]
    pub sequence_id: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct GroupStateItem {
    #[prost(string, tag = "1")]
    pub connection_id: String,
    #[prost(string, optional, tag = "2")]
    pub user_id: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub state: Option<GroupState>,
    #[prost(int64, tag = "4")]
    pub updated_at: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamInfo {
    #[prost(string, tag = "1")]
    pub stream_id: String,
    #[prost(uint64, tag = "2")]
    pub stream_sequence_id: u64,
    #[prost(bool, optional, tag = "3")]
    pub end_of_stream: Option<bool>,
    #[prost(message, optional, tag = "4")]
    pub error: Option<StreamErrorMessage>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct StreamErrorMessage {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(string, tag = "3")]
    pub user_error_code: String,
}
