//! The grammar of `rest-api.md` section 7.1, one method per rule, lowest precedence first.
//!
//! Operators are written out after their operands, which is the order the grammar meets them in, so
//! there is no tree between text and [`Program`]. Every instruction gets the span of the expression
//! it ends, for messages.
//!
//! Names that do not exist are noted and parsing goes on: a syntax error further on comes first
//! (`invalid filter` is wrong at its second word, section 7.4.3). Recursion is bounded by
//! [`FILTER_NESTING_MAX`]; chains of operators are loops and cost no depth.

use std::ops::Range;

use super::error::FilterError;
use super::function::{Function, ResolveError};
use super::lexer::{Lexer, Token};
use super::program::{Comparison, Instruction, Program, Property};
use super::{FILTER_NESTING_MAX, FILTER_NODES_MAX};

/// Where in the text the expression of each instruction is, in bytes.
pub(super) type Spans = Vec<Range<usize>>;

/// Compiles `filter`; its types have not been looked at yet.
pub(super) fn parse(filter: &str) -> Result<(Program, Spans), FilterError> {
    let mut parser = Parser {
        lexer: Lexer::new(filter),
        instructions: Vec::new(),
        spans: Vec::new(),
        nesting: 0,
        nodes: 0,
        unknown: None,
    };
    parser.or()?;
    if parser.lexer.token() != Token::End {
        return Err(parser.syntax_error());
    }
    match parser.unknown {
        Some(error) => Err(error),
        None => Ok((Program::new(parser.instructions), parser.spans)),
    }
}

struct Parser<'f> {
    lexer: Lexer<'f>,
    instructions: Vec<Instruction>,
    spans: Spans,
    nesting: usize,
    nodes: usize,
    /// The first name, number or call that the language does not have.
    unknown: Option<FilterError>,
}

type Parsed = Result<(), FilterError>;

impl<'f> Parser<'f> {
    fn or(&mut self) -> Parsed {
        let start = self.start();
        self.and()?;
        while self.accept_word("or") {
            self.and()?;
            self.emit(Instruction::Or, start)?;
        }
        Ok(())
    }

    fn and(&mut self) -> Parsed {
        let start = self.start();
        self.comparison()?;
        while self.accept_word("and") {
            self.comparison()?;
            self.emit(Instruction::And, start)?;
        }
        Ok(())
    }

    fn comparison(&mut self) -> Parsed {
        let start = self.start();
        self.unary()?;
        while let Token::Word(word) = self.lexer.token()
            && let Some(comparison) = Comparison::from_keyword(word)
        {
            self.lexer.advance();
            self.unary()?;
            self.emit(Instruction::Compare(comparison), start)?;
        }
        Ok(())
    }

    fn unary(&mut self) -> Parsed {
        let start = self.start();
        if self.lexer.token() != Token::Word("not") {
            return self.membership();
        }
        self.enter()?;
        self.unary()?;
        self.leave();
        self.emit(Instruction::Not, start)
    }

    fn membership(&mut self) -> Parsed {
        let start = self.start();
        self.primary()?;
        while self.accept_word("in") {
            match self.lexer.token() {
                Token::Open => self.list(start)?,
                Token::Word(word) if Property::from_name(word) == Some(Property::Groups) => {
                    self.lexer.advance();
                    self.emit(Instruction::InGroups, start)?;
                }
                _ => return Err(self.syntax_error()),
            }
        }
        Ok(())
    }

    /// What follows `in` in parentheses; `start` is where the value that is looked for begins.
    fn list(&mut self, start: usize) -> Parsed {
        let first = self.instructions.len();
        self.enter()?;
        self.emit(Instruction::ListStart, start)?;
        if self.lexer.token() != Token::Close {
            self.list_item(start)?;
            while self.accept(Token::Comma) {
                self.list_item(start)?;
            }
        }
        self.expect(Token::Close)?;
        self.leave();
        // The groups alone, in any number of parentheses, are the collection and not an item.
        if let [_, Instruction::Property(Property::Groups), _] = self.instructions[first..] {
            self.instructions.truncate(first);
            self.spans.truncate(first);
            return self.emit(Instruction::InGroups, start);
        }
        self.emit(Instruction::ListEnd, start)
    }

