//! Events on a server without handlers (client-json.md, section 3.4).

use serde_json::{Value, json};

use crate::support::Server;

#[test]
fn an_event_that_nobody_handles_fails_and_the_connection_stays() {
    // J35, J37
    let server = Server::start();
    let mut client = server.client().connect();
    for event in ["message", "Order.Created-2_x"] {
        let request = json!({"type": "event", "event": event, "dataType": "text", "data": "x"});
        client.send_json(&request);
        assert_eq!(client.sync(), [] as [Value; 0]);
        client.fail(request, "InternalServerError");
    }
}
