//! Which operation a method and a path mean (`rest-api.md` sections 1.3 and 6.1).
//!
//! The table is the overview of section 6.1, line for line. A path is split at its literal slashes
//! before anything is decoded, so an escaped slash never separates; each segment is decoded once.
//! Words compare without case and with their escapes undone, names are taken as they are: whether
//! a name is valid is asked later, because an unknown path comes first (section 3.6).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::category::Category;
use super::error::ApiError;
use super::parameters::{checked_group, checked_user, decode_segment};
use crate::hub::name::HubName;
use crate::hub::permission::Action;

/// Method, path and operation; a word in braces stands for a name.
const ROUTES: [(&str, &str, Category); 26] = [
    ("GET", "api/health", Category::HealthCheck),
    ("HEAD", "api/health", Category::HealthCheck),
    ("POST", "api/hubs/{hub}/:send", Category::SendToAll),
    ("POST", "api/hubs/{hub}/groups/{group}/:send", Category::SendToGroup),
    ("POST", "api/hubs/{hub}/users/{user}/:send", Category::SendToUser),
    ("POST", "api/hubs/{hub}/connections/{connection}/:send", Category::SendToConnection),
    ("HEAD", "api/hubs/{hub}/connections/{connection}", Category::CheckConnectionExists),
    ("HEAD", "api/hubs/{hub}/groups/{group}", Category::CheckGroupExists),
    ("HEAD", "api/hubs/{hub}/users/{user}", Category::CheckUserExists),
    ("DELETE", "api/hubs/{hub}/connections/{connection}", Category::CloseClientConnection),
    ("POST", "api/hubs/{hub}/:closeConnections", Category::CloseAllConnections),
    ("POST", "api/hubs/{hub}/groups/{group}/:closeConnections", Category::CloseGroupConnections),
    ("POST", "api/hubs/{hub}/users/{user}/:closeConnections", Category::CloseUserConnections),
    (
        "PUT",
        "api/hubs/{hub}/groups/{group}/connections/{connection}",
        Category::AddConnectionToGroup,
    ),
    (
        "DELETE",
        "api/hubs/{hub}/groups/{group}/connections/{connection}",
        Category::RemoveConnectionFromGroup,
    ),
    (
        "DELETE",
        "api/hubs/{hub}/connections/{connection}/groups",
        Category::RemoveConnectionFromAllGroups,
    ),
    ("PUT", "api/hubs/{hub}/users/{user}/groups/{group}", Category::AddUserToGroup),
    ("DELETE", "api/hubs/{hub}/users/{user}/groups/{group}", Category::RemoveUserFromGroup),
    ("DELETE", "api/hubs/{hub}/users/{user}/groups", Category::RemoveUserFromAllGroups),
    ("POST", "api/hubs/{hub}/:addToGroups", Category::AddConnectionsToGroups),
    ("POST", "api/hubs/{hub}/:removeFromGroups", Category::RemoveConnectionsFromGroups),
    ("GET", "api/hubs/{hub}/groups/{group}/connections", Category::ListConnectionsInGroup),
    (
        "PUT",
        "api/hubs/{hub}/permissions/{permission}/connections/{connection}",
        Category::GrantPermission,
    ),
    (
        "DELETE",
        "api/hubs/{hub}/permissions/{permission}/connections/{connection}",
        Category::RevokePermission,
    ),
    (
        "HEAD",
        "api/hubs/{hub}/permissions/{permission}/connections/{connection}",
        Category::CheckPermission,
    ),
    ("POST", "api/hubs/{hub}/:generateToken", Category::GenerateClientToken),
];

/// Longer paths are unknown, however they go on.
const SEGMENTS_MAX: usize = 8;

/// What was found at a path.
#[derive(Debug)]
pub(super) struct Route<'a> {
    pub(super) category: Category,
    pub(super) names: PathNames<'a>,
}

/// Why nothing was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoRoute {
    UnknownPath,
    /// The path is known and takes these methods.
    WrongMethod {
        allowed: String,
    },
}

