//! The headers of an event's request, spelled as in the table of `events-webhook.md` section 5.3.
//!
//! `Content-Length`, `Authorization` and `Cookie` are not among them: they belong to the transport.
//! `ce-datacontenttype` must not be sent, because `Content-Type` says it.

use std::borrow::Cow;
use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use crate::protocol::subprotocol::Metadata;

/// Before the key of each metadata entry, in requests and answers.
pub const METADATA_PREFIX: &str = "x-webpubsub-metadata-";
/// The state that a handler keeps at a connection (section 9), in requests and answers.
pub const CONNECTION_STATE: &str = "ce-connectionState";
/// The last second that has a year of four digits.
const TIME_UNIX_S_MAX: u64 = 253_402_300_799;

/// A header's name and value. Values are UTF-8 and without control characters, as long as the
/// attributes are.
pub type Header<'a> = (Cow<'static, str>, Cow<'a, str>);

/// The family of an event (section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    System,
    User,
    Presence,
}

impl Category {
    /// The type of the event of this name (`ce-type`).
    pub fn event_type(self, name: &str) -> String {
        let prefix = match self {
            Self::System => "azure.webpubsub.sys.",
            Self::User => "azure.webpubsub.user.",
            Self::Presence => "azure.webpubsub.gp.",
        };
        format!("{prefix}{name}")
    }
}

/// Everything that the headers of one event say (section 5.3).
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    pub category: Category,
    /// Without the prefix of its category.
    pub event_name: &'a str,
    /// `ce-id`: counts the events of a connection (section 5.4).
    pub id: u64,
    pub time_unix_s: u64,
    /// Finished text of section 5.5; absent while local authentication is disabled.
    pub signature: Option<&'a str>,
    /// In lower case.
    pub hub: &'a str,
    pub connection_id: &'a str,
    pub user_id: Option<&'a str>,
    pub subprotocol: Option<&'a str>,
    /// Empty if no handler has set one.
    pub connection_state: &'a str,
    /// Host of this server as the application knows it, without port.
    pub origin: &'a str,
    pub content_type: &'static str,
    /// The same for every attempt to deliver the event; see [`request_id`].
    pub request_id: &'a str,
    pub metadata: Option<&'a Metadata<'a>>,
}

impl<'a> Attributes<'a> {
    /// The headers, in the order of the specification's table.
    pub fn headers(&self) -> Vec<Header<'a>> {
        let event_type = self.category.event_type(self.event_name);
        let source = source(self.hub, self.connection_id);
        let metadata = self.metadata.map(Metadata::iter).into_iter().flatten();
        let metadata =
            metadata.map(|(key, value)| (Cow::from(metadata_name(key)), Cow::from(value)));
        let always = |name, value| Some((Cow::Borrowed(name), value));
        let maybe = |name, value: Option<&'a str>| {
            let value = value.filter(|value| !value.is_empty())?;
            Some((Cow::Borrowed(name), Cow::Borrowed(value)))
        };
        [
            always("Content-Type", self.content_type.into()),
            always("WebHook-Request-Origin", self.origin.into()),
            always("ce-specversion", "1.0".into()),
            always("ce-awpsversion", "1.0".into()),
            always("ce-type", event_type.into()),
            always("ce-source", source.into()),
            always("ce-id", self.id.to_string().into()),
            always("ce-time", time(self.time_unix_s).into()),
            maybe("ce-signature", self.signature),
            always("ce-hub", self.hub.into()),
            always("ce-connectionId", self.connection_id.into()),
            always("ce-eventName", self.event_name.into()),
            // Raw UTF-8 (section 5.6): nobody decodes it, and applications give it back to REST.
            maybe("ce-userId", self.user_id),
            maybe("ce-subprotocol", self.subprotocol),
            maybe(CONNECTION_STATE, Some(self.connection_state)),
            always("x-ms-client-request-id", self.request_id.into()),
        ]
        .into_iter()
        .flatten()
        .chain(metadata)
        .collect()
    }
}

