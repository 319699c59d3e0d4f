//! The published Event Hubs consumer library reads what this server sent.

use serde_json::{Value, json};

use crate::support::{
    ALL, EVENT_HUB, EventHubs, KEY, KEY_NAME, event, listener, listening, output_of_script,
};

#[test]
fn the_stock_consumer_reads_the_events() {
    // L40, with the container in the place of Event Hubs: names and values as strings.
    let hubs = EventHubs::start();
    let mut server = listening(&listener("l", ALL, &hubs.endpoint()));
    let mut client = server.client().user("ana").connect();
    let id = client.id.clone();
    client.succeed(event("order.new", "é"));
    client.leave_server();
    server.stop();
    let host = hubs.host().to_string();
    let arguments = [&*host, "5672", KEY_NAME, KEY, EVENT_HUB, "3"];
    let lines: Vec<Value> = output_of_script("consume.py", &arguments);
    assert_eq!(lines.len(), 3, "{lines:?}");
    for (line, name) in lines.iter().zip(["connected", "order.new", "disconnected"]) {
        assert_eq!(line["event"], "message", "{line}");
        let properties = &line["properties"];
        for (attribute, value) in [
            ("specversion", "1.0"),
            ("awpsversion", "1.0"),
            ("eventname", name),
            ("hub", "chat"),
            ("connectionid", &*id),
            ("userid", "ana"),
            ("source", &*format!("/hubs/chat/client/{id}")),
            ("subprotocol", "json.webpubsub.azure.v1"),
        ] {
            assert_eq!(properties[format!("cloudEvents:{attribute}")], value, "{line}");
        }
        assert_eq!(line["partition-key"], json!(id));
        let number = properties["cloudEvents:id"].as_str().expect("a string");
        assert_eq!(line["message-id"], format!("{id}/{number}"));
    }
    assert_eq!(lines[0]["properties"]["cloudEvents:id"], "1");
    assert_eq!(lines[0]["content-type"], "application/json");
    assert_eq!(
        (&lines[1]["content-type"], &lines[1]["body"]),
        (&json!("text/plain"), &json!("w6k="))
    );
}
