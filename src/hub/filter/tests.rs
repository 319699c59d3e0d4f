//! Every sentence of `rest-api.md` section 7 as tables; `generated` holds random expressions
//! against an independent evaluator.

mod functions;
mod generated;
mod limits;
mod refusals;

use super::*;

/// A connection as the tests describe it.
#[derive(Debug, Clone, Default)]
struct Connection {
    id: String,
    user: Option<String>,
    protocol: Option<String>,
    groups: Vec<String>,
}

impl Connection {
    fn anonymous() -> Self {
        Self { id: "c1".into(), ..Self::default() }
    }

    fn of(user: &str) -> Self {
        Self { user: Some(user.into()), ..Self::anonymous() }
    }

    fn in_groups<const N: usize>(mut self, groups: [&str; N]) -> Self {
        self.groups = groups.map(String::from).to_vec();
        self
    }
}

impl Subject for Connection {
    fn connection_id(&self) -> &str {
        &self.id
    }

    fn user_id(&self) -> Option<&str> {
        self.user.as_deref()
    }

    fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    fn is_in_group(&self, name: &str) -> bool {
        self.groups.iter().any(|group| group == name)
    }

    fn group_count(&self) -> usize {
        self.groups.len()
    }
}

/// Whether the filter, which must be valid, is true for the connection.
#[track_caller]
fn selects(filter: &str, connection: &Connection) -> bool {
    match Filter::parse(filter) {
        Ok(filter) => filter.matches(connection),
        Err(error) => panic!("{filter}: {error}"),
    }
}

/// Asserts that each expression is true for the connection.
#[track_caller]
fn all_true(connection: &Connection, filters: &[&str]) {
    for filter in filters {
        assert!(selects(filter, connection), "{filter} should be true for {connection:?}");
    }
}

/// Asserts that each expression is valid and false for the connection.
#[track_caller]
fn all_false(connection: &Connection, filters: &[&str]) {
    for filter in filters {
        assert!(!selects(filter, connection), "{filter} should be false for {connection:?}");
    }
}

#[test]
fn a_filter_travels_between_shards() {
    fn travels<T: Send + Sync + Clone + 'static>() {}
    travels::<Filter>();
}

// 7.5
#[test]
fn the_examples_select_what_they_say() {
    let filter = "'a' in groups or 'b' in groups";
    assert!(selects(filter, &Connection::anonymous().in_groups(["b"])));
    assert!(!selects(filter, &Connection::anonymous().in_groups(["c"])));
    let filter = "userId in ('u1','u2') and not('muted' in groups)";
    assert!(selects(filter, &Connection::of("u2")));
    assert!(!selects(filter, &Connection::of("u2").in_groups(["muted"])));
    assert!(!selects(filter, &Connection::of("u3")));
    assert!(selects("userId eq 'o''hara'", &Connection::of("o'hara")));
    assert!(selects("length(groups) gt 1", &Connection::anonymous().in_groups(["a", "b"])));
    assert!(!selects("length(groups) gt 1", &Connection::anonymous().in_groups(["a"])));
    let protocol = Some("json.webpubsub.azure.v1".to_owned());
    let json = Connection { protocol, ..Connection::anonymous() };
    assert!(selects("protocol eq 'json.webpubsub.azure.v1'", &json));
    all_false(&Connection::anonymous(), &["protocol eq 'json.webpubsub.azure.v1'", "false"]);
    all_true(&Connection::anonymous(), &["true", "protocol eq null", "connectionId eq 'c1'"]);
}

// A55
#[test]
fn user_id_eq_null_selects_exactly_the_connections_without_user() {
    assert!(selects("userId eq null", &Connection::anonymous()));
    assert!(!selects("userId eq null", &Connection::of("u")));
    assert!(!selects("userId eq null", &Connection::of("")));
    assert!(selects("userId ne null", &Connection::of("")));
}

// A56
#[test]
fn not_binds_tighter_than_comparisons() {
    let filter = "not (length(userId) gt 5)";
    assert!(selects(filter, &Connection::of("short")));
    assert!(!selects(filter, &Connection::of("longer")));
    assert!(selects(filter, &Connection::anonymous()));
}

// A57
#[test]
fn groups_can_be_required_and_excluded() {
    let filter = "'g' in groups and not('h' in groups)";
    assert!(selects(filter, &Connection::anonymous().in_groups(["g", "x"])));
    assert!(!selects(filter, &Connection::anonymous().in_groups(["g", "h"])));
    assert!(!selects(filter, &Connection::anonymous().in_groups(["x"])));
    assert!(!selects(filter, &Connection::anonymous().in_groups(["G"])), "A41: case matters");
}

