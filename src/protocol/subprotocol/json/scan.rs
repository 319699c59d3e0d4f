//! Strict JSON, read once from front to back without building anything.
//!
//! RFC 8259 to the letter: no comments, no trailing commas, no byte-order mark, no control
//! characters in strings, no numbers like `01` or `.5`. The values of one object are handed out as
//! slices of the text, in order; what is inside them is checked and skipped in the same pass. Names
//! are not compared and repeated ones are not noticed: that is the decoder's business.
//!
//! Depth is bounded, and nesting costs one bit per level instead of a stack frame, so no input
//! can exhaust the stack.

use super::literal::{
    Escapes, Literal, is_high_surrogate, is_low_surrogate, plain_run_len, unit_at,
};
use crate::protocol::subprotocol::MessageError;

/// Deepest nesting of a message, its own object included (`client-json.md` section 1).
pub(super) const DEPTH_MAX: u32 = 64;

/// A value of an object's member, in its source text.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    String(Literal<'a>),
    Array(&'a str),
    Object(&'a str),
}

impl<'a> Value<'a> {
    pub(super) fn source(&self) -> &'a str {
        match self {
            Self::Null => "null",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Number(source) | Self::Array(source) | Self::Object(source) => source,
            Self::String(literal) => literal.source(),
        }
    }
}

/// Whether a text is one JSON value, at most [`DEPTH_MAX`] levels deep.
pub(crate) fn is_value(text: &str) -> bool {
    let mut cursor = Cursor { text, at: 0 };
    cursor.skip_value(DEPTH_MAX).is_ok() && cursor.peek_token().is_none()
}

/// The members of the one object that a text consists of.
pub(super) struct Members<'a> {
    cursor: Cursor<'a>,
    is_first: bool,
}

impl<'a> Members<'a> {
    pub(super) fn open(text: &'a str) -> Result<Self, MessageError> {
        let mut cursor = Cursor { text, at: 0 };
        match cursor.take_token() {
            Some(b'{') => Ok(Self { cursor, is_first: true }),
            Some(b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                Err(MessageError::NotAnObject)
            }
            _ => Err(MessageError::NotJson),
        }
    }

    /// The next member, or `None` once the object and with it the text have ended.
    pub(super) fn next(&mut self) -> Result<Option<(Literal<'a>, Value<'a>)>, MessageError> {
        let cursor = &mut self.cursor;
        let mut token = cursor.take_token();
        if token == Some(b'}') {
            return if cursor.peek_token().is_none() {
                Ok(None)
            } else {
                Err(MessageError::NotJson)
            };
        }
        if !self.is_first {
            if token != Some(b',') {
                return Err(MessageError::NotJson);
            }
            token = cursor.take_token();
        }
        self.is_first = false;
        if token != Some(b'"') {
            return Err(MessageError::NotJson);
        }
        let start = cursor.at - 1;
        let escapes = cursor.skip_string_rest()?;
        let name = Literal::new(cursor.since(start), escapes);
        cursor.skip_colon()?;
        Ok(Some((name, cursor.take_value(DEPTH_MAX - 1)?)))
    }
}

