//! The `auth` of an endpoint (`events-listener.md` sections 5.2 and 8.1).

use super::connection_string::ConnectionString;
use super::refuse_strangers;
use crate::config::StartError;
use crate::config::file::values::EndpointAuthValues;
use crate::config::issuer::resolve_url;
use crate::config::secret::{required_secret, shown};
use crate::config::section::Section;
use crate::config::table::{self, Setting};
use crate::event::destination::{AmqpAuth, ClaimsAuth, ClientCredentials};
use crate::event::secret::Secret;

/// Whom a connection string has to be for, and which settings say so.
pub(super) struct Broker<'a> {
    pub(super) host: &'a str,
    pub(super) host_setting: &'static str,
    pub(super) entity: &'a str,
    pub(super) entity_setting: &'static str,
}

/// What is put to the broker, and what else a connection string says of it.
pub(super) struct Claims {
    pub(super) auth: ClaimsAuth,
    pub(super) port: Option<u16>,
    pub(super) is_for_emulator: bool,
}

impl Claims {
    fn new(auth: ClaimsAuth) -> Self {
        Self { auth, port: None, is_for_emulator: false }
    }
}

pub(super) fn resolve_event_hub_auth(
    section: &Section<'_>,
    values: Option<&EndpointAuthValues>,
    broker: &Broker<'_>,
    has_identity: bool,
) -> Result<Claims, StartError> {
    let default = EndpointAuthValues::default();
    let values = values.unwrap_or(&default);
    let setting = &table::ENDPOINT_AUTH_TYPE;
    let kind = values.kind.as_deref().unwrap_or("ManagedIdentity");
    let only = |kind, known: &[&Setting]| refuse_strangers(section, kind, known, &given(values));
    match kind.to_ascii_lowercase().as_str() {
        "managedidentity" => {
            only("ManagedIdentity", &[])?;
            if !has_identity {
                let reason = "there is nothing to get tokens with";
                let fix = "add an [identity] table, or choose another type";
                return Err(section.refuse(setting, kind, reason, fix));
            }
            Ok(Claims::new(ClaimsAuth::Identity))
        }
        "clientcredentials" => {
            only("ClientCredentials", &CLIENT_CREDENTIALS)?;
            resolve_client_credentials(section, values)
        }
        "connectionstring" => {
            only("ConnectionString", &[&table::CONNECTION_STRING])?;
            resolve_connection_string(section, values, broker)
        }
        "anonymous" | "plain" | "cbs" | "external" => {
            let reason = "Event Hubs does not take it";
            Err(section.refuse(setting, kind, reason, FIX_EVENT_HUB))
        }
        _ => Err(section.refuse(setting, kind, "there is no such type", FIX_EVENT_HUB)),
    }
}

pub(super) fn resolve_amqp_auth(
    section: &Section<'_>,
    values: Option<&EndpointAuthValues>,
    broker: &Broker<'_>,
) -> Result<AmqpAuth, StartError> {
    let default = EndpointAuthValues::default();
    let values = values.unwrap_or(&default);
    let setting = &table::ENDPOINT_AUTH_TYPE;
    let kind = values.kind.as_deref().unwrap_or("Anonymous");
    let only = |kind, known: &[&Setting]| refuse_strangers(section, kind, known, &given(values));
    match kind.to_ascii_lowercase().as_str() {
        "anonymous" => {
            only("Anonymous", &[])?;
            Ok(AmqpAuth::Anonymous)
        }
        "plain" => {
            only("Plain", &[&table::BROKER_USERNAME, &table::BROKER_PASSWORD])?;
            let username = section.required(&table::BROKER_USERNAME, values.username.as_deref())?;
            let password =
                required_secret(section, &table::BROKER_PASSWORD, values.password.as_deref())?;
            Ok(AmqpAuth::Plain { username: username.to_owned(), password: Secret::new(&password) })
        }
        "cbs" => {
            let [endpoint, id, secret] = CLIENT_CREDENTIALS;
            only("Cbs", &[&table::CONNECTION_STRING, endpoint, id, secret])?;
            resolve_cbs(section, values, broker).map(AmqpAuth::Cbs)
        }
        "external" => {
            let reason = "this server has no client certificates";
            Err(section.refuse(setting, kind, reason, FIX_AMQP))
        }
        "managedidentity" | "clientcredentials" | "connectionstring" => {
            let reason = "it is for the endpoint type EventHub";
            Err(section.refuse(setting, kind, reason, FIX_AMQP))
        }
        _ => Err(section.refuse(setting, kind, "there is no such type", FIX_AMQP)),
    }
}

