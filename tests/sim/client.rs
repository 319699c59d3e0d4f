//! One simulated client: what it asked for, and whether what it reads is allowed.

use std::collections::{HashMap, HashSet};

use corecast::hub::id::ConnectionId;
use serde_json::Value;

use crate::acks::{Acks, Asked};
use crate::application::EVERYBODY;
use crate::events::{Fate, fate};
use crate::link::Link;
use crate::stays::Stay;
use crate::wire::Received;

pub(crate) struct Client {
    pub(crate) index: usize,
    pub(crate) shard: usize,
    pub(crate) slot: u32,
    pub(crate) is_reliable: bool,
    pub(crate) is_paused: bool,
    /// The shard has begun to close its connection.
    pub(crate) is_closing: bool,
    pub(crate) link: Link,
    pub(crate) acks: Acks,
    pub(crate) stays: Vec<Stay>,
    pub(crate) connected_at: usize,
    /// The group of the application's request about this client, until it is answered.
    pub(crate) outstanding: Option<usize>,
    /// Groups of which nothing is expected any more.
    pub(crate) uncertain: HashSet<usize>,
    /// Every request to join or leave, in order: ack id, group, whether it was a join.
    pub(crate) requests: Vec<(u64, usize, bool)>,
    /// Whether the client, by what it has read so far, is out of the group.
    pub(crate) is_out: HashMap<usize, bool>,
    /// Numbers received, by publisher and group, in order.
    pub(crate) received: HashMap<(usize, usize), Vec<u64>>,
    /// Whether the transport has brought its `connected` message.
    is_connected: bool,
    pub(crate) pongs: usize,
    /// Ack ids of the events that the application has replied to.
    replies: HashSet<u64>,
    /// Events refused because their handler was too far behind.
    pub(crate) refused: usize,
    /// The code of the close frame.
    pub(crate) closed: Option<u16>,
}

impl Client {
    pub(crate) fn new(
        index: usize,
        (shard, slot): (usize, u32),
        groups: &[usize],
        is_reliable: bool,
        step: usize,
    ) -> Self {
        let stay = |group: &usize| Stay {
            group: *group,
            join_ack: None,
            confirmed_at: None,
            left_at: None,
        };
        Self {
            index,
            shard,
            slot,
            is_reliable,
            is_paused: false,
            is_closing: false,
            link: Link::default(),
            acks: Acks::default(),
            stays: groups.iter().map(stay).collect(),
            connected_at: step,
            outstanding: None,
            uncertain: HashSet::new(),
            requests: Vec::new(),
            is_out: groups.iter().map(|group| (*group, false)).collect(),
            received: HashMap::new(),
            is_connected: false,
            pongs: 0,
            replies: HashSet::new(),
            refused: 0,
            closed: None,
        }
    }

    /// The client reads all that has arrived, at `step`.
    pub(crate) fn read(&mut self, step: usize) {
        let received = self.link.wire.take();
        self.hear(received, step);
    }

    pub(crate) fn hear(&mut self, received: impl IntoIterator<Item = Received>, step: usize) {
        for received in received {
            assert_eq!(self.closed, None, "a frame after the close");
            match received {
                Received::Text(text) => self.read_text(&text, step),
                Received::Close(code) => self.closed = Some(code),
            }
        }
    }

    fn read_text(&mut self, text: &str, step: usize) {
        let message: Value = serde_json::from_str(text).expect("the server writes JSON");
        if !std::mem::replace(&mut self.is_connected, true) {
            return self.read_connected(&message, step);
        }
        assert_eq!(
            self.is_reliable && message["type"] == "message",
            message["sequenceId"].is_u64()
        );
        if let Some(number) = message["sequenceId"].as_u64()
            && !self.link.sequence.take(number, text)
        {
            return;
        }
        match message["type"].as_str().expect("a type") {
            "ack" => self.read_ack(&message, step),
            "message" => self.read_message(&message),
            "pong" => self.pongs += 1,
            "system" => assert_eq!(message["event"], "disconnected"),
            other => panic!("unexpected {other}: {text}"),
        }
    }

