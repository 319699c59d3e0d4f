//! The settings as meant: complete, valid, immutable.
//!
//! [`Settings::resolve`] turns the layers into a [`Settings`] or into the first mistake it finds.
//! Nothing behind it checks a bound again or asks where a value came from. A hub that nobody
//! configured has [`Settings::default_hub`] (`client-connect.md` section 2: any valid name can be
//! connected to).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::StartError;
use super::args::ServeArgs;
use super::event_settings::{EventSettings, resolve_events};
use super::file::ConfigFile;
use super::handler_settings::Shared;
use super::hub_settings::{HubSettings, resolve_hubs};
use super::issuer::{IssuerSettings, resolve_issuers};
use super::layers::{Environment, Given, Layers, Origin};
use super::listener_settings::warnings_of;
use super::placement::UsableCores;
use super::secret::{Secrets, generate_keys, resolve_keys};
use super::table::{self, Setting};
use crate::auth::{AccessKeys, PublicEndpoint};
use crate::hub::name::HubName;

/// Everything that was written somewhere, and the cores found.
pub struct Sources<'a> {
    /// The command line.
    pub args: &'a ServeArgs,
    /// Environment variables.
    pub environment: Environment<'a>,
    /// The configuration file; an empty one if there is none.
    pub file: &'a ConfigFile,
    /// For the number of shards and their places.
    pub cores: UsableCores,
}

/// The settings of a server. The meaning of each is in [`table`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// At least one; no address twice unless its port is 0.
    pub listen: Vec<SocketAddr>,
    pub admin_listen: Option<SocketAddr>,
    pub shards: usize,
    /// Whether shard `i` is bound to `cores.core_of(i)`.
    pub pin: bool,
    pub cores: UsableCores,
    pub keys: AccessKeys,
    pub public_endpoints: Vec<PublicEndpoint>,
    /// No access key is good (`operations.md` section 6.4); then `keys` are not the configured
    /// ones, but ones that nobody knows.
    pub disable_local_auth: bool,
    /// No token of an issuer is good.
    pub disable_aad_auth: bool,
    /// Whose tokens the REST API accepts. No `iss` twice.
    pub issuers: Vec<IssuerSettings>,
    /// The hubs that are configured; ask [`Settings::hub`].
    pub hubs: BTreeMap<HubName, HubSettings>,
    pub default_hub: HubSettings,
    pub events: EventSettings,
    pub header_timeout: Duration,
    pub shutdown_grace: Duration,
    pub drain_deadline: Duration,
    /// `None`: the server chooses, by the number of shards.
    pub mesh_slots: Option<usize>,
    /// A valid filter for `tracing_subscriber`.
    pub log: String,
}

impl Settings {
    /// Applies flags over environment over file over defaults, and checks the result.
    pub fn resolve(sources: &Sources<'_>) -> Result<Self, StartError> {
        let Sources { args, environment, file, cores } = sources;
        let layers = Layers { environment: *environment, file };
        let values = &file.values;
        let shards = layers.number(&table::SHARDS, args.shards.as_deref(), values.shards)?;
        let seconds = |setting, flag: &Option<String>, file, default| {
            let given = layers.duration(setting, flag.as_deref(), file)?;
            Ok(given.unwrap_or(Duration::from_secs(default)))
        };
        let disable_local_auth = layers
            .switch(
                &table::DISABLE_LOCAL_AUTH,
                args.disable_local_auth.then_some(true),
                values.disable_local_auth,
            )?
            .unwrap_or(false);
        let disable_aad_auth = layers
            .switch(
                &table::DISABLE_AAD_AUTH,
                args.disable_aad_auth.then_some(true),
                values.disable_aad_auth,
            )?
            .unwrap_or(false);
        let keys = if disable_local_auth { generate_keys() } else { resolve_keys(layers, args) }?;
        let secrets = Secrets::resolve(layers)?;
        let events = resolve_events(layers, args, secrets.uris())?;
        let shared = Shared { secrets: &secrets, has_identity: events.identity.is_some() };
        let hubs = resolve_hubs(layers, &shared, events.listeners_max)?;
        let listen = resolve_listen(layers, args)?;
        if keys.is_generated() && !disable_local_auth {
            require_loopback(&listen)?;
        }
        Ok(Self {
            listen: listen.value,
            admin_listen: resolve_admin_listen(layers, args)?,
            shards: shards.unwrap_or_else(|| cores.default_shards()),
            pin: resolve_pin(layers, args)?,
            cores: cores.clone(),
            keys,
            public_endpoints: resolve_public_endpoints(layers, args)?,
            disable_local_auth,
            disable_aad_auth,
            issuers: resolve_issuers(layers)?,
            hubs,
            default_hub: HubSettings::default(),
            events,
            header_timeout: seconds(
                &table::HEADER_TIMEOUT,
                &args.header_timeout,
                values.header_timeout_in_seconds,
                10,
            )?,
            shutdown_grace: seconds(
                &table::SHUTDOWN_GRACE,
                &args.shutdown_grace,
                values.shutdown_grace_in_seconds,
                5,
            )?,
            drain_deadline: seconds(
                &table::DRAIN_DEADLINE,
                &args.drain_deadline,
                values.drain_deadline_in_seconds,
                10,
            )?,
            mesh_slots: layers.number(
                &table::MESH_SLOTS,
                args.mesh_slots.as_deref(),
                values.mesh_slots,
            )?,
            log: resolve_log(layers, args)?,
        })
    }

