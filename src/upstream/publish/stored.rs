//! An event in the spool: the record, and the listener it counts for.

use serde::{Deserialize, Serialize};

use super::record::Record;

/// Format of what follows; a reader that does not know it leaves the event out.
const VERSION: u8 = 1;

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Stored {
    pub(super) listener: String,
    pub(super) record: Record,
}

/// The same, borrowed.
#[derive(Serialize)]
struct ToStore<'a> {
    listener: &'a str,
    record: &'a Record,
}

impl Stored {
    pub(super) fn write(listener: &str, record: &Record) -> Vec<u8> {
        let to_store = ToStore { listener, record };
        let bytes = postcard::to_extend(&to_store, vec![VERSION]);
        debug_assert!(bytes.is_ok(), "memory takes everything");
        bytes.unwrap_or_default()
    }

    /// `None` if it is not of this format.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (version, bytes) = bytes.split_first()?;
        (*version == VERSION).then(|| postcard::from_bytes(bytes).ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_back_as_it_was() {
        let record = Record {
            connection: "c".to_owned(),
            id: 7,
            hub: "chat".to_owned(),
            event: "e".to_owned(),
            content_type: "text/plain".into(),
            attributes: vec![("id".into(), "7".to_owned())],
            properties: vec![("x-webpubsub-metadata-k".to_owned(), "v".to_owned())],
            body: b"\0\xff".to_vec(),
            taken_unix_ms: 1_772_360_430_123,
        };
        let bytes = Stored::write("chat-1", &record);
        let expected = Stored { listener: "chat-1".to_owned(), record };
        assert_eq!(Stored::read(&bytes), Some(expected));
        assert_eq!(Stored::read(&bytes[..9]), None);
        assert_eq!(Stored::read(b""), None);
        assert_eq!(Stored::read(b"\x02abc"), None);
    }
}
