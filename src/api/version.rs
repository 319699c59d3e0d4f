//! The `api-version` parameter (`rest-api.md` section 2).
//!
//! The version gates nothing: every operation behaves the same under each. It is checked because
//! callers rely on hearing that a version is unknown, and kept because a link to the next page
//! repeats it.

use super::error::ApiError;
use crate::protocol::http::query;

/// The value of the `api-supported-versions` header (section 2.3).
pub(super) const SUPPORTED_VERSIONS: &str =
    "2021-10-01, 2022-11-01, 2023-07-01, 2024-01-01, 2024-12-01";

/// What a request without a version gets.
pub(super) const NEWEST: &str = "2024-12-01";

/// As received, and as it is called here. Old .NET clients can choose the previews.
const ACCEPTED: [(&str, &str); 7] = [
    ("2024-12-01", NEWEST),
    ("2024-01-01", "2024-01-01"),
    ("2023-07-01", "2023-07-01"),
    ("2022-11-01", "2022-11-01"),
    ("2021-10-01", "2021-10-01"),
    ("2022-10-01-preview", "2022-11-01"),
    ("2021-08-01-preview", "2021-10-01"),
];

/// The version that a query asks for.
pub(super) fn of(query: &str) -> Result<&'static str, ApiError> {
    let mut values = query::checked_values(query, "api-version");
    let accepted = match (values.next(), values.next()) {
        (None, _) => Some(NEWEST),
        (Some(Some(value)), None) => {
            ACCEPTED.iter().find(|(name, _)| *name == value).map(|(_, version)| *version)
        }
        _ => None,
    };
    let message = "The specified API version is not supported.";
    accepted.ok_or_else(|| ApiError::bad_request("api-version", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_versions_two_previews_and_none_at_all_are_accepted() {
        // A35, A36
        for version in SUPPORTED_VERSIONS.split(", ") {
            assert_eq!(of(&format!("api-version={version}")), Ok(version));
        }
        assert_eq!(of("API-Version=2021-08-01-preview&x=y"), Ok("2021-10-01"));
        assert_eq!(of("x=y"), Ok(NEWEST));
        for query in [
            "api-version=2019-01-01",
            "api-version=",
            "api-version",
            "api-version=2024-12-01&api-version=2024-12-01",
            "api-version=2022-10-01-PREVIEW",
            "api-version=%ff",
        ] {
            assert_eq!(of(query).unwrap_err().target(), "api-version", "{query}");
        }
    }
}
