//! The part of the output that is about event listeners.

use super::Lines;
use crate::config::listener_settings::is_listener_name;
use crate::config::table;
use crate::event::destination::{
    AmqpAuth, AmqpEndpoint, Authority, ClaimsAuth, Endpoint, EventHubEndpoint, FileEndpoint,
    FsyncPolicy, PartitionBy, PropertyPrefix, SpoolSettings,
};
use crate::event::listeners::{ListenerFilter, ListenerSettings};

impl Lines {
    /// One listener; `hub` is the hub's name as a key.
    pub(super) fn listener(&mut self, hub: &str, listener: &ListenerSettings) {
        let table = format!("hubs.{hub}.eventListeners");
        self.header(format_args!("[[{table}]]"));
        if is_listener_name(&listener.name) {
            self.value(&table::LISTENER_NAME, listener.name.as_str());
        } else {
            // The hub's name is in it, which may have other characters; nobody could write it.
            self.comment(&table::LISTENER_NAME, &listener.name);
        }
        self.header(format_args!("[{table}.filter]"));
        self.filter(&listener.filter);
        self.header(format_args!("[{table}.endpoint]"));
        match &listener.destination.endpoint {
            Endpoint::EventHub(endpoint) => {
                self.event_hub(endpoint);
                self.header(format_args!("[{table}.endpoint.auth]"));
                self.event_hub_auth(&endpoint.auth);
            }
            Endpoint::Amqp(endpoint) => {
                self.amqp(endpoint);
                self.header(format_args!("[{table}.endpoint.auth]"));
                self.amqp_auth(&endpoint.auth);
            }
            Endpoint::File(endpoint) => self.file_endpoint(endpoint),
        }
        if let Some(spool) = &listener.destination.spool {
            self.header(format_args!("[{table}.spool]"));
            self.spool(spool);
        }
    }

    fn filter(&mut self, filter: &ListenerFilter) {
        let events = [(filter.connected, "connected"), (filter.disconnected, "disconnected")];
        let events = events.into_iter().filter_map(|(is_wanted, name)| is_wanted.then_some(name));
        self.value(&table::FILTER_TYPE, "EventName");
        self.value(&table::FILTER_SYSTEM_EVENTS, events.collect::<Vec<_>>());
        self.value(&table::FILTER_USER_EVENTS, filter.user_events.as_str());
    }

    fn event_hub(&mut self, endpoint: &EventHubEndpoint) {
        let (namespace, port) = (&endpoint.namespace, endpoint.authority.port);
        self.value(&table::ENDPOINT_TYPE, "EventHub");
        self.value(&table::NAMESPACE, format!("{namespace}:{port}"));
        self.value(&table::EVENT_HUB_NAME, endpoint.event_hub.as_str());
    }

    fn event_hub_auth(&mut self, auth: &ClaimsAuth) {
        let kind = match auth {
            ClaimsAuth::Identity => "ManagedIdentity",
            ClaimsAuth::ClientCredentials(_) => "ClientCredentials",
            ClaimsAuth::SharedAccessKey(_) => "ConnectionString",
        };
        self.value(&table::ENDPOINT_AUTH_TYPE, kind);
        self.claims(auth);
    }

    fn claims(&mut self, auth: &ClaimsAuth) {
        match auth {
            ClaimsAuth::Identity => {}
            ClaimsAuth::ClientCredentials(client) => {
                self.value(&table::BROKER_TOKEN_ENDPOINT, client.token_endpoint.as_str());
                self.value(&table::BROKER_CLIENT_ID, client.client_id.as_str());
                self.comment(&table::BROKER_CLIENT_SECRET, "set");
            }
            ClaimsAuth::SharedAccessKey(_) => self.comment(&table::CONNECTION_STRING, "set"),
        }
    }

    fn amqp(&mut self, endpoint: &AmqpEndpoint) {
        let prefix = match endpoint.prefix {
            PropertyPrefix::Colon => "cloudEvents:",
            PropertyPrefix::Underscore => "cloudEvents_",
        };
        let partition_by = match endpoint.partition_by {
            PartitionBy::None => "none",
            PartitionBy::GroupId => "group-id",
            PartitionBy::Annotation => "annotation",
            PartitionBy::To => "to",
        };
        self.value(&table::ENDPOINT_TYPE, "Amqp");
        self.value(&table::BROKER_URL, url(&endpoint.authority));
        self.value(&table::BROKER_ADDRESS, endpoint.address.as_str());
        self.value(&table::PROPERTY_PREFIX, prefix);
        self.value(&table::PARTITION_BY, partition_by);
        self.value(&table::DURABLE, endpoint.is_durable);
    }

    fn amqp_auth(&mut self, auth: &AmqpAuth) {
        let setting = &table::ENDPOINT_AUTH_TYPE;
        match auth {
            AmqpAuth::Anonymous => self.value(setting, "Anonymous"),
            AmqpAuth::Plain { username, .. } => {
                self.value(setting, "Plain");
                self.value(&table::BROKER_USERNAME, username.as_str());
                self.comment(&table::BROKER_PASSWORD, "set");
            }
            AmqpAuth::Cbs(claims) => {
                self.value(setting, "Cbs");
                self.claims(claims);
            }
        }
    }

    fn file_endpoint(&mut self, file: &FileEndpoint) {
        self.value(&table::ENDPOINT_TYPE, "File");
        self.value(&table::FILE_PATH, file.path.to_string_lossy().as_ref());
        self.line(&table::FILE_BYTES_MAX, file.bytes_max);
        self.line(&table::FILES, file.files_max);
    }

    fn spool(&mut self, spool: &SpoolSettings) {
        let fsync = match spool.fsync {
            FsyncPolicy::Never => "never",
            FsyncPolicy::Interval(_) => "interval",
            FsyncPolicy::Always => "always",
        };
        self.value(&table::SPOOL_DIRECTORY, spool.directory.to_string_lossy().as_ref());
        self.line(&table::SPOOL_BYTES_MAX, spool.bytes_max);
        self.value(&table::FSYNC, fsync);
    }
}

fn url(authority: &Authority) -> String {
    let Authority { is_tls, host, port } = authority;
    let scheme = if *is_tls { "amqps" } else { "amqp" };
    if host.contains(':') {
        format!("{scheme}://[{host}]:{port}")
    } else {
        format!("{scheme}://{host}:{port}")
    }
}
