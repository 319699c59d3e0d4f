//! Writes an expression as text, in one of the many ways that mean the same.

use super::expression::Expression;

/// How tightly each kind of expression binds (`rest-api.md` section 7.1), loosest first.
const OR: usize = 0;
const AND: usize = 1;
const COMPARISON: usize = 2;
const NOT: usize = 3;
const IN: usize = 4;
const PRIMARY: usize = 5;

pub(super) fn print(expression: &Expression, style: &[u8]) -> String {
    let style = style.iter().cycle();
    let mut printer = Printer { text: String::new(), style, spare_parentheses: 20 };
    printer.expression(expression, OR);
    printer.space();
    printer.text
}

struct Printer<'s> {
    text: String,
    style: std::iter::Cycle<std::slice::Iter<'s, u8>>,
    /// How many more pairs that mean nothing; they must stay below the limit of nesting.
    spare_parentheses: usize,
}

impl Printer<'_> {
    fn expression(&mut self, expression: &Expression, level: usize) {
        let is_spare = self.spare_parentheses > 0 && self.one_in(8);
        if level_of(expression) < level || is_spare {
            self.spare_parentheses -= usize::from(is_spare);
            self.token("(");
            self.expression(expression, OR);
            return self.token(")");
        }
        match expression {
            Expression::Null => self.token("null"),
            Expression::Bool(value) => self.token(if *value { "true" } else { "false" }),
            Expression::Int(value) => {
                let sign = if *value >= 0 && self.one_in(3) { "+" } else { "" };
                self.token(&format!("{sign}{value}"));
            }
            Expression::Text(text) => self.token(&format!("'{}'", text.replace('\'', "''"))),
            Expression::Property(name) => self.name_in_any_case(name),
            Expression::Not(operand) => {
                self.token("not");
                self.expression(operand, NOT);
            }
            Expression::Binary(keyword, left, right) => {
                let level = level_of(expression);
                self.expression(left, level);
                self.token(keyword);
                self.expression(right, level + 1);
            }
            Expression::InList(needle, items) => {
                self.expression(needle, IN);
                self.token("in");
                self.list(items, PRIMARY);
            }
            Expression::InGroups(needle) => {
                self.expression(needle, IN);
                self.token("in");
                self.expression(&Expression::Property("groups"), PRIMARY);
            }
            Expression::Call(name, arguments) => {
                self.token(name);
                self.list(arguments, OR);
            }
        }
    }

    fn list(&mut self, items: &[Expression], level: usize) {
        self.token("(");
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.token(",");
            }
            self.expression(item, level);
        }
        self.token(")");
    }

    fn name_in_any_case(&mut self, name: &str) {
        let mut text = String::new();
        for c in name.chars() {
            let flipped = if c.is_ascii_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            };
            text.push(if self.one_in(6) { flipped } else { c });
        }
        self.token(&text);
    }

    fn token(&mut self, token: &str) {
        let is_wordy = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let before = self.text.len();
        self.space();
        let needs_space = is_wordy(self.text.chars().last()) && is_wordy(token.chars().next());
        if before == self.text.len() && needs_space {
            self.text.push(' ');
        }
        self.text.push_str(token);
    }

    /// Any whitespace or none.
    fn space(&mut self) {
        let choice = usize::from(self.style.next().copied().unwrap_or(0)) % 8;
        self.text.push_str(["", "", "", " ", " ", "  ", "\t", "\r\n"][choice]);
    }

    fn one_in(&mut self, count: u8) -> bool {
        self.style.next().is_some_and(|byte| byte % count == 1)
    }
}

fn level_of(expression: &Expression) -> usize {
    match expression {
        Expression::Binary("or", ..) => OR,
        Expression::Binary("and", ..) => AND,
        Expression::Binary(..) => COMPARISON,
        Expression::Not(_) => NOT,
        Expression::InList(..) | Expression::InGroups(_) => IN,
        _ => PRIMARY,
    }
}
