//! The answer to `connect` (`events-webhook.md` sections 8.1.3 and 8.1.4).
//!
//! The content type is not examined: the .NET library sends none. Names of properties ignore case,
//! as the reference implementation's do, so they are read one by one. Whether a subprotocol was
//! offered is for whoever knows the offers.

use std::fmt;

use hyper::header::CONTENT_TYPE;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::{Answer, InvalidAnswer};
use crate::auth::token::is_valid_user_id;
use crate::event::call::{Admission, Refused};
use crate::protocol::subprotocol::validate_group_name;

/// Longest body of a refusal that is passed on to the client; more is cut off.
const REFUSAL_BODY_BYTES_MAX: usize = 64 * 1024;

/// What the body of a 2xx answer changes.
///
/// # Errors
/// The first rule that is broken.
pub(super) fn admission(body: &[u8]) -> Result<Admission, InvalidAnswer> {
    if body.is_empty() {
        return Ok(Admission::default());
    }
    let read: Option<Properties> =
        serde_json::from_slice(body).map_err(|_| InvalidAnswer::Connect)?;
    let Properties { user_id, groups, roles, subprotocol } = read.unwrap_or_default();
    let user = user_id.filter(|user| !user.is_empty());
    if user.as_deref().is_some_and(|user| !is_valid_user_id(user)) {
        return Err(InvalidAnswer::UserId);
    }
    // An empty list changes nothing, other than one of roles.
    let groups = groups.filter(|groups| !groups.is_empty());
    if groups.iter().flatten().any(|group| !validate_group_name(group)) {
        return Err(InvalidAnswer::Group);
    }
    Ok(Admission { user, groups, roles, subprotocol })
}

/// What the client gets to see of a 4xx or 5xx answer: status, body and content type.
pub(super) fn refusal(answer: Answer) -> Refused {
    let Answer { status, headers, mut body } = answer;
    body.truncate(REFUSAL_BODY_BYTES_MAX);
    let content_type = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    // It becomes a line of our own answer: nothing but what is harmless there.
    let is_printable = |value: &&[u8]| value.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let content_type = content_type
        .filter(|value| !value.is_empty())
        .filter(is_printable)
        .map(|value| String::from_utf8_lossy(value).into_owned());
    Refused { status, body, content_type }
}

/// The properties that are read; a repeated one replaces, `null` is absent.
#[derive(Default)]
struct Properties {
    user_id: Option<String>,
    groups: Option<Vec<String>>,
    roles: Option<Vec<String>>,
    subprotocol: Option<String>,
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PropertiesVisitor)
    }
}

struct PropertiesVisitor;

impl<'de> Visitor<'de> for PropertiesVisitor {
    type Value = Properties;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Properties, A::Error> {
        let mut properties = Properties::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.to_ascii_lowercase().as_str() {
                "userid" => properties.user_id = map.next_value()?,
                "groups" => properties.groups = map.next_value()?,
                "roles" => properties.roles = map.next_value()?,
                "subprotocol" => properties.subprotocol = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(properties)
    }
}
