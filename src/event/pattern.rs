//! Which user events and which groups a handler wants (`events-webhook.md` section 2.5), and which
//! user events a listener does.
//!
//! A handler's are lists of entries in the wildcard syntax of [`crate::hub::pattern`], which compiles them
//! once, limits their length and stars, and matches without ever going back: a name costs at most
//! its characters times the pattern's. Two rules are the lists' own:
//!
//! - an entry without wildcards is compared as it is written, backslashes included;
//! - in a user event pattern, `*` alone stands for every name, also one with dots.
//!
//! User events are compared without regard to case. Their names are ASCII
//! ([`crate::protocol::subprotocol::is_valid_event_name`]), so folding ASCII is enough. Groups are
//! compared exactly, because names that differ in case are different groups.

use std::borrow::Cow;
use std::fmt;

use crate::hub::pattern::{GroupPattern, InvalidPattern, Pattern};

/// A handler's `userEventPattern`. By default it matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserEventPattern {
    text: String,
    /// In lower case.
    entries: Vec<Entry>,
}

impl UserEventPattern {
    /// Compiles a comma-separated list.
    ///
    /// # Errors
    /// An entry is malformed. What follows an entry `*` is never looked at.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut entries = Vec::new();
        for entry in text.split(',').map(str::trim) {
            if entry == "*" {
                entries.push(Entry::Everything);
                break;
            }
            let folded = Entry::parse(&entry.to_ascii_lowercase());
            entries.extend(folded.map_err(|cause| PatternError::new(entry, cause))?);
        }
        Ok(Self { text: text.to_owned(), entries })
    }

    /// Whether the handler wants the user event of this name.
    pub fn matches(&self, name: &str) -> bool {
        let folded = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        };
        self.entries.iter().any(|entry| entry.matches(&folded))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A listener's `userEventPattern` (`events-listener.md` section 2.4): names, or `*` for every one.
/// There are no other wildcards. By default it matches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerPattern {
    text: String,
    has_all: bool,
    /// In lower case.
    names: Vec<String>,
}

impl ListenerPattern {
    /// Reads a comma-separated list. Also returns the entries that look like patterns of handlers:
    /// here they are names, and no event has such a name.
    pub fn parse(text: &str) -> (Self, Vec<&str>) {
        let entries = || text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let looks_wild = |entry: &&str| *entry != "*" && entry.contains(['*', '?', '\\']);
        let names = entries().map(str::to_ascii_lowercase).collect();
        let has_all = entries().any(|entry| entry == "*");
        (Self { text: text.to_owned(), has_all, names }, entries().filter(looks_wild).collect())
    }

    /// Whether no event matches.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether the listener wants the user event of this name.
    pub fn matches(&self, name: &str) -> bool {
        self.has_all || self.names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The `groupFilters` of a handler. By default, and with an empty list, they match every group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFilters {
    texts: Vec<String>,
    entries: Vec<Entry>,
}

impl GroupFilters {
    /// Compiles the list.
    ///
    /// # Errors
    /// An entry is malformed.
    pub fn parse(filters: &[String]) -> Result<Self, PatternError> {
        let mut entries = Vec::new();
        for filter in filters {
            let entry = Entry::parse(filter).map_err(|cause| PatternError::new(filter, cause))?;
            entries.extend(entry);
        }
        Ok(Self { texts: filters.to_vec(), entries })
    }

    /// Whether the handler wants to know who enters and leaves this group.
    pub fn matches(&self, group: &str) -> bool {
        self.texts.is_empty() || self.entries.iter().any(|entry| entry.matches(group))
    }

    /// As they were written.
    pub fn as_slice(&self) -> &[String] {
        &self.texts
    }
}

/// One pattern of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Everything,
    Literal(String),
    Wildcard(Pattern),
}

impl Entry {
    /// `None` for an empty entry: it matches nothing.
    fn parse(text: &str) -> Result<Option<Self>, InvalidPattern> {
        if text.is_empty() {
            return Ok(None);
        }
        Ok(Some(match GroupPattern::parse(text)? {
            GroupPattern::Everything => Self::Everything,
            // Not the text that the pattern stands for: escapes count only beside a wildcard.
            GroupPattern::Literal(_) => Self::Literal(text.to_owned()),
            GroupPattern::Wildcard(pattern) => Self::Wildcard(pattern),
        }))
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Literal(text) => text == name,
            Self::Wildcard(pattern) => pattern.matches(name),
        }
    }
}

/// An entry of a list is malformed, which is a mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    entry: String,
    cause: InvalidPattern,
}

impl PatternError {
    fn new(entry: &str, cause: InvalidPattern) -> Self {
        Self { entry: entry.to_owned(), cause }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the entry '{}' is malformed: {}", self.entry, self.cause)
    }
}

