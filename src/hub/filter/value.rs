//! The values of the filter language and how they compare (`rest-api.md` section 7.3).
//!
//! There are two kinds of nothing. A string property or function without a value is a string that
//! is null: `userId gt 5` is a type error even for a connection without user. The literal `null`
//! and the length of a null string have the type null, which `gt` and its like accept. Both are
//! equal to each other.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use super::program::Comparison;

/// A value; strings are borrowed from the program or the connection where they can be.
#[derive(Debug, Default)]
pub(super) enum Value<'v> {
    #[default]
    Null,
    Bool(bool),
    Int(i32),
    String(Option<Cow<'v, str>>),
    /// The connection's groups, of which a value needs only the number: whether a group is among
    /// them is asked of the connection.
    Groups(usize),
}

impl<'v> Value<'v> {
    pub(super) fn borrowed(text: Option<&'v str>) -> Self {
        Self::String(text.map(Cow::Borrowed))
    }

    /// A length or an index; what does not fit is as good as the largest number that does.
    pub(super) fn count(count: usize) -> Self {
        Self::Int(i32::try_from(count).unwrap_or(i32::MAX))
    }

    /// `eq`: values of different types are unequal.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null | Self::String(None), Self::Null | Self::String(None)) => true,
            (Self::Bool(left), Self::Bool(right)) => left == right,
            (Self::Int(left), Self::Int(right)) => left == right,
            (Self::String(Some(left)), Self::String(Some(right))) => left == right,
            // There is only one collection, the connection's own.
            (Self::Groups(_), Self::Groups(_)) => true,
            _ => false,
        }
    }

    pub(super) fn into_bool(self) -> Result<bool, TypeError> {
        match self {
            Self::Bool(value) => Ok(value),
            other => Err(other.instead_of(Type::Bool)),
        }
    }

    pub(super) fn into_int(self) -> Result<i32, TypeError> {
        match self {
            Self::Int(value) => Ok(value),
            other => Err(other.instead_of(Type::Int)),
        }
    }

    pub(super) fn into_string(self) -> Result<Option<Cow<'v, str>>, TypeError> {
        match self {
            Self::String(value) => Ok(value),
            Self::Null => Ok(None),
            other => Err(other.instead_of(Type::String)),
        }
    }

    pub(super) fn instead_of(&self, expected: Type) -> TypeError {
        TypeError { actual: self.kind(), expected }
    }

    fn kind(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::String(_) => Type::String,
            Self::Groups(_) => Type::Collection,
        }
    }

    /// The number that is ordered; `None` for null, which is in no order.
    fn as_ordered(&self) -> Result<Option<i32>, TypeError> {
        match self {
            Self::Int(value) => Ok(Some(*value)),
            Self::Null => Ok(None),
            other => Err(other.instead_of(Type::Int)),
        }
    }

    fn order(&self, other: &Self) -> Result<Option<Ordering>, TypeError> {
        // Both types are looked at: null against a string is still an error.
        let (left, right) = (self.as_ordered()?, other.as_ordered()?);
        Ok(left.zip(right).map(|(left, right)| left.cmp(&right)))
    }
}

impl Comparison {
    /// Whether the comparison is true of the two values.
    pub(super) fn holds(self, left: &Value<'_>, right: &Value<'_>) -> Result<bool, TypeError> {
        Ok(match self {
            Self::Equal => left.equals(right),
            Self::NotEqual => !left.equals(right),
            Self::Greater => left.order(right)?.is_some_and(Ordering::is_gt),
            Self::GreaterOrEqual => left.order(right)?.is_some_and(Ordering::is_ge),
            Self::Less => left.order(right)?.is_some_and(Ordering::is_lt),
            Self::LessOrEqual => left.order(right)?.is_some_and(Ordering::is_le),
        })
    }
}

/// The name of a value's type, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Null,
    Bool,
    Int,
    String,
    Collection,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::String => "string",
            Self::Collection => "collection",
        })
    }
}

/// An operand is not of the type its operator needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TypeError {
    pub(super) actual: Type,
    pub(super) expected: Type,
}
