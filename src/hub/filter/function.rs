//! The functions of the filter language (`rest-api.md` section 7.3).
//!
//! A function is found by its name and the number of its arguments; their types are looked at when
//! it is called, all of them even if one is null, so that a wrong type is found in the validation,
//! where every string of the connection is null or empty.

use std::borrow::Cow;

use super::evaluate::Mode;
use super::stack::Stack;
use super::text;
use super::value::{Type, TypeError, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Length,
    ToLower,
    ToUpper,
    Trim,
    Contains,
    StartsWith,
    EndsWith,
    IndexOf,
    Concat,
    /// `substring(s,i)`: to the end of the string.
    SubstringFrom,
    /// `substring(s,i,n)`
    Substring,
}

/// Names are lower-case only.
const FUNCTIONS: [(&str, Function); 11] = [
    ("length", Function::Length),
    ("tolower", Function::ToLower),
    ("toupper", Function::ToUpper),
    ("trim", Function::Trim),
    ("contains", Function::Contains),
    ("startswith", Function::StartsWith),
    ("endswith", Function::EndsWith),
    ("indexof", Function::IndexOf),
    ("concat", Function::Concat),
    ("substring", Function::SubstringFrom),
    ("substring", Function::Substring),
];

/// Why a call means no function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResolveError {
    Name,
    ArgumentCount { function: &'static str },
}

impl Function {
    pub(super) fn resolve(name: &str, argument_count: usize) -> Result<Self, ResolveError> {
        let mut error = ResolveError::Name;
        for (function_name, function) in FUNCTIONS.iter().filter(|(known, _)| *known == name) {
            if function.argument_count() == argument_count {
                return Ok(*function);
            }
            error = ResolveError::ArgumentCount { function: function_name };
        }
        Err(error)
    }

    pub(super) fn argument_count(self) -> usize {
        match self {
            Self::Length | Self::ToLower | Self::ToUpper | Self::Trim => 1,
            Self::Contains | Self::StartsWith | Self::EndsWith | Self::IndexOf => 2,
            Self::Concat | Self::SubstringFrom => 2,
            Self::Substring => 3,
        }
    }

    /// Takes the arguments from the stack, the last one first, and returns the result.
    pub(super) fn call<'v>(
        self,
        stack: &mut Stack<'_, 'v>,
        mode: Mode,
    ) -> Result<Value<'v>, TypeError> {
        Ok(match self {
            Self::Length => length(&stack.pop())?,
            Self::ToLower => Value::String(stack.pop_string()?.map(text::to_lower)),
            Self::ToUpper => Value::String(stack.pop_string()?.map(text::to_upper)),
            Self::Trim => Value::String(stack.pop_string()?.map(text::trim)),
            Self::Contains => test(stack, |text, part| text.contains(part))?,
            Self::StartsWith => test(stack, |text, part| text.starts_with(part))?,
            Self::EndsWith => test(stack, |text, part| text.ends_with(part))?,
            Self::IndexOf => {
                let (part, text) = (stack.pop_string()?, stack.pop_string()?);
                let index = text.zip(part).and_then(|(text, part)| text::index_of(&text, &part));
                index.map_or(Value::Int(-1), Value::count)
            }
            Self::Concat => {
                let (second, first) = (stack.pop_string()?, stack.pop_string()?);
                Value::String(concat(first, second))
            }
            Self::SubstringFrom => {
                let (start, text) = (stack.pop_int()?, stack.pop_string()?);
                Value::String(substring(text, start, None, mode))
            }
            Self::Substring => {
                let (count, start) = (stack.pop_int()?, stack.pop_int()?);
                Value::String(substring(stack.pop_string()?, start, Some(count), mode))
            }
        })
    }
}

fn length<'v>(of: &Value<'_>) -> Result<Value<'v>, TypeError> {
    match of {
        Value::Groups(count) => Ok(Value::count(*count)),
        Value::String(Some(text)) => Ok(Value::count(text::utf16_length(text))),
        // There is no integer that is null, so the result has the type null.
        Value::String(None) | Value::Null => Ok(Value::Null),
        Value::Bool(_) | Value::Int(_) => Err(of.instead_of(Type::String)),
    }
}

/// A question about two strings; the answer is no if either is null.
fn test<'v>(
    stack: &mut Stack<'_, 'v>,
    is_true: impl Fn(&str, &str) -> bool,
) -> Result<Value<'v>, TypeError> {
    let (part, text) = (stack.pop_string()?, stack.pop_string()?);
    Ok(Value::Bool(text.zip(part).is_some_and(|(text, part)| is_true(&text, &part))))
}

fn concat<'v>(first: Option<Cow<'v, str>>, second: Option<Cow<'v, str>>) -> Option<Cow<'v, str>> {
    match (first, second) {
        (Some(first), Some(second)) => Some(first + second),
        (first, second) => first.or(second),
    }
}

fn substring(
    of: Option<Cow<'_, str>>,
    start: i32,
    count: Option<i32>,
    mode: Mode,
) -> Option<Cow<'_, str>> {
    match mode {
        // The strings of the validation are not the ones that the offsets are meant for.
        Mode::Validation => of.map(|_| Cow::Borrowed("")),
        Mode::Real => text::substring(of?, start, count),
    }
}
