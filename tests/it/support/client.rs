//! Clients as applications write them: an independent WebSocket library over a real socket.
//!
//! [`Guest`] says who connects and where; [`Client`] is the open connection. A client keeps what
//! it received while waiting for an ack, so tests can ask for things in the order they care for.

use std::collections::VecDeque;
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tungstenite::protocol::{CloseFrame, Role};
use tungstenite::{Error, Message, WebSocket};

use super::close::Close;
use super::http::Upgrade;
use super::protobuf;
use super::server::Endpoint;
use super::token::{EVERYTHING, Token};
use super::wire::Wire;

/// The plain JSON subprotocol.
pub(crate) const JSON: &str = "json.webpubsub.azure.v1";
/// JSON with sequence ids, acknowledgements and recovery.
pub(crate) const RELIABLE_JSON: &str = "json.reliable.webpubsub.azure.v1";
pub(crate) const PROTOBUF: &str = "protobuf.webpubsub.azure.v1";
pub(crate) const RELIABLE_PROTOBUF: &str = "protobuf.reliable.webpubsub.azure.v1";

/// A client that is about to connect.
#[derive(Clone)]
pub(crate) struct Guest {
    endpoint: Endpoint,
    hub: &'static str,
    token: Token,
    subprotocol: Option<&'static str>,
    query: String,
    token_in_header: bool,
    shard: Option<u16>,
}

impl Guest {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            hub: "chat",
            token: Token::for_hub("chat"),
            subprotocol: Some(JSON),
            query: String::new(),
            token_in_header: false,
            shard: None,
        }
    }

    /// Another hub than `chat`. Has to come first: it begins a new token.
    pub(crate) fn hub(mut self, hub: &'static str) -> Self {
        self.hub = hub;
        self.token = Token::for_hub(hub);
        self
    }

    pub(crate) fn user(mut self, user: &str) -> Self {
        self.token = self.token.user(user);
        self
    }

    pub(crate) fn roles(mut self, roles: &[impl AsRef<str>]) -> Self {
        self.token = self.token.roles(roles);
        self
    }

    /// May do everything to every group.
    pub(crate) fn permitted(self) -> Self {
        self.roles(&EVERYTHING)
    }

    /// Groups to be in from the start.
    pub(crate) fn groups(mut self, groups: &[&str]) -> Self {
        self.token = self.token.groups(groups);
        self
    }

    /// Changes the token further.
    pub(crate) fn token(mut self, change: impl FnOnce(Token) -> Token) -> Self {
        self.token = change(self.token);
        self
    }

    /// Another subprotocol than plain JSON.
    pub(crate) fn speaking(mut self, subprotocol: &'static str) -> Self {
        self.subprotocol = Some(subprotocol);
        self
    }

    /// JSON with sequence ids and recovery.
    pub(crate) fn reliable(self) -> Self {
        self.speaking(RELIABLE_JSON)
    }

    /// No subprotocol: payloads only, no envelope.
    pub(crate) fn simple(mut self) -> Self {
        self.subprotocol = None;
        self
    }

    /// Publishes every frame to this group; a simple client by nature.
    pub(crate) fn publishing_to(mut self, group: &str) -> Self {
        self.query = format!("&webpubsub_mode=sendToGroup&group={group}");
        self.simple()
    }

    /// A simple client that publishes to a group it is in: the server echoes its frames.
    pub(crate) fn echoing(self) -> Self {
        self.permitted().groups(&["echo"]).publishing_to("echo")
    }

    /// Adds parameters to the query of the handshake, each after an `&`.
    pub(crate) fn asking(mut self, parameters: &str) -> Self {
        self.query.push_str(parameters);
        self
    }

    /// Sends the token as a header, which may be longer than a request line.
    pub(crate) fn by_header(mut self) -> Self {
        self.token_in_header = true;
        self
    }

    /// Connects as often as it takes to get a connection on this shard.
    pub(crate) fn on(mut self, shard: u16) -> Self {
        self.shard = Some(shard);
        self
    }

    /// The handshake of this client.
    pub(crate) fn upgrade(&self) -> Upgrade {
        let (hub, token, query) = (self.hub, self.token.sign(), &self.query);
        let upgrade = if self.token_in_header {
            Upgrade::new(format!("/client/hubs/{hub}?{query}"))
                .header("Authorization", format!("Bearer {token}"))
        } else {
            Upgrade::new(format!("/client/hubs/{hub}?access_token={token}{query}"))
        };
        match self.subprotocol {
            Some(subprotocol) => upgrade.offer(subprotocol),
            None => upgrade,
        }
    }

    /// Connects and hands over the bytes, at the `connected` message if there is one.
    pub(crate) fn wire(&self) -> Wire {
        self.upgrade().accepted(&self.endpoint)
    }

    /// Connects and, with a subprotocol, reads the `connected` message.
    pub(crate) fn connect(&self) -> Client {
        let Some(shard) = self.shard else { return self.met(self.wire()) };
        assert!(shard < self.endpoint.shards, "there is no shard {shard}");
        assert!(self.subprotocol.is_some(), "a simple client does not learn its id");
        // The kernel spreads connections by a hash of their ports; every attempt is a new port.
        // With four shards, 200 misses in a row happen once in 10^25 runs.
        for _ in 0..200 {
            let client = self.met(self.wire());
            if client.shard() == shard {
                return client;
            }
            client.depart();
        }
        panic!("no connection reached shard {shard}")
    }

    fn met(&self, wire: Wire) -> Client {
        if self.subprotocol.is_some() { Client::greeted(wire) } else { Client::on(wire) }
    }
}

