//! Wildcard patterns over group names, as roles carry them (`client-roles.md` section 3).
//!
//! A pattern comes from an access token, so from someone half trusted, and is compared each time a
//! client names a group. Hence two decisions:
//!
//! - it is compiled once, into a list of elements, and refused there if it breaks a limit;
//! - it is matched by following all possible positions in the pattern at the same time (a set of
//!   bits), never by trying and going back. The cost is at most characters times elements, for any
//!   pattern and any name; a typical pattern keeps one or two positions alive. Nothing is
//!   allocated.
//!
//! Characters are Unicode scalar values, and case matters.

use std::fmt;

/// Longest pattern in characters, escapes included.
pub const PATTERN_CHARS_MAX: usize = 1024;

/// How many unescaped `*` a pattern may have; each star of `**` counts.
pub const PATTERN_STARS_MAX: usize = 5;

/// What the text of a pattern role means once it is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupPattern {
    /// `**` alone: the role without suffix says the same.
    Everything,
    /// No wildcard left after un-escaping: one group by name.
    Literal(String),
    /// Everything else.
    Wildcard(Pattern),
}

impl GroupPattern {
    /// Parses the text after `Groups.` of a role.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let elements = parse_elements(text)?;
        if elements == [Element::Many] {
            return Ok(Self::Everything);
        }
        let literal = elements.iter().map(|element| match element {
            Element::Char(c) => Some(*c),
            _ => None,
        });
        if let Some(group) = literal.collect::<Option<String>>() {
            return Ok(Self::Literal(group));
        }
        Ok(Self::Wildcard(Pattern { elements: elements.into_boxed_slice() }))
    }
}

/// A compiled pattern with at least one wildcard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    elements: Box<[Element]>,
}

/// One step of a pattern: four bytes, because the wildcards fit beside the valid values of `char`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Char(char),
    /// `?`: exactly one character except `.`
    OneExceptDot,
    /// `*`: any number of characters except `.`
    ManyExceptDot,
    /// `**`: any number of characters
    Many,
}

const _: () = assert!(size_of::<Element>() == 4);

impl Pattern {
    /// Whether the pattern covers the whole of `group`.
    pub fn matches(&self, group: &str) -> bool {
        // Patterns that people write fit one word; there is no need to carry the other sixteen.
        if self.elements.len() < 64 {
            self.follow::<1>(group)
        } else {
            self.follow::<WORDS_MAX>(group)
        }
    }

    fn follow<const WORDS: usize>(&self, group: &str) -> bool {
        let mut positions = Positions([0; WORDS]);
        self.enter(&mut positions, 0);
        for c in group.chars() {
            let mut next = Positions([0; WORDS]);
            for index in positions.iter(self.elements.len()) {
                match self.elements[index] {
                    Element::Char(expected) if expected == c => self.enter(&mut next, index + 1),
                    Element::OneExceptDot if c != '.' => self.enter(&mut next, index + 1),
                    Element::ManyExceptDot if c != '.' => self.enter(&mut next, index),
                    Element::Many => self.enter(&mut next, index),
                    _ => {}
                }
            }
            if next.is_empty() {
                return false;
            }
            positions = next;
        }
        positions.contains(self.elements.len())
    }

    /// Adds a position, and the one behind it if a star there may match nothing. Stars are never
    /// neighbours (a run of them is one element), so one step behind is far enough.
    fn enter<const WORDS: usize>(&self, positions: &mut Positions<WORDS>, index: usize) {
        positions.insert(index);
        if let Some(Element::ManyExceptDot | Element::Many) = self.elements.get(index) {
            positions.insert(index + 1);
        }
    }
}

fn parse_elements(text: &str) -> Result<Vec<Element>, InvalidPattern> {
    if text.is_empty() || text.chars().count() > PATTERN_CHARS_MAX {
        return Err(InvalidPattern::Length);
    }
    let mut elements = Vec::new();
    let mut stars = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        elements.push(match c {
            '?' => Element::OneExceptDot,
            '\\' => match chars.next() {
                Some(escaped @ ('*' | '?' | '\\')) => Element::Char(escaped),
                _ => return Err(InvalidPattern::Escape),
            },
            '*' => {
                let mut run = 1;
                while chars.next_if_eq(&'*').is_some() {
                    run += 1;
                }
                stars += run;
                if run == 1 { Element::ManyExceptDot } else { Element::Many }
            }
            other => Element::Char(other),
        });
    }
    if stars > PATTERN_STARS_MAX {
        return Err(InvalidPattern::Stars);
    }
    Ok(elements)
}

/// Bits for the positions 0 to [`PATTERN_CHARS_MAX`], both included.
const WORDS_MAX: usize = (PATTERN_CHARS_MAX + 1).div_ceil(64);

/// The positions in a pattern that the characters read so far may have led to.
struct Positions<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Positions<WORDS> {
    fn insert(&mut self, index: usize) {
        self.0[index / 64] |= 1 << (index % 64);
    }

    fn contains(&self, index: usize) -> bool {
        self.0[index / 64] & (1 << (index % 64)) != 0
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The members below `end`, in order.
    fn iter(&self, end: usize) -> impl Iterator<Item = usize> + '_ {
        self.0[..end.div_ceil(64)].iter().enumerate().flat_map(move |(index, &word)| {
            std::iter::successors((word != 0).then_some(word), |rest| {
                let rest = rest & (rest - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |rest| index * 64 + rest.trailing_zeros() as usize)
            .filter(move |position| *position < end)
        })
    }
}

/// Why a pattern is refused. The role that carries it is ignored, the connection is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidPattern {
    /// Not 1 to [`PATTERN_CHARS_MAX`] characters.
    Length,
    /// More than [`PATTERN_STARS_MAX`] stars.
    Stars,
    /// A backslash before anything but `*`, `?` and a backslash.
    Escape,
}

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "a pattern has 1 to {PATTERN_CHARS_MAX} characters"),
            Self::Stars => write!(f, "a pattern has at most {PATTERN_STARS_MAX} stars"),
            Self::Escape => f.write_str("a backslash in a pattern precedes *, ? or a backslash"),
        }
    }
}

impl std::error::Error for InvalidPattern {}

#[cfg(test)]
mod tests;
