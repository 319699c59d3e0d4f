//! The table of `client-roles.md` section 3, the limits, and a naive matcher as oracle.

use proptest::prelude::*;

use super::*;

/// Whether the pattern, whatever it compiles to, covers the group.
fn matches(pattern: &str, group: &str) -> bool {
    match GroupPattern::parse(pattern).unwrap() {
        GroupPattern::Everything => true,
        GroupPattern::Literal(literal) => literal == group,
        GroupPattern::Wildcard(pattern) => pattern.matches(group),
    }
}

#[test]
fn every_row_of_the_example_table_holds() {
    // R6, R7
    let rows: [(&str, &[&str], &[&str]); 9] = [
        ("room-*", &["room-", "room-7", "room-a-b"], &["room.7", "xroom-7"]),
        ("acme.*", &["acme.x", "acme."], &["acme", "acme.x.y"]),
        ("acme.**", &["acme.x", "acme.x.y", "acme."], &["acme", "other.x"]),
        ("acme.*.log", &["acme.db.log"], &["acme.db.eu.log", "acme.log"]),
        ("**.log", &[".log", "a.log", "a.b.log"], &["a.logs"]),
        ("v?", &["v1", "vé"], &["v", "v.", "v10"]),
        (r"a\*b", &["a*b"], &["aXb"]),
        ("*", &["abc", "a-b"], &["a.b"]),
        ("a*", &["a", "ab"], &["a.b"]),
    ];
    for (pattern, matching, others) in rows {
        for group in matching {
            assert!(matches(pattern, group), "{pattern} should match {group}");
        }
        for group in others {
            assert!(!matches(pattern, group), "{pattern} should not match {group}");
        }
    }
}

#[test]
fn characters_are_scalar_values_and_case_matters() {
    assert!(matches("v?", "v😀"));
    assert!(!matches("Room-*", "room-1"));
}

#[test]
fn runs_of_stars_are_double_stars_and_five_stars_are_enough() {
    // R8
    assert_eq!(GroupPattern::parse("***"), Ok(GroupPattern::Everything));
    assert_eq!(GroupPattern::parse("*****"), Ok(GroupPattern::Everything));
    assert!(matches("a***", "a.b.c"));
    assert!(GroupPattern::parse("*a*b*c**").is_ok());
    assert_eq!(GroupPattern::parse("*a*b*c*d**"), Err(InvalidPattern::Stars));
    assert_eq!(GroupPattern::parse("******"), Err(InvalidPattern::Stars));
    assert!(GroupPattern::parse(r"\*\*\*\*\*\*\**").is_ok(), "escaped stars do not count");
}

#[test]
fn a_backslash_needs_something_to_escape() {
    // R9
    for pattern in ["a\\", "\\x", "\\\\\\", "a\\.b*"] {
        assert_eq!(GroupPattern::parse(pattern), Err(InvalidPattern::Escape), "{pattern}");
    }
    assert!(matches(r"\\", r"\"));
    assert!(matches(r"a\?b", "a?b"));
}

#[test]
fn a_pattern_without_wildcards_is_a_literal_group() {
    assert_eq!(GroupPattern::parse("g.1"), Ok(GroupPattern::Literal("g.1".into())));
    assert_eq!(GroupPattern::parse(r"a\*b"), Ok(GroupPattern::Literal("a*b".into())));
    assert_eq!(GroupPattern::parse("**"), Ok(GroupPattern::Everything));
}

#[test]
fn length_is_limited_in_characters() {
    assert_eq!(GroupPattern::parse(""), Err(InvalidPattern::Length));
    assert!(GroupPattern::parse(&"é".repeat(1024)).is_ok());
    assert_eq!(GroupPattern::parse(&"a".repeat(1025)), Err(InvalidPattern::Length));
}

#[test]
fn every_length_has_room_for_its_last_position() {
    for length in [1, 62, 63, 64, 65, 127, 128, 1023, 1024] {
        let pattern = "?".repeat(length);
        assert!(matches(&pattern, &"a".repeat(length)), "{length}");
        assert!(!matches(&pattern, &"a".repeat(length - 1)), "{length}");
        let pattern = format!("{}*", "a".repeat(length - 1));
        assert!(matches(&pattern, &"a".repeat(length + 9)), "{length}");
    }
}

#[test]
fn hard_patterns_do_not_take_exponential_time() {
    // With retries at every star this would not end before the test run does.
    let pattern = format!("*{a}*{a}**{a}*{a}", a = "a".repeat(250));
    assert!(!matches(&pattern, &format!("{}b", "a".repeat(1023))));
    assert!(matches(&pattern, &"a".repeat(1024)));
}

/// The definition of section 3, word for word: tries everything.
fn naive_matches(elements: &[Element], group: &[char]) -> bool {
    let Some((element, rest)) = elements.split_first() else { return group.is_empty() };
    let may_skip = matches!(element, Element::ManyExceptDot | Element::Many);
    if may_skip && naive_matches(rest, group) {
        return true;
    }
    let Some((c, tail)) = group.split_first() else { return false };
    match element {
        Element::Char(expected) => expected == c && naive_matches(rest, tail),
        Element::OneExceptDot => *c != '.' && naive_matches(rest, tail),
        Element::ManyExceptDot => *c != '.' && naive_matches(elements, tail),
        Element::Many => naive_matches(elements, tail),
    }
}

proptest! {
    /// A small alphabet makes patterns and groups that nearly match.
    #[test]
    fn agrees_with_the_naive_matcher(
        pattern in r"(a|b|\.|\?|\*|\*\*|\\\*){1,10}",
        group in r"[ab.*]{0,12}",
    ) {
        let Ok(elements) = parse_elements(&pattern) else { return Ok(()) };
        let group_chars: Vec<char> = group.chars().collect();
        prop_assert_eq!(matches(&pattern, &group), naive_matches(&elements, &group_chars));
    }

    #[test]
    fn never_panics(pattern in any::<String>(), group in any::<String>()) {
        if let Ok(GroupPattern::Wildcard(pattern)) = GroupPattern::parse(&pattern) {
            pattern.matches(&group);
        }
    }
}
