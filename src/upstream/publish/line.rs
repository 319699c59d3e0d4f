//! An event as a line of JSON: its CloudEvents attributes, its further properties, and its body.
//!
//! The names are those of `events-listener.md` section 4.2 without prefix. `data` is the value of a
//! JSON body and the string of a text; anything else is in `data_base64`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::record::Record;

/// Appends the line of an event.
pub(super) fn write_line(out: &mut Vec<u8>, record: &Record) {
    let written = serde_json::to_writer(&mut *out, &Line(record));
    debug_assert!(written.is_ok(), "memory takes everything");
    out.push(b'\n');
}

struct Line<'a>(&'a Record);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &record.attributes {
            map.serialize_entry(name, value)?;
        }
        for (name, value) in &record.properties {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("datacontenttype", &record.content_type)?;
        let text = std::str::from_utf8(&record.body).ok();
        match (&*record.content_type, text) {
            ("text/plain", Some(text)) => map.serialize_entry("data", text)?,
            // A line break between the parts of a value would be the end of the line.
            ("application/json", Some(text)) if !text.contains(['\n', '\r']) => {
                match serde_json::from_str::<&RawValue>(text) {
                    Ok(value) => map.serialize_entry("data", value)?,
                    Err(_) => map.serialize_entry("data_base64", &STANDARD.encode(text))?,
                }
            }
            ("application/json", Some(text)) => {
                match serde_json::from_str::<serde_json::Value>(text) {
                    Ok(value) => map.serialize_entry("data", &value)?,
                    Err(_) => map.serialize_entry("data_base64", &STANDARD.encode(text))?,
                }
            }
            _ => map.serialize_entry("data_base64", &STANDARD.encode(&record.body))?,
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn line(content_type: &'static str, body: &[u8]) -> Value {
        let record = Record {
            connection: "c".to_owned(),
            id: 2,
            hub: "chat".to_owned(),
            event: "e".to_owned(),
            content_type: content_type.into(),
            attributes: vec![("id".into(), "2".to_owned())],
            properties: vec![("x-webpubsub-metadata-k".to_owned(), "v\n".to_owned())],
            body: body.to_vec(),
            taken_unix_ms: 0,
        };
        let mut out = Vec::new();
        write_line(&mut out, &record);
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
        serde_json::from_slice(&out).expect("a line is JSON")
    }

    #[test]
    fn bodies_keep_their_kind() {
        assert_eq!(line("text/plain", b"a\nb")["data"], json!("a\nb"));
        assert_eq!(line("application/json", b"{\"n\":1.0}")["data"].to_string(), r#"{"n":1.0}"#);
        assert_eq!(line("application/json", b"[1,\n2]")["data"], json!([1, 2]));
        assert_eq!(line("application/octet-stream", b"\xff")["data_base64"], json!("/w=="));
        assert_eq!(line("application/json", b"{")["data_base64"], json!("ew=="));
        let line = line("application/x-protobuf", b"");
        assert_eq!(line["id"], json!("2"));
        assert_eq!(line["x-webpubsub-metadata-k"], json!("v\n"));
        assert_eq!(line["datacontenttype"], json!("application/x-protobuf"));
    }
}
