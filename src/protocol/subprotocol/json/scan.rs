//! Strict JSON, read once from front to back without building anything.
//!
//! RFC 8259 to the letter: no comments, no trailing commas, no byte-order mark, no control
//! characters in strings, no numbers like `01` or `.5`. The values of one object are handed out as
//! slices of the text, in order; what is inside them is checked and skipped in the same pass. Names
//! are not compared and repeated ones are not noticed: that is the decoder's business.
//!
//! Depth is bounded, and nesting costs one bit per level instead of a stack frame, so no input
//! can exhaust the stack.
//!
//! What runs once or more per member is inlined wherever it is used. Returned through memory, the
//! parts of a member took a third of the time of a 128 B message (as in bench `subprotocol_json`).

use std::borrow::Cow;
use std::ops::Range;

use super::literal::{
    Escapes, Literal, is_high_surrogate, is_low_surrogate, plain_run_len, short_run_len, unit_at,
};
use crate::protocol::subprotocol::MessageError;

/// Deepest nesting of a message, its own object included (`client-json.md` section 1).
pub(super) const DEPTH_MAX: u32 = 64;

/// A value of an object's member: a kind and a source text, which every kind has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    pub kind: Kind,
    pub source: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    True,
    False,
    Number,
    String(Escapes),
    Array,
    Object,
}

impl<'a> Value<'a> {
    /// The value as a string, if it is one.
    pub(super) fn literal(&self) -> Option<Literal<'a>> {
        match self.kind {
            Kind::String(escapes) => Some(Literal::new(self.source, escapes)),
            _ => None,
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
    #[inline(always)]
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
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<Member<'a>>, MessageError> {
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
        let (text, name) = (cursor.text, start..cursor.at);
        cursor.skip_colon()?;
        Ok(Some(Member { text, name, escapes, value: cursor.take_value()? }))
    }
}

/// One member of an object.
pub(super) struct Member<'a> {
    text: &'a str,
    name: Range<usize>,
    escapes: Escapes,
    pub value: Value<'a>,
}

impl<'a> Member<'a> {
    pub(super) fn name(&self) -> Literal<'a> {
        Literal::new(self.text.get(self.name.clone()).unwrap_or_default(), self.escapes)
    }

    /// The name, if it needs no decoding. For comparing bytes will do, which are sliced without
    /// looking for the boundaries of characters.
    #[inline(always)]
    pub(super) fn plain_name(&self) -> Option<&'a [u8]> {
        match self.escapes {
            Escapes::None => self.text.as_bytes().get(self.name.start + 1..self.name.end - 1),
            _ => None,
        }
    }

    /// Name and value of an entry in a map of texts, if both are texts.
    pub(super) fn texts(&self) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        Some((self.name().decode()?, self.value.literal()?.decode()?))
    }
}

/// A place in a text, before which everything is valid.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The text from `start` on. Both ends are beside ASCII characters, so it is always there.
    #[inline(always)]
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The next byte that is not white space, which is not consumed.
    #[inline(always)]
    fn peek_token(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                token => return token,
            }
        }
    }

    #[inline(always)]
    fn take_token(&mut self) -> Option<u8> {
        let token = self.peek_token();
        self.at += usize::from(token.is_some());
        token
    }

    /// Takes the value of a member of the outermost object.
    #[inline(always)]
    fn take_value(&mut self) -> Result<Value<'a>, MessageError> {
        let first = self.peek_token();
        let start = self.at;
        let kind = match first {
            Some(b'"') => {
                self.at += 1;
                Kind::String(self.skip_string_rest()?)
            }
            Some(open @ (b'{' | b'[')) => {
                self.skip_value(DEPTH_MAX - 1)?;
                if open == b'{' { Kind::Object } else { Kind::Array }
            }
            _ => self.skip_plain_scalar(first)?,
        };
        Ok(Value { kind, source: self.since(start) })
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
                Some(b'"') => {
                    self.at += 1;
                    self.skip_string_rest()?;
                }
                first => drop(self.skip_plain_scalar(first)?),
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

    #[inline(always)]
    fn skip_colon(&mut self) -> Result<(), MessageError> {
        if self.take_token() == Some(b':') { Ok(()) } else { Err(MessageError::NotJson) }
    }

    /// Skips anything but a string, an object or an array.
    fn skip_plain_scalar(&mut self, first: Option<u8>) -> Result<Kind, MessageError> {
        let rest = self.rest();
        let kind = match first {
            Some(b'-' | b'0'..=b'9') => {
                self.skip_number()?;
                return Ok(Kind::Number);
            }
            Some(b't') if rest.starts_with(b"true") => Kind::True,
            Some(b'f') if rest.starts_with(b"false") => Kind::False,
            Some(b'n') if rest.starts_with(b"null") => Kind::Null,
            _ => return Err(MessageError::NotJson),
        };
        self.at += if kind == Kind::False { 5 } else { 4 };
        Ok(kind)
    }

    //= RFC 8259, section 6.
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
    #[inline(always)]
    fn skip_string_rest(&mut self) -> Result<Escapes, MessageError> {
        // Most strings are names, and end within one word without any escape.
        if let Some(run) = short_run_len(self.rest())
            && self.rest().get(run) == Some(&b'"')
        {
            self.at += run + 1;
            return Ok(Escapes::None);
        }
        self.skip_any_string_rest()
    }

    #[inline(never)]
    fn skip_any_string_rest(&mut self) -> Result<Escapes, MessageError> {
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

    //= RFC 8259, section 7. A surrogate pair is skipped as a whole.
    #[inline(never)]
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
