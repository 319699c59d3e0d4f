//! The points R1 to R11, R14 to R19 and R22 of `client-roles.md`, as far as they need no
//! connection, and the law of section 4 against a model that keeps every operation.

use proptest::prelude::*;

use super::Action::{JoinLeaveGroup, SendToGroup};
use super::*;

fn from_roles(roles: &[&str]) -> Permissions {
    let (permissions, ignored) = Permissions::from_roles(roles.iter().copied());
    assert_eq!(ignored, [""; 0]);
    permissions
}

fn ignored(roles: &[&str]) -> usize {
    Permissions::from_roles(roles.iter().copied()).1.len()
}

#[track_caller]
fn assert_send(permissions: &Permissions, allowed: &[&str], denied: &[&str]) {
    for group in allowed {
        assert!(permissions.allows(SendToGroup, group), "{group} should be allowed");
    }
    for group in denied {
        assert!(!permissions.allows(SendToGroup, group), "{group} should be denied");
    }
}

#[test]
fn nothing_is_allowed_without_roles_and_costs_nothing() {
    // R1
    let permissions = from_roles(&[]);
    assert!(!permissions.allows(JoinLeaveGroup, "g"));
    assert!(!permissions.allows(SendToGroup, "g"));
    assert!(permissions.rules.is_none());
}

#[test]
fn a_role_without_suffix_allows_one_action_on_every_group() {
    // R2
    let join = from_roles(&["webpubsub.joinLeaveGroup"]);
    assert!(join.allows(JoinLeaveGroup, "any") && !join.allows(SendToGroup, "any"));
    let send = from_roles(&["webpubsub.sendToGroup"]);
    assert!(send.allows(SendToGroup, "any") && !send.allows(JoinLeaveGroup, "any"));
    assert!(join.rules.is_none() && send.rules.is_none(), "no allocation");
}

#[test]
fn a_singular_role_names_exactly_one_group() {
    let join = from_roles(&["webpubsub.joinLeaveGroup.g1"]);
    for (group, allowed) in [("g1", true), ("g2", false), ("G1", false), ("g1x", false)] {
        assert_eq!(join.allows(JoinLeaveGroup, group), allowed, "R3: {group}");
    }
    assert_send(&from_roles(&["webpubsub.sendToGroup.a.b"]), &["a.b"], &["a", "b"]); // R4
    assert_send(&from_roles(&["webpubsub.sendToGroup.a*"]), &["a*"], &["a", "ab"]); // R5
    assert_send(&from_roles(&[r"webpubsub.sendToGroup.a\*"]), &[r"a\*"], &["a*"]);
}

#[test]
fn a_plural_role_names_a_pattern() {
    // R6
    assert_send(&from_roles(&["webpubsub.sendToGroups.a*"]), &["a", "ab"], &["a.b"]);
    assert_send(&from_roles(&["webpubsub.sendToGroups.a"]), &["a"], &["ab"]);
    assert!(from_roles(&["webpubsub.sendToGroups.**"]).allows_everything(SendToGroup));
    assert!(from_roles(&["webpubsub.joinLeaveGroups.***"]).allows_everything(JoinLeaveGroup));
}

#[test]
fn invalid_roles_are_ignored_and_reported() {
    // R8, R9, R10
    let blank_or_long = format!("webpubsub.sendToGroup.{}", "a".repeat(1025));
    let roles = [
        "",
        "foo",
        "webpubsub",
        "webpubsub.",
        "webpubsub.sendToGroups",
        "webpubsub.sendToGroups.",
        "webpubsub.sendToGroup.",
        "webpubsub.sendToGroup.  ",
        "webpubsub.sendToGroups.  ",
        "webpubsub.sendToGroupX",
        "webpubsub.joinLeaveGroups.a*b*c*d*e*f*",
        "webpubsub.sendToGroups.a\\",
        "webpubsub.sendToGroups.\\x",
        "WEBPUBSUB.SENDTOGROUP",
        " webpubsub.sendToGroup",
        "webpubsub.sendToGroup ",
        &blank_or_long,
    ];
    let (permissions, reported) = Permissions::from_roles(roles);
    assert_eq!(reported, roles);
    assert_eq!(permissions, Permissions::default());
}