/// Finds the operation of a request; the path is without query.
pub(super) fn find<'a>(method: &str, path: &'a str) -> Result<Route<'a>, NoRoute> {
    let segments = segments(path).ok_or(NoRoute::UnknownPath)?;
    let words: Vec<_> = segments.iter().map(|segment| decoded_word(segment)).collect();
    let mut allowed = Vec::new();
    for (known_method, pattern, category) in ROUTES {
        if !matches(pattern, &words) {
            continue;
        }
        if known_method == method {
            return Ok(Route { category, names: PathNames { pattern, segments } });
        }
        allowed.push(known_method);
    }
    if allowed.is_empty() {
        return Err(NoRoute::UnknownPath);
    }
    Err(NoRoute::WrongMethod { allowed: allowed.join(", ") })
}

fn segments(path: &str) -> Option<Vec<&str>> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<_> = path.split('/').take(SEGMENTS_MAX + 1).collect();
    (segments.len() <= SEGMENTS_MAX).then_some(segments)
}

/// A segment as it is compared with a word; one that cannot be decoded is no word.
fn decoded_word(segment: &str) -> Cow<'_, str> {
    percent_decode_str(segment).decode_utf8().unwrap_or_default()
}

fn matches(pattern: &str, words: &[Cow<'_, str>]) -> bool {
    let mut words = words.iter();
    let is_match = pattern.split('/').all(|expected| {
        words.next().is_some_and(|word| is_name(expected) || word.eq_ignore_ascii_case(expected))
    });
    is_match && words.next().is_none()
}

fn is_name(expected: &str) -> bool {
    expected.starts_with('{')
}

/// The names in a path, checked when they are asked for (section 4).
#[derive(Debug)]
pub(super) struct PathNames<'a> {
    pattern: &'static str,
    segments: Vec<&'a str>,
}

