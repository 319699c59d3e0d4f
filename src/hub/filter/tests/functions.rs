//! The functions of `rest-api.md` section 7.3 and how they fare in the validation of 7.4.

use super::*;

// A60
#[test]
fn all_ten_functions_behave_as_listed() {
    let user = Connection::of("a😀b").in_groups(["g", "h"]);
    all_true(
        &user,
        &[
            "length(userId) eq 4",
            "length('') eq 0",
            "length(groups) eq 2",
            "length((groups)) eq 2",
            "tolower('ÀB') eq 'àb'",
            "tolower('İ') eq 'İ'",
            "tolower('ΑΣ') eq 'ασ'",
            "toupper('àb') eq 'ÀB'",
            "toupper('ß') eq 'ß'",
            "toupper('ı') eq 'ı'",
            "trim(' \t\u{a0}x y\r\n\u{3000}') eq 'x y'",
            "trim('   ') eq ''",
            "contains(userId, '😀')",
            "contains(userId, '')",
            "startswith(userId, 'a')",
            "startswith(userId, '')",
            "endswith(userId, 'b')",
            "indexof(userId, 'b') eq 3",
            "indexof(userId, 'a') eq 0",
            "indexof(userId, '') eq 0",
            "indexof(userId, 'x') eq -1",
            "concat('a', 'b') eq 'ab'",
            "concat(concat('a', ''), userId) eq 'aa😀b'",
            "substring(userId, 3) eq 'b'",
            "substring(userId, 1, 2) eq '😀'",
            "substring(userId, 0, 0) eq ''",
            "substring(userId, 4) eq ''",
            "substring(userId, 4, 0) eq ''",
            "substring(toupper(userId), 0, 1) eq 'A'",
            "trim(concat(' ', userId)) eq userId",
        ],
    );
    all_false(
        &user,
        &[
            "contains(userId, 'A')",
            "startswith(userId, 'b')",
            "endswith(userId, 'a')",
            "tolower('ΑΣ') eq 'ας'",
        ],
    );
}

// A60
#[test]
fn functions_of_null_give_what_is_listed() {
    all_true(
        &Connection::anonymous(),
        &[
            "length(userId) eq null",
            "length(null) eq null",
            "tolower(userId) eq null",
            "toupper(userId) eq null",
            "trim(userId) eq null",
            "contains(userId, 'a') eq false",
            "contains('a', userId) eq false",
            "contains(null, null) eq false",
            "startswith(userId, '') eq false",
            "startswith('', userId) eq false",
            "endswith(userId, '') eq false",
            "endswith('', userId) eq false",
            "indexof(userId, '') eq -1",
            "indexof('', userId) eq -1",
            "concat(userId, 'a') eq 'a'",
            "concat('a', userId) eq 'a'",
            "concat(userId, protocol) eq null",
            "substring(userId, 0) eq null",
            "substring(userId, 0, 0) eq null",
        ],
    );
}

// A60
#[test]
fn a_substring_outside_the_string_is_null() {
    all_true(
        &Connection::of("a😀b"),
        &[
            "substring(userId, 5) eq null",
            "substring(userId, -1) eq null",
            "substring(userId, 3, 2) eq null",
            "substring(userId, 0, -1) eq null",
            "substring(userId, 2147483647, 2147483647) eq null",
            "substring(userId, 1, 2147483647) eq null",
            // Half of a character.
            "substring(userId, 2) eq null",
            "substring(userId, 0, 2) eq null",
            "substring(userId, 5, 0) eq null",
            // Nothing of it.
            "substring(userId, 2, 0) eq ''",
        ],
    );
}

// 7.4.1
#[test]
fn validation_takes_every_offset_for_inside() {
    let filter = "length(substring(connectionId, 0, 8)) ge 0 eq true";
    assert!(!selects(filter, &Connection::anonymous()), "null has no order");
    // With a null here, `not` would refuse the filter.
    let filter = "not (substring(connectionId, 8) in (null))";
    assert!(!selects(filter, &Connection::anonymous()));
}

// 7.4.2
#[test]
fn an_error_about_one_connection_means_no_match() {
    // Well typed in the validation, where the substring is empty and its length an integer.
    let filter = "substring('ab', length(substring(connectionId, 1))) eq 'b' or true";
    assert!(selects(filter, &Connection { id: "xy".into(), ..Connection::default() }));
    assert!(!selects(filter, &Connection::default()), "null is no offset");
    let filter = format!("not ({filter} and false)");
    assert!(!selects(&filter, &Connection::default()), "whatever stands around it");
}
