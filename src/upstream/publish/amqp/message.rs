//! One event as an AMQP message (`events-listener.md` sections 4 and 8.1).
//!
//! CloudEvents' binary mode: attributes are application properties, all of them strings, and the
//! payload is the one data section. Which sections there are besides depends on the broker alone.

use fe2o3_amqp_types::messaging::{
    ApplicationProperties, Data, Header, Message, MessageAnnotations, Priority, Properties,
};
use fe2o3_amqp_types::primitives::{Binary, OrderedMap, SimpleValue, Symbol, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::record::Record;
use crate::event::destination::{AmqpEndpoint, PartitionBy, PropertyPrefix};

/// What the name of a connection may keep in an address (RFC 3986, unreserved).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Stands for the connection in an address of messages.
const CONNECTION: &str = "{connectionId}";
const PARTITION_KEY: &str = "x-opt-partition-key";

/// How messages are written for one broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    prefix: &'static str,
    /// The header, if there is one.
    is_durable: Option<bool>,
    partition: Partition,
}

/// What keeps the events of one connection together.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Partition {
    Nothing,
    GroupId,
    Annotation,
    To { address: String },
}

impl Mapping {
    pub(super) fn of_event_hub() -> Self {
        let prefix = prefix(PropertyPrefix::Colon);
        Self { prefix, is_durable: None, partition: Partition::Annotation }
    }

    pub(super) fn of_amqp(endpoint: &AmqpEndpoint) -> Self {
        let partition = match endpoint.partition_by {
            PartitionBy::None => Partition::Nothing,
            PartitionBy::GroupId => Partition::GroupId,
            PartitionBy::Annotation => Partition::Annotation,
            PartitionBy::To => Partition::To { address: endpoint.address.clone() },
        };
        let (prefix, is_durable) = (prefix(endpoint.prefix), Some(endpoint.is_durable));
        Self { prefix, is_durable, partition }
    }

    /// The event as a message.
    pub(super) fn message(&self, record: &Record) -> Message<Data> {
        Message {
            header: self.is_durable.map(header),
            delivery_annotations: None,
            message_annotations: self.annotations(record),
            properties: Some(self.properties(record)),
            application_properties: Some(self.application_properties(record)),
            body: Data(Binary::from(record.body.clone())),
            footer: None,
        }
    }

    fn annotations(&self, record: &Record) -> Option<MessageAnnotations> {
        (self.partition == Partition::Annotation).then(|| {
            let key = Value::String(record.connection.clone());
            MessageAnnotations::builder().insert(PARTITION_KEY, key).build()
        })
    }

    fn properties(&self, record: &Record) -> Properties {
        let mut properties = Properties {
            message_id: Some(format!("{}/{}", record.connection, record.id).into()),
            content_type: content_type(&record.content_type),
            ..Properties::default()
        };
        match &self.partition {
            Partition::Nothing | Partition::Annotation => {}
            Partition::GroupId => properties.group_id = Some(record.connection.clone()),
            Partition::To { address } => {
                let connection = utf8_percent_encode(&record.connection, UNRESERVED).to_string();
                properties.to = Some(address.replace(CONNECTION, &connection));
            }
        }
        properties
    }

    fn application_properties(&self, record: &Record) -> ApplicationProperties {
        let count = record.attributes.len() + record.properties.len();
        let mut map = OrderedMap::with_capacity(count);
        for (name, value) in &record.attributes {
            let name = [self.prefix, name].concat();
            map.insert(name, SimpleValue::String(value.clone()));
        }
        for (name, value) in &record.properties {
            map.insert(name.clone(), SimpleValue::String(value.clone()));
        }
        ApplicationProperties(map)
    }
}

fn prefix(prefix: PropertyPrefix) -> &'static str {
    match prefix {
        PropertyPrefix::Colon => "cloudEvents:",
        PropertyPrefix::Underscore => "cloudEvents_",
    }
}

/// Symbols are ASCII; what is not is no media type either.
fn content_type(media_type: &str) -> Option<Symbol> {
    media_type.is_ascii().then(|| Symbol::from(media_type))
}

fn header(durable: bool) -> Header {
    Header {
        durable,
        priority: Priority::default(),
        ttl: None,
        first_acquirer: false,
        delivery_count: 0,
    }
}

#[cfg(test)]
mod tests;
