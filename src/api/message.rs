//! The message of a send, from its body (`rest-api.md` sections 5.5 to 5.7 and 6.3).
//!
//! The bytes of a message are passed on as they came; only another charset changes them. Order of
//! the checks: content type, body, metadata, filter (section 3.6).

use super::content::ContentHeaders;
use super::draft::SendDraft;
use super::error::ApiError;
use super::operation::{Operation, SendMessage};
use crate::hub::filter::Filter;
use crate::protocol::subprotocol::{DataType, Payload};

/// What a body in JSON that is none is answered (section 5.7).
pub(super) const NOT_JSON: &str = "The request body is not a valid JSON.";

/// Completes a send.
pub(super) fn finish(
    draft: SendDraft,
    content: ContentHeaders,
    body: Vec<u8>,
) -> Result<Operation, ApiError> {
    let (data_type, charset) = content.message_type()?;
    let payload = charset
        .to_utf8(body)
        .and_then(|bytes| Payload::from_bytes(data_type, bytes))
        .ok_or_else(|| not_a(data_type))?;
    let metadata = content.into_metadata()?;
    let filter = draft.filter.as_deref().map(parse_filter).transpose()?;
    let SendDraft { target, ttl_seconds, excluded, .. } = draft;
    let message = SendMessage { payload, metadata, ttl_seconds, excluded, filter };
    Ok(Operation::Send { target, message })
}

/// A filter that is not empty.
pub(super) fn parse_filter(text: &str) -> Result<Filter, ApiError> {
    Filter::parse(text).map_err(|error| ApiError::bad_request("filter", error.to_string()))
}

fn not_a(data_type: DataType) -> ApiError {
    ApiError::bad_body(match data_type {
        DataType::Json => NOT_JSON,
        _ => "The request body is not valid text in its charset.",
    })
}
