//! Calls to the application that are answered to the caller (client-json.md, section 8).

use serde_json::{Value, json};

use crate::support::protobuf::{
    Answer as FromServer, CancelInvocation, Data, Invoke, InvokeResponse, MessageData, Request,
    StreamStart,
};
use crate::support::{
    Answer, Hold, ONE_ATTEMPT, ProtobufClient, Server, Setup, USER_EVENTS, Upstream, event,
};

pub(crate) fn handled_by(upstream: &Upstream) -> Server {
    Setup::new().config(ONE_ATTEMPT).config(&upstream.handler(USER_EVENTS)).start()
}

pub(crate) fn invoke(id: &str, event: &str) -> Value {
    json!({"type": "invoke", "invocationId": id, "target": "event", "event": event,
        "dataType": "text", "data": "x"})
}

fn cancel(id: &str) -> Value {
    json!({"type": "cancelInvocation", "invocationId": id})
}

/// Invocations that wait for this are answered with their own body.
pub(crate) fn echo_when(upstream: &Upstream, event: &str, hold: &Hold) {
    let hold = hold.clone();
    upstream.respond(event, move |request| Answer::text(request.text()).held(&hold));
}

#[test]
fn answers_come_back_to_the_call() {
    // J62, E67, J16: as a response and never as a message; the exact texts.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    for guest in [server.client(), server.client().reliable()] {
        let mut client = guest.connect();
        let any = b"\x0a\x0at.test/Msg\x12\x02hi".to_vec();
        for (answer, rest) in [
            (Answer::text("é"), r#","dataType":"text","data":"é""#),
            (
                Answer::typed("application/json", r#"{"price": 9.90}"#),
                r#","dataType":"json","data":{"price": 9.90}"#,
            ),
            (Answer::binary([0, 255]), r#","dataType":"binary","data":"AP8=""#),
            (Answer::untyped([0, 255]), r#","dataType":"binary","data":"AP8=""#),
            (
                Answer::typed("application/x-protobuf", any),
                r#","dataType":"protobuf","data":"Cgp0LnRlc3QvTXNnEgJoaQ==""#,
            ),
            (Answer::status(204), ""),
            (Answer::status(200), ""),
            (
                Answer::text("x").header("X-WebPubSub-Metadata-Trace", "a b"),
                r#","dataType":"text","data":"x","metadata":{"trace":"a b"}"#,
            ),
        ] {
            upstream.once("quote", answer);
            client.send_json(&invoke("7", "quote"));
            let expected =
                format!(r#"{{"type":"invokeResponse","invocationId":"7","success":true{rest}}}"#);
            assert_eq!(client.text(), expected);
        }
        assert_eq!(client.sync(), [] as [Value; 0]);
    }
}

#[test]
fn the_application_sees_an_ordinary_event() {
    // E67, J62: with and without payload, and with a number of its own.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let mut client = server.client().user("ana").connect();
    client.succeed(event("before", "x"));
    let first = upstream.next("before").id();
    let bare = json!({"type": "invoke", "invocationId": "1", "event": "Quote.New-2"});
    let mut with_json = bare.clone();
    with_json["data"] = json!([1, 2]);
    let mut with_binary = bare.clone();
    (with_binary["dataType"], with_binary["data"]) = (json!("binary"), json!("AP8="));
    let mut with_metadata = bare.clone();
    with_metadata["metadata"] = json!({"Key": "value"});
    for (number, (request, content_type, body)) in (1..).zip([
        (bare, "text/plain; charset=utf-8", b"".as_slice()),
        (with_json, "application/json", b"[1,2]"),
        (with_binary, "application/octet-stream", &[0, 255]),
        (with_metadata, "text/plain; charset=utf-8", b""),
    ]) {
        client.send_json(&request);
        assert_eq!(client.json()["success"], true, "{request}");
        let event = upstream.next("Quote.New-2");
        assert_eq!(event.expect("Content-Type"), content_type);
        assert_eq!(event.body, body);
        assert_eq!(event.expect("ce-type"), "azure.webpubsub.user.Quote.New-2");
        assert_eq!(event.header("ce-userId"), Some("ana"));
        assert_eq!(event.id(), first + number);
        let metadata = request.get("metadata").map(|_| "value");
        assert_eq!(event.header("x-webpubsub-metadata-key"), metadata);
    }
}

#[test]
fn calls_do_not_wait_for_each_other() {
    // J64: nor anything else for them.
    for shards in [1, 2] {
        let upstream = Upstream::start();
        let config = format!("{ONE_ATTEMPT}{}", upstream.handler(USER_EVENTS));
        let server = Setup::new().shards(shards).config(&config).start();
        let holds: Vec<_> = (0..5).map(|_| Hold::new()).collect();
        for (number, hold) in holds.iter().enumerate() {
            let text = format!("answer {number}");
            upstream.once(&format!("e{number}"), Answer::text(&text).held(hold));
        }
        let mut client = server.client().permitted().groups(&["room"]).connect();
        for number in 0..holds.len() {
            client.send_json(&invoke(&number.to_string(), &format!("e{number}")));
        }
        for number in 0..holds.len() {
            upstream.next(&format!("e{number}"));
        }
        client.publish("room", "meanwhile");
        assert_eq!(client.group_text("room"), "meanwhile");
        client.succeed(event("e", "an event too"));
        for number in [3, 0, 4, 2, 1] {
            holds[number].release();
            let answer = client.json();
            assert_eq!(answer["invocationId"], number.to_string(), "{answer}");
            assert_eq!(answer["data"], format!("answer {number}"));
        }
        assert_eq!(client.sync(), [] as [Value; 0]);
    }
}

#[test]
fn what_was_cancelled_is_not_answered() {
    // J65: also while something else is under way, and ids nobody knows do not matter.
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let mut client = server.client().connect();
    for round in 0..10 {
        let hold = Hold::new();
        echo_when(&upstream, "held", &hold);
        let (kept, cancelled) = (format!("kept {round}"), "cancelled");
        client.send_json(&invoke(cancelled, "held"));
        client.send_json(&invoke(&kept, "held"));
        upstream.await_all("held", 2 * (round + 1));
        // Cancelling is not held up by an event that blocks what follows it.
        let mut blocking = event("held", "blocks");
        blocking["ackId"] = json!(round);
        client.send_json(&blocking);
        client.send_json(&cancel(cancelled));
        client.send_json(&cancel("unknown"));
        assert_eq!(client.sync(), [] as [Value; 0]);
        hold.release();
        client.ack(round.try_into().expect("a few"));
        let kinds = client.sync();
        let answers: Vec<_> =
            kinds.iter().filter(|told| told["type"] == "invokeResponse").collect();
        assert!(answers.iter().all(|answer| answer["invocationId"] == kept), "{answers:?}");
        if answers.is_empty() {
            assert_eq!(client.of_type("invokeResponse")["invocationId"], kept);
        }
    }
    // The id is free at once.
    client.send_json(&invoke("1", "never"));
    upstream.always("never", Answer::never());
    for _ in 0..3 {
        client.send_json(&cancel("1"));
        client.send_json(&invoke("1", "never"));
    }
    assert_eq!(client.sync(), [] as [Value; 0]);
}

#[test]
fn pending_calls_end_with_the_transport() {
    // J62, J65: section 8: libraries fail them by themselves.
    let upstream = Upstream::start();
    let hold = Hold::new();
    echo_when(&upstream, "held", &hold);
    let server = handled_by(&upstream);
    let guest = server.client().reliable();
    let mut client = guest.connect();
    client.send_json(&invoke("1", "held"));
    upstream.next("held");
    let mut client = guest.recover(&client.lose());
    // The id is free.
    client.send_json(&invoke("1", "held"));
    upstream.next("held");
    hold.release();
    assert_eq!(client.json()["invocationId"], "1");
    upstream.once("last", Answer::text("last"));
    client.send_json(&invoke("2", "last"));
    assert_eq!(client.json()["invocationId"], "2");
    assert_eq!(client.sync(), [] as [Value; 0]);
}

#[test]
fn answers_change_the_state_of_the_connection() {
    // J62, E49
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let mut client = server.client().connect();
    upstream.once("e", Answer::text("x").state("a state"));
    client.send_json(&invoke("1", "e"));
    client.json();
    client.send_json(&invoke("2", "later"));
    client.json();
    assert_eq!(upstream.next("later").header("ce-connectionState"), Some("a state"));
}

#[test]
fn protobuf_clients_call_too() {
    // P25, J62, J65, J70
    let upstream = Upstream::start();
    let server = handled_by(&upstream);
    let call = |id: &str, event: &str| Invoke {
        event: event.to_owned(),
        invocation_id: id.to_owned(),
        ..Invoke::default()
    };
    let answer = |id: &str, data: Option<Data>| {
        FromServer::InvokeResponse(InvokeResponse {
            invocation_id: id.to_owned(),
            success: true,
            data: data.map(MessageData::from),
            ..InvokeResponse::default()
        })
    };
    for is_reliable in [false, true] {
        let guest = server.client();
        let mut client = match is_reliable {
            true => ProtobufClient::reliable(&guest),
            false => ProtobufClient::connect(&guest),
        };
        upstream.once("e", Answer::typed("application/json", "[3, 4]"));
        let data = Some(Data::Json("[1, 2]".to_owned()).into());
        client.send(Request::Invoke(Invoke { data, ..call("1", "e") }));
        assert_eq!(client.next(), answer("1", Some(Data::Json("[3, 4]".to_owned()))));
        let request = upstream.next("e");
        assert_eq!(
            (request.text(), request.expect("Content-Type")),
            ("[1, 2]", "application/json")
        );
        client.send(Request::Invoke(call("2", "e")));
        assert_eq!(client.next(), answer("2", None));
        assert_eq!(upstream.next("e").text(), "");

        let mut fails = |request: Invoke, name: &str| {
            let id = request.invocation_id.clone();
            client.send(Request::Invoke(request));
            match client.next() {
                FromServer::InvokeResponse(InvokeResponse {
                    invocation_id,
                    success: false,
                    data: None,
                    error: Some(error),
                    ..
                }) => assert_eq!((invocation_id, &*error.name), (id, name)),
                other => panic!("a failure expected: {other:?}"),
            }
        };
        upstream.once("e", Answer::status(400));
        fails(call("1", "e"), "InternalServerError");
        upstream.next("e");
        fails(call("1", "1x"), "BadRequest");
        let stream = Some(StreamStart { stream_id: "s".to_owned(), idle_timeout_ms: None });
        fails(Invoke { stream, ..call("1", "e") }, "BadRequest");

        let hold = Hold::new();
        upstream.once("e", Answer::text("late").held(&hold));
        client.send(Request::Invoke(call("1", "e")));
        upstream.next("e");
        client.send(Request::CancelInvocation(CancelInvocation { invocation_id: "1".to_owned() }));
        assert_eq!(client.sync(), []);
        hold.release();
        client.send(Request::Invoke(call("2", "e")));
        assert_eq!(client.next(), answer("2", None));
        upstream.next("e");
        client.send(Request::Invoke(call("", "e")));
        assert_eq!(client.disconnected().code, 1007);
    }
    let unhandled = Setup::new().start();
    let mut client = ProtobufClient::connect(&unhandled.client());
    client.send(Request::Invoke(call("1", "e")));
    match client.next() {
        FromServer::InvokeResponse(InvokeResponse {
            success: false, error: Some(error), ..
        }) => {
            assert_eq!(error.name, "NotFound");
        }
        other => panic!("a failure expected: {other:?}"),
    }
}
