//! Streams with protobuf at one end or both (client-protobuf.md, section 4).

use serde_json::{Value, json};

use crate::streams::{acked, closed, end, fragment, start, started};
use crate::support::protobuf::{
    Answer, Data, DataMessage, Event, MessageData, NamedError, Request, SendToGroup, StreamAck,
    StreamClosed, StreamData, StreamEnd, StreamEndError, StreamFailure, StreamNack, StreamPart,
    StreamStart,
};
use crate::support::{Client, Endpoint, ProtobufClient, on_shards};

fn text(text: &str) -> Data {
    Data::Text(text.to_owned())
}

fn starting(stream: &str, change: impl FnOnce(&mut SendToGroup)) -> Request {
    let stream = StreamStart { stream_id: stream.to_owned(), idle_timeout_ms: None };
    let mut start =
        SendToGroup { group: "room".to_owned(), stream: Some(stream), ..SendToGroup::default() };
    change(&mut start);
    Request::SendToGroup(start)
}

fn part_of(stream: &str, number: u64, data: Data) -> Request {
    Request::StreamData(StreamData {
        stream_id: stream.to_owned(),
        stream_sequence_id: Some(number),
        data: Some(data.into()),
    })
}

fn ack(stream: &str, expected_sequence_id: u64) -> Answer {
    Answer::StreamAck(StreamAck { stream_id: stream.to_owned(), expected_sequence_id })
}

fn ending(stream: &str) -> Request {
    Request::StreamEnd(StreamEnd { stream_id: stream.to_owned(), error: None })
}

/// The name of the error in the next `StreamClosedMessage`.
fn close_of(publisher: &mut ProtobufClient, stream: &str) -> Option<String> {
    let closed: StreamClosed = publisher.find(|message| match message {
        Answer::StreamClosed(closed) => Some(closed),
        _ => None,
    });
    assert_eq!(closed.stream_id, stream);
    closed.error.map(|NamedError { name, .. }| name)
}

/// A part of stream `s` as subscribers have to receive it.
fn part(number: u64, data: Data) -> DataMessage {
    let mut message = DataMessage::of_group("room", data);
    let stream_id = "s".to_owned();
    message.stream =
        Some(StreamPart { stream_id, stream_sequence_id: number, ..StreamPart::default() });
    message
}

/// The terminal message of stream `s`.
fn terminal(number: u64, error: Option<StreamFailure>) -> DataMessage {
    let mut message = part(number, text(""));
    if let Some(part) = &mut message.stream {
        (part.end_of_stream, part.error) = (Some(true), error);
    }
    message
}

/// Protobuf and JSON subscribers of `room` on every shard, plain and reliable.
struct Subscribers {
    protobuf: Vec<ProtobufClient>,
    reliable: Vec<ProtobufClient>,
    json: Vec<Client>,
}

impl Subscribers {
    fn of(server: &Endpoint) -> Self {
        let guest = |shard| server.client().groups(&["room"]).on(shard);
        Self {
            protobuf: (0..server.shards).map(|at| ProtobufClient::connect(&guest(at))).collect(),
            reliable: (0..server.shards).map(|at| ProtobufClient::reliable(&guest(at))).collect(),
            json: (0..server.shards).map(|at| guest(at).connect()).collect(),
        }
    }

    /// Each of them receives this next, as its message of this number.
    fn check(&mut self, expected: &DataMessage, in_json: &Value, number: u64) {
        for subscriber in &mut self.protobuf {
            assert_eq!(subscriber.data(), *expected);
        }
        for subscriber in &mut self.reliable {
            assert_eq!(subscriber.data(), expected.clone().numbered(number));
        }
        for subscriber in &mut self.json {
            let message = subscriber.json();
            for (name, value) in in_json.as_object().expect("an object") {
                assert_eq!(message[name], *value, "{message}");
            }
        }
    }
}

