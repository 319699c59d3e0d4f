//! Reliable connections and time: the recovery window, silence, and messages that grow old
//! (client-connect.md, sections 10 and 11.1; client-json.md, section 2.6).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::frame::{CLOSE, PING};
use crate::support::{
    ALL_EVENTS, Call, Close, Guest, Pass, Server, Setup, Upstream, eventually, on_shards,
    publication,
};

const WINDOW: Duration = Duration::from_secs(30);
/// Coarse timers and a busy machine.
const SLACK: Duration = Duration::from_secs(6);
/// Pings that come before the patience for one frame is over let a read last longer. Who does not
/// answer three of them is dropped, but only after the window.
const PINGED: &str = "[hubs.chat]\nwebSocketKeepAliveIntervalInSeconds = 15\n";
const PINGED_OFTEN: &str = "[hubs.chat]\nwebSocketKeepAliveIntervalInSeconds = 1\n";

fn member(server: &Server) -> Guest {
    server.client().user("ana").permitted().groups(&["room"]).reliable()
}

#[test]
fn after_half_a_minute_the_connection_is_gone() {
    // C43, C48, E35, E36, J58, J68: and everything about it; whoever came back in time stays.
    let upstream = Upstream::start();
    let config = format!("{PINGED}{}", upstream.handler(ALL_EVENTS));
    let server = Setup::new().config(&config).start();
    let guest = member(&server);
    let mut witness = server.client().permitted().groups(&["room"]).connect();
    witness.succeed(json!({"type": "subscribeGroupState", "group": "room"}));
    assert_eq!(witness.json()["type"], "groupStateSnapshot");

    let mut gone = guest.connect();
    gone.succeed(json!({"type": "setGroupState", "group": "room", "state": {"is": "here"}}));
    assert_eq!(witness.json()["items"][0]["state"], json!({"is": "here"}));
    gone.send_json(&json!({"type": "sendToGroup", "group": "room", "stream": {"streamId": "s"}}));
    gone.of_type("streamAck");
    let back = guest.connect();

    let lost = Instant::now();
    let (gone, back) = (gone.lose(), back.lose());
    server.await_detached(2);
    let mut back = guest.recover(&back);
    server.await_detached(1);
    let exists = Call::new("HEAD", format!("connections/{}", gone.id));
    exists.expect(&server, 200);

    // The end of the stream and of the state, in any order.
    let mut end = [witness.json(), witness.json()];
    let lasted = lost.elapsed();
    end.sort_by_key(|message| message["type"].to_string());
    assert!(lasted >= WINDOW, "removed after {lasted:?}");
    assert!(lasted <= WINDOW + SLACK, "removed after {lasted:?}");
    let [state, stream] = end;
    assert_eq!(state["type"], "groupStateUpdate");
    assert_eq!(state["items"][0]["connectionId"], gone.id);
    assert_eq!(state["items"][0].get("state"), None, "{state}");
    assert_eq!(stream["stream"]["endOfStream"], true, "{stream}");
    assert_eq!(stream["stream"]["error"]["name"], "Cancelled", "{stream}");

    server.await_detached(0);
    exists.expect(&server, 404);
    guest.refused(&gone);
    let told = upstream.next("disconnected");
    assert_eq!(told.connection_id(), gone.id);
    assert_eq!(told.json()["reason"], "The connection could not be recovered in time.");
    // The other one had come back and only now goes.
    back.publish("room", "still here");
    assert_eq!(witness.group_text("room"), "still here");
    // The end of the stream, and what it has said itself.
    assert_eq!([back.group_text("room"), back.group_text("room")], ["", "still here"]);
    let id = back.id.clone();
    back.leave_server();
    assert_eq!(upstream.next("disconnected").connection_id(), id);
    assert_eq!(upstream.all("disconnected").len(), 2);
}

#[test]
fn a_connection_that_fell_silent_can_come_back() {
    // C45, C40: a stalled network is what recovery is for.
    let server = Setup::new().config(PINGED_OFTEN).start();
    let guest = member(&server);
    let mut silent = guest.wire();
    let connected: Value = serde_json::from_str(silent.frame().text()).expect("JSON");
    let text = |name: &str| connected[name].as_str().expect("a text").to_owned();
    let pass = Pass::new(text("connectionId"), text("reconnectionToken"));
    server.client().permitted().connect().publish("room", "kept");
    let close = loop {
        let frame = silent.frame_or_end().expect("a close frame before the end");
        match frame.opcode {
            PING => {}
            CLOSE => break Close::from_payload(&frame.payload),
            _ => assert!(frame.text().contains("kept"), "{frame:?}"),
        }
    };
    assert_eq!((close.code, &*close.reason), (1001, "PingTimeout"));
    server.await_detached(1);
    let mut client = guest.recover(&pass);
    assert_eq!(client.group_text("room"), "kept");
}

#[test]
fn messages_that_grew_old_are_not_sent_again() {
    // A62, J44, J45: they leave holes in the numbers.
    on_shards(&[1, 2], |server| {
        let guest = member(server);
        let mut client = guest.clone().on(0).connect();
        let mut witness = guest.clone().on(0).connect();
        let mut publisher = server.client().permitted().on(server.shards - 1).connect();
        let mut publish = |text: &str, ttl: u64| {
            let mut request = publication("room", text);
            request["ttlSeconds"] = json!(ttl);
            publisher.succeed(request);
        };
        let by_rest = |text: &str, ttl: &str| {
            Call::text("groups/room/:send", text)
                .query("messageTtlSeconds", ttl)
                .expect(server, 202);
        };
        publish("delivered, short", 1);
        publish("delivered, long", 300);
        let texts: Vec<_> = (0..2).map(|_| client.group_text("room")).collect();
        assert_eq!(texts, ["delivered, short", "delivered, long"]);
        let pass = client.lose();
        server.await_detached(1);
        publish("short", 1);
        publish("for ever", 0);
        // What comes by another way is not in order with what clients publish.
        while witness.group_text("room") != "for ever" {}
        by_rest("short", "1");
        by_rest("long", "300");
        by_rest("short", "1");
        let published = Instant::now();
        let hour_glass = || (published.elapsed() >= Duration::from_secs(3)).then_some(());
        eventually("three seconds", hour_glass);

        let mut client = guest.recover(&pass);
        let numbered = |messages: Vec<Value>| -> Vec<(u64, String)> {
            let text = |message: &Value| message["data"].as_str().unwrap_or_default().to_owned();
            let number = |message: &Value| message["sequenceId"].as_u64().expect("a number");
            messages.iter().map(|message| (number(message), text(message))).collect()
        };
        let expected = [(2, "delivered, long"), (4, "for ever"), (6, "long")];
        let expected = expected.map(|(number, text)| (number, text.to_owned()));
        assert_eq!(numbered(client.sync()), expected);
        // An acknowledgement across a hole releases what is before it.
        client.send_json(&json!({"type": "sequenceAck", "sequenceId": 5}));
        publish("next", 1);
        assert_eq!(client.json()["sequenceId"], 8);
        let mut client = guest.recover(&client.lose());
        let numbers = numbered(client.sync());
        assert_eq!(numbers.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [6, 8]);
    });
}
