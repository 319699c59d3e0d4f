//! What one connection may do (`client-roles.md`).
//!
//! A permission answers "may this connection do this action on this group?". It starts from the
//! roles of the connection and changes by grants and revocations through the API; the general law
//! of section 4 is that the latest operation covering a group decides.
//!
//! How that is stored: an action is either allowed or denied *by rule* (for every group, or by a
//! pattern), and a sorted list names the groups for which the answer is the *opposite* of the rule.
//! Patterns exist only from the start, an operation without group erases both, and an operation on
//! one group either adds an exception or removes one; so this is the law, and a group that is
//! covered already costs no slot (section 6).
//!
//! Every connection carries a [`Permissions`], so it is small: two flags and an empty box, unless a
//! role or an operation names a group or a pattern. Whether the connection may do something without
//! being asked (be put into a group, send an event) is not decided here.

use std::borrow::Cow;
use std::fmt;

use crate::hub::pattern::{GroupPattern, Pattern};
use crate::protocol::subprotocol::validate_group_name;

/// How many groups may be named per action, grants and denials together (section 6).
pub const NAMED_GROUPS_MAX: usize = 1000;

/// How many pattern roles count per action (section 6).
pub const PATTERNS_MAX: usize = 10;

/// What a permission is about. The two are independent of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// To join and to leave a group.
    JoinLeaveGroup,
    /// To publish to a group.
    SendToGroup,
}

impl Action {
    /// The permission's name, as roles and the API spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::JoinLeaveGroup => "joinLeaveGroup",
            Self::SendToGroup => "sendToGroup",
        }
    }

    /// The action of that name; case matters.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::JoinLeaveGroup, Self::SendToGroup].into_iter().find(|action| action.name() == name)
    }
}

/// The permissions of one connection. The default denies everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// By [`Action`]: is every group allowed, the exceptions apart?
    all: [bool; 2],
    /// By [`Action`]; `None` while neither has a pattern or an exception.
    rules: Option<Box<[Rules; 2]>>,
}

const _: () = assert!(size_of::<Permissions>() <= 16, "every connection carries one");

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Rules {
    /// Patterns that allow what they match; at most [`PATTERNS_MAX`].
    patterns: Vec<Pattern>,
    /// Groups whose answer is the opposite of what flag and patterns say; sorted, at most
    /// [`NAMED_GROUPS_MAX`].
    exceptions: Vec<Box<str>>,
}

impl Permissions {
    /// The permissions that roles give, and the roles that are ignored because they are unknown,
    /// invalid or beyond a limit (sections 2 and 6). The caller logs those.
    pub fn from_roles<'r>(roles: impl IntoIterator<Item = &'r str>) -> (Self, Vec<&'r str>) {
        let mut permissions = Self::default();
        let mut ignored = Vec::new();
        let mut patterns = Vec::new();
        let mut named = Vec::new();
        for role in roles {
            match parse_role(role) {
                Some((action, Scope::Everything)) => permissions.all[action as usize] = true,
                Some((action, Scope::Pattern(pattern))) => patterns.push((role, action, pattern)),
                Some((action, Scope::Group(group))) => named.push((role, action, group)),
                None => ignored.push(role),
            }
        }
        // From the widest role to the narrowest, whatever their order in the token: what a wide one
        // covers must not take a slot. Beyond the limit, the ordinal order of the roles decides.
        patterns.sort_by_key(|(role, ..)| *role);
        patterns.dedup_by_key(|(role, ..)| *role);
        for (role, action, pattern) in patterns {
            if !permissions.add_pattern(action, pattern) {
                ignored.push(role);
            }
        }
        for (role, action, group) in named {
            if permissions.decide(action, &group, true).is_err() {
                ignored.push(role);
            }
        }
        (permissions, ignored)
    }

    /// Whether `action` is allowed on `group`.
    pub fn allows(&self, action: Action, group: &str) -> bool {
        let is_exception = self.rules_of(action).is_some_and(|rules| rules.is_exception(group));
        self.rule_allows(action, group) != is_exception
    }

    /// Whether `action` is allowed on every group there is or will be.
    pub fn allows_everything(&self, action: Action) -> bool {
        self.all[action as usize]
            && self.rules_of(action).is_none_or(|rules| rules.exceptions.is_empty())
    }

    /// Allows `action` on `group`, or on every group if there is none.
    pub fn grant(&mut self, action: Action, group: Option<&str>) -> Result<(), LimitExceeded> {
        self.change(action, group, true)
    }

    /// Denies `action` on `group`, or on every group if there is none.
    pub fn revoke(&mut self, action: Action, group: Option<&str>) -> Result<(), LimitExceeded> {
        self.change(action, group, false)
    }

    fn change(
        &mut self,
        action: Action,
        group: Option<&str>,
        allowed: bool,
    ) -> Result<(), LimitExceeded> {
        let Some(group) = group else {
            self.all[action as usize] = allowed;
            if let Some(rules) = &mut self.rules {
                rules[action as usize] = Rules::default();
            }
            self.drop_empty_rules();
            return Ok(());
        };
        self.decide(action, group, allowed)
    }

    /// Makes `allowed` the answer for one group.
    fn decide(&mut self, action: Action, group: &str, allowed: bool) -> Result<(), LimitExceeded> {
        if self.rule_allows(action, group) == allowed {
            if let Some(rules) = &mut self.rules {
                rules[action as usize].remove_exception(group);
            }
            self.drop_empty_rules();
            return Ok(());
        }
        let rules = self.rules.get_or_insert_default();
        rules[action as usize].add_exception(group)
    }

    /// Adds a pattern, unless everything is allowed already; `false` if there is no room for it.
    fn add_pattern(&mut self, action: Action, pattern: Pattern) -> bool {
        if self.all[action as usize] {
            return true;
        }
        let patterns = &mut self.rules.get_or_insert_default()[action as usize].patterns;
        if patterns.len() == PATTERNS_MAX {
            return false;
        }
        patterns.push(pattern);
        true
    }

    /// What flag and patterns say about a group, without its exception.
    fn rule_allows(&self, action: Action, group: &str) -> bool {
        self.all[action as usize]
            || self
                .rules_of(action)
                .is_some_and(|rules| rules.patterns.iter().any(|pattern| pattern.matches(group)))
    }

    fn rules_of(&self, action: Action) -> Option<&Rules> {
        self.rules.as_ref().map(|rules| &rules[action as usize])
    }

    /// Gives the memory back once nothing is named any more.
    fn drop_empty_rules(&mut self) {
        if self.rules.as_ref().is_some_and(|rules| rules.iter().all(Rules::is_empty)) {
            self.rules = None;
        }
    }
}