impl std::error::Error for PatternError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_wanted(pattern: &str, name: &str) -> bool {
        UserEventPattern::parse(pattern).unwrap().matches(name)
    }

    fn filters(texts: &[&str]) -> GroupFilters {
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        GroupFilters::parse(&texts).unwrap()
    }

    #[test]
    fn a_star_is_every_name_and_a_list_is_its_names() {
        // E4
        assert!(is_wanted("*", "a") && is_wanted("*", "a.b"));
        assert!(is_wanted("a,b", "a") && is_wanted("a,b", "b"));
        assert!(!is_wanted("a,b", "c") && !is_wanted("a,b", "a,b") && !is_wanted("a,b", "ab"));
        assert!(is_wanted("Order", "oRDER") && is_wanted("ORDER.*", "order.New"));
        assert!(is_wanted(" a , *", "x.y"));
    }

    #[test]
    fn stars_end_at_dots_and_double_stars_do_not() {
        // E5
        assert!(is_wanted("order.*", "order.new") && !is_wanted("order.*", "order.new.x"));
        assert!(is_wanted("order.**", "order.new") && is_wanted("order.**", "order.new.x"));
        assert!(is_wanted("order.?", "order.a"));
        assert!(!is_wanted("order.?", "order.") && !is_wanted("order.?", "order.ab"));
        assert!(is_wanted("**", "a.b") && is_wanted("ping,order.*", "order.x"));
        assert!(!is_wanted("order.*", "xorder.new") && !is_wanted("order", "orders"));
    }

    #[test]
    fn nothing_written_is_nothing_wanted() {
        for pattern in ["", " ", ",", " , ,"] {
            assert!(!is_wanted(pattern, "") && !is_wanted(pattern, "a"), "{pattern:?}");
        }
        assert!(!UserEventPattern::default().matches("a"));
        assert_eq!(UserEventPattern::parse("").unwrap(), UserEventPattern::default());
    }

    #[test]
    fn escapes_count_only_beside_a_wildcard() {
        assert!(is_wanted(r"a\*b", r"a\*b") && !is_wanted(r"a\*b", "a*b"));
        assert!(is_wanted(r"a\**", "a*b") && !is_wanted(r"a\**", "aXb"));
    }

    #[test]
    fn a_malformed_entry_is_named() {
        let error = UserEventPattern::parse(r"ok, Bad\x ,*").unwrap_err();
        assert_eq!(
            error.to_string(),
            r"the entry 'Bad\x' is malformed: a backslash in a pattern precedes *, ? or a backslash"
        );
        assert!(UserEventPattern::parse("*a*b*c*d*e*").is_err());
        assert!(GroupFilters::parse(&["g".to_owned(), "x\\".to_owned()]).is_err());
        assert!(is_wanted(r"*,bad\x", "anything"), "nothing behind a star is examined");
    }

    #[test]
    fn group_filters_mind_case_and_segments() {
        assert!(filters(&[]).matches("any.group") && GroupFilters::default().matches("x"));
        let rooms = filters(&["room.*", "Lobby"]);
        assert!(rooms.matches("room.1") && rooms.matches("Lobby"));
        assert!(!rooms.matches("room.1.x") && !rooms.matches("ROOM.1") && !rooms.matches("lobby"));
        assert!(filters(&["*"]).matches("room") && !filters(&["*"]).matches("room.1"));
        assert!(filters(&["**"]).matches("room.1"));
        assert!(filters(&["a, b"]).matches("a, b"), "a group may have commas and blanks");
        assert!(!filters(&[""]).matches("") && !filters(&[""]).matches("g"));
        assert_eq!(rooms.as_slice(), ["room.*", "Lobby"]);
    }

    #[test]
    fn is_shown_as_written() {
        assert_eq!(UserEventPattern::parse(" A, b.* ").unwrap().as_str(), " A, b.* ");
    }

    proptest! {
        /// E4: the case of a pattern and of a name make no difference.
        #[test]
        fn case_never_matters_for_events(pattern in "[aB.*?,]{0,5}", name in "[Ab.]{0,8}") {
            // Too many stars may be refused.
            if let Ok(compiled) = UserEventPattern::parse(&pattern) {
                let upper = UserEventPattern::parse(&pattern.to_ascii_uppercase()).unwrap();
                let expected = compiled.matches(&name);
                prop_assert_eq!(upper.matches(&name), expected);
                prop_assert_eq!(compiled.matches(&name.to_ascii_lowercase()), expected);
            }
        }

        /// A list wants what one of its entries wants.
        #[test]
        fn a_list_is_the_union_of_its_entries(
            entries in prop::collection::vec("[ab.*?]{0,4}", 0..4),
            name in "[ab.]{0,6}",
        ) {
            let separate = entries.iter().any(|entry| is_wanted(entry, &name));
            prop_assert_eq!(is_wanted(&entries.join(" ,"), &name), separate);
        }

        #[test]
        fn any_text_is_compiled_or_refused(pattern in ".{0,40}", name in ".{0,40}") {
            if let Ok(compiled) = UserEventPattern::parse(&pattern) {
                compiled.matches(&name);
            }
            let _ = GroupFilters::parse(&[pattern]).map(|filters| filters.matches(&name));
        }
    }
}