    /// The first message of every transport (C28).
    fn read_connected(&mut self, message: &Value, step: usize) {
        assert_eq!(message["event"], "connected", "{message}");
        let id = message["connectionId"].as_str().and_then(ConnectionId::parse);
        assert!(id.is_some() && self.link.id.is_none_or(|known| Some(known) == id), "{message}");
        self.link.id = id;
        self.link.token = message["reconnectionToken"].as_str().unwrap_or_default().to_owned();
        assert_ne!(self.is_reliable, self.link.token.is_empty());
        // Groups of the token are known everywhere before the client hears anything.
        let of_token = self.stays.iter_mut().filter(|stay| stay.join_ack.is_none());
        of_token.for_each(|stay| {
            stay.confirmed_at.get_or_insert(step);
        });
    }

    /// The client has lost its transport.
    pub(crate) fn go_down(&mut self) {
        self.link.go_down();
        (self.is_connected, self.is_paused) = (false, false);
    }

    fn read_ack(&mut self, message: &Value, step: usize) {
        let ack = message["ackId"].as_u64().expect("an ack id");
        let error = message["error"]["name"].as_str();
        let is_done = matches!(error, None | Some("Duplicate"));
        assert_eq!(message["success"] == true, error.is_none(), "{message}");
        // A join that was asked for twice may be known as such before it is known everywhere: only
        // success says that.
        if error.is_none()
            && let Some(stay) = self.stays.iter_mut().find(|stay| stay.join_ack == Some(ack))
        {
            stay.confirmed_at = Some(step);
        }
        match self.acks.hear(ack, is_done && error.is_some()) {
            Some(Asked::Event) => self.read_event_ack(ack, is_done, message),
            Some(_) if !is_done => panic!("{message}"),
            Some(Asked::Leave(_)) => self.read_leave_ack(ack),
            Some(Asked::Join(_) | Asked::Publish) | None => {}
        }
    }

    /// What the application has replied comes before the ack.
    fn read_event_ack(&mut self, ack: u64, is_done: bool, message: &Value) {
        let is_refused = message["error"]["message"] == "The event handler is too far behind.";
        self.refused += usize::from(is_refused);
        assert!(is_refused || is_done != (fate(ack) == Fate::Fails), "{message}");
        assert_eq!(self.replies.contains(&ack), is_done && fate(ack) == Fate::Replies, "{message}");
    }

    /// After the ack of a leave nothing of the group may follow, unless a join was requested since.
    fn read_leave_ack(&mut self, ack: u64) {
        let Some(&(_, group, false)) = self.requests.iter().find(|request| request.0 == ack) else {
            return;
        };
        let mut later = self.requests.iter().filter(|r| r.0 > ack && r.1 == group);
        let has_joined_again = later.any(|(_, _, is_join)| *is_join);
        self.is_out.insert(group, !has_joined_again);
    }

    fn read_message(&mut self, message: &Value) {
        // The application sends its numbers as text, clients send theirs as JSON.
        let data: Value = match &message["data"] {
            Value::String(text) => serde_json::from_str(text).expect("ours"),
            data => data.clone(),
        };
        if let Some(ack) = data["reply"].as_u64() {
            assert!(self.replies.insert(ack), "two replies to {ack}");
            return;
        }
        let number = |field: &str| data[field].as_u64().expect("a number");
        let group: usize = match message["group"].as_str() {
            Some(group) => group.parse().expect("ours"),
            None => EVERYBODY,
        };
        let publisher = usize::try_from(number("publisher")).expect("small");
        assert!(
            group == EVERYBODY
                || self.uncertain.contains(&group)
                || self.is_out.get(&group) == Some(&false),
            "client {} got a message of group {group} before a join or after a leave's ack",
            self.index
        );
        let seen = self.received.entry((publisher, group)).or_default();
        let latest = number("number");
        assert!(
            seen.last().is_none_or(|last| *last < latest),
            "client {} got {latest} of publisher {publisher} after {seen:?}",
            self.index
        );
        seen.push(latest);
    }
}
