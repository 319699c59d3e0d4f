//! The keys of a TOML file against those of [`table::FILE`](crate::config::table::FILE): which is
//! unknown, what was probably meant, and whose value stands at a place.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::table::{Below, Table};

/// A key that no setting has.
pub(super) struct UnknownKey {
    pub(super) key: String,
    /// Offset in the file.
    pub(super) start: usize,
    /// As an instruction.
    pub(super) suggestion: String,
}

/// The first unknown key, a table's own before those of the tables in it.
pub(super) fn find_unknown_key(found: &DeTable<'_>, known: &Table) -> Option<UnknownKey> {
    unknown_key_in(found, known).or_else(|| {
        known.below.iter().find_map(|(key, below)| {
            let value = found.get(*key)?;
            let (tables, inner) = match below {
                Below::One(inner) => (as_table(value).into_iter().collect(), inner),
                Below::Named(inner) => (tables_by_name(value), inner),
                Below::List(inner) => (tables_in_list(value), inner),
                Below::Values(_) => return None,
            };
            tables.into_iter().find_map(|table| find_unknown_key(table, inner))
        })
    })
}

type Value<'i> = Spanned<DeValue<'i>>;

fn as_table<'t, 'i>(value: &'t Value<'i>) -> Option<&'t DeTable<'i>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

fn tables_by_name<'t, 'i>(value: &'t Value<'i>) -> Vec<&'t DeTable<'i>> {
    as_table(value).into_iter().flat_map(|tables| tables.values().filter_map(as_table)).collect()
}

fn tables_in_list<'t, 'i>(value: &'t Value<'i>) -> Vec<&'t DeTable<'i>> {
    match value.get_ref() {
        DeValue::Array(array) => array.iter().filter_map(as_table).collect(),
        _ => Vec::new(),
    }
}

fn unknown_key_in(found: &DeTable<'_>, known: &Table) -> Option<UnknownKey> {
    let known: Vec<_> = known.keys().collect();
    let key = found.keys().find(|key| !known.contains(&key.get_ref().as_ref()))?;
    let nearest = known.iter().min_by_key(|name| distance(key.get_ref(), name))?;
    Some(UnknownKey {
        key: key.get_ref().to_string(),
        start: key.span().start,
        suggestion: format!("did you mean '{nearest}'? Known here are {}", known.join(", ")),
    })
}

/// How many characters must change to make one key the other (Levenshtein); case counts for
/// nothing, because a wrong case is the likeliest mistake.
fn distance(written: &str, known: &str) -> usize {
    let known: Vec<char> = known.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=known.len()).collect();
    for (index, c) in written.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, expected) in known.iter().enumerate() {
            let replaced = diagonal + usize::from(c != *expected);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[known.len()]
}

/// What has its value at an offset of the file.
pub(super) struct Found {
    /// With the names of the tables around it, such as `hubs.chat.eventHandlers[0].auth.type`.
    pub(super) name: String,
    /// The keys in the name.
    pub(super) path: Vec<String>,
}

/// Finds the innermost key whose value is at this offset.
pub(super) fn find_at(table: &DeTable<'_>, offset: usize) -> Option<Found> {
    table.iter().find_map(|(key, value)| {
        let key = key.get_ref();
        let inner = match value.get_ref() {
            DeValue::Table(table) => find_at(table, offset).map(|found| (".".to_owned(), found)),
            DeValue::Array(array) => array.iter().enumerate().find_map(|(index, item)| {
                Some((format!("[{index}]."), find_at(as_table(item)?, offset)?))
            }),
            _ => None,
        };
        if let Some((between, mut found)) = inner {
            found.path.insert(0, key.to_string());
            return Some(Found { name: format!("{key}{between}{}", found.name), ..found });
        }
        let is_here = value.span().contains(&offset);
        is_here.then(|| Found { name: key.to_string(), path: vec![key.to_string()] })
    })
}
