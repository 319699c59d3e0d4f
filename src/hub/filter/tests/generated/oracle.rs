//! The table of `rest-api.md` section 7.3, word for word, over trees and UTF-16 text.

use super::super::Connection;
use super::expression::Expression;

/// Half a surrogate pair is never kept: such a substring is null.
type Text = Option<Vec<u16>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i32),
    Text(Text),
    Groups,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct IllTyped;

type Evaluated<T> = Result<T, IllTyped>;

/// The expression's value for a connection, or for the validation of section 7.4.1.
pub(super) fn evaluate(
    expression: &Expression,
    connection: Option<&Connection>,
) -> Evaluated<Value> {
    let value = |expression| evaluate(expression, connection);
    let boolean = |expression| match value(expression)? {
        Value::Bool(value) => Ok(value),
        _ => Err(IllTyped),
    };
    Ok(match expression {
        Expression::Null => Value::Null,
        Expression::Bool(value) => Value::Bool(*value),
        Expression::Int(value) => Value::Int(*value),
        Expression::Text(value) => text(Some(value)),
        Expression::Property(name) => property(name, connection),
        Expression::Not(operand) => Value::Bool(!boolean(operand)?),
        Expression::Binary("and", left, right) => Value::Bool(boolean(left)? & boolean(right)?),
        Expression::Binary("or", left, right) => Value::Bool(boolean(left)? | boolean(right)?),
        Expression::Binary("eq", left, right) => Value::Bool(equal(&value(left)?, &value(right)?)),
        Expression::Binary("ne", left, right) => Value::Bool(!equal(&value(left)?, &value(right)?)),
        Expression::Binary(keyword, left, right) => {
            Value::Bool(ordered(keyword, &value(left)?, &value(right)?)?)
        }
        // `(groups)` is the collection.
        Expression::InList(needle, items)
            if matches!(items[..], [Expression::Property("groups")]) =>
        {
            Value::Bool(is_group(&value(needle)?, connection))
        }
        Expression::InList(needle, items) => {
            let needle = value(needle)?;
            let items = items.iter().map(value).collect::<Evaluated<Vec<_>>>()?;
            Value::Bool(items.iter().any(|item| equal(&needle, item)))
        }
        Expression::InGroups(needle) => Value::Bool(is_group(&value(needle)?, connection)),
        Expression::Call(name, arguments) => {
            let arguments = arguments.iter().map(value).collect::<Evaluated<Vec<_>>>()?;
            call(name, &arguments, connection)?
        }
    })
}

fn property(name: &str, connection: Option<&Connection>) -> Value {
    match (name, connection) {
        ("groups", _) => Value::Groups,
        ("connectionId", None) => text(Some("")),
        ("connectionId", Some(connection)) => text(Some(&connection.id)),
        ("userId", Some(connection)) => text(connection.user.as_deref()),
        ("protocol", Some(connection)) => text(connection.protocol.as_deref()),
        _ => text(None),
    }
}

fn text(value: Option<&str>) -> Value {
    Value::Text(value.map(|value| value.encode_utf16().collect()))
}

fn equal(left: &Value, right: &Value) -> bool {
    let is_null = |value: &Value| matches!(value, Value::Null | Value::Text(None));
    left == right || (is_null(left) && is_null(right))
}

fn ordered(keyword: &str, left: &Value, right: &Value) -> Evaluated<bool> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Ok(match keyword {
            "gt" => left > right,
            "ge" => left >= right,
            "lt" => left < right,
            _ => left <= right,
        }),
        (Value::Null | Value::Int(_), Value::Null | Value::Int(_)) => Ok(false),
        _ => Err(IllTyped),
    }
}

fn is_group(value: &Value, connection: Option<&Connection>) -> bool {
    let Some(connection) = connection else { return false };
    connection.groups.iter().any(|group| *value == text(Some(group)))
}

