//! What to say when the first event fails: mostly the server is not configured for it yet.

use std::net::SocketAddr;

use crate::events::handler::Handler;
use crate::events::listeners::Listeners;
use crate::events::load::Load;

/// Why the first event may have failed, and what the server needs.
pub(super) fn first_event_failed(load: &Load, hub: &str) -> String {
    let closed = load.fleet.lost.keys().next();
    let what = load.first_failure.as_ref().or(closed).or(load.first_unreadable.as_ref());
    let what = what.map_or("no answer in time", String::as_str);
    let rest = match &load.handler {
        Some(handler) => {
            let needed = handler_needed(hub, handler.address);
            format!("{}\n\n{needed}", heard(handler))
        }
        None => format!("\n{}", listener_needed(hub)),
    };
    format!("the first event failed: {what}\n{rest}")
}

/// Why the first event, although acknowledged, may not have reached a listener.
pub(super) fn first_event_undelivered(listeners: &Listeners<'_>, hub: &str) -> String {
    let what = match (listeners.dropped(), listeners.queued()) {
        (0, 0) => "no listener has got it; is --metrics the same server's?".to_owned(),
        (0, queued) => format!("{queued} events wait for listeners; is the broker there?"),
        (dropped, _) => format!("listeners dropped {dropped} events; the server's log says why"),
    };
    let needed = listener_needed(hub);
    format!("the first event was acknowledged and not delivered: {what}\n\n{needed}")
}

/// What the handler knows of the first event.
fn heard(handler: &Handler) -> String {
    let seen = match (handler.validations(), handler.events()) {
        (0, 0) => "heard nothing".to_owned(),
        (_, 0) => "was asked whether events may be posted, and got none".to_owned(),
        (_, count) => format!("got {count} events and sent them back"),
    };
    let refusal = handler.refusal().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("the handler on {} {seen}{refusal}", handler.address)
}

fn handler_needed(hub: &str, address: SocketAddr) -> String {
    format!(
        "The server's configuration (corecast serve --config FILE) needs:\n\n\
         [[hubs.{hub}.eventHandlers]]\n\
         urlTemplate = \"http://{address}/{{event}}\"\n\
         userEventPattern = \"*\""
    )
}

fn listener_needed(hub: &str) -> String {
    format!(
        "The server's configuration (corecast serve --config FILE) needs a listener, and no event \
         handler of the hub may get user events:\n\n\
         [[hubs.{hub}.eventListeners]]\n\
         filter = {{ type = \"EventName\", userEventPattern = \"*\" }}\n\
         endpoint = {{ type = \"File\", path = \"events.jsonl\" }}   # or a broker"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_hub_and_address() {
        let text = handler_needed("loadtest", "127.0.0.1:9080".parse().unwrap());
        assert!(text.ends_with(
            "[[hubs.loadtest.eventHandlers]]\n\
             urlTemplate = \"http://127.0.0.1:9080/{event}\"\n\
             userEventPattern = \"*\""
        ));
    }

    #[test]
    fn what_listeners_need_names_the_hub_and_no_handler() {
        let text = listener_needed("chat");
        assert!(text.contains("\n[[hubs.chat.eventListeners]]\nfilter = { type = \"EventName\","));
        assert!(!text.contains("urlTemplate"));
    }
}
