//! A message as a script of `tests/amqp` tells it (`sections.py`): every section, and the AMQP type
//! of every value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

#[derive(Clone, Debug)]
pub(crate) struct Message(Value);

impl Message {
    pub(super) fn new(line: Value) -> Self {
        Self(line)
    }

    /// A section as it was told, or what is at this path in it; null if there is none.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The names of the sections in their order.
    pub(crate) fn sections(&self) -> Vec<&str> {
        let order = self.0["order"].as_array().expect("the sections");
        order.iter().map(|name| name.as_str().expect("a name")).collect()
    }

    /// The names of what a section of names and values holds.
    pub(crate) fn names(&self, section: &str) -> Vec<&str> {
        self.0[section].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }

    /// A value of such a section, which has to be of this type.
    pub(crate) fn typed(&self, section: &str, name: &str, kind: &str) -> Option<&str> {
        let value = self.0.get(section)?.get(name)?;
        assert_eq!(value["type"], kind, "{name}: {value}");
        Some(value["value"].as_str().unwrap_or_else(|| panic!("{name}: {value}")))
    }

    /// An application property, which has to be a string.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        self.typed("application-properties", name, "string")
    }

    /// A CloudEvents attribute, with either prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let with = |prefix: &str| self.property(&format!("{prefix}{name}"));
        with("cloudEvents:").or_else(|| with("cloudEvents_"))
    }

    fn expect(&self, name: &str) -> &str {
        self.attribute(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    pub(crate) fn event(&self) -> &str {
        self.expect("eventname")
    }

    pub(crate) fn connection_id(&self) -> &str {
        self.expect("connectionid")
    }

    pub(crate) fn id(&self) -> u64 {
        self.expect("id").parse().expect("decimal digits")
    }

    pub(crate) fn message_id(&self) -> &str {
        self.typed("properties", "message-id", "string").expect("a message id")
    }

    pub(crate) fn content_type(&self) -> &str {
        self.typed("properties", "content-type", "symbol").expect("a media type")
    }

    /// The payload, which has to be exactly one data section.
    pub(crate) fn body(&self) -> Vec<u8> {
        let [section] = self.0["body"].as_array().expect("the body").as_slice() else {
            panic!("one section: {self:?}");
        };
        assert_eq!((&section["section"], &section["type"]), (&"data".into(), &"binary".into()));
        STANDARD.decode(section["value"].as_str().expect("Base64")).expect("Base64")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body()).expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body()).expect("JSON")
    }

    /// The connection of the server that brought it, counted from 1; only of the container.
    pub(crate) fn link(&self) -> u64 {
        self.0["connection"].as_u64().expect("a number")
    }
}