fn call(name: &str, arguments: &[Value], connection: Option<&Connection>) -> Evaluated<Value> {
    if let ("length", [Value::Groups]) = (name, arguments) {
        return Ok(int(connection.map_or(0, |connection| connection.groups.len())));
    }
    let string = |index: usize| match &arguments[index] {
        Value::Text(text) => Ok(text.clone()),
        Value::Null => Ok(None),
        _ => Err(IllTyped),
    };
    let offset = |index: usize| match &arguments[index] {
        Value::Int(value) => Ok(i64::from(*value)),
        _ => Err(IllTyped),
    };
    Ok(match name {
        "length" => string(0)?.map_or(Value::Null, |text| int(text.len())),
        "tolower" => {
            Value::Text(string(0)?.map(|text| map(&text, |(lower, upper)| (upper, lower))))
        }
        "toupper" => Value::Text(string(0)?.map(|text| map(&text, |pair| pair))),
        "trim" => Value::Text(string(0)?.map(|text| trim(&text).to_vec())),
        "contains" => about(string(0)?, string(1)?, |text, part| find(text, part).is_some()),
        "startswith" => about(string(0)?, string(1)?, |text, part| text.starts_with(part)),
        "endswith" => about(string(0)?, string(1)?, |text, part| text.ends_with(part)),
        "indexof" => match (string(0)?, string(1)?) {
            (Some(text), Some(part)) => find(&text, &part).map_or(Value::Int(-1), int),
            _ => Value::Int(-1),
        },
        "concat" => Value::Text(match (string(0)?, string(1)?) {
            (None, None) => None,
            (first, second) => Some([first, second].into_iter().flatten().flatten().collect()),
        }),
        _ => {
            let (of, start) = (string(0)?, offset(1)?);
            let count = if arguments.len() == 3 { Some(offset(2)?) } else { None };
            match (of, connection) {
                (None, _) => Value::Text(None),
                (Some(_), None) => text(Some("")),
                (Some(of), Some(_)) => Value::Text(substring(&of, start, count)),
            }
        }
    })
}

fn int(value: usize) -> Value {
    Value::Int(i32::try_from(value).expect("short texts"))
}

fn about(text: Text, part: Text, is_true: fn(&[u16], &[u16]) -> bool) -> Value {
    Value::Bool(matches!((text, part), (Some(text), Some(part)) if is_true(&text, &part)))
}

fn find(text: &[u16], part: &[u16]) -> Option<usize> {
    (0..=text.len()).find(|index| text[*index..].starts_with(part))
}

/// The letters of the pool, all of which are one code unit.
const LETTERS: [(char, char); 7] =
    [('a', 'A'), ('b', 'B'), ('h', 'H'), ('o', 'O'), ('x', 'X'), ('y', 'Y'), ('é', 'É')];

/// Replaces the first of each pair by the second, after `order` has put the pair in order.
fn map(text: &[u16], order: fn((char, char)) -> (char, char)) -> Vec<u16> {
    let other = |unit: &u16| {
        let mut pairs = LETTERS.into_iter().map(order);
        let found = pairs.find(|(from, _)| u32::from(*from) == u32::from(*unit));
        found.map_or(*unit, |(_, to)| u16::try_from(u32::from(to)).expect("one code unit"))
    };
    text.iter().map(other).collect()
}

/// The pool has no other whitespace than spaces.
fn trim(mut text: &[u16]) -> &[u16] {
    while let [0x20, rest @ ..] | [rest @ .., 0x20] = text {
        text = rest;
    }
    text
}

fn substring(text: &[u16], start: i64, count: Option<i64>) -> Text {
    let start = usize::try_from(start).ok()?;
    let rest = text.get(start..)?;
    let part = match count {
        Some(count) => rest.get(..usize::try_from(count).ok()?)?,
        None => rest,
    };
    String::from_utf16(part).is_ok().then(|| part.to_vec())
}
