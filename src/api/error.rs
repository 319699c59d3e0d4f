//! What the caller of the API did wrong, or what stopped us (`rest-api.md` section 5.1).
//!
//! One flat JSON object, its code in a header as well. Service libraries show the message to their
//! users and retry by the status: 429 and every 5xx come back within seconds, so a request that has
//! had its effect must never be answered with one of these (section 5.1.4).

use std::borrow::Cow;

use serde_json::json;

use super::category::Category;
use crate::auth::AuthFailure;

/// The `target` of an error that no single input is to blame for (section 5.1.1).
const WHOLE_REQUEST: &str = "Request";

/// An answer that is not a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: u16,
    code: &'static str,
    message: Cow<'static, str>,
    target: &'static str,
    header: Option<ErrorHeader>,
}

/// The header that some statuses require.
#[derive(Clone, Debug, PartialEq, Eq)]
enum ErrorHeader {
    WwwAuthenticate,
    Allow(String),
    RetryAfter { seconds: u32 },
}

impl ApiError {
    fn new(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), target: WHOLE_REQUEST, header: None }
    }

    /// A parameter, header or property that breaks a rule.
    pub fn bad_request(target: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { target, ..Self::new(400, "Error.BadRequest", message) }
    }

    /// The same where the rule needs no words: "Invalid messageTtlSeconds."
    pub fn invalid(target: &'static str) -> Self {
        Self::bad_request(target, format!("Invalid {target}."))
    }

    /// A body that is not what it should be.
    pub fn bad_body(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "Error.BadRequest", message)
    }

    /// Nothing is at this path.
    pub fn unknown_path() -> Self {
        Self::absent(Category::Uncategorized)
    }

    /// The path takes other methods, which are listed with commas.
    pub fn wrong_method(allowed: String) -> Self {
        let message = format!("The path takes {allowed}.");
        let header = Some(ErrorHeader::Allow(allowed));
        Self { header, ..Self::new(405, "Error.MethodNotAllowed", message) }
    }

    /// What the operation is about does not exist.
    pub fn absent(category: Category) -> Self {
        let (code, message) = category.absence();
        Self::new(404, code, message)
    }

    /// A content type, charset or content coding that is not understood.
    pub fn unsupported_media_type(message: &'static str) -> Self {
        Self::new(415, "Error.UnsupportedMediaType", message)
    }

    /// A limit on requests is exceeded (section 8.2).
    pub fn too_many_requests(retry_after_seconds: u32) -> Self {
        let header = Some(ErrorHeader::RetryAfter { seconds: retry_after_seconds });
        Self { header, ..Self::new(429, "Error.TooManyRequests", "There are too many requests.") }
    }

    /// Something is broken here.
    pub fn internal() -> Self {
        Self::new(500, "Error.Internal", "The server has failed.")
    }

    /// The node is starting, draining or out of room. Nothing of the request has been done.
    pub fn unavailable(retry_after_seconds: u32) -> Self {
        let header = Some(ErrorHeader::RetryAfter { seconds: retry_after_seconds });
        let message = "The server cannot take requests now.";
        Self { header, ..Self::new(503, "Error.ServiceUnavailable", message) }
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    /// The value of `x-ms-error-code`.
    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    /// The input that is at fault.
    pub fn target(&self) -> &'static str {
        self.target
    }

    /// The body of the answer.
    pub fn to_json(&self) -> String {
        json!({ "code": self.code, "message": self.message, "target": self.target }).to_string()
    }

    /// Name and value of the header that the status requires.
    pub(super) fn header(&self) -> Option<(&'static str, Cow<'_, str>)> {
        Some(match self.header.as_ref()? {
            ErrorHeader::WwwAuthenticate => ("WWW-Authenticate", "Bearer".into()),
            ErrorHeader::Allow(methods) => ("Allow", methods.into()),
            ErrorHeader::RetryAfter { seconds } => ("Retry-After", seconds.to_string().into()),
        })
    }
}

impl From<AuthFailure> for ApiError {
    fn from(failure: AuthFailure) -> Self {
        if failure.status() == 403 {
            return Self::new(403, "Error.Forbidden", failure.to_string());
        }
        let header = Some(ErrorHeader::WwwAuthenticate);
        Self { header, ..Self::new(401, "Error.Unauthorized", failure.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_one_flat_object() {
        // A43
        let error = ApiError::invalid("messageTtlSeconds");
        let value: serde_json::Value = serde_json::from_str(&error.to_json()).unwrap();
        let expected = json!({
            "code": "Error.BadRequest",
            "message": "Invalid messageTtlSeconds.",
            "target": "messageTtlSeconds",
        });
        assert_eq!(value, expected);
        let body: serde_json::Value =
            serde_json::from_str(&ApiError::internal().to_json()).unwrap();
        assert_eq!(body["target"], "Request");
    }
}
