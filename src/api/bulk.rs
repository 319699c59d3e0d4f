//! The body of a bulk membership (`rest-api.md` section 6.7).

use serde_json::{Map, Value};

use super::content::ContentHeaders;
use super::error::ApiError;
use super::message::{NOT_JSON, parse_filter};
use super::operation::BulkMembership;
use super::parameters::checked_group;

/// Reads the body; property names compare without case, unknown ones are ignored.
pub(super) fn finish(content: &ContentHeaders, body: Vec<u8>) -> Result<BulkMembership, ApiError> {
    let body = content.json_charset()?.to_utf8(body);
    let body: Option<Value> = body.and_then(|text| serde_json::from_slice(&text).ok());
    let body = match body {
        Some(Value::Object(members)) => members,
        Some(_) => return Err(ApiError::bad_body("The request body is not a JSON object.")),
        None => return Err(ApiError::bad_body(NOT_JSON)),
    };
    Ok(BulkMembership {
        groups: groups(&body)?,
        filter: filter(&body)?.map(parse_filter).transpose()?,
    })
}

fn groups(body: &Map<String, Value>) -> Result<Vec<String>, ApiError> {
    let invalid = || ApiError::bad_request("groups", "At least one group is required.");
    let values = property(body, "groups").and_then(Value::as_array).ok_or_else(invalid)?;
    let group = |value: &Value| {
        let name = value.as_str().ok_or_else(|| ApiError::invalid("groups"))?;
        checked_group(name.to_owned(), "groups")
    };
    let mut groups = values.iter().map(group).collect::<Result<Vec<_>, _>>()?;
    if groups.is_empty() {
        return Err(invalid());
    }
    // Once is enough, and each costs work per connection.
    groups.sort_unstable();
    groups.dedup();
    Ok(groups)
}

/// Absent, null and empty select every connection.
fn filter(body: &Map<String, Value>) -> Result<Option<&str>, ApiError> {
    match property(body, "filter") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(ApiError::invalid("filter")),
    }
}

fn property<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    body.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
