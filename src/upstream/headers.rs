//! From the specification's spelling of headers to the HTTP library's values.

use std::borrow::Cow;

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::protocol::cloudevents::Header;

/// Room for `Host`, `Content-Length`, `Authorization` and `Cookie`.
const OTHER_HEADERS: usize = 4;

/// Makes the names that are in every request constants: parsing them would be a third of the cost
/// of a request's headers.
macro_rules! known_names {
    ($($constant:ident = $text:literal, $lower:literal;)+) => {
        $(const $constant: HeaderName = HeaderName::from_static($lower);)+

        fn known(name: &str) -> Option<HeaderName> {
            match name {
                "Content-Type" => Some(CONTENT_TYPE),
                $($text => Some($constant),)+
                _ => None,
            }
        }
    };
}

known_names! {
    ORIGIN = "WebHook-Request-Origin", "webhook-request-origin";
    SPEC_VERSION = "ce-specversion", "ce-specversion";
    AWPS_VERSION = "ce-awpsversion", "ce-awpsversion";
    TYPE = "ce-type", "ce-type";
    SOURCE = "ce-source", "ce-source";
    ID = "ce-id", "ce-id";
    TIME = "ce-time", "ce-time";
    SIGNATURE = "ce-signature", "ce-signature";
    HUB = "ce-hub", "ce-hub";
    CONNECTION_ID = "ce-connectionId", "ce-connectionid";
    EVENT_NAME = "ce-eventName", "ce-eventname";
    USER_ID = "ce-userId", "ce-userid";
    SUBPROTOCOL = "ce-subprotocol", "ce-subprotocol";
    CONNECTION_STATE = "ce-connectionState", "ce-connectionstate";
    REQUEST_ID = "x-ms-client-request-id", "x-ms-client-request-id";
}

/// The headers as they are sent. What HTTP cannot carry is left out; by construction only
/// metadata of clients could be such.
pub(super) fn header_map<'a>(headers: impl ExactSizeIterator<Item = Header<'a>>) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.len() + OTHER_HEADERS);
    for (name, value) in headers {
        let name = known(&name).or_else(|| HeaderName::from_bytes(name.as_bytes()).ok());
        let value = match value {
            Cow::Borrowed(value) => HeaderValue::from_bytes(value.as_bytes()),
            Cow::Owned(value) => HeaderValue::from_maybe_shared(hyper::body::Bytes::from(value)),
        };
        if let (Some(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
    map
}