#[test]
fn a_stream_of_a_protobuf_client_reaches_everybody() {
    // P23, P24, P28: a JSON client learns who publishes.
    on_shards(&[1, 2, 4], |server| {
        let mut subscribers = Subscribers::of(server);
        for is_reliable in [false, true] {
            let guest = server.client().user("ana").permitted().on(0);
            let mut publisher = match is_reliable {
                true => ProtobufClient::reliable(&guest),
                false => ProtobufClient::connect(&guest),
            };
            let before = if is_reliable { 6 } else { 0 };
            publisher.send(starting("s", |_| {}));
            assert_eq!(publisher.next(), ack("s", 1));
            let data = [
                (text("a"), json!("a"), "text"),
                (Data::Json("[1, 2]".to_owned()), json!([1, 2]), "json"),
                (Data::Binary(vec![0, 255]), json!("AP8="), "binary"),
                (Data::Any(b"\x0a\x01t".to_vec()), json!("CgF0"), "protobuf"),
                (text(""), json!(""), "text"),
            ];
            for (number, (data, in_json, kind)) in (1..).zip(data) {
                publisher.send(part_of("s", number, data.clone()));
                let stream = json!({"streamId": "s", "streamSequenceId": number});
                let in_json = json!({"dataType": kind, "data": in_json, "stream": stream,
                    "fromUserId": "ana"});
                subscribers.check(&part(number, data), &in_json, before + number);
            }
            // A sign of life is not seen, a repetition and a leap are answered.
            let alive = StreamData { stream_id: "s".to_owned(), ..StreamData::default() };
            publisher.send(Request::StreamData(alive));
            while publisher.next() != ack("s", 6) {}
            publisher.send(part_of("s", 2, text("again")));
            assert_eq!(publisher.next(), ack("s", 6));
            publisher.send(part_of("s", 9, text("early")));
            match publisher.next() {
                Answer::StreamNack(StreamNack {
                    stream_id, name, expected_sequence_id, ..
                }) => {
                    let nack = (&*stream_id, &*name, expected_sequence_id);
                    assert_eq!(nack, ("s", "InvalidSequenceId", 6));
                }
                other => panic!("a nack expected: {other:?}"),
            }
            publisher.send(ending("s"));
            assert_eq!(close_of(&mut publisher, "s"), None);
            let stream = json!({"streamId": "s", "streamSequenceId": 6, "endOfStream": true});
            let in_json = json!({"dataType": "text", "data": "", "stream": stream});
            subscribers.check(&terminal(6, None), &in_json, before + 6);
        }
    });
}

#[test]
fn a_stream_of_a_json_client_reaches_protobuf_clients() {
    // P24, P23
    on_shards(&[1, 2, 4], |server| {
        let mut subscribers = Subscribers::of(server);
        let mut publisher = server.client().user("ana").permitted().on(0).connect();
        started(&mut publisher, &start("s"));
        publisher.send_json(&fragment("s", 1, "x"));
        subscribers.check(&part(1, text("x")), &json!({"data": "x"}), 1);
        acked(&mut publisher, "s", 2);
        publisher.send_json(&end("s"));
        subscribers.check(&terminal(2, None), &json!({"data": ""}), 2);
        closed(&mut publisher, "s", None);
    });
}