/// A place in a text, before which everything is valid.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The text from `start` on. Both ends are beside ASCII characters, so it is always there.
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The next byte that is not white space, which is not consumed.
    fn peek_token(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                token => return token,
            }
        }
    }

    fn take_token(&mut self) -> Option<u8> {
        let token = self.peek_token();
        self.at += usize::from(token.is_some());
        token
    }

    fn take_value(&mut self, depth_max: u32) -> Result<Value<'a>, MessageError> {
        let first = self.peek_token();
        let start = self.at;
        if first == Some(b'"') {
            self.at += 1;
            let escapes = self.skip_string_rest()?;
            return Ok(Value::String(Literal::new(self.since(start), escapes)));
        }
        self.skip_value(depth_max)?;
        let source = self.since(start);
        Ok(match first {
            Some(b'{') => Value::Object(source),
            Some(b'[') => Value::Array(source),
            Some(b't') => Value::Bool(true),
            Some(b'f') => Value::Bool(false),
            Some(b'n') => Value::Null,
            _ => Value::Number(source),
        })
    }

    /// Skips a value of at most `depth_max` levels; a scalar has none.
    fn skip_value(&mut self, depth_max: u32) -> Result<(), MessageError> {
        // One bit per open level, the innermost lowest: whether it is an object.
        const { assert!(DEPTH_MAX <= u64::BITS) };
        let (mut objects, mut depth) = (0_u64, 0);
        loop {
            match self.peek_token() {
                Some(open @ (b'{' | b'[')) => {
                    if depth == depth_max {
                        return Err(MessageError::TooDeep);
                    }
                    self.at += 1;
                    depth += 1;
                    let is_object = open == b'{';
                    objects = objects << 1 | u64::from(is_object);
                    // An empty one ends below, like any other.
                    if self.peek_token() != Some(if is_object { b'}' } else { b']' }) {
                        if is_object {
                            self.skip_name()?;
                        }
                        continue;
                    }
                }
                first => self.skip_scalar(first)?,
            }
            // Behind a value: a comma leads to the next one, a bracket ends the level.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                match (self.take_token(), objects & 1 == 1) {
                    (Some(b','), false) => break,
                    (Some(b','), true) => {
                        self.skip_name()?;
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        depth -= 1;
                        objects >>= 1;
                    }
                    _ => return Err(MessageError::NotJson),
                }
            }
        }
    }

    /// Skips a member's name and the colon behind it.
    fn skip_name(&mut self) -> Result<(), MessageError> {
        if self.take_token() != Some(b'"') {
            return Err(MessageError::NotJson);
        }
        self.skip_string_rest()?;
        self.skip_colon()
    }

    fn skip_colon(&mut self) -> Result<(), MessageError> {
        if self.take_token() == Some(b':') { Ok(()) } else { Err(MessageError::NotJson) }
    }

    fn skip_scalar(&mut self, first: Option<u8>) -> Result<(), MessageError> {
        match first {
            Some(b'"') => {
                self.at += 1;
                self.skip_string_rest().map(drop)
            }
            Some(b'-' | b'0'..=b'9') => self.skip_number(),
            Some(b't') => self.skip_word(b"true"),
            Some(b'f') => self.skip_word(b"false"),
            Some(b'n') => self.skip_word(b"null"),
            _ => Err(MessageError::NotJson),
        }
    }

    fn skip_word(&mut self, word: &[u8]) -> Result<(), MessageError> {
        if !self.rest().starts_with(word) {
            return Err(MessageError::NotJson);
        }
        self.at += word.len();
        Ok(())
    }

    /// RFC 8259, section 6.
    fn skip_number(&mut self) -> Result<(), MessageError> {
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.skip_digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.skip_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.skip_digits()?;
        }
        Ok(())
    }

    /// At least one digit.
    fn skip_digits(&mut self) -> Result<(), MessageError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(MessageError::NotJson) }
    }

    /// Skips a string from behind its opening quote to behind its closing one.
    fn skip_string_rest(&mut self) -> Result<Escapes, MessageError> {
        let mut escapes = Escapes::None;
        loop {
            self.at += plain_run_len(self.rest());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escapes);
                }
                Some(b'\\') => escapes = escapes.max(self.skip_escape()?),
                // The text ends, or a control character stands unescaped.
                _ => return Err(MessageError::NotJson),
            }
        }
    }

    /// RFC 8259, section 7. A surrogate pair is skipped as a whole.
    fn skip_escape(&mut self) -> Result<Escapes, MessageError> {
        match self.rest().get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(Escapes::Decodable)
            }
            Some(b'u') => {
                let unit = unit_at(self.rest(), 2).ok_or(MessageError::NotJson)?;
                self.at += 6;
                if is_low_surrogate(unit) {
                    return Ok(Escapes::LoneSurrogate);
                }
                if is_high_surrogate(unit) {
                    let next = self.rest().strip_prefix(br"\u").and_then(|hex| unit_at(hex, 0));
                    if !next.is_some_and(is_low_surrogate) {
                        return Ok(Escapes::LoneSurrogate);
                    }
                    self.at += 6;
                }
                Ok(Escapes::Decodable)
            }
            _ => Err(MessageError::NotJson),
        }
    }
}