/// All headers of a validation request (section 4.1). The second is in no document, but libraries
/// of application servers take no notice of a request without it.
pub fn validation_headers(origin: &str) -> [(&'static str, &str); 2] {
    [("WebHook-Request-Origin", origin), ("ce-awpsversion", "1.0")]
}

/// A version 4 UUID of random bytes, for `x-ms-client-request-id`.
pub fn request_id(random: [u8; 16]) -> String {
    //= RFC 9562, section 5.4: six bits say version and variant.
    let bits = u128::from_be_bytes(random);
    let bits = bits & !(0xf << 76) | 0x4 << 76;
    let bits = bits & !(0x3 << 62) | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let mut text = String::with_capacity(36);
    for (index, digit) in hex.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

/// The name that carries a metadata entry, in requests and messages to brokers.
pub fn metadata_name(key: &str) -> String {
    format!("{METADATA_PREFIX}{}", key.to_ascii_lowercase())
}

/// `ce-source`: where events of a connection come from.
pub fn source(hub: &str, connection_id: &str) -> String {
    format!("/hubs/{hub}/client/{connection_id}")
}

/// `ce-time`: `yyyy-MM-ddTHH:mm:ssZ`.
pub fn time(unix_s: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(unix_s.min(TIME_UNIX_S_MAX));
    let mut text = String::with_capacity(20);
    let written = write!(text, "{}", humantime::format_rfc3339_seconds(time));
    debug_assert!(written.is_ok(), "the year has four digits");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::subprotocol::{MetadataBuilder, RepeatedKey};

    const USER_EVENT: Attributes<'static> = Attributes {
        category: Category::User,
        event_name: "order.new",
        id: 4,
        time_unix_s: 1_772_360_430,
        signature: Some("sha256=6f1c,sha256=09ab"),
        hub: "chat",
        connection_id: "jD2k9cZq",
        user_id: Some("ann"),
        subprotocol: Some("json.webpubsub.azure.v1"),
        connection_state: "eyJrIjoxfQ==",
        origin: "corecast.example.com",
        content_type: "application/json",
        request_id: "2f6c4a1e-8a0e-4a6e-9f0e-0c6a5f7d1b11",
        metadata: None,
    };

    fn value(attributes: &Attributes<'_>, name: &str) -> Option<String> {
        let headers = attributes.headers();
        let mut values = headers.iter().filter(|(found, _)| found == name);
        let value = values.next().map(|(_, value)| value.as_ref().to_owned());
        assert_eq!(values.next(), None, "{name} is there once");
        value
    }

    // E17: the example of section 5.1.
    #[test]
    fn headers_are_those_of_the_specification_in_its_spelling() {
        let headers = USER_EVENT.headers();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let expected = [
            ("Content-Type", "application/json"),
            ("WebHook-Request-Origin", "corecast.example.com"),
            ("ce-specversion", "1.0"),
            ("ce-awpsversion", "1.0"),
            ("ce-type", "azure.webpubsub.user.order.new"),
            ("ce-source", "/hubs/chat/client/jD2k9cZq"),
            ("ce-id", "4"),
            ("ce-time", "2026-03-01T10:20:30Z"),
            ("ce-signature", "sha256=6f1c,sha256=09ab"),
            ("ce-hub", "chat"),
            ("ce-connectionId", "jD2k9cZq"),
            ("ce-eventName", "order.new"),
            ("ce-userId", "ann"),
            ("ce-subprotocol", "json.webpubsub.azure.v1"),
            ("ce-connectionState", "eyJrIjoxfQ=="),
            ("x-ms-client-request-id", "2f6c4a1e-8a0e-4a6e-9f0e-0c6a5f7d1b11"),
        ];
        assert_eq!(headers, expected);
    }

    // E20, E22, E49 (absent while empty)
    #[test]
    fn what_there_is_nothing_to_say_of_is_absent() {
        let anonymous = Attributes {
            signature: None,
            user_id: None,
            subprotocol: None,
            connection_state: "",
            ..USER_EVENT
        };
        for name in ["ce-signature", "ce-userId", "ce-subprotocol", "ce-connectionState"] {
            assert_eq!(value(&anonymous, name), None, "{name}");
        }
        let empty = Attributes { user_id: Some(""), ..USER_EVENT };
        assert_eq!(value(&empty, "ce-userId"), None);
    }

    // E22
    #[test]
    fn a_user_id_is_sent_as_it_is() {
        let attributes = Attributes { user_id: Some("J\u{fc}rgen %20 \u{1f600}"), ..USER_EVENT };
        assert_eq!(value(&attributes, "ce-userId").as_deref(), Some("Jürgen %20 😀"));
    }

    // E58 (the type)
    #[test]
    fn a_type_begins_with_the_events_family() {
        let of = |category, event_name| {
            value(&Attributes { category, event_name, ..USER_EVENT }, "ce-type").unwrap()
        };
        assert_eq!(of(Category::System, "connect"), "azure.webpubsub.sys.connect");
        assert_eq!(of(Category::User, "message"), "azure.webpubsub.user.message");
        assert_eq!(of(Category::Presence, "left"), "azure.webpubsub.gp.left");
    }

    #[test]
    fn metadata_become_headers_in_lower_case() {
        let mut builder = MetadataBuilder::default();
        builder.push("Trace-Id", "A b").unwrap();
        builder.push("x", "").unwrap();
        let metadata = builder.finish(RepeatedKey::Refused).unwrap();
        let attributes = Attributes { metadata: Some(&metadata), ..USER_EVENT };
        assert_eq!(value(&attributes, "x-webpubsub-metadata-trace-id").as_deref(), Some("A b"));
        assert_eq!(value(&attributes, "x-webpubsub-metadata-x").as_deref(), Some(""));
    }

    // E9, E10 (the pure part)
    #[test]
    fn a_validation_request_has_two_headers() {
        let expected =
            [("WebHook-Request-Origin", "corecast.example.com"), ("ce-awpsversion", "1.0")];
        assert_eq!(validation_headers("corecast.example.com"), expected);
    }

    #[test]
    fn request_ids_are_random_uuids() {
        assert_eq!(request_id([0; 16]), "00000000-0000-4000-8000-000000000000");
        assert_eq!(request_id([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn times_have_whole_seconds_and_four_digits_of_year() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(time(u64::MAX), "9999-12-31T23:59:59Z");
    }
}
