//! The filter language of the REST API (`rest-api.md` section 7): which connections does a send or
//! a bulk change of membership mean?
//!
//! A filter is compiled once per request and then asked about every candidate connection, on every
//! shard. Hence the shape:
//!
//! - `lexer` and `parser` turn the text into a `program`: a flat list of instructions for a
//!   stack. Nesting is limited while parsing, and evaluation does not recurse at all;
//! - `evaluate` runs it. Values borrow from the program and from the connection; only string
//!   functions that make a new string allocate.
//!
//! The language has no static types: a type error is found by evaluating, first against a
//! connection without anything (which decides whether the filter is accepted, 7.4.1), later against
//! real ones (where it means "does not match", 7.4.2). Both operands of `and` and `or` are always
//! evaluated, so there is nothing to jump over.
//!
//! An absent or empty filter means different things to different operations; the caller decides
//! that and does not ask here. Percent-decoding is the caller's business too.

mod error;
mod evaluate;
mod function;
mod lexer;
mod parser;
mod program;
mod stack;
mod text;
mod value;

use std::sync::Arc;

pub use self::error::FilterError;
use self::evaluate::{Mode, evaluate};
use self::program::Program;

/// Longest filter, in bytes of UTF-8 (`rest-api.md` section 4).
pub const FILTER_BYTES_MAX: usize = 16 * 1024;

/// How many parentheses, calls, lists and `not` may be around a token (`rest-api.md` section 4).
pub const FILTER_NESTING_MAX: usize = 100;

/// How many literals, properties, operators and calls a filter may have (`rest-api.md` section 4).
pub const FILTER_NODES_MAX: usize = 1000;

/// A compiled filter. Cloning counts a reference; it may travel between shards.
#[derive(Debug, Clone)]
pub struct Filter(Arc<Program>);

impl Filter {
    /// Compiles `text` and evaluates it once against an empty connection (section 7.4.1).
    ///
    /// An empty text is a syntax error here.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > FILTER_BYTES_MAX {
            return Err(FilterError::too_long(text));
        }
        let (program, spans) = parser::parse(text)?;
        if let Err(failure) = evaluate(&program, &EmptySubject, Mode::Validation) {
            // The parser has recorded a span with every instruction.
            let span = spans.get(failure.instruction).cloned().unwrap_or(0..text.len());
            return Err(FilterError::wrong_type(text, span, failure.error));
        }
        Ok(Self(Arc::new(program)))
    }

    /// Whether the filter is true for `subject`; `false` if it cannot be evaluated (7.4.2).
    pub fn matches(&self, subject: &(impl Subject + ?Sized)) -> bool {
        evaluate(&self.0, subject, Mode::Real) == Ok(true)
    }
}

/// What a filter may ask of a connection (section 7.2).
pub trait Subject {
    fn connection_id(&self) -> &str;

    fn user_id(&self) -> Option<&str>;

    /// The agreed subprotocol, as it was named in the handshake.
    fn protocol(&self) -> Option<&str>;

    /// Whether the connection is in that group; group names are case-sensitive.
    fn is_in_group(&self, name: &str) -> bool;

    fn group_count(&self) -> usize;
}

/// The connection that decides whether a filter is well typed (section 7.4.1).
struct EmptySubject;

impl Subject for EmptySubject {
    fn connection_id(&self) -> &str {
        ""
    }

    fn user_id(&self) -> Option<&str> {
        None
    }

    fn protocol(&self) -> Option<&str> {
        None
    }

    fn is_in_group(&self, _name: &str) -> bool {
        false
    }

    fn group_count(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests;
