//! Which subprotocol a connection speaks and how it begins (client-connect.md, sections 3 and 6).

use serde_json::Value;

use crate::support::{Client, Frame, JSON, Server, Token, Upgrade, Wire, frame};

fn upgrade() -> Upgrade {
    Upgrade::to_hub("chat", &Token::for_hub("chat").user("ana").sign())
}

#[test]
fn the_first_defined_name_of_the_offer_wins() {
    // C20, C24: of the names that are served; others are skipped like unknown ones.
    let server = Server::start();
    let cases = [
        (vec![JSON], Some(JSON)),
        (vec!["x, json.webpubsub.azure.v1"], Some(JSON)),
        (vec!["x", "y,json.webpubsub.azure.v1 ,z"], Some(JSON)),
        (vec!["x,,json.webpubsub.azure.v1"], Some(JSON)),
        (vec!["JSON.WEBPUBSUB.AZURE.V1"], Some("JSON.WEBPUBSUB.AZURE.V1")),
        (vec!["Json.WebPubSub.Azure.v1, json.webpubsub.azure.v1"], Some("Json.WebPubSub.Azure.v1")),
    ];
    for (offers, chosen) in cases {
        let upgrade = offers.iter().fold(upgrade(), |upgrade, offer| upgrade.offer(offer));
        let (response, wire) = upgrade.send(&server);
        assert_eq!(response.status, 101, "{offers:?}: {response:?}");
        assert_eq!(response.header("sec-websocket-protocol"), chosen, "{offers:?}");
        assert_eq!(Client::on(wire).json()["event"], "connected", "{offers:?}");
    }
}

#[test]
fn unknown_names_alone_make_a_simple_client() {
    // C21, C28
    let server = Server::start();
    for offer in [None, Some("custom.v1"), Some("a, b"), Some("json.webpubsub.azure.v2")] {
        let upgrade = offer.into_iter().fold(upgrade(), Upgrade::offer);
        let (response, mut wire) = upgrade.send(&server);
        assert_eq!(response.status, 101, "{offer:?}: {response:?}");
        assert_eq!(response.header("sec-websocket-protocol"), None, "{offer:?}");
        // Nothing greets a simple client: the answer to its ping comes first.
        wire.send(Frame::new(frame::PING, "first").bytes());
        let answer = wire.frame();
        assert_eq!((answer.opcode, answer.text()), (frame::PONG, "first"), "{offer:?}");
    }
}

#[test]
fn the_connected_message_is_the_first_frame() {
    // C28, C29, J1: also for a client that speaks before it was answered.
    let server = Server::start();
    let mut wire = Wire::connect(server.address);
    let mut segment = upgrade().offer(JSON).bytes();
    segment.extend(Frame::new(frame::PING, "early").bytes());
    segment.extend(Frame::new(frame::TEXT, r#"{"type":"ping"}"#).bytes());
    wire.send(segment);
    assert_eq!(wire.response(true).status, 101);
    let connected: Value = serde_json::from_str(wire.frame().text()).expect("JSON");
    assert_eq!(connected["event"], "connected");
    assert_eq!(wire.frame().text(), "early");
    assert_eq!(wire.frame().text(), r#"{"type":"pong"}"#);
}
