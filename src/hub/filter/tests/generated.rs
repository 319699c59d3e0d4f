//! Random expressions against an evaluator written from `rest-api.md` section 7.3 alone.
//!
//! 1. A tape of random bytes is read as an expression, mostly well typed, and a connection, both
//!    from a small pool of strings, so that comparisons are often true.
//! 2. `print` writes the expression with random spaces, letter case and parentheses where the
//!    grammar allows them.
//! 3. `oracle` evaluates the tree recursively over UTF-16 text. It must agree with the parser on
//!    whether the filter is valid, and with the program on whether it matches.

mod expression;
mod oracle;
mod print;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use expression::{Expression, Tape};

/// The strings of expressions and connections.
const POOL: [&str; 12] = ["", "a", "b", "ab", "A", "aB", "o'h", " a ", "é", "É", "😀", "x😀y"];

fn connection(tape: &mut Tape<'_>) -> Connection {
    let optional = |tape: &mut Tape<'_>| (tape.below(3) > 0).then(|| tape.text().to_owned());
    let mut groups: Vec<String> = (0..tape.below(4)).map(|_| tape.text().to_owned()).collect();
    groups.sort();
    groups.dedup();
    Connection {
        id: tape.text().to_owned(),
        user: optional(tape),
        protocol: optional(tape),
        groups,
    }
}

proptest! {
    // A case takes microseconds, and the rare ones (offsets within a character) are the hard ones.
    #![proptest_config(ProptestConfig::with_cases(4096))]

    // A60
    #[test]
    fn agrees_with_the_naive_evaluator(
        tape in vec(any::<u8>(), 0..120),
        style in vec(any::<u8>(), 1..40),
        subjects in vec(any::<u8>(), 40),
    ) {
        let expression = Expression::bool(&mut Tape::new(&tape), 4);
        let text = print::print(&expression, &style);
        let validated = oracle::evaluate(&expression, None);
        let is_valid = matches!(validated, Ok(oracle::Value::Bool(_)));
        let filter = Filter::parse(&text);
        prop_assert_eq!(filter.is_ok(), is_valid, "{} {:?}", text, filter);
        let Ok(filter) = filter else { return Ok(()) };
        let mut subjects = Tape::new(&subjects);
        for _ in 0..3 {
            let connection = connection(&mut subjects);
            let expected = oracle::evaluate(&expression, Some(&connection));
            prop_assert_eq!(
                filter.matches(&connection),
                expected == Ok(oracle::Value::Bool(true)),
                "{} of {:?} is {:?}", text, connection, expected
            );
        }
    }

    #[test]
    fn never_panics_and_points_inside(text in any::<String>()) {
        check_position(&text)?;
    }

    /// Nearly a filter: pieces of the language in any order.
    #[test]
    fn never_panics_on_near_filters(pieces in vec(0_usize..PIECES.len(), 0..24)) {
        let text: Vec<&str> = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        check_position(&text.join(" "))?;
        check_position(&text.concat())?;
    }
}

const PIECES: [&str; 24] = [
    "(",
    ")",
    ",",
    "'",
    "'a'",
    "'😀'",
    "1",
    "-1",
    "99999999999",
    "userId",
    "groups",
    "eq",
    "gt",
    "and",
    "or",
    "not",
    "in",
    "null",
    "true",
    "length(",
    "substring(",
    "foo",
    "%",
    "é",
];

fn check_position(text: &str) -> Result<(), TestCaseError> {
    match Filter::parse(text) {
        Ok(filter) => {
            filter.matches(&Connection::of("x😀y").in_groups(["a"]));
        }
        Err(error) => {
            prop_assert!(error.position() <= text.encode_utf16().count());
            prop_assert!(error.to_string().len() <= 2 * text.len() + 200);
        }
    }
    Ok(())
}
