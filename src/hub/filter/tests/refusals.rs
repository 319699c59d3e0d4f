//! What is refused, where and in which words (`rest-api.md` 7.1, 7.3 and 7.4.3).

use super::{Filter, FilterError};

#[track_caller]
fn error(filter: &str) -> FilterError {
    match Filter::parse(filter) {
        Ok(_) => panic!("{filter} should be refused"),
        Err(error) => error,
    }
}

// A54, A56: SDK tests compare these texts.
#[test]
fn the_published_messages_are_met_to_the_letter() {
    assert_eq!(
        error("invalid filter").to_string(),
        "Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'. \
         (Parameter 'filter')"
    );
    assert_eq!(
        error("not length(userId) gt 5").to_string(),
        "Invalid syntax for 'not length(userId)': Type 'null', expect 'bool'. \
         (Parameter 'filter')"
    );
}

// A58, 7.1: the position is just past the token that could not be accepted.
#[test]
fn syntax_errors_point_behind_the_token() {
    let rows: [(&str, usize); 34] = [
        ("", 0),
        ("  ", 2),
        ("userId EQ 'u'", 9),
        ("userId eq", 9),
        ("userId eq 'u", 12),
        ("userId eq 'u''", 14),
        ("userId eq eq 'u'", 12),
        ("userId eq 'u')", 14),
        ("(userId eq 'u'", 14),
        ("'é😀' %", 7),
        ("%", 1),
        ("\u{a0}true", 1),
        ("true true", 9),
        ("true AND false", 8),
        ("and true", 3),
        ("length(userId) add 1 gt 2", 18),
        ("length() eq 1", 8),
        ("length(userId,) eq 1", 15),
        ("userId in 'u'", 13),
        ("userId in", 9),
        ("userId in userId", 16),
        ("userId in ('a',)", 16),
        ("userId in (,)", 12),
        ("userId in ('a' 'b')", 18),
        ("userId in ('a' eq 'b')", 17),
        ("userId in (not true)", 14),
        ("groups/any(g: g eq 'x')", 7),
        ("groups.length eq 1", 7),
        ("- 1 eq 1", 1),
        ("1 eq 1 -", 8),
        ("\"a\" eq 'a'", 1),
        ("userId == 'a'", 8),
        ("foo bar", 7),
        ("1and true", 9),
    ];
    for (filter, position) in rows {
        let error = error(filter);
        assert_eq!(error.position(), position, "{filter}");
        assert_eq!(
            error.to_string(),
            format!(
                "Invalid syntax for '{filter}': Syntax error at position {position} in \
                 '{filter}'. (Parameter 'filter')"
            )
        );
    }
}

/// A name, number or call that does not exist; the first of them is named.
#[test]
fn unknown_words_are_named() {
    // A58, 7.1, 7.2
    let rows: [(&str, &str, usize); 16] = [
        ("foo eq 1", "foo", 0),
        ("'a' eq subprotocol", "subprotocol", 7),
        ("role eq 'a'", "role", 0),
        ("true and (bar or baz)", "bar", 10),
        ("LENGTH(userId) eq 1", "LENGTH", 0),
        ("Not (true)", "Not", 0),
        ("true eq TRUE", "TRUE", 8),
        ("userId eq NULL", "NULL", 10),
        ("year(userId) eq 1", "year", 0),
        ("userId(1)", "userId", 0),
        ("length(groups) gt 2147483648", "2147483648", 18),
        ("length(groups) gt -2147483649", "-2147483649", 18),
        ("1.5 eq 1", "1.5", 0),
        ("1L eq 1", "1L", 0),
        ("2020-01-01 eq null", "2020-01-01", 0),
        ("'😀' eq größe", "größe", 8),
    ];
    for (filter, token, position) in rows {
        let error = error(filter);
        let message = format!(
            "Invalid syntax for '{token}': Token '{token}' is not supported. (Parameter 'filter')"
        );
        assert_eq!((error.to_string(), error.position()), (message, position), "{filter}");
    }
}

// A58, 7.3, 7.4.1
#[test]
fn type_errors_name_the_expression_and_both_types() {
    let rows: [(&str, &str, &str, &str); 30] = [
        ("userId gt 5", "userId gt 5", "string", "int"),
        ("5 lt userId", "5 lt userId", "string", "int"),
        ("null lt 'a'", "null lt 'a'", "string", "int"),
        ("true ge 1", "true ge 1", "bool", "int"),
        ("1 le groups", "1 le groups", "collection", "int"),
        ("userId", "userId", "string", "bool"),
        ("(userId)", "userId", "string", "bool"),
        ("null", "null", "null", "bool"),
        ("1", "1", "int", "bool"),
        ("groups", "groups", "collection", "bool"),
        ("length(userId)", "length(userId)", "null", "bool"),
        ("true and 1", "true and 1", "int", "bool"),
        ("true or 1", "true or 1", "int", "bool"),
        ("'a' or true", "'a' or true", "string", "bool"),
        ("false and (not 1)", "not 1", "int", "bool"),
        ("true and true and null or true", "true and true and null", "null", "bool"),
        ("not userId", "not userId", "string", "bool"),
        ("not  ( userId )", "not  ( userId )", "string", "bool"),
        ("not length(userId)", "not length(userId)", "null", "bool"),
        ("length(1) eq 1", "length(1)", "int", "string"),
        ("length(true) eq 1", "length(true)", "bool", "string"),
        ("tolower(groups) eq ''", "tolower(groups)", "collection", "string"),
        ("contains(userId, 1)", "contains(userId, 1)", "int", "string"),
        ("contains(1, userId)", "contains(1, userId)", "int", "string"),
        ("concat(userId, groups) eq ''", "concat(userId, groups)", "collection", "string"),
        ("substring(userId, 'a') eq ''", "substring(userId, 'a')", "string", "int"),
        ("substring(userId, null) eq ''", "substring(userId, null)", "null", "int"),
        ("substring(userId, 0, true) eq ''", "substring(userId, 0, true)", "bool", "int"),
        ("substring(1, 1) eq ''", "substring(1, 1)", "int", "string"),
        ("1 in (1, (not 2))", "not 2", "int", "bool"),
    ];
    for (filter, text, actual, expected) in rows {
        let error = error(filter);
        let message = format!(
            "Invalid syntax for '{text}': Type '{actual}', expect '{expected}'. (Parameter 'filter')"
        );
        assert_eq!(error.to_string(), message, "{filter}");
        assert_eq!(filter.find(text), Some(error.position()), "{filter}");
    }
}

// 7.3
#[test]
fn functions_refuse_other_numbers_of_arguments() {
    for (call, function, count) in [
        ("length(userId, 1)", "length", 2),
        ("contains(userId)", "contains", 1),
        ("substring(userId)", "substring", 1),
        ("substring(userId, 1, 2, 3)", "substring", 4),
    ] {
        let message = format!(
            "Invalid syntax for '{call}': Function '{function}' does not take {count} argument(s). \
             (Parameter 'filter')"
        );
        let error = error(&format!("true and {call} eq 1"));
        assert_eq!((error.to_string(), error.position()), (message, 9));
    }
}
