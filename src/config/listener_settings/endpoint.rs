//! The `endpoint` of a listener, which is of one of three types.

use std::path::Path;

use super::auth::{Broker, resolve_amqp_auth, resolve_event_hub_auth};
use super::authority::{HostPort, resolve_broker_url};
use super::{refuse_strangers, unknown_word};
use crate::config::StartError;
use crate::config::file::values::EndpointValues;
use crate::config::section::Section;
use crate::config::table::{self, Setting};
use crate::event::destination::{
    AmqpEndpoint, Authority, Endpoint, EventHubEndpoint, FileEndpoint, PartitionBy, PropertyPrefix,
};

pub(super) const AMQPS_PORT: u16 = 5671;
pub(super) const AMQP_PORT: u16 = 5672;

const FILE_BYTES: usize = 64 << 20;
const FILES: usize = 8;

pub(super) fn resolve_endpoint(
    section: &Section<'_>,
    values: &EndpointValues,
    has_identity: bool,
) -> Result<Endpoint, StartError> {
    let setting = &table::ENDPOINT_TYPE;
    let kind = section.required(setting, values.kind.as_deref())?;
    match kind.to_ascii_lowercase().as_str() {
        "eventhub" => resolve_event_hub(section, values, has_identity).map(Endpoint::EventHub),
        "amqp" => resolve_amqp(section, values).map(Endpoint::Amqp),
        "file" => resolve_file(section, values).map(Endpoint::File),
        "kafka" => Err(unknown_word(section, setting, kind, "this server speaks no Kafka")),
        _ => Err(unknown_word(section, setting, kind, "there is no such type")),
    }
}

fn resolve_event_hub(
    section: &Section<'_>,
    values: &EndpointValues,
    has_identity: bool,
) -> Result<EventHubEndpoint, StartError> {
    let known = [&table::NAMESPACE, &table::EVENT_HUB_NAME];
    refuse_strangers(section, "EventHub", &known, &given(values))?;
    let setting = &table::NAMESPACE;
    let text = section.required(setting, values.fully_qualified_namespace.as_deref())?;
    let namespace = HostPort::parse(text).ok_or_else(|| {
        // It may be a connection string.
        let shown = if text.contains(['=', '@']) { "(not shown)" } else { text };
        let fix = "write it without scheme and path, such as example.servicebus.windows.net";
        section.refuse(setting, shown, "it is no host", fix)
    })?;
    let event_hub = section.required(&table::EVENT_HUB_NAME, values.event_hub_name.as_deref())?;
    let broker = Broker {
        host: &namespace.host,
        host_setting: setting.name,
        entity: event_hub,
        entity_setting: table::EVENT_HUB_NAME.name,
    };
    let auth = section.below("auth");
    let claims = resolve_event_hub_auth(&auth, values.auth.as_ref(), &broker, has_identity)?;
    let is_tls = !claims.is_for_emulator;
    let default = if is_tls { AMQPS_PORT } else { AMQP_PORT };
    let port = namespace.port.or(claims.port).unwrap_or(default);
    Ok(EventHubEndpoint {
        namespace: namespace.written.to_owned(),
        event_hub: event_hub.to_owned(),
        auth: claims.auth,
        authority: Authority { is_tls, host: namespace.host, port },
    })
}