impl Rules {
    fn is_empty(&self) -> bool {
        self.patterns.is_empty() && self.exceptions.is_empty()
    }

    fn is_exception(&self, group: &str) -> bool {
        self.position_of(group).is_ok()
    }

    fn add_exception(&mut self, group: &str) -> Result<(), LimitExceeded> {
        if let Err(position) = self.position_of(group) {
            if self.exceptions.len() == NAMED_GROUPS_MAX {
                return Err(LimitExceeded);
            }
            self.exceptions.insert(position, group.into());
        }
        Ok(())
    }

    fn remove_exception(&mut self, group: &str) {
        if let Ok(position) = self.position_of(group) {
            self.exceptions.remove(position);
        }
    }

    fn position_of(&self, group: &str) -> Result<usize, usize> {
        self.exceptions.binary_search_by(|exception| (**exception).cmp(group))
    }
}

/// What a role says about an action.
enum Scope<'r> {
    Everything,
    Group(Cow<'r, str>),
    Pattern(Pattern),
}

/// Reads one role string; `None` if it grants nothing (section 2).
fn parse_role(role: &str) -> Option<(Action, Scope<'_>)> {
    let role = role.strip_prefix("webpubsub.")?;
    // The suffix decides singular or plural and may contain dots itself, so the action is matched
    // as a prefix. Neither name is a prefix of the other.
    let (action, suffix) = [Action::JoinLeaveGroup, Action::SendToGroup]
        .into_iter()
        .find_map(|action| Some((action, role.strip_prefix(action.name())?)))?;
    if suffix.is_empty() {
        return Some((action, Scope::Everything));
    }
    let scope = match (suffix.strip_prefix('.'), suffix.strip_prefix("s.")) {
        (Some(group), _) => Scope::Group(Cow::Borrowed(group)),
        (None, Some(pattern)) => match GroupPattern::parse(pattern).ok()? {
            GroupPattern::Everything => Scope::Everything,
            GroupPattern::Literal(group) => Scope::Group(Cow::Owned(group)),
            GroupPattern::Wildcard(pattern) => Scope::Pattern(pattern),
        },
        (None, None) => return None,
    };
    if let Scope::Group(group) = &scope
        && !validate_group_name(group)
    {
        return None;
    }
    Some((action, scope))
}

/// The connection names [`NAMED_GROUPS_MAX`] groups for this action already; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitExceeded;

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the permission names {NAMED_GROUPS_MAX} groups already")
    }
}

impl std::error::Error for LimitExceeded {}

#[cfg(test)]
mod tests;
