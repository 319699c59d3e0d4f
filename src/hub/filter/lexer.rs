//! The tokens of a filter (`rest-api.md` section 7.1).
//!
//! The lexer cannot fail: what begins no token is [`Token::Invalid`], which no rule of the grammar
//! accepts, so there is one place that makes syntax errors. Keywords are words; which words are
//! keywords depends on where they stand, so that is the parser's business.

use std::ops::Range;

/// One token; its text is as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'f> {
    /// A keyword or a name.
    Word(&'f str),
    /// What is between the quotes, where each quote is still written twice.
    String(&'f str),
    /// A sign or a digit and what follows without a break: perhaps an integer, perhaps one of the
    /// dates, decimals and ids of the full language.
    Number(&'f str),
    Open,
    Close,
    Comma,
    /// A character that begins no token, or a string without its end.
    Invalid,
    End,
}

/// Stands on one token of the text.
#[derive(Debug)]
pub(super) struct Lexer<'f> {
    text: &'f str,
    token: Token<'f>,
    span: Range<usize>,
    previous_end: usize,
}

impl<'f> Lexer<'f> {
    /// A lexer on the first token of `text`.
    pub(super) fn new(text: &'f str) -> Self {
        let mut lexer = Self { text, token: Token::End, span: 0..0, previous_end: 0 };
        lexer.advance();
        lexer
    }

    pub(super) fn text(&self) -> &'f str {
        self.text
    }

    pub(super) fn token(&self) -> Token<'f> {
        self.token
    }

    /// Where the token is, in bytes.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where the token before this one ended, in bytes.
    pub(super) fn previous_end(&self) -> usize {
        self.previous_end
    }

    /// Goes to the next token; stays at the end once there.
    pub(super) fn advance(&mut self) {
        self.previous_end = self.span.end;
        let rest = self.text[self.span.end..].trim_start_matches([' ', '\t', '\r', '\n']);
        let start = self.text.len() - rest.len();
        let (token, bytes) = read(rest);
        self.token = token;
        self.span = start..start + bytes;
    }
}

/// The token at the start of `rest` and its length in bytes.
fn read(rest: &str) -> (Token<'_>, usize) {
    let mut chars = rest.chars();
    let Some(first) = chars.next() else { return (Token::End, 0) };
    match first {
        '(' => (Token::Open, 1),
        ')' => (Token::Close, 1),
        ',' => (Token::Comma, 1),
        '\'' => match string_bytes(rest) {
            Some(bytes) => (Token::String(&rest[1..bytes - 1]), bytes),
            None => (Token::Invalid, rest.len()),
        },
        '+' | '-' if chars.next().is_some_and(|c| c.is_ascii_digit()) => number(rest),
        '0'..='9' => number(rest),
        c if c.is_alphabetic() || c == '_' => {
            let word = prefix(rest, |c| c.is_alphanumeric() || c == '_');
            (Token::Word(word), word.len())
        }
        other => (Token::Invalid, other.len_utf8()),
    }
}

/// Length of the string literal at the start of `rest`, both quotes included, if it ends.
fn string_bytes(rest: &str) -> Option<usize> {
    let mut end = 1;
    loop {
        end += rest[end..].find('\'')? + 1;
        if !rest[end..].starts_with('\'') {
            return Some(end);
        }
        end += 1;
    }
}

fn number(rest: &str) -> (Token<'_>, usize) {
    // The first character may be a sign; it is one byte in any case.
    let tail = prefix(&rest[1..], |c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '-'));
    let bytes = 1 + tail.len();
    (Token::Number(&rest[..bytes]), bytes)
}

fn prefix(text: &str, is_part: impl Fn(char) -> bool) -> &str {
    &text[..text.find(|c| !is_part(c)).unwrap_or(text.len())]
}