    /// What is allowed and perhaps not meant, a sentence each, for the log at start and when the
    /// configuration is read again.
    pub fn warnings(&self) -> Vec<String> {
        let listeners = self.hubs.values().flat_map(|hub| &hub.event_listeners);
        let of_listeners = listeners.flat_map(warnings_of);
        self.warning_of_access().into_iter().map(str::to_owned).chain(of_listeners).collect()
    }

    fn warning_of_access(&self) -> Option<&'static str> {
        match (self.disable_local_auth, self.disable_aad_auth, self.issuers.is_empty()) {
            (true, true, _) => Some(
                "disableLocalAuth and disableAadAuth are both set: only anonymous clients can \
                 connect, and nobody can call the REST API",
            ),
            (true, false, true) => Some(
                "disableLocalAuth is set and no issuer is configured: only anonymous clients can \
                 connect, and nobody can call the REST API",
            ),
            (false, true, false) => {
                Some("disableAadAuth is set: the configured issuers are not used")
            }
            _ => None,
        }
    }

    /// The settings of a hub, configured or not.
    pub fn hub(&self, name: &HubName) -> &HubSettings {
        self.hubs.get(name).unwrap_or(&self.default_hub)
    }
}

const FIX_ADDRESS: &str = "write IP:PORT, such as 127.0.0.1:8080 or [::1]:8080";

fn resolve_listen(
    layers: Layers<'_>,
    args: &ServeArgs,
) -> Result<Given<Vec<SocketAddr>>, StartError> {
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    let file = layers.file.values.listen.as_deref();
    let Some(Given { value: texts, origin }) = layers.list(&table::LISTEN, &args.listen, file)
    else {
        return Ok(Given { value: vec![default], origin: Origin::Default });
    };
    if texts.is_empty() {
        let error = StartError::new("listen", "the list is empty", "name at least one address");
        return Err(origin.mark(error));
    }
    let mut addresses = Vec::new();
    for text in texts {
        let given = Given { value: text, origin: origin.clone() };
        let address = parse_address(&table::LISTEN, &given)?;
        // The shards bind with SO_REUSEPORT, so the kernel would not object.
        if address.port() != 0 && addresses.contains(&address) {
            return Err(given.error("listen", "the address is listed twice", "list it once"));
        }
        addresses.push(address);
    }
    Ok(Given { value: addresses, origin })
}

/// A generated key is printed on the terminal and gone with the process: good for trying things out
/// on one machine, and nothing that others should depend on or attack.
fn require_loopback(listen: &Given<Vec<SocketAddr>>) -> Result<(), StartError> {
    let is_loopback = |address: &&SocketAddr| address.ip().to_canonical().is_loopback();
    let Some(public) = listen.value.iter().find(|address| !is_loopback(address)) else {
        return Ok(());
    };
    let reason = "other machines can reach it, but no access key is configured";
    let fix = "set accessKey (--access-key, CORECAST_ACCESS_KEY) or listen on 127.0.0.1";
    Err(listen.origin.mark(StartError::new("listen", reason, fix).with_value(public)))
}

fn resolve_admin_listen(
    layers: Layers<'_>,
    args: &ServeArgs,
) -> Result<Option<SocketAddr>, StartError> {
    let file = layers.file.values.admin_listen.as_deref();
    layers
        .text(&table::ADMIN_LISTEN, args.admin_listen.as_deref(), file)
        .map(|given| parse_address(&table::ADMIN_LISTEN, &given))
        .transpose()
}

fn parse_address(setting: &Setting, given: &Given<String>) -> Result<SocketAddr, StartError> {
    given.value.parse().map_err(|_| given.error(setting.name, "it is no address", FIX_ADDRESS))
}

fn resolve_pin(layers: Layers<'_>, args: &ServeArgs) -> Result<bool, StartError> {
    let flag = (args.pin || args.no_pin).then_some(args.pin);
    Ok(layers.switch(&table::PIN, flag, layers.file.values.pin)?.unwrap_or(true))
}

fn resolve_public_endpoints(
    layers: Layers<'_>,
    args: &ServeArgs,
) -> Result<Vec<PublicEndpoint>, StartError> {
    let file = layers.file.values.public_endpoints.as_deref();
    let Some(given) = layers.list(&table::PUBLIC_ENDPOINTS, &args.public_endpoint, file) else {
        return Ok(Vec::new());
    };
    let parse = |text: String| {
        let item = Given { value: text, origin: given.origin.clone() };
        PublicEndpoint::parse(&item.value).map_err(|invalid| {
            let fix = "write it like https://chat.example.com or chat.example.com:8443";
            item.error(table::PUBLIC_ENDPOINTS.name, &invalid.to_string(), fix)
        })
    };
    given.value.iter().cloned().map(parse).collect()
}

fn resolve_log(layers: Layers<'_>, args: &ServeArgs) -> Result<String, StartError> {
    let file = layers.file.values.log.as_deref();
    let Some(given) = layers.text(&table::LOG, args.log.as_deref(), file) else {
        return Ok(table::LOG.default.to_owned());
    };
    match EnvFilter::builder().parse(&given.value) {
        Ok(_) => Ok(given.value),
        Err(invalid) => {
            let fix = "write a level such as info, or filters such as warn,corecast=debug";
            Err(given.error(table::LOG.name, &invalid.to_string(), fix))
        }
    }
}

#[cfg(test)]
mod tests;