#[test]
fn a_protobuf_publisher_may_say_why_it_ends() {
    // P23, J56
    on_shards(&[1, 2], |server| {
        let mut subscribers = Subscribers::of(server);
        let mut publisher = ProtobufClient::connect(&server.client().permitted().on(0));
        let reasons = [
            (
                Some("lost"),
                Some("E7"),
                json!({"name": "UserError", "message": "lost", "userErrorCode": "E7"}),
            ),
            (Some("lost"), None, json!({"name": "UserError", "message": "lost"})),
        ];
        for (number, (message, code, in_json)) in (1..).zip(reasons) {
            publisher.send(starting("s", |_| {}));
            assert_eq!(publisher.next(), ack("s", 1));
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let error = StreamEndError { message: owned(message), user_error_code: owned(code) };
            let end = StreamEnd { stream_id: "s".to_owned(), error: Some(error) };
            publisher.send(Request::StreamEnd(end));
            let told = StreamFailure {
                name: "UserError".to_owned(),
                message: owned(message).unwrap_or_default(),
                user_error_code: owned(code).unwrap_or_default(),
            };
            let stream = json!({"streamId": "s", "streamSequenceId": 1, "endOfStream": true,
                "error": in_json});
            subscribers.check(&terminal(1, Some(told)), &json!({"stream": stream}), number);
            assert_eq!(close_of(&mut publisher, "s"), None);
        }
    });
}

#[test]
fn what_a_start_must_not_have_is_refused() {
    // P23, J51, J54
    on_shards(&[1, 2], |server| {
        let mut publisher = ProtobufClient::connect(&server.client().permitted());
        let bad_request = Some("BadRequest".to_owned());
        publisher.send(starting("s", |start| start.data = Some(text("x").into())));
        assert_eq!(close_of(&mut publisher, "s"), bad_request);
        publisher.send(starting("s", |start| start.ttl_seconds = Some(30)));
        assert_eq!(close_of(&mut publisher, "s"), bad_request);
        publisher.send(starting("s", |start| {
            start.stream.as_mut().expect("a start").idle_timeout_ms = Some(0);
        }));
        assert_eq!(close_of(&mut publisher, "s"), bad_request);
        // With an ack id there is an ack too.
        publisher.send(starting("s", |start| {
            (start.ack_id, start.data) = (Some(1), Some(text("x").into()));
        }));
        assert_eq!(publisher.ack(1).error.expect("an error").name, "BadRequest");
        assert_eq!(close_of(&mut publisher, "s"), bad_request);
        publisher.send(starting("s", |start| start.ack_id = Some(1)));
        assert!(publisher.ack(1).success);
        for request in [part_of("t", 1, text("x")), ending("t")] {
            publisher.send(request);
            assert_eq!(close_of(&mut publisher, "t").as_deref(), Some("StreamNotFound"));
        }
        let stream = StreamStart { stream_id: "e".to_owned(), idle_timeout_ms: None };
        let data = Some(MessageData::from(text("x")));
        let event = Event { event: "e".to_owned(), data, stream: Some(stream), ..Event::default() };
        publisher.send(Request::Event(event));
        assert_eq!(close_of(&mut publisher, "e"), bad_request);
        let mut denied = ProtobufClient::connect(&server.client());
        denied.send(starting("s", |_| {}));
        assert_eq!(close_of(&mut denied, "s").as_deref(), Some("Forbidden"));
    });
}

#[test]
fn an_idle_stream_is_ended() {
    // P23, J57, J58
    on_shards(&[1, 2], |server| {
        let mut subscribers = Subscribers::of(server);
        let mut publisher = ProtobufClient::connect(&server.client().permitted().on(0));
        let reasons = [("IdleTimeout", Some(300)), ("Cancelled", None)];
        for (reason, idle_timeout_ms) in reasons {
            publisher.send(starting("s", |start| {
                start.stream.as_mut().expect("a start").idle_timeout_ms = idle_timeout_ms;
            }));
            assert_eq!(publisher.next(), ack("s", 1));
            if idle_timeout_ms.is_some() {
                assert_eq!(close_of(&mut publisher, "s").as_deref(), Some(reason));
            } else {
                publisher.client.send_close(1000, "");
            }
            for subscriber in subscribers.protobuf.iter_mut().chain(&mut subscribers.reliable) {
                let end = subscriber.data().stream.expect("a part of a stream");
                assert_eq!((end.stream_sequence_id, end.end_of_stream), (1, Some(true)));
                assert_eq!(end.error.expect("an error").name, reason);
            }
        }
    });
}
