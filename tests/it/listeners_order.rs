//! Order and repetition (events-listener.md, section 6) while links break.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::json;

use crate::support::{
    EventHubs, Message, USER, await_listener, event, eventually, listener, listening,
};

/// The numbers in the texts of events, by connection, each where it came first.
fn first_arrivals(messages: &[Arc<Message>]) -> BTreeMap<String, Vec<u32>> {
    let mut seen = HashSet::new();
    let mut arrivals: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for message in messages {
        if seen.insert(message.message_id().to_owned()) {
            let number = message.text().parse().expect("a number");
            arrivals.entry(message.connection_id().to_owned()).or_default().push(number);
        }
    }
    arrivals
}

/// Every connection's events have arrived, and in order.
pub(crate) fn assert_complete(messages: &[Arc<Message>], connections: usize, count: u32) {
    let arrivals = first_arrivals(messages);
    assert_eq!(arrivals.len(), connections);
    for (id, numbers) in arrivals {
        assert_eq!(numbers, (0..count).collect::<Vec<_>>(), "{id}");
    }
}

#[test]
fn events_of_a_connection_stay_in_order_through_cuts() {
    // L30, L31: links that end in every way, with unsettled messages on them.
    let hubs = EventHubs::start();
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut clients = [server.client().on(0).connect(), server.client().on(1).connect()];
    let mut sent = 0;
    for order in [
        json!({"do": "cut"}),
        json!({"do": "detach", "condition": "amqp:link:detach-forced"}),
        json!({"do": "close", "condition": "amqp:connection:forced"}),
    ] {
        hubs.settle_all("hold");
        for number in sent..sent + 40 {
            for client in &mut clients {
                client.succeed(event("e", &number.to_string()));
            }
        }
        sent += 40;
        let before = hubs.await_messages(1).len();
        eventually("messages under way", || {
            (hubs.messages().len() >= before.max(sent as usize)).then_some(())
        });
        hubs.settle_all("accept");
        hubs.tell(order);
        await_listener(&server, "l", "delivered", sent * 2);
    }
    assert_complete(&hubs.messages(), 2, sent);
}

#[test]
fn held_messages_are_repeated_after_a_cut_and_no_others() {
    // L31, 6.4: what was accepted before is not sent again.
    let hubs = EventHubs::start();
    let server = listening(&listener("l", USER, &hubs.endpoint()));
    let mut client = server.client().connect();
    for number in 0..10 {
        client.succeed(event("e", &number.to_string()));
    }
    await_listener(&server, "l", "delivered", 10);
    hubs.settle_all("hold");
    for number in 10..20 {
        client.succeed(event("e", &number.to_string()));
    }
    hubs.await_messages(20);
    hubs.settle_all("accept");
    hubs.simply("cut");
    await_listener(&server, "l", "delivered", 20);
    let texts: Vec<u32> =
        hubs.messages().iter().map(|message| message.text().parse().expect("a number")).collect();
    assert_eq!(texts, (0..20).chain(10..20).collect::<Vec<_>>());
    let links: Vec<_> = hubs.messages().iter().map(|message| message.link()).collect();
    assert!(links[..20].iter().all(|link| *link == links[0]), "{links:?}");
    assert!(links[20..].iter().all(|link| *link == links[0] + 1), "{links:?}");
}
