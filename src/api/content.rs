//! What the head says about the body of a request (`rest-api.md` sections 5.6 and 5.7).
//!
//! The head is gone by the time the body is complete, so what is needed of it is kept as
//! [`ContentHeaders`]; judging it waits, because the length of the body comes first (section 3.6).

use super::charset::Charset;
use super::error::ApiError;
use crate::protocol::http::request::RequestHead;
use crate::protocol::subprotocol::{
    DataType, Metadata, MetadataBuilder, MetadataError, RepeatedKey,
};

/// The beginning of a metadata header's name.
const METADATA_PREFIX: &str = "x-webpubsub-metadata-";

/// The headers that describe a body.
#[derive(Debug)]
pub(super) struct ContentHeaders {
    content_type: ContentType,
    is_encoded: bool,
    metadata: Result<Metadata<'static>, MetadataError>,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentType {
    /// Text or JSON in some charset, or bytes.
    Message(DataType, Charset),
    UnknownCharset,
    Unknown,
}

impl ContentHeaders {
    pub(super) fn of(head: &RequestHead<'_>) -> Self {
        Self {
            content_type: ContentType::parse(head.values("content-type").next()),
            is_encoded: head
                .list("content-encoding")
                .any(|coding| !coding.eq_ignore_ascii_case("identity")),
            metadata: metadata(head),
        }
    }

    /// # Errors
    /// A content coding (section 1.8). It is refused whether or not the operation has a body.
    pub(super) fn check_coding(&self) -> Result<(), ApiError> {
        let message = "A Content-Encoding is not supported.";
        if self.is_encoded { Err(ApiError::unsupported_media_type(message)) } else { Ok(()) }
    }

    /// Data type and charset of the body.
    pub(super) fn message_type(&self) -> Result<(DataType, Charset), ApiError> {
        match self.content_type {
            ContentType::Message(data_type, charset) => Ok((data_type, charset)),
            ContentType::UnknownCharset => {
                Err(ApiError::unsupported_media_type("The charset is not supported."))
            }
            ContentType::Unknown => Err(ApiError::unsupported_media_type(
                "The content type must be text/plain, application/json or \
                 application/octet-stream.",
            )),
        }
    }

    /// The charset of a body that has to be JSON.
    pub(super) fn json_charset(&self) -> Result<Charset, ApiError> {
        match self.message_type() {
            Ok((DataType::Json, charset)) => Ok(charset),
            _ => {
                let message = "The content type must be application/json.";
                Err(ApiError::unsupported_media_type(message))
            }
        }
    }

    /// The metadata of the message.
    pub(super) fn into_metadata(self) -> Result<Metadata<'static>, ApiError> {
        self.metadata.map_err(|error| {
            ApiError::bad_request("X-WebPubSub-Metadata", format!("Invalid metadata: {error}"))
        })
    }
}

impl ContentType {
    /// The table of section 5.7. A header that is no text is no content type known here.
    fn parse(header: Option<&[u8]>) -> Self {
        let Ok(header) = str::from_utf8(header.unwrap_or_default()) else { return Self::Unknown };
        let mut parts = header.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let is = |name: &str| media.eq_ignore_ascii_case(name);
        let data_type = if media.is_empty() || is("application/octet-stream") {
            return Self::Message(DataType::Binary, Charset::Utf8);
        } else if is("text/plain") {
            DataType::Text
        } else if is("application/json") {
            DataType::Json
        } else {
            return Self::Unknown;
        };
        let charset = parts
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
        match charset.map(|(_, value)| Charset::from_name(value.trim().trim_matches('"'))) {
            None => Self::Message(data_type, Charset::Utf8),
            Some(Some(charset)) => Self::Message(data_type, charset),
            Some(None) => Self::UnknownCharset,
        }
    }
}