fn resolve_amqp(
    section: &Section<'_>,
    values: &EndpointValues,
) -> Result<AmqpEndpoint, StartError> {
    let known = [
        &table::BROKER_URL,
        &table::BROKER_ADDRESS,
        &table::PROPERTY_PREFIX,
        &table::PARTITION_BY,
        &table::DURABLE,
    ];
    refuse_strangers(section, "Amqp", &known, &given(values))?;
    let url = section.required(&table::BROKER_URL, values.url.as_deref())?;
    let authority = resolve_broker_url(section, url)?;
    let address = section.required(&table::BROKER_ADDRESS, values.address.as_deref())?;
    let partition_by = resolve_partition_by(section, values.partition_by.as_deref())?;
    if address.contains("{connectionId}") && partition_by != PartitionBy::To {
        let reason = "{connectionId} is replaced only with partitionBy = \"to\"";
        let fix = "set that, or write an address without it";
        return Err(section.refuse(&table::BROKER_ADDRESS, address, reason, fix));
    }
    let broker = Broker {
        host: &authority.host,
        host_setting: table::BROKER_URL.name,
        entity: address.trim_start_matches('/'),
        entity_setting: table::BROKER_ADDRESS.name,
    };
    let auth = resolve_amqp_auth(&section.below("auth"), values.auth.as_ref(), &broker)?;
    Ok(AmqpEndpoint {
        authority,
        address: address.to_owned(),
        prefix: resolve_prefix(section, values.property_prefix.as_deref())?,
        partition_by,
        is_durable: values.durable.unwrap_or(true),
        auth,
    })
}

fn resolve_prefix(section: &Section<'_>, word: Option<&str>) -> Result<PropertyPrefix, StartError> {
    match word {
        None | Some("cloudEvents:") => Ok(PropertyPrefix::Colon),
        Some("cloudEvents_") => Ok(PropertyPrefix::Underscore),
        Some(other) => {
            let setting = &table::PROPERTY_PREFIX;
            Err(unknown_word(section, setting, other, "CloudEvents has no such prefix"))
        }
    }
}

fn resolve_partition_by(
    section: &Section<'_>,
    word: Option<&str>,
) -> Result<PartitionBy, StartError> {
    match word {
        None | Some("none") => Ok(PartitionBy::None),
        Some("group-id") => Ok(PartitionBy::GroupId),
        Some("annotation") => Ok(PartitionBy::Annotation),
        Some("to") => Ok(PartitionBy::To),
        Some(other) => {
            Err(unknown_word(section, &table::PARTITION_BY, other, "there is no such way"))
        }
    }
}

fn resolve_file(
    section: &Section<'_>,
    values: &EndpointValues,
) -> Result<FileEndpoint, StartError> {
    let known = [&table::FILE_PATH, &table::FILE_BYTES_MAX, &table::FILES];
    refuse_strangers(section, "File", &known, &given(values))?;
    if values.auth.is_some() {
        let section = section.below("auth");
        return Err(section.mistake("it has no effect with the type File", "remove it"));
    }
    let setting = &table::FILE_PATH;
    let path = section.required(setting, values.path.as_deref())?;
    if path.ends_with('/') || Path::new(path).file_name().is_none() {
        return Err(section.refuse(setting, path, "it is a directory", "name a file in it"));
    }
    let bytes_max = section.number(&table::FILE_BYTES_MAX, values.max_bytes, FILE_BYTES)?;
    let files_max = section.number(&table::FILES, values.files, FILES)?;
    Ok(FileEndpoint {
        path: path.into(),
        bytes_max: bytes_max as u64,
        files_max: u32::try_from(files_max).unwrap_or(u32::MAX),
    })
}

/// Which settings are set, but for the type and what is in `auth`.
fn given(values: &EndpointValues) -> [(&'static Setting, bool); 10] {
    [
        (&table::NAMESPACE, values.fully_qualified_namespace.is_some()),
        (&table::EVENT_HUB_NAME, values.event_hub_name.is_some()),
        (&table::BROKER_URL, values.url.is_some()),
        (&table::BROKER_ADDRESS, values.address.is_some()),
        (&table::PROPERTY_PREFIX, values.property_prefix.is_some()),
        (&table::PARTITION_BY, values.partition_by.is_some()),
        (&table::DURABLE, values.durable.is_some()),
        (&table::FILE_PATH, values.path.is_some()),
        (&table::FILE_BYTES_MAX, values.max_bytes.is_some()),
        (&table::FILES, values.files.is_some()),
    ]
}
