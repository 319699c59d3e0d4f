//! What a filter is compiled to: instructions for a stack, operands before their operator.
//!
//! `userId eq null and 'g' in groups` becomes `userId`, `null`, `eq`, `'g'`, *in groups*, `and`. A
//! list is `ListStart`, then every item followed by `ListItem`, then `ListEnd`; the value that is
//! looked for stays on the stack meanwhile.
//!
//! A program that the parser made never takes from an empty stack and leaves one value.

use super::function::Function;

/// A compiled filter.
#[derive(Debug)]
pub(super) struct Program {
    instructions: Box<[Instruction]>,
    height: usize,
}

impl Program {
    pub(super) fn new(instructions: Vec<Instruction>) -> Self {
        let mut height = 0;
        let mut height_max = 0;
        for instruction in &instructions {
            height = height + 1 - instruction.operand_count();
            height_max = height_max.max(height);
        }
        Self { instructions: instructions.into(), height: height_max }
    }

    pub(super) fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// The most values that are on the stack at once.
    pub(super) fn height(&self) -> usize {
        self.height
    }
}

/// One step; each takes its operands from the stack and puts one value there.
#[derive(Debug)]
pub(super) enum Instruction {
    Null,
    Bool(bool),
    Int(i32),
    String(Box<str>),
    Property(Property),
    Not,
    And,
    Or,
    Compare(Comparison),
    /// Nothing found yet.
    ListStart,
    /// Takes an item and what was found before it, looks at the value below.
    ListItem,
    /// Takes what was found and the value that was looked for.
    ListEnd,
    InGroups,
    Call(Function),
}

impl Instruction {
    /// How many values it takes from the stack.
    fn operand_count(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::String(_) => 0,
            Self::Property(_) | Self::ListStart => 0,
            Self::Not | Self::InGroups => 1,
            Self::And | Self::Or | Self::Compare(_) | Self::ListItem | Self::ListEnd => 2,
            Self::Call(function) => function.argument_count(),
        }
    }

    /// Whether it counts as a node of the filter; a list counts once.
    pub(super) fn is_node(&self) -> bool {
        !matches!(self, Self::ListStart | Self::ListItem)
    }
}

/// What a filter may ask of a connection (`rest-api.md` section 7.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Property {
    UserId,
    ConnectionId,
    Groups,
    Protocol,
}

impl Property {
    /// The property of that name, in any case.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let names = [
            ("userId", Self::UserId),
            ("connectionId", Self::ConnectionId),
            ("groups", Self::Groups),
            ("protocol", Self::Protocol),
        ];
        let is_it = |(known, _): &(&str, Self)| known.eq_ignore_ascii_case(name);
        names.into_iter().find(is_it).map(|(_, property)| property)
    }
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Comparison {
    /// The operator of that keyword, which is lower-case.
    pub(super) fn from_keyword(keyword: &str) -> Option<Self> {
        Some(match keyword {
            "eq" => Self::Equal,
            "ne" => Self::NotEqual,
            "gt" => Self::Greater,
            "ge" => Self::GreaterOrEqual,
            "lt" => Self::Less,
            "le" => Self::LessOrEqual,
            _ => return None,
        })
    }
}
