//! A connection that speaks protobuf: the counterpart of the JSON methods of [`Client`].

use prost::Message as _;
use tungstenite::Message;

use super::{
    Ack, Answer, Connected, Data, DataMessage, Downward, Empty, OfGroup, Request, SendToGroup,
    System, SystemMessage, Upward,
};
use crate::support::client::{Client, Guest, PROTOBUF, RELIABLE_PROTOBUF};
use crate::support::close::Close;

/// The id and the reconnection token in a `connected` message.
pub(in crate::support) fn greeting(bytes: &[u8]) -> (String, Option<String>) {
    match decoded(bytes) {
        Answer::System(SystemMessage { message: Some(System::Connected(connected)) }) => {
            let Connected { connection_id, reconnection_token, .. } = connected;
            assert!(!connection_id.is_empty(), "no connection id");
            (connection_id, reconnection_token)
        }
        other => panic!("connected expected: {other:?}"),
    }
}

fn decoded(bytes: &[u8]) -> Answer {
    let message = Downward::decode(bytes).unwrap_or_else(|error| panic!("{error} in {bytes:x?}"));
    // Nothing that the schema lacks. The order of the fields is the server's affair.
    assert_eq!(message.encoded_len(), bytes.len(), "{message:?} is not all of {bytes:x?}");
    message.message.unwrap_or_else(|| panic!("no message in {bytes:x?}"))
}

/// An open connection with a protobuf subprotocol.
pub(crate) struct ProtobufClient {
    pub(crate) client: Client,
    last_ack_id: u64,
}

impl From<Client> for ProtobufClient {
    fn from(client: Client) -> Self {
        Self { client, last_ack_id: 0 }
    }
}

impl ProtobufClient {
    pub(crate) fn connect(guest: &Guest) -> Self {
        guest.clone().speaking(PROTOBUF).connect().into()
    }

    pub(crate) fn reliable(guest: &Guest) -> Self {
        guest.clone().speaking(RELIABLE_PROTOBUF).connect().into()
    }

    pub(crate) fn id(&self) -> &str {
        &self.client.id
    }

    pub(crate) fn send(&mut self, request: Request) {
        self.client.send(Upward { message: Some(request) }.encode_to_vec());
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Answer {
        decoded(&self.client.binary())
    }

    /// The next message, which has to be data.
    pub(crate) fn data(&mut self) -> DataMessage {
        match self.next() {
            Answer::Data(data) => data,
            other => panic!("data expected: {other:?}"),
        }
    }

    /// The next message, which has to be text of a group.
    pub(crate) fn group_text(&mut self, group: &str) -> String {
        let message = self.data();
        assert_eq!(message.group.as_deref(), Some(group), "{message:?}");
        match message.data.as_ref().and_then(|data| data.data.as_ref()) {
            Some(Data::Text(text)) => text.clone(),
            _ => panic!("text expected: {message:?}"),
        }
    }

    /// The first message that `wanted` knows. Everything else that comes first is kept for later.
    pub(crate) fn find<T>(&mut self, wanted: impl Fn(Answer) -> Option<T>) -> T {
        self.client.find(|message| match message {
            Message::Binary(bytes) => wanted(decoded(bytes)),
            _ => None,
        })
    }

    /// The ack of this id.
    pub(crate) fn ack(&mut self, id: u64) -> Ack {
        self.find(|message| match message {
            Answer::Ack(ack) if ack.ack_id == id => Some(ack),
            _ => None,
        })
    }

    /// Sends a request made with a fresh ack id and waits for its ack. The error's name, if it
    /// failed, is the result.
    pub(crate) fn request(&mut self, request: impl FnOnce(u64) -> Request) -> Option<String> {
        self.last_ack_id += 1;
        self.send(request(self.last_ack_id));
        let ack = self.ack(self.last_ack_id);
        assert_eq!(ack.success, ack.error.is_none(), "{ack:?}");
        ack.error.map(|error| error.name)
    }

    pub(crate) fn join(&mut self, group: &str) {
        let join = |ack_id| Request::JoinGroup(of_group(group, ack_id));
        assert_eq!(self.request(join), None, "joining {group}");
    }

    /// Publishes and waits for the ack.
    pub(crate) fn publish(&mut self, group: &str, data: Data) {
        let publish = |ack_id| {
            let ack_id = Some(ack_id);
            Request::SendToGroup(SendToGroup { ack_id, ..publication(group, data) })
        };
        assert_eq!(self.request(publish), None, "publishing to {group}");
    }

    /// Everything the server said until it answered a ping.
    pub(crate) fn sync(&mut self) -> Vec<Answer> {
        self.send(Request::Ping(Empty {}));
        let mut before = Vec::new();
        loop {
            match self.next() {
                Answer::Pong(Empty {}) => return before,
                message => before.push(message),
            }
        }
    }

    /// The `disconnected` message and the close frame after it.
    pub(crate) fn disconnected(&mut self) -> Close {
        match self.next() {
            Answer::System(SystemMessage { message: Some(System::Disconnected(_)) }) => {}
            other => panic!("disconnected expected: {other:?}"),
        }
        self.client.closed()
    }
}

/// A request that names a group only.
pub(crate) fn of_group(group: &str, ack_id: u64) -> OfGroup {
    OfGroup { group: group.to_owned(), ack_id: Some(ack_id) }
}

/// A publication without ack id.
pub(crate) fn publication(group: &str, data: Data) -> SendToGroup {
    SendToGroup { group: group.to_owned(), data: Some(data.into()), ..SendToGroup::default() }
}