const FIX_EVENT_HUB: &str = r#"write "ManagedIdentity", "ClientCredentials" or "ConnectionString""#;
const FIX_AMQP: &str = r#"write "Anonymous", "Plain" or "Cbs""#;

/// Cbs is what Event Hubs has, so its credentials are of the same kinds; which one is seen by what
/// is set.
fn resolve_cbs(
    section: &Section<'_>,
    values: &EndpointAuthValues,
    broker: &Broker<'_>,
) -> Result<ClaimsAuth, StartError> {
    let is_client = [&values.token_endpoint, &values.client_id, &values.client_secret]
        .into_iter()
        .any(Option::is_some);
    match (values.connection_string.is_some(), is_client) {
        // TLS or not is the URL's business here, also with an emulator.
        (true, false) => Ok(resolve_connection_string(section, values, broker)?.auth),
        (false, true) => Ok(resolve_client_credentials(section, values)?.auth),
        (true, true) => {
            let reason = "it has connectionString and what belongs to tokenEndpoint";
            Err(section.mistake(reason, "keep one of them"))
        }
        (false, false) => {
            let fix = "set connectionString, or tokenEndpoint, clientId and clientSecret";
            Err(section.mistake("it has nothing to prove itself with", fix))
        }
    }
}

fn resolve_client_credentials(
    section: &Section<'_>,
    values: &EndpointAuthValues,
) -> Result<Claims, StartError> {
    let setting = &table::BROKER_TOKEN_ENDPOINT;
    let url = section.required(setting, values.token_endpoint.as_deref())?;
    let client_id = section.required(&table::BROKER_CLIENT_ID, values.client_id.as_deref())?;
    let setting_secret = &table::BROKER_CLIENT_SECRET;
    let secret = required_secret(section, setting_secret, values.client_secret.as_deref())?;
    Ok(Claims::new(ClaimsAuth::ClientCredentials(ClientCredentials {
        token_endpoint: resolve_url(section, setting, url)?.as_str().to_owned(),
        client_id: client_id.to_owned(),
        client_secret: Secret::new(&secret),
    })))
}

fn resolve_connection_string(
    section: &Section<'_>,
    values: &EndpointAuthValues,
    broker: &Broker<'_>,
) -> Result<Claims, StartError> {
    let setting = &table::CONNECTION_STRING;
    let reference = values.connection_string.as_deref();
    let text = required_secret(section, setting, reference)?;
    let refuse = |reason: &str, fix: &str| {
        section.refuse(setting, shown(reference.unwrap_or_default()), reason, fix)
    };
    let found = ConnectionString::parse(&text).map_err(|reason| {
        let fix = "write it as the Azure portal shows it: \
                   Endpoint=sb://HOST/;SharedAccessKeyName=NAME;SharedAccessKey=KEY";
        refuse(reason, fix)
    })?;
    if found.host != broker.host {
        let reason = format!("its Endpoint is not the host in {}", broker.host_setting);
        return Err(refuse(&reason, "name the same host in both"));
    }
    if found.entity.is_some_and(|entity| !entity.eq_ignore_ascii_case(broker.entity)) {
        let setting = broker.entity_setting;
        let reason = format!("its EntityPath is not what {setting} says");
        return Err(refuse(&reason, "use a connection string for that one"));
    }
    Ok(Claims {
        auth: ClaimsAuth::SharedAccessKey(found.key),
        port: found.port,
        is_for_emulator: found.is_for_emulator,
    })
}

static CLIENT_CREDENTIALS: [&Setting; 3] =
    [&table::BROKER_TOKEN_ENDPOINT, &table::BROKER_CLIENT_ID, &table::BROKER_CLIENT_SECRET];

/// Which settings are set, but for the type.
fn given(values: &EndpointAuthValues) -> [(&'static Setting, bool); 6] {
    [
        (&table::CONNECTION_STRING, values.connection_string.is_some()),
        (&table::BROKER_TOKEN_ENDPOINT, values.token_endpoint.is_some()),
        (&table::BROKER_CLIENT_ID, values.client_id.is_some()),
        (&table::BROKER_CLIENT_SECRET, values.client_secret.is_some()),
        (&table::BROKER_USERNAME, values.username.is_some()),
        (&table::BROKER_PASSWORD, values.password.is_some()),
    ]
}
