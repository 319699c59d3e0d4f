//! The operands of one evaluation.
//!
//! The slots are the caller's, as many as the program says it needs, so that an evaluation of a
//! usual filter stays within an array. Taking from an empty stack or filling a full one would be a
//! mistake of the compiler, never of a filter.

use std::borrow::Cow;

use super::value::{TypeError, Value};

#[derive(Debug)]
pub(super) struct Stack<'s, 'v> {
    slots: &'s mut [Value<'v>],
    height: usize,
}

impl<'s, 'v> Stack<'s, 'v> {
    pub(super) fn new(slots: &'s mut [Value<'v>]) -> Self {
        Self { slots, height: 0 }
    }

    pub(super) fn push(&mut self, value: Value<'v>) {
        self.slots[self.height] = value;
        self.height += 1;
    }

    pub(super) fn pop(&mut self) -> Value<'v> {
        self.height -= 1;
        std::mem::take(&mut self.slots[self.height])
    }

    /// The value on top, left there.
    pub(super) fn top(&self) -> &Value<'v> {
        &self.slots[self.height - 1]
    }

    pub(super) fn pop_bool(&mut self) -> Result<bool, TypeError> {
        self.pop().into_bool()
    }

    pub(super) fn pop_int(&mut self) -> Result<i32, TypeError> {
        self.pop().into_int()
    }

    /// A string, which may be null; a null of no type will do as well.
    pub(super) fn pop_string(&mut self) -> Result<Option<Cow<'v, str>>, TypeError> {
        self.pop().into_string()
    }
}
