//! Where a listener's events go (`events-listener.md` sections 2.1, 5, 8), as values.
//!
//! Two listeners with equal destinations share what serves it: one link, one spool, one file.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::secret::Secret;

/// An endpoint, and what outlives its outages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    pub endpoint: Endpoint,
    pub spool: Option<SpoolSettings>,
}

/// A listener's `endpoint`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `EventHub`: Event Hubs, or what speaks like it.
    EventHub(EventHubEndpoint),
    /// `Amqp`: any AMQP 1.0 broker (section 8).
    Amqp(AmqpEndpoint),
    /// `File`: lines of JSON in a file.
    File(FileEndpoint),
}

/// For the log: without credentials.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventHub(hub) => write!(f, "{}/{}", hub.namespace, hub.event_hub),
            Self::Amqp(amqp) => {
                let Authority { is_tls, host, port } = &amqp.authority;
                let scheme = if *is_tls { "amqps" } else { "amqp" };
                write!(f, "{scheme}://{host}:{port} {}", amqp.address)
            }
            Self::File(file) => write!(f, "{}", file.path.display()),
        }
    }
}

/// An AMQP host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    pub is_tls: bool,
    /// A name, or an address without brackets.
    pub host: String,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventHubEndpoint {
    pub authority: Authority,
    /// The namespace as it is written, without port: part of the audience of tokens.
    pub namespace: String,
    pub event_hub: String,
    pub auth: ClaimsAuth,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AmqpEndpoint {
    pub authority: Authority,
    pub address: String,
    pub prefix: PropertyPrefix,
    pub partition_by: PartitionBy,
    pub is_durable: bool,
    pub auth: AmqpAuth,
}

/// What stands before the names of CloudEvents attributes (section 8.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PropertyPrefix {
    /// `cloudEvents:`
    #[default]
    Colon,
    /// `cloudEvents_`
    Underscore,
}

/// How a broker keeps events of one connection together (section 8.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PartitionBy {
    #[default]
    None,
    /// Property `group-id`.
    GroupId,
    /// Annotation `x-opt-partition-key`.
    Annotation,
    /// Property `to` on an anonymous link: the address with `{connectionId}` replaced.
    To,
}

/// How this server proves itself to a plain broker (section 8.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AmqpAuth {
    Anonymous,
    Plain { username: String, password: Secret },
    Cbs(ClaimsAuth),
}

/// What is put to the node `$cbs` (sections 5.1, 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClaimsAuth {
    /// `ManagedIdentity`: tokens as the process's `identity` says.
    Identity,
    /// `ClientCredentials`: tokens by a client of the listener's own.
    ClientCredentials(ClientCredentials),
    /// `ConnectionString`: signatures by a shared access key.
    SharedAccessKey(SharedAccessKey),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientCredentials {
    /// An https URL, or http to this machine.
    pub token_endpoint: String,
    pub client_id: String,
    pub client_secret: Secret,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SharedAccessKey {
    pub name: String,
    pub key: Secret,
}

/// A file that rotates by size: `path`, and before it `path.1`, `path.2` and so on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileEndpoint {
    pub path: PathBuf,
    /// Before the file is rotated; one event may be larger.
    pub bytes_max: u64,
    /// Rotated files that are kept.
    pub files_max: u32,
}

/// A listener's `spool`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpoolSettings {
    /// Nothing else is in it, and no other process uses it.
    pub directory: PathBuf,
    pub bytes_max: u64,
    pub fsync: FsyncPolicy,
}

/// When what is in the spool is safe from a loss of power; it is safe from the end of the process
/// in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FsyncPolicy {
    /// When the system thinks fit.
    Never,
    /// So long after it was written, at most.
    Interval(Duration),
    /// Before the event is acknowledged.
    Always,
}