/// Section 5.6. What a later header replaces does not count towards the limits.
fn metadata(head: &RequestHead<'_>) -> Result<Metadata<'static>, MetadataError> {
    let mut entries: Vec<(String, String)> = Vec::new();
    for (key, value) in head.with_prefix(METADATA_PREFIX) {
        let value = str::from_utf8(value).map_err(|_| MetadataError::InvalidValue)?;
        let value = value.rsplit(',').next().unwrap_or_default().trim().to_owned();
        let key = key.to_ascii_lowercase();
        // A head has few lines, so comparing each with each is nothing.
        match entries.iter_mut().find(|(known, _)| *known == key) {
            Some((_, replaced)) => *replaced = value,
            None => entries.push((key, value)),
        }
    }
    let mut builder = MetadataBuilder::default();
    for (key, value) in entries {
        builder.push(key, value)?;
    }
    builder.finish(RepeatedKey::LastWins)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http::request::parse;

    fn content_type(header: &str) -> ContentType {
        ContentType::parse(Some(header.as_bytes()))
    }

    #[test]
    fn content_types_and_charsets() {
        // A46
        let text = ContentType::Message(DataType::Text, Charset::Utf8);
        let json = ContentType::Message(DataType::Json, Charset::Utf8);
        let binary = ContentType::Message(DataType::Binary, Charset::Utf8);
        for (header, expected) in [
            ("text/plain", text),
            ("Text/Plain; charset=UTF-8", text),
            ("text/plain;format=flowed ; Charset = \"utf-8\"", text),
            ("application/json", json),
            ("application/json; odata=x", json),
            ("application/octet-stream; charset=klingon", binary),
            ("", binary),
            (
                "text/plain; charset=iso-8859-1",
                ContentType::Message(DataType::Text, Charset::Latin1),
            ),
            ("text/plain; charset=klingon", ContentType::UnknownCharset),
            ("application/xml", ContentType::Unknown),
            ("text/json", ContentType::Unknown),
            ("application/json, text/plain", ContentType::Unknown),
        ] {
            assert_eq!(content_type(header), expected, "{header}");
        }
        assert_eq!(ContentType::parse(None), binary);
        assert_eq!(ContentType::parse(Some(b"text/\xff")), ContentType::Unknown);
    }

    fn metadata_of(headers: &str) -> Result<Vec<(String, String)>, MetadataError> {
        let head = format!("POST / HTTP/1.1\r\n{headers}\r\n");
        let metadata = parse(head.as_bytes(), 0, |head| metadata(&head)).unwrap().unwrap()?;
        Ok(metadata.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn metadata_comes_from_headers_and_the_last_value_wins() {
        let found = metadata_of(
            "X-WebPubSub-Metadata-Trace: 1\r\nx-webpubsub-METADATA-a~b: x, y ,  z \r\n\
             X-Other: 1\r\nX-WebPubSub-Metadata-trace: 2\r\n",
        )
        .unwrap();
        let expected = [("trace", "2"), ("a~b", "z")];
        assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(metadata_of(""), Ok(Vec::new()));
    }

    #[test]
    fn metadata_keeps_its_limits() {
        let name = "X-WebPubSub-Metadata";
        assert_eq!(metadata_of(&format!("{name}-: v\r\n")), Err(MetadataError::InvalidKey));
        assert_eq!(metadata_of(&format!("{name}-k: é\r\n")), Err(MetadataError::InvalidValue));
        let long = format!("{name}-k: {}\r\n", "v".repeat(1025));
        assert_eq!(metadata_of(&long), Err(MetadataError::ValueTooLong));
        let many: String =
            (10..18).map(|key| format!("{name}-{key}: {}\r\n", "v".repeat(1023))).collect();
        assert_eq!(metadata_of(&many), Err(MetadataError::TotalTooLong));
        let repeated = format!("{name}-k: {}\r\n", "v".repeat(1024)).repeat(20);
        assert!(metadata_of(&repeated).is_ok());
    }
}
