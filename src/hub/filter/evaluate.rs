//! Runs a compiled filter for one connection (`rest-api.md` section 7.3).
//!
//! One pass over the instructions, whatever the values are: the language always evaluates both
//! operands, so the time depends on the filter and the lengths of the connection's strings only.

use super::Subject;
use super::program::{Instruction, Program, Property};
use super::stack::Stack;
use super::value::{TypeError, Value};

/// Up to this height the stack is an array. `userId in ('a','b') and not('c' in groups)` needs
/// three.
const INLINE_HEIGHT: usize = 12;

/// What an evaluation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Finds type errors: no offset is outside a string (section 7.4.1).
    Validation,
    Real,
}

/// A type error and the instruction that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) instruction: usize,
    pub(super) error: TypeError,
}

/// The filter's answer about `subject`.
pub(super) fn evaluate<S: Subject + ?Sized>(
    program: &Program,
    subject: &S,
    mode: Mode,
) -> Result<bool, Failure> {
    let mut inline = [const { Value::Null }; INLINE_HEIGHT];
    let mut heap = Vec::new();
    let slots = match inline.get_mut(..program.height()) {
        Some(slots) => slots,
        None => {
            heap.resize_with(program.height(), Value::default);
            heap.as_mut_slice()
        }
    };
    let mut stack = Stack::new(slots);
    for (index, instruction) in program.instructions().iter().enumerate() {
        let value = step(instruction, &mut stack, subject, mode)
            .map_err(|error| Failure { instruction: index, error })?;
        stack.push(value);
    }
    let last = program.instructions().len().saturating_sub(1);
    stack.pop_bool().map_err(|error| Failure { instruction: last, error })
}

/// Takes the instruction's operands from the stack and returns its value.
fn step<'v, S: Subject + ?Sized>(
    instruction: &'v Instruction,
    stack: &mut Stack<'_, 'v>,
    subject: &'v S,
    mode: Mode,
) -> Result<Value<'v>, TypeError> {
    Ok(match instruction {
        Instruction::Null => Value::Null,
        Instruction::Bool(value) => Value::Bool(*value),
        Instruction::Int(value) => Value::Int(*value),
        Instruction::String(value) => Value::borrowed(Some(value)),
        Instruction::Property(property) => read(*property, subject),
        Instruction::Not => Value::Bool(!stack.pop_bool()?),
        Instruction::And => {
            let (right, left) = (stack.pop_bool()?, stack.pop_bool()?);
            Value::Bool(left && right)
        }
        Instruction::Or => {
            let (right, left) = (stack.pop_bool()?, stack.pop_bool()?);
            Value::Bool(left || right)
        }
        Instruction::Compare(comparison) => {
            let (right, left) = (stack.pop(), stack.pop());
            Value::Bool(comparison.holds(&left, &right)?)
        }
        Instruction::ListStart => Value::Bool(false),
        Instruction::ListItem => {
            let (item, is_found) = (stack.pop(), stack.pop_bool()?);
            Value::Bool(is_found || stack.top().equals(&item))
        }
        Instruction::ListEnd => {
            let is_found = stack.pop_bool()?;
            stack.pop();
            Value::Bool(is_found)
        }
        Instruction::InGroups => Value::Bool(match stack.pop() {
            Value::String(Some(name)) => subject.is_in_group(&name),
            // A collection of strings contains nothing else, and no null.
            _ => false,
        }),
        Instruction::Call(function) => function.call(stack, mode)?,
    })
}

fn read<S: Subject + ?Sized>(property: Property, subject: &S) -> Value<'_> {
    match property {
        Property::UserId => Value::borrowed(subject.user_id()),
        Property::ConnectionId => Value::borrowed(Some(subject.connection_id())),
        Property::Protocol => Value::borrowed(subject.protocol()),
        Property::Groups => Value::Groups(subject.group_count()),
    }
}
