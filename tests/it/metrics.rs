//! What the counters say about connections (operations.md, section 2).

use std::collections::BTreeSet;

use crate::support::http::request;
use crate::support::{Frame, Server, Setup, Token, Upgrade, frame, on_shards};

const OPENED: &str = "corecast_connections_opened_total";
const CLOSED: &str = "corecast_connections_closed_total";
const OPEN: &str = "corecast_connections";
const HANDSHAKES: &str = "corecast_client_handshakes_total";

#[test]
fn opening_and_closing_count_once_each() {
    // O2, O3
    on_shards(&[1, 2, 4], |server| {
        let client = server.client().connect();
        server.await_metric(OPENED, &[], 1.0);
        server.await_metric(OPEN, &[], 1.0);
        server.await_metric(CLOSED, &[], 0.0);
        client.leave_server();
        server.await_metric(CLOSED, &[("category", "Normal")], 1.0);
        server.await_metric(CLOSED, &[], 1.0);
        server.await_metric(OPENED, &[], 1.0);
        server.await_metric(OPEN, &[], 0.0);
        // A client that vanishes, and one on another shard of another kind.
        drop(server.client().connect());
        drop(server.client().simple().connect());
        server.await_metric(CLOSED, &[], 3.0);
        server.await_metric(OPENED, &[], 3.0);
        server.await_metric(OPEN, &[], 0.0);
    });
}

#[test]
fn reasons_have_a_category() {
    // O3
    let server = Server::start();
    let mut malformed = server.client().connect();
    malformed.send("x");
    assert_eq!(malformed.disconnected().code, 1007);
    let mut denied = server.client().publishing_to("room").connect();
    denied.send("x");
    assert_eq!(denied.closed().code, 1008);
    let mut invalid = server.client().wire();
    assert_eq!(invalid.frame().opcode, frame::TEXT);
    invalid.send(Frame::new(frame::PING, "").unmasked().bytes());
    assert_eq!(invalid.close().code, 1002);
    server.await_metric(CLOSED, &[("category", "BadRequest")], 2.0);
    server.await_metric(CLOSED, &[("category", "Unauthorized")], 1.0);
    server.await_metric(CLOSED, &[], 3.0);
}

#[test]
fn refused_handshakes_are_counted_as_such_only() {
    // O5
    let server = Server::start();
    let token = Token::for_hub("chat").sign();
    for (upgrade, status) in [
        (Upgrade::new("/client/hubs/chat"), 401),
        (Upgrade::to_hub("other", &token), 401),
        (Upgrade::to_hub("1abc", &token), 400),
        (
            Upgrade::to_hub("chat", &token)
                .without("sec-websocket-version")
                .header("Sec-WebSocket-Version", "7"),
            426,
        ),
    ] {
        assert_eq!(upgrade.status(&server), status);
    }
    server.await_metric(HANDSHAKES, &[("status", "401")], 2.0);
    server.await_metric(HANDSHAKES, &[("status", "400")], 1.0);
    server.await_metric(HANDSHAKES, &[("status", "426")], 1.0);
    let _client = server.client().connect();
    server.await_metric(HANDSHAKES, &[("status", "101")], 1.0);
    server.await_metric(OPENED, &[], 1.0);
    server.await_metric(CLOSED, &[], 0.0);
}

#[test]
fn messages_and_frames_are_counted() {
    // operations.md, section 2.5
    on_shards(&[1, 2], |server| {
        let mut publisher = server.client().permitted().on(0).connect();
        let mut members: Vec<_> = (0..3)
            .map(|_| server.client().groups(&["room"]).on(server.shards - 1).connect())
            .collect();
        for _ in 0..5 {
            publisher.publish("room", "counted");
            for member in &mut members {
                assert_eq!(member.group_text("room"), "counted");
            }
        }
        server.await_metric("corecast_inbound_messages_total", &[], 5.0);
        let metrics = server.metrics();
        // Acks and the like may be counted as well.
        let outbound = metrics.sum("corecast_outbound_messages_total", &[]);
        assert!(outbound >= 15.0, "{outbound} messages");
        let frames = metrics.sum("corecast_frames_written_total", &[]);
        let writes = metrics.sum("corecast_writes_total", &[]);
        assert!(frames >= 20.0, "{frames} frames");
        assert!(writes >= 1.0 && writes <= frames, "{writes} writes of {frames} frames");
    });
}

#[test]
fn labels_name_nobody_and_stay_few() {
    // O7: and the public address does not show them.
    let server = Setup::new().shards(1).start();
    let mut client = server.client().user("secret-user").permitted().connect();
    client.join("secret-group");
    client.publish("secret-group", "secret-text");
    let metrics = server.metrics();
    for labels in metrics.labels() {
        assert!(!labels.contains("secret"), "{labels}");
        assert!(!labels.contains(&client.id), "{labels}");
    }
    assert_eq!(request(&server, "GET", "/metrics").status, 404);
    for number in 0..150 {
        let hub = format!("hub{number}");
        assert_eq!(Upgrade::to_hub(&hub, &Token::for_hub(&hub).sign()).status(&server), 101);
    }
    server.await_metric(OPENED, &[], 151.0);
    let metrics = server.metrics();
    let hubs: BTreeSet<_> = metrics
        .labels()
        .filter_map(|labels| labels.split("hub=\"").nth(1)?.split('"').next())
        .collect();
    assert!(hubs.len() <= 101, "{} hubs", hubs.len());
}