impl PathNames<'_> {
    pub(super) fn hub(&self) -> Result<HubName, ApiError> {
        HubName::parse(&self.decoded("{hub}", "hub")?)
            .map_err(|error| ApiError::bad_request("hub", format!("Invalid hub: {error}.")))
    }

    pub(super) fn group(&self) -> Result<String, ApiError> {
        checked_group(self.decoded("{group}", "group")?, "group")
    }

    pub(super) fn user(&self) -> Result<String, ApiError> {
        checked_user(self.decoded("{user}", "userId")?)
    }

    pub(super) fn connection(&self) -> Result<String, ApiError> {
        let id = self.decoded("{connection}", "connectionId")?;
        if id.is_empty() { Err(ApiError::invalid("connectionId")) } else { Ok(id) }
    }

    pub(super) fn permission(&self) -> Result<Action, ApiError> {
        let name = self.decoded("{permission}", "permission")?;
        [Action::SendToGroup, Action::JoinLeaveGroup]
            .into_iter()
            .find(|action| action.name().eq_ignore_ascii_case(&name))
            .ok_or_else(|| ApiError::invalid("permission"))
    }

    /// The decoded segment at a name of the pattern. A name the pattern lacks is as bad as empty.
    fn decoded(&self, name: &str, parameter: &'static str) -> Result<String, ApiError> {
        let index = self.pattern.split('/').position(|expected| expected == name);
        let segment = index.and_then(|index| self.segments.get(index)).copied().unwrap_or_default();
        decode_segment(segment, parameter)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn category(method: &str, path: &str) -> Option<Category> {
        find(method, path).ok().map(|route| route.category)
    }

    #[test]
    fn every_operation_has_one_route() {
        for category in Category::ALL {
            let count = ROUTES.iter().filter(|(_, _, routed)| *routed == category).count();
            let expected = match category {
                Category::HealthCheck => 2,
                Category::Uncategorized => 0,
                _ => 1,
            };
            assert_eq!(count, expected, "{category:?}");
        }
    }

    #[test]
    fn names_keep_escaped_slashes_plus_signs_and_everything_else() {
        // A42: every operation, with the names as service libraries encode them.
        for (method, pattern, expected) in ROUTES {
            let path = pattern
                .replace("{hub}", "chat")
                .replace("{group}", "g%2F1%20x")
                .replace("{user}", "a%2Fb%20c%25%C3%A9%2B")
                .replace("{connection}", "c+%3A1")
                .replace("{permission}", "sendToGroup");
            let path = format!("/{path}");
            let route = find(method, &path).expect("known");
            assert_eq!(route.category, expected, "{method} {path}");
            let has = |name: &str| pattern.contains(name);
            assert!(!has("{hub}") || route.names.hub().unwrap().as_str() == "chat");
            assert!(!has("{group}") || route.names.group().unwrap() == "g/1 x");
            assert!(!has("{user}") || route.names.user().unwrap() == "a/b c%é+");
            assert!(!has("{connection}") || route.names.connection().unwrap() == "c+:1");
            assert!(!has("{permission}") || route.names.permission() == Ok(Action::SendToGroup));
        }
    }

    #[test]
    fn words_ignore_case_and_one_slash_at_the_end() {
        for path in ["/api/hubs/h/:send", "/API/Hubs/h/%3asend", "/api/hubs/h/:SEND/"] {
            assert_eq!(category("POST", path), Some(Category::SendToAll), "{path}");
        }
        // A group may have the name of a word.
        assert_eq!(category("HEAD", "/api/hubs/h/groups/:send"), Some(Category::CheckGroupExists));
        let all = category("DELETE", "/api/hubs/h/users/groups/groups/");
        assert_eq!(all, Some(Category::RemoveUserFromAllGroups));
    }

    #[test]
    fn unknown_paths_and_wrong_methods_differ() {
        for path in [
            "",
            "/",
            "*",
            "/api",
            "/api/",
            "/api/hubs",
            "/api/hubs/h",
            "/api/hubs/h/groups/",
            "/api/hubs/h/:invoke",
            "/api/hubs/h/:send//",
            "//api/hubs/h/:send",
            "/api/hubs/h/%zz",
            "/api%2Fhealth",
            "/api/hubs/h/:send/a/b/c/d/e/f",
            "/api/hubs/h%2F:send",
            "/apis/health",
        ] {
            assert_eq!(find("POST", path).unwrap_err(), NoRoute::UnknownPath, "{path}");
        }
        let allowed = |method, path| match find(method, path).unwrap_err() {
            NoRoute::WrongMethod { allowed } => allowed,
            NoRoute::UnknownPath => panic!("{path} is known"),
        };
        assert_eq!(allowed("POST", "/api/health"), "GET, HEAD");
        assert_eq!(allowed("GET", "/api/hubs/h/connections/c"), "HEAD, DELETE");
        assert_eq!(allowed("head", "/api/hubs/h/groups/g"), "HEAD");
        let permission = "/api/hubs/h/permissions/p/connections/c";
        assert_eq!(allowed("PATCH", permission), "PUT, DELETE, HEAD");
    }

    #[test]
    fn names_follow_their_rules() {
        let error = |path: &'static str, of: fn(&PathNames<'_>) -> Option<ApiError>| {
            of(&find("HEAD", path).expect("known").names).map(|error| error.target())
        };
        // A39
        for path in ["/api/hubs/1abc/groups/g", "/api/hubs/a-b/groups/g", "/api/hubs//groups/g"] {
            assert_eq!(error(path, |names| names.hub().err()), Some("hub"), "{path}");
        }
        assert_eq!(error("/api/hubs/a.b,[c]_9/groups/g", |names| names.hub().err()), None);
        assert_eq!(error("/api/hubs/h/groups/%20", |names| names.group().err()), Some("group"));
        assert_eq!(error("/api/hubs/h/users//", |names| names.user().err()), Some("userId"));
        assert_eq!(error("/api/hubs/h/users/%0a", |names| names.user().err()), Some("userId"));
        let connection = |names: &PathNames<'_>| names.connection().err();
        assert_eq!(error("/api/hubs/h/connections//", connection), Some("connectionId"));
        let permission = |names: &PathNames<'_>| names.permission().err();
        let path = "/api/hubs/h/permissions/other/connections/c";
        assert_eq!(error(path, permission), Some("permission"));
        assert_eq!(error("/api/hubs/h/permissions/SENDTOGROUP/connections/c", permission), None);
    }

    proptest! {
        #[test]
        fn any_path_has_an_answer(
            text: String,
            path in "(/(api|hubs|groups|users|h|:send|connections|%[0-9a-f]{0,2}|)){0,9}",
        ) {
            for path in [text.as_str(), path.as_str()] {
                for method in ["GET", "HEAD", "POST", "PUT", "DELETE"] {
                    if let Ok(Route { names, .. }) = find(method, path) {
                        let _ = (names.hub(), names.group(), names.user());
                        let _ = (names.connection(), names.permission());
                    }
                }
            }
        }
    }
}
