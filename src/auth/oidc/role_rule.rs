//! From the claims of a verified token to a role (`rest-api.md` section 3.4.3).
//!
//! The hosted service takes roles from its own role assignments, which nobody else can query. Here
//! the operator says which claim with which value makes a caller what: an app role in `roles`, a
//! group in `groups`, or one application by its `sub`, `oid` or `appid`.

use serde_json::Value;

use crate::auth::claims::Claims;
use crate::auth::rest_token::Role;

/// "Whoever has this value in this claim has this role."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRule {
    /// Name of a claim; not a path into it.
    pub claim: String,
    /// The claim itself, or one of its elements if it is an array. Case counts.
    pub value: String,
    /// What that makes of the bearer.
    pub role: Role,
}

impl RoleRule {
    fn matches(&self, claims: &Claims) -> bool {
        let is_value = |value: &Value| value.as_str() == Some(&self.value);
        match claims.get(&self.claim) {
            Some(Value::Array(values)) => values.iter().any(is_value),
            Some(value) => is_value(value),
            None => false,
        }
    }
}

/// The role that the rules give; Owner if any does.
pub(super) fn role_of(claims: &Claims, rules: &[RoleRule]) -> Option<Role> {
    let mut best = None;
    for rule in rules.iter().filter(|rule| rule.matches(claims)) {
        match rule.role {
            Role::Owner => return Some(Role::Owner),
            Role::Reader => best = Some(Role::Reader),
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(claims: &Value) -> Option<Role> {
        let rule = |claim: &str, value: &str, role| RoleRule {
            claim: claim.into(),
            value: value.into(),
            role,
        };
        let rules = [
            rule("roles", "Web PubSub Service Reader", Role::Reader),
            rule("roles", "Web PubSub Service Owner", Role::Owner),
            rule("appid", "11", Role::Owner),
        ];
        role_of(claims.as_object().unwrap(), &rules)
    }

    #[test]
    fn a_claim_is_the_value_or_contains_it() {
        assert_eq!(role(&json!({ "roles": "Web PubSub Service Reader" })), Some(Role::Reader));
        let several = json!({ "roles": [1, "x", "Web PubSub Service Reader"] });
        assert_eq!(role(&several), Some(Role::Reader));
        assert_eq!(role(&json!({ "appid": "11" })), Some(Role::Owner));
    }

    #[test]
    fn the_greater_role_counts_whatever_the_order() {
        let both = json!({ "roles": ["Web PubSub Service Owner", "Web PubSub Service Reader"] });
        assert_eq!(role(&both), Some(Role::Owner));
        let both = json!({ "roles": "Web PubSub Service Reader", "appid": ["11"] });
        assert_eq!(role(&both), Some(Role::Owner));
    }

    #[test]
    fn nothing_else_matches() {
        for claims in [
            json!({}),
            json!({ "roles": "web pubsub service owner" }),
            json!({ "roles": "Web PubSub Service Owner and more" }),
            json!({ "Roles": "Web PubSub Service Owner" }),
            json!({ "roles": { "Web PubSub Service Owner": true } }),
            json!({ "roles": [["Web PubSub Service Owner"]] }),
            json!({ "appid": 11 }),
            json!({ "appid": null }),
        ] {
            assert_eq!(role(&claims), None, "{claims}");
        }
    }
}
