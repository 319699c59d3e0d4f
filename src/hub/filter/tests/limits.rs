//! The limits of `rest-api.md` section 4, at and just beyond each.

use super::*;

#[track_caller]
fn refusal(filter: &str) -> String {
    let error = Filter::parse(filter).expect_err("beyond a limit");
    assert!(error.position() <= filter.encode_utf16().count());
    error.to_string()
}

#[test]
fn a_filter_may_nest_a_hundred_levels() {
    let nested = |open: &str, inner: &str, close: &str, levels: usize| {
        format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
    };
    let rows =
        [("(", "true", ")", ""), ("not ", "true", "", ""), ("trim(", "userId", ")", " eq null")];
    for (open, inner, close, rest) in rows {
        assert!(Filter::parse(&(nested(open, inner, close, 100) + rest)).is_ok(), "{open}");
        let message = refusal(&(nested(open, inner, close, 101) + rest));
        assert!(message.contains("nests deeper than 100 levels"), "{message}");
        assert!(message.len() < 300, "{message}");
    }
    // A list and the parentheses around an item of it.
    assert!(Filter::parse(&nested("'a' in ((", "true", "))", 50)).is_ok());
    assert!(refusal(&nested("'a' in ((", "true", "))", 51)).contains("100 levels"));
}

#[test]
fn chains_of_operators_do_not_nest() {
    for (first, link) in
        [("true", " and true"), ("true", " or true"), ("true", " eq true"), ("'g'", " in groups")]
    {
        let filter = format!("{first}{}", link.repeat(400));
        assert!(Filter::parse(&filter).is_ok(), "{link}");
    }
}

#[test]
fn a_filter_may_have_a_thousand_nodes() {
    // The value and the list itself are nodes, too.
    let list = |items: usize| format!("userId in ({})", vec!["'u'"; items].join(","));
    assert!(Filter::parse(&list(998)).is_ok());
    assert!(refusal(&list(999)).contains("more than 1000 operands"));
    let chain = |operands: usize| vec!["true"; operands].join(" and ");
    assert!(Filter::parse(&chain(500)).is_ok());
    assert!(refusal(&chain(501)).contains("more than 1000 operands"));
}

#[test]
fn a_filter_may_have_16_kibibytes() {
    let filter = |bytes: usize| format!("userId eq '{}'", "u".repeat(bytes - 12));
    assert!(Filter::parse(&filter(FILTER_BYTES_MAX)).is_ok());
    let message = refusal(&filter(FILTER_BYTES_MAX + 1));
    assert!(message.contains("longer than 16384 bytes"), "{message}");
    assert!(message.len() < 300, "{message}");
    let error = Filter::parse(&filter(FILTER_BYTES_MAX + 9)).expect_err("too long");
    assert_eq!(error.position(), FILTER_BYTES_MAX);
    let error = Filter::parse(&"😀".repeat(FILTER_BYTES_MAX)).expect_err("too long");
    assert_eq!(error.position(), FILTER_BYTES_MAX / 2, "two code units for four bytes");
}