#[test]
fn order_and_duplicates_of_roles_do_not_matter() {
    let roles = [
        "webpubsub.sendToGroup.t.a",
        "webpubsub.sendToGroups.t.*",
        "webpubsub.sendToGroup.g",
        "webpubsub.sendToGroups.t.*",
        "webpubsub.sendToGroup.g",
    ];
    let permissions = from_roles(&roles);
    assert_eq!(permissions, from_roles(&["webpubsub.sendToGroup.g", "webpubsub.sendToGroups.t.*"]));
    assert_send(&permissions, &["t.a", "t.b", "g"], &["t.a.b", "h"]);
}

#[test]
fn changes_at_run_time_count_at_once() {
    // R14, R19
    let mut permissions = from_roles(&[]);
    permissions.grant(SendToGroup, Some("g1")).unwrap();
    assert_send(&permissions, &["g1"], &["g2"]);
    assert!(!permissions.allows(JoinLeaveGroup, "g1"));
    permissions.grant(JoinLeaveGroup, None).unwrap();
    permissions.revoke(SendToGroup, Some("g1")).unwrap();
    assert_send(&permissions, &[], &["g1"]);
    assert!(permissions.allows_everything(JoinLeaveGroup));
}

#[test]
fn every_row_of_the_sequence_table_holds() {
    // R15, R16, R17, R18
    let mut p = from_roles(&["webpubsub.sendToGroup"]);
    p.revoke(SendToGroup, Some("g1")).unwrap();
    assert_send(&p, &["g2"], &["g1"]);
    assert!(!p.allows_everything(SendToGroup));
    p.grant(SendToGroup, Some("g1")).unwrap();
    assert_send(&p, &["g1", "g2"], &[]);
    assert!(p.allows_everything(SendToGroup));

    let mut p = from_roles(&["webpubsub.sendToGroups.t.*"]);
    p.revoke(SendToGroup, Some("t.a")).unwrap();
    assert_send(&p, &["t.b"], &["t.a"]);

    let mut p = from_roles(&["webpubsub.sendToGroup.g1"]);
    p.revoke(SendToGroup, Some("g1")).unwrap();
    assert_eq!(p, Permissions::default());

    let mut p = from_roles(&[]);
    p.grant(SendToGroup, Some("g1")).unwrap();
    p.grant(SendToGroup, Some("g2")).unwrap();
    p.revoke(SendToGroup, None).unwrap();
    assert_eq!(p, Permissions::default());

    let mut p = from_roles(&[]);
    p.revoke(SendToGroup, Some("g1")).unwrap();
    p.grant(SendToGroup, None).unwrap();
    assert_send(&p, &["g1", "g2"], &[]);

    let mut p = from_roles(&["webpubsub.sendToGroup"]);
    p.revoke(SendToGroup, None).unwrap();
    p.grant(SendToGroup, Some("g1")).unwrap();
    assert_send(&p, &["g1"], &["g2"]);

    let mut p = from_roles(&["webpubsub.sendToGroups.t.*"]);
    p.revoke(SendToGroup, None).unwrap();
    assert_send(&p, &[], &["t.a"]);
}

#[test]
fn a_thousand_groups_and_ten_patterns_have_room() {
    // R22
    let named: Vec<_> = (0..1001).map(|n| format!("webpubsub.sendToGroup.g{n}")).collect();
    let named: Vec<_> = named.iter().map(String::as_str).collect();
    let permissions = from_roles(&named[..1000]);
    assert_send(&permissions, &["g0", "g999"], &["g1000"]);
    assert_eq!(Permissions::from_roles(named.iter().copied()).1, ["webpubsub.sendToGroup.g1000"]);

    let patterns: Vec<_> = (0..11).map(|n| format!("webpubsub.sendToGroups.p{n:02}.*")).collect();
    let patterns: Vec<_> = patterns.iter().rev().map(String::as_str).collect();
    let (permissions, reported) = Permissions::from_roles(patterns.iter().copied());
    assert_send(&permissions, &["p00.x", "p09.x"], &["p10.x"]);
    assert_eq!(reported, ["webpubsub.sendToGroups.p10.*"], "the last in ordinal order");
}

