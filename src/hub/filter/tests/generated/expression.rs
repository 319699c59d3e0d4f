//! The tree of a random expression, read from a tape of bytes.

use super::POOL;

#[derive(Debug, Clone)]
pub(super) enum Expression {
    Null,
    Bool(bool),
    Int(i32),
    Text(&'static str),
    /// `userId`, `connectionId`, `groups` or `protocol`.
    Property(&'static str),
    Not(Box<Expression>),
    /// An operator of two operands by its keyword.
    Binary(&'static str, Box<Expression>, Box<Expression>),
    InList(Box<Expression>, Vec<Expression>),
    InGroups(Box<Expression>),
    Call(&'static str, Vec<Expression>),
}

/// Random choices; all zero when the bytes are used up, so every expression is finite.
pub(super) struct Tape<'t>(std::slice::Iter<'t, u8>);

impl<'t> Tape<'t> {
    pub(super) fn new(bytes: &'t [u8]) -> Self {
        Self(bytes.iter())
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % count)
    }

    pub(super) fn text(&mut self) -> &'static str {
        POOL[self.below(POOL.len())]
    }
}

impl Expression {
    pub(super) fn bool(tape: &mut Tape<'_>, depth: usize) -> Self {
        let Some(depth) = depth.checked_sub(1) else {
            return Self::Bool(tape.below(2) == 0);
        };
        match tape.below(16) {
            0 => Self::Bool(tape.below(2) == 0),
            1 | 2 => Self::Not(Box::new(Self::bool(tape, depth))),
            3..=5 => {
                let keyword = ["and", "or"][tape.below(2)];
                binary(keyword, Self::bool(tape, depth), Self::bool(tape, depth))
            }
            6..=8 => {
                let keyword = ["eq", "ne"][tape.below(2)];
                let left = Self::any(tape, depth);
                // Two of one kind are equal often enough to be of interest.
                let right = if tape.below(4) == 0 { left.clone() } else { Self::text(tape, depth) };
                binary(keyword, left, right)
            }
            9 | 10 => {
                let keyword = ["gt", "ge", "lt", "le"][tape.below(4)];
                binary(keyword, Self::int(tape, depth), Self::int(tape, depth))
            }
            11 => {
                let needle = Self::any(tape, depth);
                let items = (0..tape.below(4)).map(|_| Self::any(tape, depth)).collect();
                Self::InList(Box::new(needle), items)
            }
            12 => Self::InGroups(Box::new(Self::text(tape, depth))),
            13 | 14 => {
                let name = ["contains", "startswith", "endswith"][tape.below(3)];
                Self::Call(name, vec![Self::text(tape, depth), Self::text(tape, depth)])
            }
            // Rarely something of the wrong type.
            _ => Self::any(tape, depth),
        }
    }

    fn text(tape: &mut Tape<'_>, depth: usize) -> Self {
        let choice = tape.below(if depth == 0 { 8 } else { 16 });
        let depth = depth.saturating_sub(1);
        match choice {
            0..=2 => Self::Text(tape.text()),
            3 | 4 => Self::Property("userId"),
            5 => Self::Property("connectionId"),
            6 => Self::Property("protocol"),
            7 => Self::Null,
            8..=10 => {
                let name = ["tolower", "toupper", "trim"][tape.below(3)];
                Self::Call(name, vec![Self::text(tape, depth)])
            }
            11 | 12 => Self::Call("concat", vec![Self::text(tape, depth), Self::text(tape, depth)]),
            13 => Self::Call("substring", vec![Self::text(tape, depth), Self::int(tape, depth)]),
            14 => {
                let offsets = [Self::int(tape, depth), Self::int(tape, depth)];
                let text = Self::text(tape, depth);
                Self::Call("substring", std::iter::once(text).chain(offsets).collect())
            }
            _ => Self::any(tape, depth),
        }
    }

    fn int(tape: &mut Tape<'_>, depth: usize) -> Self {
        let choice = tape.below(if depth == 0 { 4 } else { 8 });
        let depth = depth.saturating_sub(1);
        match choice {
            0..=2 => Self::Int([0, 1, 2, 3, 4, -1, i32::MAX, i32::MIN][tape.below(8)]),
            3 => Self::Call("length", vec![Self::Property("groups")]),
            4 | 5 => Self::Call("length", vec![Self::text(tape, depth)]),
            6 => Self::Call("indexof", vec![Self::text(tape, depth), Self::text(tape, depth)]),
            _ => Self::any(tape, depth),
        }
    }

    fn any(tape: &mut Tape<'_>, depth: usize) -> Self {
        match tape.below(12) {
            0..=5 => Self::text(tape, depth),
            6..=8 => Self::int(tape, depth),
            9 => Self::Property("groups"),
            _ => Self::bool(tape, depth),
        }
    }
}

fn binary(keyword: &'static str, left: Expression, right: Expression) -> Expression {
    Expression::Binary(keyword, Box::new(left), Box::new(right))
}