// A59
#[test]
fn property_names_ignore_case_and_values_do_not() {
    all_true(
        &Connection::of("u").in_groups(["g"]),
        &[
            "USERID eq 'u'",
            "userid eq 'u'",
            "CONNECTIONID eq 'c1'",
            "'g' in GROUPS",
            "PROTOCOL eq null",
        ],
    );
    all_false(&Connection::of("U"), &["USERID eq 'u'"]);
}

// 7.1
#[test]
fn whitespace_is_needed_between_words_only() {
    all_true(
        &Connection::of("u").in_groups(["g"]),
        &[
            "not('h' in groups)",
            "\t\r\n userId\r\neq\t'u' ",
            "userId eq'u'and'g'in groups",
            "length ( groups )eq+1",
            "userId in('a','u')and(true)",
            "userId in ( 'a' , 'u' )",
            "(((userId)) eq (('u')))",
        ],
    );
}

// 7.1: `in`, `not`, comparisons, `and`, `or`.
#[test]
fn operators_bind_in_their_order_and_chain_from_the_left() {
    let anyone = Connection::anonymous();
    all_true(
        &anyone,
        &[
            "true or true and false",
            "not false and true",
            "not false or true",
            "not true eq false",
            "not not true",
            "not 'a' in groups",
            "not 'a' in ('b')",
            "1 eq 1 eq true",
            "2 gt 1 eq true",
            "false eq 'a' in ('b')",
            "'a' in ('b') in (false)",
            "'a' in ('b') in (true, true) in (false)",
            "true eq not false",
            "1 eq 1 and 2 eq 2 and 3 eq 3",
            "false and false or true",
        ],
    );
    all_false(
        &anyone,
        &["false and (false or true)", "1 eq (1 eq true)", "false eq (true or true)"],
    );
}

// 7.3
#[test]
fn equality_is_defined_between_all_types() {
    let user = Connection::of("u").in_groups(["g"]);
    all_true(
        &user,
        &[
            "1 eq 1",
            "1 ne 2",
            "1 ne '1'",
            "1 ne true",
            "'true' ne true",
            "null eq null",
            "null ne ''",
            "null ne 0",
            "null ne false",
            "groups eq groups",
            "groups ne null",
            "groups ne 'g'",
            "protocol eq null",
            "tolower(protocol) eq null",
            "length(protocol) eq null",
            "length(protocol) eq protocol",
            "'a' ne 'A'",
            "'é' ne 'e'",
        ],
    );
    all_false(&user, &["1 eq '1'", "null eq ''", "groups eq 1", "'a' eq 'A'"]);
}

// 7.3
#[test]
fn order_is_for_integers_and_null_is_in_no_order() {
    let anyone = Connection::anonymous();
    all_true(
        &anyone,
        &[
            "2 gt 1",
            "2 ge 2",
            "1 lt 2",
            "2 le 2",
            "-1 lt +1",
            "-2147483648 lt 2147483647",
            "007 eq 7",
        ],
    );
    all_false(
        &anyone,
        &[
            "1 gt 1",
            "1 ge 2",
            "1 lt 1",
            "2 le 1",
            "length(userId) gt 0",
            "length(userId) ge 0",
            "length(userId) lt 0",
            "length(userId) le 0",
            "null le null",
            "1 ge null",
        ],
    );
}

// 7.3
#[test]
fn membership_looks_for_equal_items() {
    let user = Connection::of("u").in_groups(["u", "g"]);
    all_true(
        &user,
        &[
            "userId in groups",
            "userId in (groups)",
            "userId in ( ( groups ) )",
            "userId in ('a', connectionId, 'u')",
            "userId in ('a', tolower('U'))",
            "connectionId in ('a', ('c1'))",
            "1 in (1)",
            "null in (protocol)",
            "not (userId in ())",
            "groups in (groups, 1)",
            "length(userId) in (2, 1)",
            "'' in ('')",
            "concat('', 'g') in groups",
        ],
    );
    all_false(
        &user,
        &[
            "userId in ()",
            "1 in ('1')",
            "null in groups",
            "protocol in groups",
            "1 in groups",
            "groups in groups",
            "groups in (groups)",
            "'u' in ('a', groups)",
            "'x' in groups",
        ],
    );
}

/// More operands at once than the array of an evaluation holds.
#[test]
fn deep_stacks_are_evaluated_too() {
    let nested = (0..90).fold("'x'".to_owned(), |inner, _| format!("concat(userId, {inner})"));
    let filter = format!("length({nested}) eq 91");
    assert!(selects(&filter, &Connection::of("u")));
    assert!(!selects(&filter, &Connection::of("uu")));
}
