//! The answer to a user event: what the client is told (`events-webhook.md` section 8.4.3).

use hyper::header::{CONTENT_TYPE, HeaderMap};

use super::InvalidAnswer;
use crate::event::call::Reply;
use crate::protocol::cloudevents::attributes::METADATA_PREFIX;
use crate::protocol::subprotocol::{
    DataType, Metadata, MetadataBuilder, MetadataError, Payload, RepeatedKey,
};

/// The message for the client, if there is one.
///
/// # Errors
/// The first rule that is broken.
pub(super) fn reply(headers: &HeaderMap, body: Vec<u8>) -> Result<Option<Reply>, InvalidAnswer> {
    let metadata = metadata(headers).map_err(InvalidAnswer::Metadata)?;
    if body.is_empty() {
        // Whatever its content type. Metadata need a message to travel with.
        let has_metadata = !metadata.is_empty();
        return Ok(has_metadata.then(|| Reply { payload: Payload::text(""), metadata }));
    }
    let payload = match data_type(headers)? {
        DataType::Text => Payload::text(text(body)),
        data_type => Payload::from_bytes(data_type, body).ok_or(InvalidAnswer::Payload)?,
    };
    Ok(Some(Reply { payload, metadata }))
}

/// What the content type says, whatever its parameters; without one the body is binary.
fn data_type(headers: &HeaderMap) -> Result<DataType, InvalidAnswer> {
    let value = headers.get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let media_type = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    match media_type.to_ascii_lowercase().as_slice() {
        b"" | b"application/octet-stream" => Ok(DataType::Binary),
        b"text/plain" => Ok(DataType::Text),
        b"application/json" => Ok(DataType::Json),
        b"application/x-protobuf" => Ok(DataType::Protobuf),
        _ => Err(InvalidAnswer::ContentType),
    }
}

fn text(body: Vec<u8>) -> String {
    String::from_utf8(body)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn metadata(headers: &HeaderMap) -> Result<Metadata<'static>, MetadataError> {
    let mut builder = MetadataBuilder::default();
    for (name, value) in headers {
        // Names of received headers are in lower case, and so is the prefix.
        let Some(key) = name.as_str().strip_prefix(METADATA_PREFIX) else { continue };
        let value = value.to_str().map_err(|_| MetadataError::InvalidValue)?;
        builder.push(key.to_owned(), value.to_owned())?;
    }
    builder.finish(RepeatedKey::LastWins)
}
