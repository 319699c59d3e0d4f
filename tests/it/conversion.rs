//! How one message looks to every kind of client (client-protobuf.md, section 6).
//!
//! Every publisher publishes every kind of payload it can to a member of every kind on every
//! shard, and each member has to receive exactly one frame, to the byte.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use tungstenite::Message;

use crate::support::protobuf::{
    Answer, Data, DataMessage, Downward, Event, Request, Upward, publication,
};
use crate::support::{
    Answer as Reply, Call, Client, Endpoint, Guest, JSON, PROTOBUF, RELIABLE_JSON,
    RELIABLE_PROTOBUF, Setup, USER_EVENTS, Upstream, on_shards,
};

/// What a client speaks: the name of its subprotocol, or nothing.
type Kind = Option<&'static str>;

const KINDS: [Kind; 5] =
    [Some(JSON), Some(RELIABLE_JSON), Some(PROTOBUF), Some(RELIABLE_PROTOBUF), None];

fn speaking(guest: Guest, kind: Kind) -> Guest {
    match kind {
        Some(subprotocol) => guest.speaking(subprotocol),
        None => guest.simple(),
    }
}

/// Payloads of every type, with what a careless conversion would change.
fn payloads() -> Vec<Data> {
    let text = |text: &str| Data::Text(text.to_owned());
    let json = |text: &str| Data::Json(text.to_owned());
    // A serialized `Any` is passed on as it is, in any order and with unknown fields.
    let any = |bytes: &[u8]| Data::Any(bytes.to_vec());
    vec![
        text("hi"),
        text(r#"é😀 "quoted" \ {"not":"json"}"#),
        text(""),
        json(r#"{"a": 1.00,"b":[1e3, "é"],"a":null}"#),
        json(r#""a string""#),
        json("-0"),
        Data::Binary(vec![1, 2, 3]),
        Data::Binary((0..=255).collect()),
        Data::Binary(Vec::new()),
        any(b"\x0a\x0at.test/Msg\x12\x02hi"),
        any(b"\x12\x02hi\x7a\x01!\x0a\x0at.test/Msg"),
        any(b""),
    ]
}

/// The data type and the value that stands in a JSON envelope.
fn in_json(data: &Data) -> (&'static str, String) {
    let base64 = |bytes: &[u8]| format!("\"{}\"", STANDARD.encode(bytes));
    match data {
        Data::Text(text) => ("text", serde_json::to_string(text).expect("a string")),
        Data::Json(source) => ("json", source.clone()),
        Data::Binary(bytes) => ("binary", base64(bytes)),
        Data::Any(bytes) => ("protobuf", base64(bytes)),
    }
}

/// The media type and the body in HTTP, both ways.
fn in_http(data: &Data) -> (&'static str, Vec<u8>) {
    match data {
        Data::Text(text) => ("text/plain", text.clone().into()),
        Data::Json(source) => ("application/json", source.clone().into()),
        Data::Binary(bytes) => ("application/octet-stream", bytes.clone()),
        Data::Any(bytes) => ("application/x-protobuf", bytes.clone()),
    }
}

/// The bare payload as a frame, if every receiver is to see this type again.
fn bare(data: &Data) -> Message {
    match data.clone() {
        Data::Text(text) | Data::Json(text) => text.into(),
        Data::Binary(bytes) | Data::Any(bytes) => bytes.into(),
    }
}

/// Where a message comes from, as receivers are told.
#[derive(Clone, Copy)]
enum Source {
    /// The group `room`, and the user who published if it was a client of one.
    Group(Option<&'static str>),
    Server,
}

/// The frame that a client of this kind has to receive as its message of this number.
fn expected(kind: Kind, from: Source, data: &Data, number: u64) -> Message {
    let Some(subprotocol) = kind else { return bare(data) };
    let number = subprotocol.contains("reliable").then_some(number);
    if subprotocol.starts_with("protobuf") {
        let mut message = DataMessage::of_group("room", data.clone());
        message.sequence_id = number;
        if let Source::Server = from {
            (message.from, message.group) = ("server".to_owned(), None);
        }
        return Downward { message: Some(Answer::Data(message)) }.encode_to_vec().into();
    }
    let from = match from {
        Source::Group(Some(user)) => format!(r#""group","group":"room","fromUserId":"{user}""#),
        Source::Group(None) => r#""group","group":"room""#.to_owned(),
        Source::Server => r#""server""#.to_owned(),
    };
    let (data_type, value) = in_json(data);
    let number = number.map_or(String::new(), |number| format!(r#","sequenceId":{number}"#));
    let rest = format!(r#""dataType":"{data_type}","data":{value}{number}"#);
    format!(r#"{{"type":"message","from":{from},{rest}}}"#).into()
}

/// A client and its kind, and how many messages it has received.
struct Receiver {
    kind: Kind,
    client: Client,
    received: u64,
}

impl Receiver {
    fn new(guest: Guest, kind: Kind) -> Self {
        Self { kind, client: speaking(guest, kind).connect(), received: 0 }
    }

    fn check(&mut self, from: Source, data: &Data, by: &str) {
        self.received += 1;
        let message = self.client.try_next().expect("an open connection");
        let (kind, received) = (self.kind, self.received);
        assert_eq!(message, expected(kind, from, data, received), "{data:?} {by} to {kind:?}");
    }
}

/// Members of every kind on every shard. Simple ones do not learn where they are: a few more.
fn members(server: &Endpoint) -> Vec<Receiver> {
    let guest = server.client().user("ben").groups(&["room"]);
    let mut members = Vec::new();
    for shard in 0..server.shards {
        for kind in KINDS {
            match kind {
                Some(_) => members.push(Receiver::new(guest.clone().on(shard), kind)),
                None => members.extend((0..3).map(|_| Receiver::new(guest.clone(), None))),
            }
        }
    }
    members
}

/// A frame that publishes to `room`, or an event named `e`, if such a client can say it.
fn said(kind: Kind, data: &Data, is_event: bool) -> Option<Message> {
    let Some(subprotocol) = kind else {
        let is_plain = matches!(data, Data::Text(_) | Data::Binary(_));
        return is_plain.then(|| bare(data));
    };
    if subprotocol.starts_with("protobuf") {
        let request = if is_event {
            let data = Some(data.clone().into());
            Request::Event(Event { event: "e".to_owned(), data, ..Event::default() })
        } else {
            Request::SendToGroup(publication("room", data.clone()))
        };
        return Some(Upward { message: Some(request) }.encode_to_vec().into());
    }
    let (data_type, value) = in_json(data);
    let kind = match is_event {
        true => r#""event","event":"e""#,
        false => r#""sendToGroup","group":"room""#,
    };
    Some(format!(r#"{{"type":{kind},"dataType":"{data_type}","data":{value}}}"#).into())
}

#[test]
fn every_payload_of_a_client_reaches_every_kind_of_client() {
    // P8, P9, P12-P17, P28, J17, J21, J22, J26, C33
    on_shards(&[1, 2, 4], |server| {
        let mut members = members(server);
        for kind in KINDS {
            let guest = server.client().user("ana").permitted();
            let guest = match kind {
                Some(_) => speaking(guest.on(0), kind),
                None => guest.publishing_to("room"),
            };
            let mut publisher = guest.connect();
            for data in payloads() {
                let Some(frame) = said(kind, &data, false) else { continue };
                publisher.send(frame);
                for member in &mut members {
                    member.check(Source::Group(Some("ana")), &data, &format!("from {kind:?}"));
                }
            }
        }
        // A publisher without user is nobody.
        let mut publisher = server.client().permitted().connect();
        for data in payloads() {
            publisher.send(said(Some(JSON), &data, false).expect("JSON can say everything"));
            for member in &mut members {
                member.check(Source::Group(None), &data, "from nobody");
            }
        }
    });
}

#[test]
fn every_payload_of_the_service_reaches_every_kind_of_client() {
    // P12, P15, P16, J26, J27, J44
    on_shards(&[1, 2, 4], |server| {
        let mut members = members(server);
        for data in payloads() {
            let (content_type, body) = in_http(&data);
            for (place, from) in [
                ("groups/room/:send", Source::Group(None)),
                (":send", Source::Server),
                ("users/ben/:send", Source::Server),
            ] {
                let call = Call::post(place).body(content_type, body.clone());
                if let Data::Any(_) = data {
                    call.expect(server, 415);
                    continue;
                }
                call.expect(server, 202);
                for member in &mut members {
                    member.check(from, &data, place);
                }
            }
        }
    });
}

#[test]
fn events_and_their_answers_are_converted_too() {
    // P21, P12-P14, E39, E40, E41, E42: an application that answers with what it was sent.
    let upstream = Upstream::start();
    for event in ["e", "message"] {
        upstream.respond(event, |request| {
            Reply::typed(request.expect("Content-Type"), request.body.clone())
        });
    }
    let server = Setup::new().config(&upstream.handler(USER_EVENTS)).start();
    for kind in KINDS {
        let mut asker = Receiver::new(server.client().user("ana"), kind);
        for data in payloads() {
            let Some(frame) = said(kind, &data, true) else { continue };
            asker.client.send(frame);
            let request = upstream.next(if kind.is_some() { "e" } else { "message" });
            let (content_type, body) = in_http(&data);
            let told = request.expect("Content-Type").split(';').next();
            assert_eq!((told, &request.body), (Some(content_type), &body), "{data:?} by {kind:?}");
            assert_eq!(request.header("ce-subprotocol"), kind);
            // An empty answer is none.
            if !body.is_empty() {
                asker.check(Source::Server, &data, "from the application");
            }
        }
    }
}
