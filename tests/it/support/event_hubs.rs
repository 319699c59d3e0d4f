//! Event Hubs as `tests/amqp/container.py` plays it: on a loopback address of its own, so that it
//! can go and come back, and failing as it is told.

use std::net::Ipv4Addr;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Value, json};

use super::certificate::Certificate;
use super::script::{Message, Script};
use super::upstream::fresh_loopback;

pub(crate) const KEY_NAME: &str = "corecast-send";
pub(crate) const KEY: &str = "c2hhcmVkLWFjY2Vzcy1rZXktb2YtdGhlLXRlc3Rz";
pub(crate) const EVENT_HUB: &str = "client-events";
pub(crate) const PORT: u16 = 5672;

/// The container, with the one key [`KEY`].
pub(crate) struct EventHubs {
    script: Script,
    host: Ipv4Addr,
}

impl EventHubs {
    pub(crate) fn start() -> Self {
        Self::at(fresh_loopback(), &[])
    }

    /// With TLS, at the address that the certificate is for.
    pub(crate) fn with_tls(host: Ipv4Addr, certificate: &Certificate) -> Self {
        Self::at(host, &[&certificate.path(), &certificate.key_path()])
    }

    fn at(host: Ipv4Addr, tls: &[&str]) -> Self {
        let (name, port) = (host.to_string(), PORT.to_string());
        let arguments: Vec<_> = [&*name, &*port].into_iter().chain(tls.iter().copied()).collect();
        let script = Script::start("container.py", &arguments);
        script.await_line("listening", |_| true);
        let hubs = Self { script, host };
        hubs.tell(json!({"do": "keys", "keys": {KEY_NAME: KEY}}));
        hubs
    }

    pub(crate) fn tell(&self, order: Value) {
        self.script.order(&order);
    }

    /// An order without anything more to say.
    pub(crate) fn simply(&self, order: &str) {
        self.tell(json!({"do": order}));
    }

    /// What becomes of all further messages.
    pub(crate) fn settle_all(&self, with: &str) {
        self.tell(json!({"do": "settle", "with": with}));
    }

    /// Rejects so many further messages.
    pub(crate) fn reject_next(&self, count: u32, condition: &str) {
        let order =
            json!({"do": "settle", "with": "reject", "count": count, "condition": condition});
        self.tell(order);
    }

    /// The messages so far that were sent to this event hub.
    pub(crate) fn messages_at(&self, event_hub: &str) -> Vec<Arc<Message>> {
        let mut messages = self.script.messages();
        messages.retain(|message| message.at("/address") == event_hub);
        messages
    }

    /// The event names of these messages.
    pub(crate) fn names_at(&self, event_hub: &str) -> Vec<String> {
        let messages = self.messages_at(event_hub);
        messages.iter().map(|message| message.event().to_owned()).collect()
    }

    pub(crate) fn host(&self) -> Ipv4Addr {
        self.host
    }

    pub(crate) fn connection_string(&self) -> String {
        format!(
            "Endpoint=sb://{}/;SharedAccessKeyName={KEY_NAME};SharedAccessKey={KEY};\
             UseDevelopmentEmulator=true",
            self.host
        )
    }

    /// The endpoint of a listener, with the key.
    pub(crate) fn endpoint(&self) -> String {
        self.endpoint_of(EVENT_HUB)
    }

    /// The same for another event hub.
    pub(crate) fn endpoint_of(&self, event_hub: &str) -> String {
        self.endpoint_with(
            event_hub,
            &format!(
                "type = \"ConnectionString\", connectionString = \"{}\"",
                self.connection_string()
            ),
        )
    }

    /// The same with other credentials.
    pub(crate) fn endpoint_with(&self, event_hub: &str, auth: &str) -> String {
        let host = self.host;
        format!(
            "{{ type = \"EventHub\", fullyQualifiedNamespace = \"{host}:{PORT}\", \
             eventHubName = \"{event_hub}\", auth = {{ {auth} }} }}"
        )
    }

    /// The same as a broker with claims: without TLS, which an endpoint for Event Hubs has to have
    /// with any other credentials.
    pub(crate) fn claims_endpoint(&self, auth: &str) -> String {
        let host = self.host;
        format!(
            "{{ type = \"Amqp\", url = \"amqp://{host}:{PORT}\", address = \"{EVENT_HUB}\", \
             auth = {{ type = \"Cbs\", {auth} }} }}"
        )
    }
}

impl Deref for EventHubs {
    type Target = Script;

    fn deref(&self) -> &Script {
        &self.script
    }
}
