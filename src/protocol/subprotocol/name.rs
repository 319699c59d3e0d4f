//! Which texts may name a group, an event, a stream or an invocation.
//!
//! The rules hold wherever such a name comes from: a message, a request target, a token, the
//! configuration. Lengths count characters, that is Unicode scalar values.

/// Longest group name, in Unicode scalar values (`client-json.md` section 2.2).
pub const GROUP_NAME_CHARS_MAX: usize = 1024;

/// Longest name of a user event; all its characters are ASCII (`client-json.md` section 2.3).
pub const EVENT_NAME_CHARS_MAX: usize = 128;

/// Longest id of a stream or an invocation (`client-json.md` sections 3.7 and 7.1).
pub const ID_CHARS_MAX: usize = 256;

/// Whether a text may name a group: not blank and not too long (`client-json.md` section 2.2).
///
/// Everything else is allowed, control characters and `*` included.
pub fn validate_group_name(name: &str) -> bool {
    let is_blank = name.trim_start().is_empty();
    !is_blank && has_at_most_chars(name, GROUP_NAME_CHARS_MAX)
}

/// Whether a text may name a user event: `^[a-z][a-z0-9_.-]{0,127}$` in either case
/// (`client-json.md` section 2.3).
pub fn is_valid_event_name(name: &str) -> bool {
    let Some((first, rest)) = name.as_bytes().split_first() else { return false };
    name.len() <= EVENT_NAME_CHARS_MAX
        && first.is_ascii_alphabetic()
        && rest.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Whether a text may be the id of a new stream or invocation: not empty and not too long
/// (`client-json.md` sections 3.7 and 7.1).
pub fn is_valid_id(id: &str) -> bool {
    !id.is_empty() && has_at_most_chars(id, ID_CHARS_MAX)
}

fn has_at_most_chars(text: &str, count_max: usize) -> bool {
    // A character takes at least one byte, so most texts need no counting.
    text.len() <= count_max || text.chars().count() <= count_max
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_names_are_counted_in_characters() {
        // J28
        assert!(validate_group_name(&"é".repeat(1024)));
        assert!(!validate_group_name(&"é".repeat(1025)));
        assert!(validate_group_name(&"𝄞".repeat(1024)));
        assert!(!validate_group_name(&"a".repeat(1025)));
        for name in ["", " ", "   ", "\t\n", "\u{a0}\u{3000}"] {
            assert!(!validate_group_name(name), "{name:?}");
        }
        for name in ["a", " a ", "*", "a/b.*", "\u{0}", "\u{1}\u{7f}"] {
            assert!(validate_group_name(name), "{name:?}");
        }
    }

    #[test]
    fn event_names_follow_the_pattern() {
        // J29
        for name in ["Order.Created-2_x", "a", "Z", &"e".repeat(128)] {
            assert!(is_valid_event_name(name), "{name}");
        }
        for name in ["1x", "", "_a", "a b", "é", "aé", "a\n", ".a", &"e".repeat(129)] {
            assert!(!is_valid_event_name(name), "{name}");
        }
    }

    #[test]
    fn ids_are_counted_in_characters() {
        for id in ["1", " ", "\0", &"é".repeat(256)] {
            assert!(is_valid_id(id), "{id:?}");
        }
        assert!(!is_valid_id(""));
        assert!(!is_valid_id(&"a".repeat(257)));
        assert!(!is_valid_id(&"é".repeat(257)));
    }
}