/// An open connection.
pub(crate) struct Client {
    socket: WebSocket<TcpStream>,
    /// The connection id; empty for a simple client, which is not told.
    pub(crate) id: String,
    /// What recovers the connection; only with a reliable subprotocol.
    pub(crate) reconnection_token: Option<String>,
    /// Of [`Self::request`]; libraries count on when they recover.
    pub(super) last_ack_id: u64,
    /// Received while waiting for something else.
    kept: VecDeque<Message>,
}

impl Client {
    /// Takes over a connection after its handshake.
    pub(crate) fn on(wire: Wire) -> Self {
        let (stream, unread) = wire.into_parts();
        let socket = WebSocket::from_partially_read(stream, unread, Role::Client, None);
        let (id, reconnection_token) = (String::new(), None);
        Self { socket, id, reconnection_token, last_ack_id: 0, kept: VecDeque::new() }
    }

    /// Takes over a connection with a subprotocol: reads the `connected` message.
    pub(crate) fn greeted(wire: Wire) -> Self {
        let mut client = Self::on(wire);
        (client.id, client.reconnection_token) = match client.next() {
            Message::Binary(bytes) => protobuf::greeting(&bytes),
            message => {
                let connected = as_json(&message).unwrap_or_else(|| panic!("{message:?}"));
                assert_eq!(connected["event"], "connected", "{connected}");
                let text = |name: &str| connected[name].as_str().map(str::to_owned);
                (text("connectionId").expect("an id"), text("reconnectionToken"))
            }
        };
        client
    }

    /// The socket below, for what no client library does.
    pub(super) fn stream(&self) -> &TcpStream {
        self.socket.get_ref()
    }

    /// The connection for a test that drives it by itself.
    pub(crate) fn into_socket(self) -> WebSocket<TcpStream> {
        assert!(self.kept.is_empty(), "received and not yet looked at: {:?}", self.kept);
        self.socket
    }

    /// The shard that owns this connection: the first two bytes of its id.
    pub(crate) fn shard(&self) -> u16 {
        let bytes = URL_SAFE_NO_PAD.decode(&self.id).expect("an id in base64url");
        u16::from_be_bytes(*bytes.first_chunk().expect("an id of 21 bytes"))
    }

    /// The next data or close message, or the error that ended the connection.
    pub(crate) fn try_next(&mut self) -> Result<Message, Error> {
        if let Some(message) = self.kept.pop_front() {
            return Ok(message);
        }
        loop {
            match self.socket.read()? {
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                message => return Ok(message),
            }
        }
    }

    fn next(&mut self) -> Message {
        self.try_next().unwrap_or_else(|error| panic!("{error} while waiting for a message"))
    }

    /// The next message, which has to be text.
    pub(crate) fn text(&mut self) -> String {
        match self.next() {
            Message::Text(text) => text.as_str().to_owned(),
            other => panic!("text expected: {other:?}"),
        }
    }

    /// The next message, which has to be binary.
    pub(crate) fn binary(&mut self) -> Vec<u8> {
        match self.next() {
            Message::Binary(bytes) => bytes.to_vec(),
            other => panic!("binary data expected: {other:?}"),
        }
    }

    /// The next message, which has to be JSON text.
    pub(crate) fn json(&mut self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
    }

    /// The end of a connection that the server just drops, which has to be next.
    pub(crate) fn dropped(&mut self) {
        match self.try_next() {
            Err(Error::ConnectionClosed | Error::Io(_) | Error::Protocol(_)) => {}
            other => panic!("the end expected: {other:?}"),
        }
    }

    /// The server's close frame, which has to be next, and the end of the connection after it.
    pub(crate) fn closed(&mut self) -> Close {
        let (before, close) = self.messages_to_close();
        assert_eq!(before, [] as [Value; 0], "messages before {close:?}");
        close
    }

    /// The server's close frame with the JSON messages before it, and the end after it.
    pub(crate) fn messages_to_close(&mut self) -> (Vec<Value>, Close) {
        let mut before = Vec::new();
        let close = loop {
            match self.next() {
                Message::Close(None) => break Close { code: 1005, reason: String::new() },
                Message::Close(Some(CloseFrame { code, reason })) => {
                    break Close { code: code.into(), reason: reason.as_str().to_owned() };
                }
                other => before.push(as_json(&other).unwrap_or_else(|| panic!("{other:?}"))),
            }
        };
        // The library answers the close frame; the server has to end the connection then.
        match self.try_next() {
            Err(Error::ConnectionClosed | Error::Io(_)) => (before, close),
            other => panic!("after {close:?}: {other:?}"),
        }
    }