#[test]
fn what_is_covered_takes_no_slot() {
    // R22, section 6
    let mut roles: Vec<_> = (0..1001).map(|n| format!("webpubsub.sendToGroup.t.{n}")).collect();
    roles.push("webpubsub.sendToGroups.t.*".into());
    let roles: Vec<_> = roles.iter().map(String::as_str).collect();
    assert_eq!(ignored(&roles), 0);

    let mut patterns: Vec<_> = (0..11).map(|n| format!("webpubsub.sendToGroups.p{n}*")).collect();
    patterns.push("webpubsub.sendToGroup".into());
    let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
    assert_eq!(ignored(&patterns), 0);
}

#[test]
fn run_time_changes_beyond_the_limit_fail_and_change_nothing() {
    let mut permissions = from_roles(&["webpubsub.sendToGroup"]);
    for n in 0..1000 {
        permissions.revoke(SendToGroup, Some(&format!("g{n}"))).unwrap();
    }
    assert_eq!(permissions.revoke(SendToGroup, Some("one more")), Err(LimitExceeded));
    assert_send(&permissions, &["one more"], &["g0"]);
    assert_eq!(permissions.revoke(SendToGroup, Some("g0")), Ok(()), "named already");
    permissions.grant(SendToGroup, Some("g0")).unwrap();
    assert_eq!(permissions.revoke(SendToGroup, Some("one more")), Ok(()), "a slot is free again");
    permissions.grant(SendToGroup, None).unwrap();
    assert!(permissions.rules.is_none(), "the memory is given back");
}

#[test]
fn actions_are_known_by_name() {
    assert_eq!(Action::from_name("sendToGroup"), Some(SendToGroup));
    assert_eq!(Action::from_name("joinLeaveGroup"), Some(JoinLeaveGroup));
    assert_eq!(Action::from_name("SendToGroup"), None);
}

#[derive(Debug, Clone)]
enum Operation {
    Grant(Option<String>),
    Revoke(Option<String>),
}

fn operation() -> impl Strategy<Value = Operation> {
    let group = prop::option::weighted(0.8, "[ab]\\.?[ab]?");
    prop_oneof![group.clone().prop_map(Operation::Grant), group.prop_map(Operation::Revoke),]
}

proptest! {
    /// The law itself: the latest operation that covers a group decides.
    #[test]
    fn the_latest_operation_that_covers_a_group_decides(
        with_pattern in any::<bool>(),
        operations in prop::collection::vec(operation(), 0..12),
    ) {
        let roles: &[&str] = if with_pattern { &["webpubsub.sendToGroups.a*"] } else { &[] };
        let mut permissions = from_roles(roles);
        for operation in &operations {
            match operation {
                Operation::Grant(group) => permissions.grant(SendToGroup, group.as_deref()),
                Operation::Revoke(group) => permissions.revoke(SendToGroup, group.as_deref()),
            }.unwrap();
        }
        for group in ["a", "b", "aa", "ab", "a.", "a.b", "b.a", "never named"] {
            let latest = operations.iter().rev().find_map(|operation| {
                let (on, allowed) = match operation {
                    Operation::Grant(on) => (on, true),
                    Operation::Revoke(on) => (on, false),
                };
                on.as_ref().is_none_or(|on| on == group).then_some(allowed)
            });
            let by_role = with_pattern && group.starts_with('a') && !group.contains('.');
            prop_assert_eq!(permissions.allows(SendToGroup, group), latest.unwrap_or(by_role));
            prop_assert!(!permissions.allows(JoinLeaveGroup, group));
        }
    }
}
