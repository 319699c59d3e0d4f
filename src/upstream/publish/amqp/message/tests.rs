//! Messages section by section, as values and as bytes.

use fe2o3_amqp_types::messaging::message::__private::{Deserializable, Serializable};
use fe2o3_amqp_types::messaging::{Body, MessageId};

use super::*;
use crate::event::destination::{AmqpAuth, Authority};

fn record() -> Record {
    Record {
        connection: "jD2k9cZq".to_owned(),
        id: 4,
        hub: "chat".to_owned(),
        event: "order.new".to_owned(),
        content_type: "application/json".into(),
        attributes: vec![
            ("specversion".into(), "1.0".to_owned()),
            ("id".into(), "4".to_owned()),
            ("time".into(), "2026-03-01T10:20:30Z".to_owned()),
            ("eventname".into(), "order.new".to_owned()),
        ],
        properties: vec![("x-webpubsub-metadata-trace".to_owned(), "Zoë".to_owned())],
        body: br#"{"item":"x1"}"#.to_vec(),
        taken_unix_ms: 0,
    }
}

fn amqp(partition_by: PartitionBy, prefix: PropertyPrefix, is_durable: bool) -> Mapping {
    let authority = Authority { is_tls: false, host: "b".to_owned(), port: 5672 };
    let address = "/exchanges/e/{connectionId}".to_owned();
    let auth = AmqpAuth::Anonymous;
    Mapping::of_amqp(&AmqpEndpoint { authority, address, prefix, partition_by, is_durable, auth })
}

/// As a consumer sees it.
fn received(mapping: &Mapping, record: &Record) -> Message<Body<Value>> {
    let bytes = serde_amqp::to_vec(&Serializable(mapping.message(record))).unwrap();
    let message: Deserializable<Message<Body<Value>>> = serde_amqp::from_slice(&bytes).unwrap();
    message.0
}

fn application_properties(message: &Message<Body<Value>>) -> Vec<(&str, &SimpleValue)> {
    let map = &message.application_properties.as_ref().unwrap().0;
    map.iter().map(|(name, value)| (name.as_str(), value)).collect()
}

fn string(text: &str) -> SimpleValue {
    SimpleValue::String(text.to_owned())
}

// L10, L11, L13, L14, L15, L16, L18, L37
#[test]
fn an_event_hub_gets_the_sections_of_chapter_4_and_no_others() {
    let record = record();
    let message = received(&Mapping::of_event_hub(), &record);
    assert_eq!(message.header, None);
    assert_eq!(message.delivery_annotations, None);
    assert_eq!(message.footer, None);
    let annotations = message.message_annotations.as_ref().unwrap();
    let key = Value::String("jD2k9cZq".to_owned());
    assert_eq!(annotations.0, MessageAnnotations::builder().insert(PARTITION_KEY, key).build().0);
    let properties = Properties {
        message_id: Some(MessageId::String("jD2k9cZq/4".to_owned())),
        content_type: Some(Symbol::from("application/json")),
        ..Properties::default()
    };
    assert_eq!(message.properties, Some(properties));
    let expected = [
        ("cloudEvents:specversion", string("1.0")),
        ("cloudEvents:id", string("4")),
        ("cloudEvents:time", string("2026-03-01T10:20:30Z")),
        ("cloudEvents:eventname", string("order.new")),
        ("x-webpubsub-metadata-trace", string("Zoë")),
    ];
    let expected: Vec<_> = expected.iter().map(|(name, value)| (*name, value)).collect();
    assert_eq!(application_properties(&message), expected);
    let Body::Data(sections) = message.body else { panic!("no data section") };
    assert_eq!(sections.iter().map(|data| data.0.to_vec()).collect::<Vec<_>>(), [record.body]);
}

// The bytes of the sections whose types matter: section 4.1.
#[test]
fn keys_of_annotations_and_the_media_type_are_symbols_and_the_rest_strings() {
    let bytes = serde_amqp::to_vec(&Serializable(Mapping::of_event_hub().message(&record())));
    let bytes = bytes.unwrap();
    let annotations = b"\x00\x53\x72\xc1\x20\x02\xa3\x13x-opt-partition-key\xa1\x08jD2k9cZq";
    assert_eq!(bytes.get(..annotations.len()), Some(&annotations[..]));
    let contains = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(contains(b"\xa1\x0ajD2k9cZq/4"));
    assert!(contains(b"\xa3\x10application/json"));
    assert!(contains(b"\xa1\x0ecloudEvents:id\xa1\x014"));
    assert!(bytes.ends_with(b"\x00\x53\x75\xa0\x0d{\"item\":\"x1\"}"));
}

// L10, section 4.1.1
#[test]
fn an_empty_payload_is_an_empty_data_section() {
    let empty = Record { body: Vec::new(), ..record() };
    let bytes = serde_amqp::to_vec(&Serializable(Mapping::of_event_hub().message(&empty))).unwrap();
    assert!(bytes.ends_with(b"\x00\x53\x75\xa0\x00"));
}

// L38
#[test]
fn the_underscore_is_before_all_attributes_and_nothing_else() {
    let mapping = amqp(PartitionBy::None, PropertyPrefix::Underscore, true);
    let message = received(&mapping, &record());
    let names: Vec<_> =
        application_properties(&message).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "cloudEvents_specversion",
            "cloudEvents_id",
            "cloudEvents_time",
            "cloudEvents_eventname",
            "x-webpubsub-metadata-trace"
        ]
    );
}

// Section 8.1
#[test]
fn other_brokers_get_a_header_and_what_keeps_their_order() {
    let of = |partition_by, is_durable| {
        received(&amqp(partition_by, PropertyPrefix::Colon, is_durable), &record())
    };
    let none = of(PartitionBy::None, true);
    assert_eq!(none.header.as_ref().map(|header| header.durable), Some(true));
    assert_eq!(none.message_annotations, None);
    let properties = none.properties.unwrap();
    assert_eq!((properties.group_id, properties.to), (None, None));

    let fleeting = of(PartitionBy::None, false);
    assert!(fleeting.header.is_none_or(|header| !header.durable));

    let grouped = of(PartitionBy::GroupId, true).properties.unwrap();
    assert_eq!(grouped.group_id.as_deref(), Some("jD2k9cZq"));
    assert!(of(PartitionBy::Annotation, true).message_annotations.is_some());
}

#[test]
fn an_address_names_the_connection_percent_encoded() {
    let mapping = amqp(PartitionBy::To, PropertyPrefix::Colon, true);
    let record = Record { connection: "a/b é~".to_owned(), ..record() };
    let to = received(&mapping, &record).properties.unwrap().to;
    assert_eq!(to.as_deref(), Some("/exchanges/e/a%2Fb%20%C3%A9~"));
}

#[test]
fn a_media_type_that_is_no_symbol_is_left_out() {
    let record = Record { content_type: "té/xt".into(), ..record() };
    let properties = received(&Mapping::of_event_hub(), &record).properties.unwrap();
    assert_eq!(properties.content_type, None);
}