    fn list_item(&mut self, start: usize) -> Parsed {
        self.primary()?;
        self.emit(Instruction::ListItem, start)
    }

    fn primary(&mut self) -> Parsed {
        let start = self.start();
        let token = self.lexer.token();
        let literal = match token {
            Token::Open => {
                self.enter()?;
                self.or()?;
                self.expect(Token::Close)?;
                self.leave();
                return Ok(());
            }
            Token::String(text) => Instruction::String(text.replace("''", "'").into()),
            Token::Number(text) => return self.number(text),
            Token::Word("true") => Instruction::Bool(true),
            Token::Word("false") => Instruction::Bool(false),
            Token::Word("null") => Instruction::Null,
            Token::Word(word) if !is_operator(word) => return self.name(word),
            _ => return Err(self.syntax_error()),
        };
        self.lexer.advance();
        self.emit(literal, start)
    }

    fn number(&mut self, text: &str) -> Parsed {
        let span = self.lexer.span();
        self.lexer.advance();
        match text.parse() {
            Ok(value) => self.emit(Instruction::Int(value), span.start),
            Err(_) => self.unsupported(span),
        }
    }

    /// A property or a call.
    fn name(&mut self, name: &str) -> Parsed {
        let span = self.lexer.span();
        self.lexer.advance();
        if self.lexer.token() == Token::Open {
            return self.call(name, span);
        }
        match Property::from_name(name) {
            Some(property) => self.emit(Instruction::Property(property), span.start),
            None => self.unsupported(span),
        }
    }

    fn call(&mut self, name: &str, span: Range<usize>) -> Parsed {
        self.enter()?;
        self.or()?;
        let mut count = 1;
        while self.accept(Token::Comma) {
            self.or()?;
            count += 1;
        }
        self.expect(Token::Close)?;
        self.leave();
        match Function::resolve(name, count) {
            Ok(function) => self.emit(Instruction::Call(function), span.start),
            Err(ResolveError::Name) => self.unsupported(span),
            Err(ResolveError::ArgumentCount { function }) => {
                let call = span.start..self.lexer.previous_end();
                self.unknown.get_or_insert_with(|| {
                    FilterError::arguments(self.lexer.text(), call, function, count)
                });
                Ok(())
            }
        }
    }

    /// Adds the instruction that ends the expression from `start` to the last token read.
    fn emit(&mut self, instruction: Instruction, start: usize) -> Parsed {
        self.nodes += usize::from(instruction.is_node());
        if self.nodes > FILTER_NODES_MAX {
            return Err(FilterError::too_many_nodes(self.lexer.text(), start));
        }
        self.instructions.push(instruction);
        self.spans.push(start..self.lexer.previous_end());
        Ok(())
    }

    fn unsupported(&mut self, token: Range<usize>) -> Parsed {
        self.unknown.get_or_insert_with(|| FilterError::unsupported(self.lexer.text(), token));
        Ok(())
    }

    /// Goes into what the current token opens.
    fn enter(&mut self) -> Parsed {
        self.nesting += 1;
        if self.nesting > FILTER_NESTING_MAX {
            return Err(FilterError::too_deep(self.lexer.text(), self.start()));
        }
        self.lexer.advance();
        Ok(())
    }

    fn leave(&mut self) {
        self.nesting -= 1;
    }

    fn accept(&mut self, token: Token<'_>) -> bool {
        let is_it = self.lexer.token() == token;
        if is_it {
            self.lexer.advance();
        }
        is_it
    }

    fn accept_word(&mut self, word: &str) -> bool {
        self.accept(Token::Word(word))
    }

    fn expect(&mut self, token: Token<'_>) -> Parsed {
        if self.accept(token) { Ok(()) } else { Err(self.syntax_error()) }
    }

    fn start(&self) -> usize {
        self.lexer.span().start
    }

    fn syntax_error(&self) -> FilterError {
        FilterError::syntax(self.lexer.text(), self.lexer.span().end)
    }
}

/// Whether the word is an operator and therefore never a name.
fn is_operator(word: &str) -> bool {
    matches!(word, "or" | "and" | "not" | "in") || Comparison::from_keyword(word).is_some()
}
