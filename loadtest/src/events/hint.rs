//! What to say when not even the first event comes back: mostly the server has no handler yet.

use std::net::SocketAddr;

use crate::events::handler::Handler;
use crate::events::load::Load;

/// Why the first event may have failed, and what the server needs.
pub(super) fn first_event_failed(load: &Load, hub: &str) -> String {
    let closed = load.fleet.lost.keys().next();
    let what = load.first_failure.as_ref().or(closed).or(load.first_unreadable.as_ref());
    let what = what.map_or("no answer in time", String::as_str);
    let Handler { address, .. } = load.handler;
    let seen = match (load.handler.validations(), load.handler.events()) {
        (0, 0) => "heard nothing".to_owned(),
        (_, 0) => "was asked whether events may be posted, and got none".to_owned(),
        (_, count) => format!("got {count} events and sent them back"),
    };
    let refusal = load.handler.refusal().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let needed = needed(hub, address);
    format!("the first event failed: {what}\nthe handler on {address} {seen}{refusal}\n\n{needed}")
}

fn needed(hub: &str, address: SocketAddr) -> String {
    format!(
        "The server's configuration (corecast serve --config FILE) needs:\n\n\
         [[hubs.{hub}.eventHandlers]]\n\
         urlTemplate = \"http://{address}/{{event}}\"\n\
         userEventPattern = \"*\""
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_hub_and_address() {
        let text = needed("loadtest", "127.0.0.1:9080".parse().unwrap());
        assert!(text.ends_with(
            "[[hubs.loadtest.eventHandlers]]\n\
             urlTemplate = \"http://127.0.0.1:9080/{event}\"\n\
             userEventPattern = \"*\""
        ));
    }
}