    /// The `disconnected` message and the close frame after it (client-connect.md, section 12).
    pub(crate) fn disconnected(&mut self) -> Close {
        let told = self.json();
        assert_eq!(told["type"], "system", "{told}");
        assert_eq!(told["event"], "disconnected", "{told}");
        assert!(told["message"].is_string(), "{told}");
        self.closed()
    }

    pub(crate) fn send(&mut self, message: impl Into<Message>) {
        self.socket.send(message.into()).expect("the server takes messages");
    }

    pub(crate) fn send_json(&mut self, message: &Value) {
        self.send(message.to_string());
    }

    /// Begins the close handshake.
    pub(crate) fn send_close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
        self.socket.close(Some(frame)).expect("an open connection");
    }

    /// Leaves in the orderly way and waits until the server has let go.
    pub(crate) fn leave_server(mut self) {
        self.send_close(1000, "");
        assert_eq!(self.closed().code, 1000);
    }

    /// Leaves whatever else the server has to say: unlike one that is merely dropped, a reliable
    /// connection is gone then.
    fn depart(mut self) {
        self.send_close(1000, "");
        while self.try_next().is_ok() {}
    }

    /// Sends a request with a fresh ack id and waits for its ack.
    pub(crate) fn request(&mut self, mut request: Value) -> Value {
        self.last_ack_id += 1;
        request["ackId"] = json!(self.last_ack_id);
        self.send_json(&request);
        self.ack(self.last_ack_id)
    }

    /// The ack of this id. Everything else that comes first is kept for later.
    pub(crate) fn ack(&mut self, id: u64) -> Value {
        self.find_json(|message| message["type"] == "ack" && message["ackId"] == id)
    }

    /// The first JSON message of this type. Everything else that comes first is kept for later.
    pub(crate) fn of_type(&mut self, kind: &str) -> Value {
        self.find_json(|message| message["type"] == kind)
    }

    fn find_json(&mut self, is_wanted: impl Fn(&Value) -> bool) -> Value {
        self.find(|message| as_json(message).filter(&is_wanted))
    }

    /// The first message that `wanted` knows. Everything else that comes first is kept for later.
    pub(super) fn find<T>(&mut self, wanted: impl Fn(&Message) -> Option<T>) -> T {
        let mut earlier = VecDeque::new();
        loop {
            let message = self.next();
            if let Some(found) = wanted(&message) {
                earlier.append(&mut self.kept);
                self.kept = earlier;
                return found;
            }
            assert!(!message.is_close(), "closed instead, after {earlier:?}: {message:?}");
            earlier.push_back(message);
        }
    }

    /// Sends a request that has to succeed.
    pub(crate) fn succeed(&mut self, request: Value) {
        let ack = self.request(request.clone());
        assert_eq!(ack["success"], true, "{request} was answered {ack}");
    }

    /// Sends a request that has to fail under this name (client-json.md, section 5.2).
    pub(crate) fn fail(&mut self, request: Value, name: &str) {
        let ack = self.request(request.clone());
        assert_eq!(ack["success"], false, "{request} was answered {ack}");
        assert_eq!(ack["error"]["name"], name, "{request} was answered {ack}");
    }

    pub(crate) fn join(&mut self, group: &str) {
        self.succeed(json!({"type": "joinGroup", "group": group}));
    }

    pub(crate) fn leave(&mut self, group: &str) {
        self.succeed(json!({"type": "leaveGroup", "group": group}));
    }

    /// Publishes text and waits for the ack.
    pub(crate) fn publish(&mut self, group: &str, text: &str) {
        self.succeed(publication(group, text));
    }

    /// The text of the next message of a group.
    pub(crate) fn group_text(&mut self, group: &str) -> String {
        let message = self.json();
        assert_eq!(message["type"], "message", "{message}");
        assert_eq!(message["group"], group, "{message}");
        message["data"].as_str().unwrap_or_else(|| panic!("text expected: {message}")).to_owned()
    }

    /// Everything the server said until it answered a ping: what is missing then was not sent by
    /// this client's own shard.
    pub(crate) fn sync(&mut self) -> Vec<Value> {
        self.send_json(&json!({"type": "ping"}));
        let mut before = Vec::new();
        loop {
            let message = self.json();
            if message["type"] == "pong" {
                return before;
            }
            before.push(message);
        }
    }
}

/// The object that a text message consists of, if it does.
fn as_json(message: &Message) -> Option<Value> {
    let text = message.to_text().ok().filter(|_| message.is_text())?;
    serde_json::from_str(text).ok().filter(Value::is_object)
}

/// A publication of text, without ack id.
pub(crate) fn publication(group: &str, text: &str) -> Value {
    json!({"type": "sendToGroup", "group": group, "dataType": "text", "data": text})
}

/// An event with a text, without ack id.
pub(crate) fn event(name: &str, text: &str) -> Value {
    json!({"type": "event", "event": name, "dataType": "text", "data": text})
}
